"""Contours of a loss with the paths of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.figures.layout import (
    add_panel_title,
    axes_of,
    column_domain,
    new_figure,
    place_legend_above,
    set_axis,
    stack_panels_on_narrow_screens,
)
from adaptive_optim.figures.points import rounded, thin
from adaptive_optim.figures.runs import Runs, legend_label, validate_runs
from adaptive_optim.figures.styles import NEUTRAL_COLOR, line_styles, style
from adaptive_optim.optimizers import Array
from adaptive_optim.problems import QuadraticLoss

CONTOUR_LINE = "rgba(74,111,150,0.35)"
CONTOUR_FILL = "rgba(74,111,150,0.10)"
CONTOUR_LEVELS = 0.01 * 2.5 ** np.arange(8)
AXIS_RANGE = (-1.55, 2.45)


def plot_paths(
    panels: Mapping[str, tuple[QuadraticLoss, Runs]],
    *,
    alt: str,
    axis_range: tuple[float, float] = AXIS_RANGE,
    axis_titles: tuple[str, str] = ("θ₁ (dense)", "θ₂ (sparse)"),
) -> go.Figure:
    """Draw contours of the full loss and the path of every run, in panels side by side.

    Parameters
    ----------
    panels : mapping of str to (QuadraticLoss, runs)
        Loss and labelled runs of each panel, by panel title.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    axis_range : (float, float)
        Range of both axes.
    axis_titles : (str, str)
        Titles of the x and the y axis.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    for _, runs in panels.values():
        validate_runs(runs)
    fig = new_figure(alt, height=430)
    count = len(panels)
    # A label has the same style in all panels, because they share a legend.
    labels = list(dict.fromkeys(label for _, runs in panels.values() for label in runs))
    styles = dict(zip(labels, line_styles(labels), strict=True))
    in_legend: set[str] = set()
    for number, (title, (loss, runs)) in enumerate(panels.items(), 1):
        axes = axes_of(number)
        fig.add_trace(contour_trace(loss, axes))
        for label, run in runs.items():
            name = legend_label(label, run)
            fig.add_trace(path_trace(name, run.params, axes, styles[label], in_legend=name not in in_legend))
            in_legend.add(name)
        fig.add_trace(marker_trace(loss, runs, axes))
        set_axis(fig, "x", number, title=axis_titles[0], range=axis_range, domain=column_domain(number, count))
        set_axis(fig, "y", number, title=axis_titles[1], range=axis_range, domain=[0, 1])
        if title:
            add_panel_title(fig, title, number)
    place_legend_above(fig)
    stack_panels_on_narrow_screens(fig, count, height=360)
    return fig


def contour_trace(loss: QuadraticLoss, axes: dict[str, str]) -> Any:
    """Return the contours of a loss as one trace."""
    # A contour of a quadratic is an ellipse with half-axes sqrt(2 level / curvature) along the eigenvectors.
    curvature, directions = np.linalg.eigh(loss.hessian)
    angle = np.linspace(0, 2 * np.pi, 73)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ellipse = circle / np.sqrt(curvature) @ directions.T
    levels = loss.minimum + np.sqrt(2 * CONTOUR_LEVELS[::-1, None, None]) * ellipse
    # One trace with gaps between the contours, because each trace makes a slider slower.
    points = np.pad(levels, ((0, 0), (0, 1), (0, 0)), constant_values=np.nan).reshape(-1, 2)[:-1]
    return go.Scatter(
        x=rounded(points[:, 0], 2),
        y=rounded(points[:, 1], 2),
        mode="lines",
        line={"color": CONTOUR_LINE, "width": 1},
        fill="toself",
        fillcolor=CONTOUR_FILL,
        hoverinfo="skip",
        showlegend=False,
        name="contours of the loss",
        **axes,
    )


def path_trace(label: str, params: Array, axes: dict[str, str], line_style: dict[str, Any], in_legend: bool) -> Any:
    """Return the path of a run."""
    points = np.round(params[np.isfinite(params).all(-1)], 3)
    keep = np.union1d(thin(points[:, 0], 100), thin(points[:, 1], 100))
    return go.Scatter(
        x=rounded(points[keep, 0], 3),
        y=rounded(points[keep, 1], 3),
        name=label,
        legendgroup=label,
        mode="lines",
        showlegend=in_legend,
        hovertemplate="(%{x:.2f}, %{y:.2f})",
        **line_style,
        **axes,
    )


def marker_trace(loss: QuadraticLoss, runs: Runs, axes: dict[str, str]) -> Any:
    """Return markers at the minimum and at the end of each run."""
    ends = [run.params[np.isfinite(run.params).all(-1)][-1] for run in runs.values()]
    places = np.array([loss.minimum, *ends])
    return go.Scatter(
        x=rounded(places[:, 0], 3),
        y=rounded(places[:, 1], 3),
        text=["minimum", *(f"{legend_label(label, run)}, ends" for label, run in runs.items())],
        mode="markers",
        marker={
            "color": [NEUTRAL_COLOR, *(style(label)["color"] for label in runs)],
            "symbol": ["cross-thin", *("x" if run.diverged else "circle" for run in runs.values())],
            "size": [14, *(9 for _ in runs)],
            "line": {"color": [NEUTRAL_COLOR, *("white" for _ in runs)], "width": [2, *(1 for _ in runs)]},
        },
        showlegend=False,
        name="minimum and ends",
        hovertemplate="%{text}<extra></extra>",
        **axes,
    )
