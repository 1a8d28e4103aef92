"""The shared problem, checked against the plain formulas from its features and targets."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_optim import SGD, ProblemStack, Quadratic, SparseRegression, minimize

ROUND = np.linspace(-180, 180, 9)
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


def plain_loss(problem, params, samples=slice(None)):
    errors = problem.features[samples] @ params - problem.targets[samples]
    return errors @ errors / (2 * len(errors))


def slope(loss, params, width=0.5):
    """Central differences, exact for a quadratic but for rounding."""
    return np.array([(loss(params + width * e) - loss(params - width * e)) / (2 * width) for e in np.eye(2)])


@given(problems, points, st.integers(0, 300))
def test_the_gradient_is_the_slope_of_the_loss_on_its_batch(problem, params, step):
    expected = slope(lambda at: plain_loss(problem, at, problem.batch(step)), params)
    np.testing.assert_allclose(problem.gradient(params, step), expected, rtol=1e-8, atol=1e-8)


@given(problems, points)
def test_the_full_gradient_is_the_slope_of_the_full_loss_and_the_mean_gradient_of_an_epoch(problem, params):
    expected = slope(lambda at: plain_loss(problem, at), params)
    np.testing.assert_allclose(problem.full_gradient(params), expected, rtol=1e-8, atol=1e-8)
    epoch = [problem.gradient(params, step) for step in range(problem.num_samples)]
    np.testing.assert_allclose(np.mean(epoch, axis=0), expected, rtol=1e-8, atol=1e-8)


@given(problems)
def test_the_minimum_is_that_of_least_squares(problem):
    expected = np.linalg.lstsq(problem.features, problem.targets)[0]
    np.testing.assert_allclose(problem.minimum, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(problem.minimum_loss, plain_loss(problem, expected), rtol=1e-9, atol=1e-25)


@given(problems, points)
def test_the_losses_are_those_of_the_features_and_targets(problem, params):
    np.testing.assert_allclose(problem.loss(params), plain_loss(problem, params), rtol=1e-9)
    above = plain_loss(problem, params) - plain_loss(problem, problem.minimum)
    np.testing.assert_allclose(problem.excess_loss(params), above, rtol=1e-9, atol=1e-9)
    many = np.stack([params, problem.minimum, problem.true_params])
    losses = problem.excess_loss(many)
    assert losses.shape == (3,)
    assert losses[0] == problem.excess_loss(params)
    assert (losses >= losses[1]).all()
    assert losses[1] == 0


@given(problems, points)
def test_the_hessian_is_the_slope_of_the_gradient(problem, params):
    expected = np.stack([slope(lambda at, i=i: problem.full_gradient(at)[i], params) for i in (0, 1)])
    np.testing.assert_allclose(problem.hessian, expected, rtol=1e-8, atol=1e-9)
    curvatures = np.linalg.eigvalsh(expected)
    assert problem.condition_number == pytest.approx(curvatures[1] / curvatures[0], rel=1e-6)


@pytest.mark.parametrize("activity", [0.0025, 0.01, 0.05, 0.0338, 0.1, 0.57, 1.0])
@pytest.mark.parametrize("seed", [0, 1, 99])
def test_the_sparse_feature_is_nonzero_in_exactly_its_share_of_the_samples(activity, seed):
    problem = SparseRegression(activity, seed=seed)
    dense, sparse = problem.features.T
    assert np.count_nonzero(sparse) == round(400 * activity)
    assert set(np.abs(sparse[problem.active])) == {1.0}
    assert np.count_nonzero(dense) == 400


@given(st.integers(0, 2**32), st.lists(st.floats(0.01, 1), min_size=2, max_size=5).map(sorted))
def test_activity_only_decides_which_draws_count(seed, activities):
    fewer, *others = [SparseRegression(activity, seed=seed, noise=0.7) for activity in activities]
    for more in others:
        assert (more.active >= fewer.active).all()
        np.testing.assert_array_equal(more.features[:, 0], fewer.features[:, 0])
        np.testing.assert_array_equal(more.features[fewer.active], fewer.features[fewer.active])
        same = more.active == fewer.active
        np.testing.assert_allclose(more.targets[same], fewer.targets[same], rtol=1e-12)
        fewer = more


def test_another_seed_is_another_problem_and_the_same_seed_the_same():
    np.testing.assert_array_equal(SparseRegression(seed=5).targets, SparseRegression(seed=5).targets)
    first, second = SparseRegression(seed=5), SparseRegression(seed=6)
    assert not (first.features[:, 0] == second.features[:, 0]).any()
    assert not (first.active == second.active).all()


def test_the_draws_have_the_distribution_that_is_promised():
    problem = SparseRegression(activity=0.5, noise=2.0, num_samples=200_000)
    dense, sparse = problem.features.T
    residuals = problem.targets - problem.features @ [1.0, 1.0]
    tolerance = 5 / np.sqrt(100_000)
    for sample, deviation in ((dense, 1.0), (sparse[problem.active], 1.0), (residuals, 2.0)):
        assert abs(sample.mean()) < tolerance * deviation
        assert abs(sample.std() - deviation) < tolerance * deviation
    assert abs(np.corrcoef([dense, sparse, residuals]) - np.eye(3)).max() < tolerance


def test_without_noise_the_minimum_is_the_true_parameters():
    problem = SparseRegression(noise=0.0, rotation=30.0)
    np.testing.assert_allclose(problem.minimum, problem.true_params, rtol=1e-12)
    assert problem.minimum_loss < 1e-28


@pytest.mark.parametrize("angle", ROUND)
def test_a_rotation_turns_the_loss_around_the_origin_and_changes_nothing_else(angle):
    plain, turned = SparseRegression(seed=2), SparseRegression(seed=2, rotation=angle)
    turn = np.exp(1j * np.deg2rad(angle))

    def rotated(params):
        number = complex(*params) * turn
        return np.array([number.real, number.imag])

    for params in ([0.3, -2.0], [1.0, 1.0], plain.minimum):
        assert turned.loss(rotated(params)) == pytest.approx(plain.loss(params), rel=1e-9)
    np.testing.assert_allclose(turned.true_params, rotated([1.0, 1.0]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(turned.targets, plain.targets, rtol=1e-9, atol=1e-12)
    assert turned.condition_number == pytest.approx(plain.condition_number)


@given(problems)
def test_an_epoch_visits_every_sample_once(problem):
    visits = np.concatenate([problem.batch(step) for step in range(problem.num_samples)])
    assert all(len(problem.batch(step)) == problem.batch_size for step in (0, 1, problem.num_samples))
    for epoch in visits.reshape(problem.batch_size, problem.num_samples):
        assert sorted(epoch) == list(range(problem.num_samples))


SCALES = st.tuples(*[st.floats(0.1, 10.0)] * 2).map(np.array)


@given(problems, points, SCALES)
def test_descent_in_rescaled_coordinates_is_descent_with_a_rate_for_each_coordinate(problem, params, scale):
    loss = problem.rescaled(scale)
    assert loss.excess_loss(scale * params) == pytest.approx(problem.excess_loss(params), rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(loss.minimum, scale * problem.minimum, rtol=1e-12)
    step = 0.01
    there = minimize(SGD(step), loss.full_gradient, scale * params, num_steps=3)
    here = minimize(SGD(step / scale**2), problem.full_gradient, params, num_steps=3)
    np.testing.assert_allclose(there.params, scale * here.params, rtol=1e-7, atol=1e-7)


def test_rescaling_by_the_roots_of_the_curvatures_makes_an_upright_valley_round():
    problem = SparseRegression(activity=0.02)
    upright = Quadratic(np.diag(np.diag(problem.hessian)), problem.minimum)
    assert upright.condition_number > 20
    assert upright.rescaled(np.sqrt(np.diag(problem.hessian))).condition_number == pytest.approx(1)


def test_a_quadratic_takes_lists():
    loss = Quadratic([[2, 1], [1, 3]], [1, 0])
    assert loss.excess_loss([2, 1]) == 3.5
    np.testing.assert_array_equal(loss.full_gradient([2, 1]), [3, 4])


def test_a_stack_has_the_losses_of_its_problems_side_by_side():
    alone = [SparseRegression(activity, seed=seed) for activity, seed in [(0.02, 1), (0.5, 2), (1.0, 3)]]
    stack = ProblemStack(alone)
    for name in ("hessian", "minimum", "condition_number"):
        np.testing.assert_array_equal(getattr(stack, name), [getattr(each, name) for each in alone])


def test_a_loss_that_overflows_is_infinite_or_nan_without_a_warning():
    problem = SparseRegression()
    assert problem.excess_loss([1e200, 0.0]) == np.inf
    assert np.isnan(problem.excess_loss([np.nan, 0.0]))


# What is refused.

NOT_NUMBERS = [np.nan, np.inf, -np.inf, "0.5", "", None, [0.5], np.array([0.5]), 1j]
NOT_WHOLE = [*NOT_NUMBERS, 1.5, 3.0]
REFUSED = {
    "activity": ("a number above 0 and at most 1", [*NOT_NUMBERS, 0, -0.1, 1.0001, 5]),
    "noise": ("a number from 0 to 1e100", [*NOT_NUMBERS, -0.1]),
    "rotation": ("a finite number of degrees", NOT_NUMBERS),
    "num_samples": ("a whole number of at least 2", [*NOT_WHOLE, 1, 0, -5]),
    "batch_size": ("a whole number from 1 to num_samples=400", [*NOT_WHOLE, 0, -1, 401]),
    "seed": ("a whole number of at least 0", [*NOT_WHOLE, -1]),
}


@pytest.mark.parametrize(
    ("name", "bad"), [(name, bad) for name, (_, values) in REFUSED.items() for bad in values], ids=repr
)
def test_a_setting_out_of_range_is_refused_by_name_value_and_range(name, bad):
    message = re.escape(f"{name}={bad!r}: must be {REFUSED[name][0]}")
    with pytest.raises(ValueError, match=f"^{message}$"):
        SparseRegression(**{name: bad})


def test_settings_may_be_numpy_numbers():
    own = SparseRegression(0.25, 1.0, 80, 4, 7, 45.0)
    numpys = SparseRegression(
        np.float64(0.25), np.float32(1.0), np.int64(80), np.int32(4), np.uint8(7), np.float64(45.0)
    )
    np.testing.assert_array_equal(numpys.targets, own.targets)
    np.testing.assert_array_equal(numpys.gradient([0.0, 0.0], 9), own.gradient([0.0, 0.0], 9))


def test_an_activity_without_an_active_sample_is_refused():
    with pytest.raises(
        ValueError, match=r"activity=0\.001: leaves no active sample among num_samples=400.* 0\.0025"
    ):
        SparseRegression(activity=0.001)


def test_samples_that_do_not_determine_both_weights_are_refused(monkeypatch):
    # No seed is known to draw such samples: both features equal in both.
    draws = {"dense": np.ones(2), "sign": np.ones(2), "rank": np.arange(2), "noise": np.zeros(2)}
    monkeypatch.setattr(SparseRegression, "draws", draws)
    with pytest.raises(ValueError, match="num_samples=2: these samples do not determine both weights"):
        SparseRegression(activity=1.0, num_samples=2)


def test_problems_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match=r"problems: have .*\(300, 1\), \(400, 1\).*must be one pair for all"):
        ProblemStack([SparseRegression(), SparseRegression(num_samples=300)])
    with pytest.raises(ValueError, match="must be one pair for all"):
        ProblemStack([SparseRegression(), SparseRegression(batch_size=2)])
    with pytest.raises(ValueError, match="problems: "):
        ProblemStack([])


@pytest.mark.parametrize(
    "hessian",
    [
        np.ones((2, 3)),
        np.eye(3),
        [1.0, 1.0],
        [[1, 0.5], [0, 1]],
        np.diag([1.0, 0.0]),
        np.diag([1.0, -1.0]),
        np.nan * np.eye(2),
    ],
)
def test_a_quadratic_without_a_single_minimum_is_refused(hessian):
    with pytest.raises(ValueError, match=r"(?s)hessian=.*: must be symmetric with curvatures above 0"):
        Quadratic(hessian, [0.0, 0.0])


@pytest.mark.parametrize("minimum", [[0.0], [0.0, np.nan], [np.inf, 0.0], 1.0])
def test_a_quadratic_with_a_minimum_that_is_not_two_finite_numbers_is_refused(minimum):
    with pytest.raises(ValueError, match=r"minimum=.*: must be two finite numbers"):
        Quadratic(np.eye(2), minimum)


@pytest.mark.parametrize("scale", [0, [1.0, 0.0], [np.nan, 1.0], [1.0, np.inf]])
def test_rescaling_by_nothing_is_refused(scale):
    with pytest.raises(ValueError, match=r"scale=.*: must be finite numbers other than 0"):
        SparseRegression().rescaled(scale)


def test_every_epoch_has_an_order_of_its_own_and_the_first_is_that_of_the_draws():
    problem = SparseRegression(num_samples=60, seed=3)
    orders = [tuple(np.concatenate([problem.batch(60 * epoch + step) for step in range(60)])) for epoch in range(8)]
    assert orders[0] == tuple(range(60))
    assert len(set(orders)) == 8


def test_a_gradient_does_not_depend_on_which_steps_came_before():
    steps = [0, 5000, 3, 2000, 5000]
    walked = SparseRegression(seed=2)
    for step, grad in zip(steps, [walked.gradient([0.5, -0.5], step) for step in steps], strict=True):
        np.testing.assert_array_equal(grad, SparseRegression(seed=2).gradient([0.5, -0.5], step))


@pytest.mark.parametrize(("bytes_kept", "made_in_two_runs", "kept"), [(160_000_000, 10, 10), (0, 20, 8)])
def test_runs_share_what_was_computed_of_their_batches_unless_it_is_large(
    monkeypatch, bytes_kept, made_in_two_runs, kept
):
    made, make = [], ProblemStack._block
    monkeypatch.setattr("adaptive_optim.problems.BYTES_KEPT", bytes_kept)
    monkeypatch.setattr(ProblemStack, "_block", lambda stack, steps: made.append(steps) or make(stack, steps))
    stack = ProblemStack.grid(seed=range(2))
    first, second = (minimize(SGD(0.01), stack.gradient, np.zeros((2, 2)), 2000).params for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (len(made), len(stack._blocks)) == (made_in_two_runs, kept)
