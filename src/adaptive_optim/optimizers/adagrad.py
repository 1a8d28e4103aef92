"""Adagrad: rates from the sum of squared gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step, square, zeros_like


class AdagradState(NamedTuple):
    """State of :class:`Adagrad`."""

    sum_of_squares: Any
    r"""Sum of all squared gradients so far, :math:`G_t`."""


@dataclass(frozen=True)
class Adagrad(OptimizerBase):
    r"""Divide the rate of each coordinate by the root of its sum of squared gradients.

    .. math::

        \begin{aligned}
        G_t &= G_{t-1} + g_t \odot g_t \\
        \theta_{t+1} &= \theta_t - \frac{\eta}{\sqrt{G_t} + \epsilon} \odot g_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.1
        :math:`\eta > 0`, in units of the parameter: the size of a coordinate's first step.
    initial_accumulator_value : float or array_like, default 0.0
        :math:`G_0 \ge 0`, in units of the squared gradient.
    eps : float or array_like, default 1e-10
        :math:`\epsilon > 0`, in units of the gradient. Outside the root.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    Equal to ``torch.optim.Adagrad``, whose defaults are ``lr=0.01, initial_accumulator_value=0, eps=1e-10``.
    ``optax.adagrad`` starts the sum at 0.1 and puts :math:`\epsilon = 10^{-7}` inside the root, and so does
    Keras.

    References
    ----------
    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and stochastic
    optimization", figure 1, the diagonal form. Its :math:`\delta` is this :math:`\epsilon`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Adagrad(learning_rate=0.1)
    >>> state = optimizer.init([1.0, 1.0])
    >>> state, rate, direction, _ = optimizer.step(state, np.array([3.0, 0.5]))
    >>> np.round(rate * direction, 6)
    array([0.1, 0.1])
    >>> state, rate, direction, _ = optimizer.step(state, np.array([4.0, 0.0]))
    >>> state.sum_of_squares
    array([25.  ,  0.25])
    >>> np.round(rate, 6)
    array([0.02, 0.2 ])
    """

    learning_rate: Any = 0.1
    initial_accumulator_value: Any = 0.0
    eps: Any = 1e-10

    def init(self, params: ArrayLike) -> AdagradState:
        """Return the state before the first gradient."""
        return AdagradState(sum_of_squares=zeros_like(params) + self.initial_accumulator_value)

    def step(self, state: AdagradState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        sum_of_squares = state.sum_of_squares + square(grad)
        rate = self.learning_rate / (np.sqrt(sum_of_squares) + self.eps)
        return Step(AdagradState(sum_of_squares), rate, grad)
