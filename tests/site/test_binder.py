"""What a chapter finds when it is opened in Binder. ``make audit`` opens them all."""

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def python(root):
    return (root / "runtime.txt").read_text(encoding="utf-8").strip().removeprefix("python-")


def test_the_python_of_binder_is_one_that_repo2docker_has_and_the_one_that_is_tested(root, python):
    environments = Path(find_spec("repo2docker").origin).parent / "buildpacks" / "conda"
    assert (environments / f"environment.py-{python}.yml").is_file()
    assert f'python-version: "{python}"' in (root / ".github" / "workflows" / "book.yml").read_text(
        encoding="utf-8"
    )
    assert f"--python-version {python} " in (root / "Makefile").read_text(encoding="utf-8")


def names(requirements):
    return {re.match(r"[\w-]+", requirement)[0] for requirement in requirements}


def test_a_reader_installs_nothing_that_only_the_build_or_the_tests_need(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {name: names(requirements) for name, requirements in project["optional-dependencies"].items()}
    locked = names(re.findall(r"^[\w-]+==", (root / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE))
    wanted = names(project["dependencies"]) | (extras["reader"] | extras["chapter"]) - {"adaptive-optimizers-book"}
    assert wanted <= locked
    # Chapters import glue from MyST-NB, and that brings these. They are 37 MB beside the 690 of all else.
    with_glue = {"docutils", "jupyter-cache", "myst-parser", "sphinx"}
    assert locked & (extras["book"] | extras["test"] | extras["oracle"]) - wanted == with_glue
