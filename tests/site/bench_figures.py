"""Weigh and time the book's figures, beside the same chapters shown by plotly's own renderers."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from itertools import cycle, pairwise, product
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import yaml
from chromium import browser
from playwright.sync_api import Browser, Locator, Page, Route

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
BENCH = ROOT / "_build" / "bench"
PLOTLY = Path(str(files("plotly") / "package_data"))

OURS = "this book"
STOCK = ("notebook", "notebook_connected")
# Chapters that are also built with plotly's own renderers, and the name of their first figure.
CHAPTERS = {"sparse_gradients": "fig-sparse-one-rate", "adagrad": "fig-adagrad-paths"}
WITH_SLIDER = "sparse_gradients"

# 1 KB is 1000 bytes.
KB = 1000
PAGE_KB = 200  # at most, gzip: a chapter without fonts and pictures, before its first figure is near
PLOTLY_KB = 500  # at most, gzip: plotly.js, once
STEP_MS = 33  # wanted, not enforced: from a slider's step to its paint

WINDOW = {"width": 1280, "height": 900}
LOADS = 3  # of each page, each with an empty cache
SETTLE = 350  # ms for one step: long enough for everything it draws
DRAG = 4  # s
RAIL_END = 9  # px from the end of a slider to its first step

GZIP_LEVEL = 6
TEXT = (".html", ".css", ".js", ".svg")
KINDS = ("page", "fonts", "pictures", "plotly.js", "data")
Weight = dict[str, Any]

# A figure, ours or plotly's own.
FIGURE = ":is(.plotly-figure, .plotly-graph-div)"

# Runs from the beginning of a page: notes when a picture of the first figure is painted, and when the figure is
# interactive. It looks once in every frame. What it finds in a frame is painted at the end of that frame, and a
# message that is posted in a frame arrives after it.
CLOCK = """
{
    const at = window.benchAt = {};
    const frameEnd = () => new Promise(resolve => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = resolve;
        port2.postMessage(0);
    });
    const frame = () => new Promise(requestAnimationFrame).then(frameEnd);
    const note = name => at[name] ??= performance.now();
    let picture;
    const look = () => {
        const figure = document.querySelector("FIGURE");
        const isDrawn = figure?.matches("[data-drawn]") || figure?.matches(".plotly-graph-div")
            && figure.querySelector(".cartesianlayer .trace");
        if (isDrawn) frameEnd().then(() => (note("picture"), note("interactive")));
        picture ??= [...figure?.querySelectorAll("img") ?? []].find(image => image.complete && image.naturalWidth
            && image.checkVisibility());
        if (picture && !at.picture) picture.decode().then(frame).then(() => note("picture"));
        if (!isDrawn) requestAnimationFrame(look);
    };
    look();
}""".replace("FIGURE", FIGURE)

# The last thing our page loads by itself are the pictures for paper, when the browser is idle: on a busy machine
# that is after the network has been.
ALL_PICTURES = """() => [...document.querySelectorAll("img.plotly-wide.plotly-light")]
    .every(image => image.complete && image.naturalWidth)"""

# Step to paint, the same for native slider and plotly's own: from the timeStamp of the key's or the mouse's event
# (when the browser got it, not when the page came to handle it) to the end of the frame with the last change that
# the step makes to the traces. Plotly's own slider is in the same SVG: only changes below .cartesianlayer count.
# A message is posted in every frame and arrives when the frame is through; changes seen until then were in it.
# What a graphics card or a screen adds after that is not in it.
WATCH = """figure => {
    const bench = window.bench = { input: 0, painted: [] };
    for (const kind of ["keydown", "mousemove"]) {
        addEventListener(kind, event => (bench.input = event.timeStamp), { capture: true, passive: true });
    }
    let changed = false;
    new MutationObserver(records => {
        changed ||= records.some(({ target }) => target.closest(".cartesianlayer"));
    }).observe(figure, { subtree: true, childList: true, attributes: true });
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
        if (changed) bench.painted.push(performance.now());
        changed = false;
    };
    const frame = () => {
        port2.postMessage(0);
        requestAnimationFrame(frame);
    };
    frame();
}"""


class Handler(SimpleHTTPRequestHandler):
    """A folder as a web server shows it: text compressed, connections kept."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        body = compressed(path) if path.suffix in TEXT else path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(body)))
        # As long as GitHub Pages lets a browser keep them.
        self.send_header("Cache-Control", "max-age=600")
        self.send_header("Access-Control-Allow-Origin", "*")
        if path.suffix in TEXT:
            self.send_header("Content-Encoding", "gzip")
        # A browser that is closed in the middle of a page breaks the connection.
        with suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@cache
def compressed(path: Path) -> bytes:
    # Once: a server's time to compress is not what is measured here.
    return gzip.compress(path.read_bytes(), GZIP_LEVEL)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder; yield its address."""
    with ThreadingHTTPServer(("localhost", 0), partial(Handler, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def build_stock(renderer: str) -> Path:
    """Build the chapters as Jupyter Book does it by itself, with one of plotly's own renderers."""
    say(f"building with {renderer} ...")
    folder = BENCH / renderer
    # All of it anew: Jupyter Book's own cache would not see a change in the package.
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("_*"))
    ours = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config = {
        **{name: ours[name] for name in ("title", "author", "parse", "bibtex_bibfiles")},
        "execute": {"execute_notebooks": "force", "timeout": ours["execute"]["timeout"]},
        "only_build_toc_files": True,
        "sphinx": {"extra_extensions": ["sphinx_exercise"]},
    }
    chapters = [{"file": f"book/{name}"} for name in CHAPTERS]
    toc = {"format": "jb-book", "root": "book/index", "chapters": chapters}
    for name, content in {"_config.yml": config, "_toc.yml": toc}.items():
        (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "PLOTLY_RENDERER": renderer,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    log = folder / "build.log"
    with log.open("w") as output:
        subprocess.run(
            [programs / "jupyter-book", "build", folder],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=True,
        )
    site = folder / "_build" / "html"
    for name in CHAPTERS:
        page = (site / "book" / f"{name}.html").read_text(encoding="utf-8")
        if "Plotly.newPlot" not in page or "plotly-figure" in page:
            raise SystemExit(f"{renderer} has not drawn the figures of {name}: see {log}")
    return site


@contextmanager
def opened(chromium: Browser, cdn: str) -> Iterator[tuple[Page, Any]]:
    """Open a page in a browser that has been nowhere yet; the page, and its connection for developers."""
    cross = {"Access-Control-Allow-Origin": "*"}

    def answer(route: Route) -> None:
        # plotly.js is on this machine, so it is compressed, sent and counted like everything else. The rest gets an
        # empty answer: MathJax, and plotly.js under a second name, without .js, which may or may not exist.
        if re.search(r"plotly[^/]*\.js$", route.request.url):
            route.fulfill(status=302, headers={"Location": f"{cdn}/plotly.min.js", **cross})
        else:
            route.fulfill(status=200, content_type="text/javascript", body="", headers=cross)

    with chromium.new_context(viewport=WINDOW, color_scheme="light") as context:
        page = context.new_page()
        page.on("console", lambda message: say(message.text) if message.type == "error" else None)
        page.route(lambda url: not url.startswith("http://localhost"), answer)
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        yield page, session


def kind_of(url: str, resource: str) -> str:
    """Return which of KINDS a response is."""
    name = url.rsplit("/", 1)[-1]
    if resource == "Script" and name.startswith("plotly"):
        return "plotly.js"
    if resource == "Script" and "/plotly-figures/" in url:
        return "data"
    return {"Font": "fonts", "Image": "pictures"}.get(resource, "page")


class Traffic:
    """What a page loads: the number of requests, and of each kind the KB, raw and as they were sent."""

    def __init__(self, session: Any) -> None:
        self.loaded: dict[str, tuple[str, Counter[str]]] = {}
        session.on("Network.responseReceived", self._begin)
        session.on("Network.dataReceived", lambda event: self._add(event, "raw", event["dataLength"]))
        session.on("Network.loadingFinished", lambda event: self._add(event, "sent", event["encodedDataLength"]))

    def _begin(self, event: dict[str, Any]) -> None:
        url = event["response"]["url"]
        # Chromium asks for the page's icon whenever it likes, also twice.
        if not url.endswith("favicon.svg"):
            self.loaded[event["requestId"]] = (kind_of(url, event["type"]), Counter())

    def _add(self, event: dict[str, Any], size: str, length: int) -> None:
        if event["requestId"] in self.loaded:
            self.loaded[event["requestId"]][1][size] += length

    def take(self) -> Weight:
        """Return what came since the last time."""
        responses, self.loaded = list(self.loaded.values()), {}
        sums: Weight = {"requests": len(responses), "raw": Counter(), "sent": Counter()}
        for kind, sizes in responses:
            for size, length in sizes.items():
                sums[size][kind] += length / KB
        return sums


def load(page: Page, traffic: Traffic, url: str) -> Weight:
    """Return what a page loads before the reader does anything."""
    page.goto(url, wait_until="networkidle")
    page.wait_for_function(ALL_PICTURES)
    page.wait_for_timeout(SETTLE)
    return traffic.take()


def weigh(chromium: Browser, cdn: str, url: str) -> tuple[Weight, Weight]:
    """Return what a page loads before the reader does anything, and what then for its first figure."""
    with opened(chromium, cdn) as (page, session):
        traffic = Traffic(session)
        at_load = load(page, traffic, url)
        page.locator(FIGURE).first.scroll_into_view_if_needed()
        page.mouse.wheel(0, 1)
        page.locator(f"{FIGURE} .cartesianlayer .trace").first.wait_for(state="attached")
        page.wait_for_timeout(SETTLE)
        return at_load, traffic.take()


def before_figures(at_load: Weight) -> float:
    """Return the KB that count against PAGE_KB."""
    return sum(length for kind, length in at_load["sent"].items() if kind not in ("fonts", "pictures"))


def weights(chromium: Browser, cdn: str, homes: dict[str, str]) -> None:
    """Print what the chapters weigh with each renderer."""
    rows, more = [], []
    for chapter in CHAPTERS:
        for renderer, home in homes.items():
            at_load, then = weigh(chromium, cdn, f"{home}/book/{chapter}.html")
            for rows_of, part in ((rows, at_load), (more, then)):
                cells = [f"{part['raw'][kind]:.0f} / {part['sent'][kind]:.0f}" for kind in KINDS]
                whole = f"{part['raw'].total():.0f} / {part['sent'].total():.0f}"
                rows_of.append([chapter, renderer, str(part["requests"]), *cells, whole])
    head = ["chapter", "shown by", "requests", "page + theme", *KINDS[1:], "all"]
    table("Loaded before the reader does anything (KB, raw / gzip)", head, rows)
    table("Loaded when the reader scrolls to the first figure (KB, raw / gzip)", head, more)
    print("notebook has plotly.js, both stock renderers have the figures' data inside the page.")
    print("notebook_connected: plotly.js is the file that comes with plotly.py, answered here in the CDN's place.")
    print("It is counted once, although the page asks for it under two names. MathJax from a CDN is not counted.")


def limits(chromium: Browser, cdn: str, home: str) -> bool:
    """Print what every page of the book with figures weighs; whether all are within the limits."""
    rows, good = [], True
    for path in sorted((SITE / "book").glob("*.html")):
        if 'class="plotly-figure"' not in path.read_text(encoding="utf-8"):
            continue
        at_load, then = weigh(chromium, cdn, f"{home}/book/{path.name}")
        page, plotly = before_figures(at_load), (at_load["sent"] + then["sent"])["plotly.js"]
        good = good and page <= PAGE_KB and 0 < plotly <= PLOTLY_KB
        once = at_load["sent"]
        rows.append(
            [
                path.stem,
                f"{page:.1f}" + (" ABOVE" if page > PAGE_KB else ""),
                f"{plotly:.1f}" + ("" if 0 < plotly <= PLOTLY_KB else " ABOVE" if plotly else " NONE"),
                *(f"{once[kind]:.1f}" for kind in ("fonts", "pictures")),
                f"{then['sent']['data']:.1f}",
            ]
        )
    head = ["page", f"page, at most {PAGE_KB}", f"plotly.js, at most {PLOTLY_KB}", "fonts", "pictures", "data then"]
    table("Pages of the book with figures (KB, gzip)", head, rows)
    return good and bool(rows)


def load_times(chromium: Browser, cdn: str, url: str, figure: str) -> list[float]:
    """Return, from opening a page at its first figure, ms to the picture and to the interactive figure."""
    with opened(chromium, cdn) as (page, _):
        page.add_init_script(CLOCK)
        page.goto(f"{url}#{figure}", wait_until="commit")
        page.wait_for_function("() => benchAt.picture && benchAt.interactive")
        return page.evaluate("[benchAt.picture, benchAt.interactive]")


def times(chromium: Browser, cdn: str, homes: dict[str, str]) -> None:
    """Print how long readers wait for the first figure."""
    rows = []
    for chapter, (renderer, home) in product(CHAPTERS, homes.items()):
        say(f"timing {chapter}, {renderer} ...")
        url = f"{home}/book/{chapter}.html"
        loads = [load_times(chromium, cdn, url, CHAPTERS[chapter]) for _ in range(LOADS)]
        rows.append(
            [chapter, renderer, *(f"{statistics.median(column):.0f}" for column in zip(*loads, strict=True))]
        )
    head = ["chapter", "shown by", "picture", "interactive"]
    table(
        f"The first figure, from opening the page at it (ms, median of {LOADS} loads with an empty cache)",
        head,
        rows,
    )


def places(rail: Locator, count: int) -> list[tuple[float, float]]:
    """Return where along a slider its steps are."""
    rail.evaluate("rail => rail.scrollIntoView({ behavior: 'instant', block: 'center' })")
    box = rail.bounding_box()
    assert box is not None
    step = (box["width"] - 2 * RAIL_END) / (count - 1)
    return [(box["x"] + RAIL_END + i * step, box["y"] + box["height"] / 2) for i in range(count)]


def step_time(page: Page, act: Callable[[], None]) -> float:
    """Return the ms from a step of the slider to its paint."""
    page.evaluate("bench.input = 0, bench.painted = []")
    act()
    page.wait_for_timeout(SETTLE)
    page.wait_for_function("() => bench.painted.length")
    return page.evaluate("bench.painted.at(-1) - bench.input")


def there_and_back(steps: int) -> list[int]:
    """Return the positions of all steps, from the second to the last and back to the first."""
    return [*range(1, steps), *range(steps - 2, -1, -1)]


def slide(chromium: Browser, cdn: str, renderer: str, url: str) -> tuple[list[float], float]:
    """Return the times of single steps of a slider, and the changes painted in a second while it is dragged."""
    with opened(chromium, cdn) as (page, _):
        page.goto(url, wait_until="networkidle")
        rail = page.locator("input[type=range]" if renderer == OURS else ".slider-rail-touch-rect").first
        figure = page.locator(FIGURE).filter(has=rail).first
        figure.scroll_into_view_if_needed()
        page.mouse.wheel(0, 1)
        figure.locator(".cartesianlayer .trace").first.wait_for(state="attached")
        if renderer == OURS:
            page.locator(".plotly-figure[data-drawn]").filter(has=rail).first.wait_for()
            steps = int(rail.get_attribute("max") or 0) + 1
        else:
            steps = figure.evaluate("figure => figure.layout.sliders[0].steps.length")
        where = places(rail, steps)
        figure.evaluate(WATCH)
        order = there_and_back(steps)
        if renderer == OURS:
            rail.press("Home")
            keys = ["ArrowRight" if now > before else "ArrowLeft" for before, now in pairwise([0, *order])]
            page.wait_for_timeout(SETTLE)
            acts = [partial(page.keyboard.press, key) for key in keys]
        else:
            page.mouse.move(*where[-1])
            page.mouse.down()
            page.mouse.move(*where[0])
            page.wait_for_timeout(SETTLE)
            acts = [partial(page.mouse.move, *where[position]) for position in order]
        single = [step_time(page, act) for act in acts]
        page.mouse.up()
        return single, drag(page, where, int(rail.input_value()) if renderer == OURS else 0)


def drag(page: Page, where: list[tuple[float, float]], begin: int) -> float:
    """Drag a slider there and back for a while; how many changes are painted in a second."""
    page.mouse.move(*where[begin])
    page.mouse.down()
    page.wait_for_timeout(SETTLE)
    page.evaluate("bench.painted = []")
    began = monotonic()
    for position in cycle(there_and_back(len(where))):
        page.mouse.move(*where[position])
        if monotonic() - began > DRAG:
            break
    painted = page.evaluate("bench.painted.length") / (monotonic() - began)
    page.mouse.up()
    return float(painted)


def sliders(chromium: Browser, cdn: str, homes: dict[str, str]) -> None:
    """Print how fast a figure follows its slider."""
    rows = []
    for renderer, home in homes.items():
        say(f"moving the slider, {renderer} ...")
        single, painted = slide(chromium, cdn, renderer, f"{home}/book/{WITH_SLIDER}.html")
        median, late = statistics.median(single), statistics.quantiles(single, n=20)[-1]
        mark = " ABOVE" if median > STEP_MS else ""
        rows.append([renderer, f"{median:.1f}{mark}", f"{late:.1f}", str(len(single)), f"{painted:.1f}"])
    head = ["shown by", f"median, wanted {STEP_MS}", "95%", "steps", "paints/s dragged"]
    table(f"The slider of {WITH_SLIDER}: from a step to its paint (ms)", head, rows)


def table(title: str, head: list[str], rows: list[list[str]]) -> None:
    """Print a table."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    print(f"\n{title}")
    for row in [head, ["-" * width for width in widths], *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)


def main() -> int:
    """Print everything; 1 if a page is too heavy. Times are only reported: they depend on the machine."""
    sites = {OURS: SITE} | {renderer: build_stock(renderer) for renderer in STOCK}
    with ExitStack() as stack:
        homes = {renderer: stack.enter_context(served(site)) for renderer, site in sites.items()}
        cdn = stack.enter_context(served(PLOTLY))
        chromium = stack.enter_context(browser())
        say("weighing ...")
        weights(chromium, cdn, homes)
        good = limits(chromium, cdn, homes[OURS])
        times(chromium, cdn, homes)
        sliders(chromium, cdn, homes)
    print("\nAll pages are within the limits." if good else "\nA page is above a limit.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
