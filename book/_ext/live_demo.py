"""The live demo in the pages: its data from the package, script and first picture from book/live_demo."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import ReferenceRole, SphinxDirective
from sphinx.util.typing import OptionSpec
from sphinx.writers.html import HTMLTranslator

from adaptive_optim import SparseRegression
from adaptive_optim.figures import AXIS_RANGE, CONTOUR_LEVELS, STYLES

PAGE = "book/live_demo"
SEEDS = range(4)
MOST_STEPS, MOST_IN_A_BATCH = 2000, 16
# Plotly's names for dashes, as SVG draws them.
DASHES = {"solid": "", "dot": "2 3", "dash": "6 4", "dashdot": "8 3 2 3", "16px,3px": "16 3"}

NO_SCRIPT = "<noscript>The controls need JavaScript. This is the state at 100% activity.</noscript>"

logger = logging.getLogger(__name__)


def seed_data(seed: int) -> dict[str, Any]:
    """Return all random numbers of a seed as JSON; those that are not whole as the bytes they have in memory."""
    problem = SparseRegression(seed=seed)
    draws = problem.draws
    epochs = -(-MOST_STEPS * MOST_IN_A_BATCH // problem.num_samples)
    return {
        "dense": _bytes(draws["dense"]),
        "noise": _bytes(draws["noise"]),
        "sign": "".join("+" if sign > 0 else "-" for sign in draws["sign"]),
        "rank": draws["rank"].tolist(),
        "orders": [problem.epoch_order(epoch) for epoch in range(epochs)],
    }


def _bytes(numbers: Any) -> str:
    return base64.b64encode(np.asarray(numbers, "<f8").tobytes()).decode()


def demo_data() -> dict[str, Any]:
    """Return all that the demo takes from the package: random numbers, colours, dashes and contour levels."""
    optimizers = [
        {"name": name, "color": style["color"], "dashes": DASHES[style["dash"]]} for name, style in STYLES.items()
    ]
    options = {"optimizers": optimizers, "window": AXIS_RANGE, "levels": CONTOUR_LEVELS.tolist()}
    return {"chartOptions": options, "seeds": [seed_data(seed) for seed in SEEDS]}


class Demo(nodes.General, nodes.Element):  # type: ignore[misc]
    """Where the live demo stands in a page."""


class DemoDirective(SphinxDirective):
    """``{live-demo}``: the demo. With ``:compact:`` only plot, bars and activity.

    Its content stands in its place where nobody knows the directive, as in JupyterLab.
    """

    has_content = True
    option_spec: ClassVar[OptionSpec] = {"compact": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Put the demo into the document."""
        kind = "compact" if "compact" in self.options else "full"
        self.env.metadata[self.env.docname]["live_demo"] = kind
        return [Demo(kind=kind)]


class PresetRole(ReferenceRole):
    """``{demo}`words <preset>```: a link that opens the live demo in the state of a preset."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Make the link, or warn that there is no such preset."""
        path = _folder(self.env.app) / "presets.json"
        self.env.note_dependency(str(path))
        presets = json.loads(path.read_text(encoding="utf-8"))
        if self.target not in presets:
            names = ", ".join(presets)
            logger.warning(
                "no preset %r of the live demo: must be one of %s", self.target, names, location=self.get_location()
            )
        page = self.env.app.builder.get_relative_uri(self.env.docname, PAGE)
        address = f"{page}#preset={self.target}"
        return [nodes.reference(self.rawtext, self.title, internal=True, refuri=address)], []


def _folder(app: Sphinx) -> Path:
    return Path(app.confdir, "book", "live_demo")


def _made(app: Sphinx) -> Path:
    return Path(app.confdir, "_build", "live_demo")


def _add_static_path(app: Sphinx, config: Config) -> None:
    static = _made(app) / "_static"
    static.mkdir(parents=True, exist_ok=True)  # Sphinx looks for it before there is anything to put there.
    config["html_static_path"] = [*config["html_static_path"], str(static)]


def _make(app: Sphinx) -> None:
    """Make script, data and first pictures, unless those that are there are made of the same."""
    if app.builder.format != "html":
        return
    folder, kept = _folder(app), _made(app) / "pictures.json"
    data = demo_data()
    digest = hashlib.sha256(json.dumps(data).encode())
    sources = [*folder.glob("*.*"), Path(app.confdir, "package-lock.json"), Path(__file__)]
    for path in sorted(sources):
        digest.update(path.read_bytes())
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    if known.get("made_of") != digest.hexdigest():
        # Taken away first and put there last: a build that was killed leaves nothing that looks finished.
        kept.unlink(missing_ok=True)
        known = {"made_of": digest.hexdigest(), "pictures": _bundle(folder, _made(app), data)}
        unfinished = kept.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(known), encoding="utf-8")
        unfinished.replace(kept)
    app.env.live_demo_pictures = known["pictures"]  # type: ignore[attr-defined]


def _bundle(folder: Path, made: Path, data: dict[str, Any]) -> Any:
    """Write data, script and style, and return the first pictures."""
    static = made / "_static"
    shutil.rmtree(static)
    static.mkdir()
    (made / "data.json").write_text(json.dumps(data), encoding="utf-8")
    # The compact demo offers no other seed than the first.
    for kind, part in {"full": data, "compact": data | {"seeds": data["seeds"][:1]}}.items():
        text = json.dumps(part, separators=(",", ":"))
        (static / f"live-demo-data-{kind}.js").write_text(f"window.liveDemoData={text};\n", encoding="utf-8")
    command = ["node", str(folder / "build.js"), str(made / "data.json"), str(static)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        raise ExtensionError(f"building the live demo failed ('make book' installs what it needs):\n{done.stderr}")
    return json.loads(done.stdout)


def map_on(app: Sphinx, page: str) -> str | None:
    """Return the map of the demo on a page, with its styles, to show it elsewhere; None where there is no demo."""
    kind = app.env.metadata[page].get("live_demo")
    if kind is None:
        return None
    picture = app.env.live_demo_pictures[kind]  # type: ignore[attr-defined]
    style = (_made(app) / "_static" / "live-demo.css").read_text(encoding="utf-8")
    svg = picture[picture.index("<svg") : picture.index("</svg>")] + "</svg>"
    return f'<style>{style}</style><div class="live-demo {kind}">{svg}</div>'


def _outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Write the pages with a demo again when anything of it has changed."""
    if app.builder.format != "html":
        return []
    digest = hashlib.sha256(json.dumps(env.live_demo_pictures).encode())  # type: ignore[attr-defined]
    for path in sorted((_made(app) / "_static").iterdir()):
        digest.update(path.read_bytes())
    before = getattr(env, "live_demo_digest", None)
    env.live_demo_digest = digest.hexdigest()  # type: ignore[attr-defined]
    if env.live_demo_digest == before:  # type: ignore[attr-defined]
        return []
    return [name for name in env.found_docs if env.metadata[name].get("live_demo")]


def _visit(translator: HTMLTranslator, node: Demo) -> None:
    kind = node["kind"]
    picture = translator.builder.env.live_demo_pictures[kind]  # type: ignore[attr-defined]
    demo = f'<div class="live-demo {kind}">{picture}</div>'
    translator.body.append(f'<div class="live-demo-frame">{NO_SCRIPT}{demo}</div>')
    raise nodes.SkipNode


def _skip(translator: Any, node: Demo) -> None:
    raise nodes.SkipNode


def _add_files(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    kind = app.env.metadata.get(pagename, {}).get("live_demo")
    if kind:
        app.add_css_file("live-demo.css")
        app.add_js_file(f"live-demo-data-{kind}.js", loading_method="defer")
        app.add_js_file("live-demo.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_node(Demo, html=(_visit, None), latex=(_skip, None), text=(_skip, None))
    app.add_directive("live-demo", DemoDirective)
    app.add_role("demo", PresetRole())
    app.connect("config-inited", _add_static_path)
    app.connect("builder-inited", _make)
    app.connect("env-get-outdated", _outdated)
    app.connect("html-page-context", _add_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
