"""Adadelta: rates from the ratio of two moving averages, of squared updates and of squared gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step, square, zeros_like


class AdadeltaState(NamedTuple):
    """State of :class:`Adadelta`."""

    mean_square: Any
    r"""Moving average of the squared gradients, :math:`S_t`."""
    mean_square_update: Any
    r"""Moving average of the squared updates, :math:`D_t`."""


@dataclass(frozen=True)
class Adadelta(OptimizerBase):
    r"""Divide the typical size of recent updates by the typical size of recent gradients.

    .. math::

        \begin{aligned}
        S_t &= \rho\, S_{t-1} + (1 - \rho)\, g_t \odot g_t \\
        r_t &= \sqrt{D_{t-1} + \epsilon} \,/ \sqrt{S_t + \epsilon} \\
        D_t &= \rho\, D_{t-1} + (1 - \rho)\, (r_t \odot g_t)^2 \\
        \theta_{t+1} &= \theta_t - \eta\, r_t \odot g_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 1.0
        :math:`\eta > 0`, without a unit. The paper has none, which is :math:`\eta = 1`.
    rho : float or array_like, default 0.95
        Decay of the averages, :math:`0 \le \rho < 1`.
    eps : float or array_like, default 1e-6
        :math:`\epsilon > 0`. Inside both roots, in units of the squared update and of the squared gradient. It
        starts the run: the first update of a coordinate is at most :math:`\eta\sqrt{\epsilon/(1-\rho)}`.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    :math:`\epsilon` is inside the roots, unlike in the other optimizers here: it has to be in the numerator, too,
    or no run would start. Equal to ``torch.optim.Adadelta`` (``lr=1.0, rho=0.9, eps=1e-6``) and ``optax.adadelta``
    (the same, without a default rate). In all of them :math:`\eta` does not enter :math:`D_t`.

    Memory: 2 numbers per parameter.

    References
    ----------
    Zeiler (2012), "ADADELTA: an adaptive learning rate method", algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Adadelta(rho=0.75, eps=1e-4)
    >>> state, rate, direction, _ = optimizer.step(optimizer.init([0.0, 0.0]), np.array([5.0, -50.0]))
    >>> np.round(rate * direction, 4)
    array([ 0.02, -0.02])
    """

    learning_rate: Any = 1.0
    rho: Any = 0.95
    eps: Any = 1e-6

    color: ClassVar[str | None] = "#606840"
    dash: ClassVar[str | None] = "8px,4px,2px,4px"

    def init(self, params: ArrayLike) -> AdadeltaState:
        """Return the state before the first gradient."""
        return AdadeltaState(mean_square=zeros_like(params), mean_square_update=zeros_like(params))

    def step(self, state: AdadeltaState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        mean_square = self.rho * state.mean_square + (1 - self.rho) * square(grad)
        ratio = np.sqrt(state.mean_square_update + self.eps) / np.sqrt(mean_square + self.eps)
        mean_square_update = self.rho * state.mean_square_update + (1 - self.rho) * (ratio * grad) ** 2
        return Step(AdadeltaState(mean_square, mean_square_update), self.learning_rate * ratio, grad)
