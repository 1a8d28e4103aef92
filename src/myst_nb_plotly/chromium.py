"""A Chromium that works for a build: with one tab, and limits to how long it may take."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

# Seconds for a browser to start, to end, or to do one thing. It takes a fraction, and a machine may be busy.
PATIENCE = 60


_ALL_THERE = """
new Promise(done => document.readyState === "complete" ? done() : addEventListener("load", done))
    .then(() => Promise.all([document.fonts.ready, ...[...document.images].map(image => image.decode())]))
    .then(() => null)
"""


def _is_not_cut_off(record: logging.LogRecord) -> bool:
    """Leave out what choreographer logs when a browser ends in the middle of its last message, on a busy machine.

    A message that is lost while something waits for it is an error anyway: a ``TimeoutError``.
    """
    return not record.getMessage().startswith("JSONError decoding message")


class NoChromiumError(Exception):
    """There is no Chromium here, or it does not start."""


class Chromium:
    """A Chromium with one tab.

    Raises
    ------
    NoChromiumError
        On entering, when there is none, or it does not start.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._browser: Any = None

    def __enter__(self) -> Chromium:
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
        # Other libraries of a build have everything logged, and this one tells of each of its steps.
        logging.getLogger("choreographer").setLevel(logging.WARNING)
        logging.getLogger("choreographer.channels.pipe").addFilter(_is_not_cut_off)
        try:
            self._browser = Browser(headless=True)
            self._runner.run(self._limited(self._start()))
        except (BrowserClosedError, BrowserFailedError, ChannelClosedError, ChromeNotFoundError) as error:
            self._end()
            reason = " ".join(map(str, error.args))
            raise NoChromiumError(f"{reason} (BROWSER_PATH can name a Chromium)") from None
        return self

    async def _start(self) -> None:
        await self._browser.open()
        self._tab = await self._browser.create_tab()

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
            with suppress(ProcessLookupError):  # It has ended by itself, and choreographer has not seen it yet.
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()

    def send(self, command: str, patience: float | None = None, **settings: Any) -> Any:
        """Send a command of the DevTools protocol to the tab, and return its result.

        Parameters
        ----------
        command : str
            Its name.
        patience : float, optional
            How many seconds it may take, for one that takes longer than others.
        **settings
            Its parameters.

        Raises
        ------
        RuntimeError
            When it fails.
        TimeoutError
            When it takes too long.
        """
        answering = self._tab.send_command(command, params=settings)
        answer = self._runner.run(asyncio.wait_for(answering, patience or PATIENCE))
        if "error" in answer:
            raise RuntimeError(answer["error"].get("message") or answer["error"])
        return answer["result"]

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression on the page, of a promise what it is kept with.

        Raises
        ------
        RuntimeError
            When it throws.
        TimeoutError
            When it takes too long.
        """
        result = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        problem = result.get("exceptionDetails")
        if problem:
            raise RuntimeError(problem.get("exception", problem).get("description") or problem)
        return result["result"].get("value")

    def open(self, path: Path) -> None:
        """Open a page, and wait until all of it is there, pictures and fonts too.

        Raises
        ------
        RuntimeError
            When the page or one of its pictures cannot be read.
        TimeoutError
            When it takes too long.
        """
        problem = self.send("Page.navigate", url=path.resolve().as_uri()).get("errorText")
        if problem:
            raise RuntimeError(f"{path}: {problem}")
        self.run(_ALL_THERE)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._browser is not None:
            self._runner.run(self._close())
        self._runner.close()

    async def _close(self) -> None:
        await self._limited(self._browser.close())
        # When the browser ends by itself choreographer is closing it already. Cut off, that would leave a thread
        # behind that keeps the program from ending.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=PATIENCE)
