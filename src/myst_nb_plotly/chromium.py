"""Control a headless Chromium while a site is built."""

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

# Seconds for one action of the browser. It usually takes far less, but the machine may be busy.
TIMEOUT = 60

_PAGE_IS_COMPLETE = """
new Promise(done => document.readyState === "complete" ? done() : addEventListener("load", done))
    .then(() => Promise.all([document.fonts.ready, ...[...document.images].map(image => image.decode())]))
    .then(() => null)
"""


def _is_not_truncated(record: logging.LogRecord) -> bool:
    """Filter out the error that choreographer logs when the browser closes in the middle of a message.

    If a command waits for that message, ``Chromium.send`` raises ``TimeoutError`` anyway.
    """
    return not record.getMessage().startswith("JSONError decoding message")


class NoChromiumError(Exception):
    """Chromium is not installed, or it does not start."""


class Chromium:
    """A headless Chromium with one tab.

    Raises
    ------
    NoChromiumError
        On entering the context, if Chromium is not installed or does not start.
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
        # Other extensions may set the root logger to DEBUG, where choreographer logs every message.
        logging.getLogger("choreographer").setLevel(logging.WARNING)
        logging.getLogger("choreographer.channels.pipe").addFilter(_is_not_truncated)
        try:
            self._browser = Browser(headless=True)
            self._runner.run(self._with_timeout(self._start()))
        except (BrowserClosedError, BrowserFailedError, ChannelClosedError, ChromeNotFoundError) as error:
            self._close()
            reason = " ".join(map(str, error.args))
            raise NoChromiumError(f"{reason} (BROWSER_PATH can name a Chromium)") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def send(self, command: str, timeout: float | None = None, **params: Any) -> Any:
        """Send a DevTools command to the tab, and return its result.

        Parameters
        ----------
        command : str
            The name of the command.
        timeout : float, optional
            The limit in seconds; ``TIMEOUT`` by default.
        **params
            The parameters of the command.

        Raises
        ------
        RuntimeError
            If the command fails.
        TimeoutError
            If it takes too long.
        """
        seconds = timeout or TIMEOUT
        try:
            answer = self._runner.run(asyncio.wait_for(self._tab.send_command(command, params=params), seconds))
        except TimeoutError:
            raise TimeoutError(f"{command} took longer than {seconds} s") from None
        if "error" in answer:
            raise RuntimeError(answer["error"].get("message") or answer["error"])
        return answer["result"]

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression on the page; a promise is awaited.

        Raises
        ------
        RuntimeError
            If the expression throws.
        TimeoutError
            If it takes too long.
        """
        result = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        exception = result.get("exceptionDetails")
        if exception:
            raise RuntimeError(exception.get("exception", exception).get("description") or exception)
        return result["result"].get("value")

    def open(self, path: Path) -> None:
        """Open a page, and wait until it is loaded with its images and fonts.

        Raises
        ------
        RuntimeError
            If the page or one of its images cannot be read.
        TimeoutError
            If it takes too long.
        """
        error = self.send("Page.navigate", url=path.resolve().as_uri()).get("errorText")
        if error:
            raise RuntimeError(f"{path}: {error}")
        self.run(_PAGE_IS_COMPLETE)

    async def _start(self) -> None:
        await self._browser.open()
        self._tab = await self._browser.create_tab()

    def _close(self) -> None:
        if self._browser is not None:
            self._runner.run(self._close_browser())
        self._runner.close()

    async def _close_browser(self) -> None:
        await self._with_timeout(self._browser.close())
        # If the browser has ended by itself, a task of choreographer is already closing it. Cancelling that task
        # would leave a thread that keeps the program alive.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=TIMEOUT)

    async def _with_timeout(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for the browser, and kill it at the timeout: choreographer then raises an error."""
        timer = asyncio.get_running_loop().call_later(TIMEOUT, self._kill)
        try:
            await work
        finally:
            timer.cancel()

    def _kill(self) -> None:
        process = self._browser.subprocess
        if hasattr(os, "killpg"):
            # The process is a wrapper around the browser, and leads a process group with both.
            with suppress(ProcessLookupError):  # The process may have ended by itself.
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
