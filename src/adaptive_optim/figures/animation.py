"""Parts of animated figures."""

from __future__ import annotations

from typing import Any

WITHOUT_TRANSITION = {
    "mode": "immediate",
    "frame": {"duration": 0, "redraw": False},
    "transition": {"duration": 0},
}


def animated_properties(trace: Any) -> dict[str, Any]:
    """Return the properties of a trace that differ from frame to frame."""
    full = trace.to_plotly_json()
    moving = {key: full[key] for key in ("type", "x", "y", "text", "hovertext") if key in full}
    lists = {key: full.get("marker", {}).get(key) for key in ("size", "symbol")}
    marker = {key: value for key, value in lists.items() if isinstance(value, list)}
    return {**moving, "marker": marker} if marker else moving
