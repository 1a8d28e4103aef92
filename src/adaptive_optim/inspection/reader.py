"""What each library implements, and how optimizers are identified without importing their library."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar

from adaptive_optim.inspection.arithmetic import Rates


class Reader(ABC):
    """Read the rates of the optimizers of one library."""

    arguments: ClassVar[Collection[str]] = ()
    """Arguments of effective_rates, after the optimizer, that apply to this library."""
    has_hooks: ClassVar[bool] = False
    """Whether an optimizer can call functions before and after a step."""
    reads_states: ClassVar[bool] = False
    """Whether each step returns a new state, which is read in place of the optimizer."""

    @staticmethod
    @abstractmethod
    def supports(optimizer: Any) -> bool:
        """Return whether the optimizer is of this library, with an update rule that is known."""

    @abstractmethod
    def __init__(self, optimizer: Any, settings: Any, names: list[tuple[str, Any]] | None) -> None:
        """Validate the arguments."""

    @abstractmethod
    def read_before(self, optimizer: Any) -> Any:
        """Return what the next step overwrites and the rates depend on; None if there is nothing."""

    @abstractmethod
    def rates(self, optimizer: Any, before: Any = None, params: Any = None) -> Rates:
        """Return the rates of the last step, from what :meth:`read_before` returned before it."""


def known_class(optimizer: Any, module: str, method: str, rules: Collection[str]) -> str | None:
    """Return the name of the library's class whose update rule an optimizer has; None if the rule is not known."""
    classes = type(optimizer).__mro__
    for base in classes:
        if is_from(base, module):
            # A subclass may have another rule. torch wraps the method of every class for its hooks.
            method_of = [inspect.unwrap(getattr(each, method, is_from)) for each in (classes[0], base)]
            return base.__name__ if base.__name__ in rules and method_of[0] is method_of[1] else None
    return None


def is_from(kind: type, module: str) -> bool:
    """Return whether a class is defined in a module or its submodules."""
    return f"{kind.__module__}.".startswith(f"{module}.")


def full_name(kind: type) -> str:
    """Return the name of a class with its module."""
    return f"{kind.__module__}.{kind.__qualname__}"


def not_stepped(what: str = "") -> ValueError:
    """Return the error for an optimizer that has no rates yet."""
    return ValueError(f"optimizer: has not made a step{what}, so it has no rates")


def needs_recorder(name: str) -> ValueError:
    """Return the error for an optimizer whose state after a step is not enough."""
    return ValueError(
        f"optimizer: the rates of {name} depend on values that its step overwrites; "
        "record them with RateRecorder, with before_step and after_step"
    )
