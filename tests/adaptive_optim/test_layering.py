"""Who may know whom, read from the source."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"
DRAWINGS = ("figures", "figures_inspection")
NUMBERS = [path for path in sorted(SOURCES.glob("adaptive_optim/*.py")) if path.stem not in ("__init__", *DRAWINGS)]

# Whom each part may know within the package. Nobody knows whoever knows him.
MAY_KNOW = {
    "optimizers": set(),
    "intervals": set(),
    "inspection": set(),
    "workers": set(),
    "problems": {"optimizers"},
    "descent": {"optimizers"},
    "sweeps": {"optimizers", "problems", "descent"},
    "text": {"descent"},
    "sparse": {"optimizers", "descent"},
    "skipgram": {"optimizers", "descent", "sparse", "text"},
}


def imports(path):
    """Return the full names of all modules a source file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            prefix = path.parent.name if node.level else ""
            names |= {".".join(filter(None, (prefix, node.module, alias.name))) for alias in node.names}
    return names


def packages(path):
    return {name.split(".")[0] for name in imports(path)}


def test_the_reader_of_imports_sees_all_kinds(tmp_path):
    source = "import a.b\nfrom c.d import e\nfrom . import f\nfrom .g import h\ndef later():\n    import i\n"
    path = tmp_path / "module.py"
    path.write_text(source)
    here = tmp_path.name
    assert imports(path) == {"a.b", "c.d.e", f"{here}.f", f"{here}.g.h", "i"}


@pytest.mark.parametrize("path", NUMBERS, ids=lambda path: path.stem)
def test_the_numbers_know_numpy_and_nothing_that_draws(path):
    assert "numpy" in packages(path) or path.stem == "workers"
    assert not packages(path) & {
        "plotly",
        "sphinx",
        "docutils",
        "myst_nb",
        "myst_nb_plotly",
        "IPython",
        "ipywidgets",
        "torch",
        "jax",
        "optax",
        "keras",
    }


@pytest.mark.parametrize("path", NUMBERS, ids=lambda path: path.stem)
def test_a_part_knows_only_those_below_it(path):
    known = [name.split(".") for name in imports(path)]
    assert {".".join(parts[1:2]) for parts in known if parts[0] == "adaptive_optim"} <= MAY_KNOW[path.stem]


def test_no_two_parts_know_each_other_not_even_through_others():
    assert set(MAY_KNOW) == {path.stem for path in NUMBERS}
    assert list(TopologicalSorter(MAY_KNOW).static_order())


def test_no_part_of_the_package_knows_the_site():
    for path in SOURCES.glob("adaptive_optim/*.py"):
        assert not packages(path) & {"sphinx", "docutils", "myst_nb", "myst_nb_plotly"}


def test_what_shows_figures_knows_no_optimizer():
    paths = list(SOURCES.glob("myst_nb_plotly/**/*.py"))
    assert paths
    for path in paths:
        assert "adaptive_optim" not in packages(path)
