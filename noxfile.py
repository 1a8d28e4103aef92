"""Run the experiments of all chapters on every Python and under other conditions, and compare their results.

``nox`` runs everything. ``PYTHONS`` lists the interpreters; the default is the system's and pyenv's, from 3.11 on.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True
RECORDS = Path("_build/matrix")
SHOW_VERSION = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
OLDEST, NEWEST = (3, 11), (3, 14)


def version(python: str) -> str:
    """Return the version of an interpreter, or "" if it does not start."""
    try:
        return subprocess.run(
            [python, "-c", SHOW_VERSION], capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        return ""


def interpreters() -> list[str]:
    """Return the paths of the interpreters, one for each version."""
    given = os.environ.get("PYTHONS", "").split()
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found: dict[str, str] = {}
    for path in given or [sys.executable, "/usr/bin/python3", *map(str, sorted(pyenv.glob("3.*/bin/python3")))]:
        number = version(path)
        if number and OLDEST <= tuple(map(int, number.split(".")[:2])) <= NEWEST:
            found.setdefault(number, path)
        elif given:
            raise ValueError(f"PYTHONS: {path} is Python {number or '(does not start)'}, must be from 3.11 to 3.14")
    return list(found.values())


IS_X86 = platform.machine().lower() in ("x86_64", "amd64")
# Disables the code paths for newer processors.
BASELINE = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Nehalem",
}
CONDITIONS = {
    "usual": {},
    "baseline code": BASELINE if IS_X86 else {"NPY_DISABLE_CPU_FEATURES": "ASIMDHP ASIMDDP ASIMDFHM SVE"},
    "one processor": {"OPENBLAS_NUM_THREADS": "1"},
    "other locale": {"LANG": "C", "LC_ALL": "C", "TZ": "Pacific/Auckland"},
}
SECOND_TEXT = ("embeddings", 'package_docstrings("pandas"', 'package_docstrings("xarray"')


def record(session: nox.Session, condition: str, *changes: str) -> None:
    """Install what a chapter needs, run the experiments, and write their results to a file."""
    session.install("--require-hashes", "-r", "requirements.txt")
    session.install("--no-deps", "--editable", ".")
    number = version(str(session.python)) if session.python else platform.python_version()
    name = "-".join([number, platform.system(), platform.machine(), condition.replace(" ", "-")])
    target = RECORDS / f"{name}.json"
    settings = CONDITIONS.get(condition, {})
    session.run("python", "tests/chapters/record.py", str(target), condition, *changes, env=settings)


@nox.session(python=interpreters())
def experiments(session: nox.Session) -> None:
    """Run the experiments on each Python."""
    record(session, "usual")


@nox.session(python=interpreters()[:1])
@nox.parametrize("condition", [nox.param(name, id=name.replace(" ", "-")) for name in list(CONDITIONS)[1:]])
def conditions(session: nox.Session, condition: str) -> None:
    """Run the experiments with other code paths, with one processor, and in another locale and time zone."""
    record(session, condition)


@nox.session(python=interpreters()[:1])
def second_text(session: nox.Session) -> None:
    """Run the chapter on embeddings with another text: all its asserts must hold."""
    record(session, "second text", *SECOND_TEXT)
    for path in RECORDS.glob("*second-text.json"):
        path.unlink()  # Another text gives other numbers: nothing to compare.


@nox.session(python=False, default=False)
def ci(session: nox.Session) -> None:
    """Run the part for every change: two Pythons, baseline code paths, the second text."""
    first, *others = interpreters()
    for python in [first, *others[-1:]]:
        session.notify(f"experiments-{python}")
    session.notify(f"conditions-{first}(baseline-code)")
    session.notify(f"second_text-{first}")
    session.notify("compare")


@nox.session(python=False)
def compare(session: nox.Session) -> None:
    """Compare the results."""
    session.run(sys.executable, "tests/chapters/compare.py", str(RECORDS))
