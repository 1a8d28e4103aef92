"""Stochastic gradient descent: the same rate for every coordinate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step


class SGDState(NamedTuple):
    """Empty state of :class:`SGD`."""


@dataclass(frozen=True)
class SGD(OptimizerBase):
    r"""Use the same rate for every coordinate.

    .. math:: \theta_{t+1} = \theta_t - \eta\, g_t

    Parameters
    ----------
    learning_rate : float or array_like, default 0.1
        :math:`\eta > 0`, in units of the parameter per unit of the gradient.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    The rate is :math:`\eta` everywhere and the direction is :math:`g_t`. Equal to ``torch.optim.SGD(lr)`` and
    ``optax.sgd(learning_rate)``.

    References
    ----------
    Robbins and Monro (1951), "A stochastic approximation method", which finds a root from noisy
    measurements. Its use with gradients and its name are more recent.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = SGD(learning_rate=0.1)
    >>> state, rate, direction, _ = optimizer.step(optimizer.init([1.0, 1.0]), np.array([2.0, 0.0]))
    >>> rate
    array([0.1, 0.1])
    >>> rate * direction
    array([0.2, 0. ])
    """

    learning_rate: Any = 0.1

    def init(self, params: ArrayLike) -> SGDState:
        """Return the empty state."""
        return SGDState()

    def step(self, state: SGDState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        rate = self.learning_rate * np.ones_like(grad)
        return Step(state, rate, grad)
