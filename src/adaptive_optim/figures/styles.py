"""Colours, dashes and line styles of the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adaptive_optim.optimizers import OPTIMIZERS

# Readable on a white and on a dark page, and distinguishable for colour-blind readers. Violet instead of ochre,
# which is too similar to orange for them.
COLORS = ("#786cfc", "#b5609a", "#00936b", "#1f77c4", "#d55e00")
DASHES = ("dot", "dashdot", "solid", "dash", "16px,3px")
STYLES = {
    optimizer.__name__: {"color": color, "dash": dash}
    for optimizer, color, dash in zip(OPTIMIZERS, COLORS, DASHES, strict=True)
}
NEUTRAL_COLOR = "#74808b"


def style(label: str) -> dict[str, Any]:
    """Return colour and dash of the optimizer whose name starts the label, or else the neutral style."""
    name = label.replace(",", " ").split()[0] if label.strip() else ""
    return STYLES.get(name, {"color": NEUTRAL_COLOR, "dash": "solid"})


def line_styles(labels: Sequence[str] | Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return line and opacity of each label, such that no two labels have the same style.

    Lines of the same optimizer differ in opacity, which increases with their order. Neutral lines differ in dashes.
    """
    styles = [style(label) for label in labels]
    result = []
    for position, own in enumerate(styles):
        total, before = styles.count(own), styles[:position].count(own)
        opacity, dash = 1.0, own["dash"]
        if own["color"] == NEUTRAL_COLOR:
            dash = ("solid", "dash", "dot", "longdashdot")[before % 4]
        elif total > 1:
            opacity = round(0.55 + 0.45 * before / (total - 1), 2)
        result.append({"line": {"color": own["color"], "dash": dash, "width": 2}, "opacity": opacity})
    return result


def with_alpha(color: str, alpha: float) -> str:
    """Return a hexadecimal colour as ``rgba`` with an opacity."""
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
