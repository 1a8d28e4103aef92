"""Small Sphinx projects, and the browser of the tests of the site."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

CONF = """
project = "small"
extensions = ["myst_nb", "myst_nb_plotly"]
exclude_patterns = ["_build"]
nb_execution_raise_on_error = True
numfig = True
html_theme = "basic"
html_sidebars = {"**": []}
"""


@pytest.fixture(scope="session")
def notebook():
    """How to write a notebook that has run: of text, figures, and pairs of a figure and its cell's metadata."""

    def notebook(*parts):
        cells = []
        for part in parts:
            if isinstance(part, str):
                cells.append({"cell_type": "markdown", "metadata": {}, "source": part})
                continue
            figure, metadata = part if isinstance(part, tuple) else (part, {})
            content = figure if isinstance(figure, dict) else json.loads(figure.to_json())
            data = {"application/vnd.plotly.v1+json": content}
            output = {"output_type": "display_data", "metadata": {}, "data": data}
            cell = {"execution_count": 1, "metadata": metadata, "source": "figure", "outputs": [output]}
            cells.append({"cell_type": "code", **cell})
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        return {"nbformat": 4, "nbformat_minor": 4, "metadata": {"kernelspec": kernel}, "cells": cells}

    return notebook


class Built(NamedTuple):
    """A build that has ended."""

    status: int
    said: str
    warned: str
    output: Path


@pytest.fixture(scope="session")
def sphinx():
    """How to run ``sphinx-build``."""
    program = Path(__file__).with_name("sphinx_builds.py")
    with subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:

        def sphinx(*arguments):
            request = [[str(argument) for argument in arguments], dict(os.environ)]
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield sphinx
        process.kill()


@pytest.fixture(scope="session")
def build(sphinx):
    """How to build a project from text, by page, and from notebooks. Any warning is an error."""

    def build(folder, pages, conf="", *, builder="html", name=None, options=()):
        folder.mkdir(exist_ok=True)
        (folder / "conf.py").write_text(CONF + conf, encoding="utf-8")
        for page, content in pages.items():
            is_text = isinstance(content, str)
            path = folder / f"{page}.{'md' if is_text else 'ipynb'}"
            text = content if is_text else json.dumps(content)
            # What has not changed is not to look new.
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
        output = folder / "_build" / (name or builder)
        settings = ("-W", "-n", "--keep-going", "--no-color", "-b", builder, "-d", folder / "_build" / ".doctrees")
        return Built(*sphinx(*settings, *options, folder, output), output)

    return build


@pytest.fixture(scope="module")
def chromium():
    path = Path(__file__).parents[1] / "site" / "chromium.py"
    spec = importlib.util.spec_from_file_location("chromium", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.browser() as browser:
        yield browser
