"""Run the Nu HTML checker on the pages."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CHECKER = ROOT / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"

# Known messages about the HTML of the theme and of Sphinx, by their beginning, and why they are accepted.
KNOWN = {
    "Article lacks heading.": "It has the page's h1. The checker looks for h2 to h6 only.",
    "Consider using the “h1” element as a top-level heading only": (
        "It is: a page has one h1, before all other headings. The theme puts it into article and section, which "
        "the checker takes for levels, and browsers and screen readers do not."
    ),
    "A “link” element with a “blocking” attribute must": (
        "The standard allows it with rel=expect, too, since 2024 (HTML, 4.2.4, The link element)."
    ),
}


class CheckerError(Exception):
    """The checker does not run on this machine."""


def ask(urls: Iterable[str]) -> list[dict[str, Any]]:
    """Return the checker's messages on pages."""
    java = shutil.which("java")
    if java is None:
        raise CheckerError("the Nu HTML checker needs Java 11 or newer, and there is no 'java' on the PATH")
    # By default it does not connect to localhost. A busy machine answers late.
    settings = {"allow-forbidden-hosts": "true", "connection-timeout": 60_000, "socket-timeout": 60_000}
    flags = [f"-Dnu.validator.servlet.{name}={value}" for name, value in settings.items()]
    command = [java, *flags, "-jar", CHECKER, "--format", "json", "--stdout", "--exit-zero-always", *urls]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckerError(f"the Nu HTML checker does not run: {done.stderr.strip()[-300:]}")
    return list(json.loads(done.stdout)["messages"])


def is_fault(message: dict[str, Any]) -> bool:
    """Return whether a message is an error or a warning."""
    return message["type"] != "info" or message.get("subType") == "warning"


def known(message: dict[str, Any]) -> str | None:
    """Return the known message that a message is, or None."""
    return next((start for start in KNOWN if message["message"].startswith(start)), None)


def tell(message: dict[str, Any]) -> str:
    """Return a message with its place."""
    extract = " ".join(message.get("extract", "").split())
    return f"line {message.get('lastLine', '?')}: {message['message']} · {extract}"


def check(home: str, names: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return what is wrong with each page, and which known messages do not appear any more."""
    names = list(names)
    try:
        faults = list(filter(is_fault, ask(f"{home}/{name}" for name in names)))
    except CheckerError as error:
        return {name: [str(error)] for name in names}, [str(error)]
    problems: dict[str, list[str]] = {name: [] for name in names}
    for fault in faults:
        if not known(fault):
            problems[fault["url"].removeprefix(f"{home}/")].append(tell(fault))
    seen = {known(fault) for fault in faults}
    return problems, [f"known, and does not appear any more: {start}" for start in KNOWN if start not in seen]
