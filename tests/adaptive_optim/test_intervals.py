"""Confidence intervals: small cases computed by hand, and the coverage of random samples."""

import re
from fractions import Fraction
from math import comb, sqrt

import numpy as np
import pytest

from adaptive_optim import leader, median_interval, significantly_above, wilson_interval

NUM_DRAWS = 20_000


def is_close(observed, probability):
    """Return whether a proportion of the draws is within 4 standard deviations of its probability."""
    return abs(observed - probability) < 4 * sqrt(probability * (1 - probability) / NUM_DRAWS)


def exact_coverage(count, confidence_level):
    """Return the position of the innermost pair of samples with enough coverage, and its coverage."""
    for k in range(count // 2, 0, -1):
        outside = Fraction(2 * sum(comb(count, i) for i in range(k)), 2**count)
        if 1 - outside >= confidence_level:
            return k, float(1 - outside)
    raise AssertionError


@pytest.mark.parametrize(
    ("count", "confidence_level", "k"),
    [(6, 0.95, 1), (8, 0.95, 1), (9, 0.95, 2), (100, 0.95, 40), (5, 0.9, 1), (3, 0.75, 1)],
)
def test_a_median_interval_ends_at_the_kth_smallest_and_kth_largest_sample(count, confidence_level, k):
    assert exact_coverage(count, confidence_level)[0] == k
    samples = np.random.default_rng(count).permutation(count) + 1
    assert median_interval(samples, confidence_level=confidence_level) == (k, count + 1 - k)


@pytest.mark.parametrize("confidence_level", [0.5, 0.8, 0.95, 0.999])
def test_a_median_interval_is_exact_for_every_number_of_samples(confidence_level):
    for count in range(12, 501, 7):
        k, _ = exact_coverage(count, confidence_level)
        assert median_interval(range(1, count + 1), confidence_level=confidence_level) == (k, count + 1 - k)


def test_a_median_interval_of_many_samples_is_exact():
    # The k-th smallest sample by the binomial distribution: 1 - 2 P(B < k) is 0.9522 for k and 0.9496 for k + 1.
    low, high = median_interval(range(1, 8001))
    below = sum(comb(8000, i) for i in range(low))
    assert Fraction(2 * below, 2**8000) <= 0.05 < Fraction(2 * (below + comb(8000, int(low))), 2**8000)
    assert (low, high) == (3912, 4089)


@pytest.mark.parametrize("count", [6, 25, 256])
@pytest.mark.parametrize("confidence_level", [0.8, 0.95])
@pytest.mark.parametrize("distribution", ["normal", "exponential", "partly infinite"])
def test_a_median_interval_has_the_exact_coverage(distribution, confidence_level, count):
    rng = np.random.default_rng([count, round(100 * confidence_level)])
    shape = (NUM_DRAWS, count)
    if distribution == "normal":
        samples, median = rng.normal(3.0, 2.0, shape), 3.0
    else:
        samples, median = rng.exponential(size=shape), np.log(2)
    if distribution == "partly infinite":
        samples[samples > 1] = np.inf  # more than a third of the samples
    low, high = median_interval(samples, confidence_level=confidence_level)
    coverage = exact_coverage(count, confidence_level)[1]
    assert coverage >= confidence_level
    assert is_close(np.mean((low <= median) & (median <= high)), coverage)


def test_a_median_interval_of_integers_has_at_least_the_coverage():
    low, high = median_interval(np.random.default_rng(0).integers(0, 5, (NUM_DRAWS, 25)))
    assert np.mean((low <= 2) & (high >= 2)) > 0.95


def test_a_median_interval_is_computed_along_any_axis_and_may_be_infinite():
    samples = np.random.default_rng(0).normal(size=(4, 30, 3))
    ends = np.array(median_interval(samples, axis=1))
    assert ends.shape == (2, 4, 3)
    np.testing.assert_array_equal(ends[:, 2, 1], median_interval(samples[2, :, 1]))
    np.testing.assert_array_equal(ends, median_interval(np.moveaxis(samples, 1, -1)))
    assert median_interval([1.0, 2.0, 3.0, np.inf, np.inf, np.inf]) == (1, np.inf)


@pytest.mark.parametrize(("count", "confidence_level"), [(0, 0.95), (1, 0.95), (5, 0.95), (7, 0.99), (1, 0.5)])
def test_too_few_samples_raise_an_error(count, confidence_level):
    with pytest.raises(ValueError, match=f"samples: {count} are too few for confidence_level={confidence_level}"):
        median_interval(np.arange(count), confidence_level=confidence_level)


@pytest.mark.parametrize("bad", [0, 1, -0.5, 95, np.nan])
def test_a_confidence_level_is_between_0_and_1(bad):
    message = re.escape(f"confidence_level={bad!r}: must be between 0 and 1")
    for function, arguments in ((median_interval, [range(100)]), (wilson_interval, [1, 2]), (leader, [[1, 2], 9])):
        with pytest.raises(ValueError, match=message):
            function(*arguments, confidence_level=bad)


def test_the_ends_of_a_wilson_interval_are_z_standard_deviations_from_the_observed_proportion():
    z = 1.959963984540054
    for successes, trials in [(0, 10), (1, 10), (5, 10), (9, 10), (10, 10), (192, 256), (1, 1)]:
        observed = successes / trials
        low, high = wilson_interval(successes, trials)
        for end in (low, high):
            assert abs(observed - end) == pytest.approx(z * sqrt(end * (1 - end) / trials), abs=1e-7)
        assert 0 <= low <= observed <= high <= 1
        np.testing.assert_allclose(wilson_interval(trials - successes, trials), (1 - high, 1 - low), atol=1e-15)
    assert wilson_interval(0, 0) == (0, 1)
    low, high = wilson_interval([[0], [5]], [10, 20, 40])
    assert low.shape == high.shape == (2, 3)
    assert (low[1, 2], high[1, 2]) == wilson_interval(5, 40)


@pytest.mark.parametrize("confidence_level", [0.8, 0.95])
@pytest.mark.parametrize("trials", [20, 256])
def test_a_wilson_interval_has_the_coverage_on_average_over_all_probabilities(trials, confidence_level):
    rng = np.random.default_rng(trials)
    probabilities = rng.uniform(size=NUM_DRAWS)
    low, high = wilson_interval(rng.binomial(trials, probabilities), trials, confidence_level)
    assert abs(np.mean((low <= probabilities) & (probabilities <= high)) - confidence_level) < 0.01


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2), (np.nan, 2), (1, np.nan), (0, -1), ([1, 5], 4)])
def test_invalid_numbers_of_successes_raise_an_error(successes, trials):
    with pytest.raises(ValueError, match=r"successes=.*: must be from 0 to trials="):
        wilson_interval(successes, trials)


def test_a_median_is_significantly_above_another_if_their_intervals_do_not_overlap():
    low, high = np.arange(20.0), np.arange(20.0) + 20
    assert significantly_above(high, low)
    assert not significantly_above(low, high)
    assert not significantly_above(low + 1, low)
    assert significantly_above(high, median_interval(high)[0] - 1e-9)
    assert not significantly_above(high, median_interval(high)[0])


@pytest.mark.parametrize(
    ("samples", "other", "message"),
    [
        ([1.0, 2.0], 0.0, "too few"),
        (np.ones(9), [1.0, 2.0], "too few"),
        ([np.nan, *range(9)], 0.0, "samples: contain nan, must be numbers"),
        (np.ones(9), [np.nan, *range(9)], "samples: contain nan"),
        (np.ones(9), np.nan, "other=nan"),
    ],
)
def test_samples_that_cannot_be_compared_raise_an_error(samples, other, message):
    with pytest.raises(ValueError, match=message):
        significantly_above(samples, other)


def test_a_leader_has_most_wins_and_is_significant_if_it_beats_the_runner_up():
    result = leader([[200, 70, 0], [50, 66, 0], [0, 66, 0]], trials=256)
    assert result.index.tolist() == [0, 0, -1]
    np.testing.assert_allclose(result.proportion, [200 / 256, 70 / 256, 0])
    assert result.significant.tolist() == [True, False, False]
    for bad in ([3], [[3]], 3, [-1, 2], [1, 257]):
        with pytest.raises(ValueError, match=r"wins=.*: must be numbers from 0 to trials=256"):
            leader(bad, trials=256)
