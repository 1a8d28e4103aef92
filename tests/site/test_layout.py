"""Blocks below the fold are laid out later, or at once when the reader goes to one of them."""

import pytest

CHAPTER = "book/adagrad.html"
# The browser has something to do until release() is called, and then no time for more than one block.
BUSY = """const waiting = [];
window.requestIdleCallback = act => waiting.push(act);
window.release = () => waiting.splice(0).forEach(act => act({ timeRemaining: () => 0 }));
window.isWaiting = () => waiting.length > 0;"""
LAID_OUT = """() => [...document.querySelectorAll(".waits:not(.on-phones) > :first-child")]
    .map(part => part.checkVisibility({ contentVisibilityAuto: true }))"""
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
HEIGHTS = """() => [...document.querySelectorAll(".bd-article section > *")]
    .map(block => Math.round(block.getBoundingClientRect().height))"""


def lay_out_all(page):
    while page.locator(".waits:not(.laid-out)").count():
        page.wait_for_function("() => isWaiting()")
        page.evaluate("release()")
        page.evaluate(TWO_FRAMES)


@pytest.fixture
def page(chromium):
    with chromium.new_page(viewport={"width": 1280, "height": 800}) as page:
        page.add_init_script(BUSY)
        yield page


def test_what_is_below_the_fold_is_laid_out_block_by_block_when_there_is_nothing_else_to_do(page, address):
    page.goto(f"{address}/{CHAPTER}")
    assert not any(page.evaluate(LAID_OUT))
    blocks = page.locator(".waits").count()
    for number in range(1, blocks + 1):
        page.wait_for_function("() => isWaiting()")
        page.evaluate("release()")
        assert page.locator(".laid-out").count() == number
    assert not page.evaluate("isWaiting()")
    assert all(page.evaluate(LAID_OUT))


def test_every_waiting_block_supports_deferred_layout(page, address, page_names):
    waiting = 0
    for name in (name for name in page_names if name.startswith("book/")):
        page.goto(f"{address}/{name}")
        laid_out = page.evaluate(LAID_OUT)
        assert not any(laid_out), name
        waiting += len(laid_out)
    assert waiting > 300


@pytest.mark.parametrize("width", [390, 1280])
def test_blocks_above_the_fold_do_not_wait(page, address, page_names, width):
    hidden = """() => [...document.querySelectorAll(".waits")]
        .find(block => getComputedStyle(block).contentVisibility === "hidden").getBoundingClientRect().top"""
    page.set_viewport_size({"width": width, "height": 848})  # As high as they may be for blocks to be hidden.
    for name in filter(lambda name: name.startswith("book/"), page_names):
        page.goto(f"{address}/{name}")
        if page.locator(".waits").count():
            assert page.evaluate(hidden) > 848, name


def test_deferred_layout_causes_no_layout_shift(page, address):
    page.add_init_script("""window.shifts = [];
        new PerformanceObserver(list => shifts.push(...list.getEntries().map(shift => shift.value)))
            .observe({ type: "layout-shift", buffered: true });""")
    for width, height in ((1280, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{address}/book/adam.html")
        lay_out_all(page)
        page.mouse.move(5, 5)
        page.locator("html[data-layout=near]").wait_for()
        page.evaluate(TWO_FRAMES)
        assert page.evaluate("shifts") == []


@pytest.mark.parametrize("act", ["mouse", "focus"])
def test_input_before_layout_js_loads_lays_out_all_blocks_after_it_loads(page, address, act):
    held = []
    page.route("**/layout.js*", lambda route: held.append(route))
    page.goto(f"{address}/{CHAPTER}", wait_until="commit")
    page.locator("#fold").wait_for(state="attached")
    if act == "mouse":
        page.mouse.move(5, 5)
    else:
        page.evaluate("document.querySelector('main a').focus()")
    page.locator("html[data-layout=near]").wait_for()
    assert not page.evaluate(LAID_OUT)[-1]
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    page.wait_for_function("() => isWaiting()")
    page.keyboard.press("Tab")
    page.evaluate(TWO_FRAMES)
    assert all(page.evaluate(LAID_OUT))


@pytest.mark.parametrize("act", ["scroll", "time"])
def test_visible_blocks_are_laid_out_without_layout_js(page, address, act):
    page.route("**/*.js*", lambda route: route.abort())
    page.add_init_script("window.setTimeout = (act, time) => { window.afterSeconds = { [time / 1000]: act }; };")
    page.goto(f"{address}/{CHAPTER}")
    assert not any(page.evaluate(LAID_OUT))
    if act == "scroll":
        page.evaluate("scrollBy(0, 1)")
    else:
        page.evaluate("afterSeconds[5]()")
    page.locator("html[data-layout=near]").wait_for()
    page.locator(".waits").last.scroll_into_view_if_needed()
    page.wait_for_function(f"() => ({LAID_OUT})().at(-1)")


def test_a_tall_window_shows_what_is_in_it_at_once(page, address):
    page.set_viewport_size({"width": 1280, "height": 1600})
    page.goto(f"{address}/{CHAPTER}")
    assert page.locator(".waits:not(.on-phones)").first.bounding_box()["y"] < 1600
    page.wait_for_function(f"() => ({LAID_OUT})()[0]")
    assert not page.evaluate(LAID_OUT)[-1]


def test_a_block_that_comes_into_sight_does_not_wait(page, address):
    page.goto(f"{address}/{CHAPTER}")
    assert not page.evaluate(LAID_OUT)[-1]
    page.locator(".waits").last.scroll_into_view_if_needed()
    page.wait_for_function(f"() => ({LAID_OUT})().at(-1)")


@pytest.mark.parametrize("act", ["Tab", "click", "paper"])
def test_tab_click_and_print_lay_out_all_blocks(page, address, act):
    page.goto(f"{address}/{CHAPTER}")
    assert not page.evaluate(LAID_OUT)[-1]
    match act:
        case "Tab":
            page.keyboard.press("Tab")
        case "click":
            page.locator("h1:visible").click()
        case "paper":
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.evaluate(TWO_FRAMES)
    assert all(page.evaluate(LAID_OUT))


def test_a_section_link_or_a_reload_lays_out_all_blocks(page, address):
    page.goto(f"{address}/{CHAPTER}")
    last = page.locator(".bd-article > section > section").last.get_attribute("id")
    page.goto(f"{address}/book/index.html")
    page.goto(f"{address}/{CHAPTER}#{last}")
    assert all(page.evaluate(LAID_OUT))
    place = page.locator(f"#{last}").evaluate("section => Math.round(section.getBoundingClientRect().top)")
    assert 0 <= place <= 200
    page.goto(f"{address}/{CHAPTER}")
    page.reload()
    assert all(page.evaluate(LAID_OUT))


def test_who_comes_to_a_text_from_a_search_finds_it_in_sight(page, address):
    page.goto(f"{address}/{CHAPTER}#:~:text=never%20forgets")
    page.wait_for_function("() => scrollY > 500")
    assert all(page.evaluate(LAID_OUT))


@pytest.mark.parametrize("name", ["adagrad", "adam", "embeddings", "key_takeaways", "glossary", "api_optimizers"])
def test_a_block_is_as_high_as_if_it_had_not_waited(page, address, name):
    page.goto(f"{address}/book/{name}.html")
    lay_out_all(page)
    assert page.locator("html[data-layout=waiting]").count() == 1
    waited = page.evaluate(HEIGHTS)
    page.reload()
    assert page.evaluate(HEIGHTS) == waited


def test_browsers_that_hide_text_fragments_hide_no_block(page, address):
    page.add_init_script("Object.defineProperty(navigator, 'userAgentData', { value: undefined })")
    page.goto(f"{address}/{CHAPTER}")
    assert page.locator("html[data-layout=near]").count() == 1
    lay_out_all(page)
    assert all(page.evaluate(LAID_OUT))


def test_without_scripts_nothing_waits(chromium, address):
    with chromium.new_page(java_script_enabled=False) as page:
        page.goto(f"{address}/{CHAPTER}")
        assert page.locator("html[data-layout]").count() == 0
