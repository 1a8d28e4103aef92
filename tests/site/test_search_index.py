"""The search index, which a build goes on from."""

import os
import shutil
import subprocess
import sys

CONF = """
extensions = ["search_index"]
html_theme = "basic"
"""
PAGE = "{title}\n=======\n\n.. index:: {entry}\n\nA word about {word}.\n"


def test_the_search_index_after_an_edit_is_that_of_a_build_from_nothing(root, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(root / "book" / "_ext")}

    def page(name, **words):
        (tmp_path / f"{name}.rst").write_text(PAGE.format(**words), encoding="utf-8")

    def index():
        command = [sys.executable, "-m", "sphinx", "-W", "--quiet", tmp_path, tmp_path / "_build"]
        subprocess.run(command, check=True, env=environment)
        return (tmp_path / "_build" / "searchindex.js").read_text(encoding="utf-8")

    (tmp_path / "conf.py").write_text(CONF, encoding="utf-8")
    (tmp_path / "index.rst").write_text("Start\n=====\n\n.. toctree::\n\n   one\n   two\n", encoding="utf-8")
    page("one", title="Paris", entry="single: capital", word="cathedrals")
    page("two", title="Lyon", entry="! second; of all", word="silk")
    before = index()
    page("two", title="Nantes", entry="! second; of all", word="biscuits")
    after = index()
    assert "biscuit" in after
    assert "silk" in before
    shutil.rmtree(tmp_path / "_build")
    assert after == index()
