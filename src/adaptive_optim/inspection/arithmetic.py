"""Arithmetic that the update rules of all libraries share. Arrays keep the precision of the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Rates = dict[str, Array]


def to_numpy(tensor: Any) -> Array:
    """Return a tensor as an array of at least float32. It may share its memory, so never write to it."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach()
        if tensor.is_sparse:
            tensor = tensor.to_dense()
        if tensor.element_size() < 4:
            tensor = tensor.float()
        tensor = tensor.cpu().numpy()
    array: Array = np.asarray(tensor)
    return array.astype(np.float32) if array.dtype.itemsize < 4 else array


def inverse_root(
    scale: float,
    squares: Array,
    *,
    factor: float = 1.0,
    inside: float = 0.0,
    eps: float = 0.0,
    no_gradient: Any = None,
) -> Array:
    """Return scale / (sqrt(factor * squares + inside) + eps), and nan where there was no gradient."""
    # In place: to allocate memory takes longer than the arithmetic.
    rate: Array = np.multiply(squares, factor, out=np.empty(squares.shape, squares.dtype))
    if inside:
        rate += inside
    with np.errstate(divide="ignore", invalid="ignore"):
        np.sqrt(rate, out=rate)
        if eps:
            rate += eps
        np.divide(scale, rate, out=rate)
    return set_nan(rate, squares == 0 if no_gradient is None else no_gradient)


def inverse(scale: float, denominator: Array, no_gradient: Any) -> Array:
    """Return scale / denominator, and nan where there was no gradient."""
    rate: Array = np.divide(scale, denominator, out=np.empty(denominator.shape, denominator.dtype))
    return set_nan(rate, no_gradient)


def constant(rate: float, like: Array, no_gradient: Any = False) -> Array:
    """Return the same rate everywhere, and nan where there was no gradient."""
    return set_nan(np.full(like.shape, rate, like.dtype), no_gradient)


def adadelta(scale: float, squares: Array, squared_updates: Array, eps: float) -> Array:
    """Return the rate of Adadelta, from the squared gradients after the step and the squared updates before it."""
    rate = inverse_root(scale, squares, inside=eps)
    rate *= np.sqrt(squared_updates + eps)
    return rate


def set_nan(rate: Array, where: Any) -> Array:
    """Set elements of an array to nan, and return it."""
    np.copyto(rate, np.nan, where=where)
    return rate


def without_gradient(squares: Array, mean: Callable[[], Array]) -> Any:
    """Return where both averages are 0. The squares of tiny gradients are rounded to 0, their mean is not."""
    is_zero = squares == 0
    if is_zero.any():
        is_zero &= mean() == 0
    return is_zero


def rectification(beta2: Any, step: Any, threshold: float) -> float | None:
    """Return the factor of RAdam, or None in its first steps, which are those of plain momentum.

    It is the difference of almost equal numbers, so ``step`` may be a scalar of the library, with its precision.
    """
    power = beta2**step
    limit = 2 / (1 - beta2) - 1
    length = limit - 2 * step * power / (1 - power)
    if length <= threshold:
        return None
    square = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
    return float(square**0.5)
