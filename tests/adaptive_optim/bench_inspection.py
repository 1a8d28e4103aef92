"""Time RateRecorder as a share of a training step, and effective_rates for a large Adam."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from contextlib import nullcontext
from time import process_time
from typing import Any

# One core for all libraries. They read these settings on import.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np

from adaptive_optim import RateRecorder, effective_rates

try:
    import torch
except ModuleNotFoundError as error:
    sys.exit(f"This benchmark needs torch: {error}. To install it: .venv/bin/pip install -e '.[oracle]'")

# Goals, not enforced.
MAX_SHARE = 0.02
MAX_SECONDS = 0.1

EVERY = 100
NUM_STEPS = 100
NUM_ROUNDS = 41
NUM_PARAMETERS = 10_000_000


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
    """Return the processor time of one step in seconds, which other programs do not change much."""
    inputs, targets = batch
    loss = torch.nn.CrossEntropyLoss()
    with recorder:
        start = process_time()
        for _ in range(NUM_STEPS):
            optimizer.zero_grad()
            loss(model(inputs), targets).backward()
            optimizer.step()
        return (process_time() - start) / NUM_STEPS


def recorder_share() -> tuple[float, float, float]:
    """Return the seconds of a step, and the share of the recorder, measured alone and as a difference of loops."""
    model, optimizer, batch = network()
    train(model, optimizer, batch, nullcontext())
    pairs = []
    for _ in range(NUM_ROUNDS):
        recorder = RateRecorder(optimizer, every=EVERY, names=model.named_parameters())
        recorded = train(model, optimizer, batch, recorder)
        pairs.append((train(model, optimizer, batch, nullcontext()), recorded))
    step = statistics.median(plain for plain, _ in pairs)
    recorder = RateRecorder(optimizer, every=EVERY, names=model.named_parameters())
    costs = []
    for _ in range(NUM_ROUNDS):
        start = process_time()
        for _ in range(EVERY):
            recorder.before_step()
            recorder.after_step()
        costs.append((process_time() - start) / EVERY)
    paired = statistics.median((recorded - plain) / plain for plain, recorded in pairs)
    return step, statistics.median(costs) / step, paired


def large_adam() -> float:
    """Return the processor time of effective_rates for ten million parameters, in seconds."""
    param = torch.nn.Parameter(torch.randn(NUM_PARAMETERS))
    optimizer = torch.optim.Adam([param])
    param.grad = torch.randn(NUM_PARAMETERS)
    optimizer.step()
    times = []
    for _ in range(NUM_ROUNDS):
        start = process_time()
        effective_rates(optimizer)
        times.append(process_time() - start)
    return statistics.median(times)


def main() -> None:
    """Print the results beside the goals."""
    torch.set_num_threads(1)
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, torch {torch.__version__}, one core"
    )
    step, alone, paired = recorder_share()
    print(f"A step of the network: {1e3 * step:.2f} ms")
    print(f"RateRecorder with every={EVERY}: {alone:.1%} of a step (goal {MAX_SHARE:.0%})")
    print(f"The same, as the difference between alternating loops with and without it: {paired:.1%}")
    print(f"effective_rates of {NUM_PARAMETERS:,} parameters of Adam: {large_adam():.3f} s (goal {MAX_SECONDS} s)")


if __name__ == "__main__":
    main()
