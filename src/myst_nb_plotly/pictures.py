"""Figures as SVG, drawn by a Chromium while the site is built, and kept for the next build."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from myst_nb_plotly.figure import Figure, digest

# Seconds for one figure: it takes about a quarter of one, and a machine may be busy.
PATIENCE = 60


class NoChromiumError(Exception):
    """There is nothing here that could draw a picture."""


class Pictures:
    """The pictures of figures, in a folder that outlives a build.

    Parameters
    ----------
    folder : Path
        Where to keep them.
    bundle, script : Path
        plotly.js, and the script that draws the same figures on the page.
    """

    FOR_PAPER = "wide-light.svg"

    def __init__(self, folder: Path, bundle: Path, script: Path) -> None:
        self.folder = folder
        self.bundle = bundle
        self.script = script
        self._version = digest(bundle.read_bytes() + script.read_bytes())

    def path(self, figure: Figure) -> Path:
        """Return the folder of a figure's pictures, another one if its content or the way to draw it changes."""
        return self.folder / digest(f"{figure.digest} {self._version}".encode())

    def of(self, figure: Figure) -> Path | None:
        """Return the folder of a figure's pictures, or None when they are not drawn."""
        path = self.path(figure)
        return path if path.is_dir() else None

    def forget_all_but(self, figures: Iterable[Figure]) -> None:
        """Take away the pictures of all other figures."""
        wanted = {self.path(figure) for figure in figures}
        for path in self.folder.glob("*"):
            if path not in wanted:
                shutil.rmtree(path)


class Studio:
    """A Chromium that draws one figure after the other.

    Raises
    ------
    NoChromiumError
        On entering, when there is none, or it does not start.
    """

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures
        self._runner = asyncio.Runner()

    def __enter__(self) -> Studio:
        try:
            from choreographer import Browser
            from choreographer.errors import BrowserFailedError, ChromeNotFoundError
        except ImportError:
            raise NoChromiumError("the Python package choreographer is not installed") from None
        self._folder = tempfile.TemporaryDirectory(prefix="plotly-pictures-")
        page = Path(self._folder.name, "page.html")
        scripts = (self.pictures.bundle, self.pictures.script)
        page.write_text(
            '<!doctype html><meta charset="utf-8"><body>'
            + "".join(f'<script src="{script.resolve().as_uri()}"></script>' for script in scripts),
            encoding="utf-8",
        )
        try:
            self._browser = self._runner.run(self._open(Browser, page.as_uri()))
        except (ChromeNotFoundError, BrowserFailedError, TimeoutError) as error:
            self._runner.close()
            self._folder.cleanup()
            raise NoChromiumError(f"{error} (BROWSER_PATH can name a Chromium)") from None
        return self

    async def _open(self, browser_class: Any, address: str) -> Any:
        browser = browser_class(headless=True)
        await browser.open()
        self._tab = await browser.create_tab(address)
        for _ in range(20 * PATIENCE):
            if await self._run("typeof mystNbPlotly + typeof Plotly") == "objectobject":
                return browser
            await asyncio.sleep(0.05)
        raise TimeoutError("the page that draws did not load")

    async def _run(self, expression: str) -> Any:
        settings = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = await asyncio.wait_for(self._tab.send_command("Runtime.evaluate", params=settings), PATIENCE)
        problem = answer.get("error") or answer["result"].get("exceptionDetails")
        if problem:
            raise RuntimeError(problem.get("exception", problem).get("description") or problem)
        return answer["result"]["result"].get("value")

    def draw(self, figure: Figure) -> str | None:
        """Draw the pictures of a figure; return what went wrong, or None."""
        try:
            drawn = self._runner.run(self._run(f"mystNbPlotly.pictures({figure.json})"))
        except (RuntimeError, TimeoutError) as error:
            return str(error) or f"it took longer than {PATIENCE} s"
        path = self.pictures.path(figure)
        # All of them or none, also when the build is interrupted here.
        unfinished = path.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name, svg in drawn.items():
            (unfinished / f"{name}.svg").write_text(svg, encoding="utf-8")
        unfinished.rename(path)
        return None

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._browser.close())
        self._runner.close()
        self._folder.cleanup()
