"""Find a Chromium for the browser tests and start it; run as a program, make sure that there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
QUIET = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find() -> str | None:
    """Return the path of a Chromium that starts: the system's, or else Playwright's own; None if there is none."""
    for name in NAMES:
        path = shutil.which(name)
        if path and _starts(path):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if _starts(path) else None


def flags() -> list[str]:
    """Return what a Chromium is started with here."""
    return [*QUIET, *(["--no-sandbox"] if _is_root() else [])]


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a Chromium, and close it at the end."""
    path = find()
    if path is None:
        raise FileNotFoundError("no Chromium: 'python tests/site/chromium.py' installs one")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=flags())
        try:
            yield started
        finally:
            started.close()


def main(note: str = os.devnull) -> int:
    """Make sure that there is a Chromium, note its path in a file, and return the exit status."""
    path = find()
    if not path:
        _run(sys.executable, "-m", "playwright", "install", "chromium")
        path = find()
    if not path and _is_root() and shutil.which("apt-get"):
        _run("apt-get", "update")
        _run("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
        path = find()
    if path:
        Path(note).write_text(path, encoding="utf-8")
        print(f"The browser tests use {path}.")
        return 0
    print(
        "The browser tests need a Chromium, and installing one did not work. Install your system's package "
        f"'chromium' or Google Chrome, so that one of {', '.join(NAMES)} is on the PATH.",
        file=sys.stderr,
    )
    return 1


def _run(*command: str) -> None:
    print("No Chromium yet:", *command, flush=True)
    status = subprocess.run(command, check=False).returncode
    if status:
        print(f"That ended with status {status}.", flush=True)


def _starts(path: str) -> bool:
    # A name on the PATH may be a script that only says how to install the program.
    if not Path(path).is_file():
        return False
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
