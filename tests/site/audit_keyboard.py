"""Check a page without a mouse: the skip link, the visible focus, and that wide areas scroll."""

from __future__ import annotations

from audit_axe import open_all
from playwright.sync_api import Browser, Page

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# Pages have fewer.
MOST_STOPS = 1000

# Whether the focus changes the look of an element, its parent or its children, and the contrast of the outline with
# the background (WCAG 1.4.11).
FOCUS = """() => {
    const stop = document.activeElement;
    if (!stop || stop === document.body || stop.dataset.auditSeen) return null;
    stop.dataset.auditSeen = "yes";
    const rgb = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => {
        const linear = part => part <= 10 ? part / 3295 : ((part / 255 + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = rgb(color).map(linear);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const over = (color, behind) => {
        const [{ 3: opacity = 1, ...front }, back] = [rgb(color), rgb(behind)];
        return `rgb(${back.slice(0, 3).map((part, i) => opacity * front[i] + (1 - opacity) * part)})`;
    };
    const opaque = element => {
        if (!element) return "rgb(255, 255, 255)";
        const { backgroundColor } = getComputedStyle(element);
        return (rgb(backgroundColor)[3] ?? 1) === 1 ? backgroundColor : opaque(element.parentElement);
    };
    const outline = ({ outlineStyle: style, outlineWidth: width, outlineColor: color }) =>
        style === "none" || width === "0px" ? "none" : `${style} ${width} ${color}`;
    const looks = () => [stop, stop.parentElement, ...stop.querySelectorAll("*")].map(element => {
        const style = getComputedStyle(element);
        const names = ["boxShadow", "borderColor", "borderWidth", "backgroundColor", "textDecorationLine", "stroke",
            "strokeWidth"];
        return [outline(style), ...names.map(name => style[name])].join("|");
    }).join("\\n");
    const told = stop.cloneNode().outerHTML.slice(0, 160);
    const box = stop.getBoundingClientRect();
    const focused = looks();
    const style = getComputedStyle(stop);
    const own = outline(style) === "none" ? null : style.outlineColor;
    const behind = opaque(stop.parentElement);
    const shades = [own && over(own, behind), behind].map(color => color && light(color));
    const contrast = own && (Math.max(...shades) + 0.05) / (Math.min(...shades) + 0.05);
    stop.blur();
    const isSeen = focused !== looks();
    stop.focus({ preventScroll: true });
    const isOnScreen = box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth;
    return { told, isSeen, contrast, isOnScreen };
}"""

# Elements that are wider than their box, and cannot be scrolled with the keyboard.
WIDE_PARTS = """() => {
    const isSeen = element => element.checkVisibility({ visibilityProperty: true }) && element.clientWidth > 0;
    const told = element => `${element.cloneNode().outerHTML} ${element.textContent.trim().slice(0, 40)}`;
    const problems = [];
    for (const area of document.querySelectorAll("main *")) {
        const { overflowX } = getComputedStyle(area);
        if (overflowX === "visible" || area.scrollWidth <= area.clientWidth + 1 || !isSeen(area)) continue;
        if (area.closest("svg, select, input, .katex-mathml")) continue;
        if (overflowX !== "auto" && overflowX !== "scroll") {
            if (area.querySelector(".katex, table, pre")) problems.push(`is cut off: ${told(area)}`);
        } else if (area.getAttribute("tabindex") !== "0") {
            problems.push(`scrolls, and the keyboard does not reach it: ${told(area)}`);
        } else if (area.localName !== "pre" && !(area.role && area.ariaLabel)) {
            problems.push(`scrolls, and has no role and name: ${told(area)}`);
        } else if (area.scrollLeft !== 0) {
            problems.push(`does not start at its beginning: ${told(area)}`);
        }
    }
    const wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
    if (wide > innerWidth) problems.push(`the page is ${wide} px wide, the window ${innerWidth}`);
    return problems;
}"""


# Move the focus to the start of the page.
BEGIN = """() => {
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.blur();
    document.body.removeAttribute("tabindex");
    scrollTo({ top: 0, behavior: "instant" });
}"""


def skip_link(page: Page) -> list[str]:
    """Return what is wrong with the skip link, the first stop of the Tab key."""
    page.evaluate(BEGIN)
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.getAttribute('href')")
    if first != "#main-content":
        return [f"the first stop is not the skip link, but leads to {first}"]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    if not page.evaluate("document.activeElement.closest('main') !== null"):
        return ["the skip link does not lead into main"]
    return []


def stops(page: Page) -> list[str]:
    """Return what is wrong with the stops of the Tab key, from the first to the last."""
    page.evaluate(BEGIN)
    problems, count = [], 0
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None:
            break
        count += 1
        if not stop["isOnScreen"]:
            problems.append(f"the focus is out of sight: {stop['told']}")
        elif not stop["isSeen"]:
            problems.append(f"the focus is not seen: {stop['told']}")
        elif stop["contrast"] and stop["contrast"] < 3:
            problems.append(f"the focus has a contrast of {stop['contrast']:.1f}, wanted 3: {stop['told']}")
    return problems if count > 1 else [*problems, "Tab leads nowhere"]


def check(chromium: Browser, url: str) -> list[str]:
    """Return what is wrong with a page."""
    problems = []
    for scheme, window in (("light", WIDE), ("dark", PHONE)):
        with chromium.new_context(
            viewport=window, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
        ) as context:
            page = context.new_page()
            page.goto(url)
            page.add_style_tag(content="* { transition: none !important; animation: none !important }")
            found = skip_link(page)
            page.goto(url)
            page.add_style_tag(content="* { transition: none !important; animation: none !important }")
            open_all(page)
            page.wait_for_timeout(500)
            if window is PHONE:
                found += page.evaluate(WIDE_PARTS)
            found += stops(page)
            problems += [f"{scheme}, {window['width']} px: {problem}" for problem in found]
    return problems
