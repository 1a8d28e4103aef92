"""Put the live demo into pages: its data from the package, its script and first picture from book/live_demo."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import ReferenceRole, SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html5 import HTML5Translator

from adaptive_optim import SparseRegression
from adaptive_optim.figures import AXIS_RANGE, CONTOUR_LEVELS, STYLES

PAGE = "book/live_demo"
SEEDS = range(4)
MAX_STEPS, MAX_BATCH_SIZE = 2000, 16
# Plotly's names for dashes, as SVG draws them.
DASHES = {"solid": "", "dot": "2 3", "dash": "6 4", "dashdot": "8 3 2 3", "16px,3px": "16 3"}
NO_SCRIPT = "<noscript>The controls need JavaScript. This is the state at 100% activity.</noscript>"

logger = logging.getLogger(__name__)


def seed_data(seed: int) -> dict[str, Any]:
    """Return all random numbers of a seed as JSON: floating-point numbers as their bytes in memory."""
    problem = SparseRegression(seed=seed)
    draws = problem.draws
    epochs = -(-MAX_STEPS * MAX_BATCH_SIZE // problem.num_samples)
    return {
        **{name: base64.b64encode(draws[name].astype("<f8").tobytes()).decode() for name in ("dense", "noise")},
        "sign": "".join("+" if sign > 0 else "-" for sign in draws["sign"]),
        "rank": draws["rank"].tolist(),
        "orders": [problem.epoch_order(epoch) for epoch in range(epochs)],
    }


def demo_data() -> dict[str, Any]:
    """Return what the demo takes from the package: random numbers, colours, dashes and contour levels."""
    optimizers = [
        {"name": name, "color": style["color"], "dashes": DASHES[style["dash"]]} for name, style in STYLES.items()
    ]
    options = {"optimizers": optimizers, "window": AXIS_RANGE, "levels": CONTOUR_LEVELS.tolist()}
    return {"chartOptions": options, "seeds": [seed_data(seed) for seed in SEEDS]}


class Demo(nodes.General, nodes.Element):  # type: ignore[misc]
    """The live demo in a page."""


class DemoDirective(SphinxDirective):
    """``{live-demo}``: the demo, or with ``:compact:`` only its plot, bars and activity.

    JupyterLab shows the content of the directive instead.
    """

    has_content = True
    option_spec: ClassVar[OptionSpec] = {"compact": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Return the node of the demo."""
        kind = "compact" if "compact" in self.options else "full"
        self.env.metadata[self.env.docname]["live_demo"] = kind
        return [Demo(kind=kind)]


class PresetRole(ReferenceRole):
    """``{demo}`words <preset>```: a link that opens the live demo in the state of a preset."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link, and warn if there is no such preset."""
        path = Path(self.env.app.confdir, PAGE, "presets.json")
        self.env.note_dependency(str(path))
        presets = json.loads(path.read_text(encoding="utf-8"))
        if self.target not in presets:
            logger.warning(
                "the live demo has no preset %r: must be one of %s",
                self.target,
                ", ".join(presets),
                location=self.get_location(),
            )
        page = self.env.app.builder.get_relative_uri(self.env.docname, PAGE)
        address = f"{page}#preset={self.target}"
        return [nodes.reference(self.rawtext, self.title, internal=True, refuri=address)], []


@cache
def _built(root: Path) -> Path:
    """Build the demo unless its sources are unchanged, and return the folder with its files and pictures."""
    lock = root / "package-lock.json"
    sources = [*(root / PAGE).glob("*.*"), *(root / "src" / "adaptive_optim").rglob("*.py"), Path(__file__), lock]
    digest = hashlib.sha256()
    for path in sorted(sources):
        digest.update(path.read_bytes())
    folder = root / "_build" / "live_demo" / digest.hexdigest()[:16]
    if folder.is_dir():
        return folder
    shutil.rmtree(folder.parent, ignore_errors=True)
    unfinished = folder.with_suffix(".unfinished")
    static = unfinished / "static"
    static.mkdir(parents=True)
    data = demo_data()
    (folder.parent / "data.json").write_text(json.dumps(data), encoding="utf-8")
    # The compact demo offers no other seed.
    for kind, part in {"full": data, "compact": data | {"seeds": data["seeds"][:1]}}.items():
        text = json.dumps(part, separators=(",", ":"))
        (static / f"live-demo-data-{kind}.js").write_text(f"window.liveDemoData={text};\n", encoding="utf-8")
    command = ["node", str(root / PAGE / "build.js"), str(folder.parent / "data.json"), str(static)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        raise ExtensionError(f"building the live demo failed ('make book' installs what it needs):\n{done.stderr}")
    for kind, picture in json.loads(done.stdout).items():
        (unfinished / f"{kind}.html").write_text(picture, encoding="utf-8")
    # Last: if the build is killed before, the next one starts again.
    return unfinished.rename(folder)


def _add_static_path(app: Sphinx, config: Config) -> None:
    # Sphinx writes all pages again when this setting has changed, and so when the name of the folder has.
    config["html_static_path"] = [*config["html_static_path"], str(_built(Path(app.confdir)) / "static")]


def _picture(app: Sphinx, kind: str) -> str:
    return (_built(Path(app.confdir)) / f"{kind}.html").read_text(encoding="utf-8")


def first_map(app: Sphinx, page: str) -> str | None:
    """Return the first drawing of the demo on a page with its styles, to show it elsewhere, or None."""
    kind = app.env.metadata[page].get("live_demo")
    if kind is None:
        return None
    style = (_built(Path(app.confdir)) / "static" / "live-demo.css").read_text(encoding="utf-8")
    svg = _picture(app, kind).partition("<svg")[2].partition("</svg>")[0]
    return f'<style>{style}</style><div class="live-demo {kind}"><svg{svg}</svg></div>'


def _visit(translator: HTML5Translator, node: Demo) -> None:
    kind = node["kind"]
    demo = f'<div class="live-demo {kind}">{_picture(translator.builder.app, kind)}</div>'
    translator.body.append(f'<div class="live-demo-frame">{NO_SCRIPT}{demo}</div>')
    raise nodes.SkipNode


def _add_files(app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any) -> None:
    kind = app.env.metadata.get(page, {}).get("live_demo")
    if kind:
        app.add_js_file(f"live-demo-data-{kind}.js", loading_method="defer")
        app.add_js_file("live-demo.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_node(Demo, html=(_visit, None))
    app.add_directive("live-demo", DemoDirective)
    app.add_role("demo", PresetRole())
    app.connect("config-inited", _add_static_path)
    app.connect("html-page-context", _add_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
