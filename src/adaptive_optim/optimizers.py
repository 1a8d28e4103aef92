"""SGD, Momentum, Adagrad, RMSProp and Adam as settings, a state and one pure step each.

Every optimizer here answers one question: given the gradient, what is the effective learning rate of each
coordinate, and what does it multiply? The update itself is the same for all of them and stands in
:func:`adaptive_optim.minimize`: ``params = params - rate * direction``.

Settings may be numbers or arrays. Everything broadcasts, so a sweep over settings is a leading axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]


class Step(NamedTuple):
    """What one step of an optimizer gives back.

    The caller applies it as ``params = params - rate * direction``.
    """

    state: Any
    """What the optimizer remembers for the next step, a named tuple."""
    rate: Any
    """Effective learning rate of each coordinate, in units of the parameter per unit of the direction."""
    direction: Any
    """What the rate multiplies: the gradient, a velocity, or Adam's corrected mean."""


class Optimizer(Protocol):
    """What :func:`adaptive_optim.minimize` needs of an optimizer.

    It is a frozen dataclass whose fields are numbers, arrays or booleans.
    """

    @property
    def learning_rate(self) -> Any:
        """Global learning rate."""

    def init(self, params: ArrayLike) -> Any:
        """Return the state before the first step."""

    def step(self, state: Any, grad: Any) -> Step:
        """Return the new state, the rate and the direction."""


Allowed = tuple[str, Callable[[Any], Any]]
POSITIVE: Allowed = ("a finite number above 0", lambda value: np.isfinite(value) & (value > 0))
NOT_NEGATIVE: Allowed = ("a finite number of at least 0", lambda value: np.isfinite(value) & (value >= 0))
DECAY: Allowed = ("a number of at least 0 and below 1", lambda value: (value >= 0) & (value < 1))
ALLOWED = {
    "learning_rate": POSITIVE,
    "eps": POSITIVE,
    "initial_accumulator_value": NOT_NEGATIVE,
    "beta": DECAY,
    "beta1": DECAY,
    "beta2": DECAY,
    "rho": DECAY,
}


class _CheckedSettings:
    """Checks the settings of an optimizer when it is made."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.name not in ALLOWED:
                if not isinstance(value, bool):
                    raise ValueError(f"{field.name}={value!r}: must be True or False")
                continue
            allowed, is_allowed = ALLOWED[field.name]
            try:
                array = np.array(value)
                fits = array.dtype.kind in "iuf" and array.size and np.all(is_allowed(array))
            except ValueError:  # rows of different lengths
                fits = False
            if not fits:
                raise ValueError(f"{field.name}={value!r}: must be {allowed}")
            array.setflags(write=False)
            # One number becomes Python's own, which leaves float32 parameters float32.
            own = not array.ndim and array.dtype in (int, float)
            object.__setattr__(self, field.name, array.item() if own else array[()])


def _zeros(params: ArrayLike) -> Array:
    params = np.asarray(params)
    return np.zeros(params.shape, params.dtype if params.dtype.kind == "f" else float)


def _power(base: Any, exponent: int) -> Any:
    """Raise to a whole power by repeated squaring.

    NumPy's ``**`` may round differently for a number and for an array; products do not. So a run in a batch
    has the same bits as that run alone.
    """
    result: Any = 1.0
    while exponent:
        if exponent % 2:
            result = result * base
        base, exponent = base * base, exponent // 2
    return result


class SGDState(NamedTuple):
    """State of :class:`SGD`: it remembers nothing."""


@dataclass(frozen=True)
class SGD(_CheckedSettings):
    r"""Take the same step size in every coordinate.

    .. math:: \theta_{t+1} = \theta_t - \eta\, g_t

    Parameters
    ----------
    learning_rate : float or array_like, default 0.1
        :math:`\eta > 0`, in units of the parameter per unit of the gradient.

    Raises
    ------
    ValueError
        If a setting is out of range; the message names it.

    Notes
    -----
    The rate is :math:`\eta` everywhere and the direction is :math:`g_t`. Equal to ``torch.optim.SGD(lr)`` and
    ``optax.sgd(learning_rate)``.

    References
    ----------
    Robbins and Monro (1951), "A stochastic approximation method": the idea, for finding a root from noisy
    measurements. The gradient and the name came later.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = SGD(learning_rate=0.1)
    >>> state, rate, direction = optimizer.step(optimizer.init([1.0, 1.0]), np.array([2.0, 0.0]))
    >>> rate
    array([0.1, 0.1])
    >>> rate * direction
    array([0.2, 0. ])
    """

    learning_rate: Any = 0.1

    def init(self, params: ArrayLike) -> SGDState:
        """Return the empty state."""
        return SGDState()

    def step(self, state: SGDState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        rate = self.learning_rate * np.ones_like(grad)
        return Step(state, rate, grad)


class MomentumState(NamedTuple):
    """State of :class:`Momentum`."""

    velocity: Any
    r"""Decaying sum of past gradients, :math:`u_t`."""


@dataclass(frozen=True)
class Momentum(_CheckedSettings):
    r"""Step along a decaying sum of past gradients.

    .. math::

        \begin{aligned}
        u_t &= \beta\, u_{t-1} + g_t \\
        \theta_{t+1} &= \theta_t - \eta\, u_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.1
        :math:`\eta > 0`, in units of the parameter per unit of the gradient.
    beta : float or array_like, default 0.9
        Decay of the velocity, :math:`0 \le \beta < 1`. A constant gradient is amplified by
        :math:`1/(1-\beta)`.

    Raises
    ------
    ValueError
        If a setting is out of range; the message names it.

    Notes
    -----
    Equal to ``torch.optim.SGD(lr, momentum=beta)`` and ``optax.sgd(learning_rate, momentum=beta)``. Keras puts
    the rate inside the velocity, :math:`u_t = \beta u_{t-1} - \eta g_t`: the same as long as :math:`\eta`
    does not change during the run.

    References
    ----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods". Written with a velocity
    as in Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning", equations
    (1) and (2).

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Momentum(learning_rate=0.1, beta=0.5)
    >>> state = optimizer.init([0.0])
    >>> for _ in range(3):
    ...     state, rate, direction = optimizer.step(state, np.array([1.0]))
    >>> direction
    array([1.75])
    """

    learning_rate: Any = 0.1
    beta: Any = 0.9

    def init(self, params: ArrayLike) -> MomentumState:
        """Return the state at rest: a velocity of zero."""
        return MomentumState(velocity=_zeros(params))

    def step(self, state: MomentumState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        velocity = self.beta * state.velocity + grad
        rate = self.learning_rate * np.ones_like(grad)
        return Step(MomentumState(velocity), rate, velocity)


class AdagradState(NamedTuple):
    """State of :class:`Adagrad`."""

    sum_of_squares: Any
    r"""Sum of all squared gradients so far, :math:`G_t`."""


@dataclass(frozen=True)
class Adagrad(_CheckedSettings):
    r"""Divide each coordinate's rate by the root of its summed squared gradients.

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
        If a setting is out of range; the message names it.

    Notes
    -----
    Equal to ``torch.optim.Adagrad``, whose defaults are ``lr=0.01, initial_accumulator_value=0, eps=1e-10``.
    ``optax.adagrad`` starts the sum at 0.1 and puts :math:`\epsilon = 10^{-7}` inside the root; so does
    Keras.

    References
    ----------
    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and stochastic
    optimization", figure 1, the diagonal form. The paper adds its :math:`\delta` where this :math:`\epsilon`
    stands.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Adagrad(learning_rate=0.1)
    >>> state = optimizer.init([1.0, 1.0])
    >>> state, rate, direction = optimizer.step(state, np.array([3.0, 0.5]))
    >>> np.round(rate * direction, 6)
    array([0.1, 0.1])
    >>> state, rate, direction = optimizer.step(state, np.array([4.0, 0.0]))
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
        return AdagradState(sum_of_squares=_zeros(params) + self.initial_accumulator_value)

    def step(self, state: AdagradState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        sum_of_squares = state.sum_of_squares + grad**2
        rate = self.learning_rate / (np.sqrt(sum_of_squares) + self.eps)
        return Step(AdagradState(sum_of_squares), rate, grad)


class RMSPropState(NamedTuple):
    """State of :class:`RMSProp`."""

    mean_square: Any
    r"""Exponential moving average of squared gradients, :math:`S_t`."""


@dataclass(frozen=True)
class RMSProp(_CheckedSettings):
    r"""Divide each coordinate's rate by the root of a moving average of its squared gradients.

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
        Decay of the average, :math:`0 \le \rho < 1`; it remembers about :math:`1/(1-\rho)` steps.
    eps : float or array_like, default 1e-8
        :math:`\epsilon > 0`, in units of the gradient. Outside the root.

    Raises
    ------
    ValueError
        If a setting is out of range; the message names it.

    Notes
    -----
    The average starts at zero and is not corrected for it, so a coordinate's first step is
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
    >>> state, rate, direction = optimizer.step(optimizer.init([0.0]), np.array([5.0]))
    >>> np.round(rate * direction, 6)
    array([0.02])
    """

    learning_rate: Any = 0.01
    rho: Any = 0.9
    eps: Any = 1e-8

    def init(self, params: ArrayLike) -> RMSPropState:
        """Return the state before the first gradient."""
        return RMSPropState(mean_square=_zeros(params))

    def step(self, state: RMSPropState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        mean_square = self.rho * state.mean_square + (1 - self.rho) * grad**2
        rate = self.learning_rate / (np.sqrt(mean_square) + self.eps)
        return Step(RMSPropState(mean_square), rate, grad)


class AdamState(NamedTuple):
    """State of :class:`Adam`."""

    t: int
    """Number of steps taken."""
    m: Any
    r"""Moving average of the gradients, :math:`m_t`."""
    v: Any
    r"""Moving average of the squared gradients, :math:`v_t`."""


@dataclass(frozen=True)
class Adam(_CheckedSettings):
    r"""Smooth the direction with one moving average and scale it with another.

    .. math::

        \begin{aligned}
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2)\, g_t \odot g_t \\
        \hat m_t &= m_t / (1 - \beta_1^t) \\
        \hat v_t &= v_t / (1 - \beta_2^t) \\
        \theta_{t+1} &= \theta_t - \frac{\eta}{\sqrt{\hat v_t} + \epsilon} \odot \hat m_t
        \end{aligned}

    Parameters
    ----------
    learning_rate : float or array_like, default 0.01
        :math:`\eta > 0`, in units of the parameter: the size of a coordinate's first step.
    beta1, beta2 : float or array_like, default 0.9 and 0.999
        Decays of the two averages, each at least 0 and below 1.
    eps : float or array_like, default 1e-8
        :math:`\epsilon > 0`, in units of the gradient. Outside the root.
    bias_correction : bool, default True
        Whether to divide the averages by :math:`1 - \beta^t`. Without it :math:`\hat m_t = m_t` and
        :math:`\hat v_t = v_t`.

    Raises
    ------
    ValueError
        If a setting is out of range; the message names it.

    Notes
    -----
    The rate is :math:`\eta/(\sqrt{\hat v_t} + \epsilon)` and the direction is :math:`\hat m_t`. Equal to
    ``torch.optim.Adam`` and ``optax.adam`` with their default :math:`\epsilon`. Keras leaves :math:`\hat v_t`
    uncorrected next to its :math:`\epsilon = 10^{-7}` (the paper's "epsilon hat"): a difference of the size
    of :math:`\epsilon`.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = Adam(learning_rate=0.01)
    >>> state, rate, direction = optimizer.step(optimizer.init([0.0, 0.0]), np.array([5.0, -0.02]))
    >>> np.round(rate * direction, 6)
    array([ 0.01, -0.01])
    """

    learning_rate: Any = 0.01
    beta1: Any = 0.9
    beta2: Any = 0.999
    eps: Any = 1e-8
    bias_correction: bool = True

    def init(self, params: ArrayLike) -> AdamState:
        """Return the state before the first gradient."""
        return AdamState(t=0, m=_zeros(params), v=_zeros(params))

    def step(self, state: AdamState, grad: Any) -> Step:
        """Return state, rate and direction for one gradient of the parameters' shape."""
        t = state.t + 1
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * grad**2
        if self.bias_correction:
            m_hat = m / (1 - _power(self.beta1, t))
            v_hat = v / (1 - _power(self.beta2, t))
        else:
            m_hat, v_hat = m, v
        rate = self.learning_rate / (np.sqrt(v_hat) + self.eps)
        return Step(AdamState(t, m, v), rate, m_hat)


OPTIMIZERS = (SGD, Momentum, Adagrad, RMSProp, Adam)
"""The optimizers of the book, in the order in which it draws them."""
