"""Offer each chapter as a Jupyter notebook without outputs, beside its source."""

from pathlib import Path
from typing import Any

import jupytext
from sphinx.application import Sphinx


def notebook(path: Path) -> str:
    """Return a MyST notebook as .ipynb, with the same names of cells each time."""
    chapter = jupytext.read(path, fmt="md:myst")
    for number, cell in enumerate(chapter.cells):
        cell["id"] = f"{path.stem}-{number}"
    return str(jupytext.writes(chapter, fmt="ipynb"))


def _offer(app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any) -> None:
    if "kernelspec" in app.env.metadata.get(page, {}):
        context["ipynb_source"] = f"{page}.ipynb"


def _write(app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any) -> None:
    if "ipynb_source" in context and app.builder.format == "html":
        target = Path(app.outdir, "_sources", context["ipynb_source"])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(notebook(Path(app.env.doc2path(page))), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # At 501 the theme makes its buttons, and for launch buttons also a notebook, whose cells have random names.
    app.connect("html-page-context", _offer, priority=500)
    app.connect("html-page-context", _write, priority=502)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
