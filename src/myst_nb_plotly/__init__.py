"""Show Plotly figures in a MyST-NB site.

Installing the package is enough for MyST-NB to find the renderer; naming the extension, ``myst_nb_plotly``, in the
site's list of extensions puts plotly.js and the drawing script into the site.

A figure displays itself, so that ``glue("name", figure)`` glues nothing. To glue one, give its output away instead:
``glue("name", types.SimpleNamespace(_repr_mimebundle_=figure._repr_mimebundle_), display=False)``.
"""

from __future__ import annotations

import html
import json
import math
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ConfigError

PLOTLY_MIME_TYPE = "application/vnd.plotly.v1+json"
SCRIPT = "myst-nb-plotly.js"
STYLE = "myst-nb-plotly.css"
PLOTLY = "plotly.min.js"


class PlotlyRenderer:
    """Turn a figure in a notebook's output into a part of the page that the drawing script fills."""

    mime_priority_overrides = (("*", PLOTLY_MIME_TYPE, 1),)

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Return the nodes for one output, or None when it is not a block with a Plotly figure."""
        if inline or data.mime_type != PLOTLY_MIME_TYPE:
            return None
        return [nodes.raw("", figure_html(data.content), format="html")]


def figure_html(figure: dict[str, Any]) -> str:
    """Return the HTML of one figure.

    Parameters
    ----------
    figure : dict
        Plotly's JSON: ``data``, ``layout`` and, if it moves, ``frames``. ``layout.meta["alt"]`` is its text
        alternative, ``layout.meta["narrow"]`` what to change in the layout on a narrow screen.

    Returns
    -------
    str
        A placeholder of the figure's height with its data in a script element that no browser runs.
    """
    layout = figure.get("layout") or {}
    meta, height = layout.get("meta"), layout.get("height")
    alt = meta.get("alt") if isinstance(meta, dict) else None
    alt = alt if isinstance(alt, str) else ""
    is_length = isinstance(height, int | float) and 0 < height < math.inf
    height = height if is_length else 450  # what Plotly takes
    # JSON has no NaN and no infinity; Plotly reads null as a missing value.
    figure = json.loads(json.dumps(figure), parse_constant=lambda name: None)
    # A script element ends at "</script", and JSON knows no reason to keep "<" as it is.
    data = json.dumps(figure, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        f'<div class="plotly-figure" role="group" aria-label="{html.escape(alt)}">'
        f'<div class="plotly-drawing" style="min-height: {height:g}px"></div>'
        f'<script type="application/json">{data}</script>'
        "<noscript><p>This figure is drawn by JavaScript.</p></noscript></div>"
    )


def _plotly_js(app: Sphinx) -> Path:
    configured = app.config.myst_nb_plotly_bundle
    if not configured:
        return Path(str(files("plotly") / "package_data" / "plotly.min.js"))
    path = Path(app.confdir, configured)
    if not path.is_file():
        raise ConfigError(f"myst_nb_plotly_bundle={configured!r}: no such file below {app.confdir}")
    return path


def _add_assets(app: Sphinx) -> None:
    if app.builder.format == "html":
        _plotly_js(app)  # A missing file is said before anything is built.
        app.add_css_file(STYLE)
        app.add_js_file(SCRIPT, loading_method="defer")


def _copy_assets(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        static = Path(app.outdir, "_static")
        for name in (SCRIPT, STYLE):
            shutil.copyfile(str(files(__name__) / "static" / name), static / name)
        shutil.copyfile(_plotly_js(app), static / PLOTLY)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_config_value("myst_nb_plotly_bundle", None, "html", [str])
    app.connect("builder-inited", _add_assets)
    app.connect("build-finished", _copy_assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
