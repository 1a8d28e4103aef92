import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Import the package first: if pytest is given one of its modules alone, it would import a second copy of it.
import adaptive_optim  # noqa: F401

# Benchmarks are scripts and have no tests.
collect_ignore_glob = ["bench_*.py"]
# Several test modules import the parity table, which is also a script.
sys.path.append(str(Path(__file__).parent))

# The same examples on every machine, and no deadline on slow machines.
settings.register_profile("book", deadline=None, derandomize=True, database=None, max_examples=30)
settings.load_profile("book")


@pytest.fixture
def no_notebook(monkeypatch):
    # Other tests import ipykernel, whose presence marks a notebook.
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
