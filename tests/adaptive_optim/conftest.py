import sys
from pathlib import Path

import pytest
from hypothesis import settings

# As a whole, first: pytest makes a second copy of a module of it that it is given alone.
import adaptive_optim  # noqa: F401

# Benchmarks are programs of their own, with nothing to test in them.
collect_ignore_glob = ["bench_*.py"]
# The tests of one folder share the parity table, which is also a script.
sys.path.append(str(Path(__file__).parent))

# The same examples on every machine; a busy one is not an error.
settings.register_profile("book", deadline=None, derandomize=True, database=None, max_examples=30)
settings.load_profile("book")


@pytest.fixture
def no_notebook(monkeypatch):
    # Other tests import it.
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
