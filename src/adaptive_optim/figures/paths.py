"""Contours of a loss with the paths of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from adaptive_optim.problems import Problem, QuadraticLoss, SparseRegression, evaluate_on_grid

CONTOUR_LINE = "rgba(74,111,150,0.35)"
CONTOUR_FILL = "rgba(74,111,150,0.10)"
CONTOUR_LEVELS = 0.01 * 2.5 ** np.arange(8)
AXIS_RANGE = (-1.55, 2.45)
NUM_CONTOURS = 12

Loss = QuadraticLoss | Problem | Callable[[Array], Any]


def plot_paths(
    panels: Mapping[str, tuple[Loss, Runs]],
    *,
    alt: str,
    axis_range: tuple[float, float] = AXIS_RANGE,
    axis_titles: tuple[str, str] | None = None,
) -> go.Figure:
    """Draw contours of the full loss and the path of every run, in panels side by side.

    Parameters
    ----------
    panels : mapping of str to (loss, runs)
        Loss and labelled runs of two parameters of each panel, by panel title. A loss is a problem of the book, any
        :class:`Problem`, or a function of parameters ``(..., 2)``.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    axis_range : (float, float)
        Range of both axes.
    axis_titles : (str, str)
        Titles of the x and the y axis. The default names dense and sparse weight of the shared problem.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If a run does not have two parameters, or a loss does not return one number for each point.

    Notes
    -----
    Contours of a quadratic loss are exact ellipses, at the levels 0.01, 0.025, 0.0625, ... above its minimum. Any
    other loss is evaluated at 201 x 201 points. Its 12 contours are evenly spaced in the logarithm of the loss
    above its lowest value there, from the 2 % quantile up to the maximum.

    Examples
    --------
    >>> from adaptive_optim import Adam, minimize, plot_paths
    >>> loss = lambda params: (1 - params[..., 0]) ** 2 + 100 * (params[..., 1] - params[..., 0] ** 2) ** 2
    >>> def gradient(params, step):
    ...     x, y = params
    ...     return [2 * (x - 1) - 400 * x * (y - x**2), 200 * (y - x**2)]
    >>> run = minimize(Adam(0.05), gradient, [-1.0, 1.0], num_steps=200)
    >>> fig = plot_paths({"": (loss, {"Adam": run})}, alt="A path along a curved valley.")
    """
    for _, runs in panels.values():
        validate_runs(runs, need_two=True)
    axis_titles = axis_titles or default_axis_titles(*(loss for loss, _ in panels.values()))
    fig = new_figure(alt, height=430)
    count = len(panels)
    # A label has the same style in all panels, because they share a legend.
    all_runs: dict[str, Any] = {}
    for _, runs in panels.values():
        all_runs = {**runs, **all_runs}
    styles = dict(zip(all_runs, line_styles(all_runs), strict=True))
    in_legend: set[str] = set()
    for number, (title, (loss, runs)) in enumerate(panels.items(), 1):
        axes = axes_of(number)
        fig.add_trace(contour_trace(loss, axes, axis_range))
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


def default_axis_titles(*losses: Loss) -> tuple[str, str]:
    """Return the titles of both axes."""
    is_shared = all(isinstance(loss, SparseRegression) for loss in losses)
    return ("θ₁ (dense)", "θ₂ (sparse)") if is_shared else ("θ₁", "θ₂")


def contour_trace(loss: Loss, axes: dict[str, str], axis_range: tuple[float, float] = AXIS_RANGE) -> Any:
    """Return the contours of a loss as one trace."""
    return _ellipses(loss, axes) if isinstance(loss, QuadraticLoss) else _grid_contours(loss, axes, axis_range)


def _grid_contours(loss: Loss, axes: dict[str, str], axis_range: tuple[float, float]) -> Any:
    positions, losses = evaluate_on_grid(loss, axis_range)
    finite = losses[np.isfinite(losses)]
    if not finite.size or finite.min() == finite.max():
        raise ValueError(f"loss={loss!r}: is constant or not finite on axis_range={axis_range}")
    # Contours have equal distances on a log scale. Below the lowest one it is cut off, because it has no zero.
    excess = finite - finite.min()
    low, high = np.log10([np.quantile(excess, 0.02) or excess[excess > 0].min(), excess.max()])
    with np.errstate(divide="ignore"):
        heights = np.maximum(np.log10(losses - finite.min()), low - 1)
    return go.Contour(
        x=rounded(positions, digits=6),
        y=rounded(positions, digits=6),
        z=[rounded(row, 2) for row in heights],
        contours={
            "start": float(low),
            "end": float(high - (high - low) / NUM_CONTOURS / 2),
            "size": float((high - low) / NUM_CONTOURS),
            "coloring": "lines",
        },
        colorscale=[[0, CONTOUR_LINE], [1, CONTOUR_LINE]],
        line={"width": 1},
        showscale=False,
        hoverinfo="skip",
        name="contours of the loss",
        **axes,
    )


def _ellipses(loss: QuadraticLoss, axes: dict[str, str]) -> Any:
    if np.shape(loss.hessian) != (2, 2):
        raise ValueError(f"loss: has a hessian of shape {np.shape(loss.hessian)}, must be one problem, (2, 2)")
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


def marker_trace(loss: Loss, runs: Runs, axes: dict[str, str]) -> Any:
    """Return markers at the minimum, if the loss has it, and at the end of each run."""
    ends = [run.params[np.isfinite(run.params).all(-1)][-1] for run in runs.values()]
    places = np.array([getattr(loss, "minimum", (np.nan, np.nan)), *ends])
    return go.Scatter(
        x=rounded(places[:, 0], 3),
        y=rounded(places[:, 1], 3),
        text=["minimum", *(f"{legend_label(label, run)}, ends" for label, run in runs.items())],
        mode="markers",
        marker={
            "color": [NEUTRAL_COLOR, *(style(label, run)["color"] for label, run in runs.items())],
            "symbol": ["cross-thin", *("x" if run.diverged else "circle" for run in runs.values())],
            "size": [14, *(9 for _ in runs)],
            "line": {"color": [NEUTRAL_COLOR, *("white" for _ in runs)], "width": [2, *(1 for _ in runs)]},
        },
        showlegend=False,
        name="minimum and ends",
        hovertemplate="%{text}<extra></extra>",
        **axes,
    )
