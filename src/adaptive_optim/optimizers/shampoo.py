"""Shampoo: the gradient of a matrix between two inverse roots, one of its rows and one of its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step
from adaptive_optim.optimizers.matrices import eigh, identity, zeros_like_matrix


class ShampooState(NamedTuple):
    """State of :class:`Shampoo`."""

    left: Any
    r"""Sum of :math:`g g^\top` so far, :math:`L_t`, ``(..., rows, rows)``."""
    right: Any
    r"""Sum of :math:`g^\top g` so far, :math:`R_t`, ``(..., columns, columns)``."""


@dataclass(frozen=True)
class Shampoo(OptimizerBase):
    r"""Multiply the gradient of a matrix by inverse fourth roots from the left and from the right.

    .. math::

        \begin{aligned}
        L_t &= L_{t-1} + g_t g_t^\top, \qquad L_0 = \epsilon I \\
        R_t &= R_{t-1} + g_t^\top g_t, \qquad R_0 = \epsilon I \\
        \theta_{t+1} &= \theta_t - \eta\, L_t^{-1/4} g_t R_t^{-1/4}
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.1
        :math:`\eta > 0`, in units of the parameter.
    eps : float or array_like, default 1e-6
        :math:`\epsilon > 0`, in units of the squared gradient. Shape ``()`` or ``(..., 1, 1)``.

    Raises
    ------
    ValueError
        If a setting is out of range, or if ``init`` gets a vector. The message names the argument.

    Notes
    -----
    The last two axes are a matrix, and leading axes are runs side by side. There is no rate of one coordinate:
    ``rate`` is :math:`\eta` everywhere, and the direction is the preconditioned gradient. The roots are computed
    at every step, from eigenvalues. A run in a batch equals the run alone up to rounding. Use float64 or float32.

    ``torch.optim`` and Optax do not have it. Implementations for large models add averages with a decay, momentum,
    a rate taken over from another optimizer (grafting), and compute the roots only now and then.

    Memory: for :math:`m \times n` parameters :math:`m^2 + n^2` numbers, which is :math:`m/n + n/m` per parameter.

    References
    ----------
    Gupta, Koren and Singer (2018), "Shampoo: preconditioned stochastic tensor optimization", algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Shampoo(learning_rate=0.1)
    >>> grad = np.array([[0.0, -2.0], [5.0, 0.0], [0.0, 0.0]])
    >>> state, rate, direction, _ = optimizer.step(optimizer.init(np.zeros((3, 2))), grad)
    >>> np.round(rate * direction, 6) + 0.0
    array([[ 0. , -0.1],
           [ 0.1,  0. ],
           [ 0. ,  0. ]])
    """

    learning_rate: Any = 0.1
    eps: Any = 1e-6

    is_diagonal: ClassVar[bool] = False
    is_elementwise: ClassVar[bool] = False
    color: ClassVar[str | None] = "#f81860"
    dash: ClassVar[str | None] = "14px,4px,4px,4px"

    def init(self, params: ArrayLike) -> ShampooState:
        """Return the state before the first gradient."""
        zeros = zeros_like_matrix(params)
        rows, columns = zeros.shape[-2:]
        return ShampooState(left=self.eps * identity(rows, zeros), right=self.eps * identity(columns, zeros))

    def step(self, state: ShampooState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        left = state.left + grad @ grad.mT
        right = state.right + grad.mT @ grad
        direction = self._inverse_fourth_root(left) @ grad @ self._inverse_fourth_root(right)
        rate = self.learning_rate * np.ones_like(grad)
        return Step(ShampooState(left, right), rate, direction)

    def _inverse_fourth_root(self, matrix: Any) -> Any:
        eigenvalues, q = eigh(matrix)
        # No eigenvalue is below eps, but rounding can make one smaller.
        powers = np.maximum(eigenvalues[..., None, :], self.eps) ** -0.25
        return (q * powers) @ q.mT
