"""Tests of the figures in a browser, on a small site built with MyST-NB and this extension."""

import io
import re
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import plotly.graph_objects as go
import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

NODE_MODULES = Path(__file__).parents[2] / "node_modules"
CARTESIAN = NODE_MODULES / "plotly.js-cartesian-dist-min" / "plotly-cartesian.min.js"
AXE = NODE_MODULES / "axe-core" / "axe.min.js"

HOST = "http://localhost"
TIMEOUT = 20_000  # ms, enough for a busy machine
expect.set_options(timeout=TIMEOUT)

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 800}
BOTH_WIDTHS = pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])


def bars(*heights, alt="Bars.", meta=None, **layout):
    return go.Figure(go.Bar(y=heights), layout={"meta": {"alt": alt, **(meta or {})}, **layout})


def button(label, method, *args, **more):
    return {"label": label, "method": method, "args": list(args), **more}


def step(label, *heights, **more):
    return button(label, "restyle", {"y": [list(heights)]}, **more)


def slider(name, *steps, **more):
    return {"currentvalue": {"prefix": f"{name}: "}, "steps": list(steps), **more}


MENUS = [
    {
        "type": "buttons",
        "buttons": [
            button("Linear", "relayout", {"yaxis.type": "linear"}),
            button("Hidden", "skip", visible=False),
            button("Log", "relayout", {"yaxis.type": "log"}),
        ],
    },
    {"type": "buttons", "active": -1, "buttons": [step("Large", 5, 50, args2=[{"y": [[1, 10]]}])]},
    {"name": "Points", "buttons": [step("two", 1, 10), step("three", 1, 10, 5), step("one", 3)]},
]
FRAMES = [go.Frame(name=name, data=[go.Bar(y=[y, y])]) for name, y in zip("abc", (2, 3, 4), strict=True)]
FRAME_STEPS = [button(f"step {name}", "animate", [name], {"mode": "immediate"}) for name in "abc"]
PLAY = button("Play", "animate", None, {"frame": {"duration": 50}, "transition": {"duration": 30}})
PAUSE = button("Pause", "animate", [None], {"mode": "immediate"})
# Numbers of all sizes, some of them at the limits between formats.
SIZES = [
    sign * digits * 10.0**exponent
    for sign in (1, -1)
    for exponent in range(-9, 10)
    for digits in (1, 1.23456, 9.99951, 2.5, 1 / 3)
]
# A slider that does not change the values.
TITLE_SLIDER = slider("Title", button("x", "relayout", {"title.text": "moved"}))

FIGURES = {
    "stock": go.Figure(
        [go.Scatter(y=[1, 2], name="The first of two"), go.Scatter(y=[2, 1], name="The second of two")],
        layout={"meta": {"alt": "Two lines that cross."}},
    ),
    "narrow": bars(
        1, height=300, xaxis={"domain": [0, 0.9]}, meta={"narrow": {"height": 500, "xaxis.domain": [0, 0.5]}}
    ),
    "slider": bars(
        1,
        1,
        meta={"table": True},
        sliders=[slider("Height", *(step(f"{y} m", y, y) for y in (1, 2, 3, 4)), active=1)],
    ),
    "two-sliders": bars(
        1,
        sliders=[
            slider("One", step("1", 1), step("2", 2)),
            slider("Two", step("5", 5), step("6", 6, visible=False), step("7", 7)),
        ],
    ),
    "menus": bars(1, 10, updatemenus=MENUS),
    "frames": go.Figure(
        go.Bar(y=[1, 1]),
        frames=FRAMES,
        layout={
            "meta": {"alt": "Bars that grow.", "table": True},
            "yaxis": {"range": [0, 5]},
            "sliders": [slider("Step", *FRAME_STEPS)],
            "updatemenus": [{"type": "buttons", "buttons": [PLAY, PAUSE]}],
        },
    ),
    "numbers": go.Figure(
        [
            go.Bar(name="sizes", y=SIZES),
            go.Bar(name="encoded", y=np.array(SIZES)),
            go.Bar(name="integers", y=[0, -0.0, 7, 12345, -10.125, 123456, 999999, 1000000, 123450000]),
            go.Bar(name="missing", y=[1, None, None], hovertext=["", "no gradient yet", ""]),
            go.Bar(name="encoded missing", y=np.array([1, np.nan, np.inf])),
        ],
        layout={"meta": {"alt": "Many numbers.", "table": True}, "sliders": [TITLE_SLIDER]},
    ),
    "labels": go.Figure(
        [go.Bar(x=[0.5, 1e-7, 2e6], y=[1, 2, 3]), go.Bar(x=np.array([0.5, 3.0]), y=[4, 5])],
        layout={"meta": {"alt": "Labels that are numbers.", "table": [1, 0]}, "sliders": [TITLE_SLIDER]},
    ),
}
# Figures so far apart that only one of them is near the window.
FAR = ["Far one", "Far two", "Far three", "Far four"]
GAP = "```{raw} html\n<div style='height: 1800px'></div>\n```"


@pytest.fixture(scope="module")
def build_site(build, notebook, tmp_path_factory):
    """Return a function that builds the site."""
    pages = {name: notebook(f"# {figure.layout.meta['alt']}", figure) for name, figure in FIGURES.items()}
    pages["far"] = notebook("# Far", *(part for name in FAR for part in (GAP, bars(3, alt=name, title=name))))
    pages["all"] = notebook("# All", *(FIGURES[name] for name in ("stock", "slider", "menus", "frames")))
    pages["index"] = "# Page\n\n```{toctree}\n" + "\n".join(pages) + "\n```"
    folder = tmp_path_factory.mktemp("browser")
    return partial(build, folder, pages, f"myst_nb_plotly_bundle = {str(CARTESIAN)!r}\n")


@pytest.fixture(scope="module")
def site(build_site):
    return build_site().output


@pytest.fixture(scope="module")
def themed_site(build_site, site):
    """The same site with a theme that has a dark mode."""
    return build_site(name="themed", options=["-D", "html_theme=pydata_sphinx_theme"]).output


def serve(site, route, headers=None):
    path = site / urlsplit(route.request.url).path[1:]
    route.fulfill(path=path, headers=headers) if path.is_file() else route.fulfill(status=404)


@pytest.fixture
def visit(chromium, site):
    """Return a function that opens a page of the site in a new browser context."""
    stack = ExitStack()

    def visit(name, *, base=HOST, headers=None, init_script=None, **settings):
        context = stack.enter_context(chromium.new_context(**{"viewport": WIDE, **settings}))
        context.set_default_timeout(TIMEOUT)
        context.route(f"{HOST}/**", lambda route: serve(site, route, headers))
        if init_script:
            context.add_init_script(init_script)
        page = context.new_page()
        page.requests, page.errors = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
        page.goto(f"{base}/{name}.html")
        return page

    with stack:
        yield visit


def draw(page, number=0):
    """Scroll to a figure, and return it when it is interactive."""
    figure = page.locator(".plotly-figure").nth(number)
    figure.scroll_into_view_if_needed()
    page.mouse.move(5, 5)
    page.mouse.move(9, 9)
    expect(figure).to_have_attribute("data-drawn", "yes")
    return figure


def wait_for(figure, condition, argument=None):
    """Wait until a condition on ``figure`` and its ``drawing`` is true."""
    drawing = figure.locator(".plotly-drawing").element_handle()
    expression = f"([figure, drawing, argument]) => {condition}"
    figure.page.wait_for_function(expression, arg=[figure.element_handle(), drawing, argument])


def wait_for_heights(figure, *heights):
    wait_for(figure, "drawing.data?.[0].y.join() === argument", ",".join(map(str, heights)))


def figure_requests(page):
    """Return the requests for plotly.js and for the data of figures."""
    return [url for url in page.requests if re.search(r"/plotly-figures/[^/]*\.js$", url)]


def visible_pictures(figure):
    pictures = figure.locator(".plotly-picture:visible").all()
    for picture in pictures:
        figure.page.wait_for_function("picture => picture.naturalWidth > 0", arg=picture.element_handle())
    return [re.search(r"/([a-z-]+)\.svg$", picture.get_attribute("src"))[1] for picture in pictures]


INTERACTIONS = {
    "scroll": lambda page: page.evaluate("document.body.style.minHeight = '3000px'; scrollBy(0, 10)"),
    "wheel": lambda page: page.mouse.wheel(0, 10),
    "pointer": lambda page: page.mouse.move(50, 50),
    "key": lambda page: page.keyboard.press("Shift"),
    "focus": lambda page: page.evaluate("document.querySelector('a').focus()"),
}


@pytest.mark.parametrize("interact", INTERACTIONS.values(), ids=INTERACTIONS)
def test_plotly_is_loaded_at_the_first_interaction(visit, interact):
    page = visit("stock")
    page.wait_for_load_state("networkidle")
    figure = page.locator(".plotly-figure")
    assert figure_requests(page) == []
    assert visible_pictures(figure) == ["wide-light"]
    interact(page)
    expect(figure).to_have_attribute("data-drawn", "yes")
    assert len(figure_requests(page)) == 2
    assert visible_pictures(figure) == []


def test_a_figure_is_loaded_when_the_reader_scrolls_near_it(visit):
    page = visit("far")
    page.mouse.move(50, 50)
    page.wait_for_timeout(300)
    assert figure_requests(page) == []
    draw(page, 1)
    assert len(figure_requests(page)) <= 4  # plotly.js, this figure and its neighbours
    expect(page.locator(".plotly-figure").last).not_to_have_attribute("data-drawn", "yes")
    draw(page, 3)


COUNT_SHIFTS = """window.shifts = 0;
new PerformanceObserver(list => { shifts += list.getEntries().length; })
  .observe({ type: "layout-shift", buffered: true })"""
BOXES = """() => [...document.querySelectorAll('.plotly-figure, .plotly-figure > *')].map(element => {
  const { top, height } = element.getBoundingClientRect();
  return [Math.round(top + scrollY), Math.round(height)];
})"""


@BOTH_WIDTHS
@pytest.mark.parametrize("name", FIGURES)
def test_nothing_moves_when_a_figure_becomes_interactive(visit, name, viewport):
    page = visit(name, init_script=COUNT_SHIFTS, viewport=viewport)
    before = page.evaluate(BOXES)
    figure = draw(page)
    page.wait_for_timeout(100)
    assert page.evaluate(BOXES) == before
    assert page.evaluate("shifts") == 0
    svg, box = figure.locator(".main-svg").first.bounding_box(), figure.locator(".plotly-box").bounding_box()
    assert (svg["width"], svg["height"]) == pytest.approx((box["width"], box["height"]), abs=1)
    assert page.errors == []


def test_a_control_used_before_plotly_is_loaded_applies_the_latest_value(visit, site):
    page = visit("slider")
    routes = []
    page.route("**/plotly-figures/*.js", lambda route: routes.append(route))
    control = page.get_by_role("slider")
    for key in ("ArrowRight", "Home", "End"):
        control.press(key)
    figure = page.locator(".plotly-figure")
    assert visible_pictures(figure) == ["wide-light"]
    expect(control).to_have_attribute("aria-valuetext", "4 m")
    assert routes
    for route in routes:
        serve(site, route)
    wait_for_heights(figure, 4, 4)
    expect(figure).to_have_attribute("data-drawn", "yes")


def test_the_keyboard_moves_a_slider_and_text_drawing_and_table_follow(visit):
    page = visit("slider")
    control = page.get_by_role("slider", name="Height:", exact=True)
    figure = page.locator(".plotly-figure")
    expect(control).to_have_attribute("aria-valuetext", "2 m")
    expect(figure.locator("tbody td")).to_have_text(["1", "1"])
    while not control.evaluate("control => control === document.activeElement"):
        page.keyboard.press("Tab")
        assert not page.evaluate("document.activeElement === document.body")
    assert control.evaluate("control => getComputedStyle(control).outlineStyle") == "solid"
    for key, height in (("ArrowRight", "3"), ("End", "4"), ("ArrowLeft", "3"), ("Home", "1")):
        page.keyboard.press(key)
        expect(control).to_have_attribute("aria-valuetext", f"{height} m")
        expect(figure.locator("output")).to_have_text(f"{height} m")
        wait_for_heights(figure, height, height)
        expect(figure.locator("tbody td")).to_have_text([height, height])
    assert figure.locator(".slider-container").count() == 0


def test_two_sliders_work_independently_and_skip_hidden_steps(visit):
    page = visit("two-sliders")
    for name, key, height in (("One:", "End", 2), ("Two:", "ArrowRight", 7), ("One:", "Home", 1)):
        page.get_by_role("slider", name=name, exact=True).press(key)
        wait_for_heights(page.locator(".plotly-figure"), height)
    assert page.get_by_role("slider", name="Two:", exact=True).get_attribute("max") == "1"


def test_buttons_show_which_is_pressed_and_a_toggle_button_goes_back(visit):
    page = visit("menus")
    figure = page.locator(".plotly-figure")
    linear, log, large = (page.get_by_role("button", name=name, exact=True) for name in ("Linear", "Log", "Large"))
    assert page.get_by_role("button", name="Hidden").count() == 0
    assert [button.get_attribute("aria-pressed") for button in (linear, log, large)] == ["true", "false", "false"]
    log.press("Enter")
    wait_for(figure, "drawing.layout?.yaxis.type === 'log'")
    assert [button.get_attribute("aria-pressed") for button in (linear, log, large)] == ["false", "true", "false"]
    for pressed, heights in (("true", (5, 50)), ("false", (1, 10)), ("true", (5, 50))):
        large.press("Space")
        wait_for_heights(figure, *heights)
        expect(large).to_have_attribute("aria-pressed", pressed)
    linear.click()
    wait_for(figure, "drawing.layout.yaxis.type === 'linear'")
    assert figure.locator(".updatemenu-container").count() == 0


def test_a_dropdown_menu_is_a_native_select(visit):
    page = visit("menus")
    menu = page.get_by_role("combobox", name="Points", exact=True)
    assert menu.locator("option").all_inner_texts() == ["two", "three", "one"]
    for choice, heights in (("three", (1, 10, 5)), ("one", (3,)), ("two", (1, 10))):
        menu.select_option(choice)
        wait_for_heights(page.locator(".plotly-figure"), *heights)


RECORD_FRAMES = """figure => {
  window.frames_shown = [];
  figure.querySelector('.plotly-drawing').on('plotly_animatingframe', ({ name, animation }) => {
    frames_shown.push([name, performance.now(), animation.frame.duration, animation.transition.duration]);
  });
}"""


@pytest.fixture
def play(visit):
    """Return a function that plays the animation, and returns the figure and the recorded frames."""

    def play(**settings):
        page = visit("frames", **settings)
        figure = draw(page)
        page.evaluate(RECORD_FRAMES, figure.element_handle())
        page.get_by_role("button", name="Play").click()
        expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", "step c")
        frames = page.evaluate("frames_shown")
        assert [name for name, *_ in frames] == ["a", "b", "c"]
        return figure, frames

    return play


def test_an_animation_moves_slider_and_table_and_can_be_paused(play):
    figure, _ = play()
    control, cells = figure.get_by_role("slider"), figure.locator("tbody td")
    expect(figure.locator("output")).to_have_text("step c")
    assert control.input_value() == "2"
    wait_for_heights(figure, 4, 4)
    expect(cells).to_have_text(["4", "4"])
    control.press("Home")
    wait_for_heights(figure, 2, 2)
    expect(cells).to_have_text(["2", "2"])
    figure.get_by_role("button", name="Pause").click()
    assert figure.page.errors == []


def test_with_reduced_motion_frames_are_slow_and_have_no_transitions(play):
    figure, frames = play(reduced_motion="reduce")
    assert all(duration >= 500 and transition == 0 for _, _, duration, transition in frames)
    times = [time for _, time, *_ in frames]
    assert all(later - earlier > 450 for earlier, later in pairwise(times))
    figure.get_by_role("slider").press("Home")
    wait_for_heights(figure, 2, 2)
    assert figure.page.evaluate("frames_shown.at(-1)[2]") == 0


def test_of_many_fast_moves_only_the_last_is_drawn(visit):
    page = visit("slider")
    figure = draw(page)
    page.evaluate(
        """figure => {
          window.updates = 0;
          figure.querySelector('.plotly-drawing').on('plotly_restyle', () => { updates += 1; });
          const control = figure.querySelector('input');
          for (let move = 0; move < 44; move += 1) {
            control.value = String(move % 4);
            control.dispatchEvent(new Event('input', { bubbles: true }));
          }
        }""",
        figure.element_handle(),
    )
    wait_for_heights(figure, 4, 4)
    assert page.evaluate("updates") <= 3


@BOTH_WIDTHS
def test_controls_are_large_enough_for_touch_and_fit_the_page(visit, viewport):
    page = visit("all", viewport=viewport)
    controls = page.locator(".plotly-controls :is(input, select, button), summary").all()
    assert len(controls) == 10
    for control in controls:
        box = control.bounding_box()
        assert min(box["height"], box["width"]) >= 24
        assert 0 <= box["x"] <= viewport["width"] - box["width"]


def table(page):
    return page.evaluate(
        "[...document.querySelectorAll('.plotly-numbers tr')].map("
        "row => [...row.cells].map(cell => cell.textContent))"
    )


@pytest.mark.parametrize("name", ["numbers", "labels"])
def test_the_script_and_the_build_write_the_same_table(visit, name):
    page = visit(name)
    before = table(page)
    assert len(before) > 3
    figure = draw(page)
    page.evaluate("document.querySelector('.plotly-numbers tbody').replaceChildren()")
    page.get_by_role("slider").dispatch_event("input")
    wait_for(figure, "figure.querySelector('.plotly-numbers tbody').rows.length > 0")
    assert table(page) == before


@pytest.mark.parametrize("strict_policy", [False, True], ids=["as files", "under a strict policy"])
def test_figures_work_when_the_site_is_opened(visit, site, strict_policy):
    settings = (
        {"headers": {"Content-Security-Policy": "script-src 'self'"}} if strict_policy else {"base": site.as_uri()}
    )
    for name in ("stock", "slider", "frames"):
        page = visit(name, **settings)
        assert visible_pictures(page.locator(".plotly-figure")) == ["wide-light"]
        figure = draw(page)
        for button in page.get_by_role("button").all():
            button.click()
        if name == "slider":
            page.get_by_role("slider").press("End")
            wait_for_heights(figure, 4, 4)
        assert page.errors == []


def test_without_javascript_pictures_and_tables_are_visible_and_controls_are_hidden(visit):
    page = visit("slider", java_script_enabled=False)
    expect(page.locator(".plotly-picture:visible")).to_have_count(1)
    expect(page.locator(".plotly-picture:visible")).to_have_attribute("src", re.compile("wide-light"))
    expect(page.get_by_role("slider")).to_be_hidden()
    page.locator("summary").click()
    expect(page.locator(".plotly-numbers td").last).to_be_visible()
    page = visit("far", java_script_enabled=False)
    expect(page.locator(".plotly-picture:visible")).to_have_count(len(FAR))


def test_without_pictures_figures_near_the_window_are_drawn_without_interaction(
    build, notebook, tmp_path, no_chromium, visit
):
    pages = {"index": notebook("# Page", bars(1, alt="Near."), GAP, bars(2, alt="Far."))}
    base = build(tmp_path, pages, f"myst_nb_plotly_bundle = {str(CARTESIAN)!r}\n").output.as_uri()
    figures = visit("index", base=base).locator(".plotly-figure")
    expect(figures.first).to_have_attribute("data-drawn", "yes")
    expect(figures.last).not_to_have_attribute("data-drawn", "yes")
    text = visit("index", base=base, java_script_enabled=False).locator("noscript p").first
    expect(text).to_be_visible()
    expect(text).to_have_text("Near. (This figure is drawn by JavaScript.)")


@pytest.mark.parametrize("state", ["new", "dark", "interactive", "dark and interactive", "without JavaScript"])
def test_all_figures_are_printed(visit, state):
    page = visit("far", java_script_enabled=state != "without JavaScript")
    if "dark" in state:
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
    if "interactive" in state:
        for number in (1, 0):
            draw(page, number)
    # The script loads the pictures when the browser is idle.
    page.wait_for_function(
        "() => [...document.querySelectorAll('.plotly-wide.plotly-light')].every(image => image.naturalWidth > 0)"
    )
    text = "\n".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(page.pdf())).pages)
    assert [name for name in FAR if text.count(name) != 1] == []


def test_print_shows_the_light_picture_without_controls(visit):
    page = visit("slider")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    figure = draw(page)
    page.emulate_media(media="print")
    assert visible_pictures(figure) == ["wide-light"]
    expect(page.get_by_role("slider")).to_be_hidden()
    expect(figure.locator(".main-svg").first).to_be_hidden()
    page.emulate_media(media="screen")
    assert visible_pictures(figure) == []
    expect(figure.locator(".main-svg").first).to_be_visible()


def expect_theme(figure, theme):
    background = "rgba(0, 0, 0, 0)" if theme == "dark" else "rgb(255, 255, 255)"
    expect(figure.locator(".main-svg").first).to_have_css("background-color", background)
    color = figure.locator(".xtick text").first.evaluate("text => getComputedStyle(text).fill")
    channels = [int(channel) for channel in re.findall(r"\d+", color)[:3]]
    assert min(channels) > 150 if theme == "dark" else max(channels) < 100


@pytest.mark.parametrize("element", ["documentElement", "body"])
def test_pictures_and_drawings_follow_the_theme_of_the_page(visit, element):
    page = visit("stock")
    set_theme = f"theme => {{ document.{element}.dataset.theme = theme; }}"
    page.evaluate(set_theme, "dark")
    assert visible_pictures(page.locator(".plotly-figure")) == ["wide-dark"]
    figure = draw(page)
    expect_theme(figure, "dark")
    for theme in ("light", "dark"):
        page.evaluate(set_theme, theme)
        expect_theme(figure, theme)


def test_the_automatic_theme_follows_the_system(visit):
    page = visit("stock", color_scheme="dark")
    figure = page.locator(".plotly-figure")
    assert visible_pictures(figure) == ["wide-light"]
    page.evaluate("document.body.dataset.theme = 'auto'")
    assert visible_pictures(figure) == ["wide-dark"]
    draw(page)
    expect_theme(figure, "dark")
    page.emulate_media(color_scheme="light")
    expect_theme(figure, "light")


CLIPPED_TEXTS = """figure => {
  const box = figure.querySelector('.plotly-box').getBoundingClientRect();
  return [...figure.querySelectorAll('.main-svg text')].filter(text => {
    const { left, right, top, bottom, width } = text.getBoundingClientRect();
    const outside = left < box.left - 1 || right > box.right + 1 || top < box.top - 1 || bottom > box.bottom + 1;
    return width && outside;
  }).map(text => text.textContent);
}"""


def test_a_narrow_window_shows_the_narrow_picture_and_layout(visit):
    page = visit("narrow", viewport=NARROW)
    figure = page.locator(".plotly-figure")
    assert visible_pictures(figure) == ["narrow-light"]
    assert figure.locator(".plotly-box").bounding_box()["height"] == 500
    page.set_viewport_size(WIDE)
    assert visible_pictures(figure) == ["wide-light"]
    draw(page)
    for viewport, height, end in ((WIDE, 300, 0.9), (NARROW, 500, 0.5), (WIDE, 300, 0.9)):
        page.set_viewport_size(viewport)
        wait_for(
            figure,
            "drawing.layout.xaxis.domain[1] === argument[1] && Math.abs(drawing.clientHeight - argument[0]) < 1"
            " && Math.abs(drawing._fullLayout.height - argument[0]) < 1"
            " && Math.abs(drawing._fullLayout.width - figure.clientWidth) <= 1",
            [height, end],
        )
        assert figure.evaluate(CLIPPED_TEXTS) == []


def test_in_a_narrow_window_the_legend_is_below_the_plot_by_default(visit):
    page = visit("stock")
    figure = draw(page)
    for viewport, below in ((WIDE, False), (NARROW, True), (WIDE, False)):
        page.set_viewport_size(viewport)
        wait_for(figure, "(drawing.layout.legend?.orientation === 'h') === argument", below)
        wait_for(figure, "Math.abs(drawing._fullLayout.width - figure.clientWidth) <= 1")
        legend = figure.locator(".legend").bounding_box()
        plot = figure.locator(".bglayer .bg").first.bounding_box()
        assert (legend["y"] >= plot["y"] + plot["height"]) == below
        assert (legend["x"] >= plot["x"] + plot["width"]) == (not below)
        assert figure.evaluate(CLIPPED_TEXTS) == []


def test_a_failed_download_shows_an_error_and_the_next_use_of_a_control_tries_again(visit):
    page = visit("slider")
    figure = page.locator(".plotly-figure")
    data_url = f"**/{figure.get_attribute('data-figure')}.js"
    page.route(data_url, lambda route: route.fulfill(status=404))
    page.get_by_role("slider").press("End")
    expect(page.get_by_role("alert")).to_contain_text("could not be made interactive: could not load")
    assert visible_pictures(figure) == ["wide-light"]
    page.unroute(data_url)
    page.get_by_role("slider").press("ArrowLeft")
    wait_for_heights(figure, 3, 3)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert visible_pictures(figure) == []


@BOTH_WIDTHS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violations_in_pictures_and_drawings(visit, themed_site, scheme, viewport):
    page = visit("all", base=themed_site.as_uri(), viewport=viewport, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    page.evaluate(AXE.read_text(encoding="utf-8"))

    def violations():
        result = page.evaluate("axe.run('.plotly-figure')")
        assert result["passes"]
        return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in result["violations"]]

    figures = page.locator(".plotly-figure")
    assert figures.count() == 4
    assert visible_pictures(figures.first) == [f"{'wide' if viewport == WIDE else 'narrow'}-{scheme}"]
    assert violations() == []
    for number in range(4):
        draw(page, number)
    assert violations() == []
