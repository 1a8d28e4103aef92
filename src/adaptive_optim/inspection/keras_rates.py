"""Rates of the optimizers of Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from adaptive_optim.inspection.arithmetic import (
    Array,
    Rates,
    adadelta,
    constant,
    inverse,
    inverse_root,
    to_numpy,
    without_gradient,
)
from adaptive_optim.inspection.reader import Reader, is_from, known_class, needs_recorder, not_stepped


class KerasReader(Reader):
    """Read the rates of an optimizer of Keras."""

    @staticmethod
    def supports(optimizer: Any) -> bool:
        """Return whether the class is in RULES, or inherits the update of one that is."""
        return _class_of(_unwrap(optimizer)) is not None

    def __init__(self, optimizer: Any, settings: Any, names: list[tuple[str, Any]] | None) -> None:
        """Do nothing: a Keras optimizer has all settings and names."""

    def read_before(self, optimizer: Any) -> Any:
        """Return the squared updates of Adadelta."""
        optimizer = _unwrap(optimizer)
        if _class_of(optimizer) == "Adadelta" and optimizer.built:
            return [np.array(to_numpy(each.value)) for each in optimizer._accumulated_delta_vars]
        return None

    def rates(self, optimizer: Any, before: Any = None, params: Any = None) -> Rates:
        """Return the rates by the path of the variable. Equal paths are numbered."""
        optimizer = _unwrap(optimizer)
        kind = _class_of(optimizer)
        assert kind is not None
        step = int(optimizer.iterations)
        if not optimizer.built or not step:
            raise not_stepped()
        if kind == "Adadelta" and before is None:
            raise needs_recorder("Keras's Adadelta")
        scale = _learning_rate(optimizer)
        rates: Rates = {}
        for position, variable in enumerate(optimizer._trainable_variables):
            if getattr(variable, "overwrite_with_gradient", False):
                continue  # a scale of float8, which is not optimized
            name, number = variable.path, 2
            while name in rates:
                name, number = f"{variable.path} ({number})", number + 1
            old = None if before is None else before[position]
            rates[name] = RULES[kind](optimizer, _Variable(optimizer, position, variable, scale, step, old))
        return rates


class _Variable(NamedTuple):
    """A variable, and the state that the optimizer has for it."""

    optimizer: Any
    position: int
    tensor: Any
    scale: float
    step: int
    before: Any

    def state(self, field: str) -> Array:
        return to_numpy(getattr(self.optimizer, field)[self.position].value)

    def bias_correction(self, dtype: Any) -> float:
        kind = np.dtype(dtype).type  # Keras computes it in the precision of the variable
        return float(kind(1) - np.power(kind(self.optimizer.beta_2), kind(self.step)))


def _class_of(optimizer: Any) -> str | None:
    return known_class(optimizer, "keras", "update_step", RULES)


def _unwrap(optimizer: Any) -> Any:
    """Return the optimizer inside of the LossScaleOptimizer that Keras adds for low precision."""
    is_wrapped = type(optimizer).__name__ == "LossScaleOptimizer" and is_from(type(optimizer), "keras")
    return optimizer.inner_optimizer if is_wrapped else optimizer


def _learning_rate(optimizer: Any) -> float:
    """Return the learning rate of the last step. A schedule already gives that of the next step."""
    schedule = optimizer._learning_rate
    if any(each.__name__ == "LearningRateSchedule" for each in type(schedule).__mro__):
        calls = optimizer.gradient_accumulation_steps or 1
        return float(schedule(int(optimizer._iterations) // calls * calls - 1))
    return float(optimizer.learning_rate)


def _sgd(optimizer: Any, variable: _Variable) -> Array:
    no_gradient = variable.state("momentums") == 0 if optimizer.momentum else False
    return constant(variable.scale, to_numpy(variable.tensor.value), no_gradient)


def _adagrad(optimizer: Any, variable: _Variable) -> Array:
    squares = variable.state("_accumulators")
    no_gradient = squares == squares.dtype.type(optimizer.initial_accumulator_value)
    return inverse_root(variable.scale, squares, inside=optimizer.epsilon, no_gradient=no_gradient)


def _rmsprop(optimizer: Any, variable: _Variable) -> Array:
    squares = variable.state("_velocities")
    no_gradient = squares == 0
    if optimizer.centered:
        squares = squares - variable.state("_average_gradients") ** 2
    return inverse_root(variable.scale, squares, inside=optimizer.epsilon, no_gradient=no_gradient)


def _adam(optimizer: Any, variable: _Variable) -> Array:
    squares = variable.state("_velocities")
    no_gradient = without_gradient(squares, lambda: variable.state("_momentums"))
    if optimizer.amsgrad:
        squares = variable.state("_velocity_hats")
    scale = variable.scale * variable.bias_correction(squares.dtype) ** 0.5
    return inverse_root(scale, squares, eps=optimizer.epsilon, no_gradient=no_gradient)


def _nadam(optimizer: Any, variable: _Variable) -> Array:
    squares = variable.state("_velocities")
    no_gradient = without_gradient(squares, lambda: variable.state("_momentums"))
    factor = 1 / variable.bias_correction(squares.dtype)
    return inverse_root(variable.scale, squares, factor=factor, eps=optimizer.epsilon, no_gradient=no_gradient)


def _adamax(optimizer: Any, variable: _Variable) -> Array:
    largest = variable.state("_u")
    no_gradient = without_gradient(largest, lambda: variable.state("_m"))
    return inverse(variable.scale, np.asarray(largest + optimizer.epsilon), no_gradient)


def _adadelta(optimizer: Any, variable: _Variable) -> Array:
    return adadelta(variable.scale, variable.state("_accumulated_grads"), variable.before, optimizer.epsilon)


RULES: dict[str, Callable[[Any, _Variable], Array]] = {
    "SGD": _sgd,
    "Adagrad": _adagrad,
    "RMSprop": _rmsprop,
    "Adam": _adam,
    "AdamW": _adam,
    "Nadam": _nadam,
    "Adamax": _adamax,
    "Adadelta": _adadelta,
}
