"""Each chapter as a Jupyter notebook, beside its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jupytext
from sphinx.application import Sphinx


def notebook(path: Path, introduction: str) -> str:
    """Return a MyST notebook as .ipynb, without outputs and always the same; the introduction comes first."""
    chapter = jupytext.read(path, fmt="md:myst")
    first = {"cell_type": "markdown", "metadata": {}, "source": introduction}
    chapter.cells.insert(0, type(chapter.cells[0])(first))
    for number, cell in enumerate(chapter.cells):
        cell["id"] = f"{path.stem}-{number}"
    return str(jupytext.writes(chapter, fmt="ipynb"))


def introduction(title: str, book: str, address: str | None, repository: str, version: str) -> str:
    """Return what the notebook of a chapter says first: where it comes from, and what it needs."""
    chapter = f"[{title}]({address})" if address else title
    if repository:
        needs, command = "", f'pip install "adaptive-optimizers-book[reader] @ git+{repository}@{version}"'
    else:
        needs, command = ", in a copy of the book's repository", 'pip install ".[reader]"'
    return (
        f"*{chapter}* is a chapter of the book *{book}*. References, and the numbers in its text, stand on the "
        f"book's page only. To run the code, install what it needs{needs}:\n\n"
        f"```\n{command}\n```"
    )


def _is_notebook(app: Sphinx, page: str) -> bool:
    return app.builder.format == "html" and "kernelspec" in app.env.metadata.get(page, {})


def _offer(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if _is_notebook(app, pagename):
        context["ipynb_source"] = f"{pagename}.ipynb"


def _write(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if not _is_notebook(app, pagename):
        return
    options = app.config.html_theme_options
    words = introduction(
        app.env.titles[pagename].astext(),
        app.config.html_title,
        context["pageurl"],
        options["repository_url"],
        options.get("repository_branch", ""),
    )
    target = Path(app.outdir, "_sources", f"{pagename}.ipynb")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(notebook(Path(app.env.doc2path(pagename)), words), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # In between, at 501, the theme makes the download buttons. With launch buttons it also writes a notebook, whose
    # cells have other names each time.
    app.connect("html-page-context", _offer, priority=500)
    app.connect("html-page-context", _write, priority=502)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
