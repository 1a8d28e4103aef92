"""Validation of arguments. Each error names the argument."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Names = Mapping[str, Any] | Iterable[tuple[str, Any]] | None


def validate_integer(name: str, value: Any) -> int:
    """Return the value as an ``int``, or raise if it is not an integer of at least 1."""
    try:
        integer = operator.index(value)
    except TypeError:
        integer = 0
    if integer < 1:
        raise ValueError(f"{name}={value!r}: must be an integer of at least 1")
    return integer


def validate_quantiles(values: ArrayLike) -> Any:
    """Return the quantiles as an array, or raise if they are not increasing numbers from 0 to 1."""
    try:
        quantiles = np.array(values, float)
    except (TypeError, ValueError):
        quantiles = np.array(np.nan)
    is_increasing = quantiles.ndim == 1 and quantiles.size and (np.diff(quantiles) > 0).all()
    if not (is_increasing and quantiles[0] >= 0 and quantiles[-1] <= 1):
        raise ValueError(f"quantiles={values!r}: must be increasing numbers from 0 to 1")
    return quantiles


def name_pairs(names: Names) -> list[tuple[str, Any]] | None:
    """Return pairs of a name and a parameter, from a mapping or an iterable of pairs."""
    if names is None:
        return None
    pairs: list[Any] = [None]
    if isinstance(names, Iterable):
        pairs = list(names.items() if isinstance(names, Mapping) else names)
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise ValueError("names: must be pairs of a name and a parameter, such as model.named_parameters()")
    return pairs
