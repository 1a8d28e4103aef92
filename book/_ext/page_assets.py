"""Give all pages one style sheet, deferred scripts, and a policy that forbids all other scripts."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import time
from functools import cached_property
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import fontTools
import pydata_sphinx_theme
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util import logging

STYLE = "site.css"
# The theme's layout links to the first two itself.
SHEETS = ["./styles/theme.css", "./styles/pydata-sphinx-theme.css", "katex/dist/katex.min.css"]
# The icons of this site in Font Awesome: all of them are 300 KB.
ICONS = (
    "f002 f00d f019 f03a f042 f062 f065 f09b f0c9 f0eb f104 f105 f107 f121 f135 f15b f171 f185 f186 f1c1 f296 f303"
)

logger = logging.getLogger(__name__)


def policy(*inline_scripts: str) -> str:
    """Return a Content-Security-Policy that allows the site's own files and these inline scripts.

    Formulas and figures have style attributes. The theme's arrows and Plotly's heat maps are images in ``data:``.
    """
    scripts = " ".join(f"'sha256-{_digest(script)}'" for script in inline_scripts)
    return (
        f"default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


class _Scripts(HTMLParser):
    """The scripts in the HTML of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.policy = ""
        self.inline: list[str] = []
        self.in_attributes: list[str] = []
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"]
        self._in_script = tag == "script" and "src" not in attributes and "json" not in attributes.get("type", "")
        if self._in_script:
            self.inline.append("")
        self.in_attributes += [
            f'{name}="{value}"'
            for name, value in attributes.items()
            if name.startswith("on") or value.startswith("javascript:")
        ]

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.inline[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False


def violations(page: str) -> list[str]:
    """Return which scripts in the HTML of a page its policy would block."""
    scripts = _Scripts(page)
    if not scripts.policy:
        return ["no policy"]
    blocked = [text.strip()[:80] for text in scripts.inline if _digest(text) not in scripts.policy]
    return [
        *(f"script not in the policy: {text}" for text in blocked),
        *(f"script in an attribute: {text}" for text in scripts.in_attributes),
    ]


def _add_icon_fonts(app: Sphinx, config: Config) -> None:
    """Replace the theme's icon fonts in the site by smaller ones."""
    fonts = Path("vendor", "fontawesome", "webfonts")
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
    made_of = f"{pydata_sphinx_theme.__version__} {fontTools.version} {ICONS}"
    static = Path(app.confdir, "_build", ".icons", hashlib.sha256(made_of.encode()).hexdigest()[:16])
    for font in (theme / fonts).glob("*.woff2"):
        target = static / fonts / font.name
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_suffix(".unfinished")
            options = [f"--unicodes={ICONS}", "--flavor=woff2", "--layout-features=", f"--output-file={unfinished}"]
            subprocess.run([sys.executable, "-m", "fontTools.subset", font, *options], check=True)
            unfinished.rename(target)
    # Sphinx copies these folders after those of the theme.
    config["html_static_path"] = [*config["html_static_path"], str(static)]


class PageAssets:
    """The styles and scripts of all pages of a build."""

    def __init__(self, app: Sphinx) -> None:
        self.app = app
        self.sheets: dict[str, None] = {}  # in the order of the first page that has them
        self.started = time.time()

    @cached_property
    def version(self) -> str:
        """A digest of all that the style sheet is made of: pages are written before it is."""
        root = Path(self.app.confdir)
        static = [root / folder for folder in self.app.config.html_static_path]
        own = [path for folder in static for path in sorted(folder.glob("*.css"))]
        digest = hashlib.sha256()
        for path in [*own, root / "package-lock.json", root / "book" / "requirements.txt"]:
            digest.update(path.read_bytes() if path.is_file() else b"")
        return digest.hexdigest()[:8]

    def prepare(self, app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any) -> None:
        """Note the styles of a page, and sort its scripts into files and inline scripts."""
        if app.builder.format != "html":
            return
        css = sorted(context["css_files"], key=lambda sheet: sheet.priority)
        names = [str(sheet.filename) for sheet in css if sheet.attributes["rel"] == "stylesheet"]
        self.sheets |= dict.fromkeys(f"./{name.removeprefix('_static/')}" for name in names)
        # Those for DOCUMENTATION_OPTIONS turn on parts of the theme that this site does not have.
        inline = [js.attributes["body"] for js in context["script_files"] if "body" in js.attributes]
        inline = [text for text in dict.fromkeys(inline) if not text.lstrip().startswith("DOCUMENTATION_OPTIONS")]
        context["script_files"] = [js for js in context["script_files"] if js.filename]
        context["inline_script"] = "\n".join(inline)
        context["style_version"] = self.version
        context["content_security_policy"] = lambda *scripts: escape(policy(*scripts))
        context.setdefault("pagetitle", context.get("title"))  # as the hidden heading for printing

    def finish(self, app: Sphinx, exception: Exception | None) -> None:
        """Bundle the style sheet, and check the pages that were written against their policy."""
        if exception is not None or app.builder.format != "html" or not self.sheets:
            return
        site = Path(app.outdir)
        self._bundle(Path(app.confdir, "node_modules", ".bin", "esbuild"), site / "_static")
        for path in sorted(site.rglob("*.html")):
            if path.stat().st_mtime >= self.started and "_static" not in path.parts:
                for problem in violations(path.read_text(encoding="utf-8")):
                    logger.warning("%s: %s", path.relative_to(site), problem, type="page_assets")

    def _bundle(self, esbuild: Path, static: Path) -> None:
        # Fonts and images stay where they are. Browsers that know no WOFF2 are older than what the site needs.
        files = ["--loader:.woff2=file", "--loader:.png=file", "--external:*.woff", "--external:*.ttf"]
        command = [
            str(esbuild),
            "--bundle",
            "--minify",
            "--loader=css",
            *files,
            "--asset-names=assets/[name]-[hash]",
        ]
        done = subprocess.run(
            [*command, "--log-level=warning", f"--outfile={STYLE}"],
            input="".join(f'@import "{sheet}";\n' for sheet in [*SHEETS, *self.sheets]),
            cwd=static,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            raise ExtensionError(f"the style sheet cannot be bundled:\n{done.stderr}")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    assets = PageAssets(app)
    app.connect("config-inited", _add_icon_fonts)
    # After all that add styles and scripts to a page (500), and after those that copy or change styles (500).
    app.connect("html-page-context", assets.prepare, priority=900)
    app.connect("build-finished", assets.finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
