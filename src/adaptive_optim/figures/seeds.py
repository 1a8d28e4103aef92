"""One dot per seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.figures.layout import log_axis, new_figure, set_axis
from adaptive_optim.figures.points import rounded
from adaptive_optim.figures.styles import style


def plot_seeds(samples: Mapping[str, Any], *, alt: str, x_title: str, log_x: bool = True) -> go.Figure:
    """Draw one row per label, with a dot per seed and a mark at the median.

    Parameters
    ----------
    samples : mapping of str to array_like
        Values by label, ``(seeds,)``.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    x_title : str
        Axis title, with units.
    log_x : bool
        Whether the axis is logarithmic.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    for label, values in samples.items():
        if np.ndim(values) != 1 or not np.size(values):
            raise ValueError(f"samples: {label!r} has shape {np.shape(values)}, must be (seeds,)")
    fig = new_figure(alt, height=90 + 55 * len(samples))
    for row, (label, values) in enumerate(reversed(list(samples.items()))):
        values = np.sort(np.asarray(values))
        # Neighbouring dots have different heights, so that they do not hide each other.
        offset = row + 0.09 * (np.arange(len(values)) % 5 - 2)
        color = style(label)["color"]
        fig.add_trace(
            go.Scatter(
                x=rounded(values),
                y=rounded(offset),
                name=label,
                mode="markers",
                marker={"color": color, "size": 5, "opacity": 0.5},
                hovertemplate="%{x:.3g}",
            )
        )
        median = float(np.median(values))
        fig.add_trace(
            go.Scatter(
                x=rounded(np.array([median, median])),
                y=[row - 0.35, row + 0.35],
                name=f"{label}: median",
                mode="lines",
                line={"color": color, "width": 3},
                hovertemplate="median %{x:.3g}",
            )
        )
    set_axis(fig, "x", 1, title=x_title, **(log_axis(*samples.values()) if log_x else {}))
    set_axis(
        fig,
        "y",
        1,
        tickvals=list(range(len(samples))),
        ticktext=list(samples)[::-1],
        showgrid=False,
        range=[-0.6, len(samples) - 0.4],
    )
    fig.update_layout(showlegend=False)
    return fig
