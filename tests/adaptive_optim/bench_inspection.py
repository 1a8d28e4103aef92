"""Time how much of a training step RateRecorder takes, and how long the rates of a large Adam take to read."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from contextlib import nullcontext
from time import process_time
from typing import Any

# One core for everyone: before the libraries count them.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np

from adaptive_optim import RateRecorder, effective_rates

try:
    import torch
except ModuleNotFoundError as error:
    sys.exit(f"This reads the optimizers of torch: {error}. To install it: .venv/bin/pip install -e '.[oracle]'")

# Goals, not enforced.
SHARE_OF_STEP = 0.02
SECONDS = 0.1

EVERY = 100
NUM_STEPS = 100
ROUNDS = 41
LARGE = 10_000_000


def network() -> tuple[Any, Any, Any]:
    """Return a network of 109,386 parameters, its Adam and a batch of 64 images of 28 x 28."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 10),
    )
    batch = torch.randn(64, 784), torch.randint(10, (64,))
    return model, torch.optim.Adam(model.parameters()), batch


def train(model: Any, optimizer: Any, batch: Any, recorder: Any) -> float:
    """Return the processor seconds of one step: other programs may run beside it."""
    inputs, targets = batch
    loss = torch.nn.CrossEntropyLoss()
    with recorder:
        began = process_time()
        for _ in range(NUM_STEPS):
            optimizer.zero_grad()
            loss(model(inputs), targets).backward()
            optimizer.step()
        return (process_time() - began) / NUM_STEPS


def share() -> tuple[float, float, float]:
    """Return the seconds of a step, the share of the recorder alone, and the median difference between loops."""
    model, optimizer, batch = network()
    train(model, optimizer, batch, nullcontext())
    pairs = []
    for _ in range(ROUNDS):
        recorder = RateRecorder(optimizer, every=EVERY, names=model.named_parameters())
        with_it = train(model, optimizer, batch, recorder)
        pairs.append((train(model, optimizer, batch, nullcontext()), with_it))
    step = statistics.median(without for without, _ in pairs)
    recorder = RateRecorder(optimizer, every=EVERY, names=model.named_parameters())
    costs = []
    for _ in range(ROUNDS):
        began = process_time()
        for _ in range(EVERY):
            recorder.before_step()
            recorder.after_step()
        costs.append((process_time() - began) / EVERY)
    paired = statistics.median((with_it - without) / without for without, with_it in pairs)
    return step, statistics.median(costs) / step, paired


def large() -> float:
    """Return the processor seconds that the rates of ten million parameters take."""
    param = torch.nn.Parameter(torch.randn(LARGE))
    optimizer = torch.optim.Adam([param])
    param.grad = torch.randn(LARGE)
    optimizer.step()
    times = []
    for _ in range(ROUNDS):
        began = process_time()
        effective_rates(optimizer)
        times.append(process_time() - began)
    return statistics.median(times)


def main() -> None:
    """Print the results beside the goals."""
    torch.set_num_threads(1)
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, torch {torch.__version__}, one core"
    )
    step, own, paired = share()
    print(f"A step of the network: {1e3 * step:.2f} ms")
    print(f"RateRecorder with every={EVERY}: {own:.1%} of a step (goal {SHARE_OF_STEP:.0%})")
    print(f"The same by the difference between loops with and without it, in turn: {paired:.1%}")
    print(f"effective_rates of {LARGE:,} parameters of Adam: {large():.3f} s (goal {SECONDS} s)")


if __name__ == "__main__":
    main()
