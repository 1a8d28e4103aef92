"""Show Plotly figures in any MyST-NB site: static pictures first, interactive figures on demand.

Installing the package registers the renderer with MyST-NB. The site must also list ``myst_nb_plotly`` in its
extensions.

- ``figure``: a figure's JSON, and its HTML on a page
- ``chromium``: a headless Chromium for the build
- ``pictures``: figures rendered as SVG during the build
- ``static``: the script and style of the pages; the same script renders the pictures, so both look alike
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Collection, Iterable
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
from myst_nb_plotly.pictures import PictureCache, picture_renderer

PLOTLY_MIME_TYPE = "application/vnd.plotly.v1+json"
STATIC = Path(str(files(__name__) / "static"))
SCRIPT = "myst-nb-plotly.js"
STYLE = "myst-nb-plotly.css"
# The folder below _static with the data and pictures of the figures, and plotly.js.
FIGURES_FOLDER = "plotly-figures"
# The extension that converts SVG for LaTeX.
IMAGE_CONVERTER = "sphinx.ext.imgconverter"
# Maps the digest of each figure of a page to its trace types, in the page's metadata.
METADATA_KEY = "plotly_figures"

logger = logging.getLogger(__name__)


class PlotlyRenderer:
    """Convert Plotly figures in the output of notebooks to nodes."""

    mime_priority_overrides = (("*", PLOTLY_MIME_TYPE, 1),)

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Return the node of a Plotly figure; None for inline output, for other output, and without Sphinx."""
        env = renderer.renderer.sphinx_env
        if inline or env is None or data.mime_type != PLOTLY_MIME_TYPE:
            return None
        options = (data.cell_metadata.get("mystnb") or {}).get("image") or {}
        figure = Figure.from_dict(data.content, alt=options.get("alt"))
        if not figure.alt:
            logger.warning(
                "a Plotly figure has no text alternative: describe what it shows with "
                'fig.update_layout(meta={"alt": "..."}) or with the cell option mystnb: image: alt:',
                location=(env.docname, data.line),
                type="myst_nb_plotly",
                subtype="alt",
            )
        if figure.has_invalid_table:
            logger.warning(
                "layout.meta['table'] of a Plotly figure is %r: it must be True, or positions from 0 to %d",
                figure.meta["table"],
                len(figure.traces) - 1,
                location=(env.docname, data.line),
                type="myst_nb_plotly",
                subtype="table",
            )
        _save_figure(env, figure)
        return [plotly_figure(digest=figure.digest)]


class plotly_figure(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801
    """A figure on a page, identified by its digest."""


class StaticFigures(SphinxPostTransform):
    """Replace figures by a picture, or by their text alternative, in formats other than HTML."""

    default_priority = 9

    def run(self, **kwargs: Any) -> None:
        """Replace all figures of a page."""
        builder = self.app.builder
        if _is_interactive(builder):
            return
        shows_svg = "image/svg+xml" in builder.supported_image_types or IMAGE_CONVERTER in self.app.extensions
        for node in list(self.document.findall(plotly_figure)):
            figure = _load_figure(self.env, node["digest"])
            pictures = _picture_cache(self.app).get(figure)
            if pictures is None or not shows_svg:
                node.replace_self(nodes.paragraph(text=figure.alt))
            else:
                path = str(pictures / PictureCache.STATIC)
                self.env.images.add_file(self.env.docname, path)
                node.replace_self(nodes.image(uri=path, candidates={"image/svg+xml": path}, alt=figure.alt))


def _is_interactive(builder: Builder) -> bool:
    return builder.format == "html" and builder.name != "epub"


def _figure_path(env: BuildEnvironment, name: str) -> Path:
    # Stored with the doctrees, so both are removed together.
    return Path(env.doctreedir, METADATA_KEY, f"{name}.json")


def _save_figure(env: BuildEnvironment, figure: Figure) -> None:
    path = _figure_path(env, figure.digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(figure.json, encoding="utf-8")
    env.metadata[env.docname].setdefault(METADATA_KEY, {})[figure.digest] = figure.trace_types


def _load_figure(env: BuildEnvironment, name: str) -> Figure:
    return Figure(_figure_path(env, name).read_text(encoding="utf-8"))


def _page_figures(env: BuildEnvironment, page: str) -> dict[str, list[str]]:
    """Return the trace types of each figure of a page, by digest."""
    return dict(env.metadata[page].get(METADATA_KEY, {}))


def _all_figures(env: BuildEnvironment) -> dict[str, Figure]:
    """Return the figures of the site by digest."""
    return {name: _load_figure(env, name) for page in sorted(env.found_docs) for name in _page_figures(env, page)}


def _picture_cache(app: Sphinx) -> PictureCache:
    return _picture_cache_in(Path(app.outdir).parent)


@cache  # PictureCache hashes plotly.js, which is large.
def _picture_cache_in(folder: Path) -> PictureCache:
    return PictureCache(folder / ".plotly-pictures", _full_bundle(), STATIC / SCRIPT)


def pictures_of(app: Sphinx, page: str) -> list[Path]:
    """Return the SVG file of each figure of a page; figures without a picture are left out."""
    figures = [_load_figure(app.env, name) for name in _page_figures(app.env, page)]
    folders = [_picture_cache(app).get(figure) for figure in figures]
    return [folder / PictureCache.STATIC for folder in folders if folder]


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
def _supported_trace_types(bundle: Path) -> frozenset[str]:
    """Return the trace types that a bundle of plotly.js supports."""
    return frozenset(re.findall(r'moduleType:"trace",name:"(\w+)"', bundle.read_text(encoding="utf-8")))


@cache
def _bundle_name(bundle: Path) -> str:
    # The name changes with the content, so browsers can cache the file forever.
    return f"plotly-{digest(bundle.read_bytes())}.js"


def _bundle_for(app: Sphinx, page: str) -> Path:
    """Return the configured bundle if it supports all figures of the page, and the full one otherwise."""
    bundle = _configured_bundle(app)
    needed = {kind for types in _page_figures(app.env, page).values() for kind in types}
    return bundle if needed <= _supported_trace_types(bundle) else _full_bundle()


def _initialize(app: Sphinx) -> None:
    if _is_interactive(app.builder):
        _configured_bundle(app)  # Raises an error before anything is built.
        app.config.html_static_path.append(str(STATIC))


def _update_pictures(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Render missing pictures, and return the pages to write again."""
    figures = _all_figures(env)
    _render_missing_pictures(app, figures.values())
    if not _is_interactive(app.builder):
        return []
    pictures = _picture_cache(app)
    static = Path(app.outdir, "_static")
    # The URLs of script and style on a page contain their checksums.
    assets_changed = any(
        not (static / name).is_file() or (static / name).read_bytes() != (STATIC / name).read_bytes()
        for name in (SCRIPT, STYLE)
    )
    changed = {
        name
        for name, figure in figures.items()
        if assets_changed or (pictures.get(figure) is None) == (static / FIGURES_FOLDER / name).is_dir()
    }
    return [page for page in env.found_docs if changed & _page_figures(env, page).keys()]


def _render_missing_pictures(app: Sphinx, figures: Collection[Figure]) -> None:
    pictures = _picture_cache(app)
    missing = [figure for figure in figures if pictures.get(figure) is None]
    if not missing:
        return
    try:
        with picture_renderer(pictures) as render:
            progress = status_iterator(
                missing,
                "drawing figures... ",
                length=len(missing),
                verbosity=app.verbosity,
                stringify_func=_short_alt,
            )
            for figure in progress:
                try:
                    render(figure)
                except (RuntimeError, TimeoutError) as error:
                    pages = [page for page in app.env.found_docs if figure.digest in _page_figures(app.env, page)]
                    logger.warning(
                        "a Plotly figure (%s) has no picture: %s",
                        _short_alt(figure),
                        str(error).split("\n")[0],  # The other lines are the stack in plotly.js.
                        location=pages[0],
                        type="myst_nb_plotly",
                        subtype="picture",
                    )
    except NoChromiumError as reason:
        # Not a warning: the figures still work in browsers with JavaScript.
        logger.info("myst_nb_plotly: %d of %d figures have no picture: %s", len(missing), len(figures), reason)


def _short_alt(figure: Figure) -> str:
    return figure.alt[:60]


def _add_assets(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document) -> None:
    if doctree is not None and _is_interactive(app.builder) and any(doctree.findall(plotly_figure)):
        app.add_css_file(STYLE)
        app.add_js_file(SCRIPT, loading_method="defer")


def _visit_html(translator: Any, node: plotly_figure) -> None:
    app = translator.builder.app
    page = translator.builder.current_docname
    figure = _load_figure(app.env, node["digest"])
    page_uri = translator.builder.get_target_uri(page)
    html = figure_html(
        figure,
        folder=relative_uri(page_uri, posixpath.join("_static", FIGURES_FOLDER)),
        bundle=_bundle_name(_bundle_for(app, page)),
        pictures=_picture_cache(app).get(figure),
    )
    translator.body.append(html)
    raise nodes.SkipNode


def _publish(app: Sphinx, exception: Exception | None) -> None:
    """Copy data, pictures and plotly.js into the site, and remove those of figures that no longer exist."""
    if exception is not None or not _is_interactive(app.builder):
        return
    target = Path(app.outdir, "_static", FIGURES_FOLDER)
    figures, pictures = _all_figures(app.env), _picture_cache(app)
    pages = [page for page in app.env.found_docs if _page_figures(app.env, page)]
    if pages:
        target.mkdir(parents=True, exist_ok=True)
    # Files are overwritten, not removed first, so pages that are open during a build keep working.
    used = set()
    for bundle in {_bundle_for(app, page) for page in pages}:
        used.add(target / _bundle_name(bundle))
        shutil.copyfile(bundle, target / _bundle_name(bundle))
    for name, figure in figures.items():
        used |= {target / f"{name}.js", target / name}
        (target / f"{name}.js").write_text(figure.script, encoding="utf-8")
        folder = pictures.get(figure)
        if folder:
            shutil.copytree(folder, target / name, dirs_exist_ok=True)
        else:
            shutil.rmtree(target / name, ignore_errors=True)
    for path in set(target.glob("*")) - used:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    pictures.remove_unused(figures.values())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_config_value("myst_nb_plotly_bundle", None, "html", [str])
    app.add_node(plotly_figure, html=(_visit_html, None))
    app.add_post_transform(StaticFigures)
    app.connect("builder-inited", _initialize)
    app.connect("env-updated", _update_pictures)
    app.connect("html-page-context", _add_assets)
    app.connect("build-finished", _publish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
