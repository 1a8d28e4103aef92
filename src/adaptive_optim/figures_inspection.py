"""Figures of the effective rates of a model: by layer over time, as histograms, by row and as a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from adaptive_optim.figures.layout import (
    add_panel_title,
    axes_of,
    log_axis,
    new_figure,
    place_legend_above,
    set_axis,
    tick_label,
)
from adaptive_optim.figures.points import band_outline, rounded
from adaptive_optim.figures.styles import NEUTRAL_COLOR, with_alpha
from adaptive_optim.inspection import RateHistogram, RateRecord

RATE = "effective learning rate"
MOST_PANELS = 12
MOST_ROWS = 5_000
MOST_CELLS = 40_000
COLUMNS = 3


def plot_layer_rates(record: RateRecord, *, alt: str, layers: Sequence[str] | None = None) -> go.Figure:
    """Draw the effective rates of each parameter tensor over the steps: the median, and bands between quantiles.

    Parameters
    ----------
    record : RateRecord
        What a recorder recorded, with an odd number of quantiles that lie symmetrically around the median.
    alt : str
        What is to be seen, for readers who do not see it.
    layers : sequence of str, optional
        Names of the tensors to draw, at most 12. All of them if left out.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If nothing was recorded, there are more than 12 tensors or an unknown one, or the quantiles have no middle.
    """
    steps, orders = np.asarray(record.steps), np.asarray(record.quantiles, float)
    names = list(record.rates if layers is None else layers)
    if not len(steps) or not names:
        raise ValueError("record: has no steps; the training must have at least as many steps as every")
    for name in names:
        if name not in record.rates:
            raise ValueError(f"layers: have {name!r}; recorded are {', '.join(record.rates)}")
    _check_panels("layers", names)
    if not len(orders) % 2 or not np.allclose(orders + orders[::-1], 1):
        raise ValueError(f"record: has quantiles {orders.tolist()}; they must lie symmetrically around 0.5")
    middle = len(orders) // 2
    rates = {name: np.asarray(record.rates[name], float) for name in names}
    lines = -(-len(names) // COLUMNS)
    fig = new_figure(alt, height=110 + 170 * lines)
    scale = log_axis(*rates.values())
    where = rounded(steps, digits=6)
    for number, name in enumerate(names, 1):
        axes = axes_of(number)
        for low in range(middle):
            high = len(orders) - 1 - low
            around_x, around_y = band_outline(where, rounded(rates[name][:, low]), rounded(rates[name][:, high]))
            fig.add_trace(
                go.Scatter(
                    x=around_x,
                    y=around_y,
                    fill="toself",
                    fillcolor=with_alpha(NEUTRAL_COLOR, 0.25),
                    line={"width": 0},
                    mode="lines",
                    name=f"{100 * orders[low]:g}% to {100 * orders[high]:g}% of the coordinates",
                    showlegend=number == 1,
                    hoverinfo="skip",
                    **axes,
                )
            )
        fig.add_trace(
            go.Scatter(
                x=where,
                y=rounded(rates[name][:, middle]),
                name="median",
                showlegend=number == 1,
                mode="lines" if len(steps) > 1 else "markers",
                line={"color": NEUTRAL_COLOR, "width": 2},
                marker={"color": NEUTRAL_COLOR},
                hovertemplate=f"{name}, step %{{x}}: %{{y:.3g}}<extra></extra>",
                **axes,
            )
        )
        share = float(np.asarray(record.no_gradient[name])[-1])
        add_panel_title(fig, name + (f" ({_percent(share)} no gradient yet)" if share else ""), number)
    _lay_out(fig, len(names), scale)
    place_legend_above(fig)
    fig.layout.legend.y = 1 + 40 / (170 * lines)
    fig.layout.meta["narrow"]["legend.y"] = 1 + 40 / (215 * len(names))
    fig.layout.margin.t = 64
    return fig


def plot_rate_histogram(found: RateHistogram, *, alt: str) -> go.Figure:
    """Draw the histogram of the effective rates of each parameter tensor, one under the other.

    Parameters
    ----------
    found : RateHistogram
        Histograms of at most 12 tensors.
    alt : str
        What is to be seen, for readers who do not see it.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If there are more than 12 tensors or none.
    """
    names = list(found.shares)
    _check_panels("found", names)
    edges = np.asarray(found.edges, float)
    fig = new_figure(alt, height=90 + 80 * len(names))
    tall = 1 / len(names)
    for number, name in enumerate(names, 1):
        shares = np.asarray(found.shares[name], float)
        rows = axes_of(number)["yaxis"]
        fig.add_trace(
            go.Scatter(
                x=rounded(edges, digits=4),
                y=rounded(np.append(shares, shares[-1:])),
                name=name,
                mode="lines",
                line={"color": NEUTRAL_COLOR, "width": 1.5, "shape": "hv"},
                fill="tozeroy",
                fillcolor=with_alpha(NEUTRAL_COLOR, 0.35),
                showlegend=False,
                hovertemplate=f"{name}: %{{y:.1%}} from %{{x:.3g}}<extra></extra>",
                yaxis=rows,
            )
        )
        top = 1 - (number - 1) * tall
        most = float(shares.max())
        set_axis(
            fig,
            "y",
            number,
            anchor="x",
            domain=[round(top - 0.9 * tall, 4), round(top - 0.3 * tall, 4)],
            range=[0, 1.02 * most if most else 1],
            tickvals=[0, most] if most else [],
            ticktext=["0", _percent(most)] if most else [],
            title="share" if number == 1 else None,
            showgrid=False,
        )
        share = found.no_gradient[name]
        add_panel_title(fig, name + (f" ({_percent(share)} no gradient yet)" if share else ""), number)
        fig.layout.annotations[-1].xref = "x domain"
    scale = {**log_axis(edges), "range": np.log10(edges[[0, -1]]).tolist()}
    set_axis(fig, "x", 1, anchor=rows, title=RATE, **scale)
    fig.layout.margin.t = 8
    return fig


def plot_row_rates(
    counts: ArrayLike,
    rates: ArrayLike,
    *,
    alt: str,
    x_title: str = "look-ups of the row",
    labels: Sequence[str] | None = None,
) -> go.Figure:
    """Draw the effective rate of each row of a table against how often the row was looked up.

    Parameters
    ----------
    counts : array_like
        Look-ups of each row, ``(rows,)``.
    rates : array_like
        Effective rate of each row, such as the mean over its coordinates, ``(rows,)``; ``nan`` where it had no
        gradient. At most 5,000 rows.
    alt : str
        What is to be seen, for readers who do not see it.
    x_title : str
        Title of the horizontal axis.
    labels : sequence of str, optional
        Name of each row, shown when the reader points at it.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If the shapes differ, or there are more than 5,000 rows or none with a rate and a look-up.
    """
    counts, rates = np.asarray(counts), np.asarray(rates, float)
    if counts.ndim != 1 or counts.shape != rates.shape:
        raise ValueError(f"rates: have shape {rates.shape}, must be one per row, as counts of shape {counts.shape}")
    if labels is not None and len(labels) != len(counts):
        raise ValueError(f"labels: are {len(labels)}, must be one per row, {len(counts)}")
    if len(counts) > MOST_ROWS:
        raise ValueError(f"rates: have {len(counts):,} rows, must have at most {MOST_ROWS:,}; take a part of them")
    drawn = np.flatnonzero(np.isfinite(rates) & (counts > 0))
    if not drawn.size:
        raise ValueError("rates: no row has both a rate and a look-up")
    fig = new_figure(alt, height=380)
    names = [f"row {row}" for row in drawn] if labels is None else [labels[int(row)] for row in drawn]
    fig.add_trace(
        go.Scatter(
            x=rounded(counts[drawn]),
            y=rounded(rates[drawn]),
            text=names,
            mode="markers",
            marker={"color": NEUTRAL_COLOR, "size": 5, "opacity": 0.6},
            showlegend=False,
            hovertemplate="%{text}: %{x} look-ups, rate %{y:.3g}<extra></extra>",
        )
    )
    idle = int(np.isnan(rates).sum())
    add_panel_title(fig, f"a dot: a row; {idle:,} rows: no gradient yet" if idle else "a dot: a row", 1)
    set_axis(fig, "x", 1, title=x_title, **log_axis(counts[drawn]))
    set_axis(fig, "y", 1, title=RATE, **log_axis(rates[drawn]))
    return fig


def plot_rate_map(
    rates: ArrayLike, *, alt: str, x_title: str = "input of the layer", y_title: str = "output of the layer"
) -> go.Figure:
    """Draw the effective rate of each weight of a matrix as a map.

    Parameters
    ----------
    rates : array_like
        Rates of a matrix, ``(rows, columns)``, as in torch one row per output; ``nan`` where a weight had no
        gradient. At most 40,000 cells.
    alt : str
        What is to be seen, for readers who do not see it.
    x_title, y_title : str
        What a column and a row of the matrix stand for.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If ``rates`` is not a matrix, has more than 40,000 cells, or no number above 0.
    """
    rates = np.asarray(rates, float)
    if rates.ndim != 2:
        raise ValueError(f"rates: have shape {rates.shape}, must be a matrix")
    if rates.size > MOST_CELLS:
        raise ValueError(f"rates: have {rates.size:,} cells, must have at most {MOST_CELLS:,}; take a part of them")
    known = rates > 0
    if not known.any():
        raise ValueError("rates: must hold at least one number above 0")
    exponents = np.log10(rates, where=known, out=np.full(rates.shape, np.nan))
    scale = log_axis(rates)
    fig = new_figure(alt, height=int(np.clip(120 + 14 * len(rates), 260, 560)))
    fig.add_trace(
        go.Heatmap(
            z=[rounded(row, digits=4) for row in exponents],
            text=[[f"{rate:.3g}" for rate in row] for row in rates],
            colorscale="Cividis",
            colorbar={
                "title": {"text": RATE, "side": "right"},
                "tickvals": np.log10(scale["tickvals"]).tolist(),
                "ticktext": [tick_label(tick) for tick in scale["tickvals"]],
                "thickness": 14,
            },
            name=RATE,
            hovertemplate="row %{y}, column %{x}: %{text}<extra></extra>",
            hoverongaps=False,
        )
    )
    if not known.all():
        fig.add_trace(
            go.Heatmap(
                z=[[None if here else 1 for here in row] for row in known],
                colorscale=[[0, with_alpha(NEUTRAL_COLOR, 0.35)], [1, with_alpha(NEUTRAL_COLOR, 0.35)]],
                showscale=False,
                name="no gradient yet",
                hovertemplate="row %{y}, column %{x}: no gradient yet<extra></extra>",
                hoverongaps=False,
            )
        )
        add_panel_title(fig, "grey: no gradient yet", 1)
    set_axis(fig, "x", 1, title=x_title, showgrid=False)
    set_axis(fig, "y", 1, title=y_title, showgrid=False, autorange="reversed")
    return fig


def _percent(share: float) -> str:
    return f"{float(f'{100 * share:.2g}'):g}%"


def _check_panels(field: str, names: Sequence[str] | Mapping[str, Any]) -> None:
    if not 0 < len(names) <= MOST_PANELS:
        raise ValueError(f"{field}: name {len(names)} tensors, must be from 1 to {MOST_PANELS}")


def _lay_out(fig: go.Figure, count: int, scale: dict[str, Any]) -> None:
    """Put panels in lines of three that share their vertical axis, and one under the other when narrow."""
    lines = -(-count // COLUMNS)
    wide, tall, gap, space = 1 / COLUMNS, 1 / lines, 0.03, 46 / (170 * lines)
    narrow: dict[str, Any] = {"height": 110 + 215 * count}
    for number in range(1, count + 1):
        line, column = divmod(number - 1, COLUMNS)
        suffix = "" if number == 1 else str(number)
        across = [round(column * wide + (gap if column else 0), 4), round((column + 1) * wide, 4)]
        up = [round(1 - (line + 1) * tall + space, 4) if line + 1 < lines else 0, round(1 - line * tall, 4)]
        is_last = number + COLUMNS > count
        set_axis(fig, "x", number, title="step" if is_last else None, domain=across, nticks=4)
        set_axis(
            fig,
            "y",
            number,
            title="effective rate" if not column else None,
            domain=up,
            showticklabels=not column,
            **scale,
        )
        high = 1 - (number - 1) / count
        low = high - 1 / count + (66 / (215 * count) if number < count else 0)
        narrow[f"xaxis{suffix}.domain"] = [0, 1]
        narrow[f"yaxis{suffix}.domain"] = [round(low, 4), round(high, 4)]
        narrow[f"yaxis{suffix}.showticklabels"] = True
    fig.layout.meta["narrow"] = narrow
