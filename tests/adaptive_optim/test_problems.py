"""The shared problem, compared with direct formulas of its features and targets."""

import pickle
import re
from copy import deepcopy
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_optim import SGD, ProblemStack, Quadratic, SparseRegression, minimize

problems = st.builds(
    SparseRegression,
    activity=st.floats(0.05, 1),
    noise=st.floats(0, 3),
    num_samples=st.integers(40, 90),
    batch_size=st.integers(1, 40),
    seed=st.integers(0, 2**32),
    rotation=st.sampled_from([0.0, 45.0, -30.0, 90.0, 123.4]),
)
points = st.tuples(st.floats(-10, 10), st.floats(-10, 10)).map(np.array)
scales = st.tuples(*[st.floats(0.1, 10.0)] * 2).map(np.array)


def direct_loss(problem, params, samples=slice(None)):
    errors = problem.features[samples] @ params - problem.targets[samples]
    return errors @ errors / (2 * len(errors))


def numerical_gradient(function, params, width=0.5):
    """Return central differences, which are exact for a quadratic function up to rounding."""
    return np.array(
        [(function(params + width * e) - function(params - width * e)) / (2 * width) for e in np.eye(2)]
    )


@given(problems, points, st.integers(0, 300))
def test_gradients_are_the_derivatives_of_the_losses(problem, params, step):
    batch = numerical_gradient(lambda at: direct_loss(problem, at, problem.batch(step)), params)
    np.testing.assert_allclose(problem.gradient(params, step), batch, rtol=1e-8, atol=1e-8)
    full = numerical_gradient(lambda at: direct_loss(problem, at), params)
    np.testing.assert_allclose(problem.full_gradient(params), full, rtol=1e-8, atol=1e-8)
    epoch = [problem.gradient(params, step) for step in range(problem.num_samples)]
    np.testing.assert_allclose(np.mean(epoch, axis=0), full, rtol=1e-8, atol=1e-8)
    hessian = np.stack([numerical_gradient(lambda at, i=i: problem.full_gradient(at)[i], params) for i in (0, 1)])
    np.testing.assert_allclose(problem.hessian, hessian, rtol=1e-8, atol=1e-9)
    curvatures = np.linalg.eigvalsh(hessian)
    assert problem.condition_number == pytest.approx(curvatures[1] / curvatures[0], rel=1e-6)


@given(problems, points)
def test_losses_and_the_minimum_are_those_of_least_squares(problem, params):
    minimum = np.linalg.lstsq(problem.features, problem.targets)[0]
    np.testing.assert_allclose(problem.minimum, minimum, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(problem.minimum_loss, direct_loss(problem, minimum), rtol=1e-9, atol=1e-25)
    np.testing.assert_allclose(problem.loss(params), direct_loss(problem, params), rtol=1e-9)
    excess = direct_loss(problem, params) - direct_loss(problem, problem.minimum)
    np.testing.assert_allclose(problem.excess_loss(params), excess, rtol=1e-9, atol=1e-9)
    losses = problem.excess_loss(np.stack([params, problem.minimum, problem.true_params]))
    assert losses[0] == problem.excess_loss(params)
    assert (losses >= losses[1]).all()
    assert losses[1] == 0


@pytest.mark.parametrize("activity", [0.0025, 0.01, 0.05, 0.0338, 0.57, 1.0])
@pytest.mark.parametrize("seed", [0, 99])
def test_the_sparse_feature_is_nonzero_in_a_fraction_of_the_samples(activity, seed):
    problem = SparseRegression(activity, seed=seed)
    dense, sparse = problem.features.T
    assert np.count_nonzero(sparse) == round(400 * activity)
    assert set(np.abs(sparse[problem.active])) == {1.0}
    assert np.count_nonzero(dense) == 400


@given(st.integers(0, 2**32), st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted))
def test_a_larger_activity_only_activates_more_samples(seed, activities):
    fewer, more = (SparseRegression(activity, seed=seed, noise=0.7) for activity in activities)
    assert (more.active >= fewer.active).all()
    np.testing.assert_array_equal(more.features[:, 0], fewer.features[:, 0])
    np.testing.assert_array_equal(more.features[fewer.active], fewer.features[fewer.active])
    same = more.active == fewer.active
    np.testing.assert_allclose(more.targets[same], fewer.targets[same], rtol=1e-12)


def test_the_seed_determines_all_draws():
    first, again, other = (SparseRegression(seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.targets, again.targets)
    assert not (first.features[:, 0] == other.features[:, 0]).any()
    assert not (first.active == other.active).all()


def test_the_draws_are_independent_with_the_documented_mean_and_deviation():
    problem = SparseRegression(activity=0.5, noise=2.0, num_samples=200_000)
    dense, sparse = problem.features.T
    residuals = problem.targets - problem.features @ [1.0, 1.0]
    tolerance = 5 / np.sqrt(100_000)
    for sample, deviation in ((dense, 1.0), (sparse[problem.active], 1.0), (residuals, 2.0)):
        assert abs(sample.mean()) < tolerance * deviation
        assert abs(sample.std() - deviation) < tolerance * deviation
    assert abs(np.corrcoef([dense, sparse, residuals]) - np.eye(3)).max() < tolerance


def test_without_noise_the_minimum_is_at_the_true_parameters():
    problem = SparseRegression(noise=0.0, rotation=30.0)
    np.testing.assert_allclose(problem.minimum, problem.true_params, rtol=1e-12)
    assert problem.minimum_loss < 1e-28


@pytest.mark.parametrize("angle", [-180, -45, 30, 90])
def test_a_rotation_rotates_the_loss_around_the_origin(angle):
    original, rotated = SparseRegression(seed=2), SparseRegression(seed=2, rotation=angle)

    def rotate(params):
        number = complex(*params) * np.exp(1j * np.deg2rad(angle))
        return np.array([number.real, number.imag])

    for params in ([0.3, -2.0], [1.0, 1.0], original.minimum):
        assert rotated.loss(rotate(params)) == pytest.approx(original.loss(params), rel=1e-9)
    np.testing.assert_allclose(rotated.true_params, rotate([1.0, 1.0]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(rotated.targets, original.targets, rtol=1e-9, atol=1e-12)
    assert rotated.condition_number == pytest.approx(original.condition_number)


@given(problems)
def test_an_epoch_visits_every_sample_once_and_each_epoch_has_its_own_order(problem):
    size, count = problem.batch_size, problem.num_samples
    visits = np.concatenate([problem.batch(step) for step in range(count)]).reshape(size, count)
    assert len(problem.batch(count)) == size
    assert all(sorted(epoch) == list(range(count)) for epoch in visits)
    assert visits[0].tolist() == list(range(count))
    assert len(set(map(tuple, visits[:8]))) == min(size, 8)


def test_a_gradient_does_not_depend_on_the_steps_before():
    steps, problem = [0, 5000, 3, 2000, 5000], SparseRegression(seed=2)
    for step, grad in zip(steps, [problem.gradient([0.5, -0.5], step) for step in steps], strict=True):
        np.testing.assert_array_equal(grad, SparseRegression(seed=2).gradient([0.5, -0.5], step))


@given(problems, points, scales)
def test_gradient_descent_on_the_rescaled_loss_has_a_rate_for_each_coordinate(problem, params, scale):
    rescaled = problem.rescaled(scale)
    assert rescaled.excess_loss(scale * params) == pytest.approx(problem.excess_loss(params), rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(rescaled.minimum, scale * problem.minimum, rtol=1e-12)
    there = minimize(SGD(0.01), rescaled.full_gradient, scale * params, num_steps=3)
    here = minimize(SGD(0.01 / scale**2), problem.full_gradient, params, num_steps=3)
    np.testing.assert_allclose(there.params, scale * here.params, rtol=1e-7, atol=1e-7)


def test_a_quadratic_accepts_lists_and_can_be_rescaled_to_a_circle():
    loss = Quadratic([[2, 1], [1, 3]], [1, 0])
    assert loss.excess_loss([2, 1]) == 3.5
    np.testing.assert_array_equal(loss.full_gradient([2, 1]), [3, 4])
    assert Quadratic(np.diag([2.0, 50.0]), [0, 0]).rescaled(np.sqrt([2.0, 50.0])).condition_number == pytest.approx(
        1
    )


def test_quadratics_are_equal_if_their_arrays_are_and_can_be_hashed():
    first, again = (Quadratic([[2.0, 1.0], [1.0, 3.0]], [0.0, 1.0]) for _ in range(2))
    others = [
        Quadratic([[2.0, 1.0], [1.0, 3.5]], [0.0, 1.0]),
        Quadratic([[2.0, 1.0], [1.0, 3.0]], [0.0, 2.0]),
        None,
    ]
    assert first == again
    assert hash(first) == hash(again) == hash(Quadratic([[2.0, 1.0], [1.0, 3.0]], [-0.0, 1.0]))
    assert not any(first == other for other in others)
    assert len({first, again, *others}) == 4
    for copy in (pickle.loads(pickle.dumps(first)), deepcopy(first)):
        assert copy == first
        assert not copy.hessian.flags.writeable


def test_a_quadratic_is_a_problem():
    loss = Quadratic([[2, 1], [1, 3]], [1, 0])
    assert loss.loss([2, 1]) == 3.5
    np.testing.assert_array_equal(loss.gradient([2, 1], step=7), [3, 4])


def test_a_quadratic_copies_its_arrays():
    hessian, minimum = np.eye(2), np.zeros(2)
    loss = Quadratic(hessian, minimum)
    hessian[:], minimum[:] = 7, 7
    assert loss.excess_loss([1.0, 0.0]) == 0.5
    assert hessian.flags.writeable


STACK = ProblemStack.from_product(seed=[0, 1])


@pytest.mark.parametrize(
    ("problem", "names"),
    [
        (SparseRegression(), ["minimum", "hessian", "features", "targets", "active"]),
        (STACK, ["minimum", "hessian"]),
        (Quadratic(np.eye(2), [0.0, 0.0]), ["minimum", "hessian"]),
    ],
)
def test_the_arrays_of_a_problem_are_read_only(problem, names):
    for name in names:
        array = getattr(problem, name)
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 7


def test_the_draws_are_read_only():
    draws = SparseRegression().draws
    for values in draws.values():
        with pytest.raises(ValueError, match="read-only"):
            values[:] = 0
    with pytest.raises(TypeError):
        draws["noise"] = np.zeros(400)


def test_the_axes_of_a_stack_are_a_copy():
    seeds = [0, 1]
    stack = ProblemStack([SparseRegression(seed=seed) for seed in seeds], {"seed": seeds})
    seeds.append(2)
    assert stack.axes == {"seed": (0, 1)}


@pytest.mark.parametrize("bad", [[1, 2, 3], [1], 1.0, np.ones((2, 3))])
def test_parameters_of_another_shape_raise_an_error_that_gives_the_shape(bad):
    quadratic = Quadratic(np.eye(2), [0.0, 0.0])
    functions = [each.excess_loss for each in (SparseRegression(), STACK, quadratic)]
    functions += [each.full_gradient for each in (SparseRegression(), STACK, quadratic)]
    functions += [SparseRegression().loss, quadratic.loss]
    functions += [partial(each.gradient, step=0) for each in (SparseRegression(), STACK, quadratic)]
    for function in functions:
        with pytest.raises(ValueError, match=re.escape(f"params: have shape {np.shape(bad)}, must be (..., 2)")):
            function(bad)


def test_a_stack_has_the_losses_of_its_problems():
    alone = [SparseRegression(activity, seed=seed) for activity, seed in [(0.02, 1), (0.5, 2), (1.0, 3)]]
    stack = ProblemStack(alone)
    for name in ("hessian", "minimum", "condition_number"):
        np.testing.assert_array_equal(getattr(stack, name), [getattr(each, name) for each in alone])


def test_an_overflowing_loss_is_infinite_or_nan_without_a_warning():
    assert SparseRegression().excess_loss([1e200, 0.0]) == np.inf
    assert np.isnan(SparseRegression().excess_loss([np.nan, 0.0]))


@pytest.mark.parametrize(("max_bytes", "num_computed", "num_cached"), [(160_000_000, 10, 10), (0, 20, 8)])
def test_runs_share_cached_batches_up_to_a_limit(monkeypatch, max_bytes, num_computed, num_cached):
    computed, compute = [], ProblemStack._compute_block
    monkeypatch.setattr("adaptive_optim.problems.MAX_CACHED_BYTES", max_bytes)
    monkeypatch.setattr(
        ProblemStack, "_compute_block", lambda stack, steps: computed.append(steps) or compute(stack, steps)
    )
    stack = ProblemStack.from_product(seed=range(2))
    first, second = (minimize(SGD(0.01), stack.gradient, np.zeros((2, 2)), 2000).params for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (len(computed), len(stack._block_cache)) == (num_computed, num_cached)


# Invalid arguments.

NOT_NUMBERS = [np.nan, np.inf, -np.inf, "0.5", "", None, [0.5], np.array([0.5]), 1j]
NOT_INTEGERS = [*NOT_NUMBERS, 1.5, 3.0]
RANGES = {
    "activity": ("a number above 0 and at most 1", [*NOT_NUMBERS, 0, -0.1, 1.0001, 5]),
    "noise": ("a number from 0 to 1e100", [*NOT_NUMBERS, -0.1]),
    "rotation": ("a finite number of degrees", NOT_NUMBERS),
    "num_samples": ("an integer of at least 2", [*NOT_INTEGERS, 1, 0, -5]),
    "batch_size": ("an integer from 1 to num_samples=400", [*NOT_INTEGERS, 0, -1, 401]),
    "seed": ("an integer of at least 0", [*NOT_INTEGERS, -1]),
}
NOT_POSITIVE_DEFINITE = [np.ones((2, 3)), np.eye(3), [1.0, 1.0], [[1, 0.5], [0, 1]], np.diag([1.0, 0.0])]
INVALID = [
    *[
        (SparseRegression, {name: bad}, f"{name}={bad!r}: must be {description}")
        for name, (description, values) in RANGES.items()
        for bad in values
    ],
    (SparseRegression, {"activity": 0.001}, "activity=0.001: no sample of num_samples=400 is active, must be"),
    *[
        (Quadratic, {"hessian": bad, "minimum": [0.0, 0.0]}, f"hessian={bad!r}: must be symmetric with positive")
        for bad in (*NOT_POSITIVE_DEFINITE, np.diag([1.0, -1.0]), np.nan * np.eye(2))
    ],
    *[
        (Quadratic, {"hessian": np.eye(2), "minimum": bad}, f"minimum={bad!r}: must be two finite numbers")
        for bad in ([0.0], [0.0, np.nan], [np.inf, 0.0], 1.0)
    ],
    *[
        (
            SparseRegression().rescaled,
            {"scale": bad},
            f"scale={np.array(bad, float)!r}: must be finite numbers other",
        )
        for bad in (0, [1.0, 0.0], [np.nan, 1.0], [1.0, np.inf])
    ],
    *[
        (
            ProblemStack,
            {"problems": bad},
            f"problems: have (num_samples, batch_size) {shapes}, must be equal for all",
        )
        for bad, shapes in (
            ([SparseRegression(), SparseRegression(num_samples=300)], [(300, 1), (400, 1)]),
            ([SparseRegression(), SparseRegression(batch_size=2)], [(400, 1), (400, 2)]),
            ([], []),
        )
    ],
    (
        ProblemStack,
        {"problems": [SparseRegression(seed=seed) for seed in range(3)], "axes": {"a": [1, 2], "b": [1, 2]}},
        "axes: have lengths [2, 2], whose product must be the number of problems, 3",
    ),
    *[
        (
            ProblemStack.from_product,
            {"activity": [0.1, 0.2], "seed": bad},
            f"seed={bad!r}: must be a non-empty sequence without duplicates",
        )
        for bad in ([], [0, 1, 0])
    ],
    (
        ProblemStack.from_product,
        {"seeds": [1]},
        "seeds: is not a setting of SparseRegression, must be one of activity",
    ),
]


@pytest.mark.parametrize(("function", "arguments", "message"), INVALID)
def test_an_invalid_argument_raises_an_error_that_names_it(function, arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        function(**arguments)


def test_samples_that_do_not_determine_both_weights_raise_an_error(monkeypatch):
    # Both features are equal in both samples. No seed is known to draw such samples.
    draws = {"dense": np.ones(2), "sign": np.ones(2), "rank": np.arange(2), "noise": np.zeros(2)}
    monkeypatch.setattr(SparseRegression, "draws", draws)
    with pytest.raises(ValueError, match="num_samples=2: these samples do not determine both weights"):
        SparseRegression(activity=1.0, num_samples=2)


def test_settings_may_be_numpy_scalars():
    expected = SparseRegression(0.25, 1.0, 80, 4, 7, 45.0)
    problem = SparseRegression(
        np.float64(0.25), np.float32(1.0), np.int64(80), np.int32(4), np.uint8(7), np.float64(45.0)
    )
    np.testing.assert_array_equal(problem.targets, expected.targets)
    np.testing.assert_array_equal(problem.gradient([0.0, 0.0], 9), expected.gradient([0.0, 0.0], 9))
