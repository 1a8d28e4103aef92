"""The parity table: the same optimizers in ``torch.optim`` and Optax.

``python tests/adaptive_optim/record_reference.py`` runs both libraries and writes ``reference.json``, which the
tests use where the libraries are not installed.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from adaptive_optim import SGD, Adagrad, Adam, Momentum, RMSProp

RECORD = Path(__file__).with_name("reference.json")
LIBRARIES = ("torch", "optax")
START = (1.5, -2.5)
NUM_STEPS = 200


class Parity(NamedTuple):
    ours: Any
    torch: Callable[[Any, Any, Any], Any]
    """Function of ``torch.optim``, the parameters and our settings that returns an optimizer."""
    optax: Callable[[Any, Any], Any]
    """Function of ``optax`` and our settings that returns an optimizer, or None if the definitions differ."""
    settings: tuple[dict[str, float], ...]


# One row per optimizer. All settings are explicit, because the defaults of the libraries differ.
#
# Optax's Adagrad divides by sqrt(G + eps), ours by sqrt(G) + eps. Gradients here are 0 or at least 1/16, so G is 0
# or at least 1/256, and eps = 1e-30 has no effect on either. For a larger eps only torch is the reference.
PARITY = {
    "SGD": Parity(
        SGD,
        torch=lambda optim, params, our: optim.SGD(params, lr=our["learning_rate"]),
        optax=lambda optax, our: optax.sgd(our["learning_rate"]),
        settings=({"learning_rate": 0.05}, {"learning_rate": 1.7}),
    ),
    "Momentum": Parity(
        Momentum,
        torch=lambda optim, params, our: optim.SGD(params, lr=our["learning_rate"], momentum=our["beta"]),
        optax=lambda optax, our: optax.sgd(our["learning_rate"], momentum=our["beta"]),
        settings=({"learning_rate": 0.05, "beta": 0.9}, {"learning_rate": 0.01, "beta": 0.995}),
    ),
    "Adagrad": Parity(
        Adagrad,
        torch=lambda optim, params, our: optim.Adagrad(
            params,
            lr=our["learning_rate"],
            initial_accumulator_value=our["initial_accumulator_value"],
            eps=our["eps"],
        ),
        optax=lambda optax, our: (
            optax.adagrad(our["learning_rate"], our["initial_accumulator_value"], eps=our["eps"])
            if our["eps"] <= 1e-30
            else None
        ),
        settings=(
            {"learning_rate": 0.5, "initial_accumulator_value": 0.0, "eps": 1e-30},
            {"learning_rate": 0.1, "initial_accumulator_value": 2.5, "eps": 1e-30},
            {"learning_rate": 2.0, "initial_accumulator_value": 0.1, "eps": 0.3},
        ),
    ),
    "RMSProp": Parity(
        RMSProp,
        torch=lambda optim, params, our: optim.RMSprop(
            params, lr=our["learning_rate"], alpha=our["rho"], eps=our["eps"]
        ),
        optax=lambda optax, our: optax.rmsprop(
            our["learning_rate"], decay=our["rho"], eps=our["eps"], eps_in_sqrt=False
        ),
        settings=(
            {"learning_rate": 0.02, "rho": 0.9, "eps": 1e-8},
            {"learning_rate": 0.01, "rho": 0.99, "eps": 0.3},
            {"learning_rate": 0.1, "rho": 0.0, "eps": 1e-8},
        ),
    ),
    "Adam": Parity(
        Adam,
        torch=lambda optim, params, our: optim.Adam(
            params, lr=our["learning_rate"], betas=(our["beta1"], our["beta2"]), eps=our["eps"]
        ),
        optax=lambda optax, our: optax.adam(our["learning_rate"], our["beta1"], our["beta2"], eps=our["eps"]),
        settings=(
            {"learning_rate": 0.02, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
            {"learning_rate": 0.1, "beta1": 0.0, "beta2": 0.9, "eps": 1e-8},
            {"learning_rate": 0.05, "beta1": 0.7, "beta2": 0.99, "eps": 0.3},
        ),
    ),
}
CASES = {
    f"{name}({', '.join(f'{key}={value:g}' for key, value in our.items())})": (row, our)
    for name, row in PARITY.items()
    for our in row.settings
}


def gradients() -> list[tuple[float, float]]:
    """Return a gradient for each step, with a dense and a sparse coordinate, equal on every machine.

    They are integers from a linear congruential generator divided by 16, so they are exact in float32. The sparse
    coordinate has no gradient in the first 20 steps, and then in about every eighth step.
    """
    state = 1

    def draw(below: int) -> int:
        nonlocal state
        state = (1103515245 * state + 12345) % 2**31
        return (state >> 12) % below

    def nonzero() -> float:
        return (1 - 2 * draw(2)) * (1 + draw(64)) / 16

    return [(nonzero(), nonzero() if step >= 20 and draw(8) == 0 else 0.0) for step in range(NUM_STEPS)]


def trajectory(library: str, case: str) -> np.ndarray | None:
    """Return the parameters after each step of a library, ``(2, NUM_STEPS)``, or None if its definition differs."""
    row, our = CASES[case]
    return _torch(row, our) if library == "torch" else _optax(row, our)


def _torch(row: Parity, our: dict[str, float]) -> np.ndarray:
    torch = importlib.import_module("torch")
    params = torch.tensor(START, dtype=torch.float64)
    optimizer = row.torch(torch.optim, [params], our)
    path = []
    for grad in gradients():
        params.grad = torch.tensor(grad, dtype=torch.float64)
        optimizer.step()
        path.append(params.tolist())
    return np.array(path).T


def _optax(row: Parity, our: dict[str, float]) -> np.ndarray | None:
    jax, optax = importlib.import_module("jax"), importlib.import_module("optax")
    optimizer = row.optax(optax, our)
    if optimizer is None:
        return None

    def step(carry: Any, grad: Any) -> Any:
        params, state = carry
        updates, state = optimizer.update(grad, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    with jax.enable_x64(True):
        start = jax.numpy.array(START, dtype=jax.numpy.float64)
        _, path = jax.lax.scan(step, (start, optimizer.init(start)), jax.numpy.array(gradients()))
        return np.asarray(path).T


def main() -> None:
    """Write the record."""
    versions = {name: importlib.import_module(name).__version__ for name in ("torch", "optax", "jax", "numpy")}
    paths = {f"{library} {case}": trajectory(library, case) for case in CASES for library in LIBRARIES}
    lines = [
        f"{json.dumps(name)}: "
        + json.dumps([[float(f"{x:.13g}") for x in row] for row in path], separators=(",", ":"))
        for name, path in paths.items()
        if path is not None
    ]
    body = ",\n".join(lines)
    RECORD.write_text(f'{{"versions": {json.dumps(versions)},\n"trajectories": {{\n{body}\n}}}}\n')


if __name__ == "__main__":
    main()
