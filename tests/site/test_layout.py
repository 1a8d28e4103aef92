"""Sections that are out of sight wait to be laid out, and are there for whoever comes to one of them."""

import pytest

CHAPTER = "book/adagrad.html"
SECTIONS = ".bd-article > section > section"
# The browser has something to do until release() is called.
BUSY = """const waiting = [];
window.requestIdleCallback = act => waiting.push(act);
window.release = () => waiting.splice(0).forEach(act => act());
window.isWaiting = () => waiting.length > 0;"""
LAID_OUT = f"""() => [...document.querySelectorAll("{SECTIONS} > h2")]
    .map(heading => heading.checkVisibility({{ contentVisibilityAuto: true }}))"""
HEIGHTS = f"""() => [...document.querySelectorAll("{SECTIONS}")]
    .map(section => Math.round(section.getBoundingClientRect().height))"""


@pytest.fixture
def page(chromium):
    with chromium.new_page(viewport={"width": 1280, "height": 800}) as page:
        page.add_init_script(BUSY)
        yield page


def test_what_is_out_of_sight_is_laid_out_section_by_section_when_there_is_nothing_else_to_do(page, address):
    page.goto(f"{address}/{CHAPTER}")
    before = page.evaluate(LAID_OUT)
    assert len(before) > 4
    assert not any(before[-3:])
    for number in range(1, len(before) + 1):
        page.wait_for_function("isWaiting()")
        page.evaluate("release()")
        page.wait_for_function(
            f"number => document.querySelectorAll('{SECTIONS}.laid-out').length === number", arg=number
        )
        assert page.evaluate(LAID_OUT)[:number] == [True] * number
    page.wait_for_function("document.documentElement.dataset.sections === undefined")


@pytest.mark.parametrize("act", ["Tab", "click", "paper"])
def test_who_may_go_anywhere_finds_all_sections_laid_out(page, address, act):
    page.goto(f"{address}/{CHAPTER}")
    assert not page.evaluate(LAID_OUT)[-1]
    match act:
        case "Tab":
            page.keyboard.press("Tab")
        case "click":
            page.locator("h1:visible").click()
        case "paper":
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert all(page.evaluate(LAID_OUT))


def test_who_comes_to_a_section_or_comes_back_finds_it_in_its_place(page, address):
    page.goto(f"{address}/{CHAPTER}")
    last = page.locator(SECTIONS).last.get_attribute("id")
    page.goto(f"{address}/book/index.html")
    page.goto(f"{address}/{CHAPTER}#{last}")
    assert all(page.evaluate(LAID_OUT))
    place = page.locator(f"#{last}").evaluate("section => Math.round(section.getBoundingClientRect().top)")
    assert 0 <= place <= 200
    page.goto(f"{address}/{CHAPTER}")
    page.reload()
    assert all(page.evaluate(LAID_OUT))


def test_a_section_is_as_high_as_if_it_had_not_waited(page, address):
    page.goto(f"{address}/{CHAPTER}")
    page.mouse.click(5, 5)
    waited = page.evaluate(HEIGHTS)
    page.reload()
    assert page.evaluate(HEIGHTS) == waited


def test_without_scripts_nothing_waits(chromium, address):
    with chromium.new_page(java_script_enabled=False) as page:
        page.goto(f"{address}/{CHAPTER}")
        assert page.locator("html[data-sections]").count() == 0
