"""Row-wise Adagrad: one rate for each row of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step, square, zeros_like


class RowwiseAdagradState(NamedTuple):
    """State of :class:`RowwiseAdagrad`."""

    sum_of_squares: Any
    r"""Sum of the mean squared gradients of each row so far, :math:`G_t`, ``(..., rows, 1)``."""


@dataclass(frozen=True)
class RowwiseAdagrad(OptimizerBase):
    r"""Divide the rate of each row by the root of its sum of mean squared gradients.

    .. math::

        \begin{aligned}
        G_{t,i} &= G_{t-1,i} + \frac1d \sum_{j=1}^d g_{t,ij}^2 \\
        \theta_{t+1,ij} &= \theta_{t,ij} - \frac{\eta}{\sqrt{G_{t,i}} + \epsilon}\, g_{t,ij}
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.1
        :math:`\eta > 0`, in units of the parameter: the root mean square of a row's first step.
    initial_accumulator_value : float or array_like, default 0.0
        :math:`G_0 \ge 0`, in units of the squared gradient. Shape ``()`` or ``(..., 1)``.
    eps : float or array_like, default 1e-10
        :math:`\epsilon > 0`, in units of the gradient. Outside the root.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    A row is the last axis, so a vector of parameters is one row. All coordinates of a row have the same rate. For
    rows of one number it is :class:`Adagrad`.

    Equal to ``RowAdagrad`` of PyTorch-BigGraph, whose default is also :math:`\epsilon = 10^{-10}`. FBGEMM and
    TorchRec have it as ``EXACT_ROWWISE_ADAGRAD``. ``torch.optim`` and Optax do not have it.

    Memory: 1 number per row, which is :math:`1/d` per parameter.

    References
    ----------
    Lerer et al. (2019), "PyTorch-BigGraph: a large-scale graph embedding system", and its ``row_adagrad.py``. The
    method without rows: Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and
    stochastic optimization", figure 1.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = RowwiseAdagrad(learning_rate=0.1)
    >>> grad = np.array([[3.0, 3.0], [1.0, 7.0]])
    >>> state, rate, direction, _ = optimizer.step(optimizer.init(np.zeros((2, 2))), grad)
    >>> state.sum_of_squares
    array([[ 9.],
           [25.]])
    >>> np.round(rate, 6)
    array([[0.033333, 0.033333],
           [0.02    , 0.02    ]])
    """

    learning_rate: Any = 0.1
    initial_accumulator_value: Any = 0.0
    eps: Any = 1e-10

    is_elementwise: ClassVar[bool] = False

    def init(self, params: ArrayLike) -> RowwiseAdagradState:
        """Return the state before the first gradient."""
        return RowwiseAdagradState(sum_of_squares=zeros_like(params)[..., :1] + self.initial_accumulator_value)

    def step(self, state: RowwiseAdagradState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        sum_of_squares = state.sum_of_squares + np.mean(square(grad), axis=-1, keepdims=True)
        rate = self.learning_rate / (np.sqrt(sum_of_squares) + self.eps) * np.ones_like(grad)
        return Step(RowwiseAdagradState(sum_of_squares), rate, grad)
