"""One run: what is recorded, when it diverges, and which arguments are invalid."""

import re

import numpy as np
import pytest

from adaptive_optim import OPTIMIZERS, SGD, Adagrad, Adam, Momentum, RMSProp, SparseRegression, minimize

every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)


def identity_gradient(params, step):
    return params


def test_minimize_evaluates_the_gradient_along_the_path_and_records_it():
    calls, start = [], np.array([1, 2])

    def gradient(params, step):
        calls.append((step, *params))
        return [2.0, -1.0]

    run = minimize(SGD(0.5), gradient, start, num_steps=3)
    assert calls == [(0, 1, 2), (1, 0, 2.5), (2, -1, 3)]
    np.testing.assert_array_equal(run.params, [[1, 2], [0, 2.5], [-1, 3], [-2, 3.5]])
    np.testing.assert_array_equal(run.grads, [[2, -1]] * 3)
    assert run.params.dtype == float
    assert run.diverged_at == -1
    assert not run.diverged
    np.testing.assert_array_equal(start, [1, 2])


@every_optimizer
def test_a_coordinate_has_a_rate_from_its_first_gradient(optimizer):
    grads = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, -2.0], [0.0, 0.0], [1.0, 0.0]])
    rates = minimize(optimizer(), lambda params, step: grads[step], [0.0, 0.0], 5).rates
    np.testing.assert_array_equal(np.isnan(rates), [[False, True], [False, True]] + [[False, False]] * 3)
    assert (rates[np.isfinite(rates)] < 1e3).all()


# Divergence. Warnings are errors in this test suite, so these tests also show that NumPy emits none.


@pytest.mark.parametrize(("dtype", "step"), [(np.float64, 154), (np.float32, 19)])
def test_a_run_diverges_at_the_step_after_which_its_square_is_not_finite(dtype, step):
    # Each step multiplies by -10. In float64, (10^154)^2 is the last finite square.
    run = minimize(SGD(11.0), identity_gradient, np.array([1.0, 0.0], dtype), num_steps=400)
    assert run.diverged
    assert run.diverged_at == step
    assert run.params.dtype == dtype
    np.testing.assert_allclose(np.abs(run.params[: step + 1, 0]), 10.0 ** np.arange(step + 1), rtol=1e-5)
    assert np.isnan(run.params[step + 1 :]).all()
    assert (run.rates[:step, 0] == 11).all()
    assert np.isnan(run.rates[step:]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
@every_optimizer
def test_a_gradient_that_is_not_finite_ends_only_its_own_run(optimizer, value):
    problem = SparseRegression(activity=0.5)

    def faulty_gradient(params, step):
        grad = problem.gradient(params, step)
        if step == 7:
            grad[1, 0, 1] = value
        return grad

    start = np.linspace(-1.0, 1.0, 12).reshape(3, 2, 2)
    expected = minimize(optimizer(0.05), problem.gradient, start, num_steps=20)
    run = minimize(optimizer(0.05), faulty_gradient, start, num_steps=20)
    diverged = np.zeros((3, 2), bool)
    diverged[1, 0] = True
    np.testing.assert_array_equal(run.diverged_at, np.where(diverged, 7, -1))
    np.testing.assert_array_equal(run.diverged, diverged)
    np.testing.assert_array_equal(run.params[:8, 1, 0], expected.params[:8, 1, 0])
    assert np.isnan(run.params[8:, 1, 0]).all()
    assert np.isnan(run.rates[7:, 1, 0]).all()
    for record, same in zip(run[1:4], expected[1:4], strict=True):
        assert record[:, ~diverged].tobytes() == same[:, ~diverged].tobytes()


@pytest.mark.parametrize("optimizer", [SGD(1e300), Momentum(1e300), Adagrad(1e300), RMSProp(1e300), Adam(1e300)])
def test_an_overflowing_learning_rate_diverges_at_the_first_step(optimizer):
    run = minimize(optimizer, identity_gradient, [1.0, -2.0], num_steps=5)
    assert run.diverged_at == 0
    np.testing.assert_array_equal(run.params[0], [1.0, -2.0])
    assert np.isnan(run.params[1:]).all()
    assert np.isnan(run.rates).all()


def test_each_run_of_a_sweep_diverges_at_its_own_step():
    rates = np.array([0.1, 3.0, 11.0, 1e200])
    batch = minimize(SGD(rates[:, None]), identity_gradient, np.ones((4, 2)), num_steps=600)
    alone = [int(minimize(SGD(rate), identity_gradient, np.ones(2), num_steps=600).diverged_at) for rate in rates]
    assert batch.diverged_at.tolist() == alone
    assert alone[0] == -1
    assert alone[1] > alone[2] > alone[3] == 0


# Invalid arguments.

INVALID = [
    *[
        ({"params": bad}, f"params={bad!r}: must be a vector of finite numbers")
        for bad in (
            *([], 1.0, np.ones((0, 2)), [1.0, np.nan], [np.inf, 0.0], None, "ab", ["a", "b"], [1j, 0]),
            *([[1.0], [1.0, 2.0]], [True]),
        )
    ],
    *[
        ({"num_steps": bad}, f"num_steps={bad!r}: must be an integer of at least 1")
        for bad in (0, -1, 2.0, 1.5, "3", None, np.nan, [3], np.array([3]), int)
    ],
    *[
        ({"optimizer": bad}, f"optimizer={bad!r}: must be an optimizer, for instance SGD(0.1)")
        for bad in (SGD, "SGD", None, 0.1, object)
    ],
    *[
        (
            {"gradient": lambda params, step, grad=grad: params if step < 2 else grad},
            f"gradient: returned shape {np.shape(grad)} at step 2, must be the shape of params, (2,)",
        )
        for grad in (0.0, [1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], None)
    ],
    ({"gradient": lambda params, step: params * 1j}, "gradient: returned complex numbers at step 0"),
]


@pytest.mark.parametrize(("argument", "message"), INVALID, ids=lambda case: "" if isinstance(case, dict) else case)
def test_an_invalid_argument_raises_an_error_that_names_it(argument, message):
    valid = {"optimizer": SGD(0.1), "gradient": identity_gradient, "params": [1.0, 2.0], "num_steps": 5}
    with pytest.raises(ValueError, match=re.escape(message)):
        minimize(**{**valid, **argument})
