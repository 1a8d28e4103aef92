"""Every page of the site, in a browser."""

import re
from urllib.parse import urljoin

from playwright.sync_api import expect

# How many traces Plotly holds and the picture has, and the picture's shapes.
DRAWN = """figure => {
    const drawing = figure.querySelector(".plotly-drawing");
    // A map of cells is one picture.
    const shapes = [...drawing.querySelectorAll(".cartesianlayer :is(.trace path, .hm image)")];
    return {
        held: drawing.data.length,
        drawn: drawing.querySelectorAll(".cartesianlayer :is(.trace, .hm)").length,
        shapes: shapes.filter(shape => shape.getBoundingClientRect().width > 0).length,
    };
}"""

# Text that a reader sees as prose: no code, no formula.
PROSE = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement;
        if (!parent.closest("pre, code, script, style, noscript, template, .katex")) {
            found.push(walker.currentNode.data);
        }
    }
    return found.join("\\n");
}"""

FILLS = """figure => {
    const drawn = [...figure.querySelectorAll(".main-svg")].map(svg => svg.getBoundingClientRect().width);
    const box = figure.clientWidth;
    return box <= innerWidth && drawn.length > 0 && drawn.every(wide => Math.abs(wide - box) < 1);
}"""

# The width of the page, and what sticks out of the window without a scroll bar of its own.
OUTSIDE = """() => {
    const scrolls = element => element !== document.body && getComputedStyle(element).overflowX !== "visible";
    const inBox = element => element && (scrolls(element) || inBox(element.parentElement));
    const outside = [...document.querySelectorAll("article *")].filter(element =>
        element.getBoundingClientRect().right > innerWidth && !inBox(element.parentElement));
    return [
        Math.max(document.documentElement.scrollWidth, document.body.scrollWidth),
        outside.map(({ tagName, className, textContent }) => `${tagName}.${className} ${textContent.slice(0, 30)}`),
    ];
}"""

INK = """figures => figures.map(figure => getComputedStyle(figure.querySelector(".xtick text")).fill)"""
FIGURES = "[...document.querySelectorAll('.plotly-figure')]"


def test_every_figure_is_drawn_with_all_its_traces(visit, data_of):
    for figure in visit.page.locator(".plotly-figure").all():
        traces = data_of(figure)["data"]
        # A trace without a single point has no part in the picture.
        empty = sum(trace.get("x") == [] for trace in traces)
        seen = figure.evaluate(DRAWN)
        assert seen["held"] == len(traces)
        assert seen["drawn"] == len(traces) - empty > 0
        assert seen["shapes"] > 0


def test_every_figure_has_pictures_of_its_size_and_a_text_alternative_a_number_and_a_caption(visit, data_of):
    for figure in visit.page.locator(".plotly-figure").all():
        alt = re.sub(r"\s+", " ", data_of(figure)["layout"]["meta"]["alt"]).strip()
        assert len(alt) > 20
        pictures = figure.locator("img")
        assert pictures.count() == 4
        for picture in pictures.all():
            expect(picture).to_have_attribute("alt", alt)
            address = urljoin(visit.page.url, picture.get_attribute("src"))
            assert visit.page.request.get(address).headers["content-type"] == "image/svg+xml"
        expect(figure.locator(".plotly-drawing")).to_have_accessible_name(alt)
        around = figure.locator("xpath=ancestor::figure[1]")
        expect(around.locator("figcaption .caption-number")).to_have_text(re.compile(r"^\s*Fig. \d+\s*$"))
        expect(around.locator("figcaption .caption-text")).to_have_text(re.compile(r"\w{3}"))


def test_every_figure_with_bars_of_rates_shows_their_numbers(visit, data_of):
    for figure in visit.page.locator(".plotly-figure").all():
        bars = [trace for trace in data_of(figure)["data"] if trace["type"] == "bar"]
        if not bars:
            continue
        rows = figure.locator(".plotly-numbers tbody tr")
        assert rows.locator("th").all_text_contents() == bars[0]["y"]
        for row in rows.all():
            assert row.locator("td").count() == 2


def test_figures_follow_the_dark_switch(visit):
    light = visit.page.locator(".plotly-figure").evaluate_all(INK)
    for theme, changed in (("dark", True), ("light", False)):
        for _ in range(3):  # The switch goes round: light, dark, as the system is.
            if visit.page.locator("html").get_attribute("data-theme") != theme:
                visit.page.locator(".theme-switch-button:visible").first.click()
        expect(visit.page.locator("html")).to_have_attribute("data-theme", theme)
        visit.page.wait_for_function(
            f"([light, changed]) => ({INK})({FIGURES}).every((ink, i) => (ink !== light[i]) === changed)",
            arg=[light, changed],
        )


def test_the_page_follows_the_system_by_its_script_and_is_light_without(chromium, address):
    for scheme, script, theme in (("dark", True, "dark"), ("light", True, "light"), ("dark", False, "light")):
        with chromium.new_context(color_scheme=scheme, java_script_enabled=script) as context:
            page = context.new_page()
            page.goto(f"{address}/book/adagrad.html")
            expect(page.locator("html")).to_have_attribute("data-theme", theme)
            expect(page.locator(f".plotly-{theme}:visible").first).to_be_attached()


def resize(page, width):
    """Change the width of the window, and wait until every figure that is looked at fills its box, inside it."""
    page.set_viewport_size({"width": width, "height": 900})
    for figure in page.locator(".plotly-figure").all():
        figure.scroll_into_view_if_needed()
        page.wait_for_function(FILLS, arg=figure.element_handle())


def test_figures_fill_their_box_and_no_more_when_the_window_changes(visit):
    for width in (1280, 390, 1280):
        resize(visit.page, width)


def test_the_page_is_not_wider_than_a_phone(visit):
    resize(visit.page, 390)
    width, outside = visit.page.evaluate(OUTSIDE)
    resize(visit.page, 1280)
    assert width <= 390, outside
    assert not outside


def test_every_formula_is_set_and_no_markup_is_left(visit):
    assert visit.page.locator(".katex-error").count() == 0
    prose = visit.page.evaluate(PROSE)
    left = re.findall(r".*(?:\$|\\\(|\\\[|\{[a-z:]+\}`|:::).*", prose)
    assert left == []


def test_nothing_fails_and_no_other_host_is_asked(visit):
    visit.page.wait_for_load_state("networkidle")
    assert visit.problems == []


def test_solutions_are_folded_and_a_button_opens_each(visit):
    for solution in visit.page.locator(".admonition.dropdown").all():
        text = solution.locator(":scope > :not(.admonition-title, button)").first
        expect(text).to_be_hidden()
        solution.locator(".toggle-button").click()
        expect(text).to_be_visible()


def test_every_figure_of_a_chapter_is_on_its_page(site, root):
    for chapter in (root / "book").glob("*.md"):
        figures = chapter.read_text(encoding="utf-8").count("```{code-cell} ipython3\n---\nmystnb:\n  figure:")
        page = (site / "book" / f"{chapter.stem}.html").read_text(encoding="utf-8")
        assert page.count('<div class="plotly-figure"') >= figures, chapter.name
