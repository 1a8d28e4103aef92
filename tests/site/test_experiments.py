"""The experiments of the chapters: when they run, what is told of a failure, and that no process is left behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

CONF = """
project = "small"
extensions = ["myst_nb", "experiments"]
exclude_patterns = ["_build", ".*"]
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
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
```

```{code-cell} ipython3
time.sleep(0.3)
with pathlib.Path("runs.log").open("a") as runs:
    runs.write("NAME ")
```
"""
# A cell that starts processes, says which, and waits.
WAIT = """\
import os
from adaptive_optim import process_pool
pool = process_pool(2)
workers = {pool.submit(os.getpid).result() for _ in range(20)}
pathlib.Path("processes").write_text(" ".join(map(str, {os.getpid(), *pool._processes})))
time.sleep(250)
"""
FAILS = "time.sleep(0.3)"
SECONDS = 60  # more than a busy machine needs to end some processes


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def site(root, tmp_path):
    """A site of two chapters, its build, and what ran in it."""
    write(
        tmp_path,
        {
            "conf.py": CONF,
            "index.md": "# Start\n\n```{toctree}\nfirst\nsecond\n```\n",
            "first.md": PAGE.replace("NAME", "rule"),
            "second.md": PAGE.replace("NAME", "law"),
            "book/requirements.txt": "",
            "src/package/__init__.py": "from package.one import rule\nlaw = 1\n",
            "src/package/one.py": "rule = 1\n",
        },
    )
    paths = [str(root / "book" / "_ext"), str(tmp_path / "src")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "yes"}
    command = [sys.executable, "-m", "sphinx", "-W", "--no-color", tmp_path, tmp_path / "_build" / "html"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    log = tmp_path / "runs.log"

    def start():
        # A shell starts background jobs with SIGINT ignored, and child processes inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # A session of its own, so that a signal to its group is what Ctrl-C is in a terminal.
        return subprocess.Popen(command, start_new_session=True, **pipes)

    def build():
        log.write_text("", encoding="utf-8")
        done = subprocess.run(command, check=False, timeout=200, **pipes)
        return sorted(log.read_text(encoding="utf-8").split()), done

    return SimpleNamespace(folder=tmp_path, build=build, start=start)


def test_chapters_rerun_when_code_or_dependencies_change_but_not_text(site):
    ran, done = site.build()
    assert (ran, done.returncode) == (["law", "rule"], 0), done.stderr
    assert (
        len(re.findall(r"^experiments of (first|second): done in \d+\.\d s \([12] of 2\)$", done.stdout, re.M)) == 2
    )
    assert not done.stderr
    assert site.build()[0] == []
    # The pages are read again, and their runs are found.
    shutil.rmtree(site.folder / "_build" / "html" / ".doctrees")
    assert site.build()[0] == []

    def change(name, old, new):
        text = (site.folder / name).read_text(encoding="utf-8")
        assert old in text
        write(site.folder, {name: text.replace(old, new)})
        ran, done = site.build()
        assert done.returncode == 0, done.stderr
        return ran

    assert change("first.md", "# Page", "# Another title") == []
    assert "Another title" in (site.folder / "_build" / "html" / "first.html").read_text(encoding="utf-8")
    assert change("second.md", "sleep(0.3)", "sleep(0.2)") == ["law"]
    assert change("src/package/one.py", "1", "3") == ["law", "rule"]
    (site.folder / "book" / "requirements.txt").write_text("numpy==2.4.0\n", encoding="utf-8")
    assert site.build()[0] == ["law", "rule"]
    assert len(list((site.folder / "_build" / "executed").iterdir())) == 1


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            "x = 1\nassert x == (\n    2\n), 'One is two.'",
            ["cell:      x = 1", "statement: assert x == 2", "sentence:  One is two."],
        ),
        ("if True:\n    raise OSError('no such rule')", ["statement: raise OSError", "OSError: no such rule"]),
        ("import os\nos._exit(3)", ["cell:      import os", "DeadKernelError"]),
    ],
    ids=["an assert", "an error", "a dead kernel"],
)
def test_a_failure_is_reported_in_a_few_lines_after_all_other_chapters_have_run(site, code, told):
    write(site.folder, {"first.md": PAGE.replace("NAME", "rule").replace(FAILS, code)})
    ran, done = site.build()
    assert ran == ["law"]
    assert done.returncode != 0
    start = done.stderr.index("first.md: an experiment failed.")
    lines = done.stderr[start:].strip().splitlines()
    assert len(lines) <= 15
    for part in [*told, f"Python {sys.version_info[0]}.{sys.version_info[1]}", "NumPy", "code paths"]:
        assert part in done.stderr[start:]
    # What went well is not run again.
    write(site.folder, {"first.md": PAGE.replace("NAME", "rule")})
    ran, done = site.build()
    assert (ran, done.returncode) == (["rule"], 0)


def test_every_failure_is_reported(site):
    for name in ("first", "second"):
        page = PAGE.replace("NAME", "rule").replace(FAILS, f"assert not 1, 'The {name} sentence.'")
        write(site.folder, {f"{name}.md": page})
    _, done = site.build()
    assert "The first sentence." in done.stderr
    assert "The second sentence." in done.stderr


def is_alive(number):
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="processes are counted in /proc")
@pytest.mark.parametrize("end", ["an error in the other chapter", "Ctrl-C", "a killed kernel", "a killed build"])
def test_no_process_is_left_behind(site, end):
    page = PAGE.replace("NAME", "rule")
    write(site.folder, {"first.md": page.replace(FAILS, WAIT.replace("250", "5" if "error" in end else "250"))})
    if "error" in end:
        write(site.folder, {"second.md": page.replace(FAILS, "1 / 0")})
    noted = site.folder / "processes"
    with site.start() as build:
        deadline = time.monotonic() + 2 * SECONDS
        while not (noted.is_file() and noted.read_text(encoding="utf-8")) and time.monotonic() < deadline:
            time.sleep(0.05)
        processes = [int(number) for number in noted.read_text(encoding="utf-8").split()]
        assert len(processes) >= 2
        assert all(map(is_alive, processes))
        if end == "Ctrl-C":
            os.killpg(build.pid, signal.SIGINT)
        elif end == "a killed build":
            os.killpg(build.pid, signal.SIGKILL)
        elif end == "a killed kernel":
            kernel = next(number for number in processes if b"ipykernel" in command_of(number))
            os.kill(kernel, signal.SIGKILL)
        build.communicate(timeout=2 * SECONDS)
    assert build.returncode != 0
    deadline = time.monotonic() + SECONDS
    while any(map(is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [number for number in processes if is_alive(number)]


def command_of(number):
    with open(f"/proc/{number}/cmdline", "rb") as file:
        return file.read()
