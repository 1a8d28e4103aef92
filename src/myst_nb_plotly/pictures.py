"""Figures as SVG, drawn by a Chromium while the site is built, and kept for the next build."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Coroutine, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from myst_nb_plotly.figure import Figure, digest

# Seconds for a browser to start, to end, or to draw a figure. It takes a fraction, and a machine may be busy.
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
        self._browser: Any = None

    def __enter__(self) -> Studio:
        try:
            from choreographer import Browser
            from choreographer.errors import (
                BrowserClosedError,
                BrowserFailedError,
                ChannelClosedError,
                ChromeNotFoundError,
            )
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
            self._browser = Browser(headless=True)
            self._runner.run(self._limited(self._open(page.as_uri())))
        except (BrowserClosedError, BrowserFailedError, ChannelClosedError, ChromeNotFoundError) as error:
            self._end()
            reason = " ".join(map(str, error.args))
            raise NoChromiumError(f"{reason} (BROWSER_PATH can name a Chromium)") from None
        return self

    async def _open(self, address: str) -> None:
        await self._browser.open()
        self._tab = await self._browser.create_tab(address)
        while await self._run("typeof mystNbPlotly + typeof Plotly") != "objectobject":
            await asyncio.sleep(0.05)

    async def _limited(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for the browser; one that takes too long is killed, and choreographer stops waiting for it."""
        timer = asyncio.get_running_loop().call_later(PATIENCE, self._kill)
        try:
            await work
        finally:
            timer.cancel()

    def _kill(self) -> None:
        process = self._browser.subprocess
        if hasattr(os, "killpg"):
            # The process is a wrapper around the browser, and leads a group of both.
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()

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
            # What follows the first line says where in plotly.js.
            return str(error).split("\n")[0] or f"it took longer than {PATIENCE} s"
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
        self._end()

    def _end(self) -> None:
        if self._browser is not None:
            self._runner.run(self._close())
        self._runner.close()
        self._folder.cleanup()

    async def _close(self) -> None:
        await self._limited(self._browser.close())
        # When the browser ends by itself choreographer is closing it already. Cut off, that would leave a thread
        # behind that keeps the program from ending.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=PATIENCE)
