"""Print the whole book as one PDF: all pages in one, by a Chromium. ``make pdf`` asks for it."""

from __future__ import annotations

import base64
import hashlib
import os
import posixpath
import shutil
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from myst_nb_plotly.chromium import Chromium

# The tag of pages that link to the PDF, and the variable of the environment that sets it.
TAG, VARIABLE = "whole_book", "WHOLE_BOOK"
BEGIN, END = '<article class="bd-article">', "</article>"

logger = logging.getLogger(__name__)


def _update(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Return the page that links to the PDF when the PDF is added or removed."""
    before = getattr(env, "whole_book", None)
    env.whole_book = TAG in app.tags  # type: ignore[attr-defined]
    return [] if before == env.whole_book else [app.config.root_doc]  # type: ignore[attr-defined]


def _assemble(app: Sphinx, folder: str) -> str:
    """Return all pages as one. Its script moves ids and links (whole_book.html)."""
    parts = [
        (toctree["caption"], [page for _, page in toctree["entries"]])
        for toctree in app.env.get_doctree(app.config.root_doc).findall(addnodes.toctree)
    ]
    pages = [app.config.root_doc, *chain.from_iterable(names for _, names in parts)]
    texts = {page: Path(app.outdir, f"{page}.html").read_text(encoding="utf-8") for page in pages}
    context = {
        "title": app.config.html_title,
        "author": app.config.author,
        "address": app.config.html_baseurl,
        "site": folder,
        "parts": parts,
        "titles": {page: app.env.titles[page].astext() for page in pages},
        "chapters": {page: text.partition(BEGIN)[2].partition(END)[0] for page, text in texts.items()},
    }
    return str(app.builder.templates.render("whole_book.html", context))


def _print(app: Sphinx, exception: Exception | None) -> None:
    """Print the pages, unless neither they nor their style have changed since the last time."""
    if exception is not None or app.builder.format != "html":
        return
    target = Path(app.outdir, f"{nodes.make_id(app.config.html_title)}.pdf")
    target.unlink(missing_ok=True)
    if TAG not in app.tags:
        return
    store = Path(app.outdir).parent / ".whole-book"
    html = _assemble(app, posixpath.relpath(Path(app.outdir).as_posix(), store.as_posix()))
    style = Path(app.outdir, "_static", "site.css").read_bytes()
    printed = store / f"{hashlib.sha256(html.encode() + style).hexdigest()[:16]}.pdf"
    if not printed.is_file():
        logger.info("printing the whole book...")
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir()
        page, unfinished = store / "book.html", store / "unfinished.pdf"
        page.write_text(html, encoding="utf-8")
        with Chromium() as chromium:
            chromium.open(page)
            options = ("preferCSSPageSize", "printBackground", "generateTaggedPDF", "generateDocumentOutline")
            answer = chromium.send("Page.printToPDF", timeout=600, **dict.fromkeys(options, True))
        unfinished.write_bytes(base64.b64decode(answer["data"]))
        unfinished.rename(printed)
    shutil.copyfile(printed, target)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    if os.environ.get(VARIABLE):
        app.tags.add(TAG)
    app.connect("env-updated", _update)
    # After page_assets (900), which makes the style sheet.
    app.connect("build-finished", _print, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
