"""A check of an optimizer of one's own: whether it follows the contract, and which part does not."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass, replace
from typing import Any

import numpy as np

from adaptive_optim.optimizers import Step
from adaptive_optim.validation import cast_settings, numeric_settings

NUM_STEPS = 4
Failures = Iterator[str]


def check_optimizer(optimizer: Any) -> None:
    """Check that an optimizer follows the contract, and say which part does not.

    Parameters
    ----------
    optimizer : type or Optimizer
        Class of an optimizer whose settings all have defaults, or an optimizer.

    Raises
    ------
    AssertionError
        If the optimizer does not follow the contract. The message lists every part that does not, with the input
        and with what was expected.

    Notes
    -----
    These are the parts:

    - The class is a frozen dataclass with ``learning_rate``, ``init`` and ``step``. Its settings are numbers,
      arrays, booleans, strings or ``None``.
    - ``init`` returns a named tuple. It can be pickled.
    - ``step`` returns a :class:`Step`. The new state has the type and the shapes of the old one. Rate and direction
      have the shape of the gradient. The rate is a finite number above 0.
    - ``step`` changes neither state nor gradient in place, and two calls with the same arguments are equal.
    - float32 stays float32.
    - A gradient of zeros gives a finite step.
    - Runs side by side are equal to each run alone, bit for bit. This also holds if a setting is an array with the
      same number for each run.

    The optimizer is checked on vectors, ``(3,)``, and on runs side by side, ``(2, 3)``. If it has the class
    attribute ``is_elementwise = False``, it is checked on a matrix, ``(2, 3)``, and not on runs side by side.

    Examples
    --------
    >>> from adaptive_optim import Adam, Step, check_optimizer
    >>> check_optimizer(Adam)
    >>> class Doubled(Adam):
    ...     def step(self, state, grad):
    ...         grad *= 2
    ...         return super().step(state, grad)
    >>> check_optimizer(Doubled)
    Traceback (most recent call last):
    ...
    AssertionError: Doubled does not follow the contract of an optimizer:
    - step, gradient array([ 3. , -0.5,  2. ]): changes the gradient in place, must create a new array
    """
    name = optimizer.__name__ if isinstance(optimizer, type) else type(optimizer).__name__
    failures = list(_check_class(optimizer))
    if not failures:
        instance = optimizer() if isinstance(optimizer, type) else optimizer
        failures = _run(_check_state, instance) or _run(_check_step, instance)
        # A step of the wrong form would fail everywhere.
        if not failures:
            for check in (_check_purity, _check_dtype, _check_rate, _check_zeros):
                failures += _run(check, instance)
            failures += _run(_check_repetition, instance) or _run(_check_runs, instance)
    if failures:
        lines = "\n".join(f"- {failure}" for failure in failures)
        raise AssertionError(f"{name} does not follow the contract of an optimizer:\n{lines}")


def _shape(optimizer: Any) -> tuple[int, ...]:
    return (3,) if getattr(optimizer, "is_elementwise", True) else (2, 3)


def _gradients(*shape: int, dtype: Any = float) -> list[Any]:
    """Return some gradients. The first is easy to read, others contain zeros."""
    rng = np.random.default_rng(0)
    first = np.resize(np.array([3.0, -0.5, 2.0]), shape)
    others = [rng.normal(size=shape) * (rng.random(shape) < 0.7) for _ in range(NUM_STEPS - 1)]
    return [grad.astype(dtype) for grad in (first, *others)]


def _run(check: Callable[[Any], Failures], optimizer: Any) -> list[str]:
    """Return the failures of a check. An exception is one, too."""
    failures: list[str] = []
    try:
        with np.errstate(all="ignore"):
            failures.extend(check(optimizer))
    except Exception as error:
        part = check.__name__.removeprefix("_check_")
        failures.append(f"check of {part}: raised {type(error).__name__}: {error}")
    return failures


def _steps(optimizer: Any, grads: list[Any]) -> Iterator[Any]:
    """Yield the result of each step."""
    state = optimizer.init(np.ones_like(grads[0]))
    for grad in grads:
        # Copies, so that a step that works in place is reported once.
        result = copy.deepcopy(optimizer.step(copy.deepcopy(state), grad.copy()))
        yield result
        state = result.state


def _arrays(result: Any) -> dict[str, Any]:
    """Return everything that a step returns, by name."""
    state = {f"state.{name}": value for name, value in result.state._asdict().items()}
    return {**state, "rate": result.rate, "direction": result.direction, "decay": result.decay}


def _is_equal(first: Any, second: Any) -> bool:
    """Return whether two values have the same type, shape and bits."""
    first, second = np.asarray(first), np.asarray(second)
    return (first.dtype, first.shape, first.tobytes()) == (second.dtype, second.shape, second.tobytes())


def _check_class(optimizer: Any) -> Failures:
    kind = optimizer if isinstance(optimizer, type) else type(optimizer)
    if not is_dataclass(kind) or not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        yield "class: must be a frozen dataclass; write @dataclass(frozen=True) above it"
        return
    undeclared = [
        name
        for name, hint in vars(kind).get("__annotations__", {}).items()
        if name not in kind.__dataclass_fields__ and "ClassVar" not in str(hint)
    ]
    if undeclared:
        yield f"class: {', '.join(undeclared)} is no setting; write @dataclass(frozen=True) above the class"
    for method in ("init", "step"):
        if not callable(getattr(kind, method, None)):
            yield f"class: has no method {method}"
    if "learning_rate" not in kind.__dataclass_fields__:
        yield "class: has no setting learning_rate"
    try:
        numeric_settings(optimizer() if isinstance(optimizer, type) else optimizer)
    except Exception as error:
        yield f"class, without arguments: {error}" if isinstance(optimizer, type) else f"settings: {error}"


def _check_state(optimizer: Any) -> Failures:
    params = np.ones(_shape(optimizer))
    state = optimizer.init(params)
    if not isinstance(state, tuple) or not hasattr(state, "_fields"):
        yield f"init, params {params!r}: returned {state!r}, must be a NamedTuple"
        return
    try:
        is_same = all(map(_is_equal, pickle.loads(pickle.dumps(state)), state))
    except Exception as error:
        yield f"state: cannot be pickled ({error}); define its class at the top level of a module"
        return
    if not is_same:
        yield "state: is another one after pickling"


def _check_step(optimizer: Any) -> Failures:
    grads = _gradients(*_shape(optimizer))
    state = optimizer.init(np.ones_like(grads[0]))
    for number, grad in enumerate(grads):
        result = optimizer.step(copy.deepcopy(state), grad.copy())
        where = f"step {number}, gradient {grad!r}"
        if not isinstance(result, Step):
            yield f"{where}: returned a {type(result).__name__}, must be Step(state, rate, direction)"
            return
        if type(result.state) is not type(state):
            yield f"{where}: state is a {type(result.state).__name__}, must be a {type(state).__name__}"
            return
        for name, before, after in zip(state._fields, state, result.state, strict=True):
            if np.shape(before) != np.shape(after):
                yield f"{where}: state.{name} has shape {np.shape(after)}, must be {np.shape(before)} as from init"
        for name in ("rate", "direction"):
            shape = np.shape(getattr(result, name))
            if shape != grad.shape:
                yield f"{where}: {name} has shape {shape}, must be that of the gradient, {grad.shape}"
        if np.broadcast_shapes(np.shape(result.decay), grad.shape) != grad.shape:
            yield f"{where}: decay has shape {np.shape(result.decay)}, must broadcast to {grad.shape}"
        state = result.state


def _check_purity(optimizer: Any) -> Failures:
    grad = _gradients(*_shape(optimizer))[0]
    state = optimizer.init(np.ones_like(grad))
    given_grad, given_state = grad.copy(), copy.deepcopy(state)
    optimizer.step(given_state, given_grad)
    where = f"step, gradient {grad!r}"
    if not _is_equal(given_grad, grad):
        yield f"{where}: changes the gradient in place, must create a new array"
    for name, before, after in zip(state._fields, state, given_state, strict=True):
        if not _is_equal(before, after):
            yield f"{where}: changes state.{name} in place, must create a new array"


def _check_repetition(optimizer: Any) -> Failures:
    grad = _gradients(*_shape(optimizer))[0]
    first, second = (_arrays(next(_steps(optimizer, [grad]))) for _ in range(2))
    different = [name for name in first if not _is_equal(first[name], second[name])]
    if different:
        yield f"step, gradient {grad!r}, called twice: different results for {', '.join(different)}, must be equal"


def _check_dtype(optimizer: Any) -> Failures:
    grads = _gradients(*_shape(optimizer), dtype=np.float32)
    for number, result in enumerate(
        _steps(cast_settings(optimizer, np.dtype(np.float32), _shape(optimizer)), grads)
    ):
        floats = {name: value for name, value in _arrays(result).items() if np.ndim(value)}
        wrong = [name for name, value in floats.items() if value.dtype.kind == "f" and value.dtype != np.float32]
        if wrong:
            found = ", ".join(f"{name} is {floats[name].dtype}" for name in wrong)
            yield f"step {number}, gradient float32: {found}, must stay float32; use np.zeros_like(params) in init"
            return


def _check_rate(optimizer: Any) -> Failures:
    for number, (grad, result) in enumerate(
        zip(_gradients(*_shape(optimizer)), _steps(optimizer, _gradients(*_shape(optimizer))), strict=True)
    ):
        rate = np.asarray(result.rate)
        if not (np.isfinite(rate) & (rate > 0)).all():
            yield f"step {number}, gradient {grad!r}: rate is {rate!r}, must be finite and above 0"
            return


def _check_zeros(optimizer: Any) -> Failures:
    zeros = np.zeros(_shape(optimizer))
    for number, result in enumerate(_steps(optimizer, [zeros] * NUM_STEPS)):
        moved = result.rate * result.direction
        if not np.isfinite(moved).all():
            yield f"step {number}, gradient {zeros!r}: the step is {moved!r}, must be finite; is eps missing?"
            return


def _check_runs(optimizer: Any) -> Failures:
    if not getattr(optimizer, "is_elementwise", True):
        return
    grads = _gradients(2, 3)
    together = list(_steps(optimizer, grads))
    failures = [
        failure
        for run in range(2)
        for failure in _compare(
            together, optimizer, grads, run, f"step, run {run} of 2 side by side, gradient (2, 3)"
        )
    ]
    yield from failures
    # Arrays of settings would fail for the same reason.
    for name, value in numeric_settings(optimizer).items():
        if failures or np.ndim(value):
            continue
        where = f"step, {name}=np.full((2, 1), {value!r}), gradient (2, 3), run 0"
        try:
            batch = replace(optimizer, **{name: np.full((2, 1), value)})
            yield from _compare(list(_steps(batch, grads)), optimizer, grads, 0, where)
        except Exception as error:
            yield f"{where}: raised {type(error).__name__}: {error}"


def _compare(together: list[Any], optimizer: Any, grads: list[Any], run: int, where: str) -> Failures:
    """Compare a run of a batch with the run alone."""
    alone = list(_steps(optimizer, [grad[run] for grad in grads]))
    for number in range(NUM_STEPS):
        for name in ("rate", "direction"):
            batch, single = getattr(together[number], name), getattr(alone[number], name)
            if np.shape(batch) != grads[0].shape:
                yield f"{where}: {name} has shape {np.shape(batch)}, must be {grads[0].shape}"
                return
            if not _is_equal(batch[run], single):
                yield f"{where}: {name} is {batch[run]!r} at step {number}, must be {single!r} as for the run alone"
                return
