"""The code of the page "Your own model" reproduces the data of its figures."""

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


def test_the_code_of_the_page_reproduces_the_data_of_its_figures():
    import_or_skip("torch")
    recorded = json.loads(RECORD.read_text())
    assert set(recorded.pop("versions")) == {"torch", "numpy"}
    fresh, saved = dict(leaves(run())), dict(leaves(recorded))
    assert list(fresh) == list(saved)
    for path, values in fresh.items():
        # A rounding error of 1e-6 in the weights changes the rates by up to 0.1%.
        is_share = "share" in path or "no_gradient" in path
        np.testing.assert_allclose(values, saved[path], **({"atol": 0.005} if is_share else {"rtol": 0.005}))
