"""Curves, one per label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.figures.layout import log_axis, new_figure, place_legend_above, set_axis
from adaptive_optim.figures.points import rounded, thin
from adaptive_optim.figures.styles import line_styles


def plot_curves(
    curves: Mapping[str, Any],
    *,
    alt: str,
    y_title: str,
    x: Any = None,
    x_title: str = "step",
    log_x: bool = False,
    log_y: bool = True,
    markers: bool = False,
) -> go.Figure:
    """Draw one line per label, against the step or against ``x``.

    Parameters
    ----------
    curves : mapping of str to array_like
        Values by label, ``(points,)``, or ``(points, lines)`` for several lines of one style. A label that starts
        with the name of an optimizer has its colour and dash.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    y_title, x_title : str
        Axis titles, with units.
    x : array_like, optional
        Positions of the values. The default is 0, 1, 2, ...
    log_x, log_y : bool
        Whether an axis is logarithmic.
    markers : bool
        Whether to draw a marker at every value.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    fig = new_figure(alt, height=380)
    for (label, values), line_style in zip(curves.items(), line_styles(curves), strict=True):
        values = np.asarray(values)
        steps = np.arange(len(values)) if x is None and values.ndim else np.asarray(x)
        if values.ndim not in (1, 2) or steps.shape != values.shape[:1]:
            raise ValueError(
                f"curves: {label!r} has shape {values.shape}, must be (points,) or (points, lines)"
                + (f", and x has {steps.shape}" if x is not None else "")
            )
        positions, heights = [], []
        lines = values.reshape(len(values), -1).T
        for line in lines:
            keep = thin(line, max(40, 400 // len(lines)))
            positions += [*rounded(steps[keep], digits=6), None]
            heights += [*rounded(line[keep]), None]
        fig.add_trace(
            go.Scatter(
                x=positions[:-1],
                y=heights[:-1],
                name=label,
                mode="lines+markers" if markers else "lines",
                hovertemplate="%{y:.3g}",
                **line_style,
            )
        )
    set_axis(fig, "x", 1, title=x_title, **(log_axis(x) if log_x else {}))
    set_axis(fig, "y", 1, title=y_title, **(log_axis(*curves.values()) if log_y else {}))
    place_legend_above(fig)
    return fig
