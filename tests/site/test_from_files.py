"""The site without a server: its pages opened as files."""

import pytest
from playwright.sync_api import expect


@pytest.fixture
def visit(chromium, open_page, site):
    """Return a function that opens a page as a file, and fails at the end if anything went wrong."""
    with chromium.new_context() as context:
        visits = []

        def visit(name):
            visits.append(open_page(context.new_page(), f"{site.as_uri()}/{name}"))
            return visits[-1].page

        yield visit
        assert [problem for each in visits for problem in each.problems] == []


def test_the_first_page_leads_to_the_book(visit, site):
    page = visit("index.html")
    page.wait_for_url(f"{site.as_uri()}/book/index.html")
    expect(page.locator("h1").first).to_contain_text("Adaptive Optimizers")


def test_figures_become_interactive(visit):
    page = visit("book/sparse_gradients.html")
    figure = page.locator(".plotly-figure:has(input[type=range])").first
    slider = figure.locator("input[type=range]")
    before = slider.get_attribute("aria-valuetext")
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuetext", before)


def test_the_live_demo_answers(visit):
    page = visit("book/live_demo.html")
    page.locator(".live-demo[data-live]").wait_for()
    slider = page.get_by_role("slider", name="Activity of the sparse feature")
    drawn = page.locator(".live-demo .bars").inner_html()
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).not_to_have_attribute("aria-valuetext", "100%")
    page.wait_for_function("drawn => document.querySelector('.live-demo .bars').innerHTML !== drawn", arg=drawn)
