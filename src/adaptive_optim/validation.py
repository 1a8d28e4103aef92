"""Validation of arguments that several modules share. Each error names the argument."""

from __future__ import annotations

import operator
from dataclasses import is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

from adaptive_optim.optimizers import Optimizer

AnyOptimizer = TypeVar("AnyOptimizer", bound=Optimizer)


def validate_integer(name: str, value: Any, minimum: int = 1) -> int:
    """Return the value as an ``int``, or raise if it is not an integer of at least ``minimum``."""
    try:
        integer = operator.index(value)
    except TypeError:
        integer = minimum - 1
    if integer < minimum:
        raise ValueError(f"{name}={value!r}: must be an integer of at least {minimum}")
    return integer


def validate_optimizer(optimizer: Any) -> None:
    """Raise if the argument is not an instance of an optimizer."""
    if not is_dataclass(optimizer) or isinstance(optimizer, type):
        raise ValueError(f"optimizer={optimizer!r}: must be an optimizer, for instance SGD(0.1)")


def cast_settings(
    optimizer: AnyOptimizer, settings: dict[str, Any], dtype: Any, shape: tuple[int, ...]
) -> AnyOptimizer:
    """Return the optimizer with these settings cast to a dtype, or raise if one does not broadcast to the shape."""
    for name, value in settings.items():
        if not broadcasts_to(np.shape(value), shape):
            raise ValueError(f"{name}: has shape {np.shape(value)}, must broadcast to {shape}")
    to_cast = {name: value for name, value in settings.items() if getattr(value, "dtype", None) != dtype}
    if not to_cast:  # creating an optimizer is slow compared with a step of a few rows
        return optimizer
    with np.errstate(over="ignore"):  # a value too large for the dtype becomes infinite, which raises below
        cast = {name: np.asarray(value, dtype)[()] for name, value in to_cast.items()}
    return replace(optimizer, **cast)  # type: ignore[type-var]


def broadcasts_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Return whether an array of one shape broadcasts to another shape."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False
