"""Maps of the optimizer that wins most often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from adaptive_optim.figures.layout import (
    add_panel_title,
    axes_of,
    new_figure,
    place_legend_above,
    set_axis,
    tick_label,
)
from adaptive_optim.figures.points import rounded
from adaptive_optim.figures.styles import style, with_alpha
from adaptive_optim.intervals import Leader


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
    """Draw maps of the contestant that wins most often: one colour each, pale where its lead is not significant.

    Parameters
    ----------
    x, y : array_like
        Positions of the columns and rows of the map, evenly spaced on log scales.
    panels : mapping of str to Leader
        Result of each map by its title, ``(len(y), len(x))``. Maps are drawn below each other.
    labels : sequence of str
        Names of the contestants. A label that starts with the name of an optimizer has its colour.
    alt : str
        Text alternative of the figure, for readers who cannot see it.
    x_title, y_title : str
        Axis titles, with units.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    fig = new_figure(alt, height=90 + 150 * len(panels))
    colors = [style(label)["color"] for label in labels]
    # Positions instead of values, so that all cells have the same size.
    columns, rows = np.arange(len(x)), np.arange(len(y))
    decades = [i for i, exponent in enumerate(np.log10(x)) if abs(exponent - round(exponent)) < 0.02]
    panel_height = 1 / len(panels)
    for number, (title, result) in enumerate(panels.items(), 1):
        rows_of = axes_of(number)["yaxis"]
        intensities = np.where(result.significant, 1.0, 0.0)
        for i in np.unique(result.index[result.index >= 0]):
            label, color = labels[i], colors[i]
            fig.add_trace(
                go.Heatmap(
                    x=columns.tolist(),
                    y=rows.tolist(),
                    z=[rounded(row) for row in np.where(result.index == i, intensities, np.nan)],
                    text=np.char.mod("%.0f%%", 100 * result.proportion).tolist(),
                    colorscale=[[0, with_alpha(color, 0.35)], [1, with_alpha(color, 1)]],
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
        top = 1 - (number - 1) * panel_height
        set_axis(
            fig,
            "y",
            number,
            anchor="x",
            title=y_title,
            domain=[round(top - 0.85 * panel_height, 4), round(top - 0.05 * panel_height, 4)],
            tickvals=rows.tolist(),
            ticktext=[tick_label(float(value)) for value in y],
            showgrid=False,
        )
        add_panel_title(fig, title, number)
        fig.layout.annotations[-1].xref = "x domain"
    set_axis(
        fig,
        "x",
        1,
        anchor=rows_of,
        title=x_title,
        tickvals=decades,
        ticktext=[tick_label(float(x[i])) for i in decades],
        showgrid=False,
    )
    for label, color in zip(labels, colors, strict=True):
        line_style = {"symbol": "square", "size": 11, "color": color}
        fig.add_trace(
            go.Scatter(x=[None], y=[None], name=label, mode="markers", marker=line_style, hoverinfo="skip")
        )
    place_legend_above(fig)
    fig.layout.legend.y = 1.02
    return fig
