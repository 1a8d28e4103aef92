"""Benchmark of sweeps: compared with torch.optim and JAX, and for increasing numbers of runs.

``python bench_sweeps.py LIBRARY DATA`` is the whole script that is measured: it imports one library, and runs once.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

# All libraries use one core. This must be set before they are imported.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ.update(
    OMP_NUM_THREADS="1",
    OPENBLAS_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
    XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    JAX_PLATFORMS="cpu",
    JAX_ENABLE_X64="1",
)

import numpy as np

# Libraries are imported in the functions that use them, because imports are a part of what is measured.
# Target speed relative to the other libraries. A lower speed is marked in the output.
TARGET_TORCH, TARGET_JAX = 1.5, 1.2

NUM_STEPS = 500
ROUNDS = 5
START = (-1.0, -1.0)
OPTIMIZERS = ("SGD", "Adagrad", "RMSProp", "Adam")
RHO, BETA1, BETA2 = 0.9, 0.9, 0.999
EPS = {"Adagrad": 1e-10, "RMSProp": 1e-8, "Adam": 1e-8}

Compute = Callable[[], dict[str, Any]]
"""Computes the runs of all optimizers, and returns the result of each by name."""


def run_ours(rates: Any, problems: Any, metric: str = "final_loss") -> dict[str, Any]:
    from adaptive_optim import SGD, Adagrad, Adam, RMSProp, sweep

    column = rates[:, None]
    optimizers = {
        "SGD": SGD(column),
        "Adagrad": Adagrad(column, eps=EPS["Adagrad"]),
        "RMSProp": RMSProp(column, rho=RHO, eps=EPS["RMSProp"]),
        "Adam": Adam(column, beta1=BETA1, beta2=BETA2, eps=EPS["Adam"]),
    }
    runs = sweep(optimizers, problems, NUM_STEPS, start=START, metrics=metric)[metric]
    return {name: runs.sel(optimizer=name).values for name in OPTIMIZERS}


def losses(params: Any, hessian: Any, minimum: Any) -> Any:
    x, y = params[0] - minimum[:, 0], params[1] - minimum[:, 1]
    return (hessian[:, 0, 0] * x * x + 2 * hessian[:, 0, 1] * x * y + hessian[:, 1, 1] * y * y) / 2


def run_torch(rates: Any, problems: Any, terms: Any) -> tuple[Compute, Compute]:
    """Return functions that compute final losses and final parameters with torch.optim.

    There is a parameter group for each rate. All groups are contiguous in memory, so they share one gradient.
    """
    import torch

    torch.set_num_threads(1)
    hessians, slopes = (torch.from_numpy(each) for each in terms)
    hessian, minimum = (torch.tensor(each) for each in (problems.hessian, problems.minimum))
    shape = (len(rates), len(problems.minimum))
    groups = [(rate, torch.from_numpy(np.flatnonzero(rates == rate))) for rate in np.unique(rates)]
    constructors: dict[str, Any] = {
        "SGD": torch.optim.SGD,
        "Adagrad": partial(torch.optim.Adagrad, eps=EPS["Adagrad"]),
        "RMSProp": partial(torch.optim.RMSprop, alpha=RHO, eps=EPS["RMSProp"]),
        "Adam": partial(torch.optim.Adam, betas=(BETA1, BETA2), eps=EPS["Adam"]),
    }

    def final_params(name: str) -> Any:
        # Several groups are views, which needs the runs on the first axis. Otherwise the coordinates are first.
        has_groups = len(groups) > 1
        params = torch.empty((shape[0], 2, shape[1]) if has_groups else (2, *shape), dtype=torch.float64)
        first = params.transpose(0, 1) if has_groups else params
        first[:] = torch.tensor(START, dtype=torch.float64)[:, None, None]
        grads = torch.empty_like(params)
        out = grads.transpose(0, 1) if has_groups else grads
        parts = []
        for rate, where in groups:
            part = slice(int(where[0]), int(where[-1]) + 1) if has_groups else slice(None)
            weights = torch.nn.Parameter(params[part])
            weights.grad = grads[part]
            parts.append({"params": [weights], "lr": float(rate)})
        optimizer = constructors[name](parts)
        with torch.no_grad():
            for step in range(NUM_STEPS):
                products = hessians[step][:, :, None] * first
                torch.add(products[:, 0], products[:, 1], out=out)
                out -= slopes[step][:, None]
                optimizer.step()
        return first

    return (
        lambda: {name: losses(final_params(name), hessian, minimum).numpy() for name in OPTIMIZERS},
        lambda: {name: final_params(name).numpy() for name in OPTIMIZERS},
    )


def run_jax(rates: Any, problems: Any, terms: Any) -> tuple[Compute, Compute]:
    """Return functions that compute final losses and final parameters with jit(vmap(scan))."""
    import jax
    from jax import numpy as jnp

    terms = tuple(map(jnp.asarray, terms))
    hessian, minimum, columns = (jnp.asarray(each) for each in (problems.hessian, problems.minimum, rates))

    def update(name: str, rate: Any, t: Any, state: Any, grad: Any) -> tuple[Any, Any]:
        if name == "SGD":
            return state, rate * grad
        if name == "Adagrad":
            total = state + grad**2
            return total, rate / (jnp.sqrt(total) + EPS[name]) * grad
        if name == "RMSProp":
            mean = RHO * state + (1 - RHO) * grad**2
            return mean, rate / (jnp.sqrt(mean) + EPS[name]) * grad
        m = BETA1 * state[0] + (1 - BETA1) * grad
        v = BETA2 * state[1] + (1 - BETA2) * grad**2
        divisor = jnp.sqrt(v / (1 - BETA2**t)) + EPS[name]
        return (m, v), rate / divisor * (m / (1 - BETA1**t))

    def run(name: str, rate: Any, hessians: Any, slopes: Any) -> Any:
        def step(carry: Any, term: Any) -> tuple[Any, None]:
            params, state = carry
            t, matrix, slope = term
            grad = matrix[:, 0] * params[0] + matrix[:, 1] * params[1] - slope
            state, change = update(name, rate, t, state, grad)
            return (params - change, state), None

        start = jnp.array(START)
        state = (0 * start, 0 * start) if name == "Adam" else 0 * start
        times = jnp.arange(1.0, NUM_STEPS + 1)
        return jax.lax.scan(step, (start, state), (times, hessians, slopes))[0][0]

    compiled = {}
    for name in OPTIMIZERS:
        on_all = jax.vmap(partial(run, name), (None, -1, -1), -1)
        compiled[name] = jax.jit(jax.vmap(on_all, (0, None, None), 1))
    loss = jax.jit(lambda params: losses(params, hessian, minimum))
    return (
        lambda: {name: np.asarray(loss(run(columns, *terms))) for name, run in compiled.items()},
        lambda: {name: np.asarray(run(columns, *terms)) for name, run in compiled.items()},
    )


def terms_of(problems: Any) -> tuple[Any, Any]:
    """Return the Hessian and the constant term of the gradient of each step."""
    from adaptive_optim.problems import batch_terms

    hessians, slopes = zip(*(batch_terms(problems, step) for step in range(NUM_STEPS)), strict=True)
    return np.stack(hessians), np.stack(slopes)


def run_whole_script(library: str, path: str) -> None:
    """Import a library, run all optimizers once, and save the final losses. Ours creates the problems, too."""
    data = np.load(path)
    if library == "ours":
        from adaptive_optim import ProblemStack

        losses_by_name = run_ours(data["rates"], ProblemStack.from_product(seed=range(len(data["minimum"]))))
    else:
        run = {"torch": run_torch, "jax": run_jax}[library]
        problems = SimpleNamespace(hessian=data["hessian"], minimum=data["minimum"])
        losses_by_name = run(data["rates"], problems, (data["hessians"], data["slopes"]))[0]()
    np.savez(f"{path}.{library}.npz", **losses_by_name)


def compare_whole_scripts(title: str, rates: Any, problems: Any, rounds: int = ROUNDS) -> list[str]:
    """Measure whole scripts, with imports and compilation, in turn, and check that they have the same results.

    In seconds of the processor, which other programs hardly influence. Each script has one core.
    """
    libraries = ("ours", "torch", "jax")
    times: dict[str, list[float]] = {library: [] for library in libraries}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "data.npz")
        hessians, slopes = terms_of(problems)
        np.savez(
            path,
            rates=rates,
            hessian=problems.hessian,
            minimum=problems.minimum,
            hessians=hessians,
            slopes=slopes,
        )
        for _ in range(rounds):
            for library in libraries:
                began = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
                subprocess.run([sys.executable, __file__, library, path], check=True)
                times[library].append(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - began)
        results = [np.load(f"{path}.{library}.npz") for library in libraries]
        for result in results[1:]:
            for name in OPTIMIZERS:
                found = result[name].reshape(results[0][name].shape)
                np.testing.assert_allclose(found, results[0][name], rtol=1e-9, atol=1e-9)
    ratios = [statistics.median(np.divide(times[name], times["ours"]).tolist()) for name in libraries[1:]]
    return [
        title,
        *(f"{statistics.median(times[library]):.2f}" for library in libraries),
        *(f"{ratio:.2f}" for ratio in ratios),
    ]


def compare(title: str, rates: Any, problems: Any, rounds: int = ROUNDS) -> list[str]:
    """Check that all libraries have the same results, and measure the time of each in turn."""
    terms = terms_of(problems)
    torch_losses, torch_params = run_torch(rates, problems, terms)
    began = perf_counter()
    jax_losses, jax_params = run_jax(rates, problems, terms)
    jax_losses()
    compiling = perf_counter() - began
    expected = run_ours(rates, problems, "final_params")
    for params in (torch_params(), jax_params()):
        for name in OPTIMIZERS:
            found = np.moveaxis(params[name], 0, -1).reshape(expected[name].shape)
            np.testing.assert_allclose(found, expected[name], rtol=1e-9, atol=1e-9)
    functions: dict[str, Compute] = {
        "ours": lambda: run_ours(rates, problems),
        "torch": torch_losses,
        "jax": jax_losses,
    }
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, compute in functions.items():
            began = perf_counter()
            compute()
            times[name].append(perf_counter() - began)
    runs = len(rates) * len(problems.problems) * len(OPTIMIZERS)
    speeds = [f"{runs / statistics.median(times[name]):,.0f}" for name in functions]
    ratios = []
    for name, target in (("torch", TARGET_TORCH), ("jax", TARGET_JAX)):
        ratio = statistics.median(np.divide(times[name], times["ours"]).tolist())
        ratios.append(f"{ratio:.2f}{' BELOW' if ratio < target else ''}")
    return [title, *speeds, *ratios, f"{compiling:.1f}"]


def scale() -> list[list[str]]:
    """Measure time and memory of a sweep for increasing numbers of runs."""
    from adaptive_optim import Adam, ProblemStack, sweep

    rows, before = [], float("nan")
    stacks = {count: ProblemStack.from_product(seed=range(count)) for count in (10, 100, 250)}
    for runs in (10, 100, 1_000, 10_000, 100_000, 1_000_000):
        problems = stacks[min(runs, 250)]
        rates = np.logspace(-4, -1, runs // len(problems.problems))
        run = partial(sweep, {"Adam": Adam(rates[:, None])}, problems, NUM_STEPS, metrics="final_loss")
        sweep({"Adam": Adam(0.1)}, problems, NUM_STEPS)
        began = perf_counter()
        run()
        each = (perf_counter() - began) / runs
        tracemalloc.start()
        result = run()
        at_most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ratio = "" if np.isnan(before) else f"{each / before:.2f}"
        rows.append(
            [
                f"{runs:,}",
                f"{1e6 * each:,.2f}",
                ratio,
                f"{at_most / 1e6:.2f}",
                f"{result.nbytes / 1e6:.2f}",
                f"{resident / (1e6 if sys.platform == 'darwin' else 1e3):,.0f}",
            ]
        )
        before = each
    return rows


def table(title: str, head: list[str], rows: list[list[str]]) -> None:
    print(f"\n{title}")
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in [head, *rows]:
        first, *others = (
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]))
    sys.stdout.flush()


def main() -> int:
    try:
        import jax
        import torch
    except ModuleNotFoundError as error:
        sys.exit(
            f"This compares with torch and jax: {error}. To install them: .venv/bin/pip install -e '.[oracle]'"
        )
    from adaptive_optim import ProblemStack

    print(
        f"{platform.processor() or platform.machine()}, one core, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, torch {torch.__version__}, jax {jax.__version__}"
    )
    problems, few = ProblemStack.from_product(seed=range(250)), ProblemStack.from_product(seed=range(100))
    whole = {"10,000 runs at one rate": np.full(40, 0.01), "10,000 runs, 40 rates x 250": np.logspace(-4, -1, 40)}
    table(
        f"CPU seconds of a whole script with imports and compilation, {NUM_STEPS} steps, "
        f"{len(OPTIMIZERS)} optimizers, float64, medians of {ROUNDS} rounds in turn",
        ["", "ours", "torch", "jax", "x torch", "x jax"],
        [compare_whole_scripts(title, rates, problems) for title, rates in whole.items()],
    )
    rows = [
        compare("10,000 runs, 40 rates x 250 problems", np.logspace(-4, -1, 40), problems),
        compare("10,000 runs at one rate", np.full(40, 0.01), problems),
        compare("100 runs at one rate", np.full(1, 0.01), few),
        compare("1 run", np.full(1, 0.01), ProblemStack.from_product(seed=[0])),
    ]
    table(
        f"Runs per second, {NUM_STEPS} steps, {len(OPTIMIZERS)} optimizers, float64, medians of {ROUNDS} rounds "
        f"in turn (target: {TARGET_TORCH} x torch, {TARGET_JAX} x jax)",
        ["", "ours", "torch", "jax", "x torch", "x jax", "s to compile jax"],
        rows,
    )
    table(
        f"Cost of a sweep, {NUM_STEPS} steps of Adam",
        ["runs", "us each", "x previous row", "peak MB", "MB of results", "MB resident"],
        scale(),
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_whole_script(*sys.argv[1:]) if sys.argv[1:] else main())
