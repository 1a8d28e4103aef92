"""Running an optimizer: what is recorded, what diverges, and what is refused."""

import re
from dataclasses import fields

import numpy as np
import pytest

from adaptive_optim import OPTIMIZERS, SGD, Adagrad, Adam, Momentum, RMSProp, SparseRegression, minimize

every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)


def downhill(params, step):
    return params


def test_the_gradient_is_asked_at_every_point_of_the_path_in_order():
    asked = []

    def gradient(params, step):
        asked.append((step, *params))
        return [2.0, -1.0]

    run = minimize(SGD(0.5), gradient, [1, 2], num_steps=3)
    assert asked == [(0, 1, 2), (1, 0, 2.5), (2, -1, 3)]
    np.testing.assert_array_equal(run.params, [[1, 2], [0, 2.5], [-1, 3], [-2, 3.5]])
    np.testing.assert_array_equal(run.grads, [[2, -1]] * 3)
    assert run.params.dtype == float
    assert run.diverged_at == -1
    assert not run.diverged


@every_optimizer
def test_a_coordinate_has_no_rate_until_its_first_gradient_and_a_finite_one_from_then_on(optimizer):
    grads = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, -2.0], [0.0, 0.0], [1.0, 0.0]])
    rates = minimize(optimizer(), lambda params, step: grads[step], [0.0, 0.0], 5).rates
    np.testing.assert_array_equal(np.isnan(rates), [[False, True], [False, True]] + [[False, False]] * 3)
    assert (rates[np.isfinite(rates)] < 1e3).all()


def test_the_runs_leave_their_start_alone():
    start = np.array([1.0, 2.0])
    minimize(SGD(0.5), downhill, start, num_steps=2)
    np.testing.assert_array_equal(start, [1.0, 2.0])


# Divergence. Warnings are errors in this suite, so each of these also says that NumPy stayed silent.


def test_a_run_diverges_at_the_step_after_which_its_square_is_not_finite():
    # Each step multiplies by -10; (10^154)^2 is the last square below the largest float.
    run = minimize(SGD(11.0), downhill, [1.0, 0.0], num_steps=400)
    assert run.diverged
    assert run.diverged_at == 154
    np.testing.assert_allclose(np.abs(run.params[:155, 0]), 10.0 ** np.arange(155))
    assert np.isnan(run.params[155:]).all()
    assert (run.rates[:154, 0] == 11).all()
    assert np.isnan(run.rates[154:]).all()


def test_float32_runs_diverge_earlier():
    run = minimize(SGD(11.0), downhill, np.float32([1.0, 0.0]), num_steps=400)
    assert run.diverged_at == 19
    assert run.params.dtype == np.float32


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
@every_optimizer
def test_a_gradient_that_is_not_finite_ends_its_own_run_and_no_other(optimizer, value):
    problem = SparseRegression(activity=0.5)

    def broken(params, step):
        grad = problem.gradient(params, step)
        if step == 7:
            grad[1, 0, 1] = value
        return grad

    start = np.linspace(-1.0, 1.0, 12).reshape(3, 2, 2)
    whole = minimize(optimizer(0.05), problem.gradient, start, num_steps=20)
    run = minimize(optimizer(0.05), broken, start, num_steps=20)
    expected = np.full((3, 2), -1)
    expected[1, 0] = 7
    np.testing.assert_array_equal(run.diverged_at, expected)
    np.testing.assert_array_equal(run.diverged, expected == 7)
    lost = (slice(None), 1, 0)
    assert np.isfinite(run.params[lost][:8]).all()
    assert np.isnan(run.params[lost][8:]).all()
    assert np.isnan(run.rates[lost][7:]).all()
    np.testing.assert_array_equal(run.params[lost][:8], whole.params[lost][:8])
    others = np.ones((3, 2), bool)
    others[1, 0] = False
    for record, same in zip(run[1:4], whole[1:4], strict=True):
        assert record[:, others].tobytes() == same[:, others].tobytes()


@pytest.mark.parametrize("optimizer", [SGD(1e300), Momentum(1e300), Adagrad(1e300), RMSProp(1e300), Adam(1e300)])
def test_an_overflowing_learning_rate_diverges_at_the_first_step(optimizer):
    run = minimize(optimizer, downhill, [1.0, -2.0], num_steps=5)
    assert run.diverged_at == 0
    np.testing.assert_array_equal(run.params[0], [1.0, -2.0])
    assert np.isnan(run.params[1:]).all()
    assert np.isnan(run.rates).all()


def test_each_run_of_a_sweep_diverges_at_its_own_step():
    rates = np.array([0.1, 3.0, 11.0, 1e200])
    batch = minimize(SGD(rates[:, None]), downhill, np.ones((4, 2)), num_steps=600)
    alone = [int(minimize(SGD(rate), downhill, np.ones(2), num_steps=600).diverged_at) for rate in rates]
    assert batch.diverged_at.tolist() == alone
    assert alone[0] == -1
    assert alone[1] > alone[2] > alone[3] == 0


# What is refused.

OF_FINITE = [np.nan, np.inf, -np.inf, -0.1, [0.1, np.nan], [[0.1, 0.2], [0.3, -0.4]]]
NOT_NUMBERS = ["0.1", "", None, [], {}, 1j, True, [None], ["0.1"], [[0.1], [0.2, 0.3]], 10**400, np.array([])]
ALLOWED = {
    "learning_rate": ("a finite number above 0", [*OF_FINITE, 0, 0.0, [0.1, 0.0]]),
    "eps": ("a finite number above 0", [*OF_FINITE, 0, 0.0, [0.1, 0.0]]),
    "initial_accumulator_value": ("a finite number of at least 0", OF_FINITE),
    **dict.fromkeys(
        ("beta", "beta1", "beta2", "rho"),
        ("a number of at least 0 and below 1", [*OF_FINITE, 1, 1.0, 1.5, [0.5, 1.0]]),
    ),
}
REFUSED = [
    (optimizer, field.name, bad)
    for optimizer in OPTIMIZERS
    for field in fields(optimizer)
    if field.name in ALLOWED
    for bad in (*ALLOWED[field.name][1], *NOT_NUMBERS)
]


@pytest.mark.parametrize(("optimizer", "name", "bad"), REFUSED)
def test_a_setting_out_of_range_is_refused_by_name_value_and_range(optimizer, name, bad):
    with pytest.raises(ValueError, match=re.escape(f"{name}={bad!r}: must be {ALLOWED[name][0]}") + "$"):
        optimizer(**{name: bad})


@pytest.mark.parametrize("bad", [None, 0, 1, "yes", [True], np.array([True, False]), np.nan])
def test_bias_correction_is_true_or_false(bad):
    with pytest.raises(ValueError, match=re.escape(f"bias_correction={bad!r}: must be True or False")):
        Adam(bias_correction=bad)


def test_settings_at_the_edge_of_their_range_are_taken():
    assert Adam(learning_rate=5e-324, beta1=0, beta2=np.nextafter(1, 0), eps=5e-324).beta1 == 0
    assert Adagrad(initial_accumulator_value=0).initial_accumulator_value == 0


def test_settings_cannot_be_changed_once_made():
    with pytest.raises(AttributeError):
        SGD(0.1).learning_rate = -1
    rates = np.array([0.1, 0.2])
    optimizer = SGD(rates)
    rates[0] = -1
    np.testing.assert_array_equal(optimizer.learning_rate, [0.1, 0.2])
    with pytest.raises(ValueError, match="read-only"):
        optimizer.learning_rate[0] = -1


@pytest.mark.parametrize("shape", [(3,), (2, 1), (2, 2, 2), (5, 1, 2)])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_setting_that_does_not_broadcast_against_the_parameters_is_refused(optimizer, shape):
    params = np.zeros((4, 2))
    for field in fields(optimizer):
        if field.name in ALLOWED:
            message = re.escape(f"{field.name}: has shape {shape}, must broadcast against (4, 2)")
            with pytest.raises(ValueError, match=message):
                minimize(optimizer(**{field.name: np.full(shape, 0.5)}), downhill, params, num_steps=1)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (SGD(1e300), "learning_rate=.*inf.*: must be a finite number above 0"),
        (SGD([1e300, 1.0]), "learning_rate=.*inf.*: must be a finite number above 0"),
        (Adam(eps=1e-60), "eps=.*0.0.*: must be a finite number above 0"),
        (Adam(beta2=1 - 1e-9), "beta2=.*1.0.*: must be a number of at least 0 and below 1"),
    ],
)
def test_a_setting_that_float32_cannot_hold_is_refused_for_float32_parameters(optimizer, message):
    minimize(optimizer, downhill, [1.0, 2.0], num_steps=1)
    with pytest.raises(ValueError, match=message):
        minimize(optimizer, downhill, np.float32([1.0, 2.0]), num_steps=1)


@pytest.mark.parametrize(
    "bad",
    [
        [],
        1.0,
        np.ones((0, 2)),
        [1.0, np.nan],
        [np.inf, 0.0],
        None,
        "ab",
        ["a", "b"],
        [1j, 0],
        [[1.0], [1.0, 2.0]],
        [True],
    ],
)
def test_parameters_that_are_not_a_vector_of_finite_numbers_are_refused(bad):
    with pytest.raises(ValueError, match=re.escape(f"params={bad!r}: must be a vector of finite numbers")):
        minimize(SGD(0.1), downhill, bad, num_steps=1)


@pytest.mark.parametrize("bad", [0, -1, 2.0, 1.5, "3", None, np.nan, [3], np.array([3]), int])
def test_the_number_of_steps_is_a_whole_number_above_0(bad):
    with pytest.raises(ValueError, match=re.escape(f"num_steps={bad!r}: must be a whole number of at least 1")):
        minimize(SGD(0.1), downhill, [1.0], num_steps=bad)


@pytest.mark.parametrize("bad", [SGD, "SGD", None, 0.1, object])
def test_what_is_not_an_optimizer_is_refused(bad):
    message = f"optimizer={bad!r}: must be an optimizer, for instance SGD(0.1)"
    with pytest.raises(ValueError, match=re.escape(message)):
        minimize(bad, downhill, [1.0], num_steps=1)


@pytest.mark.parametrize("grad", [0.0, [1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], None])
def test_a_gradient_of_another_shape_than_the_parameters_is_refused(grad):
    def gradient(params, step):
        return params if step < 2 else grad

    shape = re.escape(str(np.shape(grad)))
    with pytest.raises(ValueError, match=rf"gradient: returned shape {shape} at step 2, must be .* \(2,\)"):
        minimize(SGD(0.1), gradient, [1.0, 2.0], num_steps=5)


def test_a_complex_gradient_is_refused():
    with pytest.raises(ValueError, match="gradient: returned complex numbers at step 0"):
        minimize(SGD(0.1), lambda params, step: params * 1j, [1.0, 2.0], num_steps=5)
