"""The contract of an optimizer: settings, an immutable state and one pure step.

A step returns the effective learning rate of each coordinate, the direction that the rate multiplies, and the decay
of the parameters. :func:`adaptive_optim.minimize` then applies the update, which is the same for every optimizer:
``params = (1 - decay) * params - rate * direction``.

Settings are numbers or arrays. Everything broadcasts, so a sweep over settings is a leading axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]


class Step(NamedTuple):
    """Result of one step of an optimizer.

    The caller applies it as ``params = (1 - decay) * params - rate * direction``.
    """

    state: Any
    """State for the next step, a named tuple."""
    rate: Any
    """Effective learning rate of each coordinate, in units of the parameter per unit of the direction."""
    direction: Any
    """Array that the rate multiplies: the gradient, a velocity, or Adam's corrected mean."""
    decay: Any = 0.0
    """Share of each parameter that decoupled weight decay removes at this step."""


class Optimizer(Protocol):
    """Interface that :func:`adaptive_optim.minimize` expects.

    An optimizer is a frozen dataclass whose fields are numbers, arrays, booleans, strings or ``None``.
    """

    @property
    def learning_rate(self) -> Any:
        """Global learning rate."""

    def init(self, params: ArrayLike) -> Any:
        """Return the state before the first step."""

    def step(self, state: Any, grad: Any) -> Step:
        """Return the new state, the rate, the direction and, if there is one, the decay."""


Range = tuple[str, Callable[[Any], Any]]
"""Description of a range, and a function that tests whether numbers are in it."""
POSITIVE: Range = ("a finite number above 0", lambda value: np.isfinite(value) & (value > 0))
NONNEGATIVE: Range = ("a finite number of at least 0", lambda value: np.isfinite(value) & (value >= 0))
DECAY: Range = ("a number of at least 0 and below 1", lambda value: (value >= 0) & (value < 1))
RANGES = {
    "learning_rate": POSITIVE,
    "eps": POSITIVE,
    "initial_accumulator_value": NONNEGATIVE,
    "beta": DECAY,
    "beta1": DECAY,
    "beta2": DECAY,
    "rho": DECAY,
    "weight_decay": NONNEGATIVE,
}
"""Ranges of the settings that several optimizers have."""
FINITE: Range = ("a finite number", np.isfinite)


class OptimizerBase:
    """Base class of an optimizer: validates the settings when it is created.

    A subclass is a frozen dataclass with ``init`` and ``step``. Numbers and arrays must be finite and in their
    range; booleans, strings and ``None`` are kept as they are. Python numbers stay Python numbers, which have more
    digits than float32. Arrays are copied and read-only. Two optimizers are equal if they are of one class and all
    their settings are equal.
    """

    ranges: ClassVar[Mapping[str, Range]] = {}
    """Ranges of settings, for example ``{"power": ("a number from 0 to 1", lambda x: (x >= 0) & (x <= 1))}``."""
    is_diagonal: ClassVar[bool] = True
    """Whether each coordinate has its own effective rate. If not, ``rate`` is the learning rate everywhere and the
    direction is the preconditioned gradient."""
    is_elementwise: ClassVar[bool] = True
    """Whether each coordinate depends on its own gradients only, so the axes may be in any order."""
    color: ClassVar[str | None] = None
    """Colour in figures, ``#rrggbb``. Without one, the optimizer is drawn in a neutral colour."""
    dash: ClassVar[str | None] = None
    """Dash style in figures, a name or a pattern of Plotly's."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A dataclass keeps the methods that its class already has. Its own ones would raise an error for arrays.
        for name in ("__eq__", "__hash__"):
            if name not in vars(cls):
                setattr(cls, name, getattr(OptimizerBase, name))

    def __eq__(self, other: object) -> Any:
        return self._key() == other._key() if isinstance(other, OptimizerBase) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        values = (getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]
        return type(self), *(
            (each.shape, *each.ravel().tolist()) if isinstance(each, np.ndarray) else each for each in values
        )

    def __post_init__(self) -> None:
        ranges = {**RANGES, **self.ranges}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(field.default, bool):
                if not isinstance(value, bool):
                    raise ValueError(f"{field.name}={value!r}: must be True or False")
                continue
            if field.name not in ranges and (value is None or isinstance(value, (bool, str))):
                continue
            if field.name not in ranges and isinstance(value, (tuple, list)):
                raise ValueError(
                    f"{field.name}={value!r}: must be a number or an array; use one setting for each number"
                )
            description, is_in_range = ranges.get(field.name, FINITE)
            try:
                array = np.array(value)
                is_valid = array.dtype.kind in "iuf" and array.size and np.all(is_in_range(array))
            except ValueError:  # rows of different lengths
                is_valid = False
            if not is_valid:
                raise ValueError(f"{field.name}={value!r}: must be {description}")
            array.setflags(write=False)
            # A Python scalar does not promote float32 parameters to float64, and 1 - beta2 is exact.
            is_python_scalar = not array.ndim and array.dtype in (int, float)
            object.__setattr__(self, field.name, array.item() if is_python_scalar else array[()])


def zeros_like(params: ArrayLike) -> Array:
    """Return zeros of the shape of the parameters, float64 unless the parameters are floating-point numbers."""
    params = np.asarray(params)
    return np.zeros(params.shape, params.dtype if params.dtype.kind == "f" else float)


def square(grad: Any) -> Any:
    """Return the square of a gradient. Integers become float64 first, because their squares would wrap around."""
    grad = np.asarray(grad)
    return (grad if grad.dtype.kind == "f" else grad.astype(float)) ** 2
