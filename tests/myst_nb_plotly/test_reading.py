"""Figures as a reader meets them, in a browser, in a small site that is nothing but MyST-NB and this extension."""

import io
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread

import numpy as np
import plotly.graph_objects as go
import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

NODE_MODULES = Path(__file__).parents[2] / "node_modules"
CARTESIAN = NODE_MODULES / "plotly.js-cartesian-dist-min" / "plotly-cartesian.min.js"
AXE = NODE_MODULES / "axe-core" / "axe.min.js"

# Milliseconds: more than a busy machine needs.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 800}


def bars(*heights, alt="Bars.", meta=None, **layout):
    return go.Figure(go.Bar(y=heights), layout={"meta": {"alt": alt, **(meta or {})}, **layout})


def step(label, *heights, **more):
    return {"label": label, "method": "restyle", "args": [{"y": [list(heights)]}], **more}


def slider(name, *steps, **more):
    return {"currentvalue": {"prefix": f"{name}: "}, "steps": list(steps), **more}


FRAMES = [go.Frame(name=name, data=[go.Bar(y=[y, y])]) for name, y in zip("abc", (2, 3, 4), strict=True)]
# Numbers of every size, some of them just where the way to write them changes.
SIZES = [
    sign * digits * 10.0**exponent
    for sign in (1, -1)
    for exponent in range(-9, 10)
    for digits in (1, 1.23456, 9.99951, 2.5, 1 / 3)
]

# A slider that leaves the numbers as they are.
NO_CHANGE = slider("Title", {"label": "x", "method": "relayout", "args": [{"title.text": "moved"}]})

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
    "two sliders": bars(
        1,
        sliders=[
            slider("One", step("1", 1), step("2", 2)),
            slider("Two", step("5", 5), step("6", 6, visible=False), step("7", 7)),
        ],
    ),
    "menus": bars(
        1,
        10,
        updatemenus=[
            {
                "type": "buttons",
                "buttons": [
                    {"label": "Linear", "method": "relayout", "args": [{"yaxis.type": "linear"}]},
                    {"label": "Hidden", "method": "skip", "visible": False},
                    {"label": "Log", "method": "relayout", "args": [{"yaxis.type": "log"}]},
                ],
            },
            {
                "type": "buttons",
                "active": -1,
                "buttons": [
                    {
                        "label": "Large",
                        "method": "restyle",
                        "args": [{"y": [[5, 50]]}],
                        "args2": [{"y": [[1, 10]]}],
                    }
                ],
            },
            {"name": "Points", "buttons": [step("two", 1, 10), step("three", 1, 10, 5), step("one", 3)]},
        ],
    ),
    "frames": go.Figure(
        go.Bar(y=[1, 1]),
        frames=FRAMES,
        layout={
            "meta": {"alt": "Bars that grow.", "table": True},
            "yaxis": {"range": [0, 5]},
            "sliders": [
                slider(
                    "Step",
                    *(
                        {
                            "label": f"step {frame.name}",
                            "method": "animate",
                            "args": [[frame.name], {"mode": "immediate"}],
                        }
                        for frame in FRAMES
                    ),
                )
            ],
            "updatemenus": [
                {
                    "type": "buttons",
                    "buttons": [
                        {
                            "label": "Play",
                            "method": "animate",
                            "args": [None, {"frame": {"duration": 50}, "transition": {"duration": 30}}],
                        },
                        {"label": "Pause", "method": "animate", "args": [[None], {"mode": "immediate"}]},
                    ],
                }
            ],
        },
    ),
    "numbers": go.Figure(
        [
            go.Bar(name="sizes", y=SIZES),
            go.Bar(name="packed", y=np.array(SIZES)),
            go.Bar(name="whole", y=[0, -0.0, 7, 12345, -10.125, 123456, 999999, 1000000, 123450000]),
            go.Bar(name="missing", y=[1, None, None], hovertext=["", "no gradient yet", ""]),
            go.Bar(name="packed missing", y=np.array([1, np.nan, np.inf])),
        ],
        layout={
            "meta": {"alt": "Many numbers.", "table": True},
            "sliders": [NO_CHANGE],
        },
    ),
    "names": go.Figure(
        [
            go.Bar(name="left", x=[0.5, 1e-7, 2e6], y=[1, 2, 3]),
            go.Bar(name="right", x=np.array([0.5, 3.0]), y=[4, 5]),
        ],
        layout={
            "meta": {"alt": "Names that are numbers.", "table": [1, 0]},
            "sliders": [NO_CHANGE],
        },
    ),
}
# A page with so much between its figures that no two are near the window together.
FAR = ["Far one", "Far two", "Far three", "Far four"]
SPACE = "```{raw} html\n<div style='height: 1800px'></div>\n```"


@pytest.fixture(scope="module")
def project(build, notebook, tmp_path_factory):
    """A site and how to build it again."""
    far = [part for name in FAR for part in (SPACE, bars(3, 4, alt=f"{name}.", title=name))]
    names = [name.replace(" ", "-") for name in FIGURES]
    pages = {
        "index": "# Page\n\n```{toctree}\nfar\nall\n" + "\n".join(names) + "\n```",
        "far": notebook("# Far", *far),
        "all": notebook("# All", *(FIGURES[name] for name in ("stock", "slider", "menus", "frames"))),
        **{
            name: notebook(f"# {figure.layout.meta['alt']}", figure)
            for name, figure in zip(names, FIGURES.values(), strict=True)
        },
    }
    folder = tmp_path_factory.mktemp("reading")
    return partial(build, folder, pages, f"myst_nb_plotly_bundle = {str(CARTESIAN)!r}\n")


@pytest.fixture(scope="module")
def site(project):
    built = project()
    assert (built.status, built.warned) == (0, "")
    return built.output


@pytest.fixture(scope="module")
def themed(project, site):
    """The same site in a theme with a light and a dark side."""
    built = project(name="themed", options=["-D", "html_theme=pydata_sphinx_theme"])
    assert (built.status, built.warned) == (0, "")
    return built.output


class Handler(SimpleHTTPRequestHandler):
    policy = None

    def end_headers(self):
        self.send_header("Cache-Control", "no-store")
        if self.policy:
            self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def do_GET(self):
        # A browser asks for it by itself.
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *args):
        pass


class StrictHandler(Handler):
    policy = "script-src 'self'"


@pytest.fixture(scope="module")
def serve():
    """How to serve a folder: its address."""
    servers = []

    def serve(folder, handler=Handler):
        server = ThreadingHTTPServer(("localhost", 0), partial(handler, directory=str(folder)))
        thread = Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://localhost:{server.server_port}"

    yield serve
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def address(serve, site):
    return serve(site)


@pytest.fixture
def visit(chromium, address):
    """How to open a page of the site as a new reader."""
    contexts = []

    def visit(name, *, home=None, before=None, **settings):
        contexts.append(chromium.new_context(**{"viewport": WIDE, **settings}))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda message: message.type == "error" and page.problems.append(message.text))
        if before:
            page.add_init_script(before)
        page.goto(f"{home or address}/{name.replace(' ', '-')}.html")
        return page

    yield visit
    for context in contexts:
        context.close()


def drawn(page, number=0):
    """Scroll to a figure, as a reader does, and wait until it is interactive."""
    figure = page.locator(".plotly-figure").nth(number)
    figure.scroll_into_view_if_needed()
    page.mouse.move(5, 5)
    page.mouse.move(9, 9)
    expect(figure).to_have_attribute("data-drawn", "yes")
    return figure


def wait_for(figure, condition, argument=None):
    """Wait until something is true of the drawing."""
    figure.page.wait_for_function(
        "([figure, argument]) => {"
        f" const drawing = figure.querySelector('.plotly-drawing'); return {condition}; }}",
        arg=[figure.element_handle(), argument],
    )


def heavy(page):
    """What was asked for of plotly and of the data of figures."""
    return [url for url in page.asked if re.search(r"/plotly-figures/[^/]*\.js$", url)]


def seen(figure):
    """The pictures that can be seen, by their names."""
    pictures = figure.locator(".plotly-picture:visible").all()
    for picture in pictures:
        figure.page.wait_for_function("picture => picture.naturalWidth > 0", arg=picture.element_handle())
    return [re.search(r"/([a-z-]+)\.svg$", picture.get_attribute("src"))[1] for picture in pictures]


SIGNS = {
    "scroll": lambda page: page.evaluate("document.body.style.minHeight = '3000px'; scrollBy(0, 10)"),
    "wheel": lambda page: page.mouse.wheel(0, 10),
    "pointer": lambda page: page.mouse.move(50, 50),
    "key": lambda page: page.keyboard.press("Shift"),
    "focus": lambda page: page.evaluate("document.querySelector('a').focus()"),
}


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS)
def test_nothing_heavy_is_loaded_before_the_reader_acts_and_then_what_is_near(visit, sign):
    page = visit("stock", viewport={"width": 1280, "height": 400})
    page.wait_for_load_state("networkidle")
    figure = page.locator(".plotly-figure")
    assert heavy(page) == []
    assert seen(figure) == ["wide-light"]
    sign(page)
    expect(figure).to_have_attribute("data-drawn", "yes")
    assert len(heavy(page)) == 2
    assert seen(figure) == []


def test_a_figure_that_is_far_is_loaded_when_the_reader_comes_near(visit):
    page = visit("far")
    page.mouse.move(50, 50)
    page.wait_for_timeout(300)
    assert heavy(page) == []
    drawn(page, 1)
    assert len(heavy(page)) <= 4  # plotly, the figure, and those passed on the way
    expect(page.locator(".plotly-figure").last).not_to_have_attribute("data-drawn", "yes")
    drawn(page, 3)


SHIFTS = """new PerformanceObserver(list => {
  (window.shifts ??= []).push(...list.getEntries());
}).observe({ type: "layout-shift", buffered: true })"""
SHIFTED = """() => (window.shifts ?? []).map(({ value, startTime, sources }) => [value, startTime, ...sources.map(
  ({ node, previousRect, currentRect }) => [node?.nodeName, node?.className, previousRect, currentRect]
)])"""
BOXES = """() => [...document.querySelectorAll('.plotly-figure, .plotly-figure > *')].map(element => {
  const { top, height } = element.getBoundingClientRect();
  return [Math.round(top + scrollY), Math.round(height)];
})"""


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", FIGURES)
def test_nothing_moves_when_a_figure_becomes_interactive(visit, name, viewport):
    page = visit(name, before=SHIFTS, viewport=viewport)
    before = page.evaluate(BOXES)
    figure = drawn(page)
    page.wait_for_timeout(100)
    assert page.evaluate(BOXES) == before
    assert page.evaluate(SHIFTED) == []
    svg, box = figure.locator(".main-svg").first.bounding_box(), figure.locator(".plotly-box").bounding_box()
    assert (svg["width"], svg["height"]) == pytest.approx((box["width"], box["height"]), abs=1)
    assert page.problems == []


def test_a_control_that_is_used_first_draws_the_figure_and_applies_the_newest_value(visit):
    page = visit("slider")
    loading = []
    page.route("**/plotly-figures/*.js", lambda route: loading.append(route))
    control = page.get_by_role("slider")
    for key in ("ArrowRight", "Home", "End"):
        control.press(key)
    figure = page.locator(".plotly-figure")
    assert seen(figure) == ["wide-light"]
    expect(control).to_have_attribute("aria-valuetext", "4 m")
    assert loading
    for route in loading:
        route.continue_()
    page.unroute("**/plotly-figures/*.js")
    wait_for(figure, "drawing.data?.[0].y.join() === '4,4'")
    expect(figure).to_have_attribute("data-drawn", "yes")


def test_a_slider_is_moved_by_the_keyboard_and_says_its_value_in_words(visit):
    page = visit("slider")
    control = page.get_by_role("slider", name="Height:", exact=True)
    figure = page.locator(".plotly-figure")
    expect(control).to_have_attribute("aria-valuetext", "2 m")
    while not control.evaluate("control => control === document.activeElement"):
        page.keyboard.press("Tab")
        assert not page.evaluate("document.activeElement === document.body")
    assert control.evaluate("control => getComputedStyle(control).outlineStyle") == "solid"
    for key, words in (("ArrowRight", "3 m"), ("End", "4 m"), ("ArrowLeft", "3 m"), ("Home", "1 m")):
        page.keyboard.press(key)
        expect(control).to_have_attribute("aria-valuetext", words)
        expect(figure.locator("output")).to_have_text(words)
        wait_for(figure, "drawing.data?.[0].y[0] === argument", int(words[0]))
    assert figure.locator(".slider-container").count() == 0


def test_each_of_two_sliders_has_its_own_name_and_steps_without_hidden_ones(visit):
    page = visit("two sliders")
    figure = page.locator(".plotly-figure")
    for name, key, height in (("One:", "End", 2), ("Two:", "ArrowRight", 7), ("One:", "Home", 1)):
        page.get_by_role("slider", name=name, exact=True).press(key)
        wait_for(figure, "drawing.data?.[0].y[0] === argument", height)
    assert page.get_by_role("slider", name="Two:", exact=True).get_attribute("max") == "1"


def test_the_buttons_of_a_menu_say_which_is_on_and_one_with_two_states_goes_back(visit):
    page = visit("menus")
    figure = page.locator(".plotly-figure")
    linear, log, large = (page.get_by_role("button", name=name, exact=True) for name in ("Linear", "Log", "Large"))
    assert page.get_by_role("button", name="Hidden").count() == 0
    assert [button.get_attribute("aria-pressed") for button in (linear, log, large)] == ["true", "false", "false"]
    log.press("Enter")
    wait_for(figure, "drawing.layout?.yaxis.type === 'log'")
    assert [button.get_attribute("aria-pressed") for button in (linear, log, large)] == ["false", "true", "false"]
    for on, height in ((True, 50), (False, 10), (True, 50)):
        large.press("Space")
        wait_for(figure, "drawing.data[0].y[1] === argument", height)
        expect(large).to_have_attribute("aria-pressed", str(on).lower())
    linear.click()
    wait_for(figure, "drawing.layout.yaxis.type === 'linear'")
    assert figure.locator(".updatemenu-container").count() == 0


def test_a_menu_that_drops_down_is_a_native_one(visit):
    page = visit("menus")
    menu = page.get_by_role("combobox", name="Points", exact=True)
    assert menu.locator("option").all_inner_texts() == ["two", "three", "one"]
    for choice, heights in (("three", "1,10,5"), ("one", "3"), ("two", "1,10")):
        menu.select_option(choice)
        wait_for(page.locator(".plotly-figure"), "drawing.data?.[0].y.join() === argument", heights)


# Which frames are shown, and when.
LISTEN = """figure => {
  window.shown = [];
  figure.querySelector('.plotly-drawing').on('plotly_animatingframe', ({ name, animation }) => {
    shown.push([name, performance.now(), animation.frame.duration, animation.transition.duration]);
  });
}"""


def test_playing_moves_the_sliders_words_and_the_table_and_can_be_paused(visit):
    page = visit("frames")
    figure = drawn(page)
    page.evaluate(LISTEN, figure.element_handle())
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", "step c")
    expect(figure.locator("output")).to_have_text("step c")
    assert page.get_by_role("slider").input_value() == "2"
    wait_for(figure, "drawing.querySelectorAll('.point').length === 2 && drawing.data[0].y[0] === 4")
    assert [name for name, *_ in page.evaluate("shown")] == ["a", "b", "c"]
    figure.locator("summary").click()
    expect(figure.locator("tbody tr").first.locator("td")).to_have_text("4")
    page.get_by_role("slider").press("Home")
    wait_for(figure, "drawing.data[0].y[0] === 2")
    expect(figure.locator("tbody tr").first.locator("td")).to_have_text("2")
    page.get_by_role("button", name="Pause").click()
    assert page.problems == []


def test_readers_who_want_less_motion_see_each_frame_for_half_a_second_without_transitions(visit):
    page = visit("frames", reduced_motion="reduce")
    figure = drawn(page)
    page.evaluate(LISTEN, figure.element_handle())
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", "step c")
    frames = page.evaluate("shown")
    assert [name for name, *_ in frames] == ["a", "b", "c"]
    assert all(one >= 500 and transition == 0 for _, _, one, transition in frames)
    times = [time for _, time, *_ in frames]
    assert all(later - earlier > 450 for earlier, later in pairwise(times))
    page.get_by_role("slider").press("Home")
    wait_for(figure, "drawing.data[0].y[0] === 2")
    assert page.evaluate("shown.at(-1)[2]") == 0


def test_of_many_moves_in_a_row_the_last_is_drawn_and_not_each(visit):
    page = visit("slider")
    figure = drawn(page)
    page.evaluate(
        """figure => {
          window.updates = 0;
          figure.querySelector('.plotly-drawing').on('plotly_restyle', () => { updates += 1; });
          const control = figure.querySelector('input');
          for (let move = 0; move <= 40; move += 1) {
            control.value = String(move % 4);
            control.dispatchEvent(new Event('input', { bubbles: true }));
          }
          control.value = '3';
          control.dispatchEvent(new Event('input', { bubbles: true }));
        }""",
        figure.element_handle(),
    )
    wait_for(figure, "drawing.data[0].y[0] === 4")
    assert page.evaluate("updates") <= 3


@pytest.mark.parametrize("name", ["slider", "two sliders", "menus", "frames"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "narrow"])
def test_every_control_is_high_enough_for_a_finger_and_within_the_page(visit, name, viewport):
    page = visit(name, viewport=viewport)
    controls = page.locator(".plotly-controls :is(input, select, button), summary").all()
    assert controls
    for control in controls:
        box = control.bounding_box()
        assert box["height"] >= 24
        assert box["width"] >= 24
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= viewport["width"]


def table(page):
    return page.evaluate(
        "[...document.querySelectorAll('.plotly-numbers tr')].map("
        "row => [...row.cells].map(cell => cell.textContent))"
    )


def test_the_table_is_there_from_the_start_and_follows_the_slider(visit):
    page = visit("slider")
    assert table(page) == [["", "trace 0"], ["0", "1"], ["1", "1"]]
    page.get_by_role("slider").press("End")
    page.wait_for_function(
        "() => document.querySelector('.plotly-numbers td + td, .plotly-numbers tbody td').textContent === '4'"
    )
    assert table(page) == [["", "trace 0"], ["0", "4"], ["1", "4"]]


@pytest.mark.parametrize("name", ["numbers", "names"])
def test_the_table_is_written_alike_before_and_after_a_control_is_used(visit, name):
    page = visit(name)
    before = table(page)
    assert len(before) > 3
    figure = drawn(page)
    # What the page writes is to be told from what was there.
    page.evaluate("document.querySelector('.plotly-numbers tbody').replaceChildren()")
    control = page.get_by_role("slider")
    control.evaluate("control => control.dispatchEvent(new Event('input', { bubbles: true }))")
    wait_for(figure, "figure.querySelector('.plotly-numbers tbody').rows.length > 0")
    assert table(page) == before


def test_a_missing_value_shows_its_own_words_or_a_dash(visit):
    rows = table(visit("numbers"))
    assert rows[0] == ["", "sizes", "packed", "whole", "missing", "packed missing"]
    assert [row[4:] for row in rows[1:5]] == [["1", "1"], ["no gradient yet", "–"], ["–", "–"], ["–", "–"]]


def test_a_page_that_is_a_file_works(visit, site):
    page = visit("slider", home=site.as_uri())
    assert seen(page.locator(".plotly-figure")) == ["wide-light"]
    page.get_by_role("slider").press("End")
    wait_for(page.locator(".plotly-figure"), "drawing.data?.[0].y[0] === 4")
    assert page.problems == []


@pytest.mark.parametrize("name", ["stock", "frames"])
def test_a_policy_that_allows_only_scripts_of_the_site_is_kept(visit, serve, site, name):
    page = visit(name, home=serve(site, StrictHandler))
    drawn(page)
    for button in page.get_by_role("button").all():
        button.click()
    assert page.problems == []


def test_without_javascript_pictures_and_tables_are_there_and_controls_are_not(visit):
    page = visit("slider", java_script_enabled=False)
    expect(page.locator(".plotly-picture:visible")).to_have_count(1)
    expect(page.locator(".plotly-picture:visible")).to_have_attribute("src", re.compile("wide-light"))
    expect(page.get_by_role("slider")).to_be_hidden()
    page.locator("summary").click()
    expect(page.locator(".plotly-numbers td").last).to_be_visible()
    page = visit("far", java_script_enabled=False)
    expect(page.locator(".plotly-picture:visible")).to_have_count(len(FAR))
    assert heavy(page) == []


def test_without_pictures_figures_that_are_near_are_drawn_before_the_reader_acts(
    build, notebook, tmp_path, monkeypatch, visit
):
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    pages = {"index": notebook("# Page", bars(1, alt="Near."), SPACE, bars(2, alt="Far."))}
    built = build(tmp_path, pages, f"myst_nb_plotly_bundle = {str(CARTESIAN)!r}\n")
    assert built.status == 0
    page = visit("index", home=built.output.as_uri())
    expect(page.locator(".plotly-figure").first).to_have_attribute("data-drawn", "yes")
    expect(page.locator(".plotly-figure").last).not_to_have_attribute("data-drawn", "yes")
    page = visit("index", home=built.output.as_uri(), java_script_enabled=False)
    words = page.locator("noscript p").first
    expect(words).to_be_visible()
    assert words.inner_text() == "Near. (This figure is drawn by JavaScript.)"


def printed(page):
    """The text of each page on paper."""
    return "\n".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(page.pdf())).pages)


@pytest.mark.parametrize("state", ["new", "dark", "interactive", "dark and interactive", "without JavaScript"])
def test_on_paper_is_every_figure_also_those_never_scrolled_to(visit, state):
    page = visit("far", java_script_enabled=state != "without JavaScript")
    if "dark" in state:
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
    if "interactive" in state:
        for number in (1, 0):
            drawn(page, number)
    # They are loaded once the browser has nothing else to do.
    page.wait_for_function(
        "() => [...document.querySelectorAll('.plotly-wide.plotly-light')].every(image => image.naturalWidth > 0)"
    )
    text = printed(page)
    assert [name for name in FAR if text.count(name) != 1] == []


def test_on_paper_a_figure_is_its_light_picture_and_has_no_controls(visit):
    page = visit("slider")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    figure = drawn(page)
    page.emulate_media(media="print")
    assert seen(figure) == ["wide-light"]
    expect(page.get_by_role("slider")).to_be_hidden()
    expect(figure.locator(".main-svg").first).to_be_hidden()
    page.emulate_media(media="screen")
    assert seen(figure) == []
    expect(figure.locator(".main-svg").first).to_be_visible()


def ink(figure):
    """How light the words of a drawing are, from 0 to 255."""
    color = figure.locator(".xtick text").first.evaluate("text => getComputedStyle(text).fill")
    return min(map(int, re.findall(r"\d+", color)[:3]))


@pytest.mark.parametrize("element", ["documentElement", "body"])
def test_picture_and_drawing_follow_the_theme_of_the_page(visit, element):
    page = visit("stock")
    figure = page.locator(".plotly-figure")

    def switch(theme):
        page.evaluate(f"document.{element}.dataset.theme = {theme!r}")

    switch("dark")
    assert seen(figure) == ["wide-dark"]
    drawn(page)
    paper = figure.locator(".main-svg").first
    assert ink(figure) > 150
    expect(paper).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    switch("light")
    expect(paper).to_have_css("background-color", "rgb(255, 255, 255)")
    assert ink(figure) < 100
    switch("dark")
    expect(paper).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    assert ink(figure) > 150


def test_a_theme_that_is_left_to_the_readers_system_is_followed(visit):
    page = visit("stock", color_scheme="dark")
    figure = page.locator(".plotly-figure")
    assert seen(figure) == ["wide-light"]
    page.evaluate("document.body.dataset.theme = 'auto'")
    assert seen(figure) == ["wide-dark"]
    drawn(page)
    assert ink(figure) > 150
    page.emulate_media(color_scheme="light")
    expect(figure.locator(".main-svg").first).to_have_css("background-color", "rgb(255, 255, 255)")
    assert ink(figure) < 100


def clipped(figure):
    """Words of a drawing that are not wholly in its box."""
    return figure.evaluate(
        """figure => {
          const box = figure.querySelector('.plotly-box').getBoundingClientRect();
          return [...figure.querySelectorAll('.main-svg text')].filter(text => {
            const { left, right, top, bottom, width } = text.getBoundingClientRect();
            const across = left < box.left - 1 || right > box.right + 1;
            return width && (across || top < box.top - 1 || bottom > box.bottom + 1);
          }).map(text => text.textContent);
        }"""
    )


def test_a_figure_is_arranged_for_the_width_of_the_window_and_back(visit):
    page = visit("narrow")
    figure = drawn(page)
    for viewport, height, end in ((WIDE, 300, 0.9), (PHONE, 500, 0.5), (WIDE, 300, 0.9)):
        page.set_viewport_size(viewport)
        wait_for(
            figure,
            "drawing.layout.xaxis.domain[1] === argument[1] && Math.abs(drawing.clientHeight - argument[0]) < 1"
            " && Math.abs(drawing._fullLayout.height - argument[0]) < 1"
            " && Math.abs(drawing._fullLayout.width - figure.clientWidth) <= 1",
            [height, end],
        )
        assert clipped(figure) == []


def test_on_a_narrow_screen_the_legend_of_a_stock_figure_is_below(visit):
    page = visit("stock")
    figure = drawn(page)

    def legend_and_plot():
        return figure.locator(".legend").bounding_box(), figure.locator(".bglayer .bg").first.bounding_box()

    for viewport, below in ((WIDE, False), (PHONE, True), (WIDE, False)):
        page.set_viewport_size(viewport)
        wait_for(figure, "(drawing.layout.legend?.orientation === 'h') === argument", below)
        wait_for(figure, "Math.abs(drawing._fullLayout.width - figure.clientWidth) <= 1")
        legend, plot = legend_and_plot()
        assert (legend["y"] >= plot["y"] + plot["height"]) == below
        assert (legend["x"] >= plot["x"] + plot["width"]) == (not below)
        assert clipped(figure) == []


def test_a_phone_has_the_narrow_picture(visit):
    page = visit("narrow", viewport=PHONE)
    figure = page.locator(".plotly-figure")
    assert seen(figure) == ["narrow-light"]
    assert figure.locator(".plotly-box").bounding_box()["height"] == 500
    page.set_viewport_size(WIDE)
    assert seen(figure) == ["wide-light"]


def test_a_figure_whose_data_is_missing_says_so_keeps_its_picture_and_works_when_it_is_back(visit):
    page = visit("slider")
    figure = page.locator(".plotly-figure")
    name = figure.get_attribute("data-figure")
    page.route(f"**/{name}.js", lambda route: route.fulfill(status=404))
    control = page.get_by_role("slider")
    control.press("End")
    expect(page.get_by_role("alert")).to_contain_text("could not be made interactive: could not load")
    assert seen(figure) == ["wide-light"]
    page.unroute(f"**/{name}.js")
    control.press("ArrowLeft")
    wait_for(figure, "drawing.data?.[0].y[0] === 3")
    expect(page.get_by_role("alert")).to_have_count(0)
    assert seen(figure) == []


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_with_figures_before_and_after_they_are_drawn(visit, themed, scheme, viewport):
    page = visit("all", home=themed.as_uri(), viewport=viewport, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")

    def faults():
        result = page.evaluate("axe.run('.plotly-figure')")
        assert result["passes"]
        return [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in result["violations"]]

    page.evaluate(AXE.read_text(encoding="utf-8"))
    figures = page.locator(".plotly-figure")
    assert figures.count() == 4
    assert seen(figures.first) == [f"{'wide' if viewport == WIDE else 'narrow'}-{scheme}"]
    assert faults() == []
    for number in range(4):
        drawn(page, number)
    assert faults() == []
