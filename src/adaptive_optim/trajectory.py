"""One run of an optimizer: take steps along a gradient and record each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers import Array, Optimizer
from adaptive_optim.validation import AnyOptimizer, cast_settings, validate_integer, validate_optimizer


class Trajectory(NamedTuple):
    """Record of one run, or of several runs side by side, as :func:`minimize` returns it.

    A *run* is one vector of parameters, the last axis of ``params``. Leading axes are runs side by side.
    """

    optimizer: Any
    """The optimizer, with its settings in the dtype of the parameters."""
    params: Array
    """Parameters before the first step and after each one, ``(num_steps + 1, ..., dim)``."""
    rates: Array
    """Effective learning rate of each coordinate at each step, ``(num_steps, ..., dim)``; ``nan`` until the
    first gradient of a coordinate, and after a run diverged."""
    grads: Array
    """Gradient at each step, ``(num_steps, ..., dim)``."""
    diverged_at: Any
    """Step at which each run diverged, ``(...)``; -1 for runs that stayed finite."""

    @property
    def diverged(self) -> Any:
        """Whether each run diverged."""
        return self.diverged_at >= 0


def minimize(
    optimizer: Optimizer,
    gradient: Callable[[Array, int], ArrayLike],
    params: ArrayLike,
    num_steps: int,
) -> Trajectory:
    r"""Run an optimizer along a gradient and record every step.

    .. math:: \theta_{t+1} = \theta_t - \eta_t \odot d_t

    where the optimizer returns the rate :math:`\eta_t` and the direction :math:`d_t`. The package updates
    parameters in one place only, so the recorded rate is the rate that the update used.

    Parameters
    ----------
    optimizer : Optimizer
        For instance :class:`Adam`. Array settings broadcast to the shape of ``params`` and are cast to
        its dtype.
    gradient : callable
        ``gradient(params, step)`` returns an array of the shape of ``params``; ``step`` counts from 0.
    params : array_like
        Initial parameters, ``(dim,)``, or ``(..., dim)`` for runs side by side. float32 stays float32; integers
        become float64.
    num_steps : int
        Number of steps, at least 1.

    Returns
    -------
    Trajectory
        Parameters, rates and gradients of every step.

    Raises
    ------
    ValueError
        If ``params`` is not finite or not a vector, a setting does not broadcast to its shape, the gradient has
        another shape, ``num_steps`` is not a positive integer, or ``optimizer`` is not an optimizer.

    Notes
    -----
    A run *diverges* at the first step after which its parameters, or their squares, are not finite, or
    in which a rate becomes 0 because an accumulator overflowed. From then on its parameters and rates are ``nan``;
    the other runs continue.

    Before its first gradient a coordinate has no meaningful rate (:math:`\eta/\epsilon` is not one), so ``nan`` is
    recorded.

    Examples
    --------
    >>> from adaptive_optim import Adagrad, minimize
    >>> run = minimize(Adagrad(0.5), lambda params, step: params, params=[4.0, 0.0], num_steps=3)
    >>> run.params.round(3)
    array([[4.   , 0.   ],
           [3.5  , 0.   ],
           [3.171, 0.   ],
           [2.915, 0.   ]])
    >>> run.rates.round(3)
    array([[0.125,   nan],
           [0.094,   nan],
           [0.081,   nan]])
    """
    current = _validate_params(params)
    num_steps = validate_integer("num_steps", num_steps)
    validate_optimizer(optimizer)
    optimizer = _cast_to_params(optimizer, current)

    path = np.full((num_steps + 1, *current.shape), np.nan, current.dtype)
    rates = np.full((num_steps, *current.shape), np.nan, current.dtype)
    grads = np.full((num_steps, *current.shape), np.nan, current.dtype)
    diverged_at = np.full(current.shape[:-1], -1)
    path[0] = current

    def validated_gradient(params: Array, step: int) -> Array:
        return _validate_gradient(gradient(params, step), params, step)

    # Overflow is a result here, not an error: it is reported as divergence.
    with np.errstate(all="ignore"):
        for step, (grad, rate, params) in zip(
            range(num_steps), iter_steps(optimizer, validated_gradient, current), strict=False
        ):
            diverged = diverged_at >= 0
            grads[step], rates[step], path[step + 1] = grad, rate, params
            grads[step, diverged] = np.nan
            diverging = has_diverged(params, rate)
            if diverging.any():
                diverged_at = np.where(diverging.any(axis=-1) & ~diverged, step, diverged_at)
                diverged = diverged_at >= 0
            rates[step, diverged] = path[step + 1, diverged] = np.nan
            if diverged.all():
                break
    rates[~np.logical_or.accumulate(grads != 0)] = np.nan
    return Trajectory(optimizer, path, rates, grads, diverged_at[()])


def iter_steps(
    optimizer: Optimizer,
    gradient: Callable[[Array, int], Array],
    params: Array,
    schedule: Callable[[int], float] | None = None,
) -> Iterator[tuple[Array, Array, Array]]:
    """Yield gradient, rate and new parameters of each step, endlessly and without validation.

    Axes may be in any order, because every operation is elementwise. The rate includes the factor of the schedule.
    """
    state = optimizer.init(params)
    for step in count():
        grad = gradient(params, step)
        factor = None if schedule is None else schedule(step)
        state, rate, _, params = take_step(optimizer, state, params, grad, factor)
        yield grad, rate, params


def take_step(
    optimizer: Optimizer, state: Any, params: Array, grad: Array, factor: float | None = None
) -> tuple[Any, Any, Any, Array]:
    """Return the new state, the rate, the direction and the new parameters of one step.

    A schedule's factor multiplies rate and decay.
    """
    state, rate, direction, decay = optimizer.step(state, grad)
    if factor is not None:
        rate, decay = factor * rate, factor * decay
    # Without decay the factor is 1, which changes no bit, but would cost up to a quarter of the time of a step.
    has_decay = type(decay) is not float or decay != 0
    params = ((1 - decay) * params if has_decay else params) - rate * direction
    return state, rate, direction, params


def has_diverged(params: Array, rate: Array) -> Any:
    """Return where the square of a parameter is not finite or a rate is not above 0 after a step."""
    return ~(np.isfinite(params * params) & (rate > 0))


def _validate_gradient(grad: ArrayLike, params: Array, step: int) -> Array:
    if np.iscomplexobj(grad):
        raise ValueError(f"gradient: returned complex numbers at step {step}, must be real numbers")
    grad = np.asarray(grad, params.dtype)
    if grad.shape != params.shape:
        raise ValueError(
            f"gradient: returned shape {grad.shape} at step {step}, must be the shape of params, {params.shape}"
        )
    return grad


def _validate_params(params: ArrayLike) -> Array:
    try:
        array = np.array(params)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind in "iu":
        array = array.astype(float)
    if array.dtype.kind != "f" or array.ndim == 0 or array.size == 0 or not np.all(np.isfinite(array)):
        raise ValueError(f"params={params!r}: must be a vector of finite numbers, or an array of such vectors")
    return array


def _cast_to_params(optimizer: AnyOptimizer, params: Array) -> AnyOptimizer:
    """Return the optimizer with its settings cast to the dtype of the parameters."""
    settings = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}  # type: ignore[arg-type]
    numbers = {name: value for name, value in settings.items() if not isinstance(value, bool)}
    return cast_settings(optimizer, numbers, params.dtype, params.shape)
