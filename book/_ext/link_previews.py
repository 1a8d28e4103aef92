"""Draw the image of each page that social networks show beside a link to it, with its title and first figure."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from live_demo import first_map
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from myst_nb_plotly import pictures_of
from myst_nb_plotly.chromium import Chromium, NoChromiumError

WIDTH, HEIGHT = 1200, 630
PUBLISHED = "_static/link-previews"

logger = logging.getLogger(__name__)


def _store(app: Sphinx) -> Path:
    return Path(app.outdir).parent / ".link-previews"


def _note_description(app: Sphinx, document: nodes.document) -> None:
    """Pass the description of a page on to sphinxext-opengraph, which would take the first lines of its text."""
    for node in document.findall(nodes.meta):
        if node.get("name") == "description":
            app.env.metadata[app.env.docname]["og:description"] = node["content"]


def _card(app: Sphinx, page: str) -> str:
    """Return the image of a page as HTML."""
    pictures = pictures_of(app, page)
    context = {
        "book": app.config.html_title,
        "title": app.env.titles[page].astext(),
        "description": app.env.metadata[page].get("og:description", ""),
        "favicon": Path(app.confdir, app.config.html_favicon).read_text(encoding="utf-8"),
        "figure": pictures[0].read_text(encoding="utf-8") if pictures else first_map(app, page),
        "width": WIDTH,
        "height": HEIGHT,
    }
    return str(app.builder.templates.render("link_preview.html", context))


def _update(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Draw the images that are missing, and return the pages whose image has changed."""
    home, store = app.config.html_baseurl, _store(app)
    # A link to an image needs the site's address.
    if app.builder.format != "html" or not home:
        return []
    cards = {page: _card(app, page) for page in sorted(env.found_docs)}
    files = {page: store / f"{hashlib.sha256(card.encode()).hexdigest()[:16]}.png" for page, card in cards.items()}
    store.mkdir(exist_ok=True)
    for path in set(store.iterdir()) - set(files.values()):
        path.unlink()
    try:
        _draw({files[page]: card for page, card in cards.items() if not files[page].is_file()}, store / "card.html")
    except NoChromiumError as reason:
        logger.info("no link previews: %s", reason)
    before = getattr(env, "link_previews", {})
    now = {page: f"{home}{PUBLISHED}/{path.name}" for page, path in files.items() if path.is_file()}
    env.link_previews = now  # type: ignore[attr-defined]
    for page, address in now.items():
        size = {"og:image:width": str(WIDTH), "og:image:height": str(HEIGHT)}
        env.metadata[page] |= {"og:image": address, "og:image:alt": env.titles[page].astext(), **size}
    return [page for page in cards if now.get(page) != before.get(page)]


def _draw(cards: dict[Path, str], scratch: Path) -> None:
    if not cards:
        return
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    with Chromium() as chromium:
        chromium.send("Emulation.setDeviceMetricsOverride", **size)
        for path, card in cards.items():
            scratch.write_text(card, encoding="utf-8")
            chromium.open(scratch)
            scratch.write_bytes(base64.b64decode(chromium.send("Page.captureScreenshot", format="png")["data"]))
            scratch.rename(path)


def _publish(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html" and app.config.html_baseurl:
        shutil.copytree(_store(app), Path(app.outdir, PUBLISHED), dirs_exist_ok=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("doctree-read", _note_description)
    # After myst_nb_plotly (500), which draws the figures.
    app.connect("env-updated", _update, priority=600)
    app.connect("build-finished", _publish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
