"""The built site, served from here to a real Chromium."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, expect

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"

# Milliseconds.
TIMEOUT = 20_000
# Benchmarks and the audit are programs of their own, with no test in them.
collect_ignore_glob = ["audit*.py", "bench_*.py"]
# Tests of the audit use its modules, which are also programs.
sys.path.append(str(Path(__file__).parent))
expect.set_options(timeout=TIMEOUT)


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages() -> list[str]:
    names = (path.relative_to(SITE) for path in SITE.rglob("*.html"))
    return sorted(name.as_posix() for name in names if not name.parts[0].startswith("_"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # Module scope: a page is opened once, and all tests of it follow each other.
    if "page_name" in metafunc.fixturenames:
        # The first page only redirects. Without a site, the tests have to fail: without a name, they are skipped.
        names = [name for name in pages() if name != "index.html"] or ["book/index.html"]
        metafunc.parametrize("page_name", names, scope="module")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def load() -> Callable[[Path], ModuleType]:
    """How to import a file that is in no package."""
    return load_module


@pytest.fixture(scope="session")
def site() -> Path:
    if not (SITE / "index.html").is_file():
        pytest.fail(f"{SITE} has no site: run make book first", pytrace=False)
    return SITE


@pytest.fixture(scope="session")
def page_names(site: Path) -> list[str]:
    return pages()


@pytest.fixture(scope="session")
def site_settings() -> ModuleType:
    return load_module(ROOT / "book" / "_ext" / "site_settings.py")


@pytest.fixture(scope="session")
def prefix(site_settings: ModuleType) -> str:
    """Where on its host the site will be."""
    return urlsplit(site_settings.address(ROOT)).path or "/"


class Handler(SimpleHTTPRequestHandler):
    """Serves the site as GitHub does: below a name, and with a page for what is not found."""

    prefix = "/"

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix(self.prefix.rstrip("/")))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory, "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def address(site: Path, prefix: str) -> Iterator[str]:
    Handler.prefix = prefix
    with ThreadingHTTPServer(("localhost", 0), partial(Handler, directory=str(site))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with load_module(Path(__file__).with_name("chromium.py")).browser() as browser:
        yield browser


@dataclass
class Visit:
    """An open page, and what went wrong on it so far."""

    page: Page
    home: str
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        self.page.on("console", self._hear)
        self.page.on("request", self._see)
        self.page.on("response", self._judge)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text}")

    def _see(self, request: Request) -> None:
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.problems.append(f"request to elsewhere: {request.url}")

    def _judge(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"status {response.status}: {response.url}")

    def draw_all(self) -> None:
        """Scroll to every figure, as a reader does, and wait until it is drawn."""
        for figure in self.page.locator(".plotly-figure").all():
            figure.scroll_into_view_if_needed()
            self.page.mouse.wheel(0, 1)
            expect(figure).to_have_attribute("data-drawn", "yes")


@pytest.fixture(scope="session")
def open_page() -> Callable[[Page, str], Visit]:
    """How to open an address in a page that has not been used yet, with all its figures drawn."""

    def open_page(page: Page, url: str) -> Visit:
        home = "/".join(url.split("/")[:3])
        visit = Visit(page, home)
        page.set_default_timeout(TIMEOUT)
        page.goto(url)
        visit.draw_all()
        return visit

    return open_page


@pytest.fixture(scope="session")
def data_of(site: Path) -> Callable[[Locator], dict[str, Any]]:
    """How to read a figure's data where the site keeps them."""

    def data_of(figure: Locator) -> dict[str, Any]:
        path = site / "_static" / "plotly-figures" / f"{figure.get_attribute('data-figure')}.js"
        text = re.search(r"'(\{.*\})'\);$", path.read_text(encoding="utf-8"), re.DOTALL)
        assert text is not None, path
        return json.loads(
            re.sub(r"\\\\|\\'|\\x3c", lambda found: {"\\\\": "\\", "\\'": "'"}.get(found[0], "<"), text[1])
        )

    return data_of


@pytest.fixture(scope="module")
def visit(chromium: Browser, open_page, address: str, page_name: str) -> Iterator[Visit]:
    with chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light") as context:
        yield open_page(context.new_page(), f"{address}/{page_name}")
