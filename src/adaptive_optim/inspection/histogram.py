"""Histograms of the rates of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.inspection.arguments import validate_integer


class RateHistogram(NamedTuple):
    """Histograms of the effective rates of several parameter tensors, as :func:`rate_histogram` returns them."""

    edges: Any
    """Edges of the bins, evenly spaced on a log scale, ``(bins + 1,)``."""
    shares: Mapping[str, Any]
    """Share of the coordinates of each tensor in each bin, ``(bins,)``. The last bin includes both edges."""
    no_gradient: Mapping[str, float]
    """Share of the coordinates of each tensor without any gradient so far."""


def rate_histogram(rates: Mapping[str, ArrayLike], bins: int = 60) -> RateHistogram:
    """Count the coordinates of each parameter tensor by their effective rates.

    Parameters
    ----------
    rates : mapping of str to array_like
        Effective rates above 0, or ``nan``, as :func:`effective_rates` returns them.
    bins : int, default 60
        Number of bins between the smallest and the largest rate, the same for all tensors.

    Returns
    -------
    RateHistogram
        The shares of a tensor and its share without gradient add up to 1.

    Raises
    ------
    ValueError
        If a rate is not above 0 or not finite, no rate is a number, or ``bins`` is not an integer of at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from adaptive_optim import rate_histogram
    >>> histogram = rate_histogram({"weight": [0.01, 0.02, 1.0, np.nan]}, bins=2)
    >>> histogram.edges.round(3)
    array([0.01, 0.1 , 1.  ])
    >>> histogram.shares["weight"]
    array([0.5 , 0.25])
    >>> histogram.no_gradient["weight"]
    0.25
    """
    bins = validate_integer("bins", bins)
    present: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for name, values in rates.items():
        values = np.ravel(np.asarray(values, float))
        present[name], sizes[name] = values[~np.isnan(values)], max(values.size, 1)
        if not (np.isfinite(present[name]) & (present[name] > 0)).all():
            raise ValueError(f"rates: those of {name!r} must be finite numbers above 0, or nan")
    non_empty = [values for values in present.values() if values.size]
    if not non_empty:
        raise ValueError("rates: must contain at least one number")
    low, high = min(map(np.min, non_empty)), max(map(np.max, non_empty))
    if low == high:
        low, high = low / 1.1, high * 1.1
    edges = np.geomspace(low, high, bins + 1)
    return RateHistogram(
        edges,
        {name: np.histogram(values, edges)[0] / sizes[name] for name, values in present.items()},
        {name: 1 - values.size / sizes[name] for name, values in present.items()},
    )
