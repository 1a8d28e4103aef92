"""Paths, rates and losses with a slider for the activity of the sparse feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from adaptive_optim.figures.animation import WITHOUT_TRANSITION, animated_properties
from adaptive_optim.figures.layout import add_panel_title, axes_of, log_axis, new_figure, set_axis
from adaptive_optim.figures.paths import AXIS_RANGE, contour_trace, marker_trace, path_trace
from adaptive_optim.figures.points import rounded, thin
from adaptive_optim.figures.rate_bars import OPTIMIZER_AXIS, bar_base, bar_legend, bar_traces, list_bars_for_table
from adaptive_optim.figures.runs import Runs, validate_runs
from adaptive_optim.figures.styles import line_styles
from adaptive_optim.optimizers import Array
from adaptive_optim.problems import SparseRegression


def plot_activity_slider(
    problems: Mapping[float, SparseRegression],
    runs: Mapping[float, Runs],
    *,
    alt: str,
    start: float,
) -> go.Figure:
    """Draw contours, paths, rates and losses, with a slider for the activity of the sparse feature.

    Parameters
    ----------
    problems : mapping of float to SparseRegression
        Problem at each activity.
    runs : mapping of float to runs
        Runs at each activity, by label. All activities have the same labels.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    start : float
        Initial activity.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    activities = list(problems)
    labels = list(runs.get(start, {}))
    for activity in activities:
        labelled_runs = runs.get(activity, {})
        validate_runs(labelled_runs, need_two=True)
        if set(labelled_runs) != set(labels):
            raise ValueError(f"runs at activity {activity}: have labels {list(labelled_runs)}, must have {labels}")
    # A frame updates the initial traces by position, so all frames need the same order.
    runs = {activity: {label: runs[activity][label] for label in labels} for activity in activities}
    styles = dict(zip(labels, line_styles(runs[start]), strict=True))
    losses = {
        activity: {label: problems[activity].excess_loss(run.params) for label, run in runs[activity].items()}
        for activity in activities
    }
    fig = new_figure(alt, height=520)
    rates = [run.rates[-1] for labelled_runs in runs.values() for run in labelled_runs.values()]
    base = bar_base(rates)

    def traces_at(activity: float) -> list[Any]:
        problem, labelled_runs = problems[activity], runs[activity]
        paths = [
            path_trace(label, run.params, axes_of(1), styles[label], in_legend=False)
            for label, run in labelled_runs.items()
        ]
        curves = [_loss_trace(label, loss, axes_of(3), styles[label]) for label, loss in losses[activity].items()]
        return [
            contour_trace(problem, axes_of(1)),
            *paths,
            marker_trace(problem, labelled_runs, axes_of(1)),
            *bar_traces(labelled_runs, -1, axes_of(2), base),
            *curves,
        ]

    fig.add_traces(traces_at(start))
    fig.frames = [
        go.Frame(name=f"{activity:g}", data=[animated_properties(trace) for trace in traces_at(activity)])
        for activity in activities
    ]
    set_axis(fig, "x", 1, title="θ₁ (dense)", range=AXIS_RANGE, domain=[0, 0.48])
    set_axis(fig, "y", 1, title="θ₂ (sparse)", range=AXIS_RANGE, domain=[0, 1])
    scale = log_axis(*rates, floor=base)
    set_axis(fig, "x", 2, title="effective learning rate", domain=[0.65, 1], anchor="y2", **scale)
    set_axis(fig, "y", 2, domain=[0.53, 1], **OPTIMIZER_AXIS)
    steps = len(next(iter(losses[start].values()))) - 1
    set_axis(fig, "x", 3, title="step", domain=[0.65, 1], anchor="y3", range=[0, steps])
    all_losses = [loss for labelled_runs in losses.values() for loss in labelled_runs.values()]
    set_axis(fig, "y", 3, title="excess loss", domain=[0, 0.33], **log_axis(*all_losses, floor=1e-4))
    add_panel_title(fig, bar_legend(), 2)
    add_panel_title(fig, "full loss above its minimum", 3)
    list_bars_for_table(fig)
    fig.layout.sliders = [
        {
            "active": activities.index(start),
            "pad": {"t": 44},
            "currentvalue": {"prefix": "Activity of the sparse feature: "},
            "steps": [
                {
                    "label": f"{100 * activity:.3g}%",
                    "method": "animate",
                    "args": [[f"{activity:g}"], WITHOUT_TRANSITION],
                }
                for activity in activities
            ],
        }
    ]
    fig.layout.meta["narrow"] = {
        "height": 960,
        "xaxis.domain": [0, 1],
        "yaxis.domain": [0.6, 1],
        "xaxis2.domain": [0.1, 1],
        "yaxis2.domain": [0.27, 0.5],
        "xaxis3.domain": [0, 1],
        "yaxis3.domain": [0, 0.16],
    }
    return fig


def _loss_trace(label: str, loss: Array, axes: dict[str, str], line_style: dict[str, Any]) -> Any:
    keep = thin(loss, 100)
    return go.Scatter(
        x=keep.tolist(),
        y=rounded(loss[keep]),
        name=label,
        mode="lines",
        line={**line_style["line"], "width": 1.5},
        opacity=line_style["opacity"],
        showlegend=False,
        hovertemplate="%{y:.2g}",
        **axes,
    )
