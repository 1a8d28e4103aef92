"""Adafactor: the average of squared gradients of a matrix as a product of a column and a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import POSITIVE, OptimizerBase, Range, Step, square, zeros_like


class AdafactorState(NamedTuple):
    """State of :class:`Adafactor`."""

    t: int
    """Number of steps taken."""
    row_means: Any
    r"""Moving average of the mean squared gradient of each row, :math:`R_t`, ``(..., rows, 1)``."""
    column_means: Any
    r"""Moving average of the mean squared gradient of each column, :math:`C_t`, ``(..., 1, columns)``."""


@dataclass(frozen=True)
class Adafactor(OptimizerBase):
    r"""Divide by the root of an average of squared gradients that is kept as a column and a row.

    .. math::

        \begin{aligned}
        \beta_t &= 1 - t^{-0.8} \\
        R_t &= \beta_t R_{t-1} + (1 - \beta_t) \operatorname{mean}_{\text{columns}}(g_t \odot g_t + \epsilon) \\
        C_t &= \beta_t C_{t-1} + (1 - \beta_t) \operatorname{mean}_{\text{rows}}(g_t \odot g_t + \epsilon) \\
        V_t &= R_t C_t / \operatorname{mean}(R_t) \\
        u_t &= g_t / \sqrt{V_t} \\
        \theta_{t+1} &= \theta_t - \frac{\eta}{\sqrt{V_t} \max(1, \operatorname{RMS}(u_t) / d)} \odot g_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.01
        :math:`\eta > 0`, in units of the parameter: the root mean square of the longest step.
    clipping_threshold : float or array_like, default 1.0
        :math:`d > 0`, the largest root mean square of :math:`u_t`.
    eps : float or array_like, default 1e-30
        :math:`\epsilon > 0`, in units of the squared gradient; :math:`\epsilon_1` in the paper.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    The last two axes are a matrix, and leading axes are stacked matrices. A vector of parameters is a matrix of one
    column: then :math:`C_t = \operatorname{mean}(R_t)` and :math:`V_t = R_t`, the full average, as in the paper's
    algorithm 5. So a stack of vectors, ``(runs, dim)``, is one matrix.

    The paper's rate is :math:`\max(10^{-3}, \operatorname{RMS}(\theta)) \min(10^{-2}, 1/\sqrt t)`. Here it is
    :math:`\eta`: a step does not see the parameters, and a schedule is not part of an optimizer.
    ``torch.optim.Adafactor`` (``lr=0.01, beta2_decay=-0.8, eps=(None, 0.001), d=1.0``) multiplies by the scale of
    the parameters, and limits :math:`V_t` from below instead of adding :math:`\epsilon`. ``optax.adafactor`` has
    ``multiply_by_parameter_scale=False`` for this rate; it factors only matrices with at least 128 rows and columns
    by default, and computes :math:`\beta_t` in float32.

    Memory: 1 number per row and 1 per column.

    References
    ----------
    Shazeer and Stern (2018), "Adafactor: adaptive learning rates with sublinear memory cost", algorithm 4 for
    matrices and 5 for vectors, with the settings of algorithm 6.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Adafactor(learning_rate=0.1)
    >>> grad = np.outer([1.0, 2.0], [3.0, 4.0, -5.0])
    >>> state, rate, direction, _ = optimizer.step(optimizer.init(np.zeros((2, 3))), grad)
    >>> state.row_means.shape, state.column_means.shape
    ((2, 1), (1, 3))
    >>> np.round(rate * direction, 6)
    array([[ 0.1,  0.1, -0.1],
           [ 0.1,  0.1, -0.1]])
    """

    learning_rate: Any = 0.01
    clipping_threshold: Any = 1.0
    eps: Any = 1e-30

    ranges: ClassVar[dict[str, Range]] = {"clipping_threshold": POSITIVE}
    is_elementwise: ClassVar[bool] = False

    def init(self, params: ArrayLike) -> AdafactorState:
        """Return the state before the first gradient."""
        zeros = _as_matrix(zeros_like(params))
        return AdafactorState(t=0, row_means=zeros[..., :1].copy(), column_means=zeros[..., :1, :].copy())

    def step(self, state: AdafactorState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        t = int(state.t) + 1
        beta = 1 - t**-0.8
        squares = _as_matrix(square(grad) + self.eps)
        row_means = beta * state.row_means + (1 - beta) * squares.mean(axis=-1, keepdims=True)
        column_means = beta * state.column_means + (1 - beta) * squares.mean(axis=-2, keepdims=True)
        v = row_means / row_means.mean(axis=-2, keepdims=True) * column_means
        u = _as_matrix(grad) / np.sqrt(v)
        rms = np.sqrt(np.mean(u**2, axis=(-2, -1), keepdims=True))
        root = np.sqrt(v) * np.maximum(1, rms / self.clipping_threshold)
        return Step(AdafactorState(t, row_means, column_means), self.learning_rate / root.reshape(grad.shape), grad)


def _as_matrix(array: Any) -> Any:
    """Return a vector as a matrix of one column, and other arrays as they are."""
    return array[:, None] if array.ndim == 1 else array
