"""What the Nu HTML checker says of the pages."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[2]
CHECKER = ROOT / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"

# What the checker says of the theme's and Sphinx's HTML and is left as it is, by the beginning of its sentence.
KNOWN = {
    "Article lacks heading.": "It has the page's h1. The checker looks for h2 to h6 only.",
    "Consider using the “h1” element as a top-level heading only": (
        "It is: a page has one h1, before all other headings. The theme puts it into article and section, which "
        "the checker takes for levels, and browsers and screen readers do not."
    ),
}

NO_JAVA = "the Nu HTML checker needs Java 11 or newer as 'java' on the PATH, and there is none that runs it"


def ask(paths: Iterable[Path]) -> list[dict[str, Any]] | None:
    """Return the checker's messages on files, or None where it does not run."""
    java = shutil.which("java")
    if java is None:
        return None
    command = [java, "-jar", CHECKER, "--format", "json", "--stdout", "--exit-zero-always", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return list(json.loads(done.stdout)["messages"]) if done.returncode == 0 else None


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


def check(site: Path, names: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return what is wrong with each page, and which known faults are no longer there."""
    names = list(names)
    messages = ask(site / name for name in names)
    if messages is None:
        return {name: [NO_JAVA] for name in names}, [NO_JAVA]
    faults = list(filter(is_fault, messages))
    problems: dict[str, list[str]] = {name: [] for name in names}
    for fault in faults:
        if not known(fault):
            problems[Path(unquote(urlsplit(fault["url"]).path)).relative_to(site).as_posix()].append(tell(fault))
    seen = {known(fault) for fault in faults}
    return problems, [f"known, and not there any more: {start}" for start in KNOWN if start not in seen]
