"""Trajectories equal recorded trajectories of torch.optim and Optax, and live ones where these are installed."""

import importlib
import json
import os

import numpy as np
import pytest
from record_reference import CASES, LIBRARIES, NUM_STEPS, PARITY, RECORD, START, gradients, trajectory

from adaptive_optim import OPTIMIZERS, minimize

RECORDED = json.loads(RECORD.read_text())
IN_RECORD = list(RECORDED["trajectories"])
BOTH = [(library, case) for case in CASES for library in LIBRARIES]


def import_or_skip(library):
    """Import a library, or skip the test if it is not installed. In continuous integration nothing is skipped."""
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{library} is not installed")


def our_run(case, dtype=np.float64):
    row, our = CASES[case]
    grads = np.array(gradients(), dtype)
    return minimize(row.ours(**our), lambda params, step: grads[step], np.array(START, dtype), NUM_STEPS)


def assert_same(path, reference, rtol):
    # An absolute tolerance, too, because a path may cross zero.
    np.testing.assert_allclose(path, reference, rtol=rtol, atol=rtol)


def test_every_optimizer_has_a_row_in_the_parity_table():
    assert {row.ours for row in PARITY.values()} == set(OPTIMIZERS)
    assert all(len(row.settings) >= 2 for row in PARITY.values())


def test_the_record_contains_every_case_of_each_library():
    different_definition = {
        f"optax {case}"
        for case, (row, our) in CASES.items()
        if row.ours.__name__ == "Adagrad" and our["eps"] > 1e-30
    }
    assert len(different_definition) == 1
    assert set(IN_RECORD) == {f"{library} {case}" for library, case in BOTH} - different_definition
    assert set(RECORDED["versions"]) == {"torch", "optax", "jax", "numpy"}


def test_one_gradient_is_dense_and_one_sparse_and_none_is_close_to_zero():
    dense, sparse = np.array(gradients()).T
    assert NUM_STEPS >= 200
    assert np.abs(dense).min() >= 1 / 16
    assert np.abs(sparse[sparse != 0]).min() >= 1 / 16
    assert not sparse[:20].any()
    assert 10 < np.count_nonzero(sparse) < 40
    assert {-1.0, 1.0} == set(np.sign(dense)) == set(np.sign(sparse[sparse != 0]))
    np.testing.assert_array_equal(np.float32(gradients()), np.array(gradients()))


@pytest.mark.parametrize("name", IN_RECORD)
def test_a_trajectory_equals_the_recorded_one(name):
    _, case = name.split(" ", 1)
    assert_same(our_run(case).params[1:].T, RECORDED["trajectories"][name], rtol=1e-10)


@pytest.mark.parametrize(("library", "case"), BOTH)
def test_a_trajectory_and_the_record_equal_the_live_trajectory(library, case):
    import_or_skip(library)
    live = trajectory(library, case)
    if live is None:
        assert f"{library} {case}" not in IN_RECORD
    else:
        assert_same(our_run(case).params[1:].T, live, rtol=1e-10)
        assert_same(np.array(RECORDED["trajectories"][f"{library} {case}"]), live, rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_float32_trajectory_is_close_to_the_record(case):
    run = our_run(case, np.float32)
    assert run.params.dtype == run.rates.dtype == run.grads.dtype == np.float32
    assert np.abs(run.params[1:].T - RECORDED["trajectories"][f"torch {case}"]).max() < 1e-4


@pytest.mark.parametrize("number", [float, np.float64, np.float32, np.array], ids=lambda number: number.__name__)
@pytest.mark.parametrize("case", CASES)
def test_a_step_preserves_float32_in_state_rate_and_direction(case, number):
    row, our = CASES[case]
    optimizer = row.ours(**{name: number(value) for name, value in our.items()})
    state = optimizer.init(np.float32(START))
    for grad in np.float32([[0.25, 0.0], [0.0, -3.0], [2.0, 0.0]]):
        state, rate, direction, _ = optimizer.step(state, grad)
        arrays = [array for array in state if not isinstance(array, int)]
        assert {array.dtype for array in [*arrays, rate, direction]} == {np.dtype("float32")}


def test_a_missing_library_skips_a_test_locally_and_fails_it_in_continuous_integration(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="is not installed"):
        import_or_skip("no_such_library")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(ModuleNotFoundError):
        import_or_skip("no_such_library")
