"""The messages and actions of make when something is missing, with fake versions of Python, pip and npm."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"
SOURCES = ["_toc.yml", "pyproject.toml", "package-lock.json", "book/requirements.txt", "tests/requirements.txt"]
TOOLS = ["sh", "awk", "cat", "cp", "date", "df", "echo", "mkdir", "rm", "touch"]

# A fake Python: it reports another version, and creates environments that contain copies of itself.
PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then
    exec {real} -ISc "import sys; sys.version_info = {version}; sys.base_prefix = '{prefix}'
sys.modules.update(dict.fromkeys({missing}))
exec(sys.argv[1])" "$2"
fi
echo "python{version[0]}.{version[1]} $*" >> calls
case "$*" in
"-m venv --clear .venv")
    rm -rf .venv
    mkdir -p .venv/bin
    cp "$0" .venv/bin/python
    cp "$0" .venv/bin/python3 ;;
*requirements.txt)
    [ ! -e broken ] || {{ cat broken >&2; exit 1; }}
    for program in npm jupyter-book ruff mypy pytest; do cp {program} .venv/bin/$program; done ;;
esac
"""
PROGRAM = """#!/bin/sh
echo "${0##*/} $*" >> calls
if [ "${0##*/}" = npm ]; then mkdir -p node_modules; fi
[ ! -e "broken-${0##*/}" ] || { cat "broken-${0##*/}" >&2; exit 1; }
"""


def write_program(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


class Checkout:
    """A folder with the Makefile, and a PATH that has only what a test puts there."""

    def __init__(self, folder, tools):
        self.root = folder / "a book"
        self.programs = folder / "programs"
        self.path = f"{self.programs}:{tools}"
        for name in SOURCES:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).touch()
        (self.root / "book" / "_static").mkdir()
        shutil.copy(MAKEFILE, self.root)
        write_program(self.programs / "program", PROGRAM)

    def add_python(self, name, version, missing=(), prefix="/usr"):
        names = {"real": sys.executable, "version": version, "missing": list(missing), "prefix": prefix}
        write_program(self.programs / name, PYTHON.format(**names, program=self.programs / "program"))

    def make(self, *arguments, **environment):
        """Run make. Return its exit status, the programs that it called, and its output."""
        (self.root / "calls").unlink(missing_ok=True)
        done = subprocess.run(
            [shutil.which("make"), "--no-print-directory", *arguments],
            cwd=self.root,
            env={"PATH": self.path, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        calls = self.root / "calls"
        return done.returncode, calls.read_text().splitlines() if calls.exists() else [], done.stdout.splitlines()


VENV, INSTALL, EDITABLE = (
    "-m venv --clear .venv",
    "-m pip install --retries 2 --progress-bar on -r book/requirements.txt",
    "-m pip install --retries 2 --no-deps --editable .",
)
BUILD = "jupyter-book build . -W -n --keep-going"


def setup_calls(python):
    return [*(f"{python} {call}" for call in (VENV, INSTALL, EDITABLE)), "npm ci --omit=dev"]


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tools")
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name))
    return folder


@pytest.fixture
def checkout(tmp_path, tools):
    checkout = Checkout(tmp_path, tools)
    checkout.add_python("python3", (3, 11))
    return checkout


def test_the_first_build_installs_everything_and_the_next_one_only_builds(checkout):
    assert checkout.make("book")[:2] == (0, [*setup_calls("python3.11"), BUILD])
    assert checkout.make("book")[:2] == (0, [BUILD])


def test_a_quick_check_needs_neither_npm_nor_a_build(checkout):
    status, calls, _ = checkout.make("check")
    assert status == 0
    assert [call.split()[0] for call in calls] == ["python3.11"] * 4 + ["ruff", "ruff", "mypy", "pytest"]


@pytest.mark.parametrize(
    ("version", "missing", "output"),
    [
        ((2, 7), [], "is Python 2.7, which is too old"),
        ((3, 9), [], "is Python 3.9, which is too old"),
        ((3, 10), [], "is Python 3.10, which is too old"),
        ((3, 15), [], "is Python 3.15, which is too new: the pinned NumPy has no wheel for it"),
        ((3, 20), [], "is Python 3.20, which is too new: the pinned NumPy has no wheel for it"),
        ((4, 0), [], "is Python 4.0, which is too new: the pinned NumPy has no wheel for it"),
        (
            (3, 12),
            ["ensurepip"],
            "cannot create virtual environments: on Debian and Ubuntu, install python3-venv",
        ),
    ],
)
def test_an_unsuitable_python_is_reported_in_one_line_and_another_one_works(checkout, version, missing, output):
    checkout.add_python("python3", version, missing)
    status, calls, (line, stop) = checkout.make("book")
    assert line == f"python3 {output}. Use a Python from 3.11 to 3.14: make PYTHON=/path/to/python3.12 book"
    assert "*** [" in stop
    assert (status, calls) == (2, [])
    checkout.add_python("python3.14", (3, 14))
    assert checkout.make("PYTHON=python3.14", "book")[:2] == (0, [*setup_calls("python3.14"), BUILD])


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13), (3, 14)])
def test_each_supported_python_works(checkout, version):
    checkout.add_python("python3", version)
    assert checkout.make("book")[0] == 0


@pytest.mark.parametrize("arguments", [["book"], ["PYTHON=python3.21", "book"]])
def test_a_missing_python_is_reported_in_one_line(checkout, arguments):
    (checkout.programs / "python3").unlink()
    status, calls, (line, _) = checkout.make(*arguments)
    name = "python3.21" if len(arguments) == 2 else "python3"
    output = f"{name} is not installed or does not start. Use a Python from 3.11 to 3.14"
    assert line == f"{output}: make PYTHON=/path/to/python3.12 book"
    assert (status, calls) == (2, [])
    checkout.add_python(name, (3, 13))
    assert checkout.make("book", f"PYTHON={name}")[0] == 0


@pytest.mark.parametrize("named", ["argument", "environment"])
def test_a_named_python_is_used(checkout, named):
    checkout.make("book")
    checkout.add_python("python3.12", (3, 12))
    given = {"PYTHON": "python3.12"}
    arguments, environment = (["PYTHON=python3.12"], {}) if named == "argument" else ([], given)
    status, calls, output = checkout.make("book", *arguments, **environment)
    assert (status, calls) == (0, [*setup_calls("python3.12"), BUILD])
    assert output[0] == f"Creating .venv again: it was created for {checkout.root}, Python 3.11 of /usr."
    assert checkout.make("book", *arguments, **environment)[:2] == (0, [BUILD])
    assert checkout.make("book")[:2] == (0, [BUILD])


def test_another_installation_of_the_same_version_is_another_python(checkout):
    checkout.make("book")
    checkout.add_python("python3.11", (3, 11), prefix="/opt/python")
    assert checkout.make("book", "PYTHON=python3.11")[1] == [*setup_calls("python3.11"), BUILD]


def test_an_unsuitable_python_leaves_the_environment_unchanged(checkout):
    checkout.make("book")
    checkout.add_python("python3.10", (3, 10))
    for python in ("python3.10", "python3.21"):
        assert checkout.make("book", f"PYTHON={python}")[:2] == (2, [])
    assert checkout.make("book")[:2] == (0, [BUILD])


def test_an_incomplete_environment_is_not_used_to_create_the_next_one(checkout):
    (checkout.root / "broken").write_text(f"{NO_NETWORK}\n")
    checkout.make("book")
    (checkout.root / "broken").unlink()
    checkout.add_python("python3", (3, 13))
    assert checkout.make("book")[1] == [*setup_calls("python3.13"), BUILD]


def test_the_build_of_another_python_is_repeated(checkout):
    checkout.make("book")
    stale = checkout.root / "_build" / "html" / "stale.html"
    stale.parent.mkdir()
    stale.touch()
    (checkout.root / "_build" / ".doctrees").mkdir()
    checkout.make("book")
    assert stale.exists()
    checkout.add_python("python3.12", (3, 12))
    checkout.make("book", "PYTHON=python3.12")
    assert not stale.exists()
    assert not (checkout.root / "_build" / ".doctrees").exists()


def interrupt_installation(checkout):
    (checkout.root / ".venv" / "book.installed").unlink()


def delete_the_python(checkout):
    (checkout.root / ".venv" / "bin" / "python").unlink()
    (checkout.root / ".venv" / "bin" / "python").symlink_to("/no/such/python")


def move(checkout):
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))


@pytest.mark.parametrize("damage", [interrupt_installation, delete_the_python, move])
def test_an_unusable_environment_is_created_again(checkout, damage):
    checkout.make("book")
    damage(checkout)
    assert checkout.make("book")[:2] == (0, [*setup_calls("python3.11"), BUILD])
    assert checkout.make("book")[:2] == (0, [BUILD])


NO_NETWORK = "ERROR: No matching distribution found for alabaster==0.7.16"
NO_SPACE = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
INSTALLATION_FAILED = (
    "The installation failed: see above. If there is no network or less than 2 GB of free disk, fix that and run "
    "make again: it continues from here."
)


@pytest.mark.parametrize("reason", [NO_NETWORK, NO_SPACE])
def test_a_failed_installation_explains_what_to_do_and_the_next_make_continues(checkout, reason):
    (checkout.root / "broken").write_text(f"{reason}\n")
    status, calls, output = checkout.make("book")
    assert (status, calls) == (2, setup_calls("python3.11")[:2])
    assert output[:2] == [reason, INSTALLATION_FAILED]
    (checkout.root / "broken").unlink()
    assert checkout.make("book")[:2] == (0, [*setup_calls("python3.11"), BUILD])


def test_a_failed_update_continues_without_a_new_environment(checkout):
    checkout.make("book")
    (checkout.root / "broken").write_text(f"{NO_NETWORK}\n")
    os.utime(checkout.root / "book" / "requirements.txt", (2e9, 2e9))
    assert checkout.make("book")[0] == 2
    (checkout.root / "broken").unlink()
    assert checkout.make("book")[1] == [f"python3.11 {call}" for call in (INSTALL, EDITABLE)] + [BUILD]


def test_a_failed_npm_explains_what_to_do_and_the_next_make_continues(checkout):
    reason = "npm error network request failed, reason: getaddrinfo ENOTFOUND"
    (checkout.root / "broken-npm").write_text(f"{reason}\n")
    status, calls, output = checkout.make("book")
    assert (status, calls) == (2, setup_calls("python3.11"))
    assert output[:2] == [reason, INSTALLATION_FAILED]
    (checkout.root / "broken-npm").unlink()
    assert checkout.make("book")[:2] == (0, ["npm ci --omit=dev", BUILD])


def test_a_full_disk_is_reported_in_one_line_and_the_next_make_continues(checkout):
    write_program(
        checkout.programs / "df", "#!/bin/sh\necho Filesystem\necho 'disk 8000000 7900000 100000 99% /'\n"
    )
    status, calls, (*_, line, _) = checkout.make("book")
    assert (status, calls) == (2, setup_calls("python3.11"))
    assert line == "Less than 200 MB of disk are free. Free some space and run make again."
    (checkout.programs / "df").unlink()
    assert checkout.make("book")[:2] == (0, [BUILD])


def test_a_build_works_without_git(checkout):
    assert shutil.which("git", path=checkout.path) is None
    status, _, output = checkout.make("book")
    assert status == 0
    assert "git" not in "".join(output)
