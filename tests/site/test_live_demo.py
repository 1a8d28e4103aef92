"""The live demo as readers use it: by keyboard, mouse and touch, through links, on paper and without a script."""

import json
import random
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PRESETS = json.loads((ROOT / "book" / "live_demo" / "presets.json").read_text(encoding="utf-8"))
FULL, COMPACT = "book/live_demo.html", "book/index.html"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 800}
SMALL_PHONE = {"width": 390, "height": 664}
OPTIMIZERS = ["SGD", "Momentum", "Adagrad", "RMSProp", "Adam"]
HINT = "Lower the activity and watch the bars. Space plays the steps, comma and full stop take one."
CONTROLS = "button, input, select, summary, textarea"


@pytest.fixture
def opened(chromium, open_page, address):
    """How to open a page with a demo. At the end nothing may have gone wrong on any of them."""
    with ExitStack() as contexts:
        visits = []

        def opened(name=FULL, fragment="", home=address, own_clock=True, **settings):
            chosen = {"viewport": WIDE, "color_scheme": "light"} | settings
            context = contexts.enter_context(chromium.new_context(**chosen))
            if own_clock:
                context.clock.install()
            visits.append(open_page(context.new_page(), f"{home}/{name}{'#' if fragment else ''}{fragment}"))
            if settings.get("java_script_enabled", True):
                come_alive(visits[-1].page)
            return visits[-1].page

        yield opened
        assert [problem for visit in visits for problem in visit.problems] == []


def come_alive(page):
    """Wait until the demo has taken the place of its picture."""
    page.locator(".live-demo[data-live]").wait_for()


def draw(page):
    """Let the next frames come, on the page's own clock."""
    page.clock.run_for(50)


def settle(page):
    """Let address and spoken sentence follow, which wait until nothing changes, on the page's own clock."""
    page.clock.run_for(600)


def link(page):
    """Return the state that the address has in the end, as the texts in it."""
    settle(page)
    return dict(parse_qsl(page.evaluate("location.hash.slice(1)"), keep_blank_values=True, strict_parsing=True))


def as_texts(state):
    """Return a state as the texts in a link."""

    def text(value):
        if isinstance(value, list):
            return " ".join(value)
        return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value:g}"

    return {name: value if isinstance(value, str) else text(value) for name, value in state.items()}


def picture(page):
    """Return the panels that are seen, without what is hidden in them."""
    draw(page)
    return page.locator(".live-demo .panel >> visible=true").evaluate_all("""panels => panels.map(panel => {
        const seen = panel.cloneNode(true);
        for (const part of seen.querySelectorAll("[hidden], text:empty")) part.remove();
        return seen.outerHTML;
    })""")


def slider(page, knob):
    return page.locator(f".knob-{knob} input")


def step(page):
    draw(page)
    return int(slider(page, "step").input_value())


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, way, start, end):
    """Drag with the mouse or a finger."""
    places = [[a + (b - a) * part / 8 for a, b in zip(start, end, strict=True)] for part in range(9)]
    if way == "mouse":
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()
        draw(page)
        return
    client = page.context.new_cdp_session(page)
    for kind, place in zip(["touchStart"] + ["touchMove"] * 8, places, strict=True):
        client.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [dict(zip("xy", place, strict=True))]}
        )
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    draw(page)


# By keyboard.

# A state in which no number is as at first.
SET = {
    "activity": "40",
    "step": "123",
    "num_steps": "500",
    "SGD": "0.1",
    "Momentum": "0.01",
    "Adagrad": "0.5",
    "RMSProp": "0.01",
    "Adam": "0.1",
    "learning_rate": "0.02",
    "beta": "0.8",
    "rho": "0.95",
    "beta1": "0.8",
    "beta2": "0.99",
    "eps": "0.000001",
    "batch_size": "4",
    "noise": "0.5",
    "seed": "2",
    "theta1": "-0.5",
    "theta2": "0.25",
    "chosen": "Momentum",
    "speed": "20",
}

# What Tab reaches, in this order: its name, the keys that are pressed there, and what then differs in the link.
TABS = [
    ("Activity of the sparse feature", ["ArrowLeft"], {"activity": "39"}),
    ("The runs. Space plays and pauses, comma and full stop go a step back and forward", [], {}),
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
    const label = control.closest(".knob, .flag");
    return {
        name: control.ariaLabel ?? (label?.querySelector("span") ?? control).textContent,
        said: control.getAttribute("aria-valuetext"),
        seen: label?.querySelector("output")?.textContent ?? null,
    };
}"""


def test_tab_reaches_every_control_and_keys_change_its_knob_and_nothing_else(opened):
    page = opened(fragment=urlencode(SET))
    slider(page, "activity").focus()
    reached = []
    for name, keys, _ in TABS:
        before = page.evaluate(FOCUSED)
        if before is None:
            break
        reached.append(before["name"])
        for key in keys if before["name"] == name else []:
            page.keyboard.press(key)
        draw(page)
        after = page.evaluate(FOCUSED)
        if before["said"] and keys:
            assert after["said"] != before["said"], name
        if after["seen"] is not None:
            assert after["seen"] == after["said"], name
        page.keyboard.press("Tab")
    assert reached == [name for name, _, _ in TABS]
    assert page.evaluate(FOCUSED) is None
    wanted = dict(SET)
    for _, _, changes in TABS:
        wanted |= changes
    assert link(page) == wanted


def test_a_box_takes_its_optimizer_out_of_every_panel_and_back(opened):
    page = opened(fragment="history=yes&table=yes")
    for name in OPTIMIZERS:
        page.locator(f".optimizer[data-optimizer={name}] .switch input").press("Space")
        draw(page)
        bars, path = (page.locator(f".panel {part}[data-optimizer={name}]") for part in (".rates-of", ".path"))
        expect(bars).to_be_hidden()
        assert path.evaluate_all("paths => paths.map(path => path.getAttribute('d'))") == [""] * 4
        expect(page.locator(".fold-table tbody th", has_text=name)).to_have_count(0)
        page.keyboard.press("Space")
        draw(page)
        expect(bars).to_be_visible()
        assert "" not in path.evaluate_all("paths => paths.map(path => path.getAttribute('d'))")
    assert link(page) == {"history": "yes", "table": "yes"}


def test_space_plays_and_comma_and_full_stop_step_wherever_the_focus_is(opened):
    page = opened(fragment="step=200&table=yes&speed=5")
    play = page.locator("button.play")
    for place in (".stage", ".start", ".knob-activity input", ".knob-step input", ".fold-table .scroll"):
        page.locator(place).focus()
        before = step(page)
        steps = []
        for key in (",", ",", "."):
            page.keyboard.press(key)
            steps.append(step(page) - before)
        assert steps == [-1, -2, -1], place
        for words in ("Pause", "Play"):
            page.keyboard.press("Space")
            expect(play).to_have_text(words)
    assert int(link(page)["step"]) == step(page)


def test_buttons_of_the_steps_name_their_keys(opened):
    page = opened()
    buttons = page.locator(".time button")
    titles = buttons.evaluate_all("buttons => buttons.map(button => button.title)")
    assert titles == ["Key: space", "Key: comma", "Key: full stop"]


def test_space_that_is_held_plays_once(opened):
    page = opened(fragment="step=0&speed=5")
    page.locator(".stage").focus()
    for _ in range(2):
        page.keyboard.down("Space")
    expect(page.locator("button.play")).to_have_text("Pause")


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_buttons_are_pressed_by_keys(opened, key):
    page = opened(fragment="step=200&speed=5")
    play = page.locator("button.play")
    for words in ("Pause", "Play"):
        play.press(key)
        expect(play).to_have_text(words)
    before = step(page)
    page.locator("button.back").press(key)
    assert step(page) == before - 1
    page.get_by_role("button", name="Rare: 5%").press(key)
    assert link(page) == {"preset": "rare"}
    page.get_by_role("button", name="Reset").press(key)
    assert link(page) == {}
    page.get_by_role("button", name="Copy link").press(key)
    expect(page.locator(".sharing [role=status]")).to_have_text("Link copied.")


@pytest.mark.parametrize("keys", [("ArrowLeft", "ArrowDown"), ("ArrowRight", "ArrowUp")], ids=" ".join)
def test_wherever_the_keyboard_takes_the_start_a_link_leads_there(opened, keys):
    page = opened(fragment="theta1=0.4&theta2=0.45")
    for key in keys:
        for _ in range(45):
            page.locator(".start").press(key)
    state = link(page)
    there = page.locator(".start").get_attribute("aria-valuetext")
    assert there == f"θ₁ {state['theta1']}, θ₂ {state['theta2']}"
    again = opened(fragment=urlencode(state))
    expect(again.locator(".start")).to_have_attribute("aria-valuetext", there)
    expect(again.locator(".ignored")).to_be_hidden()


# By mouse and touch.


@pytest.mark.parametrize("way", ["mouse", "touch"])
def test_slider_start_and_presets_follow_mouse_and_touch(opened, way):
    page = opened(has_touch=way == "touch", viewport=PHONE if way == "touch" else WIDE)
    activity, start = slider(page, "activity"), page.locator(".start")
    before = picture(page)
    box = activity.bounding_box()
    height = box["y"] + box["height"] / 2
    drag(page, way, (box["x"] + box["width"] - 8, height), (box["x"] + box["width"] * 0.25, height))
    words = activity.get_attribute("aria-valuetext")
    assert 15 <= int(words.rstrip("%")) <= 35
    expect(page.locator(".knob-activity output")).to_have_text(words)
    assert link(page) == {"activity": words.rstrip("%")}
    assert all(a != b for a, b in zip(before, picture(page), strict=True))

    start.scroll_into_view_if_needed()
    x, y = middle(start)
    one = page.locator(".space").bounding_box()["width"] / 360 * 76.5  # pixels to a weight of one
    drag(page, way, (x, y), (x + one, y - one / 2))
    state = link(page)
    assert float(state["theta1"]) == pytest.approx(0, abs=0.06)
    assert float(state["theta2"]) == pytest.approx(-0.5, abs=0.06)
    assert middle(start) == pytest.approx((x + one, y - one / 2), abs=3)
    # Dragged out of the picture it stays at the edge.
    drag(page, way, middle(start), (x - 2 * one, y + one / 4))
    assert link(page)["theta1"] == "-1.55"

    preset = page.get_by_role("button", name="Rare: 5%")
    preset.tap() if way == "touch" else preset.click()
    expect(activity).to_have_attribute("aria-valuetext", "5%")
    assert link(page) == {"preset": "rare"}


@pytest.mark.parametrize("way", ["mouse", "touch"])
def test_every_slider_and_box_follows_mouse_and_touch(opened, way):
    page = opened(has_touch=way == "touch", viewport=PHONE if way == "touch" else WIDE)
    operable = page.locator(".live-demo input")
    assert operable.count() >= 20
    for control in operable.all():
        if not control.is_visible():
            continue  # One rate for all, and each its own, take turns.
        control.scroll_into_view_if_needed()
        before = link(page)
        box = control.bounding_box()
        # Not where it stands at first.
        place = {
            "x": box["width"] * (0.85 if control.get_attribute("type") == "range" else 0.5),
            "y": box["height"] / 2,
        }
        control.tap(position=place) if way == "touch" else control.click(position=place)
        assert link(page) != before, (
            control.get_attribute("aria-label") or control.locator("xpath=..").text_content()
        )


# Playing. The first two need a real clock.


def test_the_runs_play_from_the_end_on_from_0_at_the_speed_that_is_chosen_until_pause(opened):
    page = opened(fragment="speed=200&num_steps=2000&step=2000", own_clock=False)
    play, shown = page.locator("button.play"), page.locator(".knob-step output")
    play.click()
    seconds, played = page.evaluate("""async () => {
        const began = performance.now();
        await new Promise(done => setTimeout(done, 3000));
        return [(performance.now() - began) / 1000, document.querySelector(".knob-step input").valueAsNumber];
    }""")
    assert 200 / 3 < played / seconds < 200 * 1.5
    play.click()
    expect(play).to_have_text("Play")
    paused = shown.text_content()
    page.wait_for_function("step => location.hash.includes(`step=${step}&num_steps=2000&`)", arg=paused)
    page.wait_for_timeout(300)
    assert shown.text_content() == paused
    play.click()
    page.wait_for_function(
        "before => Number(document.querySelector('.knob-step output').textContent) > before", arg=int(paused)
    )


def test_with_less_motion_a_play_is_a_picture_every_half_second(opened):
    page = opened(fragment="speed=50&step=0", reduced_motion="reduce", own_clock=False)
    changes = page.evaluate("""async () => {
        const shown = () => document.querySelector(".knob-step output").textContent;
        const changes = [];
        let last = shown();
        new MutationObserver(() => {
            if (shown() !== last) changes.push(last = shown());
        }).observe(document.querySelector(".live-demo"), { subtree: true, attributes: true, childList: true });
        document.querySelector("button.play").click();
        await new Promise(done => setTimeout(done, 2600));
        return changes.map(Number);
    }""")
    assert 2 <= len(changes) <= 6
    assert 130 / 3 < changes[-1] < 130 * 1.5


def test_every_speed_is_so_many_steps_in_a_second(opened):
    page = opened(fragment="num_steps=2000")
    speeds = page.locator(".knob-speed select")
    for speed in speeds.locator("option").all_text_contents():
        speeds.select_option(speed)
        slider(page, "step").press("Home")
        page.locator("button.play").click()
        page.clock.run_for(3000)
        page.locator("button.play").click()
        assert int(speed) < step(page) < int(speed) * 4.5


def test_a_play_ends_at_the_last_step(opened):
    page = opened(fragment="step=390&speed=200")
    page.locator("button.play").click()
    page.clock.run_for(1000)
    expect(page.locator(".knob-step output")).to_have_text("400")
    expect(page.locator("button.play")).to_have_text("Play")
    assert link(page) == {"speed": "200"}


# States that the page offers.


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_opens_its_state_says_so_and_back_leads_back(opened, name):
    page = opened(fragment="activity=33&noise=0.7&step=77")
    preset, before = PRESETS[name], picture(page)
    button = page.get_by_role("button", name=preset["label"], exact=True)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".preset[aria-pressed=true]")).to_have_count(1)
    expect(page.locator(".says")).to_have_text(preset["says"])
    assert link(page) == {"preset": name}
    for fold in ("numbers", "history", "table"):
        assert page.locator(f".fold-{fold}").evaluate("fold => fold.open") == preset["state"].get(fold, False)
    # What differs from a preset by one knob has its whole state in the address.
    page.locator(".knob-seed select").select_option("1")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert link(page) == as_texts(preset["state"]) | {"seed": "1"}
    page.go_back()
    expect(slider(page, "activity")).to_have_attribute("aria-valuetext", "33%")
    assert link(page) == {"activity": "33", "noise": "0.7", "step": "77"}
    assert picture(page) == before
    expect(page.locator(".says")).to_have_text(HINT)


@pytest.mark.parametrize("viewport", [WIDE, SMALL_PHONE], ids=["wide", "small phone"])
def test_links_in_the_text_open_their_state_and_bring_it_into_view(opened, viewport):
    page = opened(fragment="activity=33", viewport=viewport)
    links = page.locator("article a[href*='preset=']")
    names = [href.split("=")[1] for href in links.evaluate_all("links => links.map(link => link.hash)")]
    assert sorted(names) == sorted(PRESETS)
    for each, name in zip(links.all(), names, strict=True):
        each.click()
        expect(page.locator(f".preset[data-preset={name}]")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".says")).to_have_text(PRESETS[name]["says"])
        for part in (".knob-activity", ".says", ".bars"):
            expect(page.locator(f".live-demo {part}")).to_be_in_viewport(ratio=1)
    assert link(page) == {"preset": names[-1]}
    for _ in names:
        page.go_back()
    expect(slider(page, "activity")).to_have_attribute("aria-valuetext", "33%")


@pytest.mark.parametrize("name", PRESETS)
def test_on_a_phone_a_preset_button_brings_what_it_changes_into_view(opened, name):
    page = opened(viewport=SMALL_PHONE)
    page.locator(f".preset[data-preset={name}]").click()
    for part in (".knob-activity", ".says", ".bars"):
        expect(page.locator(f".live-demo {part}")).to_be_in_viewport(ratio=1)


def test_on_a_wide_screen_no_preset_moves_the_picture(opened):
    page = opened()
    stage = page.locator(".stage")
    before = stage.bounding_box()["y"] - page.locator(".live-demo").bounding_box()["y"]
    for name in PRESETS:
        page.locator(f".preset[data-preset={name}]").click()
        slider(page, "activity").press("ArrowLeft")
        draw(page)
        expect(page.locator(".says")).to_contain_text("As it opened: ")
        assert stage.bounding_box()["y"] - page.locator(".live-demo").bounding_box()["y"] == before


@pytest.mark.parametrize("viewport", [PHONE, SMALL_PHONE], ids=["phone", "small phone"])
@pytest.mark.parametrize("name", [FULL, COMPACT])
def test_on_a_phone_the_bars_come_right_under_the_slider_and_are_seen_with_it(opened, name, viewport):
    page = opened(name, viewport=viewport)
    activity = page.locator(".knob-activity")
    activity.evaluate("slider => slider.scrollIntoView({ block: 'start', behavior: 'instant' })")
    for part in (activity, page.locator(".bars")):
        expect(part).to_be_in_viewport(ratio=1)
    panels = [".bars", ".space"] + [".losses"] * (name == FULL)
    tops = [page.locator(panel).bounding_box()["y"] for panel in panels]
    assert tops == sorted(tops)


def test_links_to_headings_leave_the_demo_alone(opened):
    page = opened(fragment="activity=33")
    page.locator("#the-same-in-python h2").hover()
    page.locator("#the-same-in-python .headerlink").first.click()
    settle(page)
    expect(page.locator("#the-same-in-python h2")).to_be_in_viewport()
    expect(page.locator(".ignored")).to_be_hidden()
    expect(slider(page, "activity")).to_have_attribute("aria-valuetext", "33%")
    page = opened(fragment="the-same-in-python")
    settle(page)
    expect(page.locator(".ignored")).to_be_hidden()
    expect(page.locator("#the-same-in-python h2")).to_be_in_viewport()
    assert page.evaluate("location.hash") == "#the-same-in-python"
    slider(page, "activity").press("Home")
    assert link(page) == {"activity": "1"}


# Links.


def test_the_address_opens_the_same_picture_again(opened):
    page = opened(fragment="preset=adam-not-fastest")
    for knob, keys in {
        "activity": ["PageDown", "ArrowRight"],
        "step": ["PageUp", "ArrowLeft"],
        "Adagrad": ["ArrowLeft"] * 3,
        "beta": ["ArrowLeft"] * 3,
        "rho": ["ArrowLeft"] * 2,
        "beta1": ["ArrowRight"],
        "eps": ["PageUp"],
        "noise": ["PageUp"],
        "theta1": ["PageUp"],
        "theta2": ["PageDown"],
    }.items():
        for key in keys:
            slider(page, knob).press(key)
    page.locator(".start").press("ArrowRight")
    page.locator(".knob-batch_size select").select_option("16")
    page.locator(".knob-seed select").select_option("3")
    page.locator(".switch", has_text="Momentum").click()
    page.locator(".flag", has_text="bias correction").click()
    page.locator(".fold-history summary").click()
    page.mouse.move(0, 0)
    state = link(page)
    assert len(state) >= 20
    again = opened(fragment=page.url.split("#")[1])
    assert picture(again) == picture(page)
    assert link(again) == state


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ("colour=red", "colour=red"),
        ("activity=0", "activity=0"),
        ("activity=1e999", "activity=1e999"),
        ("activity=0x10", "activity=0x10"),
        ("noise=NaN", "noise=NaN"),
        ("step=12.5", "step=12.5"),
        ("step=-1", "step=-1"),
        ("shown=Adam+Lion", "shown=Adam Lion"),
        ("one_rate=maybe", "one_rate=maybe"),
        ("bias_correction=constructor", "bias_correction=constructor"),
        ("history=__proto__", "history=__proto__"),
        ("preset=toString", "preset=toString"),
        ("constructor=1", "constructor=1"),
        ("batch_size=5", "batch_size=5"),
        ("<b>bold</b>=%3Ci%3E", "<b>bold</b>=<i>"),
        ("activity=%E0%A4%A", "activity="),
    ],
)
def test_what_a_link_cannot_mean_is_named_and_the_rest_is_kept(linked, part, named):
    state, note = linked(f"theta1=0.5&{part}&seed=3")
    assert state == {"theta1": "0.5", "seed": "3"}
    assert named in note


@pytest.fixture(scope="module")
def linked(chromium, open_page, address):
    """How to follow a link; returns the state in the end, and the note."""
    with chromium.new_page(viewport=WIDE) as page:
        page.clock.install()
        visit = open_page(page, f"{address}/{FULL}")
        come_alive(page)

        def linked(fragment):
            page.evaluate("fragment => { location.hash = fragment; }", fragment)
            note = page.get_by_role("alert")
            expect(note).to_be_visible()
            assert note.evaluate("note => note.children.length") == 0
            return link(page), note.text_content()

        yield linked
        assert visit.problems == []


def test_a_link_that_is_understood_takes_the_note_away(opened):
    page = opened(fragment="activity=0")
    expect(page.get_by_role("alert")).to_be_visible()
    page.evaluate("location.hash = 'activity=2'")
    expect(page.locator(".ignored")).to_be_hidden()


KEYS = [*SET, "shown", "one_rate", "bias_correction", "numbers", "history", "table", "preset"]
STRANGE_KEYS = [
    *(
        "__proto__",
        "constructor",
        "toString",
        "hasOwnProperty",
        "",
        " ",
        "θ1",
        "ACTIVITY",
        "activity[]",
        "a" * 1000,
    ),
]
STRANGE = [
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "0x10", "0b1", "1_000", "+5", "--5", "1e", ".5"),
    *("-1", "-0", "1.0000000000000001", "9" * 400, "1e308", "true", "null", "undefined", "[]", "{}", "yes no"),
    *("%", "%E0%A4%A", "%00", "%u0041", "%C0%AF", "%F0%9F%92%A9", "%252525", "\0", "\u202e", "ÿ", "𝒳", "١٢", "５"),
    *("<script>alert(1)</script>", "%3Cscript%3Ealert(1)%3C/script%3E", "<img src=x onerror=alert(1)>"),
    *('"><svg onload=alert(1)>', "' onclick='alert(1)", "javascript:alert(1)", "</textarea><iframe src=x>"),
    *("__proto__", "constructor", "toString", "valueOf", "prototype", "Adam Adam", "Adam SGD", " Adam  ", "Lion"),
    *("x" * 2_000, "#", "##", "?", "\\", "../../etc", "\n", "\t"),
]


def fragments(chance, how_many):
    """Make hostile fragments, among them some that mean something."""
    states = [as_texts(preset["state"]) for preset in PRESETS.values()]
    known = {**SET, **{name: text for _, _, changes in TABS for name, text in changes.items()}, "preset": "rare"}
    for _ in range(how_many):
        parts = []
        for _ in range(chance.choice([1, 1, 2, 3, 8])):
            key = chance.choice(KEYS) if chance.random() < 0.8 else chance.choice(STRANGE_KEYS)
            number = chance.choice([chance.uniform(-3, 3), chance.randrange(2001), 10 ** chance.uniform(-12, 4)])
            meant = quote(known.get(key, chance.choice(OPTIMIZERS)))
            value = chance.choice([chance.choice(STRANGE), chance.choice(STRANGE), meant, meant, number])
            parts.append(f"{key}={value}" if chance.random() < 0.95 else chance.choice([key, "&&", "=="]))
        if chance.random() < 0.1:
            parts.insert(chance.randrange(len(parts) + 1), urlencode(chance.choice(states)))
        yield "&".join(parts)


# An address that is only noted: the browser takes a long time for each that it shows.
ADDRESS = """(() => {
    window.place = { hash: "", pathname: location.pathname, search: location.search };
    const go = (state, title, address) => { place.hash = new URL(address, document.baseURI).hash; };
    (function (location, history) { %s })(window.place, { replaceState: go, pushState: go });
})()"""

# Follows all fragments, and returns what should not have come of it.
FOLLOW_ALL = """async fragments => {
    const wrong = new Set();
    const forbidden = "script, img, iframe, object, embed, style, link";
    const look = records => {
        for (const { target, addedNodes, attributeName } of records) {
            if (attributeName?.startsWith("on")) wrong.add(target.outerHTML);
            for (const node of addedNodes) {
                if (node.nodeType !== Node.ELEMENT_NODE) continue;
                for (const each of [node, ...node.querySelectorAll("*")]) {
                    if (each.matches(forbidden)) wrong.add(each.outerHTML);
                    if (each.getAttributeNames().some(name => name.startsWith("on"))) wrong.add(each.outerHTML);
                }
            }
        }
    };
    const observer = new MutationObserver(look);
    observer.observe(document, { subtree: true, childList: true, attributes: true });
    for (const [i, fragment] of fragments.entries()) {
        place.hash = new URL(`#${fragment}`, document.baseURI).hash;
        dispatchEvent(new PopStateEvent("popstate"));
        if (i % 100) continue;
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        for (const part of document.querySelectorAll(".live-demo :is(.panel, .knob, .fold, .spoken)")) {
            const nonsense = part.outerHTML.match(/.{40}(NaN|Infinity|undefined|\\[object|native code).{40}/);
            if (nonsense) wrong.add(`${fragment}: ${nonsense[0]}`);
        }
    }
    look(observer.takeRecords());
    return [...wrong];
}"""


def test_nothing_comes_of_hostile_links_but_a_note(opened):
    page = opened()
    page.route(
        "**/live-demo.js*",
        lambda route: route.fulfill(body=ADDRESS % route.fetch().text(), content_type="text/javascript"),
    )
    page.reload()
    links = [*fragments(random.Random(0), 10_000), "preset=rare", "activity=1&colour=red&noise=NaN"]
    assert page.evaluate(FOLLOW_ALL, links) == []
    draw(page)
    expect(page.get_by_role("alert")).to_contain_text("colour=red, noise=NaN")
    assert slider(page, "activity").get_attribute("aria-valuetext") == "1%"
    settle(page)
    assert page.evaluate("place.hash") == "#activity=1"


def test_a_page_that_is_loaded_with_a_hostile_link_works(opened, address):
    page = opened()
    chance = random.Random(1)
    for i, fragment in enumerate([*chance.sample(STRANGE, 10), *fragments(chance, 10)]):
        # Another address, or the browser would stay on the page.
        page.goto(f"{address}/{FULL}?{i}#{fragment}")
        come_alive(page)
        slider(page, "activity").press("Home")
        draw(page)
        assert slider(page, "activity").get_attribute("aria-valuetext") == "1%", fragment


# One optimizer, picked out.

# The optimizers that are picked out, each with the number of its parts that are not.
LIT = """() => {
    const lit = [...document.querySelectorAll(".live-demo [data-optimizer].lit")];
    const names = [...new Set(lit.map(part => part.dataset.optimizer))];
    const rest = name => document.querySelectorAll(`.live-demo [data-optimizer="${name}"]:not(.lit)`).length;
    return names.map(name => [name, rest(name)]);
}"""

# Where on the screen a path is, at a share of its length.
ON_PATH = """(path, share) => {
    const { x, y } = path.getPointAtLength(share * path.getTotalLength()).matrixTransform(path.getScreenCTM());
    return [x, y];
}"""


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_that_is_pointed_at_or_has_the_focus_is_picked_out_everywhere(opened, name):
    page = opened(fragment="activity=20&history=yes")
    row = page.locator(f".optimizer[data-optimizer={name}]")
    path = page.locator(f".space .path[data-optimizer={name}]")

    def lit():
        draw(page)
        one, other = (page.locator(f".losses .path[data-optimizer={each}]") for each in (name, others[0]))
        opacities = [each.evaluate("path => Number(getComputedStyle(path).opacity)") for each in (one, other)]
        picked = dict(page.evaluate(LIT))
        assert set(picked.values()) <= {0}
        assert (opacities[0] > opacities[1]) == (list(picked) == [name])
        return list(picked)

    others = [other for other in OPTIMIZERS if other != name]
    assert lit() == []
    page.locator(f".rates-of[data-optimizer={name}] .name").hover()
    assert lit() == [name]
    page.locator("article h1").hover()
    assert lit() == []
    page.mouse.move(*path.evaluate(ON_PATH, 0.15))
    assert lit() == [name]
    page.mouse.move(*middle(page.locator(".bars .heading.end")))
    assert lit() == []
    row.get_by_role("slider").first.hover()
    assert lit() == [name]
    page.locator("article h1").hover()
    row.locator(".switch input").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert lit() == [name]
    # What is switched off cannot be picked out, and must not keep the others back.
    page.keyboard.press("Space")
    assert lit() == []
    page.keyboard.press("Space")
    assert lit() == [name]
    slider(page, "noise").focus()
    assert lit() == []


# To take away.

PYTHON = {
    "as it opens": "",
    "everything else": urlencode(SET) + "&shown=SGD+Adagrad+Adam&bias_correction=no",
    "rare, long and in batches": "activity=1&batch_size=16&num_steps=2000&step=1999&theta1=2&theta2=0",
    "diverging": "one_rate=yes&learning_rate=10",
    "nothing": "shown=",
}


@pytest.mark.parametrize("fragment", PYTHON.values(), ids=PYTHON)
def test_the_python_that_is_copied_prints_the_weights_of_the_table(opened, fragment):
    page = opened(fragment=f"{fragment}&table=yes", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as Python").click()
    expect(page.locator(".sharing [role=status]")).to_have_text("Python script copied.")
    script = page.evaluate("navigator.clipboard.readText()")
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.stderr == ""
    rows = page.locator(".fold-table tbody tr").all()
    shown = [[row.locator("th").text_content(), *row.locator("td").all_text_contents()[3:5]] for row in rows]
    printed = [line.split() for line in run.stdout.splitlines()]
    assert printed == [["nan" if text == "diverged" else text for text in row] for row in shown]
    assert bool(printed) == (fragment != PYTHON["nothing"])
    assert ("nan" in run.stdout) == (fragment == PYTHON["diverging"])


NO_CLIPBOARD = "() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }"


@pytest.mark.parametrize("what", ["Link", "Python"])
def test_without_a_clipboard_the_text_is_there_to_be_copied(opened, what):
    page = opened(fragment="activity=5")
    page.evaluate(NO_CLIPBOARD)
    page.get_by_role("button", name=f"Copy {'as Python' if what == 'Python' else 'link'}").click()
    expect(page.locator(".sharing [role=status]")).to_contain_text("take it from here")
    text = page.locator(".copy-text")
    expect(text).to_be_visible()
    expect(text).to_be_focused()
    selected = text.evaluate("text => text.value.slice(text.selectionStart, text.selectionEnd)")
    assert selected == text.input_value()
    assert selected == page.url if what == "Link" else "SparseRegression(activity=0.05," in selected
    # It belongs to the state in which it was taken.
    slider(page, "activity").press("Home")
    expect(text).to_be_hidden()


# What the numbers say.


def sums(page):
    """Return what the bars say of Adagrad's sums."""
    draw(page)
    return page.locator(".bars .sums").text_content()


def test_the_bars_say_where_the_ratio_of_adagrad_comes_from(opened):
    page = opened(fragment="activity=5&step=400&table=yes")
    assert sums(page) == "Adagrad: √(Σg² dense / Σg² sparse) = √(55.3 / 19.3) = 1.69"
    expect(page.locator(".fold-table p")).to_have_text(sums(page))
    expect(page.locator(".rates-of[data-optimizer=Adagrad] .share")).to_have_text("×1.69")
    # Before the sparse weight has a gradient, without Adagrad, and where ε counts, there is nothing to say.
    for fragment in ("activity=5&step=3", "step=0", "shown=SGD", "eps=0.1"):
        page.evaluate("fragment => { location.hash = fragment; }", fragment)
        draw(page)
        assert sums(page) == "", fragment


@pytest.mark.parametrize(
    "fragment",
    ["", "batch_size=400&activity=1&noise=0&theta1=1&num_steps=50", "batch_size=400&activity=1&theta1=1&theta2=1"],
)
def test_the_sums_of_adagrad_fit_into_the_panel(opened, fragment):
    page = opened(fragment=fragment)
    assert sums(page)
    right = page.locator(".bars .sums").evaluate("text => text.getBBox().x + text.getBBox().width")
    assert right < 360  # units of the panel


def test_a_weight_without_a_gradient_does_not_change(opened):
    page = opened(fragment="activity=5&step=3&numbers=yes&chosen=RMSProp")
    row = page.locator(".fold-numbers tbody tr")
    expect(row.filter(has_text="θ ← θ + change").locator("td").last).to_have_text("−1 + 0 = −1")
    expect(row.filter(has_text="− rate × g").locator("td").last).to_have_text("0, no gradient yet")
    expect(row.filter(has_text="− rate × g").locator("td").first).not_to_contain_text("no gradient yet")


def test_a_long_batch_says_how_many_samples_it_has_more(opened):
    page = opened(fragment="batch_size=16&step=1&numbers=yes")
    expect(page.locator(".fold-numbers p")).to_contain_text("Step 1 sees samples 1, 2, 3, 4 and 12 more.")


def test_the_problem_is_as_tall_with_a_thousand_steps_as_with_fewer(opened):
    page = opened()
    for viewport in (PHONE, WIDE):
        page.set_viewport_size(viewport)
        tall = []
        for steps in (950, 1000, 2000):
            page.evaluate("steps => { location.hash = `num_steps=${steps}`; }", steps)
            expect(page.locator(".knob-num_steps output")).to_have_text(str(steps))
            tall.append(page.locator(".problem").bounding_box()["height"])
        assert len(set(tall)) == 1


def test_the_cross_of_a_diverged_run_has_the_colour_of_its_optimizer(opened):
    page = opened(fragment="SGD=10")
    head = page.locator(".head[data-is=diverged]")
    path = page.locator(".space .path[data-optimizer=SGD]")
    stroke = "element => getComputedStyle(element).stroke"
    assert head.get_attribute("data-optimizer") == "SGD"
    assert head.evaluate(stroke) == path.evaluate(stroke)


# For everyone.


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [FULL, COMPACT])
def test_axe_finds_no_fault_and_nothing_is_wider_than_the_page(opened, name, scheme):
    # All that can be there: folds, note, text to copy, remarks in the picture.
    everything = "numbers=yes&history=yes&table=yes&activity=5&Adam=10&SGD=2&colour=red" if name == FULL else ""
    page = opened(name, everything, color_scheme=scheme)
    assert page.locator("html").get_attribute("data-theme") == scheme
    if name == FULL:
        page.evaluate(NO_CLIPBOARD)
        page.get_by_role("button", name="Copy as Python").click()
        expect(page.locator(".copy-text")).to_be_visible()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for viewport in (WIDE, PHONE):
        page.set_viewport_size(viewport)
        settle(page)
        result = page.evaluate("axe.run('.live-demo-frame', { resultTypes: ['violations'] })")
        assert result["passes"]
        assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in result["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator(".live-demo-frame").evaluate("frame => frame.scrollWidth <= frame.clientWidth")


# The contrast of each text in the demo with what is behind it, which axe does not find out for most of them.
CONTRASTS = """() => {
    const rgb = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => {
        const linear = part => part <= 10 ? part / 3295 : ((part / 255 + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = rgb(color).map(linear);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const opaque = element => {
        const { backgroundColor } = getComputedStyle(element);
        return (rgb(backgroundColor)[3] ?? 1) === 1 ? backgroundColor : opaque(element.parentElement);
    };
    const isText = ({ nodeName, data }) => nodeName === "#text" && data.trim();
    const hasText = element => [...element.childNodes].some(isText);
    const isSeen = element => element.checkVisibility({ visibilityProperty: true });
    return [...document.querySelectorAll(".live-demo *")].filter(hasText).filter(isSeen).map(element => {
        const { color, fill } = getComputedStyle(element);
        const both = [light(element.closest("svg") ? fill : color), light(opaque(element))];
        return [element.textContent, (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05)];
    });
}"""


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_against_what_is_behind_it(opened, scheme, media):
    page = opened(fragment="numbers=yes&history=yes&table=yes&activity=5&SGD=2&colour=red", color_scheme=scheme)
    page.emulate_media(media=media, color_scheme=scheme)
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > (100 if media == "screen" else 30)
    assert [text for text, contrast in contrasts if contrast < 4.5] == []


def test_on_paper_what_is_seen_is_said_in_words_too(opened):
    page = opened(fragment="preset=rare", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    for part, words in ((".says", PRESETS["rare"]["says"]), (".spoken", "Activity 5%, step 400 of 400.")):
        expect(page.locator(part)).to_contain_text(words)
        assert page.locator(part).bounding_box()["width"] > 300
    # The keys are of no use there.
    page.evaluate("location.hash = 'activity=2'")
    draw(page)
    expect(page.locator(".says")).to_be_hidden()


def test_a_sentence_is_spoken_once_the_reader_has_changed_something(opened):
    page = opened()
    spoken = page.locator(".spoken")
    assert spoken.get_attribute("role") == "status"
    slider(page, "activity").press("Home")
    settle(page)
    expect(spoken).to_contain_text("Activity 1%, step 400 of 400. Sparse rate divided by dense rate: SGD 1, ")
    slider(page, "step").press("Home")
    settle(page)
    expect(spoken).to_contain_text("Activity 1%, step 0 of 400. ")
    expect(spoken).to_contain_text("Adam no step yet.")


def test_the_tables_have_heads_of_rows_and_columns(opened):
    page = opened(fragment="numbers=yes&table=yes")
    for fold, rows in (("table", OPTIMIZERS), ("numbers", None)):
        table = page.locator(f".fold-{fold} table")
        names = table.get_by_role("rowheader").all_text_contents()
        assert names == rows if rows else names
        assert table.locator("tbody tr").count() == table.locator("tbody tr:has(th[scope=row])").count() > 0
        columns = table.locator("thead th")
        assert columns.count() == table.locator("thead th[scope=col]").count() > 1
        assert columns.count() == table.locator("tbody tr").first.locator("th, td").count()


@pytest.mark.parametrize("name", [FULL, COMPACT])
def test_without_a_script_and_on_paper_the_demo_is_a_picture(opened, name):
    still = opened(name, java_script_enabled=False)
    paper = opened(name)
    paper.emulate_media(media="print")
    for page in (still, paper):
        panels = page.locator(".live-demo .panel >> visible=true")
        assert panels.count() == (2 if name == COMPACT else 3)
        for panel in panels.all():
            assert min(panel.bounding_box()[side] for side in ("width", "height")) > 100
            assert panel.locator("path[data-optimizer]").count() >= 5 or panel.locator(".bar").count() == 10
        controls = page.locator(".live-demo").locator(CONTROLS)
        assert controls.count() > 0
        for control in controls.all():
            expect(control).to_be_hidden()
    note = ".live-demo-frame noscript"
    expect(still.locator(note)).to_be_visible()
    said = still.locator(note).evaluate("note => note.textContent")
    assert said == "The controls need JavaScript. This is the state at 100% activity."
    expect(paper.locator(note)).to_be_hidden()


@pytest.mark.parametrize("name", [FULL, COMPACT])
def test_the_demo_works_without_a_server(opened, site, name):
    page = opened(name, home=site.as_uri())
    before = picture(page)
    slider(page, "activity").press("Home")
    assert picture(page) != before
    if name == FULL:
        assert link(page) == {"activity": "1"}
        page.get_by_role("button", name="Rare: 5%").click()
        assert link(page) == {"preset": "rare"}
        page.go_back()
        expect(slider(page, "activity")).to_have_attribute("aria-valuetext", "1%")


def test_the_page_of_the_demo_loads_nothing_of_plotly(opened):
    page = opened(own_clock=False)
    files = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert any(name.split("?")[0].endswith("/live-demo.js") for name in files)
    assert [name for name in files if "plotly" in name] == []


def test_moving_sliders_for_long_needs_no_more_memory(opened):
    page = opened()
    client = page.context.new_cdp_session(page)
    move = """async times => {
        const knobs = ["activity", "step", "Adam", "noise", "num_steps"];
        for (let i = 0; i < times; i++) {
            const input = document.querySelector(`.knob-${knobs[i % knobs.length]} input`);
            input.value = i * 7 % (Number(input.max) + 1);
            input.dispatchEvent(new Event("input", { bubbles: true }));
            if (i % 20 === 0) await new Promise(requestAnimationFrame);
        }
        document.querySelector("button.reset").click();
    }"""

    def used():
        client.send("HeapProfiler.collectGarbage")
        return client.send("Runtime.getHeapUsage")["usedSize"], client.send("Memory.getDOMCounters")["nodes"]

    page.evaluate(move, 200)
    settle(page)
    bytes_before, nodes_before = used()
    page.evaluate(move, 2000)
    settle(page)
    bytes_after, nodes_after = used()
    assert bytes_after < 1.1 * bytes_before + 500_000
    assert nodes_after <= nodes_before + 20


def test_the_compact_demo_is_a_slider_two_panels_and_a_start_to_drag(opened):
    page = opened(COMPACT)
    demo = page.locator(".live-demo")
    assert demo.locator(".panel").count() == 2
    operable = demo.locator(f"{CONTROLS}, [tabindex]").evaluate_all("all => all.map(each => each.ariaLabel)")
    assert operable == ["Activity of the sparse feature", "Start of all paths: arrow keys move it"]
    before = picture(page)
    slider(page, "activity").press("Home")
    expect(page.locator(".knob-activity output")).to_have_text("1%")
    space, bars = picture(page)
    assert space != before[0]
    assert bars != before[1]
    settle(page)
    assert "#" not in page.url
    page.evaluate("location.hash = 'activity=50'")
    settle(page)
    assert picture(page) == [space, bars]
