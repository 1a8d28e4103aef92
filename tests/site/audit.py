"""Examine every page of the built site, and write what was found to _build/audit."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import audit_axe
import audit_lighthouse
import audit_report
import chromium
import yaml
from audit_report import Row, Rows, count
from bench_figures import ROOT, SITE, served
from tqdm import tqdm

REPORT = ROOT / "_build" / "audit"


def pages() -> list[str]:
    """Return all pages that stay: the first only leads on to book/index.html."""
    names = (path.relative_to(SITE) for path in SITE.rglob("*.html"))
    return sorted(
        name.as_posix() for name in names if not name.parts[0].startswith("_") and name != Path("index.html")
    )


def chapters() -> list[str]:
    """Return the pages of the table of contents, in its order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    entries = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [f"{entry}.html" for entry in [toc["root"], *entries]]


def examine(url: str) -> Row:
    """Return what is found on a page in a browser of its own."""
    with chromium.browser() as browser:
        return {"axe": count(audit_axe.check(browser, url))}


def examine_pages(home: str, names: Iterable[str]) -> Rows:
    """Return what is found on each page."""
    names = list(names)
    rows: Rows = {name: {} for name in names}
    # Alone: what else runs would slow the pages down.
    with audit_lighthouse.Lighthouse() as lighthouse:
        for name in tqdm([name for name in chapters() if name in rows], "Lighthouse", unit="page"):
            rows[name] |= audit_lighthouse.check(lighthouse, f"{home}/{name}")
    with ThreadPoolExecutor(2) as pool:
        works = {pool.submit(examine, f"{home}/{name}"): name for name in names}
        for work in tqdm(as_completed(works), "in the browser", len(works), unit="page"):
            rows[works[work]] |= work.result()
    return rows


def main(*only: str) -> int:
    """Examine the site, or only the pages that are named; 1 if something is wrong."""
    with served(SITE) as home:
        rows = examine_pages(home, only or [*chapters(), *(name for name in pages() if name not in chapters())])
    good = audit_report.is_green(rows)
    told = f"{len(rows)} pages, " + ("nothing is wrong." if good else "and something is wrong.")
    audit_report.write(REPORT, {"Pages": rows}, told)
    print(audit_report.table(rows, "page"))
    print(f"\n{told} What and where: {REPORT / 'index.html'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
