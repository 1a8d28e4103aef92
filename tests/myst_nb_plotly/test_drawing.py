"""The drawing script, in a browser, on a page that Sphinx has no part in."""

import re
from importlib.resources import files

import plotly.graph_objects as go
import pytest
from playwright.sync_api import expect
from plotly.offline import get_plotlyjs

from myst_nb_plotly import figure_html

# Milliseconds: more than a busy machine needs.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)

STATIC = files("myst_nb_plotly") / "static"


SKIP = [{"label": "a", "method": "skip"}, {"label": "b", "method": "skip"}]
FIGURES = {
    "hostile": go.Figure(
        go.Scatter(y=[1.0, float("nan"), float("inf"), 4.0], mode="markers"),
        layout={"title": "</script><script>document.title = 'broken'</script>\u2028'\"", "height": 300.5},
    ),
    "slider": go.Figure(
        go.Bar(x=[1, 2], y=[1, 1]),
        layout={
            "sliders": [
                {
                    "active": 1,
                    "currentvalue": {"prefix": "Height: "},
                    "steps": [{"label": f"{y} m", "args": [{"y": [[y, y]]}]} for y in (1, 2, 3)],
                }
            ]
        },
    ),
    "two sliders": go.Figure(
        go.Bar(y=[1]),
        layout={"sliders": [{"currentvalue": {"prefix": name}, "steps": SKIP} for name in ("One", "Two")]},
    ),
    "buttons": go.Figure(
        go.Bar(y=[1, 10]),
        layout={
            "updatemenus": [
                {
                    "type": "buttons",
                    "buttons": [
                        {"label": "Log", "method": "relayout", "args": [{"yaxis.type": "log"}]},
                        {"label": "Linear", "method": "relayout", "args": [{"yaxis.type": "linear"}]},
                    ],
                }
            ]
        },
    ),
    "narrow": go.Figure(
        go.Bar(y=[1]),
        layout={
            "height": 300,
            "xaxis": {"domain": [0, 0.9]},
            "meta": {"narrow": {"height": 700, "xaxis.domain": [0, 0.5]}},
        },
    ),
    "stock": go.Figure(go.Bar(y=[1, 2]), layout={"paper_bgcolor": "rgb(255, 250, 240)"}),
}


def write(folder, figures, *, with_plotly=True):
    """Write a page with the figures, and return its address."""
    for name in ("myst-nb-plotly.js", "myst-nb-plotly.css"):
        (folder / name).write_text((STATIC / name).read_text(encoding="utf-8"), encoding="utf-8")
    if with_plotly:
        (folder / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
    shown = "".join(
        f"<section>{figure_html(figure if isinstance(figure, dict) else figure.to_plotly_json())}</section>"
        for figure in figures
    )
    page = folder / "page.html"
    page.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>page</title>'
        '<link rel="stylesheet" href="myst-nb-plotly.css"><script defer src="myst-nb-plotly.js"></script></head>'
        f"<body>{shown}</body></html>",
        encoding="utf-8",
    )
    return page.as_uri()


def drawn(figure):
    figure.scroll_into_view_if_needed()
    expect(figure).to_have_attribute("data-drawn", "yes")
    return figure


@pytest.fixture(scope="module")
def page(chromium, tmp_path_factory):
    with chromium.new_page(viewport={"width": 1000, "height": 900}) as page:
        page.set_default_timeout(PATIENCE)
        page.goto(write(tmp_path_factory.mktemp("page"), FIGURES.values()))
        for figure in page.locator(".plotly-figure").all():
            drawn(figure)
        yield page


@pytest.fixture
def figure(page, request):
    """The figure that the test is about."""
    return page.locator(".plotly-figure").nth(list(FIGURES).index(request.param))


def about(name):
    return pytest.mark.parametrize("figure", [name], indirect=True)


@about("hostile")
def test_text_that_looks_like_html_is_drawn_as_text_and_missing_points_are_left_out(page, figure):
    assert page.title() == "page"
    expect(figure.locator(".gtitle")).to_contain_text("document.title = 'broken'")
    assert figure.locator(".scatterlayer .point").count() == 2


@about("slider")
def test_a_slider_is_a_native_one_with_a_name_that_applies_its_steps(page, figure):
    slider = page.get_by_role("slider", name="Height:", exact=True)
    expect(slider).to_have_attribute("aria-valuetext", "2 m")
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "3 m")
    expect(figure.locator("output")).to_have_text("3 m")
    page.wait_for_function(
        "figure => figure.querySelector('.plotly-drawing').data[0].y.join() === '3,3'", arg=figure.element_handle()
    )
    assert figure.locator(".slider-container").count() == 0


@about("two sliders")
def test_two_sliders_have_two_labels(figure):
    for name in ("One", "Two"):
        assert figure.get_by_role("slider", name=name, exact=True).count() == 1


@about("buttons")
def test_the_buttons_of_a_menu_are_native_ones(page, figure):
    for name in ("Log", "Linear"):
        figure.get_by_role("button", name=name).press("Enter")
        page.wait_for_function(
            "([figure, type]) => figure.querySelector('.plotly-drawing').layout.yaxis.type === type",
            arg=[figure.element_handle(), name.lower()],
        )
    assert figure.locator(".updatemenu-container").count() == 0


@about("narrow")
def test_on_a_narrow_screen_the_layout_is_the_narrow_one_and_comes_back(page, figure):
    for width, height, end in ((400, 700, 0.5), (1000, 300, 0.9)):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            "([figure, height, end]) => {"
            " const { layout, clientHeight } = figure.querySelector('.plotly-drawing');"
            " return layout.xaxis.domain[1] === end && Math.abs(clientHeight - height) < 2; }",
            arg=[figure.element_handle(), height, end],
        )


@about("stock")
def test_a_stock_figure_is_readable_in_the_dark_and_itself_again_in_the_light(page, figure):
    picture = figure.locator(".main-svg").first

    def colors():
        paper = picture.evaluate("svg => getComputedStyle(svg).backgroundColor")
        plot = figure.locator(".bglayer .bg").first.evaluate("box => getComputedStyle(box).fillOpacity")
        ink = figure.locator(".xtick text").first.evaluate("text => getComputedStyle(text).fill")
        return paper, plot, ink

    light = colors()
    assert light[:2] == ("rgb(255, 250, 240)", "1")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    expect(picture).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    _, plot, ink = colors()
    assert plot == "0"
    assert min(map(int, re.findall(r"\d+", ink))) > 150
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    expect(picture).to_have_css("background-color", light[0])
    assert colors() == light


def test_figures_far_below_are_drawn_only_when_the_reader_comes_near(chromium, tmp_path):
    with chromium.new_page(viewport={"width": 1000, "height": 900}) as page:
        page.goto(write(tmp_path, [go.Figure(go.Bar(y=[1]), layout={"height": 900})] * 4))
        figures = page.locator(".plotly-figure")
        drawn(figures.first)
        expect(figures.last).not_to_have_attribute("data-drawn", "yes")
        drawn(figures.last)


def test_a_figure_with_no_layout_no_meta_or_a_slider_without_steps_is_drawn(chromium, tmp_path):
    bars = [{"type": "bar", "y": [1, 2]}]
    bare = [
        {"data": bars},
        {"data": bars, "layout": None},
        {"data": bars, "layout": {"meta": None, "sliders": [{}, {"steps": []}]}},
    ]
    with chromium.new_page() as page:
        page.goto(write(tmp_path, bare))
        for figure in page.locator(".plotly-figure").all():
            drawn(figure)
        assert page.get_by_role("slider").count() == 0


def test_a_figure_is_drawn_once_plotly_js_can_be_loaded_again(chromium, tmp_path):
    with chromium.new_page(viewport={"width": 1000, "height": 900}) as page:
        page.goto(write(tmp_path, [go.Figure(go.Bar(y=[1]), layout={"height": 900})] * 4, with_plotly=False))
        expect(page.locator(".plotly-drawing").first).to_contain_text("could not load")
        (tmp_path / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
        drawn(page.locator(".plotly-figure").last)


def test_without_plotly_js_the_page_says_that_the_figure_could_not_be_drawn(chromium, tmp_path):
    with chromium.new_page() as page:
        page.goto(write(tmp_path, [go.Figure(go.Bar(y=[1]))], with_plotly=False))
        expect(page.locator(".plotly-drawing")).to_contain_text("This figure could not be drawn: could not load")
