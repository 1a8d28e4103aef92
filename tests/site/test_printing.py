"""Pages on paper."""

from io import BytesIO

import pypdf
import pytest
from playwright.sync_api import expect

# What a reader could click on, or what is not on a white ground. A link stays: it is part of the text.
SCREEN_ONLY = "button, input, select, nav, summary, .bd-sidebar, .prev-next-footer, .headerlink, .bd-footer"
# As wide as A4 between its margins.
PAPER = {"width": 650, "height": 950}

CUT_OFF = """() => [...document.querySelectorAll(".bd-article, .bd-article *")]
    .filter(element => !element.closest("svg, .katex") || element.matches(".katex-display > .katex"))
    .filter(element => element.checkVisibility() && element.getBoundingClientRect().right > innerWidth + 1)
    .map(element => `${element.tagName}.${element.className} ${element.textContent.slice(0, 40)}`)"""


@pytest.fixture(params=["adagrad", "key_takeaways", "live_demo", "api_optimizers"])
def printed(request, chromium, open_page, address):
    """Return a chapter as it is printed from a dark screen."""
    with chromium.new_context(viewport=PAPER, color_scheme="dark") as context:
        page = open_page(context.new_page(), f"{address}/book/{request.param}.html").page
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.emulate_media(media="print")
        yield page


def test_paper_shows_nothing_to_click_on(printed):
    seen = printed.locator(SCREEN_ONLY).evaluate_all(
        "all => all.filter(each => each.checkVisibility()).map(each => each.outerHTML)"
    )
    assert seen == []


def test_paper_is_white_and_its_text_black(printed):
    for selector in ("body", ".bd-article p"):
        style = printed.locator(selector).first.evaluate(
            "each => [getComputedStyle(each).color, getComputedStyle(each).backgroundColor]"
        )
        assert style[0] == "rgb(0, 0, 0)"
        assert style[1] in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    for figure in printed.locator(".plotly-figure").all():
        expect(figure.locator(".plotly-light:visible")).to_have_count(1)
        expect(figure.locator(":is(.plotly-dark, .plotly-drawing):visible")).to_have_count(0)


def test_nothing_is_cut_off_at_the_side(printed):
    assert printed.evaluate(CUT_OFF) == []


def test_solutions_are_unfolded(printed):
    for solution in printed.locator(".solution").all():
        expect(solution.locator("p").nth(1)).to_be_visible()


def test_a_page_is_printed_with_its_title_and_no_empty_sheet(printed):
    title = printed.locator("h1:visible").first.inner_text()
    sheets = pypdf.PdfReader(BytesIO(printed.pdf(format="A4"))).pages
    text = [sheet.extract_text() for sheet in sheets]
    assert title in text[0]
    assert min(len(words) for words in text) > 20
