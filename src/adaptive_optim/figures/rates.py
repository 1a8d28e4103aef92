"""Effective rates over the steps."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.figures.layout import (
    add_panel_title,
    axes_of,
    column_domain,
    log_axis,
    new_figure,
    place_legend_above,
    set_axis,
    stack_panels_on_narrow_screens,
)
from adaptive_optim.figures.points import rounded, thin
from adaptive_optim.figures.rate_bars import DENSE_NAME, SPARSE_NAME
from adaptive_optim.figures.runs import Runs, legend_label, validate_runs
from adaptive_optim.figures.styles import line_styles


def plot_rates(runs: Runs, *, alt: str) -> go.Figure:
    """Draw the effective rates of both coordinates over the steps, with dots at gradients of the sparse one.

    Parameters
    ----------
    runs : mapping of str to Trajectory
        Single runs of two parameters, by label.
    alt : str
        Text alternative of the figure, for readers who cannot see it.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    validate_runs(runs)
    fig = new_figure(alt, height=400)
    for coordinate in (0, 1):
        axes = axes_of(coordinate + 1)
        for (label, run), line_style in zip(runs.items(), line_styles(runs), strict=True):
            rate = run.rates[:, coordinate]
            keep = thin(rate, 400)
            fig.add_trace(
                go.Scatter(
                    x=(keep + 1).tolist(),
                    y=rounded(rate[keep]),
                    name=legend_label(label, run),
                    legendgroup=label,
                    showlegend=coordinate == 0,
                    mode="lines",
                    hovertemplate="%{y:.3g}",
                    **line_style,
                    **axes,
                )
            )
            if coordinate == 1:
                active = np.flatnonzero(run.grads[:, 1])
                fig.add_trace(
                    go.Scatter(
                        x=(active + 1).tolist(),
                        y=rounded(rate[active]),
                        name=f"{label}: gradient here",
                        legendgroup=label,
                        showlegend=False,
                        mode="markers",
                        marker={"color": line_style["line"]["color"], "size": 5},
                        opacity=line_style["opacity"],
                        hovertemplate="step %{x}: %{y:.3g}",
                        **axes,
                    )
                )
        set_axis(fig, "x", coordinate + 1, title="step", domain=column_domain(coordinate + 1, 2))
        add_panel_title(fig, (DENSE_NAME, f"{SPARSE_NAME} (dots: it has a gradient)")[coordinate], coordinate + 1)
    scale = log_axis(*(run.rates for run in runs.values()))
    for coordinate in (0, 1):
        set_axis(fig, "y", coordinate + 1, title="effective learning rate", **scale)
    place_legend_above(fig)
    stack_panels_on_narrow_screens(fig, 2, height=300)
    return fig
