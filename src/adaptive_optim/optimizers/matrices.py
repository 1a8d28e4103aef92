"""Linear algebra of the optimizers that take the last two axes as a matrix. Leading axes are stacked matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import Array, zeros_like


def zeros_like_matrix(params: ArrayLike) -> Array:
    """Return zeros of the shape of the parameters, or raise if these are not a matrix or stacked matrices."""
    zeros = zeros_like(params)
    if zeros.ndim < 2:
        raise ValueError(
            f"params: has shape {zeros.shape}, must be a matrix or stacked matrices, (..., rows, columns)"
        )
    return zeros


def identity(size: int, like: Array) -> Array:
    """Return an identity matrix for each of the stacked matrices, in their dtype."""
    return np.zeros((*like.shape[:-2], size, size), like.dtype) + np.eye(size, dtype=like.dtype)


def eigh(matrix: Any) -> tuple[Any, Any]:
    """Return eigenvalues, ``(..., n)``, and eigenvectors of symmetric matrices; ``nan`` if one is not finite.

    NumPy raises an error for all stacked matrices if one of them is not finite. A run that diverged must not stop
    the others.
    """
    is_finite = np.isfinite(matrix).all(axis=(-2, -1), keepdims=True)
    eigenvalues, eigenvectors = np.linalg.eigh(np.where(is_finite, matrix, 0))
    return np.where(is_finite[..., 0], eigenvalues, np.nan), np.where(is_finite, eigenvectors, np.nan)
