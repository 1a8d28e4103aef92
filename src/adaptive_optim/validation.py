"""Validation of arguments that several modules share. Each error names the argument."""

from __future__ import annotations

import operator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

from adaptive_optim.optimizers import Optimizer
from adaptive_optim.optimizers.base import FINITE, RANGES

AnyOptimizer = TypeVar("AnyOptimizer", bound=Optimizer)

_cast_optimizers: dict[tuple[int, Any, tuple[int, ...]], tuple[Any, Any]] = {}
MAX_CAST_OPTIMIZERS = 16
"""Number of optimizers with cast settings that are kept."""


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


def numeric_settings(optimizer: Any) -> dict[str, Any]:
    """Return the settings that are numbers or arrays, or raise if there is one that no optimizer may have."""
    settings = {}
    for field in fields(optimizer):
        value = getattr(optimizer, field.name)
        if value is None or isinstance(value, (bool, np.bool_, str)):
            continue
        if isinstance(value, (tuple, list)) or np.asarray(value).dtype.kind not in "iuf":
            raise ValueError(
                f"{field.name}={value!r}: must be a number, an array, a boolean, a string or None; "
                "use one setting for each number"
            )
        settings[field.name] = value
    return settings


def cast_settings(optimizer: AnyOptimizer, dtype: Any, shape: tuple[int, ...]) -> AnyOptimizer:
    """Return the optimizer with its arrays cast to a dtype. Python numbers are only validated.

    Raises an error if the argument is not an optimizer, a setting does not broadcast to the shape, or a setting
    leaves its range when it is rounded to the dtype.
    """
    key = (id(optimizer), dtype, shape)
    # Validation is slow compared with a step of a few rows.
    known = _cast_optimizers.get(key)
    if known is not None and known[0] is optimizer:
        return known[1]  # type: ignore[no-any-return]
    validate_optimizer(optimizer)
    settings, cast = numeric_settings(optimizer), {}
    for name, value in settings.items():
        if not broadcasts_to(np.shape(value), shape):
            raise ValueError(f"{name}: has shape {np.shape(value)}, must broadcast to {shape}")
        rounded = _round_setting(optimizer, name, value, dtype)
        if getattr(value, "dtype", dtype) != dtype:
            cast[name] = rounded[()]
    result = replace(optimizer, **cast) if cast else optimizer  # type: ignore[type-var]
    if not any(isinstance(value, np.ndarray) and value.flags.writeable for value in settings.values()):
        if len(_cast_optimizers) >= MAX_CAST_OPTIMIZERS:
            _cast_optimizers.clear()
        _cast_optimizers[key] = optimizer, result
    return result


def broadcasts_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Return whether an array of one shape broadcasts to another shape."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def _round_setting(optimizer: Any, name: str, value: Any, dtype: Any) -> Any:
    description, is_in_range = {**RANGES, **getattr(optimizer, "ranges", {})}.get(name, FINITE)
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.asarray(value, dtype)
    # Settings of a class without ranges may be out of range from the start.
    if np.all(is_in_range(np.asarray(value))) and not np.all(is_in_range(rounded)):
        text = str(rounded) if rounded.ndim else f"{rounded:g}"
        raise ValueError(f"{name}={value!r}: is {text} in {np.dtype(dtype).name}, must be {description}")
    return rounded
