"""Run the code of the page "Your own model", and record the data of its figures.

``python tests/adaptive_optim/record_your_own_model.py`` writes ``book/your_own_model.json``, so that the book does
not need torch.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_optim import rate_histogram

BOOK = Path(__file__).parents[2] / "book"
PAGE, RECORD = BOOK / "your_own_model.md", BOOK / "your_own_model.json"
WORDS, BATCH, LENGTH, STEPS = 1000, 16, 5, 200


def batches() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return batches of sentences and labels. The probability of the r-th word is proportional to 1/r.

    Each word has a score. The label of a sentence is 1 if the sum of its scores is above 0.
    """
    rng = np.random.default_rng(0)
    weights = 1 / np.arange(1, WORDS + 1)
    words = rng.choice(WORDS, size=(STEPS, BATCH, LENGTH), p=weights / weights.sum())
    labels = rng.normal(size=WORDS)[words].sum(axis=-1) > 0
    return list(zip(words, labels.astype(np.int64), strict=True))


def run() -> dict[str, Any]:
    """Run the code of the page, and return the data of its figures, ready for JSON."""
    torch = importlib.import_module("torch")
    torch.manual_seed(0)
    sentences = batches()
    namespace: dict[str, Any] = {
        "batches": [(torch.from_numpy(words), torch.from_numpy(labels)) for words, labels in sentences]
    }
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(code, namespace)
    record, rates = namespace["recorder"].record, namespace["rates"]
    histogram = rate_histogram(rates, bins=40)
    counts = np.bincount(np.ravel([words for words, _ in sentences]), minlength=WORDS)
    return {
        "loop": {
            "steps": record.steps.tolist(),
            "quantiles": record.quantiles.tolist(),
            "rates": {name: rounded(values) for name, values in record.rates.items()},
            "no_gradient": {name: rounded(values) for name, values in record.no_gradient.items()},
        },
        "histogram": {
            "edges": rounded(histogram.edges),
            "shares": {name: rounded(values) for name, values in histogram.shares.items()},
            "no_gradient": histogram.no_gradient,
        },
        "rows": {"counts": counts.tolist(), "rates": rounded(rates["0.weight"].mean(axis=1))},
        "map": rounded(rates["1.weight"]),
    }


def rounded(values: Any) -> Any:
    """Round to four significant digits, and replace nan by None."""
    if np.ndim(values):
        return [rounded(each) for each in values]
    return None if np.isnan(values) else float(f"{values:.4g}")


def main() -> None:
    """Write the record."""
    versions = {name: importlib.import_module(name).__version__ for name in ("torch", "numpy")}
    RECORD.write_text(json.dumps({"versions": versions, **run()}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
