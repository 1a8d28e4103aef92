"""Benchmark of row updates: compared with torch.optim, and for increasing sizes of the table."""

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

# All libraries use one core. This must be set before they are imported.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np

from adaptive_optim import SGD, Adagrad, Adam, update_rows

try:
    import torch
except ModuleNotFoundError as error:
    sys.exit(f"This compares with torch: {error}. To install it: .venv/bin/pip install -e '.[oracle]'")

# Targets. A higher value is marked in the output: the time relative to torch, the time for the largest table
# relative to the smallest, and the memory in addition to a table and its state.
TARGET_TIMES = {"Adam": 0.6, "Adagrad": 0.7}
TARGET_GROWTH = 2.5
TARGET_BYTES_PER_ROW = 8

DIM = 64
NUM_LOOKUPS = 1024
NUM_STEPS = 100
NUM_ROUNDS = 15
OPTIMIZERS: dict[str, tuple[Any, Any]] = {
    # An eps so small that its position has no effect.
    "Adam": (Adam(0.01, eps=1e-20), partial(torch.optim.SparseAdam, lr=0.01, eps=1e-20)),
    "Adagrad": (Adagrad(0.01), partial(torch.optim.Adagrad, lr=0.01)),
    "SGD": (SGD(0.01), partial(torch.optim.SGD, lr=0.01)),
}


def zipf(count: int, steps: int = NUM_STEPS) -> list[Any]:
    """Return the rows of each step. The probability of a row is inversely proportional to its rank."""
    rng = np.random.default_rng(0)
    cumulative = np.cumsum(1 / np.arange(1, count + 1))
    return [np.searchsorted(cumulative, cumulative[-1] * rng.random(NUM_LOOKUPS)) for _ in range(steps)]


def normal(*shape: int) -> Any:
    return np.random.default_rng(1).standard_normal(shape, np.float32)


def median_time(functions: list[Callable[[], Any]], prepare: Callable[[int], Any] = lambda number: None) -> float:
    times = []
    for number, function in enumerate(functions):
        prepare(number)
        began = perf_counter()
        function()
        times.append(perf_counter() - began)
    return statistics.median(times)


class Ours:
    """A table that ``update_rows`` updates."""

    def __init__(self, optimizer: Any, count: int) -> None:
        self.optimizer, self.table, self.grads = optimizer, normal(count, DIM), normal(NUM_LOOKUPS, DIM)
        self.state = optimizer.init(self.table)
        # Memory of zeros is allocated only when it is written.
        for array in self.state:
            if isinstance(array, np.ndarray):
                array.fill(0)

    def step(self, rows: Any) -> None:
        self.state = update_rows(self.optimizer, self.table, self.state, rows, self.grads).state

    def time(self, ids: list[Any]) -> float:
        return median_time([lambda rows=rows: self.step(rows) for rows in ids])


class Torch:
    """The same table as an embedding of torch. Only the step is measured, not the gradient."""

    def __init__(self, kind: Any, count: int) -> None:
        self.embedding = torch.nn.Embedding.from_pretrained(
            torch.from_numpy(normal(count, DIM)), freeze=False, sparse=True
        )
        self.optimizer = kind(self.embedding.parameters())
        self.grads = torch.from_numpy(normal(NUM_LOOKUPS, DIM))

    def time(self, ids: list[Any]) -> float:
        indices = [torch.from_numpy(rows)[None] for rows in ids]
        weight = self.embedding.weight

        def prepare(number: int) -> None:
            weight.grad = torch.sparse_coo_tensor(indices[number], self.grads, weight.shape)

        return median_time([self.optimizer.step] * len(ids), prepare)


def compare(name: str, count: int) -> list[str]:
    """Check that both have the same results, and measure the time of each in turn."""
    optimizer, kind = OPTIMIZERS[name]
    ids, ours, theirs = zipf(count), Ours(optimizer, count), Torch(kind, count)
    ours.time(ids)
    theirs.time(ids)
    np.testing.assert_allclose(ours.table, theirs.embedding.weight.detach().numpy(), rtol=1e-4, atol=1e-4)
    times = [(ours.time(ids), theirs.time(ids)) for _ in range(NUM_ROUNDS)]
    mine, other = (statistics.median(each) for each in zip(*times, strict=True))
    ratio, target = statistics.median(mine / other for mine, other in times), TARGET_TIMES.get(name)
    above = " ABOVE" if target and ratio > target else ""
    return [
        f"{name}, {count:,} rows",
        f"{1e6 * mine:,.0f}",
        f"{1e6 * other:,.0f}",
        f"{ratio:.2f}{above}",
        "" if target is None else f"{target}",
    ]


def memory_available() -> float:
    """Return the number of available bytes, or infinity if the operating system does not report it."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))


def scale() -> list[list[str]]:
    """Measure time and memory of Adam for tables of increasing size."""
    rows, smallest = [], float("nan")
    for count in (10_000, 100_000, 1_000_000, 10_000_000):
        size = 3 * count * DIM * 4
        if memory_available() < 1.2 * size:
            rows.append([f"{count:,}", f"skipped: needs {size / 1e9:.1f} GB", *[""] * 5])
            continue
        ids, ours = zipf(count), Ours(Adam(0.01), count)
        each = statistics.median(ours.time(ids) for _ in range(NUM_ROUNDS))
        smallest = each if np.isnan(smallest) else smallest
        tracemalloc.start()
        ours.time(ids)
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        ratio = each / smallest
        # In a small table the memory of the lookups exceeds the target.
        is_large = count >= 1_000_000
        rows.append(
            [
                f"{count:,}",
                f"{1e6 * each:,.0f}",
                f"{ratio:.2f}{' ABOVE' if ratio > TARGET_GROWTH else ''}",
                f"{size / 1e6:,.0f}",
                f"{peak / 1e6:.2f}",
                f"{peak / count:,.2f}{' ABOVE' if is_large and peak / count > TARGET_BYTES_PER_ROW else ''}",
                f"{kept / count:,.2f}{' ABOVE' if kept / count > TARGET_BYTES_PER_ROW else ''}",
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
        f"us per step, {NUM_LOOKUPS:,} lookups of rows of {DIM} numbers, float32, medians of {NUM_ROUNDS} rounds "
        f"of {NUM_STEPS} steps in turn",
        ["", "ours", "torch", "relative to torch", "target"],
        [compare(name, count) for count in (10_000, 1_000_000) for name in OPTIMIZERS],
    )
    table(
        f"Cost of a step of Adam (target: the largest at most {TARGET_GROWTH} x the smallest, at most "
        f"{TARGET_BYTES_PER_ROW} bytes per row in use from a million rows on, and kept)",
        ["rows", "us", "x the smallest", "MB of table and state", "peak MB", "bytes per row", "kept"],
        scale(),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
