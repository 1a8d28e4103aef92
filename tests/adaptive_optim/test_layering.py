"""The layers of the package: which module imports which, read from the source."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"
PACKAGE = SOURCES / "adaptive_optim"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]
SITE_PACKAGES = {"sphinx", "docutils", "myst_nb", "myst_nb_plotly", "IPython", "torch", "jax", "optax", "keras"}

# Modules and subpackages, with those that each may import.
LAYERS = {
    "optimizers": set(),
    "intervals": set(),
    "inspection": set(),
    "workers": set(),
    "progress": set(),
    "problems": {"optimizers"},
    "validation": {"optimizers"},
    "schedules": {"validation"},
    "checks": {"optimizers", "validation"},
    "trajectory": {"optimizers", "schedules", "validation"},
    "sweeps": {"optimizers", "problems", "progress", "schedules", "trajectory", "validation"},
    "text": {"validation"},
    "sparse": {"optimizers", "schedules", "trajectory", "validation"},
    "skipgram": {"optimizers", "progress", "schedules", "sparse", "text", "trajectory", "validation"},
    "figures": {"inspection", "intervals", "optimizers", "problems", "trajectory"},
}


def layer_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Return the full names that a source file imports, anywhere in the file."""
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


def test_all_forms_of_imports_are_found(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("import a.b\nfrom c.d import e\nfrom . import f\nfrom .g import h\nif x:\n    import i\n")
    assert imports(path) == {"a.b", "c.d.e", f"{tmp_path.name}.f", f"{tmp_path.name}.g.h", "i"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_lower_layers(path):
    names = [name.split(".") for name in imports(path)]
    imported = {parts[1] for parts in names if parts[0] == "adaptive_optim"}
    assert imported <= LAYERS[layer_of(path)] | {layer_of(path)}
    assert not packages(path) & SITE_PACKAGES
    if layer_of(path) != "figures":
        assert "plotly" not in packages(path)


def test_inspection_imports_only_numpy_and_the_standard_library():
    for path in MODULES:
        if layer_of(path) == "inspection":
            assert packages(path) - sys.stdlib_module_names <= {"adaptive_optim", "numpy"}


def test_the_layers_have_no_cycles_and_contain_every_module():
    assert set(LAYERS) == set(map(layer_of, MODULES))
    assert list(TopologicalSorter(LAYERS).static_order())


def test_myst_nb_plotly_does_not_import_adaptive_optim():
    paths = list(SOURCES.glob("myst_nb_plotly/**/*.py"))
    assert paths
    assert not any("adaptive_optim" in packages(path) for path in paths)
