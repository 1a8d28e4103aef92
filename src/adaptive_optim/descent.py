"""Run an optimizer and record what it did."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import count
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from adaptive_optim.optimizers import Array, Optimizer

AnyOptimizer = TypeVar("AnyOptimizer", bound=Optimizer)


class Descent(NamedTuple):
    """What :func:`minimize` recorded.

    A *run* is one vector of parameters, the last axis of ``params``. Axes before it are runs side by side.
    """

    optimizer: Any
    """The optimizer, with its settings in the parameters' precision."""
    params: Array
    """Parameters before the first step and after each one, ``(num_steps + 1, ..., dim)``."""
    rates: Array
    """Effective learning rate of each coordinate at each step, ``(num_steps, ..., dim)``; ``nan`` as long as
    a coordinate has had no gradient, and after a run diverged."""
    grads: Array
    """Gradient at each step, ``(num_steps, ..., dim)``."""
    diverged_at: Any
    """Step that took a run out of the finite numbers, ``(...)``; -1 for runs that stayed finite."""

    @property
    def diverged(self) -> Any:
        """Whether each run diverged."""
        return self.diverged_at >= 0


def minimize(
    optimizer: Optimizer,
    gradient: Callable[[Array, int], ArrayLike],
    params: ArrayLike,
    num_steps: int,
) -> Descent:
    r"""Take steps along a gradient and record every one of them.

    .. math:: \theta_{t+1} = \theta_t - \eta_t \odot d_t

    where the optimizer gives the rate :math:`\eta_t` and the direction :math:`d_t`. The package has one line in
    which parameters change, so the recorded rate is the number that the update used.

    Parameters
    ----------
    optimizer : Optimizer
        For instance :class:`Adam`. Array settings broadcast against ``params``, and take their precision.
    gradient : callable
        ``gradient(params, step)`` returns an array of the shape of ``params``; ``step`` counts from 0.
    params : array_like
        Where to start, ``(dim,)`` or ``(..., dim)`` for runs side by side. float32 stays float32; integers
        become float64.
    num_steps : int
        Number of steps, at least 1.

    Returns
    -------
    Descent
        Parameters, rates and gradients of every step.

    Raises
    ------
    ValueError
        If ``params`` is not finite or not a vector, a setting does not broadcast against it, the gradient has
        another shape, ``num_steps`` is not a whole number above 0, or ``optimizer`` is not an optimizer.

    Notes
    -----
    A run is *diverged* at the first step after which its parameters, or their squares, are not finite, or in
    which a rate has overflowed to 0. From there on its parameters and rates are ``nan``; other runs go on.

    A coordinate that has had no gradient has no meaningful rate (:math:`\eta/\epsilon` is not one): it is
    recorded as ``nan``.

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
    current = _as_start(params)
    num_steps = whole_number("num_steps", num_steps)
    check_optimizer(optimizer)
    optimizer = _in_precision_of(current, optimizer)

    path = np.full((num_steps + 1, *current.shape), np.nan, current.dtype)
    rates = np.full((num_steps, *current.shape), np.nan, current.dtype)
    grads = np.full((num_steps, *current.shape), np.nan, current.dtype)
    diverged_at = np.full(current.shape[:-1], -1)
    path[0] = current

    def checked_gradient(params: Array, step: int) -> Array:
        return _checked(gradient(params, step), params, step)

    # Overflow is not an error here but a result, reported as divergence.
    with np.errstate(all="ignore"):
        for step, (grad, rate, params) in zip(
            range(num_steps), descend(optimizer, checked_gradient, current), strict=False
        ):
            lost = diverged_at >= 0
            grads[step], rates[step], path[step + 1] = grad, rate, params
            grads[step, lost] = np.nan
            sound = is_sound(params, rate)
            if not sound.all():
                diverged_at = np.where(~sound.all(axis=-1) & ~lost, step, diverged_at)
                lost = diverged_at >= 0
            rates[step, lost] = path[step + 1, lost] = np.nan
            if lost.all():
                break
    rates[~np.logical_or.accumulate(grads != 0)] = np.nan
    return Descent(optimizer, path, rates, grads, diverged_at[()])


def descend(
    optimizer: Optimizer, gradient: Callable[[Array, int], Array], params: Array
) -> Iterator[tuple[Array, Array, Array]]:
    """Take step after step: yield gradient, rate and new parameters, without end and without any check.

    All that shares the settings' shape may have any, as everything here is done number by number.
    """
    state = optimizer.init(params)
    for step in count():
        grad = gradient(params, step)
        state, rate, _, params = take_step(optimizer, state, params, grad)
        yield grad, rate, params


def take_step(optimizer: Optimizer, state: Any, params: Array, grad: Array) -> tuple[Any, Any, Any, Array]:
    """Take one step: return the new state, the rate, the direction and the new parameters."""
    state, rate, direction = optimizer.step(state, grad)
    params = params - rate * direction
    return state, rate, direction, params


def is_sound(params: Array, rate: Array) -> Any:
    """Return where a step has left the parameters' squares finite and the rate above 0."""
    return np.isfinite(params * params) & (rate > 0)


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """Return a number of things, at least 1 or what is said."""
    try:
        whole = operator.index(value)
    except TypeError:
        whole = least - 1
    if whole < least:
        raise ValueError(f"{name}={value!r}: must be a whole number of at least {least}")
    return whole


def progress(total: int, unit: str) -> Any:
    """Return a progress bar, silent when nobody looks on."""
    # In a notebook tqdm writes to no terminal, but somebody looks on.
    in_notebook = "ipykernel" in sys.modules
    return tqdm(total=total, unit=f" {unit}", leave=False, **({} if in_notebook else {"disable": None}))


def check_optimizer(optimizer: Any) -> None:
    """Refuse what is no optimizer."""
    if not is_dataclass(optimizer) or isinstance(optimizer, type):
        raise ValueError(f"optimizer={optimizer!r}: must be an optimizer, for instance SGD(0.1)")


def with_settings(
    optimizer: AnyOptimizer, settings: dict[str, Any], dtype: Any, shape: tuple[int, ...]
) -> AnyOptimizer:
    """Return the optimizer with some settings in a precision, which all broadcast against a shape."""
    for name, value in settings.items():
        if not broadcasts(np.shape(value), shape):
            raise ValueError(f"{name}: has shape {np.shape(value)}, must broadcast against {shape}")
    others = {name: value for name, value in settings.items() if getattr(value, "dtype", None) != dtype}
    if not others:  # making an optimizer anew is slow beside a step with few rows
        return optimizer
    with np.errstate(over="ignore"):  # too large for this precision: infinite, which no setting may be
        cast = {name: np.asarray(value, dtype)[()] for name, value in others.items()}
    return replace(optimizer, **cast)  # type: ignore[type-var]


def broadcasts(shape: tuple[int, ...], against: tuple[int, ...]) -> bool:
    """Return whether an array of one shape fits one of another, which keeps its shape."""
    try:
        return np.broadcast_shapes(shape, against) == against
    except ValueError:
        return False


def _checked(grad: ArrayLike, params: Array, step: int) -> Array:
    if np.iscomplexobj(grad):
        raise ValueError(f"gradient: returned complex numbers at step {step}, must be real")
    grad = np.asarray(grad, params.dtype)
    if grad.shape != params.shape:
        raise ValueError(
            f"gradient: returned shape {grad.shape} at step {step}, must be that of params, {params.shape}"
        )
    return grad


def _as_start(params: ArrayLike) -> Array:
    try:
        start = np.array(params)
    except ValueError:  # rows of different lengths
        start = np.array(None)
    if start.dtype.kind in "iu":
        start = start.astype(float)
    if start.dtype.kind != "f" or start.ndim == 0 or start.size == 0 or not np.all(np.isfinite(start)):
        raise ValueError(f"params={params!r}: must be a vector of finite numbers, or several of them")
    return start


def _in_precision_of(params: Array, optimizer: AnyOptimizer) -> AnyOptimizer:
    """Return the optimizer with its settings in the precision of the parameters."""
    every = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}  # type: ignore[arg-type]
    numbers = {name: value for name, value in every.items() if not isinstance(value, bool)}
    return with_settings(optimizer, numbers, params.dtype, params.shape)
