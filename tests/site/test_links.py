"""Where the links of the built pages lead."""

import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

HERE = "http://here/"


class Links(HTMLParser):
    """The links of a page, and what can be linked to on it."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.anchors = {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        self.anchors |= {attributes[name] for name in ("id", "name") if name in attributes}
        self.links += [attributes[name] for name in ("href", "src") if name in attributes]
        if tag == "meta" and attributes.get("http-equiv", "").lower() == "refresh":
            self.links.append(attributes["content"].partition("url=")[2])


@pytest.fixture(scope="module")
def links(site, page_names, root):
    links = {name: Links(site / name) for name in page_names}
    # A preset is no place on the page, but its script knows it.
    presets = json.loads((root / "book" / "live_demo" / "presets.json").read_text(encoding="utf-8"))
    links["book/live_demo.html"].anchors |= {f"preset={name}" for name in presets}
    return links


def test_every_internal_link_leads_to_a_file_and_an_anchor(site, links):
    broken = []
    for name, page in links.items():
        for link in page.links:
            address = urljoin(HERE + name, link)
            if not address.startswith(HERE):
                continue
            parts = urlsplit(address)
            target, anchor = unquote(parts.path).lstrip("/"), unquote(parts.fragment)
            known = links[target].anchors if target in links else {""}
            if not (site / target).is_file() or anchor not in known:
                broken.append(f"{name}: {link}")
    assert broken == []


def test_every_page_can_be_reached_from_the_first(links):
    reached, ahead = set(), {"index.html"}
    while ahead:
        name = ahead.pop()
        reached.add(name)
        targets = {unquote(urlsplit(urljoin(HERE + name, link)).path).lstrip("/") for link in links[name].links}
        ahead |= (targets & links.keys()) - reached
    assert links.keys() - reached <= {"search.html", "genindex.html"}


def test_pages_offer_a_repository_only_where_one_is_known(site_settings, root, links):
    known = site_settings.repository(root)
    chapters = [path for path in (root / "book").glob("*.md") if "kernelspec:" in path.read_text(encoding="utf-8")]
    for name, page in links.items():
        offers = [link for link in page.links if "mybinder.org" in link or "/edit/" in link or "/issues" in link]
        assert bool(offers) <= (known is not None), f"{name}: {offers}"
    if known:
        for chapter in chapters:
            here = links[f"book/{chapter.stem}.html"].links
            launch = f"/{known.version}?urlpath=lab/tree/book/{chapter.name}"
            assert any("mybinder.org" in link and link.endswith(launch) for link in here), chapter.name
            edit = f"/edit/{known.branch}/book/{chapter.name}"
            assert any(link.startswith(f"{known.address}/") and link.endswith(edit) for link in here), chapter.name
