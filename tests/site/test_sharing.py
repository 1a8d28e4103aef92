"""What search engines, social networks and readers with a wrong address get."""

import re
import struct
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser

import pytest
import yaml
from playwright.sync_api import expect


class Head(HTMLParser):
    """The tags of a page's head that say something about it."""

    def __init__(self, path):
        super().__init__()
        self.tags = {}
        self.links = {}
        self.feed(path.read_text(encoding="utf-8").partition("</head>")[0])

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "meta" and "content" in attributes:
            self.tags[attributes.get("name") or attributes.get("property")] = attributes["content"]
        elif tag == "link":
            self.links[attributes["rel"]] = attributes["href"]


@pytest.fixture(scope="module")
def chapters(root):
    """Return the names of all pages with a source, in the order of the book."""
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [contents["root"], *(chapter["file"] for part in contents["parts"] for chapter in part["chapters"])]


@pytest.fixture(scope="module")
def heads(site, chapters):
    return {chapter: Head(site / f"{chapter}.html") for chapter in chapters}


def test_every_page_describes_itself_in_a_sentence_of_its_own(heads):
    descriptions = [head.tags["description"] for head in heads.values()]
    assert all(50 <= len(description) <= 160 for description in descriptions)
    assert len(set(descriptions)) == len(descriptions)
    for head in heads.values():
        assert head.tags["og:description"] == head.tags["description"]
        assert head.tags["og:title"]


def size(path):
    """Return width and height of a PNG."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", data[16:24])


def test_every_page_has_the_favicon(site, page_names, prefix):
    for name in page_names:
        if name != "index.html":
            icon = Head(site / name).links["icon"]
            path = site / icon.removeprefix(prefix) if icon.startswith("/") else (site / name).parent / icon
            assert path.resolve() == site / "_static" / "favicon.svg", name


def test_every_page_leads_to_the_one_before_and_the_one_after(site, chapters):
    for place, chapter in enumerate(chapters):
        page = (site / f"{chapter}.html").read_text(encoding="utf-8")
        for kind, neighbour in (("left-prev", place - 1), ("right-next", place + 1)):
            found = re.findall(rf'class="{kind}"\s+href="([^"]*)"', page)
            wanted = [f"{chapters[neighbour].removeprefix('book/')}.html"] if -1 < neighbour < len(chapters) else []
            assert found == wanted, chapter


def test_every_page_has_the_day_of_its_last_change_in_a_full_clone(site, site_settings, root, chapters):
    found = [
        re.findall(r"Last updated on (\w{3} \d\d, \d{4})\.\s", (site / f"{page}.html").read_text("utf-8"))
        for page in chapters
    ]
    assert {len(days) for days in found} == {int(site_settings.has_full_history(root))}


PAGE = """---
myst:
  html_meta:
    description: >-
      What there is to read on the page {name} of a small site, in "so" many <words>.
---

# The {name} page
"""
CONF = """
import sys
sys.path.insert(0, {extensions!r})
extensions = [
    "myst_nb", "myst_nb_plotly", "sphinxext.opengraph", "sphinx_sitemap", "notfound.extension", "site_settings",
    "page_assets", "link_previews",
]
exclude_patterns = ["_build", "node_modules"]
html_title = "Small"
html_theme = "sphinx_book_theme"
html_favicon = {favicon!r}
ogp_social_cards = {{"enable": False}}
sitemap_url_scheme = "{{link}}"
sitemap_excludes = ["search.html", "genindex.html", "404.html"]
suppress_warnings = ["sitemap.configuration"]
notfound_template = "404.html"
notfound_context = {{"title": "Page not found"}}
templates_path = [{templates!r}]
html_context = {{"default_mode": "light"}}
"""


@pytest.fixture
def build(tmp_path, root, monkeypatch):
    """Return a function that builds a site of two pages for an address, with all warnings as errors."""

    (tmp_path / "node_modules").symlink_to(root / "node_modules")

    def build(address):
        book = root / "book"
        settings = {
            "extensions": str(book / "_ext"),
            "favicon": str(book / "_static" / "favicon.svg"),
            "templates": str(book / "_templates"),
        }
        monkeypatch.setenv("SITE_ADDRESS", address)
        (tmp_path / "conf.py").write_text(CONF.format(**settings), encoding="utf-8")
        contents = "\n```{toctree}\nsecond\n```\n"
        (tmp_path / "index.md").write_text(PAGE.format(name="first") + contents, encoding="utf-8")
        (tmp_path / "second.md").write_text(PAGE.format(name="second"), encoding="utf-8")
        output = tmp_path / "_build" / "html"
        command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", tmp_path, output]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return output, done.returncode, done.stderr

    return build


def test_a_site_that_knows_its_address_gives_it_to_others(build):
    site, status, warned = build("https://someone.github.io/book")
    assert (status, warned) == (0, "")
    home = "https://someone.github.io/book/"
    head = Head(site / "second.html")
    assert head.links["canonical"] == head.tags["og:url"] == f"{home}second.html"
    assert head.tags["og:image"].startswith(f"{home}_static/link-previews/")
    assert head.tags["og:image"] != Head(site / "index.html").tags["og:image"]
    assert size(site / head.tags["og:image"].removeprefix(home)) == (1200, 630)
    assert head.tags["og:description"] == unescape(PAGE.format(name="second").split("\n")[4].strip())
    found = re.findall("<loc>(.*?)</loc>", (site / "sitemap.xml").read_text(encoding="utf-8"))
    assert sorted(found) == [f"{home}index.html", f"{home}second.html"]
    lost = (site / "404.html").read_text(encoding="utf-8")
    assert 'href="/book/index.html"' in lost
    assert 'href="/book/_static/' in lost


def test_a_site_that_does_not_know_its_address_gives_none(build):
    site, status, warned = build("")
    assert (status, warned) == (0, "")
    head = Head(site / "second.html")
    assert "og:image" not in head.tags
    assert "canonical" not in head.links
    assert not (site / "sitemap.xml").exists()


def test_without_a_chromium_pages_have_no_tags_for_previews(build, monkeypatch, tmp_path):
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    site, status, _ = build("https://someone.github.io/book/")
    assert status == 0
    assert "og:image" not in Head(site / "second.html").tags


@pytest.mark.parametrize("lost", ["nothing", "book/no_such_page.html", "as/deep/as/it/may/be/"])
def test_a_wrong_address_shows_the_404_page_with_links(chromium, address, prefix, lost):
    home = f"{address}{prefix}"
    with chromium.new_page() as page:
        failed = []
        page.on("response", lambda response: response.status >= 400 and failed.append(response.url))
        assert page.goto(f"{home}{lost}").status == 404
        page.wait_for_load_state("networkidle")
        assert failed == [f"{home}{lost}"]
        expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
        page.get_by_role("article").get_by_role("link", name="the first page").click()
        expect(page).to_have_url(f"{home}book/index.html")
