"""Render formulas with KaTeX while the site is built, so that pages need no script for them."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from page_assets import SYMBOLS
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

PROGRAM = """const katex = require(process.argv[1]);
const render = ({ latex, displayMode }) => {
  try { return { html: katex.renderToString(latex, { displayMode }) }; } catch ({ message }) { return { message }; }
};
require("node:readline").createInterface({ input: process.stdin })
  .on("line", (line) => process.stdout.write(`${JSON.stringify(render(JSON.parse(line)))}\\n`));"""

logger = logging.getLogger(__name__)


@cache  # one renderer per process; it exits when its input is closed
def _renderer(root: Path, process_id: int) -> subprocess.Popen[str]:
    command = ["node", "--eval", PROGRAM, str(root / "node_modules" / "katex")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", bufsize=1)


def _visit(translator: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    display = isinstance(node, nodes.math_block)
    renderer = _renderer(Path(translator.builder.app.confdir), os.getpid())
    print(json.dumps({"latex": node.astext(), "displayMode": display}), file=renderer.stdin)
    answer = json.loads(renderer.stdout.readline())  # type: ignore[union-attr]
    unknown = {letter for letter in answer.get("html", "") if not letter.isascii()}.difference(SYMBOLS)
    if "message" in answer or unknown:
        problem = answer.get("message", f"SYMBOLS in book/_ext/page_assets.py has no {unknown}")
        logger.warning("%s", problem, location=node, type="katex")
    translator.body.append(translator.starttag(node, "div" if display else "span", "", CLASS="math"))
    if node.get("number"):
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(answer.get("html", "") + ("</div>\n" if display else "</span>"))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_html_math_renderer("katex", (_visit, None), (_visit, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
