"""The live demo in a browser: keyboard, mouse, touch, links, print, and without scripts."""

import json
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PRESETS = json.loads((ROOT / "book" / "live_demo" / "presets.json").read_text(encoding="utf-8"))
FULL, COMPACT = "book/live_demo.html", "book/index.html"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 664}
OPTIMIZERS = ["SGD", "Momentum", "Adagrad", "RMSProp", "Adam"]
HINT = "Lower the activity and watch the bars. Space plays and pauses, comma and full stop step back and forward."
CONTROLS = "button, input, select, summary, textarea"


@pytest.fixture
def open_demo(chromium, open_page, address):
    """Open a page with a demo and a fake clock. After the test no page may have had an error."""
    with ExitStack() as contexts:
        visits = []

        def open_demo(name=FULL, fragment="", home=address, **settings):
            options = {"viewport": WIDE, "color_scheme": "light"} | settings
            context = contexts.enter_context(chromium.new_context(**options))
            context.clock.install()
            visits.append(open_page(context.new_page(), f"{home}/{name}{'#' if fragment else ''}{fragment}"))
            if settings.get("java_script_enabled", True):
                visits[-1].page.locator(".live-demo[data-live]").wait_for()
            return visits[-1].page

        yield open_demo
        assert [problem for visit in visits for problem in visit.problems] == []


def run_frames(page):
    """Advance the clock until the charts show the state."""
    page.clock.run_for(50)


def run_debounced(page):
    """Advance the clock until the URL and the announcement show the state."""
    page.clock.run_for(600)


def set_fragment(page, fragment):
    page.evaluate("fragment => { location.hash = fragment; }", fragment)
    run_frames(page)


def url_state(page):
    """Return the state in the URL as a dict of strings."""
    run_debounced(page)
    return dict(parse_qsl(page.evaluate("location.hash.slice(1)"), keep_blank_values=True, strict_parsing=True))


def charts_html(page):
    """Return the HTML of the visible charts without their hidden parts."""
    run_frames(page)
    return page.locator(".live-demo .chart >> visible=true").evaluate_all("""charts => charts.map(chart => {
        const copy = chart.cloneNode(true);
        for (const part of copy.querySelectorAll("[hidden], text:empty")) part.remove();
        return copy.outerHTML;
    })""")


def slider(page, name):
    return page.locator(f".control-{name} input")


def step(page):
    run_frames(page)
    return int(slider(page, "step").input_value())


def center(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, pointer, start, end):
    if pointer == "mouse":
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end, steps=8)
        page.mouse.up()
    else:
        client = page.context.new_cdp_session(page)
        points = [[a + (b - a) * part / 8 for a, b in zip(start, end, strict=True)] for part in range(9)]
        for kind, point in zip(["touchStart"] + ["touchMove"] * 8, points, strict=True):
            touches = [dict(zip("xy", point, strict=True))]
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    run_frames(page)


# Keyboard

# A state in which no number has its initial value.
CHANGED = {
    **{"activity": "40", "step": "123", "num_steps": "500", "learning_rate": "0.02"},
    **{"SGD": "0.1", "Momentum": "0.01", "Adagrad": "0.5", "RMSProp": "0.01", "Adam": "0.1"},
    **{"beta": "0.8", "rho": "0.95", "beta1": "0.8", "beta2": "0.99", "eps": "0.000001"},
    **{"batch_size": "4", "noise": "0.5", "seed": "2", "theta1": "-0.5", "theta2": "0.25"},
    **{"chosen": "Momentum", "speed": "20"},
}

# The tab order: the name of each control, the keys to press there, and the changes of the link that follow.
TAB_ORDER = [
    ("Activity of the sparse feature", ["ArrowLeft"], {"activity": "39"}),
    ("Charts. Space plays and pauses, comma and full stop step back and forward", [], {}),
    ("Start of all paths: arrow keys move it", ["ArrowLeft", "ArrowUp"], {"theta1": "-0.55", "theta2": "0.3"}),
    ("Play", [], {}),
    ("−1: one step back", ["Enter"], {"step": "122"}),
    ("+1: one step forward", ["Space", "Space", "Space"], {"step": "125"}),
    ("Step", ["ArrowRight"], {"step": "126"}),
    ("Steps per second", ["ArrowDown", "ArrowDown"], {"speed": "200"}),
    *((preset["label"], [], {}) for preset in PRESETS.values()),
    ("SGD", ["Space"], {"shown": "Momentum Adagrad RMSProp Adam"}),
    ("Learning rate η of SGD", ["ArrowRight"], {"SGD": "0.112"}),
    ("Momentum", ["Space"], {"shown": "Adagrad RMSProp Adam"}),
    ("Learning rate η of Momentum", ["ArrowLeft"], {"Momentum": "0.009"}),
    ("β of Momentum", ["ArrowLeft"], {"beta": "0.5"}),
    ("Adagrad", ["Space"], {"shown": "RMSProp Adam"}),
    ("Learning rate η of Adagrad", ["ArrowRight"], {"Adagrad": "0.56"}),
    ("RMSProp", ["Space"], {"shown": "Adam"}),
    ("Learning rate η of RMSProp", ["ArrowRight"], {"RMSProp": "0.0112"}),
    ("ρ of RMSProp", ["ArrowLeft"], {"rho": "0.9"}),
    ("Adam", ["Space"], {"shown": ""}),
    ("Learning rate η of Adam", ["ArrowLeft"], {"Adam": "0.09"}),
    ("β₁ of Adam", ["Home"], {"beta1": "0"}),
    ("β₂ of Adam", ["End"], {"beta2": "0.9999"}),
    ("bias correction", ["Space"], {"bias_correction": "no"}),
    ("one η for all", ["Space"], {"one_rate": "yes"}),
    ("Learning rate η of all", ["ArrowRight"], {"learning_rate": "0.0224"}),
    ("ε of Adagrad, RMSProp and Adam", ["ArrowLeft"], {"eps": "1e-7"}),
    ("Batch size", ["ArrowDown"], {"batch_size": "16"}),
    ("Noise", ["ArrowRight"], {"noise": "0.55"}),
    ("Data seed", ["ArrowUp"], {"seed": "1"}),
    ("Number of steps", ["ArrowRight"], {"num_steps": "550"}),
    ("Start θ₁, dense weight", ["ArrowRight"], {"theta1": "-0.54"}),
    ("Start θ₂, sparse weight", ["ArrowLeft"], {"theta2": "0.29"}),
    ("The step in numbers", ["Enter"], {"numbers": "yes"}),
    ("Optimizer", ["ArrowDown", "ArrowDown", "ArrowDown"], {"chosen": "Adam"}),
    ("The step in numbers", [], {}),
    ("Rates at every step", ["Space"], {"history": "yes"}),
    ("Show the numbers", ["Enter"], {"table": "yes"}),
    ("Rates, weights and losses", [], {}),
    ("Copy link", [], {}),
    ("Copy as Python", [], {}),
    ("Reset", [], {}),
]

FOCUSED = """() => {
    const control = document.activeElement;
    if (!control.closest(".live-demo")) return null;
    const box = control.closest(".control, .checkbox");
    return {
        name: control.ariaLabel ?? (box?.querySelector("span") ?? control).textContent,
        ariaValue: control.getAttribute("aria-valuetext"),
        visibleValue: box?.querySelector("output")?.textContent ?? null,
    };
}"""


def test_tab_reaches_every_control_and_keys_change_only_its_setting(open_demo):
    page = open_demo(fragment=urlencode(CHANGED))
    slider(page, "activity").focus()
    expected = dict(CHANGED)
    for name, keys, changes in TAB_ORDER:
        before = page.evaluate(FOCUSED)
        assert before is not None, name
        assert before["name"] == name
        for key in keys:
            page.keyboard.press(key)
        run_frames(page)
        after = page.evaluate(FOCUSED)
        if before["ariaValue"] and keys:
            assert after["ariaValue"] != before["ariaValue"], name
        if after["visibleValue"] is not None:
            assert after["visibleValue"] == after["ariaValue"], name
        expected |= changes
        page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) is None
    assert url_state(page) == expected


def test_a_checkbox_removes_its_optimizer_from_every_chart_and_restores_it(open_demo):
    page = open_demo(fragment="history=yes&table=yes")
    for name in OPTIMIZERS:
        page.locator(f".optimizer[data-optimizer={name}] .optimizer-checkbox input").press("Space")
        run_frames(page)
        bars = page.locator(f".optimizer-rates[data-optimizer={name}]")
        paths = page.locator(f".chart .path[data-optimizer={name}]")
        expect(bars).to_be_hidden()
        assert paths.evaluate_all("paths => paths.map(path => path.getAttribute('d'))") == [""] * 4
        expect(page.locator(".details-table tbody th", has_text=name)).to_have_count(0)
        page.keyboard.press("Space")
        run_frames(page)
        expect(bars).to_be_visible()
        assert "" not in paths.evaluate_all("paths => paths.map(path => path.getAttribute('d'))")
    assert url_state(page) == {"history": "yes", "table": "yes"}


def test_space_comma_and_full_stop_work_wherever_the_focus_is(open_demo):
    page = open_demo(fragment="step=200&table=yes&speed=5")
    titles = page.locator(".playback button").evaluate_all("buttons => buttons.map(button => button.title)")
    assert titles == ["Key: space", "Key: comma", "Key: full stop"]
    play = page.locator("button.play")
    for place in (
        ".charts",
        ".start",
        ".control-activity input",
        ".control-step input",
        ".details-table .scroll-area",
    ):
        page.locator(place).focus()
        before = step(page)
        changes = []
        for key in (",", ",", "."):
            page.keyboard.press(key)
            changes.append(step(page) - before)
        assert changes == [-1, -2, -1], place
        for text in ("Pause", "Play"):
            page.keyboard.press("Space")
            expect(play).to_have_text(text)
    assert int(url_state(page)["step"]) == step(page)
    # Holding the key down repeats it, but does not pause again.
    page.keyboard.down("Space")
    page.keyboard.down("Space")
    expect(play).to_have_text("Pause")


def test_space_on_a_button_only_presses_the_button(open_demo):
    page = open_demo(fragment="step=200&speed=5")
    play = page.locator("button.play")
    for text in ("Pause", "Play"):
        play.press("Space")
        expect(play).to_have_text(text)
    for name, expected in (("Rare: 5%", {"preset": "rare"}), ("Reset", {})):
        page.get_by_role("button", name=name).press("Space")
        assert url_state(page) == expected
    page.get_by_role("button", name="Copy link").press("Space")
    expect(page.locator(".actions [role=status]")).to_have_text("Link copied.")
    expect(play).to_have_text("Play")


def test_keys_move_the_start_to_the_edges_and_a_link_restores_it(open_demo):
    page = open_demo(fragment="theta1=-1.4&theta2=2.3")
    start = page.locator(".start")
    for key in ["ArrowLeft", "ArrowUp"] * 4:
        start.press(key)
    assert url_state(page) == {"theta1": "-1.55", "theta2": "2.45"}
    set_fragment(page, "")
    set_fragment(page, "theta1=-1.55&theta2=2.45")
    expect(start).to_have_attribute("aria-valuetext", "θ₁ -1.55, θ₂ 2.45")
    expect(page.locator(".invalid-link")).to_be_hidden()


# Mouse and touch


@pytest.mark.parametrize(("pointer", "viewport"), [("mouse", WIDE), ("touch", PHONE)], ids=["mouse", "touch"])
def test_sliders_start_and_presets_work_by_mouse_and_touch(open_demo, pointer, viewport):
    page = open_demo(has_touch=pointer == "touch", viewport=viewport)

    def press(locator, **options):
        locator.tap(**options) if pointer == "touch" else locator.click(**options)

    activity, start = slider(page, "activity"), page.locator(".start")
    before = charts_html(page)
    box = activity.bounding_box()
    height = box["y"] + box["height"] / 2
    drag(page, pointer, (box["x"] + box["width"] - 8, height), (box["x"] + box["width"] * 0.25, height))
    text = activity.get_attribute("aria-valuetext")
    assert 15 <= int(text.rstrip("%")) <= 35
    assert url_state(page) == {"activity": text.rstrip("%")}
    assert all(a != b for a, b in zip(before, charts_html(page), strict=True))

    start.scroll_into_view_if_needed()
    x, y = center(start)
    unit = page.locator(".contour-plot").bounding_box()["width"] / 360 * 76.5  # pixels per unit of the weights
    drag(page, pointer, (x, y), (x + unit, y - unit / 2))
    state = url_state(page)
    assert float(state["theta1"]) == pytest.approx(0, abs=0.06)
    assert float(state["theta2"]) == pytest.approx(-0.5, abs=0.06)
    assert center(start) == pytest.approx((x + unit, y - unit / 2), abs=3)
    # Dragged out of the plot, it stops at the edge.
    drag(page, pointer, center(start), (x - 2 * unit, y + unit / 4))
    assert url_state(page)["theta1"] == "-1.55"

    press(page.get_by_role("button", name="Rare: 5%"))
    assert url_state(page) == {"preset": "rare"}

    inputs = page.locator(".live-demo input")
    assert inputs.count() >= 20
    for control in inputs.all():
        if not control.is_visible():
            continue  # The common learning rate and those of the optimizers are not visible together.
        before = url_state(page)
        control.scroll_into_view_if_needed()
        box = control.bounding_box()
        share = 0.85 if control.get_attribute("type") == "range" else 0.5
        press(control, position={"x": box["width"] * share, "y": box["height"] / 2})
        assert url_state(page) != before, control.evaluate("input => input.parentElement.textContent")


# Playback


@pytest.mark.parametrize("speed", [5, 20, 50, 200])
def test_play_restarts_at_the_end_and_advances_at_the_selected_speed(open_demo, speed):
    page = open_demo(fragment="num_steps=2000&step=2000")
    play = page.locator("button.play")
    page.locator(".control-speed select").select_option(str(speed))
    play.click()
    page.clock.run_for(3000)
    play.click()
    paused = step(page)
    assert speed < paused < speed * 4.5
    run_debounced(page)
    assert step(page) == paused
    assert url_state(page)["step"] == str(paused)
    set_fragment(page, f"step=399&speed={speed}")
    play.click()
    page.clock.run_for(1000)
    expect(page.locator(".control-step output")).to_have_text("400")
    expect(play).to_have_text("Play")


def test_with_reduced_motion_playback_draws_twice_a_second(open_demo):
    page = open_demo(fragment="speed=50&step=0", reduced_motion="reduce")
    page.evaluate("""() => {
        const shown = document.querySelector(".control-step output");
        window.drawnSteps = [];
        const record = () => drawnSteps.push(Number(shown.textContent));
        new MutationObserver(record).observe(shown, { childList: true, characterData: true, subtree: true });
        document.querySelector("button.play").click();
    }""")
    page.clock.run_for(2600)
    steps = page.evaluate("drawnSteps")
    assert 2 <= len(steps) <= 6
    assert 130 / 3 < steps[-1] < 130 * 1.5


# Presets and links


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_opens_its_state_and_the_back_button_returns(open_demo, name):
    page = open_demo(fragment="activity=33&noise=0.7&step=77")
    preset, before = PRESETS[name], charts_html(page)
    button, description = page.locator(f".preset[data-preset={name}]"), page.locator(".description")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".preset[aria-pressed=true]")).to_have_count(1)
    expect(description).to_have_text(preset["description"])
    assert url_state(page) == {"preset": name}
    for setting in ("numbers", "history", "table"):
        is_open = page.locator(f".details-{setting}").evaluate("details => details.open")
        assert is_open == preset["state"].get(setting, False)
    page.locator(".control-seed select").select_option("1")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(description).to_have_text(f"As it opened: {preset['description']}")
    assert url_state(page).keys() == {*preset["state"], "seed"}
    page.go_back()
    expect(slider(page, "activity")).to_have_attribute("aria-valuetext", "33%")
    assert url_state(page) == {"activity": "33", "noise": "0.7", "step": "77"}
    assert charts_html(page) == before
    expect(description).to_have_text(HINT)


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize(
    "selector", ["article a[href$='#preset={}']", ".preset[data-preset={}]"], ids=["link", "button"]
)
def test_links_and_buttons_of_presets_scroll_to_the_changed_charts(open_demo, viewport, selector):
    page = open_demo(viewport=viewport)
    charts_top = "charts => charts.getBoundingClientRect().y - charts.parentElement.getBoundingClientRect().y"
    before = page.locator(".charts").evaluate(charts_top)
    for name, preset in PRESETS.items():
        page.locator(selector.format(name)).first.click()
        expect(page.locator(".description")).to_have_text(preset["description"])
        for part in (".control-activity", ".description", ".bars"):
            expect(page.locator(f".live-demo {part}")).to_be_in_viewport(ratio=1)
        slider(page, "activity").press("ArrowLeft")
        run_frames(page)
        expect(page.locator(".description")).to_contain_text("As it opened: ")
        if viewport == WIDE:
            assert page.locator(".charts").evaluate(charts_top) == before, name


@pytest.mark.parametrize("name", [FULL, COMPACT])
def test_on_a_phone_the_bars_are_visible_together_with_the_activity_slider(open_demo, name):
    page = open_demo(name, viewport=PHONE)
    activity = page.locator(".control-activity")
    activity.evaluate("slider => slider.scrollIntoView({ block: 'start', behavior: 'instant' })")
    for part in (activity, page.locator(".bars")):
        expect(part).to_be_in_viewport(ratio=1)
    charts = [".bars", ".contour-plot"] + [".losses"] * (name == FULL)
    tops = [page.locator(chart).bounding_box()["y"] for chart in charts]
    assert tops == sorted(tops)


def test_links_to_headings_do_not_change_the_demo(open_demo):
    page = open_demo(fragment="activity=33")
    heading = page.locator("#the-same-in-python h2")
    heading.hover()
    page.locator("#the-same-in-python .headerlink").first.click()
    run_debounced(page)
    expect(heading).to_be_in_viewport()
    expect(page.locator(".invalid-link")).to_be_hidden()
    expect(slider(page, "activity")).to_have_attribute("aria-valuetext", "33%")
    page = open_demo(fragment="the-same-in-python")
    run_debounced(page)
    expect(page.locator(".invalid-link")).to_be_hidden()
    assert page.evaluate("location.hash") == "#the-same-in-python"
    slider(page, "activity").press("Home")
    assert url_state(page) == {"activity": "1"}


def test_the_url_restores_the_charts(open_demo):
    page = open_demo(fragment="preset=adam-not-fastest")
    for name in ("activity", "step", "Adagrad", "beta", "rho", "beta1", "noise", "theta1"):
        slider(page, name).press("ArrowLeft")
    page.locator(".start").press("ArrowUp")
    page.locator(".control-batch_size select").select_option("16")
    page.locator(".optimizer-checkbox", has_text="SGD").click()
    page.locator(".details-history summary").click()
    page.mouse.move(0, 0)
    state = url_state(page)
    assert len(state) >= 17
    again = open_demo(fragment=page.url.split("#")[1])
    assert charts_html(again) == charts_html(page)
    assert url_state(again) == state


@pytest.mark.parametrize(
    ("part", "reported"),
    [
        ("activity=NaN", "activity=NaN"),
        ("<b>bold</b>=%3Ci%3E", "<b>bold</b>=<i>"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("activity=%E0%A4%A", "activity=�%A"),
    ],
)
def test_an_invalid_part_of_a_link_is_reported_as_text_and_the_rest_applies(open_demo, part, reported):
    page = open_demo(fragment=f"theta1=0.5&{part}&seed=3")
    warning = page.get_by_role("alert")
    expect(warning).to_have_text(f"The link has parts that are not valid. They were ignored: {reported}.")
    assert warning.evaluate("warning => warning.children.length") == 0
    slider(page, "activity").press("Home")
    assert url_state(page) == {"theta1": "0.5", "seed": "3", "activity": "1"}
    set_fragment(page, "activity=2")
    expect(page.locator(".invalid-link")).to_be_hidden()


# Highlighting

HIGHLIGHTED = """() => [...new Set(
    [...document.querySelectorAll(".live-demo .highlighted")].map(part => part.dataset.optimizer)
)]"""

# A point on a path, in pixels of the window.
POINT_ON_PATH = """(path, fraction) => {
    const point = path.getPointAtLength(fraction * path.getTotalLength()).matrixTransform(path.getScreenCTM());
    return [point.x, point.y];
}"""


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_the_optimizer_under_the_pointer_or_with_the_focus_is_highlighted_everywhere(open_demo, name):
    page = open_demo(fragment="activity=20&history=yes")
    row = page.locator(f".optimizer[data-optimizer={name}]")
    parts = page.locator(f".live-demo [data-optimizer={name}]")
    own, other = (page.locator(f".losses .path[data-optimizer={each}]") for each in (name, "Adagrad"))

    def expect_highlighted(expected):
        run_frames(page)
        assert page.evaluate(HIGHLIGHTED) == expected
        classes = parts.evaluate_all("parts => parts.map(part => part.classList.contains('highlighted'))")
        assert set(classes) == {bool(expected)}
        opacities = [path.evaluate("path => Number(getComputedStyle(path).opacity)") for path in (own, other)]
        assert (opacities[0] > opacities[1]) == bool(expected)

    expect_highlighted([])
    page.locator(f".optimizer-rates[data-optimizer={name}] .name").hover()
    expect_highlighted([name])
    page.locator("article h1").hover()
    expect_highlighted([])
    page.mouse.move(*page.locator(f".contour-plot .path[data-optimizer={name}]").evaluate(POINT_ON_PATH, 0.15))
    expect_highlighted([name])
    page.mouse.move(*center(page.locator(".ratio-title")))
    expect_highlighted([])
    row.get_by_role("slider").first.hover()
    expect_highlighted([name])
    page.locator("article h1").hover()
    row.locator(".optimizer-checkbox input").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect_highlighted([name])
    # A hidden optimizer must not make the others faint.
    page.keyboard.press("Space")
    expect_highlighted([])
    page.keyboard.press("Space")
    expect_highlighted([name])
    slider(page, "noise").focus()
    expect_highlighted([])


# Copying


def test_the_copied_python_script_prints_the_weights_of_the_table(open_demo):
    page = open_demo(fragment="SGD=10&step=7&table=yes", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as Python").click()
    expect(page.locator(".actions [role=status]")).to_have_text("Python script copied.")
    script = page.evaluate("navigator.clipboard.readText()")
    rows = page.locator(".details-table tbody tr").all()
    shown = [[row.locator("th").text_content(), *row.locator("td").all_text_contents()[3:5]] for row in rows]
    assert len(shown) == 5
    printed = []
    exec(script, {"print": lambda line: printed.append(line.split())})
    assert printed == [["nan" if text == "diverged" else text for text in row] for row in shown]


NO_CLIPBOARD = "() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }"


@pytest.mark.parametrize("button", ["Copy link", "Copy as Python"])
def test_without_a_clipboard_the_text_is_shown_and_selected(open_demo, button):
    page = open_demo(fragment="activity=5")
    page.evaluate(NO_CLIPBOARD)
    page.get_by_role("button", name=button).click()
    expect(page.locator(".actions [role=status]")).to_contain_text("Copy the text below")
    text = page.locator(".copy-text")
    expect(text).to_be_visible()
    expect(text).to_be_focused()
    selected = text.evaluate("text => text.value.slice(text.selectionStart, text.selectionEnd)")
    assert selected == text.input_value()
    assert selected == page.url if button == "Copy link" else "SparseRegression(activity=0.05," in selected
    # The text is outdated when the state changes.
    slider(page, "activity").press("Home")
    expect(text).to_be_hidden()


# Texts and numbers


def adagrad_ratio(page, fragment):
    set_fragment(page, fragment)
    return page.locator(".bars .adagrad-ratio").text_content()


def test_the_bars_explain_the_ratio_of_adagrad(open_demo):
    page = open_demo()
    text = adagrad_ratio(page, "activity=5&step=400&table=yes")
    assert text == "Adagrad: √(Σg² dense / Σg² sparse) = √(55.3 / 19.3) = 1.69"
    expect(page.locator(".details-table p")).to_have_text(text)
    expect(page.locator(".optimizer-rates[data-optimizer=Adagrad] .rate-ratio")).to_have_text("×1.69")
    # Nothing is shown without a ratio, or where ε is not negligible.
    for fragment in ("activity=5&step=3", "step=0", "shown=SGD", "eps=0.1"):
        assert adagrad_ratio(page, fragment) == "", fragment
    for fragment in (
        "activity=100",
        "batch_size=400&activity=1&noise=0&theta1=1&num_steps=50",
        "batch_size=400&activity=1&theta1=1&theta2=1",
    ):
        assert adagrad_ratio(page, fragment) != "", fragment
        right = "text => text.getBBox().x + text.getBBox().width"
        assert page.locator(".bars .adagrad-ratio").evaluate(right) < 360, fragment  # the width of the chart


def test_a_weight_without_a_gradient_does_not_change(open_demo):
    page = open_demo(fragment="activity=5&step=3&numbers=yes&chosen=RMSProp")
    rows = page.locator(".details-numbers tbody tr")
    change = rows.filter(has_text="− rate × g").locator("td")
    expect(change.last).to_have_text("0, no gradient yet")
    expect(change.first).not_to_contain_text("no gradient yet")
    expect(rows.filter(has_text="θ ← θ + change").locator("td").last).to_have_text("−1 + 0 = −1")
    set_fragment(page, "batch_size=16&step=1&numbers=yes")
    expect(page.locator(".details-numbers p")).to_contain_text("Step 1 uses samples 1, 2, 3, 4 and 12 more.")


def test_the_number_of_digits_does_not_change_the_layout(open_demo):
    page = open_demo()
    for viewport in (PHONE, WIDE):
        page.set_viewport_size(viewport)
        heights = set()
        for steps in (950, 1000, 2000):
            set_fragment(page, f"num_steps={steps}")
            expect(page.locator(".control-num_steps output")).to_have_text(str(steps))
            heights.add(page.locator(".problem").bounding_box()["height"])
        assert len(heights) == 1


def test_the_marker_of_a_diverged_run_has_the_color_of_its_optimizer(open_demo):
    page = open_demo(fragment="SGD=10")
    marker, path = (
        page.locator(".marker[data-kind=diverged]"),
        page.locator(".contour-plot .path[data-optimizer=SGD]"),
    )
    stroke = "element => getComputedStyle(element).stroke"
    assert marker.get_attribute("data-optimizer") == "SGD"
    assert marker.evaluate(stroke) == path.evaluate(stroke)


# Accessibility, print, and static pages

# All optional parts: details, warning, text to copy, and annotations in the plot.
ALL_PARTS = "numbers=yes&history=yes&table=yes&activity=5&Adam=10&SGD=2&colour=red"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [FULL, COMPACT])
def test_axe_finds_no_violations_and_nothing_overflows(open_demo, name, scheme):
    page = open_demo(name, ALL_PARTS if name == FULL else "", color_scheme=scheme)
    assert page.locator("html").get_attribute("data-theme") == scheme
    if name == FULL:
        page.evaluate(NO_CLIPBOARD)
        page.get_by_role("button", name="Copy as Python").click()
        expect(page.locator(".copy-text")).to_be_visible()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for viewport in (WIDE, PHONE):
        page.set_viewport_size(viewport)
        run_debounced(page)
        result = page.evaluate("axe.run('.live-demo-frame', { resultTypes: ['violations'] })")
        assert result["passes"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in result["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator(".live-demo-frame").evaluate("frame => frame.scrollWidth <= frame.clientWidth")


# The contrast of each text with its background. axe does not compute it for text in SVG.
CONTRASTS = """() => {
    const parse = color => color.match(/[\\d.]+/g).map(Number);
    const luminance = color => {
        const toLinear = value => value <= 10 ? value / 3295 : ((value / 255 + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = parse(color).map(toLinear);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const background = element => {
        const { backgroundColor } = getComputedStyle(element);
        return (parse(backgroundColor)[3] ?? 1) === 1 ? backgroundColor : background(element.parentElement);
    };
    const hasText = element => [...element.childNodes].some(node => node.nodeName === "#text" && node.data.trim());
    const isVisible = element => element.checkVisibility({ visibilityProperty: true });
    return [...document.querySelectorAll(".live-demo *")].filter(hasText).filter(isVisible).map(element => {
        const { color, fill } = getComputedStyle(element);
        const values = [luminance(element.closest("svg") ? fill : color), luminance(background(element))];
        return [element.textContent, (Math.max(...values) + 0.05) / (Math.min(...values) + 0.05)];
    });
}"""


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(open_demo, scheme, media):
    page = open_demo(fragment=ALL_PARTS, color_scheme=scheme)
    page.emulate_media(media=media, color_scheme=scheme)
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > (100 if media == "screen" else 30)
    assert [text for text, contrast in contrasts if contrast < 4.5] == []


def test_print_shows_description_and_summary_but_not_the_hint(open_demo):
    page = open_demo(fragment="preset=rare", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    texts = {".description": PRESETS["rare"]["description"], ".announcement": "Activity 5%, step 400 of 400."}
    for part, text in texts.items():
        expect(page.locator(part)).to_contain_text(text)
        assert page.locator(part).bounding_box()["width"] > 300
    set_fragment(page, "activity=2")
    expect(page.locator(".description")).to_be_hidden()


def test_changes_are_announced_to_screen_readers(open_demo):
    page = open_demo()
    announcement = page.locator(".announcement")
    assert announcement.get_attribute("role") == "status"
    expect(announcement).to_be_empty()
    slider(page, "activity").press("Home")
    run_debounced(page)
    expect(announcement).to_contain_text("Activity 1%, step 400 of 400. Sparse rate divided by dense rate: SGD 1, ")
    slider(page, "step").press("Home")
    run_debounced(page)
    expect(announcement).to_contain_text("Activity 1%, step 0 of 400. ")
    expect(announcement).to_contain_text("Adam no step yet.")


@pytest.mark.parametrize(("name", "num_headers"), [("table", 1), ("numbers", 2)])
def test_tables_have_row_and_column_headers(open_demo, name, num_headers):
    table = open_demo(fragment=f"{name}=yes").locator(f".details-{name} table")
    rows, columns = table.locator("tbody tr").count(), table.locator("thead th").count()
    assert rows > 1 < columns
    assert table.get_by_role("columnheader").count() == columns
    assert table.get_by_role("rowheader").count() == rows * num_headers
    assert table.locator("tbody td").count() == rows * (columns - num_headers)


@pytest.mark.parametrize("name", [FULL, COMPACT])
def test_without_scripts_and_in_print_only_the_charts_are_visible(open_demo, name):
    static = open_demo(name, java_script_enabled=False)
    printed = open_demo(name)
    printed.emulate_media(media="print")
    for page in (static, printed):
        charts = page.locator(".live-demo .chart >> visible=true")
        assert charts.count() == (2 if name == COMPACT else 3)
        for chart in charts.all():
            assert min(chart.bounding_box()[side] for side in ("width", "height")) > 100
            assert chart.locator("path[data-optimizer]").count() >= 5 or chart.locator(".bar").count() == 10
        assert page.locator(".live-demo").locator(CONTROLS).count() > 0
        assert page.locator(".live-demo").locator(f":is({CONTROLS}) >> visible=true").count() == 0
    note = ".live-demo-frame noscript"
    expect(static.locator(note)).to_be_visible()
    text = static.locator(note).evaluate("note => note.textContent")
    assert text == "The controls need JavaScript. This is the state at 100% activity."
    expect(printed.locator(note)).to_be_hidden()


def test_links_and_the_back_button_work_in_a_page_opened_from_a_file(open_demo, site):
    page = open_demo(home=site.as_uri())
    slider(page, "activity").press("Home")
    assert url_state(page) == {"activity": "1"}
    page.get_by_role("button", name="Rare: 5%").click()
    assert url_state(page) == {"preset": "rare"}
    page.go_back()
    expect(slider(page, "activity")).to_have_attribute("aria-valuetext", "1%")


def test_the_page_of_the_demo_does_not_load_plotly(chromium, open_page, address):
    with chromium.new_page() as page:
        open_page(page, f"{address}/{FULL}")
        names = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert any(name.split("?")[0].endswith("/live-demo.js") for name in names)
    assert [name for name in names if "plotly" in name] == []


def test_changing_settings_does_not_leak_memory(open_demo):
    page = open_demo()
    client = page.context.new_cdp_session(page)

    def used_after(num_changes):
        page.evaluate(
            """async numChanges => {
                const names = ["activity", "step", "Adam", "noise", "num_steps"];
                for (let i = 0; i < numChanges; i++) {
                    const input = document.querySelector(`.control-${names[i % names.length]} input`);
                    input.value = i * 7 % (Number(input.max) + 1);
                    input.dispatchEvent(new Event("input", { bubbles: true }));
                    if (i % 20 === 0) await new Promise(requestAnimationFrame);
                }
                document.querySelector("button.reset").click();
            }""",
            num_changes,
        )
        run_debounced(page)
        client.send("HeapProfiler.collectGarbage")
        return client.send("Runtime.getHeapUsage")["usedSize"], client.send("Memory.getDOMCounters")["nodes"]

    bytes_before, nodes_before = used_after(200)
    bytes_after, nodes_after = used_after(2000)
    assert bytes_after < 1.1 * bytes_before + 500_000
    assert nodes_after <= nodes_before + 20


def test_the_compact_demo_has_two_charts_and_two_controls_and_ignores_the_url(open_demo):
    page = open_demo(COMPACT)
    demo = page.locator(".live-demo")
    controls = demo.locator(f"{CONTROLS}, [tabindex]").evaluate_all("all => all.map(each => each.ariaLabel)")
    assert controls == ["Activity of the sparse feature", "Start of all paths: arrow keys move it"]
    before = charts_html(page)
    assert len(before) == 2
    slider(page, "activity").press("Home")
    expect(page.locator(".control-activity output")).to_have_text("1%")
    after = charts_html(page)
    assert all(a != b for a, b in zip(before, after, strict=True))
    run_debounced(page)
    assert "#" not in page.url
    set_fragment(page, "activity=50")
    run_debounced(page)
    assert charts_html(page) == after
