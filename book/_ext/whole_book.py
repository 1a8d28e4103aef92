"""The whole book as one PDF: its pages one after the other, printed by a Chromium. ``make pdf`` asks for it."""

from __future__ import annotations

import base64
import hashlib
import os
import posixpath
import re
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
TAG, WANTED = "whole_book", "WHOLE_BOOK"
# Other pictures of a figure than the one for paper.
OTHER_PICTURE = re.compile(r'<img class="plotly-picture (?!plotly-wide plotly-light)[^>]*>')
ADDRESS = re.compile(r'(?<= )(id|href|src)="([^"]*)"')
STYLE = re.compile(r'<link rel="stylesheet"[^>]* href="([^"?]*)')
# What a PDF says of the moment when it was made, and of how many nodes the browser had made before.
DATE, NODE = re.compile(rb"\(D:\d{14}\+00'00'\)"), re.compile(rb"\(node(\d{8})\)")
A_DATE = b"(D:20000101000000+00'00')"

logger = logging.getLogger(__name__)


def chapter(html: str, page: str, pages: set[str], folder: str, home: str) -> str:
    """Return the content of a page for a place where all pages stand, with links to where they now lead.

    Parameters
    ----------
    html : str
        The page.
    page : str
        Its name, such as ``book/adam``.
    pages : set of str
        The names of all pages.
    folder : str
        Where the site's files are, seen from that place.
    home : str
        Where the site will be read, or "" if nobody knows.
    """
    start = html.index('<article class="bd-article">')
    content = html[start : html.index("</article>", start)] + "</article>"
    content = OTHER_PICTURE.sub("", content).replace(' loading="lazy"', "")
    here = posixpath.dirname(page)

    def moved(found: re.Match[str]) -> str:
        name, value = found.groups()
        if name == "id":
            return f'id="{page}#{value}"'
        if re.match("[a-z]+:", value):
            return found[0]
        path, _, anchor = value.partition("#")
        target = posixpath.normpath(posixpath.join(here, path)) if path else f"{page}.html"
        if name == "href" and target.removesuffix(".html") in pages:
            # What an anchor with a value sets is a state of the live demo, and no place.
            place = f"#{anchor}" if anchor and "=" not in anchor else ""
            return f'href="#{target.removesuffix(".html")}{place}"'
        # What is not in the PDF is on the site.
        return f'src="{folder}/{target}"' if name == "src" else f'href="{home}{target}"' if home else ""

    return f'<div class="chapter" id="{page}">{ADDRESS.sub(moved, content)}</div>'


def settled(pdf: bytes) -> bytes:
    """Return a PDF without what differs from one printing to the next."""
    nodes = sorted(set(NODE.findall(pdf)))
    names = {old: b"(node%08d)" % new for new, old in enumerate(nodes)}
    return DATE.sub(A_DATE, NODE.sub(lambda found: names[found[1]], pdf))


def _file(app: Sphinx) -> Path:
    return Path(app.outdir, f"{nodes.make_id(app.config.html_title)}.pdf")


def _update(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Return the page that links to the PDF when that comes or goes."""
    before = getattr(env, "whole_book", None)
    env.whole_book = TAG in app.tags  # type: ignore[attr-defined]
    return [] if before == env.whole_book else [app.config.root_doc]  # type: ignore[attr-defined]


def _print(app: Sphinx, exception: Exception | None) -> None:
    """Print the built pages, unless they have not changed since the last time."""
    if exception is not None or app.builder.format != "html":
        return
    store = Path(app.outdir).parent / ".whole-book"
    target = _file(app)
    if TAG not in app.tags:
        target.unlink(missing_ok=True)
        return
    site = Path(app.outdir)
    folder = os.path.relpath(site, store)
    parts = [
        (toctree["caption"], [page for _, page in toctree["entries"]])
        for toctree in app.env.get_doctree(app.config.root_doc).findall(addnodes.toctree)
    ]
    pages = [app.config.root_doc, *chain.from_iterable(names for _, names in parts)]
    texts = {page: (site / f"{page}.html").read_text(encoding="utf-8") for page in pages}
    styles = dict.fromkeys(
        posixpath.normpath(posixpath.join(posixpath.dirname(page), style))
        for page, text in texts.items()
        for style in STYLE.findall(text)
    )
    context = {
        "title": app.config.html_title,
        "author": app.config.author,
        "address": app.config.html_baseurl,
        "styles": [f"{folder}/{style}" for style in styles],
        "parts": parts,
        "titles": {page: app.env.titles[page].astext() for page in pages},
        "chapters": [
            chapter(text, page, set(pages), folder, app.config.html_baseurl) for page, text in texts.items()
        ],
    }
    html = app.builder.templates.render("whole_book.html", context)
    digest = hashlib.sha256(html.encode())
    for style in styles:
        digest.update((site / style).read_bytes())
    kept = store / f"{digest.hexdigest()[:16]}.pdf"
    if not kept.is_file():
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir()
        (store / "book.html").write_text(html, encoding="utf-8")
        logger.info("printing the whole book...")
        with Chromium() as chromium:
            chromium.open(store / "book.html")
            printed = chromium.send(
                "Page.printToPDF",
                patience=600,
                preferCSSPageSize=True,
                printBackground=True,
                generateTaggedPDF=True,
                generateDocumentOutline=True,
            )
        unfinished = kept.with_suffix(".unfinished")
        unfinished.write_bytes(settled(base64.b64decode(printed["data"])))
        unfinished.rename(kept)
    shutil.copyfile(kept, target)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    if os.environ.get(WANTED):
        app.tags.add(TAG)
    app.connect("env-updated", _update)
    # After all that others do to a page and to the styles.
    app.connect("build-finished", _print, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
