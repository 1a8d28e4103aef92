"""Adam: moving averages of the gradient and of its square, with bias correction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step, square, zeros_like


class AdamState(NamedTuple):
    """State of :class:`Adam`."""

    t: int
    """Number of steps taken."""
    m: Any
    r"""Moving average of the gradients, :math:`m_t`."""
    v: Any
    r"""Moving average of the squared gradients, :math:`v_t`."""


@dataclass(frozen=True)
class Adam(OptimizerBase):
    r"""Combine a moving average of gradients with a rate from a moving average of squared gradients.

    .. math::

        \begin{aligned}
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2)\, g_t \odot g_t \\
        \hat m_t &= m_t / (1 - \beta_1^t) \\
        \hat v_t &= v_t / (1 - \beta_2^t) \\
        \theta_{t+1} &= \theta_t - \frac{\eta}{\sqrt{\hat v_t} + \epsilon} \odot \hat m_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.01
        :math:`\eta > 0`, in units of the parameter: the size of a coordinate's first step.
    beta1, beta2 : float or array_like, default 0.9 and 0.999
        Decays of the two averages, each at least 0 and below 1.
    eps : float or array_like, default 1e-8
        :math:`\epsilon > 0`, in units of the gradient. Outside the root.
    bias_correction : bool, default True
        Whether to divide the averages by :math:`1 - \beta^t`. Without it :math:`\hat m_t = m_t` and
        :math:`\hat v_t = v_t`.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    The rate is :math:`\eta/(\sqrt{\hat v_t} + \epsilon)` and the direction is :math:`\hat m_t`. Equal to
    ``torch.optim.Adam`` and ``optax.adam`` with their default :math:`\epsilon`. Keras leaves :math:`\hat v_t`
    uncorrected next to its :math:`\epsilon = 10^{-7}` (the paper's "epsilon hat"): a difference of the size
    of :math:`\epsilon`.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Adam(learning_rate=0.01)
    >>> state, rate, direction, _ = optimizer.step(optimizer.init([0.0, 0.0]), np.array([5.0, -0.02]))
    >>> np.round(rate * direction, 6)
    array([ 0.01, -0.01])
    """

    learning_rate: Any = 0.01
    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8
    bias_correction: bool = True

    def init(self, params: ArrayLike) -> AdamState:
        """Return the state before the first gradient."""
        return AdamState(t=0, m=zeros_like(params), v=zeros_like(params))

    def step(self, state: AdamState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        t = int(state.t) + 1
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * square(grad)
        if self.bias_correction:
            m_hat = m / (1 - integer_power(self.beta1, t))
            v_hat = v / (1 - integer_power(self.beta2, t))
        else:
            m_hat, v_hat = m, v
        rate = self.learning_rate / (np.sqrt(v_hat) + self.eps)
        return Step(AdamState(t, m, v), rate, m_hat)


def integer_power(base: Any, exponent: int) -> Any:
    """Raise to an integer power by repeated squaring.

    NumPy's ``**`` may round differently for a number and for an array; products do not. So a run in a batch has the
    same bits as the same run alone.
    """
    result: Any = 1.0
    while exponent:
        if exponent % 2:
            result = result * base
        base, exponent = base * base, exponent // 2
    return result
