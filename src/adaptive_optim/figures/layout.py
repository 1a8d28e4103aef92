"""Layout that all figures share: size, axes, titles, legends and narrow screens."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

TEXT_COLOR = "#4a5560"
GRID_COLOR = "rgba(128,128,128,0.18)"


def new_figure(alt: str, height: int) -> go.Figure:
    """Return an empty figure with a text alternative."""
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt={alt!r}: must describe the figure")
    return go.Figure(
        layout={
            "template": "none",
            "height": height,
            "margin": {"l": 62, "r": 12, "t": 44, "b": 48},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": TEXT_COLOR},
            "hovermode": "closest",
            "dragmode": False,
            "bargap": 0.25,
            "bargroupgap": 0.06,
            "meta": {"alt": alt},
        }
    )


def axes_of(number: int) -> dict[str, str]:
    """Return the names of the two axes of a panel, which are numbered from 1."""
    suffix = "" if number == 1 else str(number)
    return {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}


def set_axis(fig: go.Figure, letter: str, number: int, **settings: Any) -> None:
    """Set the x or y axis of a panel: the defaults of the book, and further settings of Plotly."""
    suffix = "" if number == 1 else str(number)
    other = "y" if letter == "x" else "x"
    if settings.get("title"):
        settings["title"] = {"text": settings["title"], "standoff": 6}
    defaults = {
        "anchor": f"{other}{suffix}",
        "gridcolor": GRID_COLOR,
        "zeroline": False,
        "linecolor": GRID_COLOR,
        "ticks": "",
        "automargin": False,
        "fixedrange": True,
    }
    fig.layout[f"{letter}axis{suffix}"] = {**defaults, **settings}


def log_axis(*values: Any, floor: float | None = None) -> dict[str, Any]:
    """Return the settings of a log axis whose range contains the values, with plain numbers as tick labels."""
    drawn = np.concatenate([np.ravel(np.asarray(each, float)) for each in values])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    exponents = np.log10(drawn if drawn.size else [1.0])
    bottom = exponents.min() if floor is None else np.log10(floor)
    # A run that diverges may leave the range at the top, so the other runs stay readable.
    top = min(exponents.max(), np.median(exponents) + 12)
    pad = 0.04 * (top - bottom) + 0.02
    first, last = np.clip([np.floor(bottom - pad), np.ceil(top + pad)], -307, 307).astype(int)
    decades = range(first, last + 1)
    factors = (1, 2, 5) if top - bottom < 2.5 else (1,)
    ticks = [factor * 10.0**decade for decade in decades[:: len(decades) // 8 + 1] for factor in factors]
    return {
        "type": "log",
        "range": [float(bottom if floor is not None else bottom - pad), float(top + pad)],
        "tickvals": ticks,
        "ticktext": [tick_label(tick) for tick in ticks],
    }


def tick_label(value: float) -> str:
    """Return a number as text, with a power of ten if it is very small or large."""
    if 1e-4 < value < 1e6:
        return f"{value:,.4f}".rstrip("0").rstrip(".") if value < 1 else f"{value:,.0f}"
    exponent = int(np.floor(np.log10(value) + 1e-9))
    factor = round(value / 10.0**exponent)
    power = f"10<sup>{exponent}</sup>".replace("-", "−")
    return power if factor == 1 else f"{factor}·{power}"


def column_domain(number: int, count: int) -> list[float]:
    """Return the horizontal domain of a panel among several in a row."""
    gap = 0.12 if count > 1 else 0.0
    width = (1 - gap * (count - 1)) / count
    left = (number - 1) * (width + gap)
    return [round(left, 4), round(left + width, 4)]


def add_panel_title(fig: go.Figure, text: str, number: int) -> None:
    """Add a title above a panel."""
    axes = axes_of(number)
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


def place_legend_above(fig: go.Figure) -> None:
    """Place the legend above the panels."""
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


def stack_panels_on_narrow_screens(fig: go.Figure, count: int, height: int) -> None:
    """Store a layout for narrow screens, with the panels below each other."""
    if count == 1:
        return
    gap = 0.16
    panel_height = (1 - gap * (count - 1)) / count
    narrow: dict[str, Any] = {"height": height * count}
    for number in range(1, count + 1):
        suffix = "" if number == 1 else str(number)
        top = 1 - (number - 1) * (panel_height + gap)
        narrow[f"xaxis{suffix}.domain"] = [0, 1]
        narrow[f"yaxis{suffix}.domain"] = [round(top - panel_height, 4), round(top, 4)]
    fig.layout.meta["narrow"] = narrow
