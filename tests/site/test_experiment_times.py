"""How long the experiments of each chapter took, as the build says it."""

import os
import re
import shutil
import subprocess
import sys

import pytest

CONF = """
project = "small"
extensions = ["myst_nb", "experiment_times"]
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
```

```{code-cell} ipython3
time.sleep(0.3)
with pathlib.Path("RUNS").open("a") as runs:
    runs.write("once ")
```
"""


@pytest.fixture(scope="module")
def experiment_times(root, load):
    return load(root / "book" / "_ext" / "experiment_times.py")


def cell(source, start, end, kind="code"):
    times = {"iopub.execute_input": f"2026-01-31T23:59:{start}Z", "shell.execute_reply": f"2026-02-01T00:00:{end}Z"}
    return {"cell_type": kind, "source": source, "metadata": {"execution": times}}


def test_the_time_of_experiments_is_that_of_cells_that_do_more_than_import_and_define(experiment_times):
    cells = [
        cell("import numpy as np\nfrom myst_nb import glue", "10.000000", "00.000000"),
        cell("import numpy\n\ndef double(x):\n    return 2 * x\n", "10.000000", "00.000000"),
        cell("# nothing", "10.000000", "00.000000"),
        cell("import numpy\nnumpy.zeros(3)", "59.500000", "00.250000"),
        cell("%time 1", "59.000000", "02.000000"),
        {"cell_type": "code", "source": "not_run()", "metadata": {"tags": ["skip-execution"]}},
        {"cell_type": "markdown", "source": "text", "metadata": {}},
    ]
    assert experiment_times.experiment_seconds(cells) == pytest.approx(0.75 + 3)


def said(text):
    return [line for line in text.splitlines() if line.startswith("experiments of ")]


def test_the_times_said_are_of_the_last_run_also_when_nothing_is_run_again(root, tmp_path):
    (tmp_path / "conf.py").write_text(CONF, encoding="utf-8")
    (tmp_path / "index.md").write_text(PAGE.replace("RUNS", str(tmp_path / "runs")), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(root / "book" / "_ext")}

    def build():
        command = [sys.executable, "-m", "sphinx", "-W", "--no-color", tmp_path, tmp_path / "_build" / "html"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return said(done.stdout)

    first = build()
    page, total = (
        re.fullmatch(r"experiments of (.*): (.*) s \((.*) s with kernels? and imports\)", line) for line in first
    )
    assert (page[1], total[1]) == ("index", "all chapters")
    assert 0.3 <= float(page[2]) <= float(page[3])
    assert page.groups()[1:] == total.groups()[1:]
    # The page is not read again; then it is, and its run is found.
    assert build() == first
    shutil.rmtree(tmp_path / "_build" / "html" / ".doctrees")
    assert build() == first
    assert (tmp_path / "runs").read_text(encoding="utf-8") == "once "
