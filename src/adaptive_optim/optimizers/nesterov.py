"""Nesterov momentum: momentum with the gradient of the point that the velocity leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step, zeros_like
from adaptive_optim.optimizers.momentum import MomentumState


@dataclass(frozen=True)
class Nesterov(OptimizerBase):
    r"""Move along the velocity as it will be at the next step.

    .. math::

        \begin{aligned}
        u_t &= \beta\, u_{t-1} + g_t \\
        \theta_{t+1} &= \theta_t - \eta\, (g_t + \beta\, u_t)
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
    The paper takes the gradient at the point ahead, :math:`\phi_t - \eta\beta u_{t-1}`. Here the parameters
    :math:`\theta_t` are that point, so the gradient is taken where the parameters are. With :math:`u_0 = 0` both
    start at the same point and take the same gradients.

    Equal to ``torch.optim.SGD(lr, momentum=beta, nesterov=True)``, whose defaults are ``lr=0.001, momentum=0``, and
    to ``optax.sgd(learning_rate, momentum=beta, nesterov=True)``.

    Memory: 1 number per parameter.

    References
    ----------
    Nesterov (1983), "A method of solving a convex programming problem with convergence rate O(1/k²)". Written with
    a velocity as in Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning",
    equations (3) and (4).

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Nesterov(learning_rate=0.1, beta=0.5)
    >>> state = optimizer.init([0.0])
    >>> for _ in range(2):
    ...     state, rate, direction, _ = optimizer.step(state, np.array([1.0]))
    >>> direction
    array([1.75])
    """

    learning_rate: Any = 0.1
    beta: Any = 0.9

    color: ClassVar[str | None] = "#a088c8"
    dash: ClassVar[str | None] = "6px,2px,2px,2px"

    def init(self, params: ArrayLike) -> MomentumState:
        """Return the state before the first gradient: a velocity of zero."""
        return MomentumState(velocity=zeros_like(params))

    def step(self, state: MomentumState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        velocity = self.beta * state.velocity + grad
        rate = self.learning_rate * np.ones_like(grad)
        return Step(MomentumState(velocity), rate, grad + self.beta * velocity)
