"""NAdam: Adam with Nesterov momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.adam import AdamState, integer_power
from adaptive_optim.optimizers.base import OptimizerBase, Step, square, zeros_like


@dataclass(frozen=True)
class NAdam(OptimizerBase):
    r"""Take a step of Adam with the average of gradients as it will be at the next step.

    .. math::

        \begin{aligned}
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2)\, g_t \odot g_t \\
        \bar m_t &= \beta_1 \frac{m_t}{1 - \beta_1^{t+1}} + (1 - \beta_1) \frac{g_t}{1 - \beta_1^t} \\
        \hat v_t &= v_t / (1 - \beta_2^t) \\
        \theta_{t+1} &= \theta_t - \frac{\eta}{\sqrt{\hat v_t} + \epsilon} \odot \bar m_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.01
        :math:`\eta > 0`, in units of the parameter.
    beta1, beta2 : float or array_like, default 0.9 and 0.999
        Decays of the two averages, each at least 0 and below 1.
    eps : float or array_like, default 1e-8
        :math:`\epsilon > 0`, in units of the gradient. Outside the root.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    This is the report's algorithm with a constant momentum, :math:`\mu_t = \beta_1`. Equal to ``optax.nadam``,
    whose other defaults are the same. ``torch.optim.NAdam`` (``lr=0.002, momentum_decay=0.004``) and Keras keep
    :math:`\beta_1` in :math:`m_t`. In :math:`\bar m_t` they replace it by
    :math:`\mu_t = \beta_1 (1 - \tfrac12 0.96^{t \psi})`, and its powers by products of
    :math:`\mu_1, \mu_2, \dots`. In PyTorch :math:`\psi` is ``momentum_decay``, and a very large one makes it
    equal to this; in Keras :math:`\psi = 1`. The later workshop paper (Dozat, 2016, algorithm 2) multiplies
    :math:`\hat v_t` by :math:`\beta_2`. Neither the report nor these libraries do.

    Memory: 2 numbers per parameter.

    References
    ----------
    Dozat (2015), "Incorporating Nesterov momentum into Adam", project report of Stanford's CS229, the algorithm
    "Nesterov-accelerated adaptive moment estimation".

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = NAdam(learning_rate=0.01, beta1=0.5)
    >>> state, rate, direction, _ = optimizer.step(optimizer.init([0.0, 0.0]), np.array([6.0, -0.06]))
    >>> np.round(rate * direction, 6)
    array([ 0.013333, -0.013333])
    """

    learning_rate: Any = 0.01
    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8

    color: ClassVar[str | None] = "#c02000"
    dash: ClassVar[str | None] = "4px,4px"

    def init(self, params: ArrayLike) -> AdamState:
        """Return the state before the first gradient."""
        return AdamState(t=0, m=zeros_like(params), v=zeros_like(params))

    def step(self, state: AdamState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        t = int(state.t) + 1
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * square(grad)
        next_m = m / (1 - integer_power(self.beta1, t + 1))
        m_bar = self.beta1 * next_m + (1 - self.beta1) * (grad / (1 - integer_power(self.beta1, t)))
        v_hat = v / (1 - integer_power(self.beta2, t))
        rate = self.learning_rate / (np.sqrt(v_hat) + self.eps)
        return Step(AdamState(t, m, v), rate, m_bar)
