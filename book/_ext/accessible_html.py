"""Correct HTML of extensions that is not valid, or that screen readers cannot use."""

from html import escape
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator


def _begin_fold(translator: HTML5Translator, node: nodes.Element) -> None:
    """Begin hidden code. MyST-NB has paragraphs in the summary, and a label other than its text."""
    prompts = {"collapsed": node["prompt_show"], "expanded": node["prompt_hide"]}
    text = "".join(
        f'<span class="{state} admonition-title">{escape(prompt)}</span>' for state, prompt in prompts.items()
    )
    classes = " ".join(node["classes"])
    translator.body.append(f'<details class="admonition hide {classes}">\n<summary>{text}</summary>\n')


def _end_fold(translator: HTML5Translator, node: nodes.Element) -> None:
    translator.body.append("</details>\n")


class UntitledSections(SphinxPostTransform):
    """Remove the sections around exercises and solutions: they have no heading, and all have the same id."""

    default_priority = 900  # after sphinx_exercise
    formats = ("html",)

    def run(self, **settings: Any) -> None:
        """Replace each section by its content."""
        for section in list(self.document.findall(nodes.section)):
            if not isinstance(section.next_node(descend=True), nodes.title):
                place = section.parent.index(section)
                section.parent[place : place + 1] = section.children


def _correct_roles(app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any) -> None:
    """Replace the role that docutils gives to entries of the bibliography, which is deprecated."""
    if "body" in context:
        context["body"] = context["body"].replace(' role="doc-biblioentry"', ' role="listitem"')


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.setup_extension("myst_nb")
    app.add_node(HideCodeCellNode, override=True, html=(_begin_fold, _end_fold))
    app.add_post_transform(UntitledSections)
    app.connect("html-page-context", _correct_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
