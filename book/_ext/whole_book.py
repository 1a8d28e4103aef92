"""The whole book as one PDF: its pages one after the other, printed by a Chromium. ``make pdf`` asks for it."""

from __future__ import annotations

import base64
import hashlib
import os
import posixpath
import re
import shutil
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from html import unescape
from itertools import chain
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging

from myst_nb_plotly.chromium import Chromium

# The tag of pages that link to the PDF, and the variable of the environment that sets it.
TAG, WANTED = "whole_book", "WHOLE_BOOK"
# Other pictures of a figure than the one for paper.
OTHER_PICTURE = re.compile(r'<img class="plotly-picture (?!plotly-wide plotly-light)[^>]*>')
ADDRESS = re.compile(r'(?<= )(id|href|src)="([^"]*)"')
STYLE = re.compile(r'<link rel="stylesheet"[^>]* href="([^"?]*)')
# What a PDF says of the moment when it was printed, and of how many nodes the browser had made before.
DATE, NODE = re.compile(rb"\(D:\d{14}\+00'00'\)"), re.compile(rb"\(node(\d{8})\)")
# Its bookmarks, and the headings of the page that they are made of.
BOOKMARK = re.compile(rb"(\d+) 0 obj\n<</Title (?:\((?:\\.|[^\\)])*\)|<[0-9A-F]*>)(\n/Dest .*?endobj)", re.DOTALL)
HEADING = re.compile(r"<h([1-6])[^>]*>(.*?)</h\1>", re.DOTALL)
NO_WORDS = re.compile(
    r'<a class="headerlink".*?</a>|<span class="katex-mathml">.*?</math></span>|<[^>]*>', re.DOTALL
)

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


def settled(pdf: bytes, date: datetime) -> bytes:
    """Return a PDF with this date, and without anything else that differs from one printing to the next."""
    nodes = sorted(set(NODE.findall(pdf)))
    names = {old: b"(node%08d)" % new for new, old in enumerate(nodes)}
    moment = date.strftime("(D:%Y%m%d%H%M%S+00'00')").encode()
    return DATE.sub(moment, NODE.sub(lambda found: names[found[1]], pdf))


def headings(html: str) -> list[str]:
    """Return the headings of a page as plain text."""
    return [unescape(NO_WORDS.sub("", heading)).strip() for _, heading in HEADING.findall(html)]


def with_bookmarks(pdf: bytes, titles: list[str]) -> bytes:
    """Return a PDF with these titles of its bookmarks.

    Chromium names them after the lines of a heading, without a space in between, and twice where it first set the
    heading at the end of a page and then moved it to the next. New ones are appended, as PDF has it for changes.
    """
    bookmarks = sorted(BOOKMARK.finditer(pdf), key=lambda found: int(found[1]))
    if len(bookmarks) != len(titles):
        raise ExtensionError(f"the PDF has {len(bookmarks)} bookmarks, and its page {len(titles)} headings")
    parts, table, end = [pdf], [], len(pdf)
    for found, title in zip(bookmarks, titles, strict=True):
        table.append(b"%s 1\n%010d 00000 n \n" % (found[1], end))
        name = b"<FEFF%s>" % title.encode("utf-16-be").hex().upper().encode()
        parts.append(b"%s 0 obj\n<</Title %s%s\n" % (found[1], name, found[2]))
        end += len(parts[-1])
    trailer, start = pdf[pdf.rindex(b"trailer\n<<") :].split(b">>\nstartxref\n")
    previous = start.split(b"\n")[0]
    parts += [b"xref\n", *table, trailer, b"\n/Prev %s>>\nstartxref\n%d\n%%%%EOF\n" % (previous, end)]
    return b"".join(parts)


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
    digest = hashlib.sha256(html.encode() + Path(__file__).read_bytes())
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
                timeout=600,
                preferCSSPageSize=True,
                printBackground=True,
                generateTaggedPDF=True,
                generateDocumentOutline=True,
            )
        unfinished = kept.with_suffix(".unfinished")
        unfinished.write_bytes(with_bookmarks(base64.b64decode(printed["data"]), headings(html)))
        unfinished.rename(kept)
    date = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())), UTC)
    target.write_bytes(settled(kept.read_bytes(), date))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    if os.environ.get(WANTED):
        app.tags.add(TAG)
    app.connect("env-updated", _update)
    # After all that others do to a page and to the styles.
    app.connect("build-finished", _print, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
