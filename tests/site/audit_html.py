"""What the Nu HTML checker says of the pages."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CHECKER = ROOT / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"

# What the checker says of the theme's and Sphinx's HTML and is left as it is, by the beginning of its sentence.
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


class CannotAskError(Exception):
    """The checker does not run here."""


def ask(urls: Iterable[str]) -> list[dict[str, Any]]:
    """Return the checker's messages on pages. It holds them against their policy too, which knows no files."""
    java = shutil.which("java")
    if java is None:
        raise CannotAskError("the Nu HTML checker needs Java 11 or newer, and there is no 'java' on the PATH")
    # localhost is one of the hosts that it does not ask by itself; a busy machine answers late.
    settings = {"allow-forbidden-hosts": "true", "connection-timeout": 60_000, "socket-timeout": 60_000}
    flags = [f"-Dnu.validator.servlet.{name}={value}" for name, value in settings.items()]
    command = [java, *flags, "-jar", CHECKER, "--format", "json", "--stdout", "--exit-zero-always", *urls]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotAskError(f"the Nu HTML checker does not run: {done.stderr.strip()[-300:]}")
    return list(json.loads(done.stdout)["messages"])


def is_fault(message: dict[str, Any]) -> bool:
    """Return whether a message is an error or a warning; the others are remarks on style."""
    return message["type"] != "info" or message.get("subType") == "warning"


def known(message: dict[str, Any]) -> str | None:
    """Return which of the known faults a message is."""
    return next((start for start in KNOWN if message["message"].startswith(start)), None)


def tell(message: dict[str, Any]) -> str:
    """Return a message with its place."""
    extract = " ".join(message.get("extract", "").split())
    return f"line {message.get('lastLine', '?')}: {message['message']} · {extract}"


def check(home: str, names: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return what is wrong with each page, and which known faults are no longer there."""
    names = list(names)
    try:
        faults = list(filter(is_fault, ask(f"{home}/{name}" for name in names)))
    except CannotAskError as error:
        return {name: [str(error)] for name in names}, [str(error)]
    problems: dict[str, list[str]] = {name: [] for name in names}
    for fault in faults:
        if not known(fault):
            problems[fault["url"].removeprefix(f"{home}/")].append(tell(fault))
    seen = {known(fault) for fault in faults}
    return problems, [f"known, and not there any more: {start}" for start in KNOWN if start not in seen]
