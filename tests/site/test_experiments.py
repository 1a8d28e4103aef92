"""When the experiments of a chapter run, what is kept of them, and how long they took as the build says it."""

import ast
import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

CONF = """
project = "small"
extensions = ["myst_nb", "experiments"]
exclude_patterns = ["_build", ".*"]
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
html_theme = "basic"
"""
PAGE = """\
---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
# Page

```{code-cell} ipython3
import pathlib, time
from package import NAME
pathlib.Path("settings.json").read_text()
```

```{code-cell} ipython3
---
mystnb:
  image: {alt: words}
---
time.sleep(0.3)
with pathlib.Path("runs").with_suffix(".log").open("a") as runs:
    runs.write("NAME ")
```
"""


@pytest.fixture(scope="module")
def experiments(root, load):
    return load(root / "book" / "_ext" / "experiments.py")


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def cell(source, start, end, kind="code"):
    times = {"iopub.execute_input": f"2026-01-31T23:59:{start}Z", "shell.execute_reply": f"2026-02-01T00:00:{end}Z"}
    return {"cell_type": kind, "source": source, "metadata": {"execution": times}}


def test_the_time_of_experiments_is_that_of_cells_that_do_more_than_import_and_define(experiments):
    cells = [
        cell("import numpy as np\nfrom myst_nb import glue", "10.000000", "00.000000"),
        cell("import numpy\n\ndef double(x):\n    return 2 * x\n", "10.000000", "00.000000"),
        cell("# nothing", "10.000000", "00.000000"),
        cell("import numpy\nnumpy.zeros(3)", "59.500000", "00.250000"),
        cell("%time 1", "59.000000", "02.000000"),
        {"cell_type": "code", "source": "not_run()", "metadata": {"tags": ["skip-execution"]}},
        {"cell_type": "markdown", "source": "text", "metadata": {}},
    ]
    assert experiments.experiment_seconds(cells) == pytest.approx(0.75 + 3)


@pytest.fixture
def source(tmp_path):
    write(
        tmp_path,
        {
            "package/__init__.py": "from package.rule import step\nfrom package.draw import plot as draw, ink\n",
            "package/rule.py": "import numpy\n\ndef step():\n    from package.deep import helper\n",
            "package/draw.py": "from . import rule\nfrom .colors import ink\n",
            "package/colors.py": "ink = 1\n",
            "package/deep.py": "",
            "package/alone.py": "",
            "other.py": "",
        },
    )
    return tmp_path


ALL = ["__init__", "colors", "deep", "draw", "rule"]


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("import numpy", []),
        ("import other", ["other"]),
        ("from package import step", ["__init__", "deep", "rule"]),
        ("from package import step as go\nimport other", ["__init__", "deep", "other", "rule"]),
        ("from package import draw", ALL),
        ("from package import plot", ALL),
        ("from package import *", ALL),
        ("import package", ALL),
        ("import package.rule as r", ALL),
        ("from package import alone", ["__init__", "alone", *ALL[1:]]),
        ("from package.rule import step", ["deep", "rule"]),
        ("from package.colors import ink", ["colors"]),
        ("if True:\n    def later():\n        import other", ["other"]),
    ],
)
def test_a_chapter_depends_on_the_modules_that_its_names_come_from(experiments, source, code, modules):
    assert sorted(path.stem for path in experiments.imported(ast.parse(code), source)) == sorted(modules)


def test_a_chapter_with_a_magic_depends_on_every_module(experiments, source):
    notebook = SimpleNamespace(cells=[SimpleNamespace(cell_type="code", source="%run other.py")])
    assert experiments.files_of(notebook, source, source) == sorted(source.rglob("*.py"))


@pytest.mark.parametrize("package", ["adaptive_optim", "myst_nb_plotly"])
def test_modules_do_nothing_but_define_when_they_are_imported(root, package):
    # Else a chapter would depend on modules that none of its names come from.
    defines = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    paths = sorted((root / "src" / package).glob("*.py"))
    assert paths
    for path in paths:
        for statement in ast.parse(path.read_bytes()).body:
            is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            does_not_run = isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
            assert is_text or does_not_run or isinstance(statement, defines), f"{path}:{statement.lineno}"


@pytest.fixture
def site(root, tmp_path):
    """A site of two chapters, whose build gives what ran and what was said of it."""
    write(
        tmp_path,
        {
            "conf.py": CONF,
            "index.md": "# Start\n\n```{toctree}\nfirst\nsecond\n```\n",
            "first.md": PAGE.replace("NAME", "rule"),
            "second.md": PAGE.replace("NAME", "law"),
            "settings.json": "{}",
            "book/requirements.txt": "",
            "src/package/__init__.py": "from package.one import rule\nfrom package.two import law\n",
            "src/package/one.py": "rule = 1\n",
            "src/package/two.py": "law = 2\n",
        },
    )
    paths = [str(root / "book" / "_ext"), str(tmp_path / "src")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "yes"}
    log = tmp_path / "runs.log"

    def build(**settings):
        log.write_text("", encoding="utf-8")
        command = [sys.executable, "-m", "sphinx", "-W", "--no-color", tmp_path, tmp_path / "_build" / "html"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **settings)
        said = [line for line in done.stdout.splitlines() if line.startswith("experiments of ")]
        return sorted(log.read_text(encoding="utf-8").split()), said, done

    return SimpleNamespace(folder=tmp_path, build=build)


def test_only_chapters_that_depend_on_what_changed_run_again(site):
    ran, first, done = site.build()
    assert ran == ["law", "rule"], done.stderr
    assert re.search(r"^experiments run in this build: 2, side by side in \d+\.\d s$", done.stdout, re.MULTILINE)
    *pages, total = (
        re.fullmatch(r"experiments of (.*): (.*) s \((.*) s with kernels? and imports\)", line).groups()
        for line in first
    )
    assert sorted(name for name, *_ in pages) == ["first", "second"]
    assert all(0.3 <= float(short) <= float(long) for _, short, long in pages)
    assert total[0] == "all chapters"
    # The pages are not read again; then they are, and their runs are found.
    assert site.build()[:2] == ([], first)
    shutil.rmtree(site.folder / "_build" / "html" / ".doctrees")
    assert site.build()[:2] == ([], first)

    def change(name, old, new):
        text = (site.folder / name).read_text(encoding="utf-8")
        assert old in text
        write(site.folder, {name: text.replace(old, new)})
        return site.build()[0]

    assert change("first.md", "# Page", "# Another title") == []
    assert "Another title" in (site.folder / "_build" / "html" / "first.html").read_text(encoding="utf-8")
    assert change("first.md", "alt: words", "alt: other words") == []
    assert change("src/package/one.py", "1", "3") == ["rule"]
    assert change("src/package/two.py", "2", "4") == ["law"]
    assert change("second.md", "sleep(0.3)", "sleep(0.2)") == ["law"]
    assert change("settings.json", "{}", "[]") == ["law", "rule"]
    assert change("book/requirements.txt", "", "numpy==2.0\n") == ["law", "rule"]
    assert [path.name for path in (site.folder / "_build" / "executed").rglob("*.*")] == [
        "first.ipynb",
        "second.ipynb",
    ]


def test_an_experiment_that_fails_ends_the_build_and_those_beside_it(site):
    page = PAGE.replace("NAME", "rule")
    write(site.folder, {"first.md": page.replace("time.sleep(0.3)", "raise ValueError('no such rule')")})
    write(site.folder, {"second.md": page.replace("sleep(0.3)", "sleep(200)")})
    ran, _, done = site.build(timeout=100)
    assert (ran, done.returncode) == ([], 2)
    assert "first.md: an experiment failed" in done.stderr
    assert "no such rule" in done.stderr
    assert not list((site.folder / "_build" / "executed").rglob("*.*"))
