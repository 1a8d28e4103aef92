"""The whole book as one PDF."""

import re
from html import unescape

import pypdf
import pytest


@pytest.fixture(scope="module")
def whole_book(load, root):
    return load(root / "book" / "_ext" / "whole_book.py")


@pytest.fixture(scope="module")
def pdf(site):
    path = site / "adaptive-optimizers-measured.pdf"
    if not path.is_file():
        pytest.fail(f"{path} is missing: run make pdf first", pytrace=False)
    return pypdf.PdfReader(path)


@pytest.fixture(scope="module")
def chapters(site):
    """Return all pages that are in the book."""
    return {path.stem: path.read_text(encoding="utf-8") for path in (site / "book").glob("*.html")}


def test_its_outline_has_every_heading_of_every_chapter(pdf, chapters):
    def titles(entries):
        return [title for each in entries for title in (titles(each) if isinstance(each, list) else [each.title])]

    found = titles(pdf.outline)
    for page in chapters.values():
        article = page.partition('<article class="bd-article">')[2].partition("</article>")[0]
        for heading in re.findall("<h[1-6]>(.*?)</h", article):
            if "katex" not in heading:
                assert unescape(re.sub("<a .*?</a>|<[^>]*>", "", heading)) in found


def test_it_has_every_figure_with_its_text_alternative(pdf, chapters):
    wanted = [
        unescape(alt) for page in chapters.values() for alt in re.findall(r'wide-light\.svg" alt="([^"]*)"', page)
    ]
    objects = (pdf.get_object(number) for number in pdf.xref[0])
    figures = [o for o in objects if isinstance(o, pypdf.generic.DictionaryObject) and o.get("/S") == "/Figure"]
    found = [figure.get("/Alt") for figure in figures]
    assert wanted
    assert {alt for alt in wanted if wanted.count(alt) > found.count(alt)} == set()


def test_no_page_is_blank_and_the_text_can_be_found(pdf, chapters):
    text = [page.extract_text() for page in pdf.pages]
    assert [number for number, words in enumerate(text, 1) if len(words) < 40] == []
    assert any("Solution to Exercise" in words for words in text)


def test_its_links_lead_into_it_or_to_the_web(pdf):
    inside = pdf.named_destinations
    for page in pdf.pages:
        for link in (entry.get_object() for entry in page.get("/Annots", [])):
            action = link.get("/A")
            if action is None:
                assert isinstance(link["/Dest"], list) or link["/Dest"] in inside or f"/{link['/Dest']}" in inside
            else:
                assert re.match("https?://|mailto:", action["/URI"])


def test_the_first_page_links_to_it(site):
    assert 'href="../adaptive-optimizers-measured.pdf"' in (site / "book" / "index.html").read_text(
        encoding="utf-8"
    )


PAGE = """
<a href="elsewhere.html">
<article class="bd-article">
<h1 id="top"><a href="#top"><a href="b.html"><a href="b.html#part"><a href="b.html#preset=rare">
<a href="https://example.org/#x"><a href="../genindex.html#y">
<img class="plotly-picture plotly-wide plotly-light" src="../_static/l.svg" loading="lazy">
<img class="plotly-picture plotly-wide plotly-dark" src="../_static/d.svg">
</article>
<footer>
"""


def test_links_between_pages_lead_to_places_in_one(whole_book):
    def lines(home):
        return whole_book.chapter(PAGE, "book/a", {"book/a", "book/b"}, "../html", home).split("\n")

    assert lines("") == [
        '<div class="chapter" id="book/a"><article class="bd-article">',
        '<h1 id="book/a#top"><a href="#book/a#top"><a href="#book/b"><a href="#book/b#part"><a href="#book/b">',
        '<a href="https://example.org/#x"><a >',
        '<img class="plotly-picture plotly-wide plotly-light" src="../html/_static/l.svg">',
        "",
        "</article></div>",
    ]
    assert '<a href="https://example.org/#x"><a href="https://a.io/genindex.html">' in lines("https://a.io/")


def test_nothing_in_it_says_when_it_was_printed(whole_book):
    first = b"/CreationDate (D:20261125161543+00'00') /ID (node00000314) /ID (node00000316) /H (node00000314)"
    second = b"/CreationDate (D:20261126000000+00'00') /ID (node00000341) /ID (node00000343) /H (node00000341)"
    date = whole_book.datetime(2001, 2, 3, 4, 5, 6, tzinfo=whole_book.UTC)
    settled = whole_book.settled(first, date)
    assert settled == whole_book.settled(second, date)
    assert settled == (
        b"/CreationDate (D:20010203040506+00'00') /ID (node00000000) /ID (node00000001) /H (node00000000)"
    )


def test_a_bookmark_for_each_heading_is_called_as_that(whole_book):
    html = (
        '<h1>A &amp; B<a class="headerlink" href="#a">#</a></h1><p>text</p><h2 id="x">On <span class="katex">'
        '<span class="katex-mathml"><math><mi>x</mi></math></span><span>θ</span></span></h2>'
    )
    assert whole_book.headings(html) == ["A & B", "On θ"]
    with pytest.raises(whole_book.ExtensionError, match="0 bookmarks, and its page 1 headings"):
        whole_book.with_bookmarks(b"%PDF-1.4", ["Title"])
