"""Benchmark the live demo: size, time until it is usable, and latency of the activity slider."""

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

# Limits in KB (gzip). Above them the benchmark fails.
PAGE_KB, BUNDLE_KB, DATA_KB = 200, 60, 60
# Targets. They are reported, but do not fail, because times depend on the machine.
MEDIAN_LATENCY_MS, P95_LATENCY_MS = 10, 20  # from input to paint
FRAMES_PER_SECOND = 50  # during a drag
SIMULATION_MS = 0.5  # for all runs of a state
USABLE_MS = 600

NUM_STEPS = (500, 2000)
SLIDER_POSITIONS = 100
CPU_SLOWDOWNS = {"full speed": 1, "4 times slower": 4}
NUM_LOADS = 5  # each with an empty cache
KEY_INTERVAL = (0.060, 0.120)  # s, random, so that keys fall at any time of a frame
MOUSE_INTERVAL = 0.008  # s between two mouse moves

# A slider that only writes its value: the latency of the browser itself.
BASELINE = f"""<!doctype html><title>baseline</title>
<input type="range" max="{SLIDER_POSITIONS - 1}" value="{SLIDER_POSITIONS - 1}" style="width: 700px">
<output></output>
<script>
    const output = document.querySelector("output");
    document.querySelector("input").oninput = event => (output.textContent = event.target.value);
</script>"""

# Records two latencies of each change, both until the end of the frame that shows it: from the timestamp of the
# key or mouse event, and from the input event that follows. The browser delays mouse moves until the next frame.
# A message that is posted in a frame arrives after the frame. If several inputs precede a change, the first one
# counts. Frames are requested only after an input, because requesting every frame would delay inputs.
RECORD_LATENCIES = """selector => {
    const latencies = window.benchLatencies = [];
    let eventTime, pending, drawn;
    for (const type of ["keydown", "mousemove"]) {
        addEventListener(type, ({ timeStamp }) => (eventTime = timeStamp), { capture: true, passive: true });
    }
    const { port1, port2 } = new MessageChannel();
    const requestFrame = () => requestAnimationFrame(() => port2.postMessage(0));
    port1.onmessage = () => {
        if (drawn) latencies.push(drawn.map(start => performance.now() - start));
        else if (pending) requestFrame();
        drawn = undefined;
    };
    addEventListener("input", () => {
        if (pending) return;
        pending = [eventTime, performance.now()];
        requestFrame();
    }, { capture: true });
    new MutationObserver(records => {
        if (!pending || !records.some(({ target }) => target.closest(selector))) return;
        drawn ??= pending;
        pending = undefined;
    }).observe(document, { subtree: true, childList: true, attributes: true });
}"""

# Records the time from navigation until the demo is interactive.
RECORD_USABLE = """new MutationObserver(() => {
    if (document.querySelector(".live-demo[data-live]")) window.benchUsable ??= performance.now();
}).observe(document, { subtree: true, attributeFilter: ["data-live"] });"""

# Times Simulation.run for every activity, after a warm-up.
TIME_SIMULATION = """import { readFileSync } from "node:fs";
const [folder, data] = process.argv.slice(2);
const load = (name) => import(`${folder}/${name}.js`);
const [{ INITIAL_STATE, SETTINGS }, { Simulation }, { decodeDraws }] =
    await Promise.all([load("settings"), load("simulation"), load("problem")]);
const draws = JSON.parse(readFileSync(data, "utf8")).seeds.map(decodeDraws);
const result = {};
for (const num_steps of NUM_STEPS) {
    const simulation = new Simulation(draws);
    const times = [];
    for (let sweep = 0; sweep < 25; sweep++) {
        for (const activity of SETTINGS.activity.values) {
            const start = performance.now();
            simulation.run({ ...INITIAL_STATE, num_steps, step: num_steps, activity });
            if (sweep >= 5) times.push(performance.now() - start);
        }
    }
    result[num_steps] = times;
}
process.stdout.write(JSON.stringify(result));""".replace("NUM_STEPS", json.dumps(NUM_STEPS))


@contextmanager
def opened(browser: Browser) -> Iterator[tuple[Page, Any]]:
    """Open a page with an empty cache, and a DevTools session for it."""
    with browser.new_context(viewport=WINDOW, color_scheme="light") as context:
        page = context.new_page()
        page.on("pageerror", lambda error: say(f"page error: {error}"))
        yield page, context.new_cdp_session(page)


def format_limited(value: float, limit: float, digits: int = 1) -> str:
    """Format a value, marked if it is above its limit."""
    return f"{value:.{digits}f}" + (" ABOVE" if value > limit else "")


def median_and_p95(times: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile."""
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def measure_weights(browser: Browser, url: str) -> bool:
    """Print the size of what the page loads; return whether it is within the limits."""
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
        "page with all files except fonts": (sent.total() - sent["fonts"], PAGE_KB),
        **{
            name: (len(compressed(SITE / "_static" / name)) / KB, limit)
            for name, limit in ((BUNDLE, BUNDLE_KB), (DATA, DATA_KB))
        },
    }
    rows = [[name, format_limited(size, limit), str(limit)] for name, (size, limit) in sizes.items()]
    plotly = [name for name in names if "plotly" in name]
    rows.append(["files of plotly", f"{len(plotly)}" + (f" ABOVE: {', '.join(plotly)}" if plotly else ""), "0"])
    table(f"Loaded before any interaction: {len(names)} files (KB, gzip)", ["what", "size", "limit"], rows)
    print(f"The fonts have {sent['fonts']:.1f} KB.")
    return not plotly and {BUNDLE, DATA} <= set(names) and all(size <= limit for size, limit in sizes.values())


def measure_load(browser: Browser, url: str) -> float:
    """Return the ms from navigation until the demo is usable."""
    with opened(browser) as (page, _):
        page.add_init_script(RECORD_USABLE)
        page.goto(url, wait_until="commit")
        page.wait_for_function("() => window.benchUsable")
        return float(page.evaluate("benchUsable"))


def measure_loads(browser: Browser, url: str) -> None:
    """Print the times from navigation until the demo is usable."""
    say("loading ...")
    times = [measure_load(browser, url) for _ in range(NUM_LOADS)]
    each = ", ".join(f"{time:.0f}" for time in times)
    rows = [[format_limited(statistics.median(times), USABLE_MS, 0), str(USABLE_MS), each]]
    title = f"From navigation until usable (ms, {NUM_LOADS} loads with an empty cache)"
    table(title, ["median", "target", "each"], rows)


def measure_simulation() -> None:
    """Print the time to compute all runs of a state."""
    say("computing runs ...")
    node = Path(sys.executable).with_name("node")
    demo, data = ROOT / "book" / "live_demo", ROOT / "_build" / "live_demo" / "data.json"
    command = [node, "--input-type=module", "-", demo.as_uri(), data]
    done = subprocess.run(command, input=TIME_SIMULATION, stdout=subprocess.PIPE, text=True, check=True)
    rows = []
    for num_steps, times in json.loads(done.stdout).items():
        median, p95 = median_and_p95(times)
        limit = str(SIMULATION_MS)
        rows.append([num_steps, format_limited(median, SIMULATION_MS, 3), limit, f"{p95:.3f}", str(len(times))])
    table("All runs of a state, computed (ms)", ["steps", "median", "target", "p95", "states"], rows)


async def press_keys(page: async_api.Page) -> list[float]:
    """Move the slider by keys to its start and back; return the latency of each key in ms."""
    random = Random(0)
    await page.locator("input[type=range]").first.press("End")
    await page.wait_for_timeout(SETTLE)
    await page.evaluate("benchLatencies.length = 0")
    for before, now in pairwise([0, *there_and_back(SLIDER_POSITIONS)]):
        await page.keyboard.press("ArrowLeft" if now > before else "ArrowRight")
        await asyncio.sleep(random.uniform(*KEY_INTERVAL))
    return [from_key for from_key, _ in await page.evaluate("benchLatencies")]


async def drag(page: async_api.Page) -> tuple[list[tuple[float, float]], float]:
    """Drag the slider; return the latencies in ms from mouse moves and from inputs, and the frames per second."""
    slider = page.locator("input[type=range]").first
    await slider.evaluate("slider => slider.scrollIntoView({ behavior: 'instant', block: 'center' })")
    box = await slider.bounding_box()
    assert box is not None
    right, center = box["x"] + box["width"] - RAIL_END, box["y"] + box["height"] / 2
    step = (box["width"] - 2 * RAIL_END) / (SLIDER_POSITIONS - 1)
    await page.mouse.move(right, center)
    await page.mouse.down()
    await page.wait_for_timeout(SETTLE)
    await page.evaluate("benchLatencies.length = 0")
    start, moves = monotonic(), []
    for position in cycle(there_and_back(SLIDER_POSITIONS)):
        # Moves are not awaited, because a real mouse does not wait for the browser.
        moves.append(asyncio.create_task(page.mouse.move(right - position * step, center)))
        await asyncio.sleep(MOUSE_INTERVAL)
        if monotonic() - start > DRAG:
            break
    await asyncio.gather(*moves)
    duration = monotonic() - start
    latencies = list(await page.evaluate("benchLatencies"))
    await page.mouse.up()
    return latencies, len(latencies) / duration


async def measure_slider(browser: async_api.Browser, url: str | None, slowdown: int) -> list[str]:
    """Return the cells of a slider's table row. Without a URL, measure the baseline."""
    async with await browser.new_context(viewport=WINDOW, color_scheme="light") as context:
        page = await context.new_page()
        if url:
            await page.goto(url, wait_until="networkidle")
            await page.locator(".live-demo[data-live]").wait_for()
        else:
            await page.set_content(BASELINE)
        session = await context.new_cdp_session(page)
        await session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
        await page.evaluate(RECORD_LATENCIES, ".live-demo svg" if url else "output")
        key_latencies = await press_keys(page)
        drag_latencies, frame_rate = await drag(page)
    median, p95 = median_and_p95(key_latencies)
    from_moves, from_inputs = (statistics.median(times) for times in zip(*drag_latencies, strict=True))
    return [
        format_limited(median, MEDIAN_LATENCY_MS),
        format_limited(p95, P95_LATENCY_MS),
        str(len(key_latencies)),
        format_limited(from_inputs, MEDIAN_LATENCY_MS),
        format_limited(from_moves, MEDIAN_LATENCY_MS),
        f"{frame_rate:.1f}" + (" BELOW" if frame_rate < FRAMES_PER_SECOND else ""),
    ]


async def measure_sliders(executable: str | None, url: str) -> None:
    """Print the latencies of the activity slider."""
    demos = {f"demo, {steps} steps": f"{url}#num_steps={steps}&step={steps}" for steps in NUM_STEPS}
    rows = []
    async with async_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=[*chromium.QUIET])
        for cpu, slowdown in CPU_SLOWDOWNS.items():
            for label, address in {"baseline": None, **demos}.items():
                say(f"moving the slider, {label}, CPU {cpu} ...")
                rows.append([cpu, label, *await measure_slider(browser, address, slowdown)])
    head = [
        "CPU",
        "slider",
        f"key median, target {MEDIAN_LATENCY_MS}",
        f"p95, target {P95_LATENCY_MS}",
        "keys",
        f"drag median, target {MEDIAN_LATENCY_MS}",
        "from mouse move",
        f"frames/s, target {FRAMES_PER_SECOND}",
    ]
    table("The activity slider: from input to paint (ms)", head, rows)
    print("The baseline is a slider that only writes its value: it shows the latency of the browser itself.")
    print("Key latencies start at the key event. Drag latencies start at the input event, and also at the mouse")
    print("move before it, which the browser delays until the next frame.")


def main() -> int:
    """Run all benchmarks; return 1 if a size is above its limit."""
    print(f"Load of the machine before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors.")
    with served(SITE) as home:
        url = f"{home}/{PAGE}"
        with chromium.browser() as browser:
            within_limits = measure_weights(browser, url)
            measure_loads(browser, url)
        measure_simulation()
        asyncio.run(measure_sliders(chromium.find(), url))
    print("\nThe live demo is " + ("within its limits." if within_limits else "above a limit."))
    return 0 if within_limits else 1


if __name__ == "__main__":
    sys.exit(main())
