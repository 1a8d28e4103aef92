"""SOAP: Adam in the eigenbasis of Shampoo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.adam import integer_power
from adaptive_optim.optimizers.base import OptimizerBase, Range, Step
from adaptive_optim.optimizers.matrices import eigh, identity, zeros_like_matrix


class SOAPState(NamedTuple):
    """State of :class:`SOAP`."""

    t: int
    """Number of steps taken after the first gradient, -1 before it."""
    m: Any
    r"""Moving average of the gradients, :math:`m_t`."""
    v: Any
    r"""Moving average of the squared rotated gradients, :math:`v_t`."""
    left: Any
    r"""Moving average of :math:`g g^\top`, :math:`L_t`, ``(..., rows, rows)``."""
    right: Any
    r"""Moving average of :math:`g^\top g`, :math:`R_t`, ``(..., columns, columns)``."""
    left_basis: Any
    r"""Approximate eigenvectors of :math:`L_t`, :math:`Q_L`."""
    right_basis: Any
    r"""Approximate eigenvectors of :math:`R_t`, :math:`Q_R`."""


@dataclass(frozen=True)
class SOAP(OptimizerBase):
    r"""Rotate the gradient of a matrix into the eigenbasis of Shampoo, take a step of Adam, and rotate it back.

    .. math::

        \begin{aligned}
        g'_t &= Q_L^\top g_t Q_R \\
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2)\, g'_t \odot g'_t \\
        \hat m_t &= Q_L^\top m_t Q_R / (1 - \beta_1^t) \\
        \hat v_t &= v_t / (1 - \beta_2^t) \\
        \theta_{t+1} &= \theta_t - \eta\, Q_L \left( \hat m_t / (\sqrt{\hat v_t} + \epsilon) \right) Q_R^\top \\
        L_t &= \beta_2 L_{t-1} + (1 - \beta_2)\, g_t g_t^\top \\
        R_t &= \beta_2 R_{t-1} + (1 - \beta_2)\, g_t^\top g_t \\
        Q_L &\leftarrow \operatorname{QR}(L_t Q_L) \quad \text{every } f \text{ steps} \\
        Q_R &\leftarrow \operatorname{QR}(R_t Q_R) \quad \text{every } f \text{ steps}
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.003
        :math:`\eta > 0`, in units of the parameter.
    beta1, beta2 : float or array_like, default 0.95 and 0.95
        Decays of the averages, each at least 0 and below 1. Shape ``()`` or ``(..., 1, 1)``.
    eps : float or array_like, default 1e-8
        :math:`\epsilon > 0`, in units of the gradient. Outside the root.
    precondition_frequency : int, default 10
        :math:`f \ge 1`, steps from one new basis to the next.

    Raises
    ------
    ValueError
        If a setting is out of range, or if ``init`` gets a vector. The message names the argument.

    Notes
    -----
    The last two axes are a matrix, and leading axes are runs side by side. There is no rate of one coordinate:
    ``rate`` is :math:`\eta` everywhere, and the direction is the preconditioned gradient. The first gradient sets
    :math:`L`, :math:`R` and, by their eigenvectors, :math:`Q_L` and :math:`Q_R`; it moves nothing and is not
    counted in :math:`t`. A run in a batch equals the run alone up to rounding. Use float64 or float32.

    The paper's algorithm leaves out the first step and the correction of the bias. Both are here as in the authors'
    code, whose defaults are the same. That code also sorts the basis by its estimated eigenvalues before it
    computes a new one, adds :math:`\epsilon` before the correction of the bias, and has weight decay.
    ``torch.optim`` and Optax do not have SOAP.

    Memory: for :math:`m \times n` parameters :math:`2mn + 2m^2 + 2n^2` numbers, which is :math:`2 + 2m/n + 2n/m`
    per parameter.

    References
    ----------
    Vyas et al. (2025), "SOAP: improving and stabilizing Shampoo using Adam", algorithms 3 and 4.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = SOAP(learning_rate=0.1)
    >>> grad = np.array([[0.0, -2.0], [5.0, 0.0], [0.0, 0.0]])
    >>> state, rate, direction, _ = optimizer.step(optimizer.init(np.zeros((3, 2))), grad)
    >>> bool(direction.any())
    False
    >>> state, rate, direction, _ = optimizer.step(state, grad)
    >>> np.round(rate * direction, 6) + 0.0
    array([[ 0. , -0.1],
           [ 0.1,  0. ],
           [ 0. ,  0. ]])
    """

    learning_rate: Any = 0.003
    beta1: Any = 0.95
    beta2: Any = 0.95
    eps: Any = 1e-8
    precondition_frequency: int = 10

    ranges: ClassVar[dict[str, Range]] = {
        "precondition_frequency": (
            "an integer of at least 1",
            lambda value: (np.ndim(value) == 0) & np.isfinite(value) & (value >= 1) & (value == np.round(value)),
        )
    }
    is_diagonal: ClassVar[bool] = False
    is_elementwise: ClassVar[bool] = False

    def init(self, params: ArrayLike) -> SOAPState:
        """Return the state before the first gradient."""
        zeros = zeros_like_matrix(params)
        rows, columns = (identity(size, zeros) for size in zeros.shape[-2:])
        return SOAPState(-1, zeros, zeros.copy(), 0 * rows, 0 * columns, rows, columns)

    def step(self, state: SOAPState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        t, m, v, left, right, left_basis, right_basis = state
        t, rate, direction = t + 1, self.learning_rate * np.ones_like(grad), np.zeros_like(grad)
        if t > 0:
            rotated = left_basis.mT @ grad @ right_basis
            m = self.beta1 * m + (1 - self.beta1) * grad
            v = self.beta2 * v + (1 - self.beta2) * rotated**2
            m_hat = (left_basis.mT @ m @ right_basis) / (1 - integer_power(self.beta1, t))
            v_hat = v / (1 - integer_power(self.beta2, t))
            direction = left_basis @ (m_hat / (np.sqrt(v_hat) + self.eps)) @ right_basis.mT
        left = self.beta2 * left + (1 - self.beta2) * (grad @ grad.mT)
        right = self.beta2 * right + (1 - self.beta2) * (grad.mT @ grad)
        if t == 0:
            # Descending eigenvalues, the order to which the iterations below converge.
            left_basis, right_basis = eigh(left)[1][..., ::-1], eigh(right)[1][..., ::-1]
        elif t % self.precondition_frequency == 0:
            left_basis, right_basis = np.linalg.qr(left @ left_basis)[0], np.linalg.qr(right @ right_basis)[0]
        return Step(SOAPState(t, m, v, left, right, left_basis, right_basis), rate, direction)
