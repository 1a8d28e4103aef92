"""Confidence intervals and comparisons for results of independent seeds."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike


def median_interval(samples: ArrayLike, axis: int = -1, confidence_level: float = 0.95) -> tuple[Any, Any]:
    r"""Return a confidence interval for the median of the distribution that samples come from.

    .. math:: P(x_{(k)} \le \text{median} \le x_{(n+1-k)}) = 1 - 2\, P(B < k) \ge \text{confidence level}

    where :math:`x_{(k)}` is the *k*-th smallest of *n* samples and :math:`B` is binomial with *n* trials of
    probability 1/2. It assumes nothing about the distribution, and samples may be infinite.

    Parameters
    ----------
    samples : array_like
        Independent samples along ``axis``, without ``nan``.
    axis : int, default -1
        Axis of the samples.
    confidence_level : float, default 0.95
        Lower bound of the probability, between 0 and 1, that the interval contains the median.

    Returns
    -------
    low, high : ndarray
        Ends of the interval, without the axis of the samples.

    Raises
    ------
    ValueError
        If there are too few samples for this confidence level (fewer than 6 for 0.95), a sample is ``nan``, or
        the confidence level is not between 0 and 1.

    References
    ----------
    Hahn and Meeker (1991), "Statistical Intervals", section 5.2.

    Examples
    --------
    >>> median_interval(range(1, 101))
    (np.int64(40), np.int64(61))
    """
    samples = np.sort(np.asarray(samples), axis=axis)
    _validate_confidence_level(confidence_level)
    count = samples.shape[axis]
    if np.isnan(samples).any():
        raise ValueError("samples: contain nan, must be numbers")
    # All numbers of outcomes are exact integers. Each binomial coefficient follows from the one before.
    max_outcomes = floor(Fraction(1 - confidence_level) * 2**count / 2)
    coefficient, num_outcomes, k = 1, 1, 0  # outcomes with at most k successes
    while num_outcomes <= max_outcomes:
        coefficient = coefficient * (count - k) // (k + 1)
        k += 1
        num_outcomes += coefficient
    if not k:
        raise ValueError(f"samples: {count} are too few for confidence_level={confidence_level!r}")
    return samples.take(k - 1, axis), samples.take(count - k, axis)


def significantly_above(samples: ArrayLike, other: ArrayLike, confidence_level: float = 0.95) -> bool:
    """Return whether one median is significantly larger than another.

    True if the interval of :func:`median_interval` for ``samples`` lies above that for ``other``. For paired
    samples, such as two optimizers on the same seeds, test the differences:
    ``significantly_above(first - second, 0)``.

    Parameters
    ----------
    samples : array_like
        Independent samples, ``(n,)``, without ``nan``.
    other : array_like
        Samples to compare with, ``(m,)``, or one number.
    confidence_level : float, default 0.95
        Confidence level of each interval, between 0 and 1.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If :func:`median_interval` raises it for one of the arguments.

    See Also
    --------
    median_interval : Interval that this function compares.

    Notes
    -----
    ``False`` does not mean that the medians are equal, only that these samples do not show a
    difference. The test is stricter than a Mann-Whitney test at the same confidence level.

    Examples
    --------
    >>> significantly_above([5, 6, 7, 8, 9, 10], [1, 2, 3, 2, 1, 4])
    True
    >>> significantly_above([5, 6, 7, 8, 9, 10], 7)
    False
    """
    low, _ = median_interval(np.ravel(samples), confidence_level=confidence_level)
    if np.ndim(other) == 0:
        if np.isnan(other):
            raise ValueError(f"other={other!r}: must be a number")
        return bool(low > other)
    return bool(low > median_interval(np.ravel(other), confidence_level=confidence_level)[1])


def wilson_interval(successes: ArrayLike, trials: ArrayLike, confidence_level: float = 0.95) -> tuple[Any, Any]:
    r"""Return the Wilson score interval for the probability of success in independent trials.

    .. math::

        \frac{\hat p + z^2/2n \pm z \sqrt{\hat p (1 - \hat p)/n + z^2/4n^2}}{1 + z^2/n},
        \qquad \hat p = \frac{\text{successes}}{n}

    Parameters
    ----------
    successes, trials : array_like
        Number of successes and number of trials :math:`n`. Zero trials give the interval from 0 to 1.
    confidence_level : float, default 0.95
        Probability, between 0 and 1, that the interval contains the true probability, on average over all true
        probabilities.

    Returns
    -------
    low, high : ndarray
        Ends of the interval, from 0 to 1.

    Raises
    ------
    ValueError
        If the number of successes is negative or larger than the number of trials, or the confidence level is not
        between 0 and 1.

    References
    ----------
    Wilson (1927), "Probable inference, the law of succession, and statistical inference".

    Examples
    --------
    >>> low, high = wilson_interval(192, 256)
    >>> low.round(3), high.round(3)
    (np.float64(0.694), np.float64(0.799))
    """
    successes, trials = np.asarray(successes, float), np.asarray(trials, float)
    _validate_confidence_level(confidence_level)
    if not np.all((successes >= 0) & (successes <= trials)):
        raise ValueError(f"successes={successes!r}: must be from 0 to trials={trials!r}")
    z = NormalDist().inv_cdf((1 + confidence_level) / 2)
    n = np.maximum(trials, 1e-300)  # zero trials: the interval is 0 to 1
    center = successes + z**2 / 2
    half_width = z * np.sqrt(successes * (trials - successes) / n + z**2 / 4)
    low, high = (center - half_width) / (trials + z**2), (center + half_width) / (trials + z**2)
    # Without rounding errors: probability 0 is in the interval of no successes, and 1 in that of only successes.
    return np.where(successes > 0, low, 0.0)[()], np.where(successes < trials, high, 1.0)[()]


class Leader(NamedTuple):
    """Contestant with the most wins, as :func:`leader` returns it."""

    index: Any
    """Position along the axis of the contestants, -1 if no contestant has a win."""
    proportion: Any
    """Proportion of the trials that the leader won, from 0 to 1."""
    significant: Any
    """Whether the leader won significantly more than half of the trials that it or the runner-up won."""


def leader(wins: ArrayLike, trials: int, confidence_level: float = 0.95) -> Leader:
    """Return which contestant won most trials, and whether its lead is significant.

    Parameters
    ----------
    wins : array_like
        Number of wins of each contestant, ``(contestants, ...)``, at least two contestants. A tie is a win for
        every contestant in it, so proportions may add up to more than 1; a tie of leader and runner-up counts for
        both.
    trials : int
        Number of trials.
    confidence_level : float, default 0.95
        Confidence level of the :func:`wilson_interval` for the leader's wins among those of leader and runner-up.
        It holds for one comparison: of many comparisons, some are wrong.

    Returns
    -------
    Leader
        Each field has the shape ``(...)``.

    Raises
    ------
    ValueError
        If there are fewer than two contestants, a number of wins is negative or larger than the number of trials,
        or the confidence level is not between 0 and 1.

    Examples
    --------
    >>> leader([[200, 70, 0], [50, 66, 0]], trials=256).significant
    array([ True, False, False])
    """
    wins = np.asarray(wins)
    if wins.ndim < 1 or len(wins) < 2 or np.any((wins < 0) | (wins > trials)):
        raise ValueError(f"wins={wins!r}: must be numbers from 0 to trials={trials} of at least two contestants")
    runner_up, most = np.sort(wins, axis=0)[-2:]
    low, _ = wilson_interval(most, most + runner_up, confidence_level)
    return Leader(np.where(most > 0, wins.argmax(axis=0), -1), most / trials, low > 0.5)


def _validate_confidence_level(confidence_level: float) -> None:
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level={confidence_level!r}: must be between 0 and 1")
