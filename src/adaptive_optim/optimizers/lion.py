"""Lion: the sign of a mixture of momentum and gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step, zeros_like


class LionState(NamedTuple):
    """State of :class:`Lion`."""

    m: Any
    r"""Moving average of the gradients, :math:`m_t`."""


@dataclass(frozen=True)
class Lion(OptimizerBase):
    r"""Move each coordinate by the learning rate, in the direction of a sign.

    .. math::

        \begin{aligned}
        c_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        m_t &= \beta_2 m_{t-1} + (1 - \beta_2)\, g_t \\
        \theta_{t+1} &= (1 - \eta\lambda)\, \theta_t - \eta \operatorname{sign}(c_t)
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.001
        :math:`\eta > 0`, in units of the parameter: the size of each step.
    beta1, beta2 : float or array_like, default 0.9 and 0.99
        Weights of the past in the direction and in the average, each at least 0 and below 1.
    weight_decay : float or array_like, default 0.0
        :math:`\lambda \ge 0`, per unit of the learning rate. Each step removes the share :math:`\eta\lambda` of
        each parameter.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    The rate is :math:`\eta` everywhere and the direction is the sign. Equal to ``optax.lion``, whose default is
    ``weight_decay=0.001`` and which has no default rate. PyTorch has no Lion.

    Memory: 1 number per parameter.

    References
    ----------
    Chen et al. (2023), "Symbolic discovery of optimization algorithms", algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Lion(learning_rate=0.01)
    >>> state, rate, direction, _ = optimizer.step(optimizer.init([0.0, 0.0]), np.array([5.0, -0.02]))
    >>> rate * direction
    array([ 0.01, -0.01])
    """

    learning_rate: Any = 0.001
    beta1: Any = 0.9
    beta2: Any = 0.99
    weight_decay: Any = 0.0

    color: ClassVar[str | None] = "#d87848"
    dash: ClassVar[str | None] = "2px,6px"

    def init(self, params: ArrayLike) -> LionState:
        """Return the state before the first gradient."""
        return LionState(m=zeros_like(params))

    def step(self, state: LionState, grad: Any) -> Step:
        """Return state, rate, direction and decay for one gradient of the parameters' shape."""
        c = self.beta1 * state.m + (1 - self.beta1) * grad
        m = self.beta2 * state.m + (1 - self.beta2) * grad
        rate = self.learning_rate * np.ones_like(grad)
        return Step(LionState(m), rate, np.sign(c), decay=self.learning_rate * self.weight_decay)
