"""Rates of the optimizers of Optax, read from their states."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from adaptive_optim.inspection.arithmetic import (
    Array,
    Rates,
    adadelta,
    constant,
    inverse,
    inverse_root,
    rectification,
    without_gradient,
)
from adaptive_optim.inspection.optax_state import (
    ACCUMULATORS,
    Part,
    accumulator,
    arguments_of,
    contains_state,
    function_name,
    leaves,
    split,
)
from adaptive_optim.inspection.reader import Reader, needs_recorder, not_stepped


class OptaxReader(Reader):
    """Read the rates from the state of an Optax optimizer."""

    arguments = ("settings", "params")
    reads_states = True

    @staticmethod
    def supports(optimizer: Any) -> bool:
        """Return whether a state of Optax is in the argument."""
        return contains_state(optimizer)

    def __init__(self, optimizer: Any, settings: Any, names: list[tuple[str, Any]] | None) -> None:
        """Keep the settings, which are validated with the state."""
        self._settings = settings

    def read_before(self, optimizer: Any) -> Any:
        """Return the state itself: a step does not change it."""
        return optimizer

    def rates(self, optimizer: Any, before: Any = None, params: Any = None) -> Rates:
        """Return the rates by the path of the parameter."""
        rates: Rates = {}
        parts = split(optimizer, self._settings)
        parts_before = [None] * len(parts) if before is None else split(before, self._settings)
        for part, part_before in zip(parts, parts_before, strict=True):
            rates.update(_rates(part, part_before, params))
        if all(np.isnan(each).all() for each in rates.values()):
            raise not_stepped(" with a gradient")
        return rates


def _rates(part: Part, before: Part | None, params: Any) -> Rates:
    state = accumulator(part)
    kind = "TraceState" if state is None else type(state).__name__
    name = function_name(part, ACCUMULATORS[kind])
    if name is None:
        return {}
    settings = arguments_of(part, name)
    if state is None:
        return _sgd_without_momentum(part, settings, params)
    if name == "adadelta" and before is None:
        raise needs_recorder("Optax's adadelta")
    # JAX computes powers of the count in its default precision. (hasattr is always true: tuples have count.)
    precision = np.float64 if sys.modules["jax"].config.jax_enable_x64 else np.float32
    count = precision(state.count if "count" in state._fields else 1)
    if not count:
        raise not_stepped()
    fields = {field: dict(leaves(getattr(state, field))) for field in state._fields if field != "count"}
    if name == "adadelta" and before is not None:
        fields["e_x"] = dict(leaves(accumulator(before).e_x))
    return {
        leaf: RULES[name](settings, count, **{field: arrays[leaf] for field, arrays in fields.items()})
        for leaf in next(iter(fields.values()))
    }


def _sgd_without_momentum(part: Part, settings: Any, params: Any) -> Rates:
    if part.label:
        raise ValueError(
            f"optimizer: the state of sgd{part.label} does not name its parameters; "
            "use optax.sgd(..., momentum=0.0), whose state does"
        )
    if params is None:
        raise ValueError("params: give the parameters; the state of sgd without momentum has no array")
    return {leaf: constant(settings["learning_rate"], array) for leaf, array in leaves(params)}


def _bias_correction(settings: Any, key: str, count: Any) -> float:
    return float(1 - settings[key] ** count)


def _sgd(settings: Any, count: Any, trace: Array) -> Array:
    return constant(settings["learning_rate"], trace, trace == 0)


def _adagrad(settings: Any, count: Any, sum_of_squares: Array) -> Array:
    no_gradient = sum_of_squares == sum_of_squares.dtype.type(settings["initial_accumulator_value"])
    eps = float(settings["eps"])
    return inverse_root(settings["learning_rate"], sum_of_squares, inside=eps, no_gradient=no_gradient)


def _rmsprop(settings: Any, count: Any, nu: Array, mu: Array | None = None) -> Array:
    no_gradient = nu == 0
    factor = 1 / _bias_correction(settings, "decay", count) if settings["bias_correction"] else 1.0
    if mu is not None:
        nu, factor = nu * nu.dtype.type(factor) - (mu * nu.dtype.type(factor)) ** 2, 1.0
    eps = {"inside" if settings["eps_in_sqrt"] else "eps": float(settings["eps"])}
    return inverse_root(settings["learning_rate"], nu, factor=factor, no_gradient=no_gradient, **eps)


def _adam(settings: Any, count: Any, mu: Array, nu: Array, nu_max: Array | None = None) -> Array:
    no_gradient = without_gradient(nu, lambda: mu)
    if nu_max is None:
        squares, factor = nu, 1 / _bias_correction(settings, "b2", count)
    else:  # amsgrad corrects the average before it takes the largest
        squares, factor = nu_max, 1.0
    inside, eps = float(settings["eps_root"]), float(settings["eps"])
    return inverse_root(
        settings["learning_rate"], squares, factor=factor, inside=inside, eps=eps, no_gradient=no_gradient
    )


def _radam(settings: Any, count: Any, mu: Array, nu: Array) -> Array:
    factor = rectification(settings["b2"], count, settings["threshold"])
    if factor is None:
        return constant(settings["learning_rate"], nu, without_gradient(nu, lambda: mu))
    return _adam({**settings, "learning_rate": settings["learning_rate"] * factor}, count, mu, nu)


def _adamax(settings: Any, count: Any, mu: Array, nu: Array) -> Array:
    no_gradient = (mu == 0) & (nu <= nu.dtype.type(settings["eps"]))
    return inverse(settings["learning_rate"], nu, no_gradient)


def _adadelta(settings: Any, count: Any, e_g: Array, e_x: Array) -> Array:
    return adadelta(settings["learning_rate"], e_g, e_x, float(settings["eps"]))


RULES: dict[str, Callable[..., Array]] = {
    "sgd": _sgd,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adam,
    "nadam": _adam,
    "nadamw": _adam,
    "radam": _radam,
    "adamax": _adamax,
    "adamaxw": _adamax,
    "amsgrad": _adam,
    "adadelta": _adadelta,
}
