"""Run axe on a page with all folds open: light and dark, on a wide screen and on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WINDOWS = ({"width": 1280, "height": 900}, {"width": 390, "height": 844})
# Color schemes, and windows in each.
MODES = [(scheme, window) for scheme in ("light", "dark") for window in WINDOWS]

# All rules, experimental ones too, except for those of level AAA.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice", "experimental"]

OPEN_ALL = """() => {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    for (const button of document.querySelectorAll(".toggle-hidden > .toggle-button")) button.click();
}"""

# The theme shows the button only while the reader scrolls up.
SHOW_BUTTON = "#pst-back-to-top { display: block !important; }"

RUN = """rules => axe.run({ runOnly: rules, resultTypes: ["violations"] })
    .then(({ violations, passes }) => ({ violations, passes: passes.length }))"""


def open_all(page: Page) -> None:
    """Open every fold, and wait until every figure is drawn."""
    page.evaluate(OPEN_ALL)
    for figure in page.locator(".plotly-figure").all():
        figure.scroll_into_view_if_needed()
        page.mouse.wheel(0, 1)
        figure.and_(page.locator("[data-drawn]")).wait_for()


def tell(result: dict[str, Any], where: str) -> list[str]:
    """Return axe's findings, one for each rule."""
    if not result["passes"]:
        return [f"{where}: axe found nothing to check"]
    return [
        f"{fault['id']} ({where}), {len(fault['nodes'])} times: {fault['help']} · "
        + " · ".join(
            f"{node['html']} ({node['failureSummary'].splitlines()[-1].strip()})" for node in fault["nodes"][:4]
        )
        for fault in result["violations"]
    ]


def check(chromium: Browser, url: str, modes: list[tuple[str, Any]] = MODES) -> list[str]:
    """Return what is wrong with a page, in each mode."""
    problems = []
    for scheme in dict.fromkeys(scheme for scheme, _ in modes):
        with chromium.new_context(viewport=WINDOWS[0], color_scheme=scheme, bypass_csp=True) as context:
            page = context.new_page()
            page.goto(url)
            open_all(page)
            page.add_style_tag(content=SHOW_BUTTON)
            page.evaluate(AXE.read_text(encoding="utf-8"))
            for window in (window for name, window in modes if name == scheme):
                page.set_viewport_size(window)
                page.wait_for_timeout(300)
                problems += tell(page.evaluate(RUN, RULES), f"{scheme}, {window['width']} px")
    return problems
