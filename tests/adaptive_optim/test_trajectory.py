"""One run: what is recorded, when it diverges, and which arguments are invalid."""

import io
import pickle
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from adaptive_optim import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    AdagradState,
    Adam,
    AdamState,
    Momentum,
    RMSProp,
    SparseRegression,
    minimize,
)
from adaptive_optim.schedules import constant, cosine, inverse_root, linear_warmup

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


# Schedules.


@dataclass(frozen=True)
class DecayingAdam(Adam):
    """Adam with decoupled weight decay."""

    weight_decay: Any = 0.1

    def step(self, state, grad):
        return super().step(state, grad)._replace(decay=self.learning_rate * self.weight_decay)


SCHEDULE = linear_warmup(5) * cosine(30, final=0.1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, DecayingAdam])
def test_a_schedule_multiplies_rate_and_decay(optimizer, dtype):
    problem, instance = SparseRegression(activity=0.5), optimizer(0.1)
    params, path, rates = np.array([-1.0, 0.5], dtype), [], []
    state = instance.init(params)
    for step in range(40):
        state, rate, direction, decay = instance.step(state, problem.gradient(params, step).astype(dtype))
        factor = SCHEDULE(step)
        rates.append(factor * rate)
        params = (1 - factor * decay) * params - factor * rate * direction
        path.append(params)
    run = minimize(
        instance, problem.gradient, np.array([-1.0, 0.5], dtype), 40, schedule=lambda t: np.float64(SCHEDULE(t))
    )
    np.testing.assert_array_equal(run.params[1:], path)
    has_rate = ~np.isnan(run.rates)
    np.testing.assert_array_equal(run.rates[has_rate], np.array(rates)[has_rate])
    assert run.params.dtype == run.rates.dtype == dtype
    assert has_rate[5:, 0].all()


@every_optimizer
def test_a_constant_schedule_of_1_changes_no_bit(optimizer):
    plain, scheduled = (
        minimize(optimizer(0.1), SparseRegression().gradient, [-1.0, 1.0], 30, schedule=schedule)
        for schedule in (None, constant())
    )
    assert plain.params.tobytes() == scheduled.params.tobytes()
    assert plain.rates.tobytes() == scheduled.rates.tobytes()


@every_optimizer
def test_a_factor_of_0_is_no_divergence_and_keeps_the_parameters(optimizer):
    run = minimize(optimizer(0.1), identity_gradient, [1.0, -2.0], 6, schedule=lambda step: float(step >= 3))
    assert not run.diverged
    np.testing.assert_array_equal(run.params[:4], [[1.0, -2.0]] * 4)
    np.testing.assert_array_equal(run.rates[:3], np.zeros((3, 2)))
    assert (run.rates[3:] > 0).all()
    assert (run.params[4] != run.params[3]).all()


def test_an_overflow_is_a_divergence_also_at_a_factor_of_0():
    run = minimize(Adagrad(), lambda params, step: [1e200, 1.0], [1.0, 1.0], 3, schedule=constant(0.0))
    assert run.diverged_at == 0


# Continued runs.


def through_npz(state):
    file = io.BytesIO()
    np.savez(file, **state._asdict())
    file.seek(0)
    return type(state)(**np.load(file))


WAYS = {"": lambda state: state, "pickle": lambda state: pickle.loads(pickle.dumps(state)), "npz": through_npz}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(2,), (3, 2)])
@every_optimizer
def test_two_halves_have_the_bits_of_the_whole(optimizer, shape, way):
    problem = SparseRegression(activity=0.3)
    start = np.linspace(-1.0, 1.0, np.prod(shape)).reshape(shape)
    options = {"schedule": inverse_root(9)}
    whole = minimize(optimizer(0.1), problem.gradient, start, 41, **options)
    first = minimize(optimizer(0.1), problem.gradient, start, 17, **options)
    state = WAYS[way](first.state)
    second = minimize(
        optimizer(0.1), problem.gradient, first.final_params, 24, state=state, first_step=17, **options
    )
    assert (whole.first_step, first.first_step, second.first_step) == (0, 0, 17)
    assert whole.params[:18].tobytes() == first.params.tobytes()
    assert whole.params[17:].tobytes() == second.params.tobytes()
    assert whole.grads[17:].tobytes() == second.grads.tobytes()
    assert pickle.dumps(whole.state) == pickle.dumps(second.state)
    # In the second record a coordinate has a rate from its first gradient there.
    has_rate = ~np.isnan(second.rates)
    np.testing.assert_array_equal(has_rate, np.logical_or.accumulate(second.grads != 0))
    np.testing.assert_array_equal(second.rates[has_rate], whole.rates[17:][has_rate])


@pytest.mark.parametrize("t", [np.array(5), np.int32(5), np.uint8(5), 5.0, np.float32(5), np.array([5])])
def test_a_count_of_any_type_becomes_an_integer(t):
    expected = minimize(Adam(), identity_gradient, [1.0, 2.0], 300, state=AdamState(5, np.ones(2), np.ones(2)))
    run = minimize(Adam(), identity_gradient, [1.0, 2.0], 300, state=AdamState(t, np.ones(2), np.ones(2)))
    assert run.params.tobytes() == expected.params.tobytes()
    assert run.state.t == 305
    assert type(run.state.t) is int
    assert type(Adam().step(AdamState(np.uint8(255), np.ones(2), np.ones(2)), np.ones(2)).state.t) is int


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (AdamState(0.5, np.ones(2), np.ones(2)), "state.t=0.5: must be one integer"),
        (AdamState(np.array([1, 2]), np.ones(2), np.ones(2)), "state.t=array([1, 2]): must be one integer"),
        (
            AdamState(1, np.ones(2), np.ones((2, 1))),
            "state.v: has float64 of shape (2, 1), must be numbers of shape (2,)",
        ),
        (AdamState(1, np.ones(2), 1.0), "state.v: has float64 of shape (), must be numbers of shape (2,)"),
        (AdamState(1, None, np.ones(2)), "state.m: has object of shape (), must be numbers of shape (2,)"),
        (AdagradState(np.ones(2)), "state=AdagradState(sum_of_squares=array([1., 1.])): must be a AdamState"),
        ((0, np.ones(2), np.ones(2)), "state=(0, array([1., 1.]), array([1., 1.])): must be a AdamState"),
        ({"w": None}, "state: is a dict with ['w'], must be no dict, as params"),
    ],
)
def test_an_invalid_state_raises_an_error_that_names_its_field(state, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        minimize(Adam(), identity_gradient, [1.0, 2.0], 3, state=state)


class Broadcasting(Adagrad):
    """Adagrad whose state or step gets another shape by broadcasting."""

    def step(self, state, grad):
        step = super().step(state, grad)
        if self.eps == 1:
            return step._replace(direction=grad[:, None])
        return step._replace(state=AdagradState(step.state.sum_of_squares[:, None]))


@pytest.mark.parametrize(
    ("eps", "message"),
    [
        (1, "Broadcasting.step: the step has shape (3, 3), must have that of params, (3,)"),
        (2, "Broadcasting.step: state.sum_of_squares has shape (3, 1), must have that of init, (3,)"),
    ],
)
def test_a_step_that_changes_a_shape_raises_an_error(eps, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        minimize(Broadcasting(eps=eps), identity_gradient, np.ones(3), 2)


# Steps that are not finite and are skipped.

BAD_STEPS = {3: np.nan, 4: np.inf, 9: -np.inf}


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, DecayingAdam])
def test_a_skipped_step_leaves_parameters_and_state_as_they_are(optimizer):
    problem, good_steps = SparseRegression(activity=0.5), [step for step in range(30) if step not in BAD_STEPS]

    def faulty_gradient(params, step):
        return problem.gradient(params, step) + np.array([0.0, BAD_STEPS.get(step, 0.0)])

    run = minimize(optimizer(0.1), faulty_gradient, [-1.0, -1.0], 30, on_nonfinite="skip", schedule=inverse_root(3))
    expected = minimize(
        optimizer(0.1),
        lambda params, number: problem.gradient(params, good_steps[number]),
        [-1.0, -1.0],
        27,
        schedule=lambda number: inverse_root(3)(good_steps[number]),
    )
    assert run.num_skipped == 3
    assert not run.diverged
    np.testing.assert_array_equal(run.params[1:][good_steps], expected.params[1:])
    np.testing.assert_array_equal(run.rates[good_steps], expected.rates)
    assert pickle.dumps(run.state) == pickle.dumps(expected.state)
    for step, value in BAD_STEPS.items():
        np.testing.assert_array_equal(run.params[step + 1], run.params[step])
        assert np.isnan(run.rates[step]).all()
        np.testing.assert_array_equal(run.grads[step, 1], value)


def test_a_step_with_parameters_that_are_not_finite_is_skipped():
    run = minimize(SGD(1e200), lambda p, step: [1e150, 1e200][step % 2] + 0 * p, [0.0], 4, on_nonfinite="skip")
    assert run.num_skipped == 4
    np.testing.assert_array_equal(run.params, np.zeros((5, 1)))


@every_optimizer
def test_each_run_of_a_batch_skips_its_own_steps_and_can_be_continued(optimizer):
    problem, rates = SparseRegression(activity=0.5), np.array([[0.01], [0.1], [0.2]])
    bad = {(0, 2), (0, 3), (1, 3), (1, 20)}

    def faulty_gradient(params, step, runs=range(3)):
        grad = np.atleast_2d(problem.gradient(params, step)).copy()
        for row, run in enumerate(runs):
            grad[row, 0] = np.nan if (run, step) in bad else grad[row, 0]
        return grad.reshape(params.shape)

    start = np.array([[-1.0, -1.0], [1.0, 0.0], [0.5, 0.5]])
    batch = minimize(optimizer(rates), faulty_gradient, start, 30, on_nonfinite="skip")
    assert batch.num_skipped.tolist() == [2, 2, 0]
    assert not batch.diverged.any()
    for run in range(3):
        alone = minimize(
            optimizer(float(rates[run, 0])),
            lambda params, step, run=run: faulty_gradient(params, step, [run]),
            start[run],
            30,
            on_nonfinite="skip",
        )
        for name in ("params", "rates", "grads"):
            assert getattr(batch, name)[:, run].tobytes() == getattr(alone, name).tobytes()
    half = minimize(optimizer(rates), faulty_gradient, start, 10, on_nonfinite="skip")
    assert half.num_skipped.tolist() == [2, 1, 0]
    if optimizer is Adam:
        np.testing.assert_array_equal(half.state.t, [[8], [9], [10]])
        with pytest.raises(ValueError, match=r"(?s)^state\.t=.*need on_nonfinite='skip'"):
            minimize(Adam(rates), faulty_gradient, half.final_params, 20, state=half.state, first_step=10)
    for state in (half.state, through_npz(half.state)):
        rest = minimize(
            optimizer(rates),
            faulty_gradient,
            half.final_params,
            20,
            state=state,
            first_step=10,
            on_nonfinite="skip",
        )
        assert batch.params[10:].tobytes() == rest.params.tobytes()


def test_a_run_that_diverges_in_a_finite_step_diverges_also_if_others_are_skipped():
    run = minimize(SGD(11.0), identity_gradient, np.array([[1.0], [0.0]]), 400, on_nonfinite="skip")
    np.testing.assert_array_equal(run.diverged_at, [154, -1])
    np.testing.assert_array_equal(run.num_skipped, [0, 0])
    assert np.isnan(run.params[155:, 0]).all()
    assert not run.params[:, 1].any()


# Parameters in dicts.

MODEL = {"hidden": {"weights": np.arange(6.0).reshape(2, 3), "bias": np.float32([1, 2])}, "scale": 2}


def gradient_of_model(params, step):
    hidden = params["hidden"]
    return {
        "scale": 2 * params["scale"] * (step + 1),
        "hidden": {"weights": np.cos(hidden["weights"]), "bias": hidden["bias"] * [1.0, 0.0]},
    }


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, DecayingAdam])
def test_each_array_of_a_dict_is_stepped_with_its_own_state(optimizer):
    run = minimize(optimizer(0.1), gradient_of_model, MODEL, 12, schedule=inverse_root(5))
    separate = {
        "weights": (
            MODEL["hidden"]["weights"],
            lambda params, step: np.cos(params),
            run.params["hidden"]["weights"],
        ),
        "bias": (MODEL["hidden"]["bias"], lambda params, step: params * [1.0, 0.0], run.params["hidden"]["bias"]),
        "scale": ([2.0], lambda params, step: 2 * params * (step + 1), run.params["scale"][:, None]),
    }
    for start, gradient, path in separate.values():
        alone = minimize(optimizer(0.1), gradient, start, 12, schedule=inverse_root(5))
        assert path.tobytes() == alone.params.tobytes()
    assert {name: run.rates["hidden"][name].shape for name in ("weights", "bias")} == {
        "weights": (12, 2, 3),
        "bias": (12, 2),
    }
    assert run.params["hidden"]["bias"].dtype == np.float32
    assert np.isnan(run.rates["hidden"]["bias"][:, 1]).all()
    assert type(run.state["hidden"]["bias"]) is type(optimizer().init([1.0]))
    assert run.diverged_at == -1
    assert run.num_skipped == 0
    # Two halves.
    half = minimize(optimizer(0.1), gradient_of_model, MODEL, 5, schedule=inverse_root(5))
    rest = minimize(
        optimizer(0.1),
        gradient_of_model,
        half.final_params,
        7,
        schedule=inverse_root(5),
        state=pickle.loads(pickle.dumps(half.state)),
        first_step=5,
    )
    assert run.params["hidden"]["weights"][5:].tobytes() == rest.params["hidden"]["weights"].tobytes()
    assert run.params["scale"][5:].tobytes() == rest.params["scale"].tobytes()


def test_a_dict_is_one_run_that_diverges_and_skips_as_a_whole():
    def gradient(params, step):
        return {"a": params["a"], "b": np.array([np.nan if step == 2 else 1.0])}

    start = {"a": [1.0, 2.0], "b": [1.0]}
    run = minimize(SGD(0.5), gradient, start, 5)
    assert run.diverged_at == 2
    assert np.isnan(run.params["a"][3:]).all()
    assert np.isfinite(run.params["a"][:3]).all()
    run = minimize(SGD(0.5), gradient, start, 5, on_nonfinite="skip")
    assert run.num_skipped == 1
    np.testing.assert_array_equal(run.params["a"][:, 0], [1, 0.5, 0.25, 0.25, 0.125, 0.0625])
    np.testing.assert_array_equal(run.params["b"][:, 0], [1, 0.5, 0, 0, -0.5, -1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"params": {}}, "params={}: must contain an array"),
        ({"params": {"a": {}}}, "params={'a': {}}: must contain an array"),
        ({"params": {"a": {"b": [np.nan]}}}, "params['a']['b']=[nan]: must be an array of finite numbers"),
        (
            {"gradient": lambda params, step: {"a": 1}},
            "gradient: returned a dict with ['a'] at step 0, must be a dict",
        ),
        (
            {"gradient": lambda params, step: 1.0},
            "gradient: returned no dict at step 0, must be a dict with ['a']['b'], ['c']",
        ),
        (
            {"gradient": lambda params, step: {**params, "c": [1.0]}},
            "gradient['c']: returned shape (1,) at step 0, must be the shape of params, (2,)",
        ),
        ({"state": AdamState(0, 0, 0)}, "state: is no dict, must be a dict with ['a']['b'], ['c'], as params"),
        ({"optimizer": Adam([0.1, 0.2, 0.3])}, "learning_rate: has shape (3,), must broadcast to (2,)"),
    ],
)
def test_an_error_about_a_dict_names_its_keys(arguments, message):
    valid = {
        "optimizer": Adam(),
        "gradient": identity_gradient,
        "params": {"a": {"b": [1.0, 2.0, 3.0]}, "c": [1.0, 2.0]},
    }
    minimize(**valid, num_steps=1)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        minimize(**{**valid, **arguments}, num_steps=1)


# Arrays are read-only.


def add_to_params(params, step):
    params -= [3.0, 4.0]
    return params


class InPlace(SGD):
    """Writes to its gradient."""

    def step(self, state, grad):
        grad *= 2
        return super().step(state, grad)


@pytest.mark.parametrize(
    ("optimizer", "gradient"), [(SGD(0.1), add_to_params), (InPlace(0.1), lambda params, step: np.ones(2))]
)
def test_writing_to_parameters_or_gradients_is_an_error(optimizer, gradient):
    with pytest.raises(ValueError, match="read-only"):
        minimize(optimizer, gradient, [0.0, 0.0], 3)


def test_writing_to_parameters_in_a_dict_is_an_error():
    with pytest.raises(ValueError, match="read-only"):
        minimize(SGD(0.1), lambda params, step: {"a": add_to_params(params["a"], step)}, {"a": [0.0, 0.0]}, 3)


def test_a_gradient_may_return_the_same_array_in_each_step():
    buffer = np.zeros(2)

    def gradient(params, step):
        buffer[...] = step + 1
        return buffer

    run = minimize(Momentum(1.0, beta=0.5), gradient, [0.0, 0.0], 3)
    np.testing.assert_array_equal(run.grads[:, 0], [1, 2, 3])
    np.testing.assert_array_equal(run.params[:, 0], [0, -1, -3.5, -7.75])
    assert buffer.flags.writeable


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
        ({"first_step": bad}, f"first_step={bad!r}: must be an integer of at least 0")
        for bad in (-1, 1.5, "3", None)
    ],
    *[
        ({"on_nonfinite": bad}, f"on_nonfinite={bad!r}: must be 'diverge' or 'skip'")
        for bad in ("raise", None, True)
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
