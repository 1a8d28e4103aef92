"""Corrects HTML of the theme and of extensions that is not valid, or that keyboard or screen reader stumble on."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator


def _begin_fold(translator: HTML5Translator, node: nodes.Element) -> None:
    """Begin hidden code: named by its visible words, and without the paragraphs that a summary must not have."""
    words = "".join(
        f'<span class="{state} admonition-title">{escape(node[prompt])}</span>\n'
        for state, prompt in (("collapsed", "prompt_show"), ("expanded", "prompt_hide"))
    )
    classes = " ".join(node["classes"])
    translator.body.append(f'<details class="admonition hide {classes}">\n<summary>\n{words}</summary>\n')


def _end_fold(translator: HTML5Translator, node: nodes.Element) -> None:
    translator.body.append("</details>\n")


class UntitledSections(SphinxPostTransform):
    """Take away the sections around exercises and solutions: they have no heading, and all the same id."""

    # After sphinx_exercise's own.
    default_priority = 900
    formats = ("html",)

    def run(self, **settings: Any) -> None:
        """Put the content of each in its place."""
        for section in list(self.document.findall(nodes.section)):
            if not isinstance(section.next_node(descend=True), nodes.title):
                section.replace_self(section.children)


def _correct_roles(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: nodes.document | None
) -> None:
    # The entries of a list are list items; their old role is deprecated.
    if "body" in context:
        context["body"] = context["body"].replace(' role="doc-biblioentry"', ' role="listitem"')


def _write_first_page(app: Sphinx, exception: Exception | None) -> None:
    # Jupyter Book writes one that is not a whole page, unless there is one.
    if exception is not None or app.builder.format != "html":
        return
    first = app.builder.get_relative_uri("index", app.config.root_doc)
    Path(app.outdir, "index.html").write_text(
        f'<!DOCTYPE html>\n<html lang="{app.config.language}">\n<head>\n<meta charset="utf-8">\n'
        f'<title>{escape(app.config.html_title)}</title>\n<meta http-equiv="refresh" content="0; url={first}">\n'
        f'<link rel="canonical" href="{first}">\n</head>\n'
        f'<body>\n<p><a href="{first}">{escape(app.config.html_title)}</a></p>\n</body>\n</html>\n',
        encoding="utf-8",
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.setup_extension("myst_nb")
    app.add_node(HideCodeCellNode, override=True, html=(_begin_fold, _end_fold))
    app.add_post_transform(UntitledSections)
    app.add_js_file("scroll_areas.js", loading_method="defer")
    app.connect("html-page-context", _correct_roles)
    app.connect("build-finished", _write_first_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
