"""Which pinned packages have known vulnerabilities, where the network allows to ask."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from audit_report import Cell

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
# What is pinned for the tests has all that builds the book, but not JupyterLab's part of what a reader installs.
PINNED = [ROOT / "tests" / "requirements.txt", ROOT / "requirements.txt"]
Finding = tuple[str, bool]  # what it is, and whether a newer version repairs it


def judge(findings: Iterable[Finding], not_asked: int = 0) -> Cell:
    """Return the cell of findings. What a newer version repairs is wrong; for the rest nothing can be done."""
    findings = list(findings)
    shown = f"{len(findings)} known" + (f", {not_asked} packages not asked for" if not_asked else "")
    return Cell(shown, [told for told, repaired in findings if repaired], unknown=bool(findings or not_asked))


def judge_python(answer: dict[str, Any]) -> Cell:
    """Return the cell of what pip-audit answers. It leaves out packages that it could not ask for, and goes on."""
    findings = []
    for package in answer["dependencies"]:
        for vulnerability in package.get("vulns", []):
            fixed = vulnerability["fix_versions"]
            told = f"{package['name']} {package['version']}: {vulnerability['id']}, repaired in {', '.join(fixed)}"
            findings.append((told, bool(fixed)))
    return judge(findings, sum("skip_reason" in package for package in answer["dependencies"]))


def judge_node(answer: dict[str, Any]) -> Cell:
    """Return the cell of what npm answers."""
    return judge(
        (f"{name} {found['range']}: {found['severity']}", bool(found["fixAvailable"]))
        for name, found in answer["vulnerabilities"].items()
    )


def ask(judge_answer: Callable[[dict[str, Any]], Cell], *command: str) -> Cell:
    """Return the cell of a program's answer, or of there being none."""
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        return judge_answer(json.loads(done.stdout))
    except (json.JSONDecodeError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        return Cell(f"not reachable: {last[:120]}", unknown=True)


def check() -> dict[str, Cell]:
    """Return what is known of the pinned packages of Python and of Node."""
    audit = ["pip-audit", "--disable-pip", "--no-deps", "--progress-spinner", "off", "--format", "json"]
    return {
        "pip-audit": ask(judge_python, *audit, *(f"--requirement={path}" for path in PINNED)),
        "npm audit": ask(judge_node, "npm", "audit", "--json"),
    }
