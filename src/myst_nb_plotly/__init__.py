"""Show Plotly figures in any MyST-NB site: as a picture at once, interactive when a reader wants it.

Installing the package is enough for MyST-NB to find the renderer; naming the extension, ``myst_nb_plotly``, in the
site's list of extensions does the rest.

- ``figure``: one figure as Plotly's JSON, and the HTML that stands for it on a page
- ``chromium``: a Chromium that works for a build
- ``pictures``: figures as SVG, drawn by it while the site is built
- ``static``: what runs in the reader's browser; it also draws the pictures, so that the two are alike
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment
from sphinx.errors import ConfigError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.display import status_iterator
from sphinx.util.osutil import relative_uri

from myst_nb_plotly.chromium import NoChromiumError
from myst_nb_plotly.figure import Figure, digest, figure_html
from myst_nb_plotly.pictures import Pictures, Studio

PLOTLY_MIME_TYPE = "application/vnd.plotly.v1+json"
STATIC = Path(str(files(__name__) / "static"))
SCRIPT = "myst-nb-plotly.js"
STYLE = "myst-nb-plotly.css"
# Where a site has its figures' data, their pictures and plotly.js, below _static.
FIGURES = "plotly-figures"
# What turns SVG into something that LaTeX can show.
CONVERTER = "sphinx.ext.imgconverter"
# Where the environment notes which figures a page has.
KEY = "plotly_figures"

logger = logging.getLogger(__name__)


class PlotlyRenderer:
    """Turn a figure in a notebook's output into a node of the page."""

    mime_priority_overrides = (("*", PLOTLY_MIME_TYPE, 1),)

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Return the node for one output, or None when it is not a block with a Plotly figure in a Sphinx site."""
        env = renderer.renderer.sphinx_env
        if inline or env is None or data.mime_type != PLOTLY_MIME_TYPE:
            return None
        options = (data.cell_metadata.get("mystnb") or {}).get("image") or {}
        figure = Figure.from_json(data.content, alt=options.get("alt"))
        if not figure.alt:
            logger.warning(
                "a Plotly figure has no text alternative: say what is to be seen, "
                'with fig.update_layout(meta={"alt": "..."}) or with the option mystnb: image: alt: of its cell',
                location=(env.docname, data.line),
                type="myst_nb_plotly",
                subtype="alt",
            )
        if figure.asks_for_missing_traces:
            logger.warning(
                "layout.meta['table'] of a Plotly figure is %r: it must be True, or positions from 0 to %d",
                figure.meta["table"],
                len(figure.traces) - 1,
                location=(env.docname, data.line),
                type="myst_nb_plotly",
                subtype="table",
            )
        _keep(env, figure)
        return [plotly_figure(digest=figure.digest)]


class plotly_figure(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801
    """A figure on a page, known by the digest of its content."""


class PictureForPaper(SphinxPostTransform):
    """Put a figure's picture, or else its text alternative, where no browser shows the page."""

    default_priority = 9

    def run(self, **kwargs: Any) -> None:
        """Replace every figure of a page."""
        builder = self.app.builder
        if _interactive(builder):
            return
        shows_svg = "image/svg+xml" in builder.supported_image_types or CONVERTER in self.app.extensions
        for node in list(self.document.findall(plotly_figure)):
            figure = _read(self.env, node["digest"])
            picture = _pictures(self.app).of(figure)
            if picture is None or not shows_svg:
                node.replace_self(nodes.paragraph(text=figure.alt))
            else:
                path = str(picture / Pictures.FOR_PAPER)
                self.env.images.add_file(self.env.docname, path)
                node.replace_self(nodes.image(uri=path, candidates={"image/svg+xml": path}, alt=figure.alt))


def _interactive(builder: Builder) -> bool:
    return builder.format == "html" and builder.name != "epub"


def _store(env: BuildEnvironment, name: str) -> Path:
    # As old as the page's doctree, and gone with it.
    return Path(env.doctreedir, KEY, f"{name}.json")


def _keep(env: BuildEnvironment, figure: Figure) -> None:
    path = _store(env, figure.digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(figure.json, encoding="utf-8")
    env.metadata[env.docname].setdefault(KEY, {})[figure.digest] = figure.trace_types


def _read(env: BuildEnvironment, name: str) -> Figure:
    return Figure(_store(env, name).read_text(encoding="utf-8"))


def _figures(env: BuildEnvironment) -> dict[str, Figure]:
    """Return every figure of the site by its digest."""
    return {name: _read(env, name) for page in sorted(env.found_docs) for name in env.metadata[page].get(KEY, {})}


def _pictures(app: Sphinx) -> Pictures:
    return _pictures_below(Path(app.outdir).parent)


@cache  # for the digest of a large bundle
def _pictures_below(folder: Path) -> Pictures:
    return Pictures(folder / ".plotly-pictures", _full_bundle(), STATIC / SCRIPT)


def pictures_of(app: Sphinx, page: str) -> list[Path]:
    """Return one picture, as SVG, of each figure of a page, as far as they are drawn."""
    figures = [_read(app.env, name) for name in app.env.metadata[page].get(KEY, {})]
    drawn = [_pictures(app).of(figure) for figure in figures]
    return [folder / Pictures.FOR_PAPER for folder in drawn if folder]


def _full_bundle() -> Path:
    return Path(str(files("plotly") / "package_data" / "plotly.min.js"))


def _configured_bundle(app: Sphinx) -> Path:
    configured = app.config.myst_nb_plotly_bundle
    if not configured:
        return _full_bundle()
    path = Path(app.confdir, configured)
    if not path.is_file():
        raise ConfigError(f"myst_nb_plotly_bundle={configured!r}: no such file below {app.confdir}")
    return path


@cache
def _trace_types(bundle: Path) -> frozenset[str]:
    """Return the types of traces that a bundle of plotly.js can draw."""
    return frozenset(re.findall(r'moduleType:"trace",name:"(\w+)"', bundle.read_text(encoding="utf-8")))


@cache
def _published_name(bundle: Path) -> str:
    # Another content is another name, so browsers can keep the file for ever.
    return f"plotly-{digest(bundle.read_bytes())}.js"


def _bundle(app: Sphinx, page: str) -> Path:
    """Return the bundle for a page: the configured one, unless one of its figures needs more."""
    bundle = _configured_bundle(app)
    needed = {kind for types in app.env.metadata[page].get(KEY, {}).values() for kind in types}
    return bundle if needed <= _trace_types(bundle) else _full_bundle()


def _begin(app: Sphinx) -> None:
    if _interactive(app.builder):
        _configured_bundle(app)  # A missing file is said before anything is built.
        app.config.html_static_path.append(str(STATIC))


def _draw_pictures(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Draw the pictures that are missing, and return the pages that have to be written again for it."""
    figures, pictures = _figures(env), _pictures(app)
    missing = [figure for figure in figures.values() if pictures.of(figure) is None]
    if missing:
        try:
            with Studio(pictures) as studio:
                for figure in status_iterator(
                    missing,
                    "drawing figures... ",
                    "purple",
                    len(missing),
                    app.verbosity,
                    lambda figure: figure.alt[:60],
                ):
                    problem = studio.draw(figure)
                    if problem:
                        pages = [
                            page for page in env.found_docs if figure.digest in env.metadata[page].get(KEY, {})
                        ]
                        logger.warning(
                            "a Plotly figure (%s) has no picture: %s",
                            figure.alt[:60],
                            problem,
                            location=pages[0],
                            type="myst_nb_plotly",
                            subtype="picture",
                        )
        except NoChromiumError as reason:
            # Nothing is wrong with the site: its figures are only drawn later, and not at all without JavaScript.
            logger.info(
                "myst_nb_plotly: without a picture, %d of %d figures: %s", len(missing), len(figures), reason
            )
    if not _interactive(app.builder):
        return []
    static = Path(app.outdir, "_static")
    published = static / FIGURES
    # A page names script and style by their content.
    scripts_are_new = any(
        not (static / name).is_file() or (static / name).read_bytes() != (STATIC / name).read_bytes()
        for name in (SCRIPT, STYLE)
    )
    changed = {
        name
        for name, figure in figures.items()
        if scripts_are_new or (pictures.of(figure) is None) == (published / name).is_dir()
    }
    return [page for page in env.found_docs if changed & set(env.metadata[page].get(KEY, {}))]


def _add_assets(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document) -> None:
    if doctree is not None and _interactive(app.builder) and any(doctree.findall(plotly_figure)):
        app.add_css_file(STYLE)
        app.add_js_file(SCRIPT, loading_method="defer")


def _visit(translator: Any, node: plotly_figure) -> None:
    app = translator.builder.app
    page = translator.builder.current_docname
    figure = _read(app.env, node["digest"])
    here = translator.builder.get_target_uri(page)
    html = figure_html(
        figure,
        folder=relative_uri(here, posixpath.join("_static", FIGURES)),
        bundle=_published_name(_bundle(app, page)),
        pictures=_pictures(app).of(figure),
    )
    translator.body.append(html)
    raise nodes.SkipNode


def _publish(app: Sphinx, exception: Exception | None) -> None:
    """Put the figures' data and pictures, and plotly.js, into the site, and take away those of figures gone."""
    if exception is not None or not _interactive(app.builder):
        return
    target = Path(app.outdir, "_static", FIGURES)
    figures, pictures = _figures(app.env), _pictures(app)
    pages = [page for page in app.env.found_docs if app.env.metadata[page].get(KEY)]
    if pages:
        target.mkdir(parents=True, exist_ok=True)
    wanted = set()
    # What stays is never away, so a page that is open while the site is built misses nothing.
    for bundle in {_bundle(app, page) for page in pages}:
        wanted.add(target / _published_name(bundle))
        shutil.copyfile(bundle, target / _published_name(bundle))
    for name, figure in figures.items():
        wanted |= {target / f"{name}.js", target / name}
        (target / f"{name}.js").write_text(figure.script, encoding="utf-8")
        picture = pictures.of(figure)
        if picture:
            shutil.copytree(picture, target / name, dirs_exist_ok=True)
        else:
            shutil.rmtree(target / name, ignore_errors=True)
    for path in set(target.glob("*")) - wanted:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    pictures.forget_all_but(figures.values())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_config_value("myst_nb_plotly_bundle", None, "html", [str])
    app.add_node(plotly_figure, html=(_visit, None))
    app.add_post_transform(PictureForPaper)
    app.connect("builder-inited", _begin)
    app.connect("env-updated", _draw_pictures)
    app.connect("html-page-context", _add_assets)
    app.connect("build-finished", _publish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
