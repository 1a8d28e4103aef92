"""How a page shows elsewhere: in search engines, link previews and the sitemap, and what a wrong link leads to."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from live_demo import map_on
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.i18n import format_date

from myst_nb_plotly import pictures_of
from myst_nb_plotly.chromium import Chromium, NoChromiumError

# Search engines cut longer ones, and find shorter ones not worth showing.
FEWEST, MOST = 50, 160
WIDTH, HEIGHT = 1200, 630
PREVIEWS = "_static/link-previews"
# A relative address in a page. What begins with a name and a colon, a slash or a hash is none.
RELATIVE = re.compile(r'(?<= )(href|src|action|data-content_root)="(?![a-z]+:|[/#])(?:\./)?([^"]*)"')

logger = logging.getLogger(__name__)


def last_changes(root: Path) -> dict[str, str]:
    """Return the day of the last commit of each file of the book, as far as git knows it."""
    git = ["git", "-c", "core.quotePath=off"]
    where: dict[str, Any] = {"cwd": root, "capture_output": True, "text": True, "check": False}
    try:
        shallow = subprocess.run([*git, "rev-parse", "--is-shallow-repository"], **where).stdout.strip()
        if shallow != "false":  # No repository, or one whose oldest commit seems to have made every file.
            return {}
        log = [*git, "log", "--format=%x00%cs", "--name-only", "--relative", "--", "book"]
        commits = subprocess.run(log, **where, encoding="utf-8").stdout.split("\0")[1:]
    except FileNotFoundError:
        return {}
    days: dict[str, str] = {}
    for day, *names in (commit.split("\n") for commit in commits):
        for name in filter(None, names):
            days.setdefault(name, day)
    return days


def rooted(page: str, prefix: str) -> str:
    """Return a page of the site's first folder with links that lead to the same places from any address."""
    return RELATIVE.sub(lambda found: f'{found[1]}="{prefix}{found[2]}"', page)


def _note_description(app: Sphinx, doctree: nodes.document) -> None:
    page = app.env.docname
    found = [node["content"] for node in doctree.findall(nodes.meta) if node.get("name") == "description"]
    description = found[0] if found else ""
    app.env.metadata[page]["description"] = description
    if not FEWEST <= len(description) <= MOST:
        logger.warning(
            "a page needs a description of %d to %d characters in its front matter, as myst: html_meta: "
            "description:, for search engines and link previews; here it has %d",
            FEWEST,
            MOST,
            len(description),
            location=page,
        )


def _card(app: Sphinx, page: str) -> str:
    """Return a link preview as HTML."""
    pictures = pictures_of(app, page)
    context = {
        "book": app.config.html_title,
        "title": app.env.titles[page].astext(),
        "description": app.env.metadata[page]["description"],
        "mark": Path(app.confdir, app.config.html_favicon).read_text(encoding="utf-8"),
        "picture": pictures[0].read_text(encoding="utf-8") if pictures else map_on(app, page),
        "width": WIDTH,
        "height": HEIGHT,
    }
    return str(app.builder.templates.render("link_preview.html", context))


def _store(app: Sphinx) -> Path:
    return Path(app.outdir).parent / ".link-previews"


def _update(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Draw the link previews, and return the pages that have to be written again for them or for their dates."""
    if app.builder.format != "html":
        return []
    store = _store(app)
    store.mkdir(exist_ok=True)
    cards = {page: _card(app, page) for page in sorted(env.found_docs)}
    names = {page: hashlib.sha256(card.encode()).hexdigest()[:16] for page, card in cards.items()}
    missing = [page for page in cards if not (store / f"{names[page]}.png").is_file()]
    if missing:
        try:
            with Chromium() as chromium:
                chromium.send(
                    "Emulation.setDeviceMetricsOverride",
                    width=WIDTH,
                    height=HEIGHT,
                    deviceScaleFactor=1,
                    mobile=False,
                )
                for page in missing:
                    card = store / "card.html"
                    card.write_text(cards[page], encoding="utf-8")
                    chromium.open(card)
                    picture = base64.b64decode(chromium.send("Page.captureScreenshot", format="png")["data"])
                    card.write_bytes(picture)
                    card.rename(store / f"{names[page]}.png")
        except NoChromiumError as reason:
            logger.info("sharing: without link previews: %s", reason)
    drawn = {page: name for page, name in names.items() if (store / f"{name}.png").is_file()}
    for path in store.iterdir():
        if path.stem not in names.values():
            path.unlink()
    days = last_changes(Path(app.confdir))
    known = {
        page: (page in drawn, days.get(Path(env.doc2path(page)).relative_to(app.srcdir).as_posix()))
        for page in env.found_docs
    }
    before = getattr(env, "shared", {})
    env.shared = known  # type: ignore[attr-defined]
    env.link_previews = drawn  # type: ignore[attr-defined]
    return [page for page in known if known[page] != before.get(page)]


def _add_tags(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if doctree is None:
        return
    has_preview, day = app.env.shared[pagename]  # type: ignore[attr-defined]
    if day:
        language = app.config.language
        context["last_updated"] = format_date("%b %d, %Y", date=datetime.fromisoformat(day), language=language)
    tags = {
        "og:type": "website" if pagename == app.config.root_doc else "article",
        "og:site_name": app.config.html_title,
        "og:title": html.unescape(re.sub("<[^>]*>", "", context["title"])),
        "og:description": app.env.metadata[pagename]["description"],
    }
    home = app.config.html_baseurl
    if home:
        tags["og:url"] = context["pageurl"]
    # An address without a host means nothing to whom it is sent.
    if home and has_preview:
        tags |= {
            "og:image": f"{home}{PREVIEWS}/{pagename}.png",
            "og:image:width": str(WIDTH),
            "og:image:height": str(HEIGHT),
            "twitter:card": "summary_large_image",
        }
    for name, content in tags.items():
        kind = "name" if name.startswith("twitter:") else "property"
        context["metatags"] += f'\n    <meta {kind}="{name}" content="{html.escape(content)}" />'


def _not_found(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    yield "404", {"title": "Page not found"}, "404.html"


def _publish(app: Sphinx, exception: Exception | None) -> None:
    """Put the pictures, the sitemap and the page for what is not found into the site."""
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    shutil.rmtree(site / PREVIEWS, ignore_errors=True)
    for page, name in app.env.link_previews.items():  # type: ignore[attr-defined]
        target = site / PREVIEWS / f"{page}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_store(app) / f"{name}.png", target)
    home = app.config.html_baseurl
    prefix = urlsplit(home).path or "/"
    page = site / "404.html"
    page.write_text(rooted(page.read_text(encoding="utf-8"), prefix), encoding="utf-8")
    (site / "sitemap.xml").unlink(missing_ok=True)
    (site / "robots.txt").unlink(missing_ok=True)
    if home:
        (site / "sitemap.xml").write_text(_sitemap(app), encoding="utf-8")
    if home and prefix == "/":  # Nobody looks for it anywhere else.
        (site / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {home}sitemap.xml\n", encoding="utf-8")


def _sitemap(app: Sphinx) -> str:
    lines = []
    for page in sorted(app.env.found_docs):
        _, day = app.env.shared[page]  # type: ignore[attr-defined]
        changed = f"<lastmod>{day}</lastmod>" if day else ""
        address = html.escape(app.config.html_baseurl + app.builder.get_target_uri(page))
        lines.append(f"  <url><loc>{address}</loc>{changed}</url>\n")
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n' + "".join(lines) + "</urlset>\n"
    )


def _end_with_slash(app: Sphinx, config: Config) -> None:
    if config["html_baseurl"]:
        config["html_baseurl"] = config["html_baseurl"].rstrip("/") + "/"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", _end_with_slash, priority=900)
    app.connect("doctree-read", _note_description)
    app.connect("env-updated", _update)
    app.connect("html-page-context", _add_tags)
    app.connect("html-collect-pages", _not_found)
    # After all that others do to a page.
    app.connect("build-finished", _publish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
