"""Rates of the optimizers of ``torch.optim``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from adaptive_optim.inspection.arithmetic import (
    Array,
    Rates,
    adadelta,
    constant,
    inverse,
    inverse_root,
    rectification,
    to_numpy,
    without_gradient,
)
from adaptive_optim.inspection.reader import Reader, known_class, needs_recorder, not_stepped


class TorchReader(Reader):
    """Read the rates of an optimizer of ``torch.optim``."""

    arguments = ("names",)
    has_hooks = True

    @staticmethod
    def supports(optimizer: Any) -> bool:
        """Return whether the class is in RULES, or inherits the step of one that is."""
        return _class_of(optimizer) is not None

    def __init__(self, optimizer: Any, settings: Any, names: list[tuple[str, Any]] | None) -> None:
        """Raise if a parameter has no name of its own."""
        self._names = None if names is None else {id(param): name for name, param in names}
        list(self._parameters(optimizer))

    def read_before(self, optimizer: Any) -> Any:
        """Return a value by parameter for Adadelta and Adafactor."""
        read = READ_BEFORE.get(_class_of(optimizer))
        if read is None:
            return None
        return {name: read(optimizer.state.get(param), param) for name, _, param in self._parameters(optimizer)}

    def rates(self, optimizer: Any, before: Any = None, params: Any = None) -> Rates:
        """Return the rates by parameter; nan for those that were not in any step."""
        kind = _class_of(optimizer)
        assert kind is not None
        rates: Rates = {}
        has_stepped = False
        for name, group, param in self._parameters(optimizer):
            state = optimizer.state.get(param) or {}
            if kind == "SGD":
                is_new = bool(group["momentum"]) and state.get("momentum_buffer") is None
            else:
                is_new = not float(state.get("step", 0))
            has_stepped |= not is_new
            if is_new:
                rates[name] = constant(np.nan, to_numpy(param))
            elif kind not in READ_BEFORE:
                rates[name] = RULES[kind](group, state, param)
            elif before is None:
                raise needs_recorder(f"torch.optim.{kind}")
            else:
                rates[name] = RULES[kind](group, state, param, before[name])
        if not has_stepped:
            raise not_stepped()
        return rates

    def _parameters(self, optimizer: Any) -> Iterator[tuple[str, Any, Any]]:
        """Yield the name, the group and the tensor of each parameter."""
        used: set[str] = set()
        for group_number, group in enumerate(optimizer.param_groups):
            torch_names = group.get("param_names")
            for index, param in enumerate(group["params"]):
                name = f"group {group_number}, parameter {index}"
                if self._names is not None:
                    if id(param) not in self._names:
                        raise ValueError(f"names: no name for {name}, of shape {tuple(param.shape)}")
                    name = self._names[id(param)]
                elif torch_names:
                    name = torch_names[index]
                if name in used:
                    raise ValueError(f"names: {name!r} is the name of two parameters")
                if param.is_complex():
                    raise ValueError(f"optimizer: {name!r} is complex; only real parameters are supported")
                used.add(name)
                yield name, group, param


def _class_of(optimizer: Any) -> str | None:
    return known_class(optimizer, "torch.optim", "step", RULES)


def _bias_correction(group: Any, state: Any) -> float:
    return float(1 - float(group["betas"][1]) ** _step_count(group, state))


def _step_count(group: Any, state: Any) -> Any:
    """Return the number of steps. It is a tensor if torch computes the bias corrections in float32."""
    is_adam = "amsgrad" in group
    is_tensor = group.get("capturable") or (is_adam and group["differentiable"])
    return state["step"] if is_tensor else float(state["step"])


def _sgd(group: Any, state: Any, param: Any) -> Array:
    no_gradient = to_numpy(state["momentum_buffer"]) == 0 if group["momentum"] else False
    return constant(float(group["lr"]), to_numpy(param), no_gradient)


def _adagrad(group: Any, state: Any, param: Any) -> Array:
    squares = to_numpy(state["sum"])
    scale = float(group["lr"]) / (1 + (float(state["step"]) - 1) * group["lr_decay"])
    no_gradient = squares == squares.dtype.type(group["initial_accumulator_value"])
    return inverse_root(scale, squares, eps=group["eps"], no_gradient=no_gradient)


def _rmsprop(group: Any, state: Any, param: Any) -> Array:
    squares = to_numpy(state["square_avg"])
    no_gradient = squares == 0
    if group["centered"]:
        squares = squares - to_numpy(state["grad_avg"]) ** 2
    return inverse_root(float(group["lr"]), squares, eps=group["eps"], no_gradient=no_gradient)


def _adam(group: Any, state: Any, param: Any) -> Array:
    squares = to_numpy(state["exp_avg_sq"])
    no_gradient = without_gradient(squares, lambda: to_numpy(state["exp_avg"]))
    if group.get("amsgrad"):
        squares = to_numpy(state["max_exp_avg_sq"])
    factor = 1 / _bias_correction(group, state)
    return inverse_root(float(group["lr"]), squares, factor=factor, eps=group["eps"], no_gradient=no_gradient)


def _sparse_adam(group: Any, state: Any, param: Any) -> Array:
    squares = to_numpy(state["exp_avg_sq"])
    no_gradient = without_gradient(squares, lambda: to_numpy(state["exp_avg"]))
    scale = float(group["lr"]) * _bias_correction(group, state) ** 0.5
    return inverse_root(scale, squares, eps=group["eps"], no_gradient=no_gradient)


def _radam(group: Any, state: Any, param: Any) -> Array:
    squares, scale = to_numpy(state["exp_avg_sq"]), float(group["lr"])
    no_gradient = without_gradient(squares, lambda: to_numpy(state["exp_avg"]))
    factor = rectification(float(group["betas"][1]), _step_count(group, state), 5)
    if factor is None:
        return constant(scale, squares, no_gradient)
    scale *= factor * _bias_correction(group, state) ** 0.5
    return inverse_root(scale, squares, eps=group["eps"], no_gradient=no_gradient)


def _adamax(group: Any, state: Any, param: Any) -> Array:
    largest, mean = to_numpy(state["exp_inf"]), to_numpy(state["exp_avg"])
    # Without a gradient the largest is epsilon.
    no_gradient = (mean == 0) & (largest <= largest.dtype.type(group["eps"]))
    return inverse(float(group["lr"]), largest, no_gradient)


def _adadelta(group: Any, state: Any, param: Any, before: Any) -> Array:
    return adadelta(float(group["lr"]), to_numpy(state["square_avg"]), before, group["eps"])


def _adafactor(group: Any, state: Any, param: Any, before: float) -> Array:
    if param.grad is None:
        raise ValueError(
            "optimizer: the rates of torch.optim.Adafactor depend on the gradient; clear it after reading"
        )
    eps1, eps2 = group["eps"]
    if eps1 is None:
        # NumPy has no bfloat16.
        eps1 = 2.0**-7 if str(param.dtype) == "torch.bfloat16" else np.finfo(str(param.dtype)[6:]).eps
    scale = max(eps2, before) * min(float(group["lr"]), 1 / float(state["step"]) ** 0.5)
    if "variance" in state:
        squares = to_numpy(state["variance"])
    else:
        rows, columns = to_numpy(state["row_var"]), to_numpy(state["col_var"])
        squares = rows @ columns / np.maximum(rows.mean(axis=-2, keepdims=True), eps1)
    root = np.sqrt(np.maximum(squares, eps1 * eps1))
    clipping = max(1.0, _root_mean_square(to_numpy(param.grad) / root) / group["d"])
    return inverse(scale / clipping, root, squares == 0)


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=float))))


def _squared_updates(state: Any, param: Any) -> Array:
    if not state:
        return constant(0.0, to_numpy(param))
    return np.array(to_numpy(state["acc_delta"]))


RULES: dict[str, Callable[..., Array]] = {
    "SGD": _sgd,
    "Adagrad": _adagrad,
    "RMSprop": _rmsprop,
    "Adam": _adam,
    "AdamW": _adam,
    "NAdam": _adam,
    "RAdam": _radam,
    "Adamax": _adamax,
    "SparseAdam": _sparse_adam,
    "Adadelta": _adadelta,
    "Adafactor": _adafactor,
}
# Values that a rule needs from before the step, computed from the state and the parameter.
READ_BEFORE: dict[str | None, Callable[[Any, Any], Any]] = {
    "Adadelta": _squared_updates,
    "Adafactor": lambda state, param: _root_mean_square(to_numpy(param)),
}
