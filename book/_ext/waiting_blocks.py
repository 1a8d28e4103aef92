"""Mark the blocks of a page that are below the fold, so that layout.js can lay them out later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

LINES_ABOVE_THE_FOLD = 34
LETTERS_IN_A_LINE = {"": 100, "on-phones": 44}
"""Letters per line. The key is the class of blocks that wait only there; an empty key stands for a desktop."""


class WaitingBlocks(SphinxPostTransform):
    """Give a class to all blocks that follow a screenful of others."""

    default_priority = 950
    formats = ("html",)

    def run(self, **settings: Any) -> None:
        """Go through the blocks from the top."""
        for where, letters in LETTERS_IN_A_LINE.items():
            above, waiting = 0.0, []
            for block in list(_blocks(self.document)):
                if above > LINES_ABOVE_THE_FOLD and not isinstance(block, nodes.title):
                    waiting.append(_box(block))
                above += _lines(block, letters)
            for block in waiting:
                if "waits" not in block["classes"]:
                    block["classes"] += ["waits", where] if where else ["waits"]
            # Rendering starts when the browser has parsed this block (layout.html).
            for block in waiting[:1]:
                block["ids"].append("fold-of-phones" if where else "fold")


def _blocks(parent: nodes.Element) -> Iterator[nodes.Element]:
    """Yield titles, paragraphs, formulas, cells and the like, in order; for API entries, their parts."""
    within = (nodes.section, addnodes.desc, addnodes.desc_content, addnodes.glossary, nodes.definition_list_item)
    for node in parent.children:
        if isinstance(node, within) or isinstance(parent, addnodes.glossary):
            yield from _blocks(node)
        elif isinstance(node, nodes.Element) and not isinstance(node, nodes.Invisible):
            yield node


def _box(block: nodes.Element) -> nodes.Element:
    """Return what can wait to be laid out: a table cannot, but a box around it can."""
    if not isinstance(block, nodes.table):
        return block
    box = nodes.container()
    block.parent.replace(block, box)
    box += block
    return box


def _lines(block: nodes.Element, letters: int) -> float:
    """Return about how many lines of text a block is high, rather too few than too many."""
    if any(block.findall(nodes.figure)):
        return 10
    code: int = sum(code.astext().count("\n") + 1 for code in block.findall(nodes.literal_block))
    text: int = len(block.astext()) // letters + 1
    if isinstance(block, (nodes.title, nodes.Admonition, nodes.math_block)):
        room = 2.0
    else:
        room = 0 if isinstance(block, nodes.term) else 0.5
    return max(0.75 * code, text) + room


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_post_transform(WaitingBlocks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
