"""The figures of the book: each takes results, computes none, and returns a Plotly figure.

Every figure carries its text alternative, a layout for narrow screens and, if it has bars, which traces a table
shows in ``layout.meta``, where a page can find them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.descent import Descent
from adaptive_optim.intervals import Leader, median_interval
from adaptive_optim.optimizers import OPTIMIZERS, Array
from adaptive_optim.problems import QuadraticLoss, SparseRegression

# Readable on a white page and on a dark one. To the colour-blind an ochre would be the orange; the violet is not.
COLORS = ("#786cfc", "#b5609a", "#00936b", "#1f77c4", "#d55e00")
DASHES = ("dot", "dashdot", "solid", "dash", "16px,3px")
STYLES = {
    optimizer.__name__: {"color": color, "dash": dash}
    for optimizer, color, dash in zip(OPTIMIZERS, COLORS, DASHES, strict=True)
}
INK = "#74808b"
TEXT = "#4a5560"
GRID = "rgba(128,128,128,0.18)"
CONTOUR_LINE = "rgba(74,111,150,0.35)"
CONTOUR_FILL = "rgba(74,111,150,0.10)"
LEVELS = 0.01 * 2.5 ** np.arange(8)
WINDOW = (-1.55, 2.45)
FEWEST_SEEDS = 6  # of which a 95 % interval for the median can be made
BAR_KEY = "solid: dense, hatched: sparse"
DENSE, SPARSE = "dense coordinate", "sparse coordinate"

Runs = Mapping[str, Descent]


def style(label: str) -> dict[str, Any]:
    """Return colour and dash of the optimizer that a label begins with; ink for any other label."""
    name = label.replace(",", " ").split()[0] if label.strip() else ""
    return STYLES.get(name, {"color": INK, "dash": "solid"})


def plot_paths(
    panels: Mapping[str, tuple[QuadraticLoss, Runs]],
    *,
    alt: str,
    window: tuple[float, float] = WINDOW,
    coordinates: tuple[str, str] = ("θ₁ (dense)", "θ₂ (sparse)"),
) -> go.Figure:
    """Draw contours of the full loss and the path of every run, one panel beside the other.

    Parameters
    ----------
    panels : mapping of str to (QuadraticLoss, runs)
        Title of each panel, its loss and its runs by label.
    alt : str
        What is to be seen, for readers who do not see it.
    window : (float, float)
        Range of both axes.
    coordinates : (str, str)
        Names of the axes.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    for _, runs in panels.values():
        _check(runs)
    fig = _figure(alt, height=430)
    count = len(panels)
    # One look for a label in all panels, as they share a legend.
    labels = list(dict.fromkeys(label for _, runs in panels.values() for label in runs))
    looks = dict(zip(labels, _looks(labels), strict=True))
    named: set[str] = set()
    for number, (title, (loss, runs)) in enumerate(panels.items(), 1):
        axes = _axes(number)
        fig.add_trace(_contours(loss, axes))
        for label, run in runs.items():
            name = _name(label, run)
            fig.add_trace(_path(name, run.params, axes, looks[label], in_legend=name not in named))
            named.add(name)
        fig.add_trace(_marks(loss, runs, axes))
        _set_axis(fig, "x", number, title=coordinates[0], range=window, domain=_column(number, count))
        _set_axis(fig, "y", number, title=coordinates[1], range=window, domain=[0, 1])
        if title:
            _headline(fig, title, number)
    _legend_above(fig)
    _stack_when_narrow(fig, count, height=360)
    return fig


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
    """Draw one line per label, against the step unless ``x`` says otherwise.

    Parameters
    ----------
    curves : mapping of str to array_like
        Values by label. A label that begins with an optimizer's name gets its colour and dash.
    alt : str
        What is to be seen, for readers who do not see it.
    y_title, x_title : str
        Axis titles, with units.
    x : array_like, optional
        Where the values stand; 0, 1, 2, ... if left out.
    log_x, log_y : bool
        Whether an axis is logarithmic.
    markers : bool
        Whether to mark every value.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    fig = _figure(alt, height=380)
    for (label, values), look in zip(curves.items(), _looks(curves), strict=True):
        values = np.asarray(values)
        steps = np.arange(len(values)) if x is None else np.asarray(x)
        keep = _keep(values, 400)
        fig.add_trace(
            go.Scatter(
                x=_rounded(steps[keep], digits=6),
                y=_rounded(values[keep]),
                name=label,
                mode="lines+markers" if markers else "lines",
                hovertemplate="%{y:.3g}",
                **look,
            )
        )
    _set_axis(fig, "x", 1, title=x_title, **(_log(x) if log_x else {}))
    _set_axis(fig, "y", 1, title=y_title, **(_log(*curves.values()) if log_y else {}))
    _legend_above(fig)
    return fig


def plot_rates(runs: Runs, *, alt: str) -> go.Figure:
    """Draw the effective rate of both coordinates over the steps, and where the sparse one had a gradient.

    Parameters
    ----------
    runs : mapping of str to Descent
        Single runs of two parameters, by label.
    alt : str
        What is to be seen, for readers who do not see it.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    _check(runs)
    fig = _figure(alt, height=400)
    for coordinate in (0, 1):
        axes = _axes(coordinate + 1)
        for (label, run), look in zip(runs.items(), _looks(runs), strict=True):
            rate = run.rates[:, coordinate]
            keep = _keep(rate, 400)
            fig.add_trace(
                go.Scatter(
                    x=(keep + 1).tolist(),
                    y=_rounded(rate[keep]),
                    name=_name(label, run),
                    legendgroup=label,
                    showlegend=coordinate == 0,
                    mode="lines",
                    hovertemplate="%{y:.3g}",
                    **look,
                    **axes,
                )
            )
            if coordinate == 1:
                active = np.flatnonzero(run.grads[:, 1])
                fig.add_trace(
                    go.Scatter(
                        x=(active + 1).tolist(),
                        y=_rounded(rate[active]),
                        name=f"{label}: gradient here",
                        legendgroup=label,
                        showlegend=False,
                        mode="markers",
                        marker={"color": look["line"]["color"], "size": 5},
                        opacity=look["opacity"],
                        hovertemplate="step %{x}: %{y:.3g}",
                        **axes,
                    )
                )
        _set_axis(fig, "x", coordinate + 1, title="step", domain=_column(coordinate + 1, 2))
        _headline(fig, (DENSE, f"{SPARSE} (dots: it has a gradient)")[coordinate], coordinate + 1)
    scale = _log(*(run.rates for run in runs.values()))
    for coordinate in (0, 1):
        _set_axis(fig, "y", coordinate + 1, title="effective learning rate", **scale)
    _legend_above(fig)
    _stack_when_narrow(fig, 2, height=300)
    return fig


def plot_rate_bars(runs: Runs, *, alt: str, step: int = -1) -> go.Figure:
    """Draw the effective rate of both coordinates at one step as bars.

    Parameters
    ----------
    runs : mapping of str to Descent
        Single runs of two parameters, by label.
    alt : str
        What is to be seen, for readers who do not see it.
    step : int, default -1
        Which step; -1 is the last.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    _check(runs)
    fig = _figure(alt, height=110 + 50 * len(runs))
    rates = [run.rates[step] for run in runs.values()]
    bottom = _bottom(rates)
    fig.add_traces(_bars(runs, step, _axes(1), bottom))
    _set_axis(fig, "x", 1, title="effective learning rate", **_log(*rates, floor=bottom))
    _set_axis(fig, "y", 1, **_ROWS)
    fig.layout.margin.l = 90
    _headline(fig, BAR_KEY, 1)
    _offer_numbers(fig)
    return fig


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
    """Draw the median over seeds against ``x``, with a band that holds the middle 80 % of them.

    A band says how much seeds differ. How sure their median is, say the bars that ``intervals`` adds.

    Parameters
    ----------
    x : array_like
        Where the values stand, ``(points,)``.
    samples : mapping of str to array_like
        Values by label, ``(points, seeds)``. Seeds that are ``nan`` are left out: say how many in the caption.
    alt : str
        What is to be seen, for readers who do not see it.
    x_title, y_title : str
        Axis titles, with units.
    log_x, log_y : bool
        Whether an axis is logarithmic.
    lines : mapping of str to array_like, optional
        Further lines without a band, such as what theory predicts, ``(points,)``.
    intervals : bool
        Whether a bar at each median shows its 95 % interval, as ``median_interval`` returns it. Points of fewer
        than 6 seeds have none.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    fig = _figure(alt, height=400)
    x = np.asarray(x)
    bands = []
    for (label, values), look in zip(samples.items(), _looks(samples), strict=True):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="All-NaN")  # no value at all: a gap
            low, median, high = np.nanquantile(np.asarray(values), [0.1, 0.5, 0.9], axis=1)
        bands += [low, high]
        bars = _interval_bars(values, median, look["line"]["color"]) if intervals else {}
        around_x, around_y = _outline(_rounded(x, digits=6), _rounded(low), _rounded(high))
        fig.add_trace(
            go.Scatter(
                x=around_x,
                y=around_y,
                fill="toself",
                fillcolor=_faded(style(label)["color"], 0.15),
                line={"width": 0},
                mode="lines",
                legendgroup=label,
                showlegend=False,
                hoverinfo="skip",
            )
        )
        fig.add_trace(
            go.Scatter(
                x=_rounded(x, digits=6),
                y=_rounded(median),
                name=label,
                legendgroup=label,
                mode="lines+markers",
                **{"hovertemplate": "%{y:.3g}", **look, **bars},
            )
        )
    for label, values in (lines or {}).items():
        fig.add_trace(
            go.Scatter(
                x=_rounded(x, digits=6),
                y=_rounded(np.asarray(values)),
                name=label,
                mode="lines",
                line={"color": INK, "dash": "longdash", "width": 1.5},
                hovertemplate="%{y:.3g}",
            )
        )
    everything = [*bands, *(lines or {}).values()]
    _set_axis(fig, "x", 1, title=x_title, **(_log(x) if log_x else {}))
    _set_axis(fig, "y", 1, title=y_title, **(_log(*everything) if log_y else {}))
    _legend_above(fig)
    return fig


def plot_seeds(samples: Mapping[str, Any], *, alt: str, x_title: str, log_x: bool = True) -> go.Figure:
    """Draw one dot per seed in a row per label, with the median marked.

    Parameters
    ----------
    samples : mapping of str to array_like
        Values by label, ``(seeds,)``.
    alt : str
        What is to be seen, for readers who do not see it.
    x_title : str
        Axis title, with units.
    log_x : bool
        Whether the axis is logarithmic.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    fig = _figure(alt, height=90 + 55 * len(samples))
    for row, (label, values) in enumerate(reversed(list(samples.items()))):
        values = np.sort(np.asarray(values))
        # Neighbours take turns above and below the row, so that dots do not hide each other.
        offset = row + 0.09 * (np.arange(len(values)) % 5 - 2)
        color = style(label)["color"]
        fig.add_trace(
            go.Scatter(
                x=_rounded(values),
                y=_rounded(offset),
                name=label,
                mode="markers",
                marker={"color": color, "size": 5, "opacity": 0.5},
                hovertemplate="%{x:.3g}",
            )
        )
        median = float(np.median(values))
        fig.add_trace(
            go.Scatter(
                x=_rounded(np.array([median, median])),
                y=[row - 0.35, row + 0.35],
                name=f"{label}: median",
                mode="lines",
                line={"color": color, "width": 3},
                hovertemplate="median %{x:.3g}",
            )
        )
    _set_axis(fig, "x", 1, title=x_title, **(_log(*samples.values()) if log_x else {}))
    _set_axis(
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


def plot_leaders(
    x: Any,
    y: Any,
    panels: Mapping[str, Leader],
    labels: Sequence[str],
    *,
    alt: str,
    x_title: str,
    y_title: str,
) -> go.Figure:
    """Draw a map of who is first most often: a colour for who, pale where the runner-up may be as good.

    Parameters
    ----------
    x, y : array_like
        Where the columns and rows of the map stand, evenly spaced on log scales.
    panels : mapping of str to Leader
        Title and result of each map, ``(len(y), len(x))``, one under the other.
    labels : sequence of str
        Whom the leaders' indices mean. A label that begins with an optimizer's name gets its colour.
    alt : str
        What is to be seen, for readers who do not see it.
    x_title, y_title : str
        Axis titles, with units.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    fig = _figure(alt, height=90 + 150 * len(panels))
    colors = [style(label)["color"] for label in labels]
    # Places, not values: cells are alike in size, whatever they stand for.
    columns, rows = np.arange(len(x)), np.arange(len(y))
    decades = [i for i, exponent in enumerate(np.log10(x)) if abs(exponent - round(exponent)) < 0.02]
    tall = 1 / len(panels)
    for number, (title, found) in enumerate(panels.items(), 1):
        rows_of = _axes(number)["yaxis"]
        strengths = np.where(found.is_sure, 1.0, 0.0)
        for i in np.unique(found.index[found.index >= 0]):
            label, color = labels[i], colors[i]
            fig.add_trace(
                go.Heatmap(
                    x=columns.tolist(),
                    y=rows.tolist(),
                    z=[_rounded(row) for row in np.where(found.index == i, strengths, np.nan)],
                    text=np.char.mod("%.0f%%", 100 * found.share).tolist(),
                    colorscale=[[0, _faded(color, 0.35)], [1, _faded(color, 1)]],
                    zmin=0,
                    zmax=1,
                    showscale=False,
                    xgap=1,
                    ygap=1,
                    name=label,
                    hovertemplate=f"{label}: first on %{{text}} of the seeds<extra></extra>",
                    hoverongaps=False,
                    yaxis=rows_of,
                )
            )
        top = 1 - (number - 1) * tall
        _set_axis(
            fig,
            "y",
            number,
            anchor="x",
            title=y_title,
            domain=[round(top - 0.85 * tall, 4), round(top - 0.05 * tall, 4)],
            tickvals=rows.tolist(),
            ticktext=[_plain(float(value)) for value in y],
            showgrid=False,
        )
        _headline(fig, title, number)
        fig.layout.annotations[-1].xref = "x domain"
    _set_axis(
        fig,
        "x",
        1,
        anchor=rows_of,
        title=x_title,
        tickvals=decades,
        ticktext=[_plain(float(x[i])) for i in decades],
        showgrid=False,
    )
    for label, color in zip(labels, colors, strict=True):
        look = {"symbol": "square", "size": 11, "color": color}
        fig.add_trace(go.Scatter(x=[None], y=[None], name=label, mode="markers", marker=look, hoverinfo="skip"))
    _legend_above(fig)
    fig.layout.legend.y = 1.02
    return fig


def plot_activity_slider(
    problems: Mapping[float, SparseRegression],
    runs: Mapping[float, Runs],
    *,
    alt: str,
    start: float,
) -> go.Figure:
    """Draw contours, paths, rates and losses, and let the reader move the sparse feature's activity.

    Parameters
    ----------
    problems : mapping of float to SparseRegression
        The problem at each activity.
    runs : mapping of float to runs
        The runs at each activity, by label; the same labels everywhere.
    alt : str
        What is to be seen, for readers who do not see it.
    start : float
        The activity shown first.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    activities = list(problems)
    labels = list(runs.get(start, {}))
    for activity in activities:
        here = runs.get(activity, {})
        _check(here)
        if set(here) != set(labels):
            raise ValueError(f"runs at activity {activity}: have labels {list(here)}, must have {labels}")
    # A frame moves the traces of the first picture one by one, so all are in the same order.
    runs = {activity: {label: runs[activity][label] for label in labels} for activity in activities}
    looks = dict(zip(labels, _looks(labels), strict=True))
    losses = {
        activity: {label: problems[activity].excess_loss(run.params) for label, run in runs[activity].items()}
        for activity in activities
    }
    fig = _figure(alt, height=520)
    rates = [run.rates[-1] for here in runs.values() for run in here.values()]
    bottom = _bottom(rates)

    def scene(activity: float) -> list[Any]:
        problem, here = problems[activity], runs[activity]
        paths = [_path(label, run.params, _axes(1), looks[label], in_legend=False) for label, run in here.items()]
        curves = [_loss(label, loss, _axes(3), looks[label]) for label, loss in losses[activity].items()]
        return [
            _contours(problem, _axes(1)),
            *paths,
            _marks(problem, here, _axes(1)),
            *_bars(here, -1, _axes(2), bottom),
            *curves,
        ]

    fig.add_traces(scene(start))
    fig.frames = [
        go.Frame(name=f"{activity:g}", data=[_moving(trace) for trace in scene(activity)])
        for activity in activities
    ]
    _set_axis(fig, "x", 1, title="θ₁ (dense)", range=WINDOW, domain=[0, 0.48])
    _set_axis(fig, "y", 1, title="θ₂ (sparse)", range=WINDOW, domain=[0, 1])
    scale = _log(*rates, floor=bottom)
    _set_axis(fig, "x", 2, title="effective learning rate", domain=[0.65, 1], anchor="y2", **scale)
    _set_axis(fig, "y", 2, domain=[0.53, 1], **_ROWS)
    steps = len(next(iter(losses[start].values()))) - 1
    _set_axis(fig, "x", 3, title="step", domain=[0.65, 1], anchor="y3", range=[0, steps])
    seen = [loss for here in losses.values() for loss in here.values()]
    _set_axis(fig, "y", 3, title="excess loss", domain=[0, 0.33], **_log(*seen, floor=1e-4))
    _headline(fig, BAR_KEY, 2)
    _headline(fig, "full loss above its minimum", 3)
    _offer_numbers(fig)
    fig.layout.sliders = [
        {
            "active": activities.index(start),
            "pad": {"t": 44},
            "currentvalue": {"prefix": "Activity of the sparse feature: "},
            "steps": [
                {
                    "label": f"{100 * activity:.3g}%",
                    "method": "animate",
                    "args": [[f"{activity:g}"], _AT_ONCE],
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


def plot_playback(
    problem: SparseRegression,
    runs: Runs,
    *,
    alt: str,
    every: int = 5,
    tail: int = 25,
) -> go.Figure:
    """Play through the steps of a run: the head of every path, and the rates applied at that step.

    Parameters
    ----------
    problem : SparseRegression
        The problem.
    runs : mapping of str to Descent
        Single runs on it, by label.
    alt : str
        What is to be seen, for readers who do not see it.
    every : int, default 5
        Show every so-many-th step.
    tail : int, default 25
        Length of the bright tail behind each head, in steps.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    _check(runs)
    fig = _figure(alt, height=440)
    num_steps = min(len(run.rates) for run in runs.values())
    looks = dict(zip(runs, _looks(runs), strict=True))
    rates = [run.rates for run in runs.values()]
    bottom = _bottom(rates)
    paths = [_path(label, run.params, _axes(1), looks[label], in_legend=False) for label, run in runs.items()]
    for path in paths:
        path.update(opacity=0.25, line={"width": 1.5})
    still = [_contours(problem, _axes(1)), *paths, _marks(problem, {}, _axes(1))]

    def scene(step: int) -> list[Any]:
        heads = [
            go.Scatter(
                x=_rounded(run.params[max(0, step + 1 - tail) : step + 2, 0], 2),
                y=_rounded(run.params[max(0, step + 1 - tail) : step + 2, 1], 2),
                name=label,
                mode="lines+markers",
                line={**looks[label]["line"], "width": 3},
                opacity=looks[label]["opacity"],
                marker={
                    "color": style(label)["color"],
                    "size": [0] * (min(tail, step + 1)) + [11],
                    "opacity": 1,
                },
                showlegend=False,
                hoverinfo="name",
                **_axes(1),
            )
            for label, run in runs.items()
        ]
        return [*heads, *_bars(runs, step, _axes(2), bottom)]

    shown = range(0, num_steps, every)
    fig.add_traces([*still, *scene(shown[0])])
    moving = list(range(len(still), len(fig.data)))
    fig.frames = [
        go.Frame(name=str(step + 1), data=[_moving(trace) for trace in scene(step)], traces=moving)
        for step in shown
    ]
    _set_axis(fig, "x", 1, title="θ₁ (dense)", range=WINDOW, domain=[0, 0.5])
    _set_axis(fig, "y", 1, title="θ₂ (sparse)", range=WINDOW)
    scale = _log(*rates, floor=bottom)
    _set_axis(fig, "x", 2, title="effective learning rate", domain=[0.66, 1], anchor="y2", **scale)
    _set_axis(fig, "y", 2, **_ROWS)
    _headline(fig, BAR_KEY, 2)
    _offer_numbers(fig)
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
                {"label": "Pause", "method": "animate", "args": [[None], _AT_ONCE]},
            ],
        }
    ]
    fig.layout.sliders = [
        {
            "active": 0,
            "pad": {"t": 44},
            "currentvalue": {"prefix": "Step: "},
            "steps": [{"label": name, "method": "animate", "args": [[name], _AT_ONCE]} for name in names],
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


# Names of optimizers down the side, the first on top, in the order in which they came.
_ROWS = {"autorange": "reversed", "showgrid": False, "tickfont": {"size": 12}}
_AT_ONCE = {
    "mode": "immediate",
    "frame": {"duration": 0, "redraw": False},
    "transition": {"duration": 0},
}


def _figure(alt: str, height: int) -> go.Figure:
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt={alt!r}: must say what is to be seen")
    return go.Figure(
        layout={
            "template": "none",
            "height": height,
            "margin": {"l": 62, "r": 12, "t": 44, "b": 48},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": TEXT},
            "hovermode": "closest",
            "dragmode": False,
            "bargap": 0.25,
            "bargroupgap": 0.06,
            "meta": {"alt": alt},
        }
    )


def _check(runs: Runs) -> None:
    if not runs:
        raise ValueError("runs: must hold at least one run")
    for label, run in runs.items():
        if not isinstance(run, Descent) or run.params.shape[1:] != (2,):
            raise ValueError(f"runs: {label!r} must be a single run of two parameters")


def _axes(number: int) -> dict[str, str]:
    suffix = "" if number == 1 else str(number)
    return {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}


def _set_axis(fig: go.Figure, letter: str, number: int, **settings: Any) -> None:
    suffix = "" if number == 1 else str(number)
    other = "y" if letter == "x" else "x"
    if settings.get("title"):
        settings["title"] = {"text": settings["title"], "standoff": 6}
    base = {
        "anchor": f"{other}{suffix}",
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": GRID,
        "ticks": "",
        "automargin": False,
        "fixedrange": True,
    }
    fig.layout[f"{letter}axis{suffix}"] = {**base, **settings}


def _log(*values: Any, floor: float | None = None) -> dict[str, Any]:
    """Return a log axis that holds the values, with ticks that read as plain numbers."""
    seen = np.concatenate([np.ravel(np.asarray(each, float)) for each in values])
    seen = seen[np.isfinite(seen) & (seen > 0)]
    exponents = np.log10(seen if seen.size else [1.0])
    bottom = exponents.min() if floor is None else np.log10(floor)
    # A run that diverges leaves the picture at the top; it does not flatten the others.
    top = min(exponents.max(), np.median(exponents) + 12)
    pad = 0.04 * (top - bottom) + 0.02
    first, last = np.clip([np.floor(bottom - pad), np.ceil(top + pad)], -307, 307).astype(int)
    decades = range(first, last + 1)
    parts = (1, 2, 5) if top - bottom < 2.5 else (1,)
    ticks = [part * 10.0**decade for decade in decades[:: len(decades) // 8 + 1] for part in parts]
    return {
        "type": "log",
        "range": [float(bottom if floor is not None else bottom - pad), float(top + pad)],
        "tickvals": ticks,
        "ticktext": [_plain(tick) for tick in ticks],
    }


def _plain(value: float) -> str:
    if 1e-4 < value < 1e6:
        return f"{value:,.4f}".rstrip("0").rstrip(".") if value < 1 else f"{value:,.0f}"
    exponent = int(np.floor(np.log10(value) + 1e-9))
    part = round(value / 10.0**exponent)
    power = f"10<sup>{exponent}</sup>".replace("-", "−")
    return power if part == 1 else f"{part}·{power}"


def _column(number: int, count: int) -> list[float]:
    gap = 0.12 if count > 1 else 0.0
    width = (1 - gap * (count - 1)) / count
    left = (number - 1) * (width + gap)
    return [round(left, 4), round(left + width, 4)]


def _headline(fig: go.Figure, text: str, number: int) -> None:
    axes = _axes(number)
    fig.add_annotation(
        text=text,
        x=0,
        y=1,
        xref=f"{axes['xaxis']} domain",
        yref=f"{axes['yaxis']} domain",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        font={"size": 13},
    )


def _legend_above(fig: go.Figure) -> None:
    fig.update_layout(
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.08,
            "yanchor": "bottom",
            "xanchor": "left",
            "yref": "paper",
        }
    )


def _stack_when_narrow(fig: go.Figure, count: int, height: int) -> None:
    if count == 1:
        return
    gap = 0.16
    tall = (1 - gap * (count - 1)) / count
    narrow: dict[str, Any] = {"height": height * count}
    for number in range(1, count + 1):
        suffix = "" if number == 1 else str(number)
        top = 1 - (number - 1) * (tall + gap)
        narrow[f"xaxis{suffix}.domain"] = [0, 1]
        narrow[f"yaxis{suffix}.domain"] = [round(top - tall, 4), round(top, 4)]
    fig.layout.meta["narrow"] = narrow


def _name(label: str, run: Descent) -> str:
    return f"{label}, diverged at step {run.diverged_at + 1}" if run.diverged else label


def _contours(loss: QuadraticLoss, axes: dict[str, str]) -> Any:
    # A level of a quadratic is an ellipse: half-axes sqrt(2 level / curvature) along the eigenvectors.
    curvature, directions = np.linalg.eigh(loss.hessian)
    angle = np.linspace(0, 2 * np.pi, 73)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ellipse = circle / np.sqrt(curvature) @ directions.T
    levels = loss.minimum + np.sqrt(2 * LEVELS[::-1, None, None]) * ellipse
    # All levels in one trace, apart at the gaps: a step of a slider takes time for every trace.
    points = np.pad(levels, ((0, 0), (0, 1), (0, 0)), constant_values=np.nan).reshape(-1, 2)[:-1]
    return go.Scatter(
        x=_rounded(points[:, 0], 2),
        y=_rounded(points[:, 1], 2),
        mode="lines",
        line={"color": CONTOUR_LINE, "width": 1},
        fill="toself",
        fillcolor=CONTOUR_FILL,
        hoverinfo="skip",
        showlegend=False,
        name="contours of the loss",
        **axes,
    )


def _path(label: str, params: Array, axes: dict[str, str], look: dict[str, Any], in_legend: bool) -> Any:
    points = np.round(params[np.isfinite(params).all(-1)], 3)
    keep = np.union1d(_keep(points[:, 0], 100), _keep(points[:, 1], 100))
    return go.Scatter(
        x=_rounded(points[keep, 0], 3),
        y=_rounded(points[keep, 1], 3),
        name=label,
        legendgroup=label,
        mode="lines",
        showlegend=in_legend,
        hovertemplate="(%{x:.2f}, %{y:.2f})",
        **look,
        **axes,
    )


def _marks(loss: QuadraticLoss, runs: Runs, axes: dict[str, str]) -> Any:
    """Mark the minimum and where each run ends."""
    ends = [run.params[np.isfinite(run.params).all(-1)][-1] for run in runs.values()]
    places = np.array([loss.minimum, *ends])
    return go.Scatter(
        x=_rounded(places[:, 0], 3),
        y=_rounded(places[:, 1], 3),
        text=["minimum", *(f"{_name(label, run)}, ends" for label, run in runs.items())],
        mode="markers",
        marker={
            "color": [INK, *(style(label)["color"] for label in runs)],
            "symbol": ["cross-thin", *("x" if run.diverged else "circle" for run in runs.values())],
            "size": [14, *(9 for _ in runs)],
            "line": {"color": [INK, *("white" for _ in runs)], "width": [2, *(1 for _ in runs)]},
        },
        showlegend=False,
        name="minimum and ends",
        hovertemplate="%{text}<extra></extra>",
        **axes,
    )


def _offer_numbers(fig: go.Figure) -> None:
    fig.layout.meta["table"] = [position for position, trace in enumerate(fig.data) if trace.type == "bar"]


def _bottom(rates: Sequence[Array]) -> float:
    # Bars need a foot to stand on, and a log axis has no zero: the power of ten under the lowest bar.
    lowest = min((np.nanmin(each) for each in rates if np.isfinite(each).any()), default=1.0)
    return float(10 ** np.floor(np.log10(lowest) - 0.3))


def _bars(runs: Runs, step: int, axes: dict[str, str], bottom: float) -> list[Any]:
    labels = list(runs)
    rates = np.array([run.rates[step] for run in runs.values()])
    # Runs may differ in length, and -1 is the last step of each.
    diverged = [bool(0 <= run.diverged_at <= step % len(run.rates)) for run in runs.values()]
    why = ["diverged" if gone else "no gradient yet" for gone in diverged]
    colors = [style(label)["color"] for label in labels]
    solid = {"opacity": 1.0}
    hatched = {"pattern": {"shape": "/", "fillmode": "overlay", "size": 6, "bgcolor": "rgba(0,0,0,0)"}}
    looks: list[tuple[str, dict[str, Any]]] = [(DENSE, solid), (SPARSE, hatched)]
    bars = [
        go.Bar(
            x=_rounded(rates[:, coordinate]),
            y=labels,
            orientation="h",
            name=name,
            marker={"color": colors, "line": {"color": colors, "width": 1.5}, **look},
            showlegend=False,
            # Not drawn: a table of the numbers says it in place of a missing one.
            hovertext=[
                reason if np.isnan(rate) else "" for reason, rate in zip(why, rates[:, coordinate], strict=True)
            ],
            hovertemplate="%{y}: %{x:.3g}",
            **axes,
        )
        for coordinate, (name, look) in enumerate(looks)
    ]
    silent = go.Scatter(
        x=[bottom if np.isnan(rate).any() else None for rate in rates],
        y=labels,
        mode="text",
        text=[f"  {reason}" for reason in why],
        textposition="bottom right",
        textfont={"size": 11},
        showlegend=False,
        hoverinfo="skip",
        name="no gradient yet",
        **axes,
    )
    return [*bars, silent]


def _loss(label: str, loss: Array, axes: dict[str, str], look: dict[str, Any]) -> Any:
    keep = _keep(loss, 100)
    return go.Scatter(
        x=keep.tolist(),
        y=_rounded(loss[keep]),
        name=label,
        mode="lines",
        line={**look["line"], "width": 1.5},
        opacity=look["opacity"],
        showlegend=False,
        hovertemplate="%{y:.2g}",
        **axes,
    )


def _moving(trace: Any) -> dict[str, Any]:
    """Keep of a trace what differs from frame to frame."""
    full = trace.to_plotly_json()
    moving = {key: full[key] for key in ("type", "x", "y", "text", "hovertext") if key in full}
    lists = {key: full.get("marker", {}).get(key) for key in ("size", "symbol")}
    marker = {key: value for key, value in lists.items() if isinstance(value, list)}
    return {**moving, "marker": marker} if marker else moving


def _keep(values: Array, most: int) -> Any:
    """Choose which points of a curve to draw: the extremes of equal stretches, so no spike is lost."""
    if len(values) <= most:
        return np.arange(len(values))
    stretches = np.array_split(np.arange(len(values)), most // 2)
    finite = np.where(np.isfinite(values), values, -np.inf)
    chosen = [0, len(values) - 1]
    for stretch in stretches:
        chosen += [stretch[np.argmax(finite[stretch])], stretch[np.argmin(finite[stretch])]]
    return np.unique(chosen)


def _rounded(values: Array, decimals: int | None = None, digits: int = 3) -> list[float | None]:
    """Round to what a screen can show: to decimals, or else to significant digits; steps stay whole."""
    values = np.asarray(values)
    if values.dtype.kind in "iu":
        return list(values.tolist())
    if decimals is None:
        return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values]
    return [float(value) if np.isfinite(value) else None for value in np.round(values, decimals)]


def _outline(x: Sequence[Any], low: Sequence[Any], high: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Return the outline of a band, there along its low side and back along its high one, apart at every gap."""
    outline: list[tuple[Any, Any]] = []
    for known, stretch in groupby(zip(x, low, high, strict=True), lambda point: None not in point):
        if known:
            points = list(stretch)
            outline += [(at, bottom) for at, bottom, _ in points]
            outline += [(at, top) for at, _, top in reversed(points)]
            outline.append((None, None))
    return [at for at, _ in outline[:-1]], [side for _, side in outline[:-1]]


def _interval_bars(samples: Any, median: Array, color: str) -> dict[str, Any]:
    """Return what makes bars of a line's medians, and numbers when the reader points at one."""
    samples = np.asarray(samples, float)
    ends = np.full((2, len(samples)), np.nan)
    for point, values in enumerate(samples):
        known = values[~np.isnan(values)]
        if len(known) >= FEWEST_SEEDS:
            ends[:, point] = median_interval(known)
    low, high = ends
    return {
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": _rounded(high - median),
            "arrayminus": _rounded(median - low),
            "color": color,
            "thickness": 1.5,
            "width": 4,
        },
        "customdata": ["" if np.isnan(bottom) else f" ({bottom:.3g} to {top:.3g})" for bottom, top in ends.T],
        "hovertemplate": "%{y:.3g}%{customdata}",
    }


def _looks(labels: Sequence[str] | Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return line and opacity of each label, so that lines of one colour can be told apart.

    Of several lines of one optimizer later ones are stronger; lines of no optimizer differ in their dashes.
    """
    styles = [style(label) for label in labels]
    looks = []
    for position, own in enumerate(styles):
        total, before = styles.count(own), styles[:position].count(own)
        opacity, dash = 1.0, own["dash"]
        if own["color"] == INK:
            dash = ("solid", "dash", "dot", "longdashdot")[before % 4]
        elif total > 1:
            opacity = round(0.55 + 0.45 * before / (total - 1), 2)
        looks.append({"line": {"color": own["color"], "dash": dash, "width": 2}, "opacity": opacity})
    return looks


def _faded(color: str, alpha: float) -> str:
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
