"""Effective rates of the layers of a model over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.figures.layout import (
    add_panel_title,
    axes_of,
    log_axis,
    new_figure,
    place_legend_above,
    set_axis,
)
from adaptive_optim.figures.points import band_outline, rounded
from adaptive_optim.figures.styles import NEUTRAL_COLOR, with_alpha
from adaptive_optim.figures.tensors import tensor_title, validate_tensor_count
from adaptive_optim.inspection import RateRecord

NUM_COLUMNS = 3
# Heights in pixels.
MARGINS = 110
PANEL_HEIGHT, NARROW_PANEL_HEIGHT = 170, 215
ROW_GAP, NARROW_ROW_GAP = 46, 66
LEGEND_GAP = 40


def plot_layer_rates(record: RateRecord, *, alt: str, layers: Sequence[str] | None = None) -> go.Figure:
    """Draw the effective rates of each parameter tensor over the steps: the median, and bands between quantiles.

    Parameters
    ----------
    record : RateRecord
        Record with an odd number of quantiles that are symmetric around the median.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    layers : sequence of str, optional
        Names of the tensors to draw, at most 12. The default is all of them.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If the record is empty, there are more than 12 tensors or an unknown one, or the quantiles are not
        symmetric.
    """
    steps, quantiles = np.asarray(record.steps), np.asarray(record.quantiles, float)
    names = list(record.rates if layers is None else layers)
    _validate(record, names)
    rates = {name: np.asarray(record.rates[name], float) for name in names}
    num_rows = -(-len(names) // NUM_COLUMNS)
    fig = new_figure(alt, height=MARGINS + PANEL_HEIGHT * num_rows)
    x = rounded(steps, digits=6)
    middle = len(quantiles) // 2
    for number, name in enumerate(names, 1):
        axes = axes_of(number)
        for low in range(middle):
            high = len(quantiles) - 1 - low
            outline_x, outline_y = band_outline(x, rounded(rates[name][:, low]), rounded(rates[name][:, high]))
            fig.add_trace(
                go.Scatter(
                    x=outline_x,
                    y=outline_y,
                    fill="toself",
                    fillcolor=with_alpha(NEUTRAL_COLOR, 0.25),
                    line={"width": 0},
                    mode="lines",
                    name=f"{100 * quantiles[low]:g}% to {100 * quantiles[high]:g}% of the coordinates",
                    showlegend=number == 1,
                    hoverinfo="skip",
                    **axes,
                )
            )
        fig.add_trace(
            go.Scatter(
                x=x,
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
        add_panel_title(fig, tensor_title(name, float(np.asarray(record.no_gradient[name])[-1])), number)
    _set_axes(fig, len(names), log_axis(*rates.values()))
    place_legend_above(fig)
    fig.layout.legend.y = 1 + LEGEND_GAP / (PANEL_HEIGHT * num_rows)
    fig.layout.meta["narrow"]["legend.y"] = 1 + LEGEND_GAP / (NARROW_PANEL_HEIGHT * len(names))
    fig.layout.margin.t = 64
    return fig


def _validate(record: RateRecord, names: Sequence[str]) -> None:
    if not len(record.steps) or not names:
        raise ValueError("record: is empty; the training must have at least as many steps as every")
    for name in names:
        if name not in record.rates:
            raise ValueError(f"layers: {name!r} is not in the record, which has {', '.join(record.rates)}")
    validate_tensor_count("layers", names)
    quantiles = np.asarray(record.quantiles, float)
    if not len(quantiles) % 2 or not np.allclose(quantiles + quantiles[::-1], 1):
        raise ValueError(f"record: has quantiles {quantiles.tolist()}; they must be symmetric around 0.5")


def _set_axes(fig: go.Figure, count: int, scale: dict[str, Any]) -> None:
    """Place panels in rows of three that share their y axis, and below each other on narrow screens."""
    num_rows = -(-count // NUM_COLUMNS)
    width, height, column_gap, row_gap = 1 / NUM_COLUMNS, 1 / num_rows, 0.03, ROW_GAP / (PANEL_HEIGHT * num_rows)
    narrow: dict[str, Any] = {"height": MARGINS + NARROW_PANEL_HEIGHT * count}
    narrow_gap = NARROW_ROW_GAP / (NARROW_PANEL_HEIGHT * count)
    for number in range(1, count + 1):
        row, column = divmod(number - 1, NUM_COLUMNS)
        suffix = "" if number == 1 else str(number)
        is_lowest = number + NUM_COLUMNS > count
        bottom = 1 - (row + 1) * height + row_gap if row + 1 < num_rows else 0
        set_axis(
            fig,
            "x",
            number,
            title="step" if is_lowest else None,
            domain=[round(column * width + (column_gap if column else 0), 4), round((column + 1) * width, 4)],
            nticks=4,
        )
        set_axis(
            fig,
            "y",
            number,
            title="effective rate" if not column else None,
            domain=[round(bottom, 4), round(1 - row * height, 4)],
            showticklabels=not column,
            **scale,
        )
        top = 1 - (number - 1) / count
        narrow_bottom = top - 1 / count + (narrow_gap if number < count else 0)
        narrow[f"xaxis{suffix}.domain"] = [0, 1]
        narrow[f"yaxis{suffix}.domain"] = [round(narrow_bottom, 4), round(top, 4)]
        narrow[f"yaxis{suffix}.showticklabels"] = True
    fig.layout.meta["narrow"] = narrow
