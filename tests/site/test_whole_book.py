"""The whole book as one PDF."""

import re
from html import unescape

import pypdf
import pytest


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

    # Chromium leaves out the space at a line break, and repeats lines of a heading that moves to the next page.
    found = {"".join(title.split()) for title in titles(pdf.outline)}
    for page in chapters.values():
        article = page.partition('<article class="bd-article">')[2].partition("</article>")[0]
        for heading in re.findall("<h[1-6]>(.*?)</h", article):
            if "katex" not in heading:
                title = "".join(unescape(re.sub("<a .*?</a>|<[^>]*>", "", heading)).split())
                assert any(other.startswith(title) or other.endswith(title) for other in found), title


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
