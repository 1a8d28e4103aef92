"""Use all controls of a page, and note violations of its policy, requests to other hosts, and errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from audit_axe import open_all
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request
from playwright.sync_api import TimeoutError as NotThere

# ms until a control can be used.
TIMEOUT = 3000

# Runs before the page, to hear of each violation.
LISTEN = """document.addEventListener("securitypolicyviolation", event => {
    const { effectiveDirective, blockedURI, sample, sourceFile, lineNumber } = event;
    auditViolation(`${effectiveDirective} stops ${blockedURI} ${sample} (${sourceFile}:${lineNumber})`);
});"""

HTML = """() => {
    const policy = document.querySelector("meta[http-equiv=Content-Security-Policy i]");
    const isEarlier = script => policy && script.compareDocumentPosition(policy) & Node.DOCUMENT_POSITION_FOLLOWING;
    const handlers = [...document.querySelectorAll("*")].flatMap(element => [...element.attributes]
        .filter(({ name, value }) => name.startsWith("on") || value.trim().toLowerCase().startsWith("javascript:"))
        .map(({ name, value }) => `<${element.localName} ${name}="${value}">`));
    return {
        policy: policy?.content ?? null,
        earlier: [...document.scripts].filter(isEarlier).map(script => script.outerHTML.slice(0, 100)),
        handlers,
    };
}"""

CONTROLS = "button, input, select, textarea"
CLOSE = "() => document.querySelectorAll('dialog[open]').forEach(dialog => dialog.close())"


def judge_policy(policy: str | None) -> list[str]:
    """Return what is wrong with a Content-Security-Policy."""
    if policy is None:
        return ["there is no Content-Security-Policy"]
    directives = {
        name.lower(): set(values) for name, *values in map(str.split, filter(str.strip, policy.split(";")))
    }
    default = directives.get("default-src")
    problems = [] if default == {"'self'"} else [f"default-src is not 'self' alone: {policy}"]
    for name in ("script-src", "script-src-elem", "script-src-attr"):
        for wrong in sorted(
            {"'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:"} & directives.get(name, set())
        ):
            problems.append(f"{name} allows {wrong}")
    return problems


@dataclass
class Heard:
    """What went wrong on a page."""

    home: str
    policy: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Begin to listen, before the page is opened."""
        page.expose_function("auditViolation", lambda told: self.policy.append(told))
        page.add_init_script(LISTEN)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.console.append(f"page error: {error}"))
        page.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.policy.append(message.text)
        elif message.type == "error":
            self.console.append(f"{message.text} ({message.location['url']})")

    def _see(self, request: Request) -> None:
        if not request.url.startswith((f"{self.home}/", "data:", "blob:")):
            self.elsewhere.append(request.url)


def controls(page: Page) -> Iterator[Locator]:
    """Yield every control, except for those that the use of others hides."""
    for handle in page.locator(CONTROLS).all():
        if handle.is_visible() and handle.is_enabled():
            yield handle


def use(page: Page, control: Locator) -> None:
    """Use a control as a reader does. A second click on a button restores its state."""
    kind = control.evaluate("({ localName, type }) => localName === 'input' ? type : localName")
    if kind == "range":
        control.focus()
        for key in ("ArrowLeft", "End", "Home", "ArrowRight"):
            page.keyboard.press(key)
    elif kind == "select":
        control.select_option(index=control.locator("option").count() - 1)
    elif kind in ("text", "search", "number") and control.is_editable():
        control.fill("adam")
    else:
        for _ in range(2):
            control.click(timeout=TIMEOUT)
            # An open dialog would receive the second click.
            if page.locator("dialog[open]").count():
                search = page.locator("dialog[open] input")
                if search.count():
                    search.first.press_sequentially("adam")
                    page.wait_for_timeout(500)
                page.evaluate(CLOSE)
                break


def use_everything(page: Page) -> list[str]:
    """Open and use everything on a page; return what could not be used."""
    open_all(page)
    stuck = []
    for control in controls(page):
        html = control.evaluate("element => element.cloneNode().outerHTML")
        try:
            use(page, control)
        except NotThere:
            stuck.append(f"cannot be used: {html}")
    page.mouse.wheel(0, -100_000)
    page.wait_for_load_state("networkidle")
    return stuck


def check(chromium: Browser, url: str) -> Heard:
    """Return what went wrong on a page."""
    heard = Heard("/".join(url.split("/")[:3]))
    with chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light") as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(10 * TIMEOUT)
        heard.listen(page)
        page.goto(url)
        html = page.evaluate(HTML)
        heard.policy += judge_policy(html["policy"])
        heard.policy += [f"a script before the policy: {script}" for script in html["earlier"]]
        heard.policy += [f"a handler in the HTML: {handler}" for handler in html["handlers"]]
        heard.console += use_everything(page)
    return heard
