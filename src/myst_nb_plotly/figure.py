"""A Plotly figure: its JSON, its text alternative and table, and its HTML on a page."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import struct
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context
from functools import cached_property
from pathlib import Path
from typing import Any

# Plotly's default, in px.
DEFAULT_HEIGHT = 450
# Pictures are named by width and theme, such as "wide-light". `renderPictures` in the script uses the same names.
WIDTHS = ("wide", "narrow")
THEMES = ("light", "dark")
MISSING = "–"

# JavaScript's `toPrecision` rounds halves up, too.
_FOUR_DIGITS = Context(prec=4, rounding=ROUND_HALF_UP)
# plotly.py encodes arrays of numbers with these dtypes; the values are the format characters of `struct`.
_STRUCT_FORMATS = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}


def digest(content: bytes) -> str:
    """Return a short hash of the content."""
    return hashlib.sha256(content).hexdigest()[:16]


class Figure:
    """A Plotly figure.

    Parameters
    ----------
    json : str
        The figure as written by ``Figure.from_dict``.

    Notes
    -----
    Three entries of ``layout.meta`` have a meaning:

    - ``alt``: the text alternative;
    - ``narrow``: changes to the layout on a narrow screen, such as ``{"height": 700, "xaxis.domain": [0, 1]}``;
    - ``table``: the positions of the traces to show as a table, or True for all traces.
    """

    def __init__(self, json: str) -> None:
        self.json = json

    @classmethod
    def from_dict(cls, content: dict[str, Any], alt: str | None = None) -> Figure:
        """Return the figure in a notebook's output; ``alt`` is used if the figure has no text alternative."""
        # JSON has no NaN and no infinity. Plotly reads null as a missing value.
        content = json.loads(json.dumps(content), parse_constant=lambda name: None)
        layout = content.get("layout")
        content["layout"] = layout = layout if isinstance(layout, dict) else {}
        figure = cls(_canonical_json(content))
        if not alt or figure.alt:
            return figure
        layout["meta"] = {**figure.meta, "alt": alt}
        return cls(_canonical_json(content))

    @cached_property
    def content(self) -> dict[str, Any]:
        """The figure as a dictionary."""
        return dict(json.loads(self.json))

    @cached_property
    def digest(self) -> str:
        """The hash that identifies the figure."""
        return digest(self.json.encode())

    @property
    def layout(self) -> dict[str, Any]:
        """The layout."""
        return dict(self.content["layout"])

    @property
    def meta(self) -> dict[str, Any]:
        """The author's metadata in the layout."""
        meta = self.layout.get("meta")
        return meta if isinstance(meta, dict) else {}

    @property
    def alt(self) -> str:
        """The text alternative, or an empty string."""
        alt = self.meta.get("alt")
        return " ".join(alt.split()) if isinstance(alt, str) else ""

    @property
    def traces(self) -> list[dict[str, Any]]:
        """The traces."""
        return [trace if isinstance(trace, dict) else {} for trace in self.content.get("data") or []]

    @property
    def trace_types(self) -> list[str]:
        """The trace types that plotly.js must support to draw the figure."""
        return sorted({trace.get("type") or "scatter" for trace in self.traces})

    @property
    def heights(self) -> tuple[float, float]:
        """The heights on a wide and on a narrow screen, in px."""
        wide = _height(self.layout.get("height"), DEFAULT_HEIGHT)
        narrow = self.meta.get("narrow")
        return wide, _height(narrow.get("height") if isinstance(narrow, dict) else None, wide)

    @property
    def script(self) -> str:
        """A script that passes the figure to the page; a page opened as a file can load scripts, but not JSON."""
        # The JSON is ASCII, so the charset does not matter. Without "<" it contains no HTML tags.
        text = self.json.replace("\\", "\\\\").replace("'", "\\'").replace("<", "\\x3c")
        return f"mystNbPlotly.receive('{self.digest}', '{text}');\n"

    @property
    def has_invalid_table(self) -> bool:
        """Whether ``layout.meta["table"]`` is neither a boolean nor a list of positions of traces."""
        table = self.meta.get("table")
        if isinstance(table, bool | None):
            return False
        return not (isinstance(table, list) and all(position in range(len(self.traces)) for position in table))

    def table(self) -> tuple[list[str], list[list[str]]] | None:
        """Return head and rows of the table (a row per point, a column per trace), or None if there is none."""
        table = self.meta.get("table")
        if not table or self.has_invalid_table:
            return None
        traces = self.traces if table is True else [self.traces[position] for position in table]
        rows: dict[str, list[str]] = {}
        for column, trace in enumerate(traces):
            label_axis, value_axis = ("y", "x") if trace.get("orientation") == "h" else ("x", "y")
            values = _axis_values(trace.get(value_axis))
            labels = _axis_values(trace.get(label_axis)) or list(range(len(values)))
            hovertext = trace.get("hovertext")
            for position, (label, value) in enumerate(zip(labels, values, strict=False)):
                cells = rows.setdefault(_format_value(label), [MISSING] * len(traces))
                # The hover text of a missing value says why it is missing.
                reason = hovertext[position] if value is None and isinstance(hovertext, list) else None
                cells[column] = str(reason) if reason else _format_value(value)
        head = [str(trace.get("name") or f"trace {column}") for column, trace in enumerate(traces)]
        return head, [[label, *cells] for label, cells in rows.items()]


def _canonical_json(content: dict[str, Any]) -> str:
    # Keys from the execution cache come in another order; sorting them keeps the digest of the figure.
    return json.dumps(content, separators=(",", ":"), sort_keys=True, allow_nan=False)


def figure_html(figure: Figure, *, folder: str, bundle: str, pictures: Path | None) -> str:
    """Return the HTML of a figure.

    Parameters
    ----------
    figure : Figure
        The figure.
    folder : str
        The URL of the folder with the data and pictures of the figures, relative to the page.
    bundle : str
        The name of plotly.js in that folder.
    pictures : Path or None
        The figure's pictures, or None if they are not rendered.

    Returns
    -------
    str
        Controls, pictures, an empty element for Plotly, and the table if there is one. Each has its final size, so
        nothing moves when ``static/myst-nb-plotly.js`` makes the figure interactive.
    """
    wide, narrow = figure.heights
    parts = [
        _controls_html(figure.layout),
        f'<div class="plotly-box" style="--plotly-wide: {wide:g}px; --plotly-narrow: {narrow:g}px">',
    ]
    if pictures:
        for width, height in zip(WIDTHS, (wide, narrow), strict=True):
            for theme in THEMES:
                source = f"{folder}/{figure.digest}/{width}-{theme}.svg"
                parts.append(
                    f'<img class="plotly-picture plotly-{width} plotly-{theme}" src="{_escape(source)}" '
                    f'alt="{_escape(figure.alt)}" height="{height:g}" loading="lazy" decoding="async">'
                )
    parts.append(f'<div class="plotly-drawing" role="img" aria-label="{_escape(figure.alt)}"></div>')
    if not pictures:
        parts.append(f"<noscript><p>{_escape(figure.alt)} (This figure is drawn by JavaScript.)</p></noscript>")
    parts += ["</div>", _table_html(figure)]
    return (
        f'<div class="plotly-figure" data-figure="{figure.digest}" data-folder="{_escape(folder)}" '
        f'data-bundle="{_escape(bundle)}">{"".join(parts)}</div>\n'
    )


def _controls_html(layout: dict[str, Any]) -> str:
    """Return native controls for the menus and sliders of a layout."""
    controls = []
    for number, menu in _visible(layout.get("updatemenus")):
        buttons = _visible(menu.get("buttons"))
        active = menu.get("active", 0)
        if menu.get("type") == "buttons":
            for position, button in buttons:
                # A button that starts an animation does not stay pressed.
                has_state = menu.get("showactive", True) and button.get("method") != "animate"
                pressed = f' aria-pressed="{str(position == active).lower()}"' if has_state else ""
                controls.append(
                    f'<button type="button" data-menu="{number}" data-button="{position}"{pressed}>'
                    f"{_escape(_label(button, position))}</button>"
                )
        elif buttons:
            options = "".join(
                f'<option value="{position}"{" selected" if position == active else ""}>'
                f"{_escape(_label(button, position))}</option>"
                for position, button in buttons
            )
            label = _escape(menu.get("name") or "Show")
            controls.append(
                f'<label>{label} <select data-menu="{number}" autocomplete="off">{options}</select></label>'
            )
    for number, slider in _visible(layout.get("sliders")):
        steps = _visible(slider.get("steps"))
        if not steps:
            continue
        current = slider.get("currentvalue") or {}
        texts = [f"{_label(step, position)}{current.get('suffix') or ''}" for position, step in steps]
        active = min(max(int(slider.get("active") or 0), 0), len(steps) - 1)
        label = (current.get("prefix") or "").strip() or slider.get("name") or "Slider"
        # No ids: a page can show the same figure twice.
        controls.append(
            f'<div class="plotly-slider"><span>{_escape(label)}</span> '
            f'<output aria-live="off">{_escape(texts[active])}</output>'
            f'<input type="range" data-slider="{number}" min="0" max="{len(steps) - 1}" value="{active}" '
            f'aria-label="{_escape(label)}" aria-valuetext="{_escape(texts[active])}" autocomplete="off" '
            f'data-value-texts="{_escape(json.dumps(texts))}"></div>'
        )
    return f'<div class="plotly-controls">{"".join(controls)}</div>' if controls else ""


def _table_html(figure: Figure) -> str:
    table = figure.table()
    if not table:
        return ""
    head, rows = table
    columns = "".join(f'<th scope="col">{_escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{_escape(label)}</th>{"".join(f"<td>{_escape(cell)}</td>" for cell in cells)}</tr>'
        for label, *cells in rows
    )
    # Screen readers list tables by name, so each needs its own.
    summary = figure.alt.partition(". ")[0].removesuffix(".")
    name = f"The numbers of this figure{': ' if summary else ''}{summary}"
    return (
        '<details class="plotly-numbers"><summary>Show the numbers</summary>'
        f'<div class="plotly-scroll" tabindex="0" role="region" aria-label="{_escape(name)}">'
        f"<table><thead><tr><td></td>{columns}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )


def _visible(entries: Any) -> list[tuple[int, dict[str, Any]]]:
    """Return the visible entries, each with its position."""
    entries = entries if isinstance(entries, list) else []
    return [(position, entry) for position, entry in enumerate(entries) if entry.get("visible", True)]


def _label(entry: dict[str, Any], position: int) -> str:
    label = entry.get("label")
    return str(position + 1 if label is None else label)


def _height(value: Any, default: float) -> float:
    return value if isinstance(value, int | float) and 0 < value < math.inf else default


def _axis_values(values: Any) -> Sequence[Any]:
    """Return the values of one axis of a trace as a list."""
    if isinstance(values, dict) and "bdata" in values:
        data, code = base64.b64decode(values["bdata"]), _STRUCT_FORMATS[values["dtype"].lstrip("<|")]
        values = [number if math.isfinite(number) else None for (number,) in struct.iter_unpack(f"<{code}", data)]
    return values if isinstance(values, list) else []


def _format_value(value: Any) -> str:
    # `formatValue` in the script gives the same text, so the table looks the same after an update.
    if value is None:
        return MISSING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if value == 0:
        return "0"  # also for -0.0
    rounded = float(_FOUR_DIGITS.create_decimal(value))
    if 1e-4 <= abs(value) < 1e6:
        return f"{rounded:.10g}"
    digits, exponent = f"{rounded:.3e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def _escape(text: Any) -> str:
    # JSON can contain an unpaired surrogate, which UTF-8 cannot encode.
    return html.escape(str(text).encode(errors="replace").decode())
