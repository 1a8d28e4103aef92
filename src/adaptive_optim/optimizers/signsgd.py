"""Sign descent: the sign of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers.base import OptimizerBase, Step


class SignSGDState(NamedTuple):
    """Empty state of :class:`SignSGD`."""


@dataclass(frozen=True)
class SignSGD(OptimizerBase):
    r"""Move each coordinate by the learning rate, against the sign of its gradient.

    .. math:: \theta_{t+1} = \theta_t - \eta \operatorname{sign}(g_t)

    Parameters
    ----------
    learning_rate : float or array_like, default 0.01
        :math:`\eta > 0`, in units of the parameter: the size of each step.

    Raises
    ------
    ValueError
        If a setting is out of range. The message names the setting.

    Notes
    -----
    The rate is :math:`\eta` everywhere and the direction is the sign; a coordinate without gradient does not move.
    Equal to ``optax.sign_sgd``, which has no default rate. PyTorch has no sign descent.

    Memory: none.

    References
    ----------
    Bernstein et al. (2018), "signSGD: compressed optimisation for non-convex problems", algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = SignSGD(learning_rate=0.1)
    >>> state, rate, direction, _ = optimizer.step(optimizer.init([1.0, 1.0]), np.array([-2.0, 0.0]))
    >>> rate * direction
    array([-0.1,  0. ])
    """

    learning_rate: Any = 0.01

    def init(self, params: ArrayLike) -> SignSGDState:
        """Return the empty state."""
        return SignSGDState()

    def step(self, state: SignSGDState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        rate = self.learning_rate * np.ones_like(grad)
        return Step(state, rate, np.sign(grad))
