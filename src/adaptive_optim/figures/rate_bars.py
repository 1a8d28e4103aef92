"""Bars of the effective rates at one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.figures.layout import add_panel_title, axes_of, log_axis, new_figure, set_axis
from adaptive_optim.figures.points import rounded
from adaptive_optim.figures.runs import Runs, validate_runs
from adaptive_optim.figures.styles import style
from adaptive_optim.optimizers import Array

BAR_LEGEND = "solid: dense, hatched: sparse"
DENSE_NAME, SPARSE_NAME = "dense coordinate", "sparse coordinate"
# Names of optimizers in their original order, the first at the top.
OPTIMIZER_AXIS = {"autorange": "reversed", "showgrid": False, "tickfont": {"size": 12}}


def plot_rate_bars(runs: Runs, *, alt: str, step: int = -1) -> go.Figure:
    """Draw the effective rates of both coordinates at one step as bars.

    Parameters
    ----------
    runs : mapping of str to Trajectory
        Single runs of two parameters, by label.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    step : int, default -1
        Index of the step; -1 is the last one.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    validate_runs(runs)
    fig = new_figure(alt, height=110 + 50 * len(runs))
    rates = [run.rates[step] for run in runs.values()]
    base = bar_base(rates)
    fig.add_traces(bar_traces(runs, step, axes_of(1), base))
    set_axis(fig, "x", 1, title="effective learning rate", **log_axis(*rates, floor=base))
    set_axis(fig, "y", 1, **OPTIMIZER_AXIS)
    fig.layout.margin.l = 90
    add_panel_title(fig, BAR_LEGEND, 1)
    list_bars_for_table(fig)
    return fig


def bar_base(rates: Sequence[Array]) -> float:
    """Return where bars start on a log axis, which has no zero: a power of ten below the smallest rate."""
    lowest = min((np.nanmin(each) for each in rates if np.isfinite(each).any()), default=1.0)
    return float(10 ** np.floor(np.log10(lowest) - 0.3))


def bar_traces(runs: Runs, step: int, axes: dict[str, str], base: float) -> list[Any]:
    """Return bars for both coordinates, and texts in place of missing bars."""
    labels = list(runs)
    rates = np.array([run.rates[step] for run in runs.values()])
    # Runs may have different lengths, and -1 is the last step of each run.
    diverged = [bool(0 <= run.diverged_at <= step % len(run.rates)) for run in runs.values()]
    reasons = ["diverged" if each else "no gradient yet" for each in diverged]
    colors = [style(label)["color"] for label in labels]
    solid = {"opacity": 1.0}
    hatched = {"pattern": {"shape": "/", "fillmode": "overlay", "size": 6, "bgcolor": "rgba(0,0,0,0)"}}
    styles: list[tuple[str, dict[str, Any]]] = [(DENSE_NAME, solid), (SPARSE_NAME, hatched)]
    bars = [
        go.Bar(
            x=rounded(rates[:, coordinate]),
            y=labels,
            orientation="h",
            name=name,
            marker={"color": colors, "line": {"color": colors, "width": 1.5}, **line_style},
            showlegend=False,
            # Not drawn on a bar: the table of the numbers shows it in place of a missing number.
            hovertext=[
                reason if np.isnan(rate) else "" for reason, rate in zip(reasons, rates[:, coordinate], strict=True)
            ],
            hovertemplate="%{y}: %{x:.3g}",
            **axes,
        )
        for coordinate, (name, line_style) in enumerate(styles)
    ]
    missing = go.Scatter(
        x=[base if np.isnan(rate).any() else None for rate in rates],
        y=labels,
        mode="text",
        text=[f"  {reason}" for reason in reasons],
        textposition="bottom right",
        textfont={"size": 11},
        showlegend=False,
        hoverinfo="skip",
        name="no gradient yet",
        **axes,
    )
    return [*bars, missing]


def list_bars_for_table(fig: go.Figure) -> None:
    """Store the positions of the bars, which a page shows as a table, too."""
    fig.layout.meta["table"] = [position for position, trace in enumerate(fig.data) if trace.type == "bar"]
