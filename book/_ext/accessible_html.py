"""Corrects HTML of the theme and of extensions that is not valid, or that screen readers stumble over."""

from __future__ import annotations

from html import escape
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
                place = section.parent.index(section)
                section.parent[place : place + 1] = section.children


def _correct_roles(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: nodes.document | None
) -> None:
    # The entries of a list are list items; their old role is deprecated.
    if "body" in context:
        context["body"] = context["body"].replace(' role="doc-biblioentry"', ' role="listitem"')


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.setup_extension("myst_nb")
    app.add_node(HideCodeCellNode, override=True, html=(_begin_fold, _end_fold))
    app.add_post_transform(UntitledSections)
    app.connect("html-page-context", _correct_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
