"""Check every page of the built site, and write the results to _build/audit.

Arguments: the pages to check, by default all. With --quick, each page is loaded once, with axe in one of its modes,
and Lighthouse loads five pages.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import audit_advisories
import audit_axe
import audit_html
import audit_keyboard
import audit_lighthouse
import audit_report
import audit_use
import audit_weight
import chromium
import yaml
from audit_report import Cell, Row, Rows, count
from bench_figures import ROOT, SITE, served
from playwright.sync_api import Error
from tqdm import tqdm

REPORT = ROOT / "_build" / "audit"
# It only redirects.
FIRST = "index.html"

# Pages of each kind: text, formulas, many figures, the most elements, the live demo.
FIVE = [f"book/{name}.html" for name in ("index", "adam", "things_to_observe", "embeddings", "live_demo")]

# Programs that check the site as a whole; they print what is wrong.
SITE_WIDE = {
    "the same in two clean builds": "audit_reproducible.py",
    "good after a killed build": "audit_killed_builds.py",
    "opens in Binder": "audit_binder.py",
}


def pages() -> list[str]:
    """Return all pages but the one that redirects."""
    names = (path.relative_to(SITE) for path in SITE.rglob("*.html"))
    return sorted(name.as_posix() for name in names if not name.parts[0].startswith("_") and name != Path(FIRST))


def chapters() -> list[str]:
    """Return the pages of the table of contents, in its order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    entries = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [f"{entry}.html" for entry in [toc["root"], *entries]]


def examine(home: str, name: str, mode: int | None = None) -> Row:
    """Check a page in a new browser, with axe in all modes or in one."""
    url = f"{home}/{name}"
    modes = audit_axe.MODES if mode is None else [audit_axe.MODES[mode % len(audit_axe.MODES)]]
    try:
        with chromium.browser() as browser:
            heard = audit_use.check(browser, url)
            row = {
                "axe": count(audit_axe.check(browser, url, modes)),
                "policy": count(heard.policy),
                "elsewhere": count(heard.elsewhere),
                "console": count(heard.console),
            }
            if mode is None:
                weight = audit_weight.check(browser, url)
                row["keyboard"] = count(audit_keyboard.check(browser, url))
                row["KB"] = Cell(f"{weight:.0f}", audit_weight.judge(name, weight))
            return row
    except Error as error:
        return {"cannot be checked": count([str(error)])}


def examine_pages(home: str, names: list[str], quick: bool) -> Rows:
    """Check each page."""
    rows: Rows = {name: {} for name in names}
    # Before the others: programs that run at the same time slow the pages down.
    with audit_lighthouse.Lighthouse() as lighthouse:
        loaded = [name for name in (FIVE if quick else chapters()) if name in rows]
        measured = audit_lighthouse.check(lighthouse, [f"{home}/{name}" for name in loaded])
    rows |= zip(loaded, measured, strict=True)
    with ThreadPoolExecutor(2) as pool:
        modes = range(len(names)) if quick else [None] * len(names)
        works = {pool.submit(examine, home, name, mode): name for name, mode in zip(names, modes, strict=True)}
        for work in tqdm(as_completed(works), "in the browser", len(works), unit="page"):
            rows[works[work]] |= work.result()
    return rows


def run(program: str) -> Cell:
    """Return what a program found that checks the site as a whole."""
    command = [sys.executable, Path(__file__).with_name(program)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = done.stdout.strip().splitlines() or ["no output"]
    return Cell("1", lines[-30:]) if done.returncode else Cell("0")


def examine_whole(gone: list[str]) -> Rows:
    """Check the site as a whole."""
    cells = {"known faults of HTML that are gone": count(gone)}
    for name, program in tqdm(SITE_WIDE.items(), "the whole site", unit="program"):
        cells[name] = run(program)
    return {name: {"found": cell} for name, cell in (cells | audit_advisories.check()).items()}


def main(*only: str) -> int:
    """Check the site, or only the pages that are named; return 1 if something is wrong."""
    quick = only == ("--quick",)
    only = () if quick else only
    names = [*only] or [*chapters(), *(name for name in pages() if name not in chapters())]
    with served(SITE) as home:
        rows = examine_pages(home, names, quick)
        # A browser leaves the first page at once.
        html, gone = audit_html.check(home, [*names, FIRST])
    for name, problems in html.items():
        rows.setdefault(name, {})["HTML"] = count(problems)
    whole = {} if only or quick else examine_whole(gone)
    good = audit_report.is_green(rows, whole)
    summary = f"{len(rows)} pages: " + ("nothing is wrong." if good else "something is wrong.")
    audit_report.write(REPORT, {"Pages": rows, "The whole site": whole}, summary)
    print(audit_report.table(rows, "page"), audit_report.table(whole, "the whole site"), sep="\n\n")
    print("", *audit_report.faults(rows), *audit_report.faults(whole), sep="\n")
    print(f"{summary} What and where: {REPORT / 'index.html'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
