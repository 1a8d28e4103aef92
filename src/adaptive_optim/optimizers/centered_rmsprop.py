"""Centred RMSProp: rates from a moving variance of the gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step, zeros_like


class CenteredRMSPropState(NamedTuple):
    """State of :class:`CenteredRMSProp`."""

    mean: Any
    r"""Moving average of the gradients, :math:`m_t`."""
    variance: Any
    r"""Moving variance of the gradients, :math:`V_t`."""


@dataclass(frozen=True)
class CenteredRMSProp(OptimizerBase):
    r"""Divide the rate of each coordinate by a moving standard deviation of its gradients.

    .. math::

        \begin{aligned}
        V_t &= \rho \left( V_{t-1} + (1 - \rho)\, (g_t - m_{t-1})^2 \right) \\
        m_t &= \rho\, m_{t-1} + (1 - \rho)\, g_t \\
        \theta_{t+1} &= \theta_t - \frac{\eta}{\sqrt{V_t} + \epsilon} \odot g_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.01
        :math:`\eta > 0`, in units of the parameter.
    rho : float or array_like, default 0.9
        Decay of the averages, :math:`0 \le \rho < 1`. With :math:`\rho = 0` the variance is 0.
    eps : float or array_like, default 1e-8
        :math:`\epsilon > 0`, in units of the gradient. Outside the root. It alone limits the rate of a coordinate
        whose gradient is constant.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    :math:`V_t = S_t - m_t^2`, where :math:`S_t` is RMSProp's average of squared gradients. The paper and the
    libraries compute this difference. It loses digits, and rounding can make it negative, so that the rate is
    ``nan``. The recursion above is the same number, and never negative.

    Equal to ``torch.optim.RMSprop(centered=True)``, whose defaults are ``lr=0.01, alpha=0.99, eps=1e-8``, and to
    ``optax.rmsprop(centered=True, eps_in_sqrt=False)``, ``decay=0.9, eps=1e-8``. The paper has
    :math:`\epsilon = 0.0001` inside the root, and a momentum of 0.9.

    Memory: 2 numbers per parameter.

    References
    ----------
    Graves (2013), "Generating sequences with recurrent neural networks", equations (38) to (41).

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = CenteredRMSProp(learning_rate=0.01, rho=0.5)
    >>> state, rate, direction, _ = optimizer.step(optimizer.init([0.0]), np.array([5.0]))
    >>> np.round(rate * direction, 6)
    array([0.02])
    """

    learning_rate: Any = 0.01
    rho: Any = 0.9
    eps: Any = 1e-8

    def init(self, params: ArrayLike) -> CenteredRMSPropState:
        """Return the state before the first gradient."""
        return CenteredRMSPropState(mean=zeros_like(params), variance=zeros_like(params))

    def step(self, state: CenteredRMSPropState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        variance = self.rho * (state.variance + (1 - self.rho) * (grad - state.mean) ** 2)
        mean = self.rho * state.mean + (1 - self.rho) * grad
        rate = self.learning_rate / (np.sqrt(variance) + self.eps)
        return Step(CenteredRMSPropState(mean, variance), rate, grad)
