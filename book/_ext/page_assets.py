"""Give all pages one style sheet, small fonts, deferred scripts, and a policy that forbids other scripts."""

import base64
import hashlib
import shutil
import subprocess
import time
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

# The theme's layout links to the first two itself.
SHEETS = ["./styles/theme.css", "./styles/pydata-sphinx-theme.css", "./katex/katex.min.css"]
# The site's icons in Font Awesome, and the symbols of formulas besides ASCII. The complete fonts have 600 KB.
ICONS = (
    "f002 f00d f019 f03a f042 f062 f065 f09b f0c9 f0eb f104 f105 f107 f121 f135 f15b f171 f185 f186 f1c1 f296 f303"
)
SYMBOLS = (
    "\u00a0\u2005\u2009\u200a\u200b\u2061"
    "°±·×÷ˆˉ˙˜ΓΔΘΛΞΠΣΥΦΨΩαβγδεζηθικλμνξοπρςστυφχψωϑϕϖϱϵ’“”†…′ℓ←→↔↦⇒⇔∀∂∃∅∇∈∉∑−∓∗√∝∞∣∥∩∪∼≈≠≡≤≥≺≻⊂⊆⊕⊗⊙⊤⋅⌈⌉⌊⌋⟨⟩⪯⪰"
)
CHARACTERS = "20-7e " + " ".join(f"{ord(symbol):x}" for symbol in SYMBOLS)

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
    """The policy of a page, and the scripts in its HTML."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.policy = ""
        self.inline: list[str] = []
        self.in_attributes: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        self.in_attributes += [text for text in values.values() if text.startswith("javascript:")]
        self.in_attributes += [text for name, text in values.items() if name.startswith("on")]
        self.inline.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.inline[-1] += data


def violations(page: str) -> list[str]:
    """Return which scripts in the HTML of a page its policy would block."""
    scripts = _Scripts(page)
    if not scripts.policy:
        return ["no policy"]
    blocked = [text for text in scripts.inline if text.strip() and _digest(text) not in scripts.policy]
    return [f"script not in the policy: {text[:80]}" for text in [*blocked, *scripts.in_attributes]]


def _add_fonts(app: Sphinx, config: Config) -> None:
    """Replace the fonts by smaller ones: Sphinx copies these folders after those of the theme."""
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
    katex, icons = Path(app.confdir, "node_modules", "katex", "dist"), Path("vendor", "fontawesome", "webfonts")
    style = (katex / "katex.min.css").read_text(encoding="utf-8")
    made_of = (pydata_sphinx_theme.__version__, fontTools.version, ICONS, CHARACTERS, style)
    static = Path(app.confdir, "_build", ".fonts", hashlib.sha256(repr(made_of).encode()).hexdigest()[:16])
    if not static.is_dir():
        from fontTools import subset  # here, as most builds do without

        fontTools.log.setLevel("WARNING")
        unfinished = static.with_suffix(".unfinished")
        shutil.rmtree(static.parent, ignore_errors=True)
        options = ["--flavor=woff2", "--layout-features=", "--no-hinting"]
        kinds = ((theme / icons, icons, ICONS), (katex / "fonts", Path("katex", "fonts"), CHARACTERS))
        for source, target, characters in kinds:
            (unfinished / target).mkdir(parents=True)
            for font in source.glob("*.woff2"):
                output = unfinished / target / font.name
                subset.main([str(font), f"--unicodes={characters}", f"--output-file={output}", *options])
        shutil.copy(katex / "katex.min.css", unfinished / "katex")
        unfinished.rename(static)
    config["html_static_path"] = [*config["html_static_path"], str(static)]


class PageAssets:
    """The styles and scripts of all pages of a build."""

    def __init__(self) -> None:
        self.sheets: dict[str, None] = {}
        self.version = ""
        self.started = time.time()

    def note_version(self, app: Sphinx) -> None:
        """Compute the version of the style sheet from its sources, because pages are written before the sheet."""
        root, digest = Path(app.confdir), hashlib.sha256()
        own = [path for folder in app.config.html_static_path for path in sorted((root / folder).glob("*.css"))]
        for path in filter(Path.is_file, [*own, root / "book" / "requirements.txt"]):
            digest.update(path.read_bytes())
        self.version = digest.hexdigest()[:8]

    def prepare(self, app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any) -> None:
        """Note the styles of a page, and put its scripts in order for layout.html."""
        if app.builder.format != "html":
            return
        css = sorted(context["css_files"], key=lambda sheet: sheet.priority)
        names = [
            str(sheet.filename).removeprefix("_static/") for sheet in css if sheet.attributes["rel"] == "stylesheet"
        ]
        self.sheets |= dict.fromkeys(f"./{name}" for name in names)
        inline = dict.fromkeys(js.attributes["body"] for js in context["script_files"] if not js.filename)
        # DOCUMENTATION_OPTIONS is in a deferred script, too late for what the theme adds. The site works without.
        context["inline_script"] = "\n".join(text for text in inline if "DOCUMENTATION_OPTIONS" not in text)
        context["script_files"] = [js for js in context["script_files"] if js.filename]
        context["style_version"] = self.version
        context["content_security_policy"] = lambda *scripts: escape(policy(*scripts))
        context.setdefault("pagetitle", context.get("title"))  # for a heading that must not be empty

    def finish(self, app: Sphinx, exception: Exception | None) -> None:
        """Bundle the style sheet, and check the pages that were written against their policy."""
        if exception is not None or app.builder.format != "html" or not self.sheets:
            return
        site = Path(app.outdir)
        shutil.rmtree(site / "_static" / "assets", ignore_errors=True)
        # Fonts in WOFF2 come first, and are all that a browser loads.
        files = ["--loader:.woff2=file", "--loader:.png=file", "--external:*.woff", "--external:*.ttf"]
        options = [
            "--bundle",
            "--minify",
            "--loader=css",
            "--log-level=warning",
            "--asset-names=assets/[name]-[hash]",
        ]
        done = subprocess.run(
            [str(Path(app.confdir, "node_modules", ".bin", "esbuild")), *options, *files, "--outfile=site.css"],
            input="".join(f'@import "{sheet}";\n' for sheet in [*SHEETS, *self.sheets]),
            cwd=site / "_static",
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            raise ExtensionError(f"the style sheet cannot be bundled:\n{done.stderr}")
        for path in sorted(site.rglob("*.html")):
            if path.stat().st_mtime >= self.started and "_static" not in path.parts:
                for problem in violations(path.read_text(encoding="utf-8")):
                    logger.warning("%s: %s", path.relative_to(site), problem, type="page_assets")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    assets = PageAssets()
    app.connect("config-inited", _add_fonts)
    # After the extensions (500) that add folders of styles, styles and scripts of pages, and files of styles.
    app.connect("builder-inited", assets.note_version, priority=900)
    app.connect("html-page-context", assets.prepare, priority=900)
    app.connect("build-finished", assets.finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
