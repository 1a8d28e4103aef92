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
from unittest.mock import patch

import numpy as np

from adaptive_optim import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    CenteredRMSProp,
    Lion,
    Momentum,
    Muon,
    NAdam,
    Nesterov,
    RMSProp,
    SignSGD,
)

RECORD = Path(__file__).with_name("reference.json")
LIBRARIES = ("torch", "optax")
START = (1.5, -2.5)
NUM_STEPS = 200
MATRIX = ((1.5, -2.5), (0.5, 1.0), (-0.75, 2.0))
RECORDED_STEPS = slice(7, None, 8)
"""The record has every eighth step only, because each depends on all steps before it."""


class Parity(NamedTuple):
    ours: Any
    torch: Callable[[Any, Any, Any], Any] | None
    """Function of ``torch.optim``, the parameters and our settings that returns an optimizer; None without one."""
    optax: Callable[[Any, Any], Any]
    """Function of ``optax`` and our settings that returns an optimizer, or None if the definitions differ."""
    settings: tuple[dict[str, Any], ...]
    start: Any = START
    """Initial parameters."""


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
    "Nesterov": Parity(
        Nesterov,
        torch=lambda optim, params, our: optim.SGD(
            params, lr=our["learning_rate"], momentum=our["beta"], nesterov=True
        ),
        optax=lambda optax, our: optax.sgd(our["learning_rate"], momentum=our["beta"], nesterov=True),
        settings=({"learning_rate": 0.05, "beta": 0.9}, {"learning_rate": 0.01, "beta": 0.995}),
    ),
    "CenteredRMSProp": Parity(
        CenteredRMSProp,
        torch=lambda optim, params, our: optim.RMSprop(
            params, lr=our["learning_rate"], alpha=our["rho"], eps=our["eps"], centered=True
        ),
        optax=lambda optax, our: optax.rmsprop(
            our["learning_rate"], decay=our["rho"], eps=our["eps"], eps_in_sqrt=False, centered=True
        ),
        settings=(
            {"learning_rate": 0.02, "rho": 0.9, "eps": 1e-4},
            {"learning_rate": 0.01, "rho": 0.99, "eps": 0.3},
        ),
    ),
    "Adadelta": Parity(
        Adadelta,
        torch=lambda optim, params, our: optim.Adadelta(
            params, lr=our["learning_rate"], rho=our["rho"], eps=our["eps"]
        ),
        optax=lambda optax, our: optax.adadelta(our["learning_rate"], rho=our["rho"], eps=our["eps"]),
        settings=(
            {"learning_rate": 1.0, "rho": 0.95, "eps": 1e-6},
            {"learning_rate": 0.5, "rho": 0.6, "eps": 0.01},
        ),
    ),
    "AdamW": Parity(
        AdamW,
        torch=lambda optim, params, our: optim.AdamW(
            params,
            lr=our["learning_rate"],
            betas=(our["beta1"], our["beta2"]),
            eps=our["eps"],
            weight_decay=our["weight_decay"],
        ),
        optax=lambda optax, our: optax.adamw(
            our["learning_rate"], our["beta1"], our["beta2"], eps=our["eps"], weight_decay=our["weight_decay"]
        ),
        settings=(
            {"learning_rate": 0.02, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
            {"learning_rate": 0.05, "beta1": 0.7, "beta2": 0.99, "eps": 0.3, "weight_decay": 2.0},
        ),
    ),
    "AMSGrad": Parity(
        AMSGrad,
        torch=lambda optim, params, our: _without_bias_correction(
            optim.Adam(params, betas=(our["beta1"], our["beta2"]), amsgrad=True), our
        ),
        optax=lambda optax, our: optax.amsgrad(
            our["learning_rate"],
            our["beta1"],
            our["beta2"],
            eps=our["eps"],
            bias_correction_mu=False,
            bias_correction_nu=False,
        ),
        settings=(
            {"learning_rate": 0.02, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
            {"learning_rate": 0.05, "beta1": 0.7, "beta2": 0.8, "eps": 0.3},
        ),
    ),
    # With such a decay of the momentum, PyTorch's momentum is beta1 from the first step on.
    "NAdam": Parity(
        NAdam,
        torch=lambda optim, params, our: optim.NAdam(
            params,
            lr=our["learning_rate"],
            betas=(our["beta1"], our["beta2"]),
            eps=our["eps"],
            momentum_decay=1e6,
        ),
        optax=lambda optax, our: optax.nadam(our["learning_rate"], our["beta1"], our["beta2"], eps=our["eps"]),
        settings=(
            {"learning_rate": 0.02, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
            {"learning_rate": 0.05, "beta1": 0.7, "beta2": 0.99, "eps": 0.3},
        ),
    ),
    "Lion": Parity(
        Lion,
        torch=None,
        optax=lambda optax, our: optax.lion(
            our["learning_rate"], our["beta1"], our["beta2"], weight_decay=our["weight_decay"]
        ),
        settings=(
            {"learning_rate": 0.02, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0},
            {"learning_rate": 0.05, "beta1": 0.6, "beta2": 0.7, "weight_decay": 0.5},
        ),
    ),
    "SignSGD": Parity(
        SignSGD,
        torch=None,
        optax=lambda optax, our: optax.sign_sgd(our["learning_rate"]),
        settings=({"learning_rate": 0.05}, {"learning_rate": 1.7}),
    ),
    **{
        name: Parity(
            Adafactor,
            # PyTorch multiplies by the scale of the parameters, or by the second eps if that is larger.
            torch=lambda optim, params, our: optim.Adafactor(
                params, lr=our["learning_rate"] / 1e6, eps=(1e-30, 1e6), d=our["clipping_threshold"]
            ),
            # The alias optax.adafactor computes the decay in float32.
            optax=lambda optax, our: optax.chain(
                optax.scale_by_factored_rms(
                    min_dim_size_to_factor=2,
                    epsilon=our["eps"],
                    decay_rate_fn=lambda t, rate: 1 - (t + 1.0) ** -rate,
                ),
                optax.clip_by_block_rms(our["clipping_threshold"]),
                optax.scale(-our["learning_rate"]),
            ),
            settings=(
                {"learning_rate": 0.02, "clipping_threshold": 1.0, "eps": 1e-30},
                {"learning_rate": 0.05, "clipping_threshold": 1.7, "eps": 1e-30},
            ),
            start=start,
        )
        for name, start in {"Adafactor": MATRIX, "Adafactor of a vector": START}.items()
    },
    # Optax takes the rows of a matrix as its inputs by default, and corrects the bias of Nesterov's velocity.
    **{
        name: Parity(
            Muon,
            torch=lambda optim, params, our: optim.Muon(
                params,
                lr=our["learning_rate"],
                weight_decay=our["weight_decay"],
                momentum=our["beta"],
                nesterov=our["nesterov"],
                eps=our["eps"],
            ),
            optax=lambda optax, our: (
                None
                if our["nesterov"]
                else optax.contrib.muon(
                    our["learning_rate"],
                    beta=our["beta"],
                    eps=our["eps"],
                    weight_decay=our["weight_decay"],
                    nesterov=False,
                    muon_weight_dimension_numbers=optax.contrib.MuonDimensionNumbers(1, 0),
                )
            ),
            settings=(
                {"learning_rate": 0.02, "beta": 0.95, "eps": 1e-30, "weight_decay": 0.1, "nesterov": True},
                {"learning_rate": 0.05, "beta": 0.6, "eps": 1e-30, "weight_decay": 0.0, "nesterov": False},
            ),
            start=start,
        )
        for name, start in {"Muon": MATRIX, "Muon of a wide matrix": tuple(zip(*MATRIX, strict=True))}.items()
    },
}
CASES = {
    f"{name}({', '.join(f'{key}={float(value):g}' for key, value in our.items())})": (row, our)
    for name, row in PARITY.items()
    for our in row.settings
}


def gradients(start: Any = START) -> np.ndarray:
    """Return a gradient for each step, equal on every machine, ``(NUM_STEPS, *shape)``.

    They are integers from a linear congruential generator divided by 16, so they are exact in float32. A vector has
    a dense and a sparse coordinate. The sparse one has no gradient in the first 20 steps, and then in about every
    eighth step. A matrix is dense.
    """
    state = 1

    def draw(below: int) -> int:
        nonlocal state
        state = (1103515245 * state + 12345) % 2**31
        return (state >> 12) % below

    def nonzero() -> float:
        return (1 - 2 * draw(2)) * (1 + draw(64)) / 16

    if np.ndim(start) == 2:
        return np.array([nonzero() for _ in range(NUM_STEPS * np.size(start))]).reshape(NUM_STEPS, *np.shape(start))
    return np.array([(nonzero(), nonzero() if step >= 20 and draw(8) == 0 else 0.0) for step in range(NUM_STEPS)])


def trajectory(library: str, case: str) -> np.ndarray | None:
    """Return the parameters after each step, ``(size, NUM_STEPS)``, or None if the library has no equal method."""
    row, our = CASES[case]
    return _torch(row, our) if library == "torch" else _optax(row, our)


def _without_bias_correction(optimizer: Any, our: dict[str, Any]) -> Any:
    """Return PyTorch's AMSGrad with a rate and an eps for each step that cancel its bias corrections."""
    t = 0

    def set_rate(*_: Any) -> None:
        nonlocal t
        t += 1
        correction = (1 - our["beta2"] ** t) ** 0.5
        group = optimizer.param_groups[0]
        group["lr"] = our["learning_rate"] * (1 - our["beta1"] ** t) / correction
        group["eps"] = our["eps"] / correction

    optimizer.register_step_pre_hook(set_rate)
    return optimizer


def _torch(row: Parity, our: dict[str, Any]) -> np.ndarray | None:
    if row.torch is None:
        return None
    torch = importlib.import_module("torch")
    params = torch.tensor(row.start, dtype=torch.float64)
    # NAdam keeps a product in the default dtype, and Muon computes in bfloat16.
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
            optimizer = row.torch(torch.optim, [params], our)
            path = []
            for grad in gradients(row.start):
                params.grad = torch.tensor(grad)
                optimizer.step()
                path.append(params.flatten().tolist())
    finally:
        torch.set_default_dtype(default)
    return np.array(path).T


def _optax(row: Parity, our: dict[str, Any]) -> np.ndarray | None:
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
        start = jax.numpy.array(row.start, dtype=jax.numpy.float64)
        _, path = jax.lax.scan(step, (start, optimizer.init(start)), jax.numpy.array(gradients(row.start)))
        return np.asarray(path).reshape(NUM_STEPS, -1).T


def main() -> None:
    """Write the record."""
    versions = {name: importlib.import_module(name).__version__ for name in ("torch", "optax", "jax", "numpy")}
    paths = {f"{library} {case}": trajectory(library, case) for case in CASES for library in LIBRARIES}
    lines = [
        f"{json.dumps(name)}: "
        + json.dumps([[float(f"{x:.13g}") for x in row] for row in path[:, RECORDED_STEPS]], separators=(",", ":"))
        for name, path in paths.items()
        if path is not None
    ]
    body = ",\n".join(lines)
    RECORD.write_text(f'{{"versions": {json.dumps(versions)},\n"trajectories": {{\n{body}\n}}}}\n')


if __name__ == "__main__":
    main()
