"""Full-matrix Adagrad: the gradient times the inverse root of the sum of its outer products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step, zeros_like
from adaptive_optim.optimizers.matrices import eigh


class FullMatrixAdagradState(NamedTuple):
    """State of :class:`FullMatrixAdagrad`."""

    sum_of_outer_products: Any
    r"""Sum of the outer products of all gradients so far, :math:`G_t`, ``(..., dim, dim)``."""


@dataclass(frozen=True)
class FullMatrixAdagrad(OptimizerBase):
    r"""Multiply the gradient by the inverse root of the sum of its outer products.

    .. math::

        \begin{aligned}
        G_t &= G_{t-1} + g_t g_t^\top \\
        G_t &= Q \Lambda Q^\top \\
        d_t &= Q \left( \Lambda^{1/2} + \epsilon I \right)^{-1} Q^\top g_t \\
        \theta_{t+1} &= \theta_t - \eta\, d_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.1
        :math:`\eta > 0`, in units of the parameter: the length of the first step.
    eps : float or array_like, default 1e-8
        :math:`\epsilon > 0`, in units of the gradient. Outside the root. Shape ``()`` or ``(..., 1)``.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    A run is a vector on the last axis; leading axes are runs side by side. There is no rate of one coordinate:
    ``rate`` is :math:`\eta` everywhere, and the direction is the preconditioned gradient :math:`d_t`. A rotation of
    the coordinates rotates the run, unlike with :class:`Adagrad`, which is the diagonal of :math:`G_t`.

    The eigenvalues of :math:`G_t` are known to about 1e-16 of the largest. With float64, directions whose gradients
    are smaller than 1e-8 of the others are noise; with float32, 3e-4. A run in a batch equals the run alone up to
    rounding.

    ``torch.optim`` and Optax do not have it.

    Memory: the dimension, in numbers per parameter. Time: its square per parameter and step.

    References
    ----------
    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and stochastic
    optimization", figure 1, the full form. Its :math:`\delta` is this :math:`\epsilon`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = FullMatrixAdagrad(learning_rate=0.1)
    >>> state, rate, direction, _ = optimizer.step(optimizer.init([1.0, 1.0]), np.array([3.0, 4.0]))
    >>> np.round(rate * direction, 6)
    array([0.06, 0.08])
    """

    learning_rate: Any = 0.1
    eps: Any = 1e-8

    is_diagonal: ClassVar[bool] = False
    is_elementwise: ClassVar[bool] = False

    def init(self, params: ArrayLike) -> FullMatrixAdagradState:
        """Return the state before the first gradient."""
        zeros = zeros_like(params)
        return FullMatrixAdagradState(sum_of_outer_products=zeros[..., :, None] * zeros[..., None, :])

    def step(self, state: FullMatrixAdagradState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        sum_of_outer_products = state.sum_of_outer_products + grad[..., :, None] * grad[..., None, :]
        eigenvalues, q = eigh(sum_of_outer_products)
        inverse_root = 1 / (np.sqrt(np.maximum(eigenvalues, 0)) + self.eps)  # rounding can make one negative
        direction = (q @ (inverse_root[..., None] * (q.mT @ grad[..., None])))[..., 0]
        rate = self.learning_rate * np.ones_like(grad)
        return Step(FullMatrixAdagradState(sum_of_outer_products), rate, direction)
