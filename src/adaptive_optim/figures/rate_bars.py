"""Bars of the effective rates at one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.figures.layout import add_panel_title, axes_of, log_axis, new_figure, set_axis
from adaptive_optim.figures.points import rounded
from adaptive_optim.figures.runs import SHARED_NAMES, Runs, coordinate_names, validate_runs
from adaptive_optim.figures.styles import style
from adaptive_optim.optimizers import Array

# Names of optimizers in their original order, the first at the top.
OPTIMIZER_AXIS = {"autorange": "reversed", "showgrid": False, "tickfont": {"size": 12}}


def plot_rate_bars(runs: Runs, *, alt: str, step: int = -1, names: Sequence[str] | None = None) -> go.Figure:
    """Draw the effective rates of both coordinates at one step as bars.

    If there are more than two coordinates, or only one, each of them is a mark in the row of the run.

    Parameters
    ----------
    runs : mapping of str to Trajectory
        Single runs of any number of parameters, by label.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    step : int, default -1
        Index of the step; -1 is the last one.
    names : sequence of str, optional
        Names of the coordinates. The default is those of the shared problem if there are two, and otherwise numbers
        from 0.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    validate_runs(runs)
    names = coordinate_names(runs, names)
    fig = new_figure(alt, height=110 + 50 * len(runs))
    rates = [run.rates[step] for run in runs.values()]
    base = bar_base(rates)
    has_bars = all(len(each) == 2 for each in rates)
    fig.add_traces(
        bar_traces(runs, step, axes_of(1), base, names) if has_bars else _mark_traces(runs, step, base, names)
    )
    set_axis(fig, "x", 1, title="effective learning rate", **log_axis(*rates, floor=base))
    set_axis(fig, "y", 1, **OPTIMIZER_AXIS)
    fig.layout.margin.l = 90
    if has_bars:
        add_panel_title(fig, bar_legend(names), 1)
        list_bars_for_table(fig)
    return fig


def bar_legend(names: Sequence[str] = SHARED_NAMES) -> str:
    """Return the title of a panel of bars."""
    return "solid: {}, hatched: {}".format(*(name.removesuffix(" coordinate") for name in names))


def bar_base(rates: Sequence[Array]) -> float:
    """Return where bars start on a log axis, which has no zero: a power of ten below the smallest rate."""
    lowest = min((np.nanmin(each) for each in rates if np.isfinite(each).any()), default=1.0)
    return float(10 ** np.floor(np.log10(lowest) - 0.3))


def bar_traces(
    runs: Runs,
    step: int,
    axes: dict[str, str],
    base: float,
    names: Sequence[str] = SHARED_NAMES,
) -> list[Any]:
    """Return bars for both coordinates, and texts in place of missing bars."""
    labels = list(runs)
    rates = np.array([run.rates[step] for run in runs.values()])
    reasons = _reasons(runs, step)
    colors = [style(label, run)["color"] for label, run in runs.items()]
    solid = {"opacity": 1.0}
    hatched = {"pattern": {"shape": "/", "fillmode": "overlay", "size": 6, "bgcolor": "rgba(0,0,0,0)"}}
    styles: list[tuple[str, dict[str, Any]]] = [(names[0], solid), (names[1], hatched)]
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
    return [*bars, _text_trace(labels, rates, reasons, base, axes)]


def _mark_traces(runs: Runs, step: int, base: float, names: Sequence[str]) -> list[Any]:
    """Return a mark for each coordinate, and texts for those that have no rate."""
    rates = [run.rates[step] for run in runs.values()]
    reasons = _reasons(runs, step)
    for row, (rate, reason) in enumerate(zip(rates, reasons, strict=True)):
        if reason != "diverged":
            reasons[row] = f"{reason}: {np.isnan(rate).sum()} of {len(rate)}"
    marks = [
        go.Scatter(
            x=rounded(rate),
            y=[label] * len(rate),
            name=label,
            mode="markers",
            marker={"symbol": "line-ns", "size": 22, "line": {"color": style(label, run)["color"], "width": 2}},
            text=list(names[: len(rate)]),
            hovertemplate="%{y}, %{text}: %{x:.3g}<extra></extra>",
            showlegend=False,
        )
        for (label, run), rate in zip(runs.items(), rates, strict=True)
    ]
    return [*marks, _text_trace(list(runs), rates, reasons, base, axes_of(1))]


def _reasons(runs: Runs, step: int) -> list[str]:
    """Return why a coordinate of each run has no rate."""
    # Runs may have different lengths, and -1 is the last step of each run.
    diverged = [bool(0 <= run.diverged_at <= step % len(run.rates)) for run in runs.values()]
    return ["diverged" if each else "no gradient yet" for each in diverged]


def _text_trace(
    labels: Sequence[str], rates: Any, reasons: Sequence[str], base: float, axes: dict[str, str]
) -> Any:
    """Return the reason in each row that has a coordinate without a rate."""
    return go.Scatter(
        x=[base if np.isnan(rate).any() else None for rate in rates],
        y=list(labels),
        mode="text",
        text=[f"  {reason}" for reason in reasons],
        textposition="bottom right",
        textfont={"size": 11},
        showlegend=False,
        hoverinfo="skip",
        name="no gradient yet",
        **axes,
    )


def list_bars_for_table(fig: go.Figure) -> None:
    """Store the positions of the bars, which a page shows as a table, too."""
    fig.layout.meta["table"] = [position for position, trace in enumerate(fig.data) if trace.type == "bar"]
