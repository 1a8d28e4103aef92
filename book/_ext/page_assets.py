"""What every page loads: one style sheet, five scripts, and the policy that keeps everything else away."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import shutil
import subprocess
import sys
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import fontTools
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

# What the theme's own layout loads besides what it tells Sphinx of, in its order.
THEME_SHEETS = ["styles/theme.css", "styles/pydata-sphinx-theme.css"]
SHEET = "site.css"
# Not all in one: a phone takes breath between two scripts, and not within one. The second is the theme's, the first
# has what comes before it, the third what comes after.
SCRIPTS = ["sphinx.js", "theme.js", "site.js", "scripts/bootstrap.js", "scripts/pydata-sphinx-theme.js"]
THEME_SCRIPT = "scripts/sphinx-book-theme.js"
# Merged, these are of no more use. Half a megabyte of fontawesome.js never was: the icons come from a font.
MERGED = ["styles/", "vendor/", "katex/", THEME_SCRIPT, "scripts/fontawesome.js"]
# The theme measures every box that may scroll while the page loads, and so has all of it laid out once more. Here
# scroll_areas.js does it, when the size of a box has changed.
MEASURING = (
    'document.querySelectorAll(["pre",".nboutput > .output_area",".cell_output > .output",'
    '".jp-RenderedHTMLCommon",".pst-scrollable-table-container"].join(", "))'
)
NOT_MEASURING = "[/* scroll_areas.js */]"

logger = logging.getLogger(__name__)


def policy(inline_scripts: list[str]) -> str:
    """Return a Content-Security-Policy that allows a page's own files and these inline scripts.

    Formulas and figures carry style attributes, so styles may be inline. Fonts may be data, for icons and formulas.
    So may pictures, for the theme's arrows and for Plotly, which draws maps of cells as such.
    """
    sources = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", *(f"'sha256-{_digest(text)}'" for text in inline_scripts)]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
    }
    return "; ".join(f"{what} {where}" for what, where in sources.items())


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def violations(page: str) -> list[str]:
    """Return what the policy of a page would keep from running, of what stands in its HTML."""
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    if found is None:
        return ["no policy"]
    allowed = html.unescape(found[1])
    problems = [
        f"script not in the policy: {text.strip()[:80]}"
        for attributes, text in re.findall(r"<script\b([^>]*)>(.*?)</script>", page, re.DOTALL)
        if text.strip() and "application/json" not in attributes and _digest(text) not in allowed
    ]
    handlers = re.findall(r"<[a-z][^<>]*?\s(on[a-z]+=\"[^\"]*\")", page)
    links = re.findall(r"(?:href|src)=\"(javascript:[^\"]*)\"", page)
    return problems + [f"script in an attribute: {text}" for text in [*handlers, *links]]


def without_unused(style: str, words: set[str]) -> str:
    """Return a style sheet without selectors that name a class which is no word of any page or script.

    Bootstrap puts names that begin with ``bs-`` together as it runs.
    """

    def keep(selector: str) -> bool:
        asked = re.sub(r":(?:not|is|where|has)\(.*\)", "", selector)
        classes = re.findall(r"\.(-?[a-z_][\w-]*)", asked, re.IGNORECASE)
        return "\\" in asked or all(name in words or name.startswith("bs-") for name in classes)

    def rule(found: re.Match[str]) -> str:
        selectors = [each for each in re.split(r",(?![^(]*\))", found[1]) if keep(each)]
        return ",".join(selectors) + found[2] if selectors else ""

    # Comments that name a licence stay.
    parts = re.split(r"(/\*!.*?\*/)", re.sub(r"/\*[^!].*?\*/", "", style, flags=re.DOTALL), flags=re.DOTALL)
    rules = [re.sub(r"([^{};]+)(\{[^{}]*\})", rule, part) for part in parts[::2]]
    return "".join(text for pair in zip(rules, [*parts[1::2], ""], strict=True) for text in pair)


def modern_fonts(style: str) -> str:
    """Return a style sheet that asks for fonts as WOFF2 alone, which every browser has known for years."""
    return re.sub(r',\s*url\([^)]*\.(?:ttf|woff)\)\s*format\("?[\w-]+"?\)', "", style)


def subset(font: bytes, characters: set[int]) -> bytes:
    """Return a WOFF2 font with these characters alone."""
    from fontTools.subset import Options, Subsetter  # They take as long to import as the edit of a text to read.
    from fontTools.ttLib import TTFont

    options = Options(flavor="woff2", layout_features=[], notdef_outline=True, hinting=False)
    loaded = TTFont(BytesIO(font), recalcTimestamp=False)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(loaded)
    loaded.flavor = "woff2"
    result = BytesIO()
    loaded.save(result)
    return result.getvalue()


# The fonts that most formulas are set in, with the classes of what is set in them; the first has all the rest.
FORMULA_FONTS = {
    "KaTeX_Main-Regular": "",
    "KaTeX_Math-Italic": r"\bmathnormal\b",
    "KaTeX_AMS-Regular": r"\b(?:amsrm|mathbb)\b",
    "KaTeX_Size1-Regular": r"\bdelimsizing size1\b|\bsmall-op\b",
    "KaTeX_Size2-Regular": r"\bdelimsizing size2\b|\blarge-op\b",
}


def formulas(page: str) -> dict[str, set[int]]:
    """Return the characters of a page's formulas, by the font that most of them are in."""
    letters: dict[str, set[int]] = {font: set() for font in FORMULA_FONTS}
    main, *others = FORMULA_FONTS
    kinds = "m(?:ord|op|bin|rel|open|close|punct|inner)|vlist-s|delimsizing"
    leaf = rf'<span class="((?:{kinds})\b[^"]*)"[^>]*>([^<]+)<'
    for classes, text in re.findall(leaf, page):
        font = next((font for font in others if re.search(FORMULA_FONTS[font], classes)), main)
        letters[font].update(map(ord, html.unescape(text)))
    return letters


class Subsets:
    """Fonts with the characters of this site, kept for the next build: most edits change none of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._wanted: set[Path] = set()

    def inline(self, font: Path, characters: set[int]) -> str:
        """Return a font with these characters alone as a style sheet names it."""
        content = font.read_bytes()
        made_of = f"{fontTools.version} {sorted(characters)}".encode() + content
        kept = self.folder / f"{hashlib.sha256(made_of).hexdigest()[:16]}.woff2"
        self._wanted.add(kept)
        if not kept.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            # All of it or nothing, also when the build is interrupted here.
            unfinished = kept.with_suffix(".unfinished")
            unfinished.write_bytes(subset(content, characters))
            unfinished.replace(kept)
        return f"url(data:font/woff2;base64,{base64.b64encode(kept.read_bytes()).decode()})"

    def forget_others(self) -> None:
        """Take away what was not asked for."""
        for path in set(self.folder.glob("*")) - self._wanted:
            path.unlink()


def _collect(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Take from a page the styles and scripts that all pages share, and note them."""
    if app.builder.format != "html":
        return
    context["content_security_policy"] = lambda *scripts: html.escape(policy(list(scripts)))
    sheets = [_file(asset) for asset in sorted(context["css_files"], key=lambda asset: asset.priority)]
    scripts, own = [], []
    for asset in sorted(context["script_files"], key=lambda asset: asset.priority):
        if asset.attributes.get("defer") or asset.attributes.get("async"):
            own.append(asset)
        elif asset.filename:
            scripts.append(_file(asset))
        # The page's name is for the theme's switch between versions of a site, which this one does not have.
        elif "DOCUMENTATION_OPTIONS.pagename" not in asset.attributes["body"]:
            scripts.append("\n" + asset.attributes["body"])
    # A deferred script finds the page ready and begins at once: its settings have to be there before it.
    scripts.sort(key=lambda script: 0 if "documentation_options" in script else 1 if script.startswith("\n") else 2)
    # What a page and the site's settings both name stands where the settings have it: at the end.
    sheets = list(dict.fromkeys(reversed(sheets)))[::-1]
    shared = ([*THEME_SHEETS, *sheets], scripts)
    before = getattr(app, "page_assets", shared)
    if before != shared:
        raise ExtensionError(
            f"{pagename} loads {shared}, and the pages before it {before}: all have to load the same"
        )
    app.page_assets = shared  # type: ignore[attr-defined]
    context["css_files"], context["script_files"] = [], own
    context["shared_sheet"], context["shared_scripts"] = SHEET, SCRIPTS


def _file(asset: Any) -> str:
    return str(asset.filename).removeprefix("_static/")


def _front_page(app: Sphinx) -> list[tuple[str, dict[str, Any], str]]:
    """Return the page at the site's address, which leads on to the first chapter."""
    return [] if app.config.root_doc == "index" else [("index", {}, "front_page.html")]


def _finish(app: Sphinx, exception: Exception | None) -> None:
    """Merge styles and scripts, name their versions in all pages, and hold each page against its policy."""
    if exception is not None or app.builder.format != "html":
        return
    site, static = Path(app.outdir), Path(app.outdir, "_static")
    _measure_later(static / SCRIPTS[-1])
    if hasattr(app, "page_assets"):  # Some page was written.
        _merge(app, site, static)
    for name in MERGED:
        if name.endswith("/"):
            shutil.rmtree(static / name, ignore_errors=True)
        else:
            (static / name).unlink(missing_ok=True)


def _measure_later(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    if MEASURING not in text and NOT_MEASURING not in text:
        raise ExtensionError(f"{script.name}: has no {MEASURING}, which is not to run; is the theme a new one?")
    # Its source map is that of another script now.
    text = re.sub(r"//# sourceMappingURL=.*", "", text.replace(MEASURING, NOT_MEASURING))
    script.write_text(text, encoding="utf-8")


def _merge(app: Sphinx, site: Path, static: Path) -> None:
    paths = [path for path in sorted(site.rglob("*.html")) if static not in path.parents]
    pages = {path: path.read_text(encoding="utf-8") for path in paths}
    sheets, scripts = app.page_assets  # type: ignore[attr-defined]
    _merge_scripts(app, static, scripts)
    texts = [*pages.values(), *(path.read_text(encoding="utf-8") for path in static.rglob("*.js"))]
    words = set().union(*(re.findall(r"[a-zA-Z_-][\w-]*", text, re.ASCII) for text in texts))
    _merge_sheets(app, static, sheets, words, formulas("".join(pages.values())))
    versions = {name: hashlib.sha256((static / name).read_bytes()).hexdigest()[:8] for name in (SHEET, *SCRIPTS)}
    link = re.compile(rf'_static/({"|".join(map(re.escape, versions))})(?:\?v=\w*)?"')
    for path, text in pages.items():
        named = link.sub(lambda found: f'_static/{found[1]}?v={versions[found[1]]}"', text)
        if named != text:
            path.write_text(named, encoding="utf-8")
        for problem in violations(named):
            logger.warning("%s: %s", path.relative_to(site), problem, type="page_assets")


def _merge_scripts(app: Sphinx, static: Path, scripts: list[str]) -> None:
    if THEME_SCRIPT not in scripts:
        raise ExtensionError(f"no page loads {THEME_SCRIPT}: is the theme a new one?")
    place = scripts.index(THEME_SCRIPT)
    parts = [scripts[:place], [THEME_SCRIPT], scripts[place + 1 :]]
    for name, part in zip(SCRIPTS, parts, strict=False):
        texts = [
            script if script.startswith("\n") else (static / script).read_text(encoding="utf-8") for script in part
        ]
        # One of them being strict must not make all strict: with something before it, "use strict" is but a string.
        merged = ";" + "\n;".join(re.sub(r"//# sourceMappingURL=.*", "", text) for text in texts)
        (static / name).write_text(_esbuild(app, "--loader=js", input=merged), encoding="utf-8")


def _merge_sheets(
    app: Sphinx, static: Path, sheets: list[str], words: set[str], letters: dict[str, set[int]]
) -> None:
    subsets = Subsets(Path(app.outdir).parent / ".font-subsets")
    originals = {static / sheet: (static / sheet).read_text(encoding="utf-8") for sheet in sheets}
    styles = {path: modern_fonts(without_unused(text, words)) for path, text in originals.items()}
    characters = {
        int(code, 16) for style in styles.values() for code in re.findall(r"\\([ef][0-9a-f]{3})\b", style)
    }

    # With so few icons, their fonts are small enough to come with the style: nothing moves when they arrive.
    def icons(found: re.Match[str]) -> str:
        return subsets.inline(static / "vendor/fontawesome/webfonts" / found[1], characters)

    # So are the fonts that nearly all of a formula is set in. The whole font has all other letters.
    def few_letters(found: re.Match[str]) -> str:
        used = sorted(letters[found[1]])
        if not used:
            return found[0]
        font = subsets.inline(static / "katex/fonts" / f"{found[1]}.woff2", set(used))
        few = re.sub(r"src:[^}]*", f"src:{font};unicode-range:{','.join(f'U+{code:X}' for code in used)}", found[0])
        between = pairwise([-1, *used, sys.maxunicode + 1])
        others = ",".join(f"U+{last + 1:X}-{code - 1:X}" for last, code in between if code - last > 1)
        return found[0].replace("}", f";unicode-range:{others}}}") + few

    names = "|".join(letters)
    for path, style in styles.items():
        style = re.sub(r"url\([^)]*/webfonts/([\w-]+\.woff2)\)", icons, style)
        style = re.sub(rf"@font-face\{{[^}}]*/({names})\.woff2[^}}]*\}}", few_letters, style)
        path.write_text(style, encoding="utf-8")
    subsets.forget_others()
    imports = "".join(f'@import "./{sheet}";\n' for sheet in sheets)
    shutil.rmtree(static / "site", ignore_errors=True)
    _esbuild(
        app,
        "--loader=css",
        "--bundle",
        "--loader:.woff2=file",
        "--loader:.png=file",
        "--asset-names=site/[name]-[hash]",
        f"--outfile={static / SHEET}",
        input=imports,
        cwd=static,
    )
    # Who made one of them compares it with its own, and has pages written again if it is another.
    for path, text in originals.items():
        path.write_text(text, encoding="utf-8")


def _esbuild(app: Sphinx, *arguments: str, **settings: Any) -> str:
    esbuild = Path(app.confdir, "node_modules", ".bin", "esbuild")
    command = [str(esbuild), "--minify", "--log-level=warning", *arguments]
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", check=False, **settings
    )
    if done.returncode:
        raise ExtensionError(f"merging styles and scripts failed:\n{done.stderr}")
    return done.stdout


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    fontTools.log.setLevel("WARNING")  # It tells of each table of a font.
    app.connect("html-collect-pages", _front_page)
    app.connect("html-page-context", _collect, priority=900)
    app.connect("build-finished", _finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
