"""Fixtures that build small Sphinx projects and start a browser."""

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
copyright = "2026"
version = "1"
extensions = ["myst_nb", "myst_nb_plotly"]
exclude_patterns = ["_build"]
nb_execution_raise_on_error = True
numfig = True
html_theme = "basic"
html_sidebars = {"**": []}
"""


@pytest.fixture(scope="session")
def notebook():
    """Return a function that makes a notebook from texts, figures, and pairs of a figure and cell metadata."""

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


class Build(NamedTuple):
    """The result of a build."""

    status: int
    log: str
    warnings: str
    output: Path

    def html(self, page="index"):
        return (self.output / f"{page}.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def sphinx():
    """Return a function that runs ``sphinx-build``."""
    command = [sys.executable, Path(__file__).with_name("sphinx_server.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
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
    """Return a function that builds a project from pages of text and notebooks.

    Warnings are errors, and the build must succeed unless ``fails`` is true.
    """

    def build(folder, pages, conf="", *, builder="html", name=None, options=(), fails=False):
        folder.mkdir(exist_ok=True)
        (folder / "conf.py").write_text(CONF + conf, encoding="utf-8")
        for page, content in pages.items():
            is_text = isinstance(content, str)
            path = folder / f"{page}.{'md' if is_text else 'ipynb'}"
            text = content if is_text else json.dumps(content)
            # Sphinx compares the times of files, so unchanged pages are not written again.
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
        output = folder / "_build" / (name or builder)
        settings = ("-W", "-n", "--keep-going", "--no-color", "-b", builder, "-d", folder / "_build" / ".doctrees")
        result = Build(*sphinx(*settings, *options, folder, output), output)
        assert fails == (result.status != 0) == (result.warnings != ""), result.warnings
        return result

    return build


@pytest.fixture
def no_chromium(monkeypatch, tmp_path):
    """Hide any Chromium from the build."""
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def chromium():
    path = Path(__file__).parents[1] / "site" / "chromium.py"
    spec = importlib.util.spec_from_file_location("chromium", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.browser() as browser:
        yield browser
