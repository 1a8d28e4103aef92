"""One figure: Plotly's JSON, what it says without JavaScript, and the HTML that stands for it on a page."""

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

# The height that Plotly takes when a figure names none.
HEIGHT = 450
# The pictures of a figure: `wide-light` and so on, as `static/myst-nb-plotly.js` draws them.
THEMES = ("light", "dark")
WIDTHS = ("wide", "narrow")
MISSING = "–"

# Halves go up, as JavaScript rounds them.
_FOUR_DIGITS = Context(prec=4, rounding=ROUND_HALF_UP)
# Format characters of `struct` for the typed arrays in which plotly.py packs numbers.
_DTYPES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}


def digest(content: bytes) -> str:
    """Return a short name for some content."""
    return hashlib.sha256(content).hexdigest()[:16]


class Figure:
    """A figure as Plotly's JSON.

    Parameters
    ----------
    json : str
        What ``Figure.from_json`` made.

    Notes
    -----
    ``layout.meta`` may hold, besides what the author keeps there,

    - ``alt``: the text alternative;
    - ``narrow``: what to change in the layout on a narrow screen, as ``{"height": 700, "xaxis.domain": [0, 1]}``;
    - ``table``: the positions of the traces whose numbers are to be shown as a table, or True for all of them.
    """

    def __init__(self, json: str) -> None:
        self.json = json

    @classmethod
    def from_json(cls, content: dict[str, Any], alt: str | None = None) -> Figure:
        """Return the figure in a notebook's output; ``alt`` is its text alternative if it has none of its own."""
        # JSON has no NaN and no infinity; Plotly reads null as a missing value.
        content = json.loads(json.dumps(content), parse_constant=lambda name: None)
        layout = content.get("layout")
        content["layout"] = layout = layout if isinstance(layout, dict) else {}
        figure = cls(_written(content))
        if not alt or figure.alt:
            return figure
        layout["meta"] = {**figure.meta, "alt": alt}
        return cls(_written(content))

    @cached_property
    def content(self) -> dict[str, Any]:
        """The figure as Plotly takes it."""
        return dict(json.loads(self.json))

    @cached_property
    def digest(self) -> str:
        """A name that no other figure has."""
        return digest(self.json.encode())

    @property
    def layout(self) -> dict[str, Any]:
        """The figure's layout."""
        return dict(self.content["layout"])

    @property
    def meta(self) -> dict[str, Any]:
        """What the author keeps with the layout."""
        meta = self.layout.get("meta")
        return meta if isinstance(meta, dict) else {}

    @property
    def alt(self) -> str:
        """The text alternative; empty if there is none."""
        alt = self.meta.get("alt")
        return " ".join(alt.split()) if isinstance(alt, str) else ""

    @property
    def traces(self) -> list[dict[str, Any]]:
        """The figure's traces."""
        return [trace if isinstance(trace, dict) else {} for trace in self.content.get("data") or []]

    @property
    def trace_types(self) -> list[str]:
        """The types of traces that plotly.js has to know to draw the figure."""
        return sorted({trace.get("type") or "scatter" for trace in self.traces})

    @property
    def heights(self) -> tuple[float, float]:
        """The height on a wide and on a narrow screen, in px."""
        wide = _length(self.layout.get("height"), HEIGHT)
        narrow = self.meta.get("narrow")
        return wide, _length(narrow.get("height") if isinstance(narrow, dict) else None, wide)

    @property
    def script(self) -> str:
        """The figure as a script that hands it over: unlike JSON it can be loaded by a page that is a file."""
        # No byte outside ASCII, so no charset and no separator that ends a line; no "<", so nothing like a tag.
        text = self.json.replace("\\", "\\\\").replace("'", "\\'").replace("<", "\\x3c")
        return f"mystNbPlotly.receive('{self.digest}', '{text}');\n"

    @property
    def asks_for_missing_traces(self) -> bool:
        """Whether the table is to show what is no trace."""
        asked = self.meta.get("table")
        if isinstance(asked, bool | None):
            return False
        return not (isinstance(asked, list) and all(position in range(len(self.traces)) for position in asked))

    def table(self) -> tuple[list[str], list[list[str]]] | None:
        """Return head and rows of a figure's numbers if it asks for them: a row per point, a column per trace."""
        asked = self.meta.get("table")
        if not asked or self.asks_for_missing_traces:
            return None
        chosen = self.traces if asked is True else [self.traces[position] for position in asked]
        rows: dict[str, list[str]] = {}
        for column, trace in enumerate(chosen):
            along, value = ("y", "x") if trace.get("orientation") == "h" else ("x", "y")
            values = _numbers(trace.get(value))
            names = _numbers(trace.get(along)) or list(range(len(values)))
            words = trace.get("hovertext")
            for position, (name, number) in enumerate(zip(names, values, strict=False)):
                cells = rows.setdefault(_in_words(name), [MISSING] * len(chosen))
                # A missing value has words of its own, if the trace gives any.
                reason = words[position] if number is None and isinstance(words, list) else None
                cells[column] = str(reason) if reason else _in_words(number)
        head = [str(trace.get("name") or f"trace {column}") for column, trace in enumerate(chosen)]
        return head, [[name, *cells] for name, cells in rows.items()]


def _written(content: dict[str, Any]) -> str:
    # A run that was kept comes back in another order than a new one, and is the same figure.
    return json.dumps(content, separators=(",", ":"), sort_keys=True, allow_nan=False)


def figure_html(figure: Figure, *, folder: str, bundle: str, pictures: Path | None) -> str:
    """Return the HTML that stands for a figure.

    Parameters
    ----------
    figure : Figure
        The figure.
    folder : str
        Where the page finds the figures' data and pictures.
    bundle : str
        The name of plotly.js there.
    pictures : Path or None
        The figure's pictures if it has some.

    Returns
    -------
    str
        Controls, pictures, a place for the drawing, and the table if the figure asks for one. Everything has its
        final size from the start. ``static/myst-nb-plotly.js`` brings it to life.
    """
    wide, narrow = figure.heights
    parts = [
        _controls(figure.layout),
        f'<div class="plotly-box" style="--plotly-wide: {wide:g}px; --plotly-narrow: {narrow:g}px">',
    ]
    if pictures:
        for width, height in zip(WIDTHS, (wide, narrow), strict=True):
            for theme in THEMES:
                source = f"{folder}/{figure.digest}/{width}-{theme}.svg"
                parts.append(
                    f'<img class="plotly-picture plotly-{width} plotly-{theme}" src="{_quoted(source)}" '
                    f'alt="{_quoted(figure.alt)}" height="{height:g}" loading="lazy" decoding="async">'
                )
    parts.append(f'<div class="plotly-drawing" role="img" aria-label="{_quoted(figure.alt)}"></div>')
    if not pictures:
        parts.append(f"<noscript><p>{_quoted(figure.alt)} (This figure is drawn by JavaScript.)</p></noscript>")
    parts += ["</div>", _numbers_html(figure)]
    return (
        f'<div class="plotly-figure" data-figure="{figure.digest}" data-folder="{_quoted(folder)}" '
        f'data-bundle="{_quoted(bundle)}">{"".join(parts)}</div>\n'
    )


def _controls(layout: dict[str, Any]) -> str:
    """Return native controls for the sliders and menus of a layout."""
    controls = []
    for number, menu in _shown(layout.get("updatemenus")):
        buttons = _shown(menu.get("buttons"))
        active = menu.get("active", 0)
        if menu.get("type") == "buttons":
            for position, button in buttons:
                # A button that plays something is not "on" afterwards.
                has_state = menu.get("showactive", True) and button.get("method") != "animate"
                pressed = f' aria-pressed="{str(position == active).lower()}"' if has_state else ""
                controls.append(
                    f'<button type="button" data-menu="{number}" data-button="{position}"{pressed}>'
                    f"{_quoted(_label(button, position))}</button>"
                )
        elif buttons:
            options = "".join(
                f'<option value="{position}"{" selected" if position == active else ""}>'
                f"{_quoted(_label(button, position))}</option>"
                for position, button in buttons
            )
            label = _quoted(menu.get("name") or "Show")
            controls.append(
                f'<label class="plotly-menu">{label} <select data-menu="{number}" autocomplete="off">{options}'
                "</select></label>"
            )
    for number, slider in _shown(layout.get("sliders")):
        steps = _shown(slider.get("steps"))
        if not steps:
            continue
        current = slider.get("currentvalue") or {}
        words = [f"{_label(step, position)}{current.get('suffix') or ''}" for position, step in steps]
        active = min(max(int(slider.get("active") or 0), 0), len(steps) - 1)
        label = (current.get("prefix") or "").strip() or slider.get("name") or "Slider"
        # The same figure can stand on a page twice, so nothing here has an id.
        controls.append(
            f'<div class="plotly-slider"><span>{_quoted(label)}</span> '
            f'<output aria-live="off">{_quoted(words[active])}</output>'
            f'<input type="range" data-slider="{number}" min="0" max="{len(steps) - 1}" value="{active}" '
            f'aria-label="{_quoted(label)}" aria-valuetext="{_quoted(words[active])}" autocomplete="off" '
            f'data-words="{_quoted(json.dumps(words))}"></div>'
        )
    return f'<div class="plotly-controls">{"".join(controls)}</div>' if controls else ""


def _numbers_html(figure: Figure) -> str:
    table = figure.table()
    if not table:
        return ""
    head, rows = table
    columns = "".join(f'<th scope="col">{_quoted(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{_quoted(name)}</th>{"".join(f"<td>{_quoted(cell)}</td>" for cell in cells)}</tr>'
        for name, *cells in rows
    )
    # A reader who jumps from table to table has to tell them apart.
    seen = figure.alt.partition(". ")[0].removesuffix(".")
    name = f"The numbers of this figure{': ' if seen else ''}{seen}"
    return (
        '<details class="plotly-numbers"><summary>Show the numbers</summary>'
        f'<div class="plotly-scroll" tabindex="0" role="region" aria-label="{_quoted(name)}">'
        f"<table><thead><tr><td></td>{columns}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )


def _shown(entries: Any) -> list[tuple[int, dict[str, Any]]]:
    """Return the entries that are to be seen, each with its position."""
    entries = entries if isinstance(entries, list) else []
    return [(position, entry) for position, entry in enumerate(entries) if entry.get("visible", True)]


def _label(entry: dict[str, Any], position: int) -> str:
    label = entry.get("label")
    return str(position + 1 if label is None else label)


def _length(value: Any, default: float) -> float:
    return value if isinstance(value, int | float) and 0 < value < math.inf else default


def _numbers(values: Any) -> Sequence[Any]:
    """Return the values of one axis of a trace."""
    if isinstance(values, dict) and "bdata" in values:
        data, form = base64.b64decode(values["bdata"]), _DTYPES[values["dtype"].lstrip("<|")]
        values = [number if math.isfinite(number) else None for (number,) in struct.iter_unpack(f"<{form}", data)]
    return values if isinstance(values, list) else []


def _in_words(value: Any) -> str:
    # As `inWords` in the script: the table is written here first, and there when a control has moved the figure.
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


def _quoted(text: Any) -> str:
    # JSON can hold half a character, a page cannot.
    return html.escape(str(text).encode(errors="replace").decode())
