"""Effective rates over the steps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.figures.bands import band_trace
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
from adaptive_optim.figures.runs import Runs, coordinate_names, legend_label, validate_runs
from adaptive_optim.figures.styles import line_styles


def plot_rates(runs: Runs, *, alt: str, names: Sequence[str] | None = None) -> go.Figure:
    """Draw the effective rates over the steps.

    Two coordinates have a panel each, with dots at gradients of the second one. With more, or only one, each run
    has the median of the rates of its coordinates, in a band from the smallest to the largest rate.

    Parameters
    ----------
    runs : mapping of str to Trajectory
        Single runs of any number of parameters, by label.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    names : sequence of str, optional
        Names of two coordinates. The default is those of the shared problem, dense and sparse.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    validate_runs(runs)
    names = coordinate_names(runs, names)
    fig = new_figure(alt, height=400)
    if {run.params.shape[1] for run in runs.values()} != {2}:
        return _add_medians(fig, runs)
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
        add_panel_title(fig, (names[0], f"{names[1]} (dots: it has a gradient)")[coordinate], coordinate + 1)
    scale = log_axis(*(run.rates for run in runs.values()))
    for coordinate in (0, 1):
        set_axis(fig, "y", coordinate + 1, title="effective learning rate", **scale)
    place_legend_above(fig)
    stack_panels_on_narrow_screens(fig, 2, height=300)
    return fig


def _add_medians(fig: go.Figure, runs: Runs) -> go.Figure:
    for (label, run), line_style in zip(runs.items(), line_styles(runs), strict=True):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="All-NaN")  # a step before any gradient is a gap
            low, median, high = np.nanquantile(run.rates, [0, 0.5, 1], axis=1)
        keep = thin(median, 400)
        fig.add_trace(band_trace(label, keep + 1, low[keep], high[keep], line_style["line"]["color"]))
        fig.add_trace(
            go.Scatter(
                x=(keep + 1).tolist(),
                y=rounded(median[keep]),
                name=legend_label(label, run),
                legendgroup=label,
                mode="lines",
                hovertemplate="median %{y:.3g}",
                **line_style,
            )
        )
    scale = log_axis(*(run.rates for run in runs.values()))
    set_axis(fig, "x", 1, title="step")
    set_axis(fig, "y", 1, title="effective learning rate", **scale)
    add_panel_title(fig, "line: median of the coordinates, band: smallest to largest", 1)
    place_legend_above(fig)
    return fig
