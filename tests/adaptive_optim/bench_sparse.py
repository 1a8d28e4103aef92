"""Time updates of a few rows beside torch.optim with sparse gradients, and against the size of the table."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

# One core for everyone: before the libraries count them.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np

from adaptive_optim import SGD, Adagrad, Adam, update_rows

try:
    import torch
except ModuleNotFoundError as error:
    sys.exit(f"This compares with torch: {error}. To install it: .venv/bin/pip install -e '.[oracle]'")

# Wanted, not enforced: the share of torch's time, the cost of the largest table in that of the smallest, and
# memory beyond a table and its state.
OF_TORCH = {"Adam": 0.6, "Adagrad": 0.7}
LARGEST_OF_SMALLEST = 2.5
BYTES_A_ROW = 8

DIM = 64
LOOK_UPS = 1024
NUM_STEPS = 100
ROUNDS = 15
KINDS: dict[str, tuple[Any, Any]] = {
    # So small that it does not matter where it stands.
    "Adam": (Adam(0.01, eps=1e-20), partial(torch.optim.SparseAdam, lr=0.01, eps=1e-20)),
    "Adagrad": (Adagrad(0.01), partial(torch.optim.Adagrad, lr=0.01)),
    "SGD": (SGD(0.01), partial(torch.optim.SGD, lr=0.01)),
}


def zipf(count: int, steps: int = NUM_STEPS) -> list[Any]:
    """Return the rows looked up in each step, the r-th most frequent with a chance of 1/r."""
    rng = np.random.default_rng(0)
    chances = np.cumsum(1 / np.arange(1, count + 1))
    return [np.searchsorted(chances, chances[-1] * rng.random(LOOK_UPS)) for _ in range(steps)]


def normal(*shape: int) -> Any:
    return np.random.default_rng(1).standard_normal(shape, np.float32)


def median_time(acts: list[Callable[[], Any]], prepare: Callable[[int], Any] = lambda number: None) -> float:
    times = []
    for number, act in enumerate(acts):
        prepare(number)
        began = perf_counter()
        act()
        times.append(perf_counter() - began)
    return statistics.median(times)


class Ours:
    """A table that is updated step by step."""

    def __init__(self, optimizer: Any, count: int) -> None:
        self.optimizer, self.table, self.grads = optimizer, normal(count, DIM), normal(LOOK_UPS, DIM)
        self.state = optimizer.init(self.table)
        # A page of zeros is no memory until something is written into it.
        for array in self.state:
            if isinstance(array, np.ndarray):
                array.fill(0)

    def step(self, rows: Any) -> None:
        self.state = update_rows(self.optimizer, self.table, self.state, rows, self.grads).state

    def time(self, ids: list[Any]) -> float:
        return median_time([lambda rows=rows: self.step(rows) for rows in ids])


class Torch:
    """The same with an embedding of torch. Only the step is timed, not how its gradient is made."""

    def __init__(self, kind: Any, count: int) -> None:
        self.embedding = torch.nn.Embedding.from_pretrained(
            torch.from_numpy(normal(count, DIM)), freeze=False, sparse=True
        )
        self.optimizer = kind(self.embedding.parameters())
        self.grads = torch.from_numpy(normal(LOOK_UPS, DIM))

    def time(self, ids: list[Any]) -> float:
        places = [torch.from_numpy(rows)[None] for rows in ids]
        weight = self.embedding.weight

        def prepare(number: int) -> None:
            weight.grad = torch.sparse_coo_tensor(places[number], self.grads, weight.shape)

        return median_time([self.optimizer.step] * len(ids), prepare)


def compare(name: str, count: int) -> list[str]:
    """Time both in turn, after a look at whether they do the same."""
    optimizer, kind = KINDS[name]
    ids, ours, theirs = zipf(count), Ours(optimizer, count), Torch(kind, count)
    ours.time(ids)
    theirs.time(ids)
    np.testing.assert_allclose(ours.table, theirs.embedding.weight.detach().numpy(), rtol=1e-4, atol=1e-4)
    times = [(ours.time(ids), theirs.time(ids)) for _ in range(ROUNDS)]
    mine, other = (statistics.median(each) for each in zip(*times, strict=True))
    ratio, wanted = statistics.median(mine / other for mine, other in times), OF_TORCH.get(name)
    above = " ABOVE" if wanted and ratio > wanted else ""
    return [
        f"{name}, {count:,} rows",
        f"{1e6 * mine:,.0f}",
        f"{1e6 * other:,.0f}",
        f"{ratio:.2f}{above}",
        "" if wanted is None else f"{wanted}",
    ]


def memory_available() -> float:
    """Return how many bytes are free for a table, without end where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))


def scale() -> list[list[str]]:
    """Time Adam on ever larger tables."""
    rows, smallest = [], float("nan")
    for count in (10_000, 100_000, 1_000_000, 10_000_000):
        size = 3 * count * DIM * 4
        if memory_available() < 1.2 * size:
            rows.append([f"{count:,}", f"left out: takes {size / 1e9:.1f} GB", *[""] * 5])
            continue
        ids, ours = zipf(count), Ours(Adam(0.01), count)
        each = statistics.median(ours.time(ids) for _ in range(ROUNDS))
        smallest = each if np.isnan(smallest) else smallest
        tracemalloc.start()
        ours.time(ids)
        kept, at_most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        ratio = each / smallest
        # In a small table what the look-ups need is more than that, whatever the number of its rows.
        is_large = count >= 1_000_000
        rows.append(
            [
                f"{count:,}",
                f"{1e6 * each:,.0f}",
                f"{ratio:.2f}{' ABOVE' if ratio > LARGEST_OF_SMALLEST else ''}",
                f"{size / 1e6:,.0f}",
                f"{at_most / 1e6:.2f}",
                f"{at_most / count:,.2f}{' ABOVE' if is_large and at_most / count > BYTES_A_ROW else ''}",
                f"{kept / count:,.2f}{' ABOVE' if kept / count > BYTES_A_ROW else ''}",
            ]
        )
        del ours
    return rows


def table(title: str, head: list[str], rows: list[list[str]]) -> None:
    print(f"\n{title}")
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for first, *others in [head, *rows]:
        cells = [first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]
        print("  ".join(cells).rstrip(), flush=True)


def main() -> int:
    torch.set_num_threads(1)
    torch.sparse.check_sparse_tensor_invariants.disable()
    print(
        f"{platform.processor() or platform.machine()}, one core, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, torch {torch.__version__}"
    )
    table(
        f"us a step, {LOOK_UPS:,} look-ups of rows of {DIM} numbers, float32, medians of {ROUNDS} rounds of "
        f"{NUM_STEPS} steps in turn",
        ["", "ours", "torch", "of torch's", "wanted"],
        [compare(name, count) for count in (10_000, 1_000_000) for name in KINDS],
    )
    table(
        f"What a step of Adam costs (wanted: the largest at most {LARGEST_OF_SMALLEST} x the smallest, at most "
        f"{BYTES_A_ROW} bytes a row in use from a million rows on, and kept)",
        ["rows", "us", "x the smallest", "MB of table and state", "MB more in use", "bytes a row", "kept"],
        scale(),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
