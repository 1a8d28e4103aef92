"""Weigh and time the live demo: how soon it is there, and how fast it follows its activity slider."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, pairwise
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import chromium
from bench_figures import (
    DRAG,
    KB,
    RAIL_END,
    ROOT,
    SETTLE,
    SITE,
    WINDOW,
    Traffic,
    compressed,
    say,
    served,
    table,
    there_and_back,
)
from playwright import async_api
from playwright.sync_api import Browser, Page

PAGE = "book/live_demo.html"
BUNDLE, DATA = "live-demo.js", "live-demo-data-full.js"

# At most, KB gzip.
PAGE_KB, BUNDLE_KB, DATA_KB = 230, 60, 60
# Wanted, not enforced.
PAINT_MS, LATE_MS = 10, 20  # from input to paint: median, 95th percentile
PAINTS = 50  # in a second, while dragged
MAKE_MS = 0.5  # all runs of a state
USABLE_MS = 600

STEPS = (500, 2000)
ACTIVITIES = 100  # steps of the slider
SLOWDOWNS = {"as it is": 1, "slowed 4 times": 4}
LOADS = 5  # each with an empty cache
PAUSE = (0.060, 0.120)  # s between two keys: at any moment of a frame
MOVE = 0.008  # s between two moves of the mouse, which wait for nothing, as a mouse does

# A slider that does next to nothing: what the browser itself takes.
CONTROL = f"""<!doctype html><title>control</title>
<input type="range" max="{ACTIVITIES - 1}" value="{ACTIVITIES - 1}" style="width: 700px"><output></output>
<script>
    const output = document.querySelector("output");
    document.querySelector("input").oninput = event => (output.textContent = event.target.value);
</script>"""

# From an input to its paint: from the timeStamp of the key's or the mouse's event (when the browser got it), and
# from the input event that follows (when the page got it), to the end of the frame that has what follows from it.
# Between the two a browser holds a mouse's moves until the next frame. A message that is posted in a frame
# arrives when the frame is through. Of several inputs before a drawing the first counts. Frames are only asked
# for after an input: in a page that asks for all of them an input waits longer for its own.
WATCH = """drawing => {
    const times = window.benchTimes = [];
    let event, moved, drawn;
    for (const kind of ["keydown", "mousemove"]) {
        addEventListener(kind, ({ timeStamp }) => (event = timeStamp), { capture: true, passive: true });
    }
    const { port1, port2 } = new MessageChannel();
    const askFrame = () => requestAnimationFrame(() => port2.postMessage(0));
    port1.onmessage = () => {
        if (drawn) times.push(drawn.map(from => performance.now() - from));
        else if (moved) askFrame();
        drawn = undefined;
    };
    addEventListener("input", () => {
        if (moved) return;
        moved = [event, performance.now()];
        askFrame();
    }, { capture: true });
    new MutationObserver(records => {
        if (!moved || !records.some(({ target }) => target.closest(drawing))) return;
        drawn ??= moved;
        moved = undefined;
    }).observe(document, { subtree: true, childList: true, attributes: true });
}"""

# Runs from the beginning of a page: ms until the demo can be used.
CLOCK = """new MutationObserver(() => {
    if (document.querySelector(".live-demo[data-live]")) window.benchUsable ??= performance.now();
}).observe(document, { subtree: true, attributeFilter: ["data-live"] });"""

# The time of Runs.make at every place of the slider, after a warm-up.
MAKE = """import { readFileSync } from "node:fs";
const [folder, data] = process.argv.slice(2);
const [{ START, KNOBS }, { Runs }, { readDraws }] =
    await Promise.all(["knobs", "runs", "problem"].map((name) => import(`${folder}/${name}.js`)));
const draws = JSON.parse(readFileSync(data, "utf8")).seeds.map(readDraws);
const result = {};
for (const num_steps of STEPS) {
    const runs = new Runs(draws);
    const times = [];
    for (let sweep = 0; sweep < 25; sweep++) {
        for (const activity of KNOBS.activity.values) {
            const began = performance.now();
            runs.make({ ...START, num_steps, step: num_steps, activity });
            if (sweep >= 5) times.push(performance.now() - began);
        }
    }
    result[num_steps] = times;
}
process.stdout.write(JSON.stringify(result));""".replace("STEPS", json.dumps(STEPS))


@contextmanager
def opened(browser: Browser) -> Iterator[tuple[Page, Any]]:
    """Open a page in a browser that has been nowhere yet; the page, and its connection for developers."""
    with browser.new_context(viewport=WINDOW, color_scheme="light") as context:
        page = context.new_page()
        page.on("pageerror", lambda error: say(f"page error: {error}"))
        yield page, context.new_cdp_session(page)


def at_most(value: float, limit: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}" + (" ABOVE" if value > limit else "")


def middle_and_late(times: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile."""
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def weights(browser: Browser, url: str) -> bool:
    """Print what the page loads before the reader does anything; whether it is within the limits."""
    say("weighing ...")
    names: list[str] = []
    with opened(browser) as (page, session):
        session.send("Network.enable")
        traffic = Traffic(session)
        page.on("request", lambda request: names.append(request.url.partition("?")[0].rpartition("/")[2]))
        page.goto(url, wait_until="networkidle")
        page.wait_for_timeout(SETTLE)
        sent = traffic.take()["sent"]
    sizes = {
        "page with all it loads, fonts apart": (sent.total() - sent["fonts"], PAGE_KB),
        **{
            name: (len(compressed(SITE / "_static" / name)) / KB, limit)
            for name, limit in ((BUNDLE, BUNDLE_KB), (DATA, DATA_KB))
        },
    }
    rows = [[name, at_most(size, limit), str(limit)] for name, (size, limit) in sizes.items()]
    plotly = [name for name in names if "plotly" in name]
    rows.append(["files of plotly", f"{len(plotly)}" + (f" ABOVE: {', '.join(plotly)}" if plotly else ""), "0"])
    table(f"Loaded before the reader does anything: {len(names)} files (KB, gzip)", ["what", "is", "at most"], rows)
    print(f"The fonts have {sent['fonts']:.1f} KB.")
    return not plotly and {BUNDLE, DATA} <= set(names) and all(size <= limit for size, limit in sizes.values())


def usable(browser: Browser, url: str) -> float:
    """Return the ms from the navigation until the demo can be used."""
    with opened(browser) as (page, _):
        page.add_init_script(CLOCK)
        page.goto(url, wait_until="commit")
        page.wait_for_function("() => window.benchUsable")
        return float(page.evaluate("benchUsable"))


def loads(browser: Browser, url: str) -> None:
    """Print how soon the demo can be used."""
    say("opening ...")
    times = [usable(browser, url) for _ in range(LOADS)]
    each = ", ".join(f"{time:.0f}" for time in times)
    rows = [[at_most(statistics.median(times), USABLE_MS, 0), str(USABLE_MS), each]]
    head = ["median", "wanted", "each"]
    table(f"From navigation until usable (ms, {LOADS} loads with an empty cache)", head, rows)


def making() -> None:
    """Print how long it takes to compute all runs of a state."""
    say("computing runs ...")
    node = Path(sys.executable).with_name("node")
    demo, data = ROOT / "book" / "live_demo", ROOT / "_build" / "live_demo" / "data.json"
    command = [node, "--input-type=module", "-", demo.as_uri(), data]
    done = subprocess.run(command, input=MAKE, stdout=subprocess.PIPE, text=True, check=True)
    rows = []
    for steps, times in json.loads(done.stdout).items():
        median, late = middle_and_late(times)
        rows.append([steps, at_most(median, MAKE_MS, 3), str(MAKE_MS), f"{late:.3f}", str(len(times))])
    table("All runs of a state, computed (ms)", ["steps", "median", "wanted", "95%", "states"], rows)


async def press_keys(page: async_api.Page) -> list[float]:
    """Move the slider by keys, to its beginning and back; the ms from each key to its paint."""
    random = Random(0)
    await page.locator("input[type=range]").first.press("End")
    await page.wait_for_timeout(SETTLE)
    await page.evaluate("benchTimes.length = 0")
    for before, now in pairwise([0, *there_and_back(ACTIVITIES)]):
        await page.keyboard.press("ArrowLeft" if now > before else "ArrowRight")
        await asyncio.sleep(random.uniform(*PAUSE))
    return [whole for whole, _ in await page.evaluate("benchTimes")]


async def drag(page: async_api.Page) -> tuple[list[tuple[float, float]], float]:
    """Drag the slider for a while; the ms from moves and from inputs to paints, and the paints in a second."""
    slider = page.locator("input[type=range]").first
    await slider.evaluate("slider => slider.scrollIntoView({ behavior: 'instant', block: 'center' })")
    box = await slider.bounding_box()
    assert box is not None
    right, middle = box["x"] + box["width"] - RAIL_END, box["y"] + box["height"] / 2
    step = (box["width"] - 2 * RAIL_END) / (ACTIVITIES - 1)
    await page.mouse.move(right, middle)
    await page.mouse.down()
    await page.wait_for_timeout(SETTLE)
    await page.evaluate("benchTimes.length = 0")
    began, moves = monotonic(), []
    for position in cycle(there_and_back(ACTIVITIES)):
        moves.append(asyncio.create_task(page.mouse.move(right - position * step, middle)))
        await asyncio.sleep(MOVE)
        if monotonic() - began > DRAG:
            break
    await asyncio.gather(*moves)
    lasted = monotonic() - began
    times = list(await page.evaluate("benchTimes"))
    await page.mouse.up()
    return times, len(times) / lasted


async def slide(browser: async_api.Browser, url: str | None, slowdown: int) -> list[str]:
    """Return what a slider's row of the table says; without an address, of the control."""
    async with await browser.new_context(viewport=WINDOW, color_scheme="light") as context:
        page = await context.new_page()
        if url:
            await page.goto(url, wait_until="networkidle")
            await page.locator(".live-demo[data-live]").wait_for()
        else:
            await page.set_content(CONTROL)
        session = await context.new_cdp_session(page)
        await session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
        await page.evaluate(WATCH, ".live-demo svg" if url else "output")
        keys = await press_keys(page)
        drags, paints = await drag(page)
    median, late = middle_and_late(keys)
    from_moves, from_inputs = (statistics.median(times) for times in zip(*drags, strict=True))
    return [
        at_most(median, PAINT_MS),
        at_most(late, LATE_MS),
        str(len(keys)),
        at_most(from_inputs, PAINT_MS),
        at_most(from_moves, PAINT_MS),
        f"{paints:.1f}" + (" BELOW" if paints < PAINTS else ""),
    ]


async def sliders(program: str | None, url: str) -> None:
    """Print how fast the demo follows its slider."""
    fragments = {f"demo, {steps} steps": f"{url}#num_steps={steps}&step={steps}" for steps in STEPS}
    rows = []
    async with async_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*chromium.QUIET])
        for processor, slowdown in SLOWDOWNS.items():
            for label, address in {"control": None, **fragments}.items():
                say(f"moving the slider, {label}, processor {processor} ...")
                rows.append([processor, label, *await slide(browser, address, slowdown)])
    head = [
        "processor",
        "slider",
        f"key median, wanted {PAINT_MS}",
        f"95%, wanted {LATE_MS}",
        "keys",
        f"drag median, wanted {PAINT_MS}",
        "from mouse's move",
        f"paints/s, wanted {PAINTS}",
    ]
    table("The activity slider: from input to paint (ms)", head, rows)
    print("The control writes its value and nothing else: it shows what frames and browser take by themselves.")
    print("Keys count from the key. Drags count from the slider's input, and from the mouse's move before it,")
    print("which the browser holds until the next frame.")


def main() -> int:
    """Print everything; 1 if something is too heavy. Times are only reported: they depend on the machine."""
    print(f"Load of the machine before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors.")
    with served(SITE) as home:
        url = f"{home}/{PAGE}"
        with chromium.browser() as browser:
            good = weights(browser, url)
            loads(browser, url)
        making()
        # A mouse does not wait for the browser's answer, so here neither do we.
        asyncio.run(sliders(chromium.find(), url))
    print("\nThe live demo is within its limits." if good else "\nThe live demo is above a limit.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
