"""How pages show elsewhere, and what a wrong link leads to."""

import os
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
def sharing(load, root):
    extensions = root / "book" / "_ext"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(extensions)  # It imports another one.
        return load(extensions / "sharing.py")


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


def test_every_page_has_a_picture_for_its_link_preview(site, heads):
    pictures = [site / "_static" / "link-previews" / f"{chapter}.png" for chapter in heads]
    assert {size(picture) for picture in pictures} == {(1200, 630)}
    assert len({picture.read_bytes() for picture in pictures}) == len(pictures)


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


def test_every_page_says_when_its_source_last_changed(site, sharing, root, chapters):
    days = sharing.last_changes(root)
    for chapter in chapters:
        page = (site / f"{chapter}.html").read_text(encoding="utf-8")
        said = re.findall(r"Last updated on ([^<]*?)\.\s", page)
        day = days.get(f"{chapter}.md")
        written = sharing.datetime.fromisoformat(day).strftime("%b %d, %Y") if day else None
        assert said == ([written] if written else []), chapter


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)

    def git(*arguments, day="2020-01-01"):
        when = f"{day}T12:00:00+00:00"
        author = {"GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@example.org", "GIT_AUTHOR_DATE": when}
        committer = {name.replace("AUTHOR", "COMMITTER"): value for name, value in author.items()}
        settings = ["-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always"]
        environment = os.environ | author | committer
        subprocess.run(["git", *settings, *arguments], cwd=tmp_path, env=environment, check=True)

    def commit(name, text, day):
        path = tmp_path / "book" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        git("add", "book")
        git("commit", "--quiet", "--no-verify", "--message=x", day=day)

    git("init", "--quiet")
    commit("first.md", "1", "2021-01-01")
    commit("päge.md", "1", "2022-02-02")
    commit("first.md", "2", "2023-03-03")
    return git


def test_a_page_changed_with_the_last_commit_of_its_file(sharing, repository, tmp_path):
    assert sharing.last_changes(tmp_path) == {"book/first.md": "2023-03-03", "book/päge.md": "2022-02-02"}


def test_a_copy_without_history_dates_nothing(sharing, repository, tmp_path, monkeypatch):
    repository("clone", "--quiet", "--depth=1", tmp_path.as_uri(), "shallow")
    assert sharing.last_changes(tmp_path / "shallow") == {}
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / ".git").rename(tmp_path / "no-git")
    assert sharing.last_changes(tmp_path) == {}
    monkeypatch.setenv("PATH", "")
    assert sharing.last_changes(tmp_path) == {}


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
extensions = ["myst_nb", "myst_nb_plotly", "page_assets", "sharing"]
exclude_patterns = ["_build", "node_modules"]
html_title = "Small"
html_theme = "sphinx_book_theme"
html_favicon = {favicon!r}
html_baseurl = {address!r}
templates_path = [{templates!r}]
html_context = {{"default_mode": "light"}}
"""


@pytest.fixture
def build(tmp_path, root):
    """Return a function that builds a site of two pages for an address, with all warnings as errors."""

    (tmp_path / "node_modules").symlink_to(root / "node_modules")

    def build(address, page=PAGE):
        book = root / "book"
        settings = {
            "extensions": str(book / "_ext"),
            "favicon": str(book / "_static" / "favicon.svg"),
            "templates": str(book / "_templates"),
        }
        (tmp_path / "conf.py").write_text(CONF.format(address=address, **settings), encoding="utf-8")
        contents = "\n```{toctree}\nsecond\n```\n"
        (tmp_path / "index.md").write_text(PAGE.format(name="first") + contents, encoding="utf-8")
        (tmp_path / "second.md").write_text(page.format(name="second"), encoding="utf-8")
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
    assert head.tags["og:image"] == f"{home}_static/link-previews/second.png"
    assert size(site / head.tags["og:image"].removeprefix(home)) == (1200, 630)
    assert head.tags["og:description"] == unescape(PAGE.format(name="second").split("\n")[4].strip())
    assert re.findall("<loc>(.*)</loc>", (site / "sitemap.xml").read_text(encoding="utf-8")) == [
        f"{home}index.html",
        f"{home}second.html",
    ]
    assert not (site / "robots.txt").exists()
    lost = (site / "404.html").read_text(encoding="utf-8")
    assert 'href="/book/index.html"' in lost
    assert 'href="/book/_static/' in lost
    site, _, _ = build("https://someone.github.io/")
    assert "https://someone.github.io/sitemap.xml" in (site / "robots.txt").read_text(encoding="utf-8")
    site, _, _ = build("")
    head = Head(site / "second.html")
    assert not {"og:url", "og:image"} & head.tags.keys()
    assert "canonical" not in head.links
    assert not (site / "sitemap.xml").exists()
    assert not (site / "robots.txt").exists()


@pytest.mark.parametrize("description", ["", "Short.", "Long. " * 30])
def test_a_page_without_a_fitting_description_fails_the_build(build, description):
    page = PAGE.replace(
        'What there is to read on the page {name} of a small site, in "so" many <words>.', description
    )
    _, status, warned = build("", page)
    assert status != 0
    assert "second.md: WARNING: a page needs a description of 50 to 160 characters" in warned


def test_without_a_chromium_there_are_no_previews_and_no_tags_for_them(build, monkeypatch, tmp_path):
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    site, status, _ = build("https://someone.github.io/book/")
    assert status == 0
    assert "og:image" not in Head(site / "second.html").tags
    assert not (site / "_static" / "link-previews").exists()


def test_links_of_the_lost_page_begin_at_the_host(sharing):
    page = (
        '<html lang="en" data-content_root="./"><a href="book/x.html#y"> <a href="#main"> <a href="mailto:a@b"> '
        '<img src="_static/x.svg"> <form action="search.html"> <a href="https://example.org/x"> <a href="/x">'
    )
    assert sharing.rooted(page, "/a/b/") == (
        '<html lang="en" data-content_root="/a/b/"><a href="/a/b/book/x.html#y"> <a href="#main"> '
        '<a href="mailto:a@b"> <img src="/a/b/_static/x.svg"> <form action="/a/b/search.html"> '
        '<a href="https://example.org/x"> <a href="/x">'
    )


@pytest.mark.parametrize("lost", ["nothing", "book/no_such_page.html", "as/deep/as/it/may/be/"])
def test_a_wrong_address_leads_to_a_page_that_leads_on(chromium, address, prefix, lost):
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
