"""Parameter tensors as panels of a figure."""

from __future__ import annotations

from collections.abc import Sized

RATE_TITLE = "effective learning rate"
MAX_TENSORS = 12


def validate_tensor_count(argument: str, tensors: Sized) -> None:
    """Raise unless there are as many tensors as a figure can show."""
    if not 0 < len(tensors) <= MAX_TENSORS:
        raise ValueError(f"{argument}: has {len(tensors)} tensors, must have from 1 to {MAX_TENSORS}")


def tensor_title(name: str, no_gradient: float) -> str:
    """Return the title of a panel: the name, and the share of the coordinates without any gradient so far."""
    return name + (f" ({percentage(no_gradient)} no gradient yet)" if no_gradient else "")


def percentage(share: float) -> str:
    """Return a share as a percentage with two significant digits."""
    return f"{float(f'{100 * share:.2g}'):g}%"
