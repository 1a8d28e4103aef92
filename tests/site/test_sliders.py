"""The Plotly figures of the book that a reader moves."""

import re

import pytest
from playwright.sync_api import expect

# The shapes of each part of a figure.
SHAPES = """figure => {
    const shapes = selector => [...figure.querySelectorAll(selector)].map(shape => shape.getAttribute("d"));
    return {
        contours: shapes(".subplot.xy .trace:has(.js-fill) path"),
        paths: shapes(".subplot.xy .trace:not(:has(.js-fill)) .js-line"),
        bars: shapes(".subplot.x2y2 .bars path"),
        losses: shapes(".subplot.x3y3 .js-line"),
    };
}"""

# Whether the traces of a figure have the values of the frame that its slider names.
SHOWS_ITS_FRAME = """([figure, { frames, layout }]) => {
    const slider = figure.querySelector("input[type=range]");
    const [name] = layout.sliders[0].steps[slider.valueAsNumber].args[0];
    const frame = frames.find(frame => frame.name === name);
    const traces = figure.querySelector(".plotly-drawing").data;
    return frame.data.every((values, i) => {
        const trace = traces[frame.traces?.[i] ?? i];
        return ["x", "y"].every(axis => JSON.stringify(trace[axis]) === JSON.stringify(values[axis]));
    });
}"""


@pytest.fixture(scope="module")
def visit(chromium, open_page, address):
    with chromium.new_page(viewport={"width": 1280, "height": 900}) as page:
        yield open_page(page, f"{address}/book/sparse_gradients.html")


def part(page, slider_name):
    """Return the figure with a slider of that name, and the slider."""
    slider = page.get_by_role("slider", name=slider_name)
    return page.locator(".plotly-figure").filter(has=slider), slider


@pytest.fixture
def wait_until_it_shows(data_of):
    def wait_until_it_shows(figure):
        figure.page.wait_for_function(SHOWS_ITS_FRAME, arg=[figure.element_handle(), data_of(figure)])
        return figure.evaluate(SHAPES)

    return wait_until_it_shows


def test_the_keyboard_moves_the_activity_from_1_to_100_percent_and_the_words_follow(visit, wait_until_it_shows):
    figure, slider = part(visit.page, "Activity of the sparse feature")
    slider.focus()
    words = {}
    for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
        visit.page.keyboard.press(key)
        words[key] = slider.get_attribute("aria-valuetext")
        expect(figure.locator("output")).to_have_text(words[key])
        wait_until_it_shows(figure)
    assert words["Home"] == "1%"
    assert words["End"] == "100%"
    assert 1 < int(words["ArrowRight"].rstrip("%")) < int(words["ArrowLeft"].rstrip("%")) < 100


def test_the_activity_changes_contours_paths_bars_and_losses(visit, wait_until_it_shows):
    figure, slider = part(visit.page, "Activity of the sparse feature")
    seen = []
    for key in ("Home", "End"):
        slider.press(key)
        seen.append(wait_until_it_shows(figure))
    rare, dense = seen
    for name, least in {"contours": 1, "paths": 5, "bars": 10, "losses": 5}.items():
        assert len(rare[name]) == len(dense[name]) >= least, name
    for name in ("contours", "paths", "losses"):
        assert all(a != b for a, b in zip(rare[name], dense[name], strict=True)), name
    # SGD and Momentum have one rate, whatever the activity.
    assert sum(a != b for a, b in zip(rare["bars"], dense["bars"], strict=True)) >= 3


def test_no_key_is_lost_however_fast_they_come(visit, wait_until_it_shows):
    figure, slider = part(visit.page, "Activity of the sparse feature")
    last = int(slider.get_attribute("max"))
    slider.press("Home")
    wait_until_it_shows(figure)
    for _ in range(last):
        visit.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "100%")
    wait_until_it_shows(figure)
    expect(slider).to_have_value(str(last))


def test_the_steps_play_and_pause_and_play_on(visit, wait_until_it_shows):
    figure, slider = part(visit.page, re.compile("^Step"))
    slider.press("Home")
    first = wait_until_it_shows(figure)
    figure.get_by_role("button", name="Play").click()
    expect(slider).to_have_value(re.compile("^([5-9]|[1-9][0-9]+)$"))
    figure.get_by_role("button", name="Pause").click()
    visit.page.wait_for_timeout(300)
    paused, step = wait_until_it_shows(figure), int(slider.input_value())
    visit.page.wait_for_timeout(500)
    assert int(slider.input_value()) == step
    assert figure.evaluate(SHAPES) == paused
    assert paused["paths"] != first["paths"]
    assert paused["bars"] != first["bars"]
    figure.get_by_role("button", name="Play").click()
    visit.page.wait_for_function(
        "([slider, step]) => slider.valueAsNumber !== step", arg=[slider.element_handle(), step]
    )
    assert int(slider.input_value()) > step
    figure.get_by_role("button", name="Pause").click()


def test_the_slider_of_the_steps_says_the_step(visit, wait_until_it_shows):
    figure, slider = part(visit.page, re.compile("^Step"))
    slider.press("Home")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "6")
    wait_until_it_shows(figure)


def test_the_table_of_the_rates_follows_the_activity(visit, wait_until_it_shows):
    figure, slider = part(visit.page, "Activity of the sparse feature")
    figure.get_by_text("Show the numbers").press("Enter")
    cells = figure.locator(".plotly-numbers tbody tr", has_text="Adagrad").locator("td")
    for key in ("Home", "End"):
        slider.press(key)
        wait_until_it_shows(figure)
        bars = figure.locator(".plotly-drawing").evaluate(
            "drawing => drawing.data.filter(trace => trace.type === 'bar')"
            ".map(({ x, y }) => x[y.indexOf('Adagrad')])"
        )
        expect(cells).to_have_text([str(rate) for rate in bars])


def test_moving_the_figures_breaks_nothing(visit):
    assert visit.problems == []


def test_the_demo_works_without_a_server(chromium, open_page, site, wait_until_it_shows):
    with chromium.new_page() as page:
        visit = open_page(page, (site / "book" / "sparse_gradients.html").as_uri())
        figure, slider = part(page, "Activity of the sparse feature")
        slider.press("Home")
        rare = wait_until_it_shows(figure)
        slider.press("End")
        assert wait_until_it_shows(figure) != rare
        assert visit.problems == []
