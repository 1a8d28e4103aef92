"""AMSGrad: Adam with the largest average of squared gradients so far, so that rates never increase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step, square, zeros_like


class AMSGradState(NamedTuple):
    """State of :class:`AMSGrad`."""

    m: Any
    r"""Moving average of the gradients, :math:`m_t`."""
    v: Any
    r"""Moving average of the squared gradients, :math:`v_t`."""
    v_max: Any
    r"""Largest :math:`v_s` of all steps :math:`s \le t`, written :math:`\hat v_t`."""


@dataclass(frozen=True)
class AMSGrad(OptimizerBase):
    r"""Divide by the root of the largest average of squared gradients so far.

    .. math::

        \begin{aligned}
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2)\, g_t \odot g_t \\
        \hat v_t &= \max(\hat v_{t-1}, v_t) \\
        \theta_{t+1} &= \theta_t - \frac{\eta}{\sqrt{\hat v_t} + \epsilon} \odot m_t
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
    As in the paper there is no bias correction, so the first step of a coordinate is
    :math:`\eta(1-\beta_1)/\sqrt{1-\beta_2}`. The paper has no :math:`\epsilon`. Equal to
    ``optax.amsgrad(..., bias_correction_mu=False, bias_correction_nu=False)``. By default Optax corrects
    :math:`v_t` before the maximum. ``torch.optim.Adam(amsgrad=True)`` divides :math:`\hat v_t` by
    :math:`1-\beta_2^t` after the maximum, so its rate can increase. Both also correct :math:`m_t`. The defaults of
    PyTorch are ``lr=0.001, betas=(0.9, 0.999), eps=1e-8``; those of Optax are equal, without a default rate.

    Memory: 3 numbers per parameter.

    References
    ----------
    Reddi, Kale and Kumar (2018), "On the convergence of Adam and beyond", algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = AMSGrad(learning_rate=0.1, beta1=0.0, beta2=0.75)
    >>> state, rate, direction, _ = optimizer.step(optimizer.init([0.0]), np.array([4.0]))
    >>> np.round(rate, 6)
    array([0.05])
    >>> state, rate, direction, _ = optimizer.step(state, np.array([0.0]))
    >>> np.round(rate, 6)
    array([0.05])
    """

    learning_rate: Any = 0.01
    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8

    color: ClassVar[str | None] = "#b800a8"
    dash: ClassVar[str | None] = "12px,2px,2px,2px,2px,2px"

    def init(self, params: ArrayLike) -> AMSGradState:
        """Return the state before the first gradient."""
        return AMSGradState(m=zeros_like(params), v=zeros_like(params), v_max=zeros_like(params))

    def step(self, state: AMSGradState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * square(grad)
        v_max = np.maximum(state.v_max, v)
        rate = self.learning_rate / (np.sqrt(v_max) + self.eps)
        return Step(AMSGradState(m, v, v_max), rate, m)
