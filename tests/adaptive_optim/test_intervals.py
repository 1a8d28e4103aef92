"""Intervals: small cases by hand, and how often they hold the true number."""

import re
from fractions import Fraction
from math import comb, sqrt

import numpy as np
import pytest

from adaptive_optim import median_interval, share_interval, significantly_above

DRAWS = 20_000


def near(observed, probability):
    """Whether a share of the draws is what it should be, but for chance: 4 standard deviations."""
    return abs(observed - probability) < 4 * sqrt(probability * (1 - probability) / DRAWS)


def median_coverage(count, confidence):
    """Return the place of the innermost pair of samples that is sure enough, and its coverage."""
    for k in range(count // 2, 0, -1):
        outside = Fraction(2 * sum(comb(count, i) for i in range(k)), 2**count)
        if 1 - outside >= confidence:
            return k, float(1 - outside)
    raise AssertionError


@pytest.mark.parametrize(
    ("count", "confidence", "k"),
    [(6, 0.95, 1), (8, 0.95, 1), (9, 0.95, 2), (100, 0.95, 40), (5, 0.9, 1), (3, 0.75, 1)],
)
def test_the_ends_of_a_median_interval_are_samples_at_the_same_place_from_both_ends(count, confidence, k):
    assert median_coverage(count, confidence)[0] == k
    samples = np.random.default_rng(count).permutation(count) + 1
    assert median_interval(samples, confidence=confidence) == (k, count + 1 - k)


@pytest.mark.parametrize("count", [6, 25, 256])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize("distribution", ["normal", "exponential", "never arrives"])
def test_a_median_interval_holds_the_median_as_often_as_promised(distribution, confidence, count):
    rng = np.random.default_rng([count, round(100 * confidence)])
    shape = (DRAWS, count)
    if distribution == "normal":
        samples, median = rng.normal(3.0, 2.0, shape), 3.0
    else:
        samples, median = rng.exponential(size=shape), np.log(2)
    if distribution == "never arrives":
        samples[samples > 1] = np.inf  # more than a third
    low, high = median_interval(samples, confidence=confidence)
    observed = np.mean((low <= median) & (median <= high))
    exact = median_coverage(count, confidence)[1]
    assert exact >= confidence
    assert near(observed, exact)


def test_a_median_interval_of_whole_numbers_holds_at_least_as_often():
    samples = np.random.default_rng(0).integers(0, 5, (DRAWS, 25))
    low, high = median_interval(samples)
    assert np.mean((low <= 2) & (high >= 2)) > 0.95


def test_a_median_interval_is_taken_along_any_axis():
    samples = np.random.default_rng(0).normal(size=(4, 30, 3))
    ends = np.array(median_interval(samples, axis=1))
    assert ends.shape == (2, 4, 3)
    np.testing.assert_array_equal(ends[:, 2, 1], median_interval(samples[2, :, 1]))
    np.testing.assert_array_equal(ends, median_interval(np.moveaxis(samples, 1, -1)))


def test_a_median_interval_may_end_in_infinity():
    assert median_interval([1.0, 2.0, 3.0, np.inf, np.inf, np.inf]) == (1, np.inf)
    assert median_interval([np.inf] * 8) == (np.inf, np.inf)


@pytest.mark.parametrize(("count", "confidence"), [(0, 0.95), (1, 0.95), (5, 0.95), (7, 0.99), (1, 0.5)])
def test_too_few_samples_are_refused(count, confidence):
    message = f"samples: are {count}, too few for confidence={confidence}"
    with pytest.raises(ValueError, match=message):
        median_interval(np.arange(count), confidence=confidence)


def test_samples_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="samples: one is nan, must be numbers"):
        median_interval([1.0, 2.0, np.nan] * 5)


@pytest.mark.parametrize("bad", [0, 1, -0.5, 95, np.nan])
def test_a_confidence_is_between_0_and_1(bad):
    message = re.escape(f"confidence={bad!r}: must be between 0 and 1")
    with pytest.raises(ValueError, match=message):
        median_interval(range(100), confidence=bad)
    with pytest.raises(ValueError, match=message):
        share_interval(1, 2, confidence=bad)


def test_a_share_interval_has_the_shares_that_are_z_deviations_from_what_was_seen():
    z = 1.959963984540054
    for successes, trials in [(0, 10), (1, 10), (5, 10), (9, 10), (10, 10), (192, 256), (1, 1)]:
        seen = successes / trials
        for end in share_interval(successes, trials):
            assert abs(seen - end) == pytest.approx(z * sqrt(end * (1 - end) / trials), abs=1e-7)
        low, high = share_interval(successes, trials)
        assert 0 <= low <= seen <= high <= 1
        np.testing.assert_allclose(share_interval(trials - successes, trials), (1 - high, 1 - low), atol=1e-15)
    assert share_interval(0, 0) == (0, 1)


def test_shares_may_be_arrays():
    low, high = share_interval([[0], [5]], [10, 20, 40])
    assert low.shape == high.shape == (2, 3)
    assert (low[1, 2], high[1, 2]) == share_interval(5, 40)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize("trials", [20, 256])
def test_a_share_interval_holds_the_share_as_often_as_promised_on_average(trials, confidence):
    rng = np.random.default_rng(trials)
    for share in (0.02, 0.2, 0.5, 0.9):
        low, high = share_interval(rng.binomial(trials, share, DRAWS), trials, confidence)
        observed = np.mean((low <= share) & (share <= high))
        # Few outcomes are possible, so it is more or less than promised for a single share: how much is known.
        ways = np.array([comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(trials + 1)])
        lows, highs = share_interval(np.arange(trials + 1), trials, confidence)
        assert near(observed, ways[(lows <= share) & (share <= highs)].sum())
    shares = rng.uniform(size=DRAWS)
    low, high = share_interval(rng.binomial(trials, shares), trials, confidence)
    assert abs(np.mean((low <= shares) & (shares <= high)) - confidence) < 0.01


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2), (np.nan, 2), (1, np.nan), (0, -1), ([1, 5], 4)])
def test_more_successes_than_trials_or_negative_ones_are_refused(successes, trials):
    with pytest.raises(ValueError, match=r"successes=.*: must be from 0 to trials="):
        share_interval(successes, trials)


def test_a_median_is_significantly_above_another_if_their_intervals_do_not_overlap():
    low, high = np.arange(20.0), np.arange(20.0) + 20
    assert significantly_above(high, low)
    assert not significantly_above(low, high)
    assert not significantly_above(low + 1, low)
    assert significantly_above(high, median_interval(high)[0] - 1e-9)
    assert not significantly_above(high, median_interval(high)[0])
    # Draws in pairs differ although the two groups overlap.
    assert significantly_above(low + 1 - low, 0)


@pytest.mark.parametrize(
    ("samples", "others", "told"),
    [
        ([1.0, 2.0], 0.0, "too few"),
        (np.ones(9), [1.0, 2.0], "too few"),
        ([np.nan, *range(9)], 0.0, "nan"),
        (np.ones(9), [np.nan, *range(9)], "nan"),
        (np.ones(9), np.nan, "others=nan"),
    ],
)
def test_what_cannot_be_compared_is_an_error(samples, others, told):
    with pytest.raises(ValueError, match=told):
        significantly_above(samples, others)
