"""Histograms of the effective rates of the layers of a model."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.figures.layout import add_panel_title, axes_of, log_axis, new_figure, set_axis
from adaptive_optim.figures.points import rounded
from adaptive_optim.figures.styles import NEUTRAL_COLOR, with_alpha
from adaptive_optim.figures.tensors import RATE_TITLE, percentage, tensor_title, validate_tensor_count
from adaptive_optim.inspection import RateHistogram


def plot_rate_histogram(histogram: RateHistogram, *, alt: str) -> go.Figure:
    """Draw the histogram of the effective rates of each parameter tensor, below each other.

    Parameters
    ----------
    histogram : RateHistogram
        Histograms of at most 12 tensors.
    alt : str
        Text alternative of the figure, for readers who cannot see it.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If there are more than 12 tensors or none.
    """
    names = list(histogram.shares)
    validate_tensor_count("histogram", names)
    edges = np.asarray(histogram.edges, float)
    fig = new_figure(alt, height=90 + 80 * len(names))
    row_height = 1 / len(names)
    for number, name in enumerate(names, 1):
        shares = np.asarray(histogram.shares[name], float)
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
                yaxis=axes_of(number)["yaxis"],
            )
        )
        top = 1 - (number - 1) * row_height
        largest = float(shares.max())
        set_axis(
            fig,
            "y",
            number,
            anchor="x",
            domain=[round(top - 0.9 * row_height, 4), round(top - 0.3 * row_height, 4)],
            range=[0, 1.02 * largest if largest else 1],
            tickvals=[0, largest] if largest else [],
            ticktext=["0", percentage(largest)] if largest else [],
            title="share" if number == 1 else None,
            showgrid=False,
        )
        add_panel_title(fig, tensor_title(name, histogram.no_gradient[name]), number)
        fig.layout.annotations[-1].xref = "x domain"
    scale = {**log_axis(edges), "range": np.log10(edges[[0, -1]]).tolist()}
    set_axis(fig, "x", 1, anchor=axes_of(len(names))["yaxis"], title=RATE_TITLE, **scale)
    fig.layout.margin.t = 8
    return fig
