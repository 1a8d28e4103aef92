"""Optimizers: validation of settings, and properties that hold for every sequence of gradients."""

import re
from dataclasses import dataclass, fields
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import adaptive_optim
from adaptive_optim import (
    ALL_OPTIMIZERS,
    SGD,
    SOAP,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    CenteredRMSProp,
    FullMatrixAdagrad,
    Lion,
    Momentum,
    Muon,
    NAdam,
    Nesterov,
    ProblemStack,
    RMSProp,
    RowwiseAdagrad,
    Shampoo,
    SignSGD,
    SparseRegression,
    Step,
    minimize,
    update_rows,
)

ELEMENTWISE = [kind for kind in ALL_OPTIMIZERS if kind.is_elementwise]
COMBINING = [kind for kind in ALL_OPTIMIZERS if not kind.is_elementwise]
SWITCHES = {"bias_correction", "nesterov"}

# Settings.

NOT_FINITE_OR_NEGATIVE = [np.nan, np.inf, -np.inf, -0.1, [0.1, np.nan], [[0.1, 0.2], [0.3, -0.4]]]
NOT_NUMBERS = ["0.1", "", None, [], {}, 1j, True, [None], ["0.1"], [[0.1], [0.2, 0.3]], 10**400, np.array([])]
RANGES = {
    **dict.fromkeys(
        ("learning_rate", "eps", "clipping_threshold"), ("a finite number above 0", [0, 0.0, [0.1, 0.0]])
    ),
    **dict.fromkeys(("initial_accumulator_value", "weight_decay"), ("a finite number of at least 0", [])),
    **dict.fromkeys(
        ("beta", "beta1", "beta2", "rho"), ("a number of at least 0 and below 1", [1, 1.0, 1.5, [0.5, 1.0]])
    ),
    "precondition_frequency": ("an integer of at least 1", [0, 0.5, 1.5, [1, 2]]),
}
EACH_SETTING = [(kind, field.name) for kind in ALL_OPTIMIZERS for field in fields(kind) if field.name in RANGES]
# Settings that may be arrays.
EACH_SWEPT = [(kind, name) for kind, name in EACH_SETTING if name != "precondition_frequency"]
INVALID = [
    (optimizer, name, bad, RANGES[name][0])
    for optimizer, name in EACH_SETTING
    for bad in (*NOT_FINITE_OR_NEGATIVE, *RANGES[name][1], *NOT_NUMBERS)
]
INVALID += [
    (optimizer, name, bad, "True or False")
    for optimizer, name in ((Adam, "bias_correction"), (Muon, "nesterov"))
    for bad in (None, 0, 1, "yes", [True], np.array([True, False]), np.nan)
]


@pytest.mark.parametrize(("optimizer", "name", "bad", "description"), INVALID)
def test_an_invalid_setting_raises_an_error_with_its_name_value_and_range(optimizer, name, bad, description):
    with pytest.raises(ValueError, match=re.escape(f"{name}={bad!r}: must be {description}") + "$"):
        optimizer(**{name: bad})


def test_settings_at_the_limits_of_their_ranges_are_valid():
    assert Adam(learning_rate=5e-324, beta1=0, beta2=np.nextafter(1, 0), eps=5e-324).beta1 == 0
    assert Adagrad(initial_accumulator_value=0).initial_accumulator_value == 0


def test_settings_are_immutable():
    with pytest.raises(AttributeError):
        SGD(0.1).learning_rate = -1
    rates = np.array([0.1, 0.2])
    optimizer = SGD(rates)
    rates[0] = -1
    np.testing.assert_array_equal(optimizer.learning_rate, [0.1, 0.2])
    with pytest.raises(ValueError, match="read-only"):
        optimizer.learning_rate[0] = -1


@pytest.mark.parametrize("shape", [(3,), (2, 1), (2, 2, 2), (5, 1, 2)])
@pytest.mark.parametrize(("optimizer", "name"), EACH_SWEPT)
def test_a_setting_must_broadcast_to_the_shape_of_the_parameters(optimizer, name, shape):
    message = re.escape(f"{name}: has shape {shape}, must broadcast to (4, 2)")
    with pytest.raises(ValueError, match=message):
        minimize(optimizer(**{name: np.full(shape, 0.5)}), lambda params, step: params, np.zeros((4, 2)), 1)


ABOVE_0 = "must be a finite number above 0"


@pytest.mark.parametrize(
    ("optimizer", "dtype", "message"),
    [
        (SGD(1e300), "f4", f"learning_rate=1e+300: is inf in float32, {ABOVE_0}"),
        (SGD(10**18), "f2", f"learning_rate={10**18}: is inf in float16, {ABOVE_0}"),
        (SGD([1e300, 1.0]), "f4", f"learning_rate=array([1.e+300, 1.e+000]): is [inf  1.] in float32, {ABOVE_0}"),
        (Adam(eps=1e-60), "f4", f"eps=1e-60: is 0 in float32, {ABOVE_0}"),
        (Adam(eps=1e-8), "f2", f"eps=1e-08: is 0 in float16, {ABOVE_0}"),
        (Adagrad(), ">f2", f"eps=1e-10: is 0 in float16, {ABOVE_0}"),
        (
            Adam(beta2=1 - 1e-9),
            "f4",
            "beta2=0.999999999: is 1 in float32, must be a number of at least 0 and below 1",
        ),
        (Adam(beta1=np.float32(0.9999), eps=1e-4), "f2", "beta1=np.float32(0.9999): is 1 in float16, must be"),
    ],
)
def test_a_setting_must_be_in_its_range_in_the_dtype_of_the_parameters(optimizer, dtype, message):
    minimize(optimizer, lambda params, step: params, [1.0, 2.0], num_steps=1)
    table = np.ones((3, 2), dtype)
    for function in (
        lambda: minimize(optimizer, lambda params, step: params, np.ones(2, dtype), num_steps=1),
        lambda: update_rows(optimizer, table, optimizer.init(table), [0], np.zeros((1, 2))),
    ):
        for _ in range(2):  # the second time, too, because valid optimizers are remembered
            with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
                function()


def test_python_numbers_keep_their_precision_with_float32_parameters():
    grads, settings = np.array([[1.0, -3.0], [0.5, 2.0]] * 20), {"beta1": 0.99, "beta2": 0.99999}
    exact, rounded = (
        minimize(Adam(0.1, **settings), lambda params, step: grads[step], np.zeros(2, dtype), 40)
        for dtype in (float, np.float32)
    )
    np.testing.assert_allclose(rounded.rates[0], exact.rates[0], rtol=1e-7)
    np.testing.assert_allclose(rounded.rates, exact.rates, rtol=1e-6)
    assert rounded.rates.dtype == np.float32
    assert type(rounded.optimizer.beta2) is float
    assert rounded.optimizer.beta2 == 0.99999


def test_optimizers_with_equal_settings_are_equal_and_have_the_same_hash():
    rates = np.array([0.1, 0.2])
    assert SGD(rates) == SGD([0.1, 0.2]) == SGD(rates.copy())
    assert len({SGD(rates), SGD([0.1, 0.2]), SGD(0.1), SGD(np.array(0.1)), SGD([[0.1, 0.2]])}) == 3
    for other in (SGD([0.1, 0.3]), SGD(0.1), SGD([0.1]), SGD([[0.1, 0.2]]), Momentum(rates), 0.1, None):
        assert (SGD(rates) == other) is False
        assert (SGD(rates) != other) is True
    assert Adam(0.1, eps=[1e-8, 1e-7]) == Adam(0.1, eps=[1e-8, 1e-7])
    assert Adam(0.1) != Adam(0.1, bias_correction=False)


@dataclass(frozen=True)
class Labelled:
    """An optimizer without the base class, with all kinds of settings that are no numbers."""

    learning_rate: Any = 0.5
    mode: Any = "l2"
    clip: Any = None
    nesterov: Any = True

    def init(self, params):
        return SGD().init(params)

    def step(self, state, grad):
        assert (self.mode, self.clip, self.nesterov) == ("l2", None, True)
        return Step(state, self.learning_rate * np.ones_like(grad), grad)


@pytest.mark.parametrize("dtype", [float, np.float32])
def test_strings_none_and_booleans_are_settings_that_stay(dtype):
    run = minimize(Labelled(np.array([0.5, 0.25])), lambda params, step: params, np.ones(2, dtype), 1)
    assert run.params.dtype == dtype
    np.testing.assert_array_equal(run.params[-1], [0.5, 0.75])
    table = np.ones((3, 2), dtype)
    update_rows(Labelled(), table, Labelled().init(table), [1], np.ones((1, 2)))
    np.testing.assert_array_equal(table, [[1, 1], [0.5, 0.5], [1, 1]])


@pytest.mark.parametrize("bad", [(0.9, 0.999), [0.9, 0.999], {}, len, 1j])
def test_a_setting_that_is_no_number_raises_an_error_also_without_the_base_class(bad):
    table, optimizer = np.ones((3, 2)), Labelled(clip=bad)
    message = f"^{re.escape(f'clip={bad!r}: must be a number, an array, a boolean, a string or None')}"
    with pytest.raises(ValueError, match=message):
        minimize(optimizer, lambda params, step: params, [1.0, 2.0], 1)
    with pytest.raises(ValueError, match=message):
        update_rows(optimizer, table, SGD().init(table), [1], np.ones((1, 2)))


@pytest.mark.parametrize("dtype", ["u1", "i1", "i4", "u8"])
@pytest.mark.parametrize("optimizer", ELEMENTWISE)
def test_gradients_of_integers_give_the_step_of_the_same_numbers(optimizer, dtype):
    grad = np.array([100, 3], dtype)
    expected = optimizer().step(optimizer().init([1.0, 1.0]), grad.astype(float))
    result = optimizer().step(optimizer().init([1.0, 1.0]), grad)
    for first, second in zip((*result[1:], *result.state), (*expected[1:], *expected.state), strict=True):
        np.testing.assert_array_equal(first, second)


def test_every_optimizer_and_its_state_is_exported():
    for kind in ALL_OPTIMIZERS:
        state = type(kind().init(np.ones((2, 2))))
        for module in (adaptive_optim, adaptive_optim.optimizers):
            assert {kind.__name__, state.__name__} <= set(module.__all__)
            assert getattr(module, kind.__name__) is kind
            assert getattr(module, state.__name__) is state


def test_the_looks_of_optimizers_are_distinct():
    drawn = [kind for kind in ALL_OPTIMIZERS if kind.color]
    assert {"AdamW", "AMSGrad", "Lion", "NAdam", "Nesterov", "Adadelta", "Muon", "Shampoo"} <= {
        kind.__name__ for kind in drawn
    }
    assert len({kind.dash for kind in drawn}) == len(drawn)
    colors = [np.array([int(kind.color[i : i + 2], 16) for i in (1, 3, 5)]) for kind in drawn]
    assert min(np.linalg.norm(first - second) for first, second in combinations(colors, 2)) > 60


@pytest.mark.parametrize("kind", [Shampoo, SOAP, Muon])
def test_the_optimizers_of_matrices_do_not_accept_a_vector(kind):
    message = re.escape("params: has shape (3,), must be a matrix or stacked matrices, (..., rows, columns)")
    with pytest.raises(ValueError, match=f"^{message}$"):
        minimize(kind(), lambda params, step: params, np.zeros(3), 1)


# Properties.

NO_EPS = 1e-200

# Zeros are frequent, as for a sparse feature. Other gradients are far from the limits of floating-point numbers.
magnitudes = st.floats(1e-3, 1e3)
entries = st.one_of(st.just(0.0), magnitudes, magnitudes.map(lambda magnitude: -magnitude))
gradients = hnp.arrays(float, st.tuples(st.integers(1, 25), st.integers(1, 3)), elements=entries)
rates = st.floats(1e-4, 10.0)
decays = st.floats(0.0, 0.999)


def replay(optimizer, grads, start=0.0):
    """Run an optimizer on a given sequence of gradients, ``(steps, ...)``."""
    return minimize(optimizer, lambda params, step: grads[step], np.full(grads.shape[1:], start), len(grads))


@pytest.mark.parametrize("kind", [Adagrad, RowwiseAdagrad, AMSGrad])
@given(grads=gradients, rate=rates, initial=st.floats(0, 100), decay=decays, eps=st.floats(1e-12, 10))
def test_the_rate_of_adagrad_and_amsgrad_never_increases(kind, grads, rate, initial, decay, eps):
    run = replay(AMSGrad(rate, 0.9, decay, eps) if kind is AMSGrad else kind(rate, initial, eps), grads)
    seen = np.logical_or.accumulate(grads != 0)
    assert np.isfinite(run.rates[seen]).all()
    assert not (np.diff(run.rates, axis=0) > 0).any()


@given(gradients, rates)
def test_adagrad_ignores_steps_without_a_gradient(grads, rate):
    sparse = replay(Adagrad(rate), grads[:, :1])
    dense = replay(Adagrad(rate), grads[grads[:, 0] != 0, :1]) if grads[:, 0].any() else sparse
    assert sparse.params[-1] == dense.params[-1]


SCALE_FREE = {
    "Adagrad": lambda rate, decay: Adagrad(rate, eps=NO_EPS),
    "RMSProp": lambda rate, decay: RMSProp(rate, decay, eps=NO_EPS),
    # beta1 is below beta2: with a longer memory in the first moment, steps are not bounded.
    "Adam": lambda rate, decay: Adam(rate, beta1=decay * 0.9, beta2=0.999, eps=NO_EPS),
    "Adam, no correction": lambda rate, decay: Adam(rate, decay * 0.9, 0.999, eps=NO_EPS, bias_correction=False),
    "AdamW": lambda rate, decay: AdamW(rate, decay * 0.9, 0.999, eps=NO_EPS),
    "AMSGrad": lambda rate, decay: AMSGrad(rate, decay * 0.9, 0.999, eps=NO_EPS),
    "NAdam": lambda rate, decay: NAdam(rate, decay * 0.9, 0.999, eps=NO_EPS),
    "CenteredRMSProp": lambda rate, decay: CenteredRMSProp(rate, decay, eps=NO_EPS),
    "SignSGD": lambda rate, decay: SignSGD(rate),
}


@pytest.mark.parametrize("make", SCALE_FREE.values(), ids=SCALE_FREE)
@given(
    grads=gradients, rate=rates, decay=st.floats(0.1, 0.99), scale=st.floats(1e-6, 1e6), power=st.integers(-20, 20)
)
def test_without_eps_the_path_does_not_depend_on_the_scale_of_the_gradient(make, grads, rate, decay, scale, power):
    optimizer = make(rate, decay)
    path = replay(optimizer, grads).params
    scales = scale ** np.arange(grads.shape[1])  # a different unit in each coordinate
    np.testing.assert_allclose(replay(optimizer, grads * scales).params, path, rtol=1e-9, atol=1e-9 * rate)
    # Multiplication by a power of two does not round, so the result has the same bits.
    np.testing.assert_array_equal(replay(optimizer, grads * 2.0**power).params, path)


@given(gradients, rates, decays, decays)
def test_the_first_step_of_adam_and_adagrad_is_eta_in_every_active_coordinate(grads, rate, beta1, beta2):
    for optimizer in (
        Adam(rate, beta1, beta2, eps=NO_EPS),
        AdamW(rate, beta1, beta2, eps=NO_EPS),
        Adagrad(rate, eps=NO_EPS),
        Lion(rate, beta1, beta2),
        SignSGD(rate),
    ):
        first = replay(optimizer, grads[:1]).params[1]
        np.testing.assert_allclose(first, -rate * np.sign(grads[0]), rtol=1e-12)


@given(gradients, rates, decays, st.floats(1e-12, 1e-6))
def test_the_step_of_rmsprop_at_an_activation_is_at_most_eta_over_root_one_minus_rho(grads, rate, rho, eps):
    run = replay(RMSProp(rate, rho, eps), grads)
    bound = rate / np.sqrt(1 - rho)
    steps = np.abs(np.where(grads != 0, run.rates * grads, 0.0))
    assert steps.max() <= bound * (1 + 1e-12)
    first = replay(RMSProp(rate, rho, NO_EPS), grads[:1]).params[1]
    np.testing.assert_allclose(np.abs(first), bound * (grads[0] != 0), rtol=1e-12)


@given(gradients, rates, decays)
def test_adam_without_momentum_is_bias_corrected_rmsprop(grads, rate, rho):
    # Compute the weighted mean from its definition instead of a recursion: weights rho^age, divided by their sum.
    path = [np.zeros(grads.shape[1])]
    for t in range(1, len(grads) + 1):
        weights = rho ** np.arange(t - 1, -1, -1.0)
        mean_square = weights @ grads[:t] ** 2 / weights.sum()
        path.append(path[-1] - rate * grads[t - 1] / (np.sqrt(mean_square) + 1e-8))
    run = replay(Adam(rate, beta1=0.0, beta2=rho, eps=1e-8), grads)
    np.testing.assert_allclose(run.params, path, rtol=1e-9, atol=1e-9 * rate)


def same(first, second):
    names = ("params", "rates", "grads", "diverged_at")
    return all(np.array_equal(getattr(first, name), getattr(second, name), equal_nan=True) for name in names)


@given(gradients, rates, decays)
def test_special_settings_give_the_simpler_optimizer_bit_for_bit(grads, rate, decay):
    assert same(replay(Momentum(rate, beta=0.0), grads), replay(SGD(rate), grads))
    assert same(replay(Nesterov(rate, beta=0.0), grads), replay(SGD(rate), grads))
    assert same(replay(AdamW(rate, decay, decay, weight_decay=0.0), grads), replay(Adam(rate, decay, decay), grads))
    assert same(replay(NAdam(rate, 0.0, decay), grads), replay(Adam(rate, 0.0, decay), grads))
    assert same(replay(Lion(rate, beta1=0.0, beta2=decay), grads), replay(SignSGD(rate), grads))
    # Rows of one number.
    assert same(replay(RowwiseAdagrad(rate), grads[..., None]), replay(Adagrad(rate), grads[..., None]))
    adam = Adam(rate, beta1=0.0, beta2=decay, eps=1e-8, bias_correction=False)
    assert same(replay(adam, grads), replay(RMSProp(rate, rho=decay, eps=1e-8), grads))


@given(gradients, rates)
def test_the_recorded_rate_is_the_rate_of_the_update(grads, rate):
    for kind in (SGD, Adagrad, RMSProp, CenteredRMSProp, Adadelta, RowwiseAdagrad, Adafactor):
        optimizer = kind(rate)
        run = replay(optimizer, grads, start=1.0)
        moved = run.params[:-1] - np.where(np.isnan(run.rates), 0, run.rates) * run.grads
        np.testing.assert_array_equal(run.params[1:], moved)


@given(gradients, rates, decays)
def test_amsgrad_is_adam_without_correction_while_gradients_grow(grads, rate, decay):
    growing = np.take_along_axis(grads, np.abs(grads).argsort(axis=0, kind="stable"), axis=0)
    adam = Adam(rate, 0.9, decay, bias_correction=False)
    assert same(replay(AMSGrad(rate, 0.9, decay), growing), replay(adam, growing))


@given(gradients, rates, decays, decays)
def test_every_step_of_sign_descent_and_lion_has_the_length_of_the_rate_or_is_zero(grads, rate, beta1, beta2):
    for optimizer in (SignSGD(rate), Lion(rate, beta1, beta2)):
        steps = np.diff(replay(optimizer, grads).params, axis=0)
        assert (np.isclose(np.abs(steps), rate, rtol=1e-9) | (steps == 0)).all()


@pytest.mark.parametrize("kind", [AdamW, Lion, Muon])
@given(rate=st.floats(1e-4, 0.5), weight_decay=st.floats(0, 1))
def test_without_gradients_parameters_shrink_by_rate_times_weight_decay(kind, rate, weight_decay):
    run = minimize(kind(rate, weight_decay=weight_decay), lambda params, step: 0 * params, np.ones((3, 2)), 5)
    expected = (1 - rate * weight_decay) ** np.arange(6.0)
    np.testing.assert_allclose(run.params, np.broadcast_to(expected[:, None, None], (6, 3, 2)), rtol=1e-14)


@given(gradients, rates, decays, st.floats(1e-12, 1.0))
def test_the_first_update_of_adadelta_is_bounded(grads, rate, rho, eps):
    first = replay(Adadelta(rate, rho, eps), grads[:1]).params[1]
    assert np.abs(first).max() <= rate * np.sqrt(eps / (1 - rho)) * (1 + 1e-12)


@given(gradients, rates)
def test_the_first_step_of_rowwise_and_full_matrix_adagrad_has_the_size_of_the_rate(grads, rate):
    grad = grads[:1]
    size = rate * np.any(grad)
    rowwise = replay(RowwiseAdagrad(rate, eps=NO_EPS), grad).params[1]
    np.testing.assert_allclose(np.sqrt(np.mean(rowwise**2)), size, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(replay(FullMatrixAdagrad(rate), grad).params[1]), size, rtol=1e-4)


@given(gradients, rates, st.floats(0.1, 3.0))
def test_the_root_mean_square_of_a_step_of_adafactor_is_at_most_the_rate_times_the_threshold(
    grads, rate, threshold
):
    steps = np.diff(replay(Adafactor(rate, threshold), grads).params, axis=0)
    assert np.sqrt(np.mean(steps**2, axis=-1)).max() <= rate * threshold * (1 + 1e-9)


@given(gradients, rates, st.floats(1e-3, 1.0))
def test_full_matrix_adagrad_is_adagrad_if_each_gradient_has_one_coordinate(grads, rate, eps):
    axes = np.arange(len(grads)) % grads.shape[1]
    single = grads * (np.arange(grads.shape[1]) == axes[:, None])
    paths = [replay(optimizer(rate, eps=eps), single).params for optimizer in (FullMatrixAdagrad, Adagrad)]
    np.testing.assert_allclose(*paths, rtol=1e-9, atol=1e-9 * rate)


normal_matrices = st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).normal(size=(12, 3, 2)))


@given(normal_matrices, rates)
def test_a_rotation_of_the_coordinates_rotates_the_run(grads, rate):
    left, right = (np.linalg.qr(grads[0, :size] @ grads[1, :size].T)[0] for size in (3, 2))
    for optimizer in (Shampoo(rate), Muon(rate), SOAP(rate, precondition_frequency=3)):
        path = replay(optimizer, grads).params
        rotated = replay(optimizer, left @ grads @ right.T).params
        np.testing.assert_allclose(rotated, left @ path @ right.T, atol=1e-6 * rate)
    vectors = grads[:, :, 0]
    path = replay(FullMatrixAdagrad(rate), vectors).params
    rotated = replay(FullMatrixAdagrad(rate), vectors @ left.T).params
    np.testing.assert_allclose(rotated, path @ left.T, atol=1e-6 * rate)


@given(normal_matrices)
def test_the_singular_values_of_a_step_of_muon_are_close_to_the_rate(grads):
    # The factor of 3 rows and 2 columns is the root of 3/2.
    steps = np.diff(replay(Muon(1.0), grads).params, axis=0) / 1.5**0.5
    singular_values = np.linalg.svd(steps, compute_uv=False)
    assert singular_values[:, 0].max() < 1.21
    assert singular_values[:, 0].min() > 0.68


@pytest.mark.parametrize("kind", [kind for kind in ALL_OPTIMIZERS if not kind.is_diagonal])
def test_the_rate_of_an_optimizer_without_a_diagonal_is_the_learning_rate(kind):
    run = replay(kind(0.3), np.random.default_rng(0).normal(size=(5, 3, 2)))
    np.testing.assert_array_equal(run.rates, np.full((5, 3, 2), 0.3))


# Each run in a batch has the same bits as the run alone.

NUM_RUNS, NUM_STEPS = 19, 60
SWEPT_VALUES = {
    "learning_rate": np.geomspace(1e-3, 0.9, NUM_RUNS),
    "eps": np.geomspace(1e-4, 1.0, NUM_RUNS),
    "initial_accumulator_value": np.linspace(0.0, 3.0, NUM_RUNS),
    "beta": np.linspace(0.0, 0.99, NUM_RUNS),
    "beta1": np.linspace(0.0, 0.97, NUM_RUNS),
    "beta2": np.linspace(0.5, 0.9999, NUM_RUNS),
    "rho": np.linspace(0.0, 0.999, NUM_RUNS),
    "weight_decay": np.linspace(0.0, 2.0, NUM_RUNS),
    "clipping_threshold": np.geomspace(0.1, 0.9, NUM_RUNS),
}
PRECISIONS = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


def bits_of_run(batch, index):
    return [record[(slice(None), *index)].tobytes() for record in (batch.params, batch.rates, batch.grads)]


def bits(run):
    return [record.tobytes() for record in (run.params, run.rates, run.grads)]


def test_every_setting_is_tested():
    names = {field.name for optimizer in ALL_OPTIMIZERS for field in fields(optimizer)}
    assert names == {*SWEPT_VALUES, "precondition_frequency"} | SWITCHES == {*RANGES} | SWITCHES


@PRECISIONS
@pytest.mark.parametrize(
    ("optimizer", "setting"),
    [(kind, name) for kind, name in EACH_SWEPT if kind in ELEMENTWISE],
    ids=lambda case: getattr(case, "__name__", case),
)
def test_a_run_in_a_sweep_equals_the_run_alone_bit_for_bit(optimizer, setting, dtype):
    problem = SparseRegression(activity=0.2, seed=3)
    values = SWEPT_VALUES[setting]
    start = np.array([-1.0, -1.0], dtype)
    batch = minimize(
        optimizer(**{setting: values[:, None]}), problem.gradient, np.tile(start, (NUM_RUNS, 1)), NUM_STEPS
    )
    assert batch.params.dtype == batch.rates.dtype == dtype
    # The setting has an effect. Close averages often have the same sign.
    num_different = len({bits_of_run(batch, [i])[0] for i in range(NUM_RUNS)})
    assert num_different == NUM_RUNS or (optimizer is Lion and setting in {"beta1", "beta2"} and num_different > 5)
    for i, value in enumerate(values):
        # A number of the same dtype: in float32, 1 - beta2 of a Python number has more digits than of an array.
        alone = minimize(optimizer(**{setting: dtype(value)}), problem.gradient, start, NUM_STEPS)
        assert bits_of_run(batch, [i]) == bits(alone)


@PRECISIONS
@pytest.mark.parametrize("optimizer", ELEMENTWISE)
@given(
    seeds=st.lists(st.integers(0, 2**32), min_size=1, max_size=5),
    activity=st.floats(0.05, 1),
    size=st.integers(1, 9),
)
def test_a_run_on_a_stack_equals_the_run_on_one_problem_bit_for_bit(optimizer, dtype, seeds, activity, size):
    problems = [
        SparseRegression(activity, num_samples=50, batch_size=size, seed=seed, rotation=seed) for seed in seeds
    ]
    stack = ProblemStack(problems)
    learning_rates = np.array([0.01, 0.05, 0.3])
    start = np.array([-1.0, 0.5], dtype)
    batch = minimize(
        optimizer(learning_rates[:, None, None]), stack.gradient, np.tile(start, (3, len(seeds), 1)), num_steps=12
    )
    excess = stack.excess_loss(batch.params)
    full_gradient = stack.full_gradient(batch.params)
    for i, rate in enumerate(learning_rates):
        for j, problem in enumerate(problems):
            alone = minimize(optimizer(rate), problem.gradient, start, num_steps=12)
            assert bits_of_run(batch, [i, j]) == bits(alone)
            assert excess[:, i, j].tobytes() == problem.excess_loss(alone.params).tobytes()
            assert full_gradient[:, i, j].tobytes() == problem.full_gradient(alone.params).tobytes()


@PRECISIONS
@pytest.mark.parametrize(
    ("optimizer", "setting"),
    [(kind, name) for kind, name in EACH_SWEPT if kind in COMBINING],
    ids=lambda case: getattr(case, "__name__", case),
)
def test_stacked_matrices_with_different_settings_equal_each_matrix_alone(optimizer, setting, dtype):
    rng = np.random.default_rng(0)
    target, curvature = rng.normal(size=(2, 4, 3)).astype(dtype)
    values = SWEPT_VALUES[setting]

    def gradient(params, step):
        return curvature**2 * (params - target) * (1 + step % 3)

    kind = optimizer if setting == "learning_rate" else partial(optimizer, learning_rate=0.05)
    start = np.zeros((4, 3), dtype)
    batch = minimize(
        kind(**{setting: values[:, None, None]}), gradient, np.tile(start, (NUM_RUNS, 1, 1)), num_steps=30
    )
    assert batch.params.dtype == batch.rates.dtype == dtype
    assert len({batch.params[:, i].tobytes() for i in range(NUM_RUNS)}) == NUM_RUNS  # the setting has an effect
    for i, value in enumerate(values):
        alone = minimize(kind(**{setting: dtype(value)}), gradient, start, num_steps=30)
        if optimizer.is_diagonal:
            assert bits_of_run(batch, [i]) == bits(alone)
        else:  # products of matrices may be added in another order
            tolerance = 1e-10 if dtype == np.float64 else 1e-4
            np.testing.assert_allclose(batch.params[:, i], alone.params, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", COMBINING)
def test_a_matrix_that_diverges_does_not_change_the_others(kind):
    start = np.random.default_rng(0).normal(size=(2, 3, 2))

    def gradient(params, step):
        factors = np.array([1.0, np.inf if step == 2 else 1.0])
        return params * factors[: len(params), None, None]

    both = minimize(kind(0.01), gradient, start, 6)
    alone = minimize(kind(0.01), gradient, start[:1], 6)
    assert (both.diverged_at[0] == -1).all()
    assert (both.diverged_at[1] >= 2).all()
    np.testing.assert_allclose(both.params[:, 0], alone.params[:, 0], rtol=1e-12)
