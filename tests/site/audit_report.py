"""Write the results of the audit: a table for the terminal, a page and a JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path

MAX_LINE_LENGTH = 300  # in the log


@dataclass(frozen=True)
class Cell:
    """The result of a check of a page, and the problems that it found."""

    shown: str
    problems: list[str] = field(default_factory=list)
    unknown: bool = False  # the check could not run: reported, but no fault

    @property
    def state(self) -> str:
        return "bad" if self.problems else "unknown" if self.unknown else "good"


Row = dict[str, Cell]
Rows = dict[str, Row]


def count(problems: Iterable[str]) -> Cell:
    """Return a cell that shows the number of problems."""
    listed = list(problems)
    return Cell(str(len(listed)), listed)


def is_green(*parts: Rows) -> bool:
    """Return whether something was checked and nothing is wrong."""
    cells = [cell for rows in parts for row in rows.values() for cell in row.values()]
    return bool(cells) and all(cell.state != "bad" for cell in cells)


def columns_of(rows: Rows) -> list[str]:
    """Return the names of all checks, in their order."""
    return list(dict.fromkeys(name for row in rows.values() for name in row))


def table(rows: Rows, first: str) -> str:
    """Return the rows as a table of text. An exclamation mark stands after each fault."""
    columns = columns_of(rows)
    marks = {"bad": "!", "unknown": "?", "good": ""}

    def text(cell: Cell | None) -> str:
        return "-" if cell is None else cell.shown + marks[cell.state]

    lines = [
        [first, *columns],
        *([name, *(text(row.get(column)) for column in columns)] for name, row in rows.items()),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def faults(rows: Rows) -> list[str]:
    """Return a line for each cell with a fault, with its first problem, for the log."""
    return [
        f"{name}, {column}: {cell.problems[0]}"[:MAX_LINE_LENGTH]
        for name, row in rows.items()
        for column, cell in row.items()
        if cell.state == "bad"
    ]


STYLE = """
:root { color-scheme: light dark; --line: #8885; --good: light-dark(#0a6b3d, #6fd6a0);
        --bad: light-dark(#b3261e, #ff9d94); --unknown: light-dark(#5c5c5c, #b5b5b5); }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 100rem; padding: 0 1rem;
       background: light-dark(#fff, #16181c); color: light-dark(#1a1a1a, #e8e8e8); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
thead th { vertical-align: bottom; font-size: .9rem; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; } .unknown { color: var(--unknown); }
details[open] { min-width: 24rem; }
li { color: light-dark(#1a1a1a, #e8e8e8); font-weight: 400; overflow-wrap: anywhere; }
summary { cursor: pointer; } :focus-visible { outline: 3px solid Highlight; }
"""


def page(titled: dict[str, Rows], summary: str) -> str:
    """Return the report as an HTML page. Each cell with a fault opens to show its problems."""
    signs = {"good": "✓", "bad": "✗", "unknown": "?"}

    def html(cell: Cell | None) -> str:
        if cell is None:
            return "<td>–</td>"
        shown = f"{signs[cell.state]} {escape(cell.shown)}"
        if cell.problems:
            faults = "".join(f"<li>{escape(problem)}</li>" for problem in cell.problems)
            shown = f"<details><summary>{shown}</summary><ul>{faults}</ul></details>"
        return f'<td class="{cell.state}">{shown}</td>'

    parts = []
    for title, rows in titled.items():
        columns = columns_of(rows)
        head = "<td></td>" + "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
        body = "".join(
            f'<tr><th scope="row">{escape(name)}</th>{"".join(html(row.get(column)) for column in columns)}</tr>'
            for name, row in rows.items()
        )
        parts.append(
            f'<h2>{escape(title)}</h2><div class="scroll" tabindex="0" role="region" aria-label="{escape(title)}">'
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Audit of the site</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><main><h1>Audit of the site</h1><p>{escape(summary)}</p>{''.join(parts)}</main></body></html>\n"
    )


def write(folder: Path, titled: dict[str, Rows], summary: str) -> None:
    """Write the report as audit.json and index.html."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        title: {
            name: {column: {"state": cell.state, **asdict(cell)} for column, cell in row.items()}
            for name, row in rows.items()
        }
        for title, rows in titled.items()
    }
    (folder / "audit.json").write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
    (folder / "index.html").write_text(page(titled, summary), encoding="utf-8")
