"""The state of an Optax optimizer: its parts, their settings and the names of their arrays."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from adaptive_optim.inspection.arithmetic import Array, to_numpy
from adaptive_optim.inspection.reader import is_from

# States with averages or sums, and the functions that return them. Several functions share one class.
ACCUMULATORS = {
    "TraceState": ("sgd",),
    "ScaleByRssState": ("adagrad",),
    "ScaleByRmsState": ("rmsprop",),
    "ScaleByRmsWithCountState": ("rmsprop",),
    "ScaleByRStdDevState": ("rmsprop",),
    "ScaleByRStdDevWithCountState": ("rmsprop",),
    "ScaleByAdamState": ("adam", "adamw", "nadam", "nadamw", "radam", "adamax", "adamaxw"),
    "ScaleByAmsgradState": ("amsgrad",),
    "ScaleByAdaDeltaState": ("adadelta",),
}
# States of transformations that change the gradient or the decay, not the rate.
WITHOUT_RATE = {"EmptyState", "ScaleByScheduleState", "WeightDecaySchedule", "AddNoiseState", "MaskedNode"}


class Part(NamedTuple):
    """The states of one optimizer, and the settings that were given for it."""

    states: list[Any]
    settings: Any
    label: str
    """Path of the labels of multi_transform, such as ``['a']``; empty without multi_transform."""

    @property
    def argument(self) -> str:
        """The argument that has the settings, for messages."""
        return f"settings{self.label}"


def contains_state(tree: Any) -> bool:
    """Return whether a state of Optax is anywhere in nested containers."""
    if is_from(type(tree), "optax"):
        return True
    if isinstance(tree, Mapping):
        tree = tuple(tree.values())
    return isinstance(tree, tuple | list) and any(map(contains_state, tree))


def split(state: Any, settings: Any, label: str = "") -> list[Part]:
    """Return the parts of a state: one part, or one per label of multi_transform."""
    main = Part([], settings, label)
    parts: list[Part] = []

    def visit(node: Any) -> None:
        nonlocal main
        if not is_from(type(node), "optax"):
            if isinstance(node, Mapping):
                node = tuple(node.values())
            if isinstance(node, tuple | list):
                for each in node:
                    visit(each)
            return
        kind = type(node).__name__
        if kind == "PartitionState":
            for key, inner in node.inner_states.items():
                inner_settings = settings.get(str(key)) if isinstance(settings, Mapping) else None
                parts.extend(split(inner, inner_settings, f"{label}[{str(key)!r}]"))
            return
        if kind in ("InjectStatefulHyperparamsState", "InjectHyperparamsState"):
            main = main._replace(settings={**(main.settings or {}), **node.hyperparams})
        for field in ("inner_state", "inner_opt_state"):
            if hasattr(node, field):
                visit(getattr(node, field))
                return
        main.states.append(node)

    visit(state)
    return parts if parts and not accumulators(main) else [main, *parts]


def accumulators(part: Part) -> list[Any]:
    """Return the states of a part that contain averages or sums; raise if one is not supported."""
    result = []
    for state in part.states:
        kind = type(state).__name__
        if kind in ACCUMULATORS:
            result.append(state)
        elif kind not in WITHOUT_RATE:
            raise ValueError(
                f"optimizer: the state has an optax {kind}, which is not supported; "
                f"supported are {', '.join(ACCUMULATORS)}"
            )
    return result


def accumulator(part: Part) -> Any:
    """Return the only state that the rate depends on; None for sgd without momentum."""
    states = accumulators(part)
    if len(states) > 1:  # momentum after rmsprop does not change the rate
        states = [each for each in states if type(each).__name__ != "TraceState"] or states
    if len(states) > 1:
        kinds = ", ".join(type(each).__name__ for each in accumulators(part))
        raise ValueError(f"optimizer: the state has several accumulators in one chain, {kinds}")
    return states[0] if states else None


def function_name(part: Part, candidates: Iterable[str]) -> str | None:
    """Return the name of the Optax function that the settings give; None for one that changes no parameters."""
    if part.settings is not None and not isinstance(part.settings, Mapping):
        raise ValueError(f"{part.argument}={part.settings!r}: must be a mapping")
    name = (part.settings or {}).get("optimizer")
    if name == "set_to_zero" and not accumulators(part):
        return None
    possible = f"this state can be that of {', '.join(candidates)}"
    if name is None:
        raise ValueError(f"{part.argument}: 'optimizer' is missing, the name of the Optax function; {possible}")
    if name not in candidates:
        raise ValueError(f"{part.argument}: optimizer={name!r} does not match the state; {possible}")
    return str(name)


def arguments_of(part: Part, name: str) -> dict[str, Any]:
    """Return all arguments of an Optax function: those in the settings, and its defaults for the others."""
    # A state of Optax exists, so Optax is imported.
    parameters = inspect.signature(getattr(sys.modules["optax"], name)).parameters
    given = {key: value for key, value in part.settings.items() if key != "optimizer"}
    for key in given:
        if key not in parameters:
            raise ValueError(
                f"{part.argument}: {key!r} is not an argument of optax.{name}, which has {', '.join(parameters)}"
            )
    arguments = {key: given.get(key, parameter.default) for key, parameter in parameters.items()}
    for key, value in arguments.items():
        if value is inspect.Parameter.empty:
            raise ValueError(f"{part.argument}: {key!r} is missing, a required argument of optax.{name}")
    arguments["learning_rate"] = _learning_rate(part, arguments["learning_rate"])
    return arguments


def _learning_rate(part: Part, value: Any) -> float:
    if callable(value):
        schedules = [each for each in part.states if type(each).__name__ == "ScaleByScheduleState"]
        if len(schedules) != 1:
            raise ValueError(
                f"{part.argument}: learning_rate is a schedule, but the state has {len(schedules)} schedules"
            )
        value = value(schedules[0].count - 1)
    return 1.0 if value is None else float(value)


def leaves(tree: Any) -> Iterator[tuple[str, Array]]:
    """Yield the arrays of a pytree with their names, such as dense/kernel."""
    tree_util = sys.modules["jax"].tree_util
    for path, leaf in tree_util.tree_flatten_with_path(tree)[0]:
        yield tree_util.keystr(path, simple=True, separator="/") or "params", to_numpy(leaf)
