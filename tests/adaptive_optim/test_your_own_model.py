"""The code of the page "Your own model" runs, and returns what the figures of the page show."""

import json

import numpy as np
from record_your_own_model import RECORD, run
from test_parity import import_or_skip


def leaves(value, path=""):
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, f"{path}/{key}")
    else:
        yield path, np.array(value, float)


def test_the_figures_of_the_page_show_what_its_code_returns():
    import_or_skip("torch")
    recorded = json.loads(RECORD.read_text())
    assert set(recorded.pop("versions")) == {"torch", "numpy"}
    fresh, saved = dict(leaves(run())), dict(leaves(recorded))
    assert list(fresh) == list(saved)
    for path, values in fresh.items():
        # Weights that differ by a rounding error of 1e-6 change the rates by up to 0.1%.
        is_share = "share" in path or "no_gradient" in path
        np.testing.assert_allclose(values, saved[path], **({"atol": 0.005} if is_share else {"rtol": 0.005}))
