"""Run the experiments of all chapters, and record what the cells print and which values the text shows.

Arguments: the file to write, a name for the conditions, and for each replacement in a chapter the chapter's name,
the old text and the new text.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

from jupyter_cache import get_cache
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "book" / "_ext"))
import experiments  # noqa: E402

TIMEOUT = 1200  # seconds a cell
# A value in a chapter's text: {glue:text}`name` or {glue:text}`name:.2f`
SHOWN = re.compile(r"\{glue:text\}`([^`:]+)(?::([^`]*))?`")


def printed(cell: Any) -> str:
    """Return what a cell prints and its result as text; figures and glued values have no text."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            texts.append(output.text)
        elif output.output_type == "execute_result":
            texts.append(output.data.get("text/plain", ""))
    return "".join(texts).strip()


def glued(notebook: Any) -> dict[str, str]:
    """Return the values that a chapter glues."""
    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name:
                texts = [text for kind, text in output.data.items() if kind.endswith("text/plain")]
                found[name] = "".join(texts).strip("'")
    return found


def shown(text: str, values: dict[str, str]) -> dict[str, str]:
    """Return the values that a text shows, formatted as in the text."""
    found = {}
    for name, form in SHOWN.findall(text):
        if name in values:
            value = values[name]
            found[f"{name}:{form}" if form else name] = f"{float(value):{form}}" if form else value
    return found


def record(path: Path, notebook: Any) -> dict[str, Any]:
    """Return the output of each cell, with the cell's first line, and the values in the text."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {
        "cells": [[cell.source.strip().splitlines()[0], printed(cell)] for cell in cells],
        "shown": shown(path.read_text(encoding="utf-8"), glued(notebook)),
    }


def main(target: str, condition: str, *changes: str) -> int:
    """Write the record, and return 1 if an experiment failed."""
    os.environ["TQDM_DISABLE"] = "1"  # Progress bars are no results.
    chapters: dict[str, Any] = {}
    notebooks = {}
    cache = get_cache(ROOT / "_build" / "executed" / experiments.digest(ROOT))
    changed = {changes[i]: changes[i + 1 : i + 3] for i in range(0, len(changes), 3)}
    for path in sorted((ROOT / "book").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if changed and path.stem not in changed:
            continue
        if path.stem in changed:
            old, new = changed[path.stem]
            if old not in text:
                raise ValueError(f"{path}: has no {old!r}")
            text = text.replace(old, new)
        reader = create_nb_reader(str(path), MdParserConfig(), NbParserConfig(), text)
        if reader is None:
            continue
        notebook = reader.read(text)
        try:
            if condition != "usual":
                raise KeyError
            _, done = cache.merge_match_into_notebook(notebook)
            chapters[path.stem] = record(path, done)
            print(f"{path.stem}: taken from the built book", flush=True)
        except KeyError:
            notebooks[path] = notebook
    failed = False
    for run in experiments.Runner(TIMEOUT).run(notebooks):
        print(f"{run.path.stem}: {'failed' if run.failure else 'done'} in {run.seconds:.1f} s", flush=True)
        if run.failure:
            failed = True
            print(*run.failure, sep="\n", flush=True)
        else:
            chapters[run.path.stem] = record(run.path, run.notebook)
    result = {
        "condition": condition,
        "machine": experiments.machine(),
        "architecture": platform.machine(),
        "chapters": chapters,
    }
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text(json.dumps(result, indent=1, sort_keys=True, ensure_ascii=False), encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
