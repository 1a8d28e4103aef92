"""Measure pages with Lighthouse, as on a phone with a slow line and as on a desktop."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import chromium
from audit_report import Cell, Row
from tqdm import tqdm

PROGRAM = Path(__file__).with_name("lighthouse.mjs")
ONCE = {"accessibility": "accessibility", "best-practices": "best practices", "seo": "SEO"}
# Limits of the median of three loads. Performance is a score, blocking is in ms.
AT_LEAST = {"mobile": 95, "desktop": 99}
AT_MOST = {"shift": 0.02, "blocking": 100}
FORMS = ["mobile", "desktop"]
COLUMNS = [*AT_LEAST, *AT_MOST, *ONCE.values()]
# Reported where a page is slow, in seconds.
TIMES = {
    "first-contentful-paint": "first paint",
    "largest-contentful-paint": "largest paint",
    "speed-index": "speed index",
    "total-blocking-time": "blocking",
}

Answer = dict[str, Any]


class LighthouseError(Exception):
    """Lighthouse cannot measure a page."""


class Lighthouse:
    """A context in which Lighthouse and its Chromium run."""

    def __enter__(self) -> Lighthouse:
        path = chromium.find()
        if path is None:
            raise FileNotFoundError("no Chromium: 'make chromium' finds or installs one")
        command = [Path(sys.executable).with_name("node"), PROGRAM, path, *chromium.flags()]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()

    def load(self, url: str, form: str, *categories: str) -> Answer:
        """Load a page as on a mobile or a desktop, and return its scores."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(
            json.dumps({"url": url, "desktop": form == "desktop", "categories": ["performance", *categories]})
            + "\n"
        )
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise LighthouseError(f"Lighthouse ended at {url}, with what it wrote above")
        answer: Answer = json.loads(line)
        if answer.get("error"):
            raise LighthouseError(f"Lighthouse at {url}: {answer['error']}")
        return answer


def measured(form: str, answer: Answer) -> dict[str, float]:
    """Return the numbers of a load that have limits."""
    numbers = {form: answer["scores"]["performance"], "shift": answer["numbers"]["cumulative-layout-shift"]}
    if form == "mobile":
        numbers["blocking"] = answer["numbers"]["total-blocking-time"]
    return {name: round(number, 3) for name, number in numbers.items()}


def is_good(name: str, number: float) -> bool:
    """Return whether a number is within its limit."""
    return number >= AT_LEAST[name] if name in AT_LEAST else number <= AT_MOST[name]


def medians(loads: list[dict[str, float]]) -> dict[str, float] | None:
    """Return the median of three loads, or the worse of two if both are on the same side of all limits, or None."""
    if len(loads) < 2:
        return None
    first, second, *third = loads
    if third:
        return {name: statistics.median(load[name] for load in loads) for name in first}
    if any(is_good(name, first[name]) != is_good(name, second[name]) for name in first):
        return None
    return {name: (min if name in AT_LEAST else max)(first[name], second[name]) for name in first}


def judge(number: float, name: str, details: str) -> Cell:
    """Return the cell of a number with a limit."""
    limit = f"at least {AT_LEAST[name]}" if name in AT_LEAST else f"at most {AT_MOST[name]}"
    if is_good(name, number):
        return Cell(f"{number:g}")
    # A machine of CI is slow at times.
    if name != "shift" and os.environ.get("CI"):
        return Cell(f"{number:g}, wanted {limit}", unknown=True)
    return Cell(f"{number:g}", [f"{number:g}, wanted {limit}: {details}"])


def judge_score(score: int, failures: list[str]) -> Cell:
    """Return the cell of a score that has to be 100."""
    return Cell(str(score), [] if score == 100 else failures or ["no score"])


@dataclass
class Page:
    """The loads of a page."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=lambda: {form: [] for form in FORMS})
    error: str | None = None

    def numbers(self, form: str) -> dict[str, float] | None:
        """Return the medians, or None if another load is needed."""
        return medians([measured(form, answer) for answer in self.answers[form]])

    def load(self, lighthouse: Lighthouse, form: str) -> None:
        """Load the page once more if needed; the first time, for all scores."""
        if self.error is not None or self.numbers(form):
            return
        wanted = ONCE if form == "mobile" and not self.answers[form] else ()
        try:
            self.answers[form].append(lighthouse.load(self.url, form, *wanted))
        except (LighthouseError, OSError) as error:
            self.error = str(error)

    def row(self) -> Row:
        """Return the cells of the page after its last load."""
        row: Row = {}
        shifts: dict[str, float] = {}
        if self.error is not None:
            return {"mobile": Cell("-", [self.error])}
        for form, answers in self.answers.items():
            numbers = self.numbers(form)
            assert numbers is not None, f"{form}: too few loads"
            shifts[form] = numbers.pop("shift")
            details = ", ".join(
                f"{label} {answers[-1]['numbers'][name] / 1000:.2f} s" for name, label in TIMES.items()
            )
            row |= {name: judge(number, name, details) for name, number in numbers.items()}
            for name in answers[0]["scores"].keys() & ONCE:
                row[ONCE[name]] = judge_score(answers[0]["scores"][name], answers[0]["failures"][name])
        worst = max(shifts, key=lambda form: shifts[form])
        row["shift"] = judge(shifts[worst], "shift", worst)
        return {name: row[name] for name in COLUMNS}


def check(lighthouse: Lighthouse, urls: list[str]) -> list[Row]:
    """Return the cells of each page.

    All pages are loaded once, then all again: a busy machine is slow for some minutes, and must not be slow for all
    loads of one page.
    """
    pages = [Page(url) for url in urls]
    works = [(page, form) for _ in range(3) for page in pages for form in FORMS]
    for page, form in tqdm(works, "Lighthouse", unit="load"):
        page.load(lighthouse, form)
    return [page.row() for page in pages]
