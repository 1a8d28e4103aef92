"""Ask which pinned packages have known vulnerabilities, where the network allows it."""

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
# The lock of the tests contains that of the book, but not the packages of JupyterLab that readers install.
PINNED = [ROOT / "tests" / "requirements.txt", ROOT / "requirements.txt"]
Finding = tuple[str, bool]  # a vulnerability, and whether a newer version repairs it


def judge(findings: Iterable[Finding], not_asked: int = 0) -> Cell:
    """Return the cell of findings. Only what a newer version repairs is a fault."""
    findings = list(findings)
    shown = f"{len(findings)} known" + (f", {not_asked} packages not asked for" if not_asked else "")
    return Cell(shown, [text for text, repaired in findings if repaired], unknown=bool(findings or not_asked))


def judge_python(answer: dict[str, Any]) -> Cell:
    """Return the cell of pip-audit's answer. It skips packages that the index does not know."""
    findings = []
    for package in answer["dependencies"]:
        for vulnerability in package.get("vulns", []):
            fixed = vulnerability["fix_versions"]
            text = f"{package['name']} {package['version']}: {vulnerability['id']}, repaired in {', '.join(fixed)}"
            findings.append((text, bool(fixed)))
    return judge(findings, sum("skip_reason" in package for package in answer["dependencies"]))


def judge_node(answer: dict[str, Any]) -> Cell:
    """Return the cell of npm's answer."""
    return judge(
        (f"{name} {found['range']}: {found['severity']}", bool(found["fixAvailable"]))
        for name, found in answer["vulnerabilities"].items()
    )


def ask(judge_answer: Callable[[dict[str, Any]], Cell], *command: str) -> Cell:
    """Return the cell of a program's answer, or an unknown one if there is no answer."""
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        return judge_answer(json.loads(done.stdout))
    except (json.JSONDecodeError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        return Cell(f"not reachable: {last[:120]}", unknown=True)


def check() -> dict[str, Cell]:
    """Return the known vulnerabilities of the pinned packages of Python and Node."""
    audit = ["pip-audit", "--disable-pip", "--no-deps", "--progress-spinner", "off", "--format", "json"]
    return {
        "pip-audit": ask(judge_python, *audit, *(f"--requirement={path}" for path in PINNED)),
        "npm audit": ask(judge_node, "npm", "audit", "--json"),
    }
