"""Small Sphinx projects, and the browser of the tests of the site."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

CONF = """
project = "small"
extensions = ["myst_nb", "myst_nb_plotly"]
exclude_patterns = ["_build"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
numfig = True
"""


@pytest.fixture(scope="session")
def build():
    """How to build a project: the finished program, and the folder of the site. Any warning is an error."""

    def build(folder, pages, conf=""):
        (folder / "conf.py").write_text(CONF + conf, encoding="utf-8")
        for name, text in pages.items():
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
        site = folder / "_build" / "html"
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "-n", "--keep-going", "-b", "html", folder, site]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder), site

    return build


@pytest.fixture(scope="module")
def chromium():
    path = Path(__file__).parents[1] / "site" / "chromium.py"
    spec = importlib.util.spec_from_file_location("chromium", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.browser() as browser:
        yield browser
