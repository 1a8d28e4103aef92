"""Runs as arguments of figures."""

from __future__ import annotations

from collections.abc import Mapping

from adaptive_optim.trajectory import Trajectory

Runs = Mapping[str, Trajectory]


def validate_runs(runs: Runs) -> None:
    """Raise unless the argument is a non-empty mapping to single runs of two parameters."""
    if not runs:
        raise ValueError("runs: must contain at least one run")
    for label, run in runs.items():
        if not isinstance(run, Trajectory) or run.params.shape[1:] != (2,):
            raise ValueError(f"runs: {label!r} must be a single run of two parameters")


def legend_label(label: str, run: Trajectory) -> str:
    """Return the label of a run, with the step at which it diverged."""
    return f"{label}, diverged at step {run.diverged_at + 1}" if run.diverged else label
