"""Schedules: a factor of the rate and of the decay that depends on the step.

A schedule is any function of the step that returns a finite number of at least 0. Steps count from 0. The functions
of this module can be pickled and multiplied: ``linear_warmup(10) * cosine(400)``.
"""
# ruff: noqa: N801 - a reader calls them as functions

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from adaptive_optim.validation import validate_integer

Schedule = Callable[[int], float]
"""Function of the step, which counts from 0, that returns a factor of rate and decay."""


def factor_at(schedule: Schedule | None, step: int) -> float | None:
    """Return the factor of a step, ``None`` without a schedule, or raise if it is not a factor."""
    if schedule is None:
        return None
    if not callable(schedule):
        raise ValueError(f"schedule={schedule!r}: must be a function of the step")
    value = schedule(step)
    try:
        factor = float(value)  # a NumPy number would promote float32 to float64
    except (TypeError, ValueError):
        factor = math.nan
    if not 0 <= factor < math.inf:
        raise ValueError(f"schedule: returned {value!r} at step {step}, must be a finite number of at least 0")
    return factor


class _Factor:
    """Base class of the schedules: adds the product of two schedules."""

    def __mul__(self, other: Schedule) -> product:
        return product(self, other) if callable(other) else NotImplemented  # type: ignore[arg-type]

    def __rmul__(self, other: Schedule) -> product:
        return product(other, self) if callable(other) else NotImplemented  # type: ignore[arg-type]


@dataclass(frozen=True)
class product(_Factor):
    """Multiply two schedules. ``first * second`` is the same.

    Parameters
    ----------
    first, second : callable
        Functions of the step.

    Examples
    --------
    >>> from adaptive_optim.schedules import inverse_root, linear_warmup
    >>> schedule = linear_warmup(4) * inverse_root(1)
    >>> [round(schedule(step), 3) for step in (0, 3, 8)]
    [0.0, 0.375, 0.333]
    """

    first: Schedule
    second: Schedule

    def __call__(self, step: int) -> float:
        """Return the factor of a step."""
        return self.first(step) * self.second(step)


@dataclass(frozen=True)
class constant(_Factor):
    """Multiply every step by the same factor.

    Parameters
    ----------
    factor : float, default 1.0
        Factor of every step, at least 0.

    Raises
    ------
    ValueError
        If the factor is out of range.

    Notes
    -----
    Equal to ``optax.constant_schedule(factor)``.

    Examples
    --------
    >>> from adaptive_optim.schedules import constant
    >>> constant(0.5)(100)
    0.5
    """

    factor: float = 1.0

    def __post_init__(self) -> None:
        _validate("factor", self.factor, 0 <= self.factor < math.inf, "a finite number of at least 0")

    def __call__(self, step: int) -> float:
        """Return the factor of a step."""
        return self.factor


@dataclass(frozen=True)
class inverse_time(_Factor):
    r"""Decay in inverse proportion to the step: :math:`1 / (1 + t/s)` at step :math:`t`.

    Parameters
    ----------
    scale : float
        Step :math:`s > 0` at which the factor is 1/2.

    Raises
    ------
    ValueError
        If the scale is out of range.

    Notes
    -----
    Equal to ``keras.optimizers.schedules.InverseTimeDecay(1.0, scale, 1.0)``. Its sum is infinite and
    the sum of its squares is finite, as Robbins and Monro require.

    References
    ----------
    Robbins and Monro (1951), "A stochastic approximation method": their sequences "of type 1/n".

    Examples
    --------
    >>> from adaptive_optim.schedules import inverse_time
    >>> [inverse_time(100)(step) for step in (0, 100, 300)]
    [1.0, 0.5, 0.25]
    """

    scale: float

    def __post_init__(self) -> None:
        _validate("scale", self.scale, 0 < self.scale < math.inf, "a finite number above 0")

    def __call__(self, step: int) -> float:
        """Return the factor of a step."""
        return 1 / (1 + step / self.scale)


@dataclass(frozen=True)
class inverse_root(_Factor):
    r"""Decay in inverse proportion to the root of the step: :math:`1 / \sqrt{1 + t/s}` at step :math:`t`.

    Parameters
    ----------
    scale : float
        Step :math:`s > 0` at which the factor is :math:`1/\sqrt 2`.

    Raises
    ------
    ValueError
        If the scale is out of range.

    Notes
    -----
    With a scale of 1 this is :math:`1/\sqrt{t}` for steps that count from 1, as in online gradient descent. The
    factor of "inverse square root" in libraries for transformers is :math:`\sqrt{s / \max(t, s)}` instead.

    References
    ----------
    Zinkevich (2003), "Online convex programming and generalized infinitesimal gradient ascent", theorem 1.

    Examples
    --------
    >>> from adaptive_optim.schedules import inverse_root
    >>> [inverse_root(1)(step) for step in (0, 3, 99)]
    [1.0, 0.5, 0.1]
    """

    scale: float

    def __post_init__(self) -> None:
        _validate("scale", self.scale, 0 < self.scale < math.inf, "a finite number above 0")

    def __call__(self, step: int) -> float:
        """Return the factor of a step."""
        return 1 / math.sqrt(1 + step / self.scale)


@dataclass(frozen=True)
class cosine(_Factor):
    r"""Decay along half a cosine: :math:`f + (1 - f)\,(1 + \cos(\pi \min(t, T) / T)) / 2` at step :math:`t`.

    Parameters
    ----------
    num_steps : int
        Step :math:`T \ge 1` from which the factor is ``final``.
    final : float, default 0.0
        Last factor :math:`f`, at least 0.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Equal to ``optax.cosine_decay_schedule(1.0, decay_steps=num_steps, alpha=final)``.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", equation (5), without
    restarts.

    Examples
    --------
    >>> from adaptive_optim.schedules import cosine
    >>> [round(cosine(100, final=0.1)(step), 3) for step in (0, 50, 100, 200)]
    [1.0, 0.55, 0.1, 0.1]
    """

    num_steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        validate_integer("num_steps", self.num_steps)
        _validate("final", self.final, 0 <= self.final < math.inf, "a finite number of at least 0")

    def __call__(self, step: int) -> float:
        """Return the factor of a step."""
        progress = min(step, self.num_steps) / self.num_steps
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class linear_warmup(_Factor):
    r"""Grow linearly from 0 to 1: :math:`\min(1, t/T)` at step :math:`t`.

    Parameters
    ----------
    num_steps : int
        Step :math:`T \ge 1` from which the factor is 1.

    Raises
    ------
    ValueError
        If the number of steps is out of range.

    Notes
    -----
    The factor of the first step is 0: the parameters stay, and the optimizer's state receives the
    gradient. Equal to ``optax.linear_schedule(0.0, 1.0, transition_steps=num_steps)``.

    References
    ----------
    Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour", section
    2.2, "gradual warmup", which starts from the rate for a small batch instead of 0.

    Examples
    --------
    >>> from adaptive_optim.schedules import linear_warmup
    >>> [linear_warmup(4)(step) for step in (0, 1, 4, 9)]
    [0.0, 0.25, 1.0, 1.0]
    """

    num_steps: int

    def __post_init__(self) -> None:
        validate_integer("num_steps", self.num_steps)

    def __call__(self, step: int) -> float:
        """Return the factor of a step."""
        return min(1.0, step / self.num_steps)


def _validate(name: str, value: float, is_in_range: bool, description: str) -> None:
    if not is_in_range:
        raise ValueError(f"{name}={value!r}: must be {description}")
