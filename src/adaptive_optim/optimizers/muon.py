"""Muon: momentum of a matrix, made approximately orthogonal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step
from adaptive_optim.optimizers.matrices import zeros_like_matrix
from adaptive_optim.optimizers.momentum import MomentumState

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
NUM_ITERATIONS = 5


@dataclass(frozen=True)
class Muon(OptimizerBase):
    r"""Replace the singular values of the momentum of a matrix by numbers close to 1.

    .. math::

        \begin{aligned}
        u_t &= \beta\, u_{t-1} + g_t \\
        X &= \frac{g_t + \beta\, u_t}{\lVert g_t + \beta\, u_t \rVert_F + \epsilon} \\
        X &\leftarrow a X + \left( b\, X X^\top + c\, (X X^\top)^2 \right) X \quad \text{five times} \\
        \theta_{t+1} &= (1 - \eta\lambda)\, \theta_t - \eta \sqrt{\max(1, m/n)}\; X
        \end{aligned}

    with :math:`a = 3.4445`, :math:`b = -4.7750` and :math:`c = 2.0315`, for a matrix of :math:`m \times n`.

    Parameters
    ----------
    learning_rate : float or array_like, default 0.02
        :math:`\eta > 0`, in units of the parameter: approximately the largest singular value of a step.
    beta : float or array_like, default 0.95
        Decay of the velocity, :math:`0 \le \beta < 1`. Shape ``()`` or ``(..., 1, 1)``.
    eps : float or array_like, default 1e-7
        :math:`\epsilon > 0`, in units of the gradient. Shape ``()`` or ``(..., 1, 1)``.
    weight_decay : float or array_like, default 0.0
        :math:`\lambda \ge 0`, per unit of the learning rate. Each step removes the share :math:`\eta\lambda` of
        each parameter.
    nesterov : bool, default True
        Whether to use :math:`g_t + \beta u_t`, and not :math:`u_t`.

    Raises
    ------
    ValueError
        If a setting is out of range, or if ``init`` gets a vector. The message names the argument.

    Notes
    -----
    The last two axes are a matrix, and leading axes are runs side by side. There is no rate of one coordinate:
    ``rate`` is :math:`\eta` everywhere, and the direction is :math:`\sqrt{\max(1, m/n)}\,X`. The five iterations
    bring singular values from 0.003 to 1 of the normalized matrix to between 0.68 and 1.21. A run in a batch equals
    the run alone up to rounding.

    ``torch.optim.Muon`` (``lr=0.001, momentum=0.95, weight_decay=0.1, eps=1e-7``) computes the iterations in
    bfloat16, divides by :math:`\max(\lVert\cdot\rVert_F, \epsilon)`, and has :math:`(1-\beta) u_t` as its velocity,
    which is the same apart from :math:`\epsilon`. ``optax.contrib.muon`` (``beta=0.95, weight_decay=0, eps=1e-8``)
    corrects the bias of the velocity and of :math:`g_t` separately if ``nesterov=True``, which changes the first
    steps. It takes the rows as inputs, so its factor is :math:`\sqrt{\max(1, n/m)}` by default. Both are meant for
    the matrices of hidden layers only.

    Memory: 1 number per parameter.

    References
    ----------
    Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks",
    https://kellerjordan.github.io/posts/muon/, with the factor of its code. Weight decay: Liu et al. (2025),
    "Muon is scalable for LLM training".

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Muon(learning_rate=0.1)
    >>> grad = np.array([[0.0, -2.0], [5.0, 0.0]])
    >>> state, rate, direction, _ = optimizer.step(optimizer.init(np.zeros((2, 2))), grad)
    >>> np.round(rate * direction, 2) + 0.0
    array([[ 0.  , -0.1 ],
           [ 0.07,  0.  ]])
    """

    learning_rate: Any = 0.02
    beta: Any = 0.95
    eps: Any = 1e-7
    weight_decay: Any = 0.0
    nesterov: bool = True

    is_diagonal: ClassVar[bool] = False
    is_elementwise: ClassVar[bool] = False
    color: ClassVar[str | None] = "#7030f8"
    dash: ClassVar[str | None] = "longdashdot"

    def init(self, params: ArrayLike) -> MomentumState:
        """Return the state before the first gradient: a velocity of zero."""
        return MomentumState(velocity=zeros_like_matrix(params))

    def step(self, state: MomentumState, grad: Any) -> Step:
        """Return state, rate, direction and decay for one gradient of the parameters' shape."""
        rows, columns = grad.shape[-2:]
        velocity = self.beta * state.velocity + grad
        x = grad + self.beta * velocity if self.nesterov else velocity
        x = x / (np.sqrt(np.sum(x**2, axis=(-2, -1), keepdims=True)) + self.eps)
        direction = max(1, rows / columns) ** 0.5 * _orthogonalize(x)
        rate = self.learning_rate * np.ones_like(grad)
        return Step(MomentumState(velocity), rate, direction, decay=self.learning_rate * self.weight_decay)


def _orthogonalize(x: Any) -> Any:
    """Return the result of the iterations. The smaller of the two products of a matrix with itself is faster."""
    a, b, c = COEFFICIENTS
    if x.shape[-2] > x.shape[-1]:
        return _orthogonalize(x.mT).mT
    for _ in range(NUM_ITERATIONS):
        product = x @ x.mT
        x = a * x + (b * product + c * product @ product) @ x
    return x
