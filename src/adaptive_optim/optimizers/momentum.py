"""Momentum: a decaying sum of past gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step, zeros_like


class MomentumState(NamedTuple):
    """State of :class:`Momentum`."""

    velocity: Any
    r"""Decaying sum of past gradients, :math:`u_t`."""


@dataclass(frozen=True)
class Momentum(OptimizerBase):
    r"""Move along a decaying sum of past gradients.

    .. math::

        \begin{aligned}
        u_t &= \beta\, u_{t-1} + g_t \\
        \theta_{t+1} &= \theta_t - \eta\, u_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.1
        :math:`\eta > 0`, in units of the parameter per unit of the gradient.
    beta : float or array_like, default 0.9
        Decay of the velocity, :math:`0 \le \beta < 1`. A constant gradient is amplified by
        :math:`1/(1-\beta)`.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    Equal to ``torch.optim.SGD(lr, momentum=beta)`` and ``optax.sgd(learning_rate, momentum=beta)``. Keras puts
    the rate inside the velocity, :math:`u_t = \beta u_{t-1} - \eta g_t`, which is equal as long as :math:`\eta`
    does not change during the run.

    References
    ----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods". Written with a velocity
    as in Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning", equations
    (1) and (2).

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Momentum(learning_rate=0.1, beta=0.5)
    >>> state = optimizer.init([0.0])
    >>> for _ in range(3):
    ...     state, rate, direction, _ = optimizer.step(state, np.array([1.0]))
    >>> direction
    array([1.75])
    """

    learning_rate: Any = 0.1
    beta: Any = 0.9

    def init(self, params: ArrayLike) -> MomentumState:
        """Return the state before the first gradient: a velocity of zero."""
        return MomentumState(velocity=zeros_like(params))

    def step(self, state: MomentumState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        velocity = self.beta * state.velocity + grad
        rate = self.learning_rate * np.ones_like(grad)
        return Step(MomentumState(velocity), rate, velocity)
