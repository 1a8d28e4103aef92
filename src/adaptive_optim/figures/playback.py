"""Runs as an animation over their steps."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from adaptive_optim.figures.animation import WITHOUT_TRANSITION, animated_properties
from adaptive_optim.figures.layout import add_panel_title, axes_of, log_axis, new_figure, set_axis
from adaptive_optim.figures.paths import (
    AXIS_RANGE,
    Loss,
    contour_trace,
    default_axis_titles,
    marker_trace,
    path_trace,
)
from adaptive_optim.figures.points import rounded
from adaptive_optim.figures.rate_bars import OPTIMIZER_AXIS, bar_base, bar_legend, bar_traces, list_bars_for_table
from adaptive_optim.figures.runs import SHARED_NAMES, Runs, validate_runs
from adaptive_optim.figures.styles import line_styles, style
from adaptive_optim.problems import SparseRegression


def plot_playback(
    problem: Loss,
    runs: Runs,
    *,
    alt: str,
    every: int = 5,
    tail: int = 25,
    axis_range: tuple[float, float] = AXIS_RANGE,
    axis_titles: tuple[str, str] | None = None,
) -> go.Figure:
    """Animate runs over their steps: the end of every path so far, and the rates of the step.

    Parameters
    ----------
    problem : loss
        Problem of the runs: one of the book, any :class:`Problem`, or a function of parameters ``(..., 2)``. Its
        contours are those of :func:`plot_paths`.
    runs : mapping of str to Trajectory
        Single runs of two parameters on the problem, by label.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    every : int, default 5
        Number of steps between frames.
    tail : int, default 25
        Length in steps of the highlighted end of each path.
    axis_range : (float, float)
        Range of both parameters.
    axis_titles : (str, str)
        Titles of the axes of the parameters. The default names dense and sparse weight of the shared problem.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If a run does not have two parameters, or the loss does not return one number for each point.
    """
    validate_runs(runs, need_two=True)
    axis_titles = axis_titles or default_axis_titles(problem)
    coordinates = SHARED_NAMES if isinstance(problem, SparseRegression) else axis_titles
    fig = new_figure(alt, height=440)
    num_steps = min(len(run.rates) for run in runs.values())
    styles = dict(zip(runs, line_styles(runs), strict=True))
    rates = [run.rates for run in runs.values()]
    base = bar_base(rates)
    paths = [
        path_trace(label, run.params, axes_of(1), styles[label], in_legend=False) for label, run in runs.items()
    ]
    for path in paths:
        path.update(opacity=0.25, line={"width": 1.5})
    static = [contour_trace(problem, axes_of(1), axis_range), *paths, marker_trace(problem, {}, axes_of(1))]

    def traces_at(step: int) -> list[Any]:
        heads = [
            go.Scatter(
                x=rounded(run.params[max(0, step + 1 - tail) : step + 2, 0], 2),
                y=rounded(run.params[max(0, step + 1 - tail) : step + 2, 1], 2),
                name=label,
                mode="lines+markers",
                line={**styles[label]["line"], "width": 3},
                opacity=styles[label]["opacity"],
                marker={
                    "color": style(label, run)["color"],
                    "size": [0] * (min(tail, step + 1)) + [11],
                    "opacity": 1,
                },
                showlegend=False,
                hoverinfo="name",
                **axes_of(1),
            )
            for label, run in runs.items()
        ]
        return [*heads, *bar_traces(runs, step, axes_of(2), base, coordinates)]

    shown = range(0, num_steps, every)
    fig.add_traces([*static, *traces_at(shown[0])])
    moving = list(range(len(static), len(fig.data)))
    fig.frames = [
        go.Frame(name=str(step + 1), data=[animated_properties(trace) for trace in traces_at(step)], traces=moving)
        for step in shown
    ]
    set_axis(fig, "x", 1, title=axis_titles[0], range=axis_range, domain=[0, 0.5])
    set_axis(fig, "y", 1, title=axis_titles[1], range=axis_range)
    scale = log_axis(*rates, floor=base)
    set_axis(fig, "x", 2, title="effective learning rate", domain=[0.66, 1], anchor="y2", **scale)
    set_axis(fig, "y", 2, **OPTIMIZER_AXIS)
    add_panel_title(fig, bar_legend(coordinates), 2)
    list_bars_for_table(fig)
    names = [frame.name for frame in fig.frames]
    fig.layout.updatemenus = [
        {
            "type": "buttons",
            "direction": "left",
            "x": 0,
            "xanchor": "left",
            "y": 1.16,
            "buttons": [
                {
                    "label": "Play",
                    "method": "animate",
                    "args": [
                        None,
                        {
                            "frame": {"duration": 80, "redraw": False},
                            "transition": {"duration": 0},
                            "fromcurrent": True,
                        },
                    ],
                },
                {"label": "Pause", "method": "animate", "args": [[None], WITHOUT_TRANSITION]},
            ],
        }
    ]
    fig.layout.sliders = [
        {
            "active": 0,
            "pad": {"t": 44},
            "currentvalue": {"prefix": "Step: "},
            "steps": [{"label": name, "method": "animate", "args": [[name], WITHOUT_TRANSITION]} for name in names],
        }
    ]
    fig.layout.meta["narrow"] = {
        "height": 720,
        "xaxis.domain": [0, 1],
        "yaxis.domain": [0.48, 1],
        "xaxis2.domain": [0.1, 1],
        "yaxis2.domain": [0, 0.34],
    }
    return fig
