"""AdamW: Adam with decoupled weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.adam import AdamState, integer_power
from adaptive_optim.optimizers.base import OptimizerBase, Step, square, zeros_like


@dataclass(frozen=True)
class AdamW(OptimizerBase):
    r"""Take a step of Adam, and shrink the parameters by a share that does not depend on the gradient.

    .. math::

        \begin{aligned}
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2)\, g_t \odot g_t \\
        \hat m_t &= m_t / (1 - \beta_1^t) \\
        \hat v_t &= v_t / (1 - \beta_2^t) \\
        \theta_{t+1} &= (1 - \eta \lambda)\, \theta_t - \frac{\eta}{\sqrt{\hat v_t} + \epsilon} \odot \hat m_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.01
        :math:`\eta > 0`, in units of the parameter: the size of a coordinate's first step.
    beta1, beta2 : float or array_like, default 0.9 and 0.999
        Decays of the two averages, each at least 0 and below 1.
    eps : float or array_like, default 1e-8
        :math:`\epsilon > 0`, in units of the gradient. Outside the root.
    weight_decay : float or array_like, default 0.01
        :math:`\lambda \ge 0`, per unit of the learning rate. Each step removes the share :math:`\eta\lambda` of
        each parameter.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    Equal to ``torch.optim.AdamW``, whose defaults are ``lr=0.001, betas=(0.9, 0.999), eps=1e-8,
    weight_decay=0.01``, and to ``optax.adamw``, whose default is ``weight_decay=0.0001``. In the paper the decay is
    :math:`\lambda` times a schedule, without :math:`\eta`.

    Memory: 2 numbers per parameter.

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization", algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = AdamW(learning_rate=0.1, weight_decay=0.5)
    >>> state, rate, direction, decay = optimizer.step(optimizer.init([1.0, 1.0]), np.array([5.0, -0.02]))
    >>> np.round(rate * direction, 6)
    array([ 0.1, -0.1])
    >>> decay
    0.05
    """

    learning_rate: Any = 0.01
    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8
    weight_decay: Any = 0.01

    color: ClassVar[str | None] = "#c80038"
    dash: ClassVar[str | None] = "10px,3px,2px,3px"

    def init(self, params: ArrayLike) -> AdamState:
        """Return the state before the first gradient."""
        return AdamState(t=0, m=zeros_like(params), v=zeros_like(params))

    def step(self, state: AdamState, grad: Any) -> Step:
        """Return state, rate, direction and decay for one gradient of the parameters' shape."""
        t = int(state.t) + 1
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * square(grad)
        m_hat = m / (1 - integer_power(self.beta1, t))
        v_hat = v / (1 - integer_power(self.beta2, t))
        rate = self.learning_rate / (np.sqrt(v_hat) + self.eps)
        return Step(AdamState(t, m, v), rate, m_hat, decay=self.learning_rate * self.weight_decay)
