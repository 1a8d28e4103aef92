"""Measure how much a page loads before the reader does anything, in compressed KB."""

from __future__ import annotations

import bench_figures
import bench_live_demo
from playwright.sync_api import Browser

LIMITS = {bench_live_demo.PAGE: bench_live_demo.PAGE_KB}


def check(chromium: Browser, url: str) -> float:
    """Return the KB that a page loads, without fonts and pictures."""
    with bench_figures.opened(chromium, "") as (page, session):
        return bench_figures.before_figures(bench_figures.load(page, bench_figures.Traffic(session), url))


def judge(name: str, weight: float) -> list[str]:
    """Return what is wrong with a page's weight."""
    limit = LIMITS.get(name, bench_figures.PAGE_KB)
    return [f"{weight:.1f} KB, wanted at most {limit}"] if weight > limit else []
