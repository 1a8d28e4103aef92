"""The progress bar of long computations."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


def progress_bar(total: int, unit: str) -> Any:
    """Return a progress bar that is shown in terminals and notebooks, and hidden elsewhere."""
    # The output of a notebook is not a terminal, so tqdm would hide the bar there.
    in_notebook = "ipykernel" in sys.modules
    return tqdm(total=total, unit=f" {unit}", leave=False, **({} if in_notebook else {"disable": None}))
