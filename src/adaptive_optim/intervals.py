"""How sure a number from some seeds is: intervals that hold the true number with a given confidence."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike


def median_interval(samples: ArrayLike, axis: int = -1, confidence: float = 0.95) -> tuple[Any, Any]:
    r"""Return an interval for the median of what samples were drawn from.

    .. math:: P(x_{(k)} \le \text{median} \le x_{(n+1-k)}) = 1 - 2\, P(B < k) \ge \text{confidence}

    where :math:`x_{(k)}` is the *k*-th smallest of *n* samples and :math:`B` the number of heads in *n* fair
    tosses. It assumes nothing of the distribution; infinite samples are as good as any.

    Parameters
    ----------
    samples : array_like
        Independent draws along ``axis``, without ``nan``.
    axis : int, default -1
        Which axis has the draws.
    confidence : float, default 0.95
        Probability, between 0 and 1, that the interval holds the median, at least.

    Returns
    -------
    low, high : ndarray
        Ends of the interval, without that axis.

    Raises
    ------
    ValueError
        If there are too few samples for this confidence (fewer than 6 for 0.95), one is ``nan``, or the confidence
        is not between 0 and 1.

    References
    ----------
    Hahn and Meeker (1991), "Statistical Intervals", section 5.2.

    Examples
    --------
    >>> median_interval(range(1, 101))
    (np.int64(40), np.int64(61))
    """
    samples = np.sort(np.asarray(samples), axis=axis)
    _check_confidence(confidence)
    count = samples.shape[axis]
    if np.isnan(samples).any():
        raise ValueError("samples: one is nan, must be numbers")
    below, k = 1, 0  # ways to get fewer than k + 1 heads
    most = Fraction(1 - confidence) * 2 ** (count - 1)
    while below <= most:
        k += 1
        below += comb(count, k)
    if not k:
        raise ValueError(f"samples: are {count}, too few for confidence={confidence!r}")
    return samples.take(k - 1, axis), samples.take(count - k, axis)


def significantly_above(samples: ArrayLike, others: ArrayLike, confidence: float = 0.95) -> bool:
    """Return whether one median lies above another by more than chance explains.

    It does if the two intervals of :func:`median_interval` do not overlap. For samples in pairs, such as two
    optimizers on the same seeds, test the differences: ``significantly_above(first - second, 0)``.

    Parameters
    ----------
    samples : array_like
        Independent draws, ``(n,)``, without ``nan``.
    others : array_like
        Draws to compare with, ``(m,)``, or one number.
    confidence : float, default 0.95
        Of each interval, between 0 and 1.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        As :func:`median_interval` does; the number of draws needed holds for both arguments.

    See Also
    --------
    median_interval : The intervals that are compared.

    Notes
    -----
    ``False`` does not say that the medians are equal, only that these draws cannot tell them apart. Two intervals
    that do not overlap are a stricter test than a Mann-Whitney test at the same confidence.

    Examples
    --------
    >>> significantly_above([5, 6, 7, 8, 9, 10], [1, 2, 3, 2, 1, 4])
    True
    >>> significantly_above([5, 6, 7, 8, 9, 10], 7)
    False
    """
    low, _ = median_interval(np.ravel(samples), confidence=confidence)
    if np.ndim(others) == 0:
        if np.isnan(others):
            raise ValueError(f"others={others!r}: must be a number")
        return bool(low > others)
    return bool(low > median_interval(np.ravel(others), confidence=confidence)[1])


def share_interval(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> tuple[Any, Any]:
    r"""Return an interval for the probability of something that happened in some of several trials.

    .. math::

        \frac{\hat p + z^2/2n \pm z \sqrt{\hat p (1 - \hat p)/n + z^2/4n^2}}{1 + z^2/n},
        \qquad \hat p = \frac{\text{successes}}{n}

    Parameters
    ----------
    successes, trials : array_like
        How often it happened, and :math:`n`, in how many independent trials. 0 trials give 0 to 1.
    confidence : float, default 0.95
        Probability, between 0 and 1, that the interval holds the true one, on average over the true ones.

    Returns
    -------
    low, high : ndarray
        Ends of the interval, from 0 to 1.

    Raises
    ------
    ValueError
        If there are more successes than trials, or negative ones, or the confidence is not between 0 and 1.

    References
    ----------
    Wilson (1927), "Probable inference, the law of succession, and statistical inference".

    Examples
    --------
    >>> low, high = share_interval(192, 256)
    >>> low.round(3), high.round(3)
    (np.float64(0.694), np.float64(0.799))
    """
    successes, trials = np.asarray(successes, float), np.asarray(trials, float)
    _check_confidence(confidence)
    if not np.all((successes >= 0) & (successes <= trials)):
        raise ValueError(f"successes={successes!r}: must be from 0 to trials={trials!r}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    n = np.maximum(trials, 1e-300)  # none: anything may be true
    middle = successes + z**2 / 2
    half = z * np.sqrt(successes * (trials - successes) / n + z**2 / 4)
    low, high = (middle - half) / (trials + z**2), (middle + half) / (trials + z**2)
    # Exactly: what never happens and what always does are within.
    return np.where(successes > 0, low, 0.0)[()], np.where(successes < trials, high, 1.0)[()]


class Leader(NamedTuple):
    """Who was first most often."""

    index: Any
    """Position along the axis of the contestants, -1 if nobody was ever first."""
    share: Any
    """In which share of the trials, from 0 to 1."""
    is_sure: Any
    """Whether the runner-up is ruled out: of the trials one of the two won, most are surely the leader's."""


def leader(firsts: ArrayLike, trials: int, confidence: float = 0.95) -> Leader:
    """Return who of several was first most often, and whether that is sure.

    Parameters
    ----------
    firsts : array_like
        How often each was first, ``(contestants, ...)``, at least two. A tie counts for all who share it, so shares
        may add up to more than 1; between leader and runner-up it counts for both sides.
    trials : int
        Number of trials.
    confidence : float, default 0.95
        Of :func:`share_interval` for the leader's part of the trials that leader or runner-up won. It is the
        confidence of one such comparison: of many, some are wrong.

    Returns
    -------
    Leader
        Each ``(...)``.

    Raises
    ------
    ValueError
        If there are fewer than two contestants, someone was first more often than there were trials, or the
        confidence is not between 0 and 1.

    Examples
    --------
    >>> leader([[200, 70, 0], [50, 66, 0]], trials=256).is_sure
    array([ True, False, False])
    """
    firsts = np.asarray(firsts)
    if firsts.ndim < 1 or len(firsts) < 2 or np.any((firsts < 0) | (firsts > trials)):
        raise ValueError(f"firsts={firsts!r}: must be of at least two, from 0 to trials={trials}")
    runner_up, most = np.sort(firsts, axis=0)[-2:]
    low, _ = share_interval(most, most + runner_up, confidence)
    return Leader(np.where(most > 0, firsts.argmax(axis=0), -1), most / trials, low > 0.5)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r}: must be between 0 and 1")
