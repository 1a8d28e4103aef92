"""Effective rates of the rows of an embedding table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from adaptive_optim.figures.layout import add_panel_title, log_axis, new_figure, set_axis
from adaptive_optim.figures.points import rounded
from adaptive_optim.figures.styles import NEUTRAL_COLOR
from adaptive_optim.figures.tensors import RATE_TITLE

MAX_ROWS = 5_000


def plot_row_rates(
    counts: ArrayLike,
    rates: ArrayLike,
    *,
    alt: str,
    x_title: str = "look-ups of the row",
    labels: Sequence[str] | None = None,
) -> go.Figure:
    """Draw the effective rate of each row of a table against the number of its look-ups.

    Parameters
    ----------
    counts : array_like
        Look-ups of each row, ``(rows,)``.
    rates : array_like
        Effective rate of each row, such as the mean over its coordinates, ``(rows,)``; ``nan`` where it had no
        gradient. At most 5,000 rows.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    x_title : str
        Title of the horizontal axis.
    labels : sequence of str, optional
        Name of each row, shown on hover.

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
    if len(counts) > MAX_ROWS:
        raise ValueError(f"rates: have {len(counts):,} rows, must have at most {MAX_ROWS:,}; select some of them")
    drawn = np.flatnonzero(np.isfinite(rates) & (counts > 0))
    if not drawn.size:
        raise ValueError("rates: no row has both a rate and a look-up")
    fig = new_figure(alt, height=380)
    fig.add_trace(
        go.Scatter(
            x=rounded(counts[drawn]),
            y=rounded(rates[drawn]),
            text=[f"row {row}" if labels is None else labels[int(row)] for row in drawn],
            mode="markers",
            marker={"color": NEUTRAL_COLOR, "size": 5, "opacity": 0.6},
            showlegend=False,
            hovertemplate="%{text}: %{x} look-ups, rate %{y:.3g}<extra></extra>",
        )
    )
    missing = int(np.isnan(rates).sum())
    title = "one dot per row" + (f" ({missing:,}: no gradient yet)" if missing else "")
    add_panel_title(fig, title, 1)
    set_axis(fig, "x", 1, title=x_title, **log_axis(counts[drawn]))
    set_axis(fig, "y", 1, title=RATE_TITLE, **log_axis(rates[drawn]))
    return fig
