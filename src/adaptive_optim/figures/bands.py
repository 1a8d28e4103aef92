"""Medians over seeds with bands and confidence intervals."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.figures.layout import log_axis, new_figure, place_legend_above, set_axis
from adaptive_optim.figures.points import band_outline, rounded
from adaptive_optim.figures.styles import NEUTRAL_COLOR, line_styles, with_alpha
from adaptive_optim.intervals import median_interval
from adaptive_optim.optimizers import Array

MIN_SEEDS = 6  # the minimum number of samples for a 95 % interval of the median


def plot_bands(
    x: Any,
    samples: Mapping[str, Any],
    *,
    alt: str,
    x_title: str,
    y_title: str,
    log_x: bool = False,
    log_y: bool = True,
    lines: Mapping[str, Any] | None = None,
    intervals: bool = False,
) -> go.Figure:
    """Draw the median over seeds against ``x``, with a band from the 10 % to the 90 % quantile.

    The band shows how much the seeds differ. ``intervals`` adds error bars that show the uncertainty of the median.

    Parameters
    ----------
    x : array_like
        Positions of the values, ``(points,)``.
    samples : mapping of str to array_like
        Values by label, ``(points, seeds)``. Seeds that are ``nan`` are ignored; the caption should say
        how many.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    x_title, y_title : str
        Axis titles, with units.
    log_x, log_y : bool
        Whether an axis is logarithmic.
    lines : mapping of str to array_like, optional
        Further lines without a band, such as theoretical predictions, ``(points,)``.
    intervals : bool
        Whether to draw the 95 % interval of :func:`median_interval` as an error bar. Points with fewer than 6 seeds
        have none.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    fig = new_figure(alt, height=400)
    x = np.asarray(x)
    for label, values in samples.items():
        if x.ndim != 1 or np.ndim(values) != 2 or len(values) != len(x):
            raise ValueError(
                f"samples: {label!r} has shape {np.shape(values)}, must be (points, seeds), and x has {x.shape}"
            )
    bands = []
    for (label, values), line_style in zip(samples.items(), line_styles(samples), strict=True):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="All-NaN")  # a point without values is a gap
            low, median, high = np.nanquantile(np.asarray(values), [0.1, 0.5, 0.9], axis=1)
        bands += [low, high]
        error_bars = _error_bars(values, median, line_style["line"]["color"]) if intervals else {}
        fig.add_trace(band_trace(label, x, low, high, line_style["line"]["color"]))
        fig.add_trace(
            go.Scatter(
                x=rounded(x, digits=6),
                y=rounded(median),
                name=label,
                legendgroup=label,
                mode="lines+markers",
                **{"hovertemplate": "%{y:.3g}", **line_style, **error_bars},
            )
        )
    for label, values in (lines or {}).items():
        fig.add_trace(
            go.Scatter(
                x=rounded(x, digits=6),
                y=rounded(np.asarray(values)),
                name=label,
                mode="lines",
                line={"color": NEUTRAL_COLOR, "dash": "longdash", "width": 1.5},
                hovertemplate="%{y:.3g}",
            )
        )
    everything = [*bands, *(lines or {}).values()]
    set_axis(fig, "x", 1, title=x_title, **(log_axis(x) if log_x else {}))
    set_axis(fig, "y", 1, title=y_title, **(log_axis(*everything) if log_y else {}))
    place_legend_above(fig)
    return fig


def band_trace(label: str, x: Any, low: Array, high: Array, color: str) -> Any:
    """Return a band between two curves."""
    outline_x, outline_y = band_outline(rounded(x, digits=6), rounded(low), rounded(high))
    return go.Scatter(
        x=outline_x,
        y=outline_y,
        fill="toself",
        fillcolor=with_alpha(color, 0.15),
        line={"width": 0},
        mode="lines",
        legendgroup=label,
        showlegend=False,
        hoverinfo="skip",
    )


def _error_bars(samples: Any, median: Array, color: str) -> dict[str, Any]:
    """Return the properties of a trace that draw an interval at each median and show it on hover."""
    samples = np.asarray(samples, float)
    ends = np.full((2, len(samples)), np.nan)
    for point, values in enumerate(samples):
        present = values[~np.isnan(values)]
        if len(present) >= MIN_SEEDS:
            ends[:, point] = median_interval(present)
    low, high = ends
    return {
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": rounded(high - median),
            "arrayminus": rounded(median - low),
            "color": color,
            "thickness": 1.5,
            "width": 4,
        },
        "customdata": ["" if np.isnan(bottom) else f" ({bottom:.3g} to {top:.3g})" for bottom, top in ends.T],
        "hovertemplate": "%{y:.3g}%{customdata}",
    }
