"""Runs as arguments of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from adaptive_optim.trajectory import Trajectory

Runs = Mapping[str, Trajectory]
SHARED_NAMES = ("dense coordinate", "sparse coordinate")


def validate_runs(runs: Runs, need_two: bool = False) -> None:
    """Raise unless the argument is a non-empty mapping to single runs, of two parameters if needed."""
    if not runs:
        raise ValueError("runs: must contain at least one run")
    kind = "a single run of two parameters" if need_two else "a single run"
    for label, run in runs.items():
        if not isinstance(run, Trajectory):
            raise ValueError(f"runs: {label!r} must be {kind}")
        shape = np.shape(run.params)
        if len(shape) != 2 or (need_two and shape[1] != 2):
            raise ValueError(
                f"runs: {label!r} must be {kind}: params have shape {shape}, must be "
                f"(num_steps + 1, {2 if need_two else 'dim'})"
            )


def coordinate_names(runs: Runs, names: Sequence[str] | None) -> Sequence[str]:
    """Return the names of the coordinates: those given, or those of the shared problem if there are two."""
    dims = sorted({run.params.shape[1] for run in runs.values()})
    if names is None:
        return SHARED_NAMES if dims == [2] else [f"coordinate {i}" for i in range(dims[-1])]
    if [len(names)] != dims:
        raise ValueError(f"names={names!r}: must be one for each parameter, and the runs have {dims}")
    return names


def legend_label(label: str, run: Trajectory) -> str:
    """Return the label of a run, with the step at which it diverged."""
    return f"{label}, diverged at step {run.diverged_at + 1}" if run.diverged else label
