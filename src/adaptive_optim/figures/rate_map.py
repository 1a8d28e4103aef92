"""Effective rates of a weight matrix as a map."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from adaptive_optim.figures.layout import add_panel_title, log_axis, new_figure, set_axis, tick_label
from adaptive_optim.figures.points import rounded
from adaptive_optim.figures.styles import NEUTRAL_COLOR, with_alpha
from adaptive_optim.figures.tensors import RATE_TITLE

MAX_CELLS = 40_000


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
        Text alternative of the figure, for readers who cannot see it.
    x_title, y_title : str
        Axis titles: what a column and a row of the matrix are.

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
    if rates.size > MAX_CELLS:
        raise ValueError(f"rates: have {rates.size:,} cells, must have at most {MAX_CELLS:,}; select some of them")
    has_rate = rates > 0
    if not has_rate.any():
        raise ValueError("rates: must contain at least one number above 0")
    exponents = np.log10(rates, where=has_rate, out=np.full(rates.shape, np.nan))
    ticks = log_axis(rates)["tickvals"]
    fig = new_figure(alt, height=int(np.clip(120 + 14 * len(rates), 260, 560)))
    fig.add_trace(
        go.Heatmap(
            z=[rounded(row, digits=4) for row in exponents],
            text=[[f"{rate:.3g}" for rate in row] for row in rates],
            colorscale="Cividis",
            colorbar={
                "title": {"text": RATE_TITLE, "side": "right"},
                "tickvals": np.log10(ticks).tolist(),
                "ticktext": [tick_label(tick) for tick in ticks],
                "thickness": 14,
            },
            name=RATE_TITLE,
            hovertemplate="row %{y}, column %{x}: %{text}<extra></extra>",
            hoverongaps=False,
        )
    )
    if not has_rate.all():
        gray = with_alpha(NEUTRAL_COLOR, 0.35)
        fig.add_trace(
            go.Heatmap(
                z=[[None if present else 1 for present in row] for row in has_rate],
                colorscale=[[0, gray], [1, gray]],
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
