"""Colours, dashes and line styles of the figures.

The five optimizers of the book have the styles in ``STYLES``. Any other optimizer has its own style if it is a
subclass of ``OptimizerBase`` with the class attributes ``color`` and ``dash``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from adaptive_optim.optimizers import OPTIMIZERS, OptimizerBase
from adaptive_optim.trajectory import Trajectory

# Readable on a white and on a dark page, and distinguishable for colour-blind readers. Violet instead of ochre,
# which is too similar to orange for them.
COLORS = ("#786cfc", "#b5609a", "#00936b", "#1f77c4", "#d55e00")
DASHES = ("dot", "dashdot", "solid", "dash", "16px,3px")
STYLES = {
    optimizer.__name__: {"color": color, "dash": dash}
    for optimizer, color, dash in zip(OPTIMIZERS, COLORS, DASHES, strict=True)
}
NEUTRAL_COLOR = "#74808b"


def style(label: str, values: Any = None) -> dict[str, Any]:
    """Return colour and dash of a label.

    If the values are a run, and its optimizer has a colour of its own, they are those of the optimizer. Otherwise
    they are those of the optimizer whose name starts the label: ``Adam, slow`` and ``Adam (slow)`` have the style
    of ``Adam``, ``AdamW`` and ``My Adam`` do not. All other labels have the neutral style.
    """
    if isinstance(values, Trajectory) and getattr(values.optimizer, "color", None) is not None:
        return _own_style(type(values.optimizer))
    match = re.match(r"\s*(\w+)", label)
    name = match[1] if match else ""
    if name in STYLES:
        return STYLES[name]
    # The last one, because a class that is defined again in a notebook replaces the first one.
    for optimizer in reversed(list(_subclasses(OptimizerBase))):
        if optimizer.__name__ == name and optimizer.color is not None:
            return _own_style(optimizer)
    return {"color": NEUTRAL_COLOR, "dash": "solid"}


def _subclasses(base: Any) -> Iterator[Any]:
    for each in base.__subclasses__():
        yield each
        yield from _subclasses(each)


def _own_style(optimizer: Any) -> dict[str, Any]:
    color, dash = optimizer.color, getattr(optimizer, "dash", None)
    if not isinstance(color, str) or not re.fullmatch("#[0-9a-fA-F]{6}", color):
        raise ValueError(f"{optimizer.__name__}.color={color!r}: must be a colour #rrggbb")
    return {"color": color, "dash": "solid" if dash is None else dash}


def line_styles(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return line and opacity of the label of each run, or of other values, such that no two have the same style.

    Lines of the same optimizer differ in opacity, which increases with their order. Neutral lines differ in dashes.
    """
    styles = [style(label, each) for label, each in values.items()]
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
