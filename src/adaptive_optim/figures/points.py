"""Points of a curve as a figure stores them: few, and rounded to the resolution of a screen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from adaptive_optim.optimizers import Array


def thin(values: Array, max_points: int) -> Any:
    """Return the indices of the points to draw: the extremes of equal segments, so that every spike is kept."""
    if len(values) <= max_points:
        return np.arange(len(values))
    segments = np.array_split(np.arange(len(values)), max_points // 2)
    finite = np.where(np.isfinite(values), values, -np.inf)
    indices = [0, len(values) - 1]
    for segment in segments:
        indices += [segment[np.argmax(finite[segment])], segment[np.argmin(finite[segment])]]
    return np.unique(indices)


def rounded(values: Array, decimals: int | None = None, digits: int = 3) -> list[float | None]:
    """Round to a number of decimals, or else of significant digits. Integers are not rounded."""
    values = np.asarray(values)
    if values.dtype.kind in "iu":
        return list(values.tolist())
    if decimals is None:
        return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values]
    return [float(value) if np.isfinite(value) else None for value in np.round(values, decimals)]


def band_outline(x: Sequence[Any], low: Sequence[Any], high: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Return the outline of a band: along the lower side, back along the upper side, split at missing values."""
    outline: list[tuple[Any, Any]] = []
    for is_complete, group in groupby(zip(x, low, high, strict=True), lambda point: None not in point):
        if is_complete:
            points = list(group)
            outline += [(position, bottom) for position, bottom, _ in points]
            outline += [(position, top) for position, _, top in reversed(points)]
            outline.append((None, None))
    return [position for position, _ in outline[:-1]], [side for _, side in outline[:-1]]
