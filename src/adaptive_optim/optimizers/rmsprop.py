"""RMSProp: rates from a moving average of squared gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step, square, zeros_like


class RMSPropState(NamedTuple):
    """State of :class:`RMSProp`."""

    mean_square: Any
    r"""Exponential moving average of squared gradients, :math:`S_t`."""


@dataclass(frozen=True)
class RMSProp(OptimizerBase):
    r"""Divide the rate of each coordinate by the root of a moving average of its squared gradients.

    .. math::

        \begin{aligned}
        S_t &= \rho\, S_{t-1} + (1 - \rho)\, g_t \odot g_t \\
        \theta_{t+1} &= \theta_t - \frac{\eta}{\sqrt{S_t} + \epsilon} \odot g_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.01
        :math:`\eta > 0`, in units of the parameter.
    rho : float or array_like, default 0.9
        Decay of the average, :math:`0 \le \rho < 1`; its memory is about :math:`1/(1-\rho)` steps.
    eps : float or array_like, default 1e-8
        :math:`\epsilon > 0`, in units of the gradient. Outside the root.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    The average starts at zero without bias correction, so the first step of a coordinate is
    :math:`\eta/\sqrt{1-\rho}`, and no step is longer. Equal to ``torch.optim.RMSprop(lr, alpha=rho, eps)``,
    whose default decay is 0.99. ``optax.rmsprop`` puts :math:`\epsilon` inside the root unless
    ``eps_in_sqrt=False``; Keras adds it inside.

    References
    ----------
    Hinton, Srivastava and Swersky (2012), "Neural networks for machine learning", lecture 6e, slide 29.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = RMSProp(learning_rate=0.01, rho=0.75)
    >>> state, rate, direction, _ = optimizer.step(optimizer.init([0.0]), np.array([5.0]))
    >>> np.round(rate * direction, 6)
    array([0.02])
    """

    learning_rate: Any = 0.01
    rho: Any = 0.9
    eps: Any = 1e-8

    def init(self, params: ArrayLike) -> RMSPropState:
        """Return the state before the first gradient."""
        return RMSPropState(mean_square=zeros_like(params))

    def step(self, state: RMSPropState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        mean_square = self.rho * state.mean_square + (1 - self.rho) * square(grad)
        rate = self.learning_rate / (np.sqrt(mean_square) + self.eps)
        return Step(RMSPropState(mean_square), rate, grad)
