"""One run of an optimizer: take steps along a gradient and record each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from adaptive_optim.optimizers import Array, Optimizer
from adaptive_optim.schedules import Schedule, factor_at
from adaptive_optim.validation import cast_settings, numeric_settings, validate_integer


class Trajectory(NamedTuple):
    """Record of one run, or of several runs side by side, as :func:`minimize` returns it.

    A *run* is one vector of parameters, the last axis of ``params``. Leading axes are runs side by side. If the
    parameters are a dict of arrays, ``params``, ``rates``, ``grads`` and ``state`` are such dicts, too, and there
    is one run.
    """

    optimizer: Any
    """The optimizer, with its array settings in the dtype of the parameters."""
    params: Any
    """Parameters before the first step and after each one, ``(num_steps + 1, ..., dim)``."""
    rates: Any
    """Effective learning rate of each coordinate at each step, with the factor of the schedule, ``(num_steps, ...,
    dim)``; ``nan`` until the first gradient of a coordinate in this record, at steps that were skipped, and after a
    run diverged."""
    grads: Any
    """Gradient at each step, ``(num_steps, ..., dim)``."""
    diverged_at: Any
    """Index of the step in this record at which each run diverged, ``(...)``; -1 for runs that stayed finite."""
    state: Any
    """State of the optimizer after the last step."""
    first_step: int
    """Number of the first step, as ``gradient`` and the schedule received it."""
    num_skipped: Any
    """Number of steps that each run skipped because they were not finite, ``(...)``."""

    @property
    def diverged(self) -> Any:
        """Whether each run diverged."""
        return self.diverged_at >= 0

    @property
    def final_params(self) -> Any:
        """Parameters after the last step, in the form in which :func:`minimize` takes them."""
        return _unflatten({path: array[-1] for path, array in _flatten(self.params).items()})


def minimize(
    optimizer: Optimizer,
    gradient: Callable[[Any, int], Any],
    params: Any,
    num_steps: int,
    *,
    schedule: Schedule | None = None,
    state: Any = None,
    first_step: int = 0,
    on_nonfinite: str = "diverge",
) -> Trajectory:
    r"""Run an optimizer along a gradient and record every step.

    .. math:: \theta_{t+1} = (1 - s_t \lambda_t) \odot \theta_t - s_t\, \eta_t \odot d_t

    where the optimizer returns the rate :math:`\eta_t`, the direction :math:`d_t` and the decay :math:`\lambda_t`,
    which is 0 for most optimizers, and :math:`s_t` is the factor of the schedule, 1 without one. The package
    updates parameters in one place only, so the recorded rate :math:`s_t\, \eta_t` is the rate that the update
    used.

    Parameters
    ----------
    optimizer : Optimizer
        For instance :class:`Adam`. Array settings broadcast to the shape of ``params`` and are cast to
        its dtype. Python numbers stay as they are.
    gradient : callable
        ``gradient(params, step)`` returns an array of the shape of ``params``, or a dict like it; ``step`` counts
        from ``first_step``. It receives read-only arrays.
    params : array_like or dict
        Initial parameters, ``(dim,)``, or ``(..., dim)`` for runs side by side. float32 stays float32; integers
        become float64. A dict of arrays of any shape, which may contain further dicts, is one run: each array has
        its own optimizer state.
    num_steps : int
        Number of steps, at least 1.
    schedule : callable, optional
        Function of the step that returns a factor of the rate and of the decay, a finite number of at least 0; see
        :mod:`adaptive_optim.schedules`.
    state : NamedTuple or dict, optional
        State to start from, for instance the ``state`` of a :class:`Trajectory`. The default is
        ``optimizer.init(params)``.
    first_step : int, default 0
        Number of the first step, at least 0.
    on_nonfinite : {"diverge", "skip"}, default "diverge"
        What happens at a step whose gradient or resulting parameters are not finite: the run diverges, or it skips
        the step. A skipped step changes neither parameters nor state, and the number of the step goes on.

    Returns
    -------
    Trajectory
        Parameters, rates and gradients of every step, and the final state.

    Raises
    ------
    ValueError
        If ``params`` is not finite or not a vector, a setting does not broadcast to its shape or leaves its range
        in its dtype, the gradient has another shape, the optimizer changes the shape of state or parameters, or
        another argument is invalid. Also if ``gradient`` writes to the parameters in place.

    Notes
    -----
    A run *diverges* at the first step after which its parameters, or their squares, are not finite, or
    in which a rate becomes 0 because an accumulator overflowed. From then on its parameters and rates are ``nan``;
    the other runs continue. Divergence is tested on the rate without the schedule, so a factor of 0 is not a
    divergence.

    Before its first gradient a coordinate has no meaningful rate (:math:`\eta/\epsilon` would mislead), so ``nan``
    is recorded. A continued run does not know the gradients before it, so there the first gradient of the record
    counts.

    A run that is continued in two parts is equal to one run, bit for bit. Runs side by side that skip different
    steps have different states, so with ``on_nonfinite="skip"`` each run is computed alone, and a number such as
    Adam's ``t`` becomes an array with one number for each run where they differ.

    A run in a batch is equal to the run alone, bit for bit, if its settings have the dtype of the parameters: in
    float32, the array ``[0.999]`` is rounded before :math:`1 - \beta_2` is computed, and the Python number 0.999 is
    not.

    Examples
    --------
    >>> from adaptive_optim import Adagrad, minimize
    >>> run = minimize(Adagrad(0.5), lambda params, step: params, params=[4.0, 0.0], num_steps=3)
    >>> run.params.round(3)
    array([[4.   , 0.   ],
           [3.5  , 0.   ],
           [3.171, 0.   ],
           [2.915, 0.   ]])
    >>> run.rates.round(3)
    array([[0.125,   nan],
           [0.094,   nan],
           [0.081,   nan]])

    Continue the run:

    >>> more = minimize(
    ...     Adagrad(0.5), lambda params, step: params, run.final_params, 2, state=run.state, first_step=3
    ... )
    >>> more.params[-1].round(3)
    array([2.518, 0.   ])

    Minimize a function of a matrix and a vector:

    >>> model = {"weights": [[1.0, 2.0], [3.0, 4.0]], "bias": [0.5, 0.5]}
    >>> run = minimize(Adagrad(0.5), lambda params, step: params, model, num_steps=3)
    >>> run.params["weights"].shape
    (4, 2, 2)
    """
    is_dict = isinstance(params, dict)
    if is_dict and not _flatten(params):
        raise ValueError(f"params={params!r}: must contain an array")
    start = {path: _validate_params(value, path) for path, value in _flatten(params).items()}
    num_steps, first_step = validate_integer("num_steps", num_steps), validate_integer("first_step", first_step, 0)
    if on_nonfinite not in ("diverge", "skip"):
        raise ValueError(f"on_nonfinite={on_nonfinite!r}: must be 'diverge' or 'skip'")
    optimizers = {path: cast_settings(optimizer, array.dtype, array.shape) for path, array in start.items()}
    runs = () if is_dict else start[()].shape[:-1]

    record = {path: np.full((num_steps + 1, *array.shape), np.nan, array.dtype) for path, array in start.items()}
    rates, grads = ({path: array[1:].copy() for path, array in record.items()} for _ in range(2))
    for path, array in start.items():
        record[path][0] = array
    diverged_at, is_skipped = np.full(runs, -1), np.zeros((num_steps, *runs), bool)

    # Runs that skip different steps have different states, so each is computed alone.
    parts: list[tuple[int, ...]] = list(np.ndindex(runs)) if on_nonfinite == "skip" else [()]
    given = {} if state is None else _flatten(state)
    if state is not None and given.keys() != start.keys():
        raise ValueError(f"state: is {_describe(given)}, must be {_describe(start)}, as params")
    steppers, states = {}, {}
    for path, array in start.items():
        for part in parts:
            steppers[path, part] = _select_settings(optimizers[path], array.shape, part)
            template = optimizers[path].init(_read_only(_select(array, part)))
            states[path, part] = template
            if state is not None:
                states[path, part] = _validate_state(given[path], template, path, runs, part)

    # Overflow is a result here, not an error: it is reported as divergence.
    with np.errstate(all="ignore"):
        for number in range(num_steps):
            step = first_step + number
            current = {path: _read_only(_select(array, (number,))) for path, array in record.items()}
            gradients = _validate_gradients(gradient(_unflatten(current), step), current, step)
            factor = factor_at(schedule, step)
            for path, grad in gradients.items():
                grads[path][number] = grad
            for part in parts:
                index = number, *part
                before = {
                    path: (_select(current[path], part), _read_only(_select(grads[path], index))) for path in start
                }
                updates = {
                    path: take_step(steppers[path, part], states[path, part], *arrays, factor)
                    for path, arrays in before.items()
                }
                if on_nonfinite == "skip" and not all(
                    np.isfinite(before[path][1]).all() and np.isfinite(updates[path][3]).all() for path in start
                ):
                    is_skipped[index] = diverged_at[part] < 0
                    for path, (unchanged, _) in before.items():
                        record[path][(number + 1, *part)] = unchanged
                    continue
                for path, (new_state, rate, _, new_params, unscheduled_rate) in updates.items():
                    if number == 0:
                        _validate_shapes(optimizer, states[path, part], new_state, before[path][0], new_params)
                    states[path, part] = new_state
                    rates[path][index], record[path][(number + 1, *part)] = rate, new_params
                    diverging = has_diverged(new_params, unscheduled_rate)
                    if diverging.any():
                        diverging = diverging.any() if is_dict else diverging.any(axis=-1)
                        diverged_at[part] = np.where(diverging & (diverged_at[part] < 0), number, diverged_at[part])
            if (diverged_at >= 0).all():
                break
    numbers = np.arange(num_steps).reshape(-1, *(1,) * len(runs))
    is_over = (diverged_at >= 0) & (numbers >= diverged_at)
    for path in start:
        record[path][1:][is_over] = rates[path][is_over | is_skipped] = np.nan
        grads[path][is_over & (numbers > diverged_at)] = np.nan
        has_gradient = grads[path] != 0
        has_gradient[is_skipped] = False
        rates[path][~np.logical_or.accumulate(has_gradient)] = np.nan
    return Trajectory(
        optimizer if is_dict else optimizers[()],
        _unflatten(record),
        _unflatten(rates),
        _unflatten(grads),
        diverged_at[()],
        _unflatten({path: _join_states({part: states[path, part] for part in parts}, runs) for path in start}),
        first_step,
        is_skipped.sum(axis=0),
    )


def iter_steps(
    optimizer: Optimizer,
    gradient: Callable[[Array, int], Array],
    params: Array,
    schedule: Schedule | None = None,
) -> Iterator[tuple[Array, Array, Array, Array]]:
    """Yield gradient, rate, new parameters and the rate before the schedule of each step, without validation.

    It never ends. Axes may be in any order, because every operation is elementwise. The last rate tells whether a
    run has diverged.
    """
    state = optimizer.init(params)
    for step in count():
        grad = gradient(params, step)
        factor = factor_at(schedule, step)
        state, rate, _, params, unscheduled_rate = take_step(optimizer, state, params, grad, factor)
        yield grad, rate, params, unscheduled_rate


def take_step(
    optimizer: Optimizer, state: Any, params: Array, grad: Array, factor: float | None = None
) -> tuple[Any, Any, Any, Array, Any]:
    """Return the new state, the rate, the direction, the new parameters and the rate before the schedule.

    The factor of the schedule multiplies rate and decay.
    """
    state, rate, direction, decay = optimizer.step(state, grad)
    unscheduled_rate = rate
    if factor is not None:
        rate, decay = factor * rate, factor * decay
    if type(decay) is not float or decay:  # multiplying by 1 would cost up to a quarter of the time of a step
        params = (1 - decay) * params
    params = params - rate * direction
    return state, rate, direction, params, unscheduled_rate


def has_diverged(params: Array, rate: Array) -> Any:
    """Return where the square of a parameter is not finite or a rate before the schedule is not above 0."""
    return ~(np.isfinite(params * params) & (rate > 0))


Path = tuple[str, ...]
"""Keys of an array in nested dicts; empty if the array is in no dict."""


def _flatten(tree: Any, path: Path = ()) -> dict[Path, Any]:
    """Return what nested dicts contain, by path."""
    if not isinstance(tree, dict):
        return {path: tree}
    flat = [_flatten(value, (*path, key)) for key, value in tree.items()]
    return {path: value for each in flat for path, value in each.items()}


def _unflatten(flat: dict[Path, Any]) -> Any:
    """Return nested dicts, the inverse of :func:`_flatten`."""
    if () in flat:
        return flat[()]
    tree: dict[str, Any] = {}
    for (*parents, key), value in flat.items():
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[key] = value
    return tree


def _name(argument: str, path: Path) -> str:
    return argument + "".join(f"[{key!r}]" for key in path)


def _describe(flat: dict[Path, Any]) -> str:
    return "no dict" if () in flat else "a dict with " + (", ".join(_name("", path) for path in flat) or "nothing")


def _select(array: Array, index: Any) -> Any:
    """Return a part of an array as an array, also if it is a single number."""
    return array[(*index, ...)]


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _select_settings(optimizer: Any, shape: tuple[int, ...], part: tuple[int, ...]) -> Any:
    """Return the optimizer of one run."""
    arrays = {name: value for name, value in numeric_settings(optimizer).items() if np.ndim(value)} if part else {}
    if not arrays:
        return optimizer
    return replace(optimizer, **{name: np.broadcast_to(value, shape)[part] for name, value in arrays.items()})


def _validate_state(state: Any, template: Any, path: Path, runs: tuple[int, ...], part: tuple[int, ...]) -> Any:
    """Return the state of one run, or of all, with the types of the state that ``init`` returns."""
    name = _name("state", path)
    if getattr(state, "_fields", None) != getattr(template, "_fields", ()):
        raise ValueError(f"{name}={state!r}: must be a {type(template).__name__}, the state of this optimizer")
    values: dict[str, Any] = {}
    for field, expected in template._asdict().items():
        value = np.asarray(getattr(state, field))
        if part and value.shape[: len(runs)] == runs:
            value = value[part]
        if isinstance(expected, int):
            if value.size != 1 or value != np.floor(value):
                raise ValueError(
                    f"{name}.{field}={getattr(state, field)!r}: must be one integer; runs that skipped different "
                    "numbers of steps need on_nonfinite='skip'"
                )
            values[field] = int(value.item())
        elif value.shape != np.shape(expected) or value.dtype.kind not in "iuf":
            raise ValueError(
                f"{name}.{field}: has {value.dtype} of shape {value.shape}, must be numbers of shape "
                f"{np.shape(expected)}"
            )
        else:
            values[field] = value
    return type(template)(**values)


def _join_states(states: dict[tuple[int, ...], Any], runs: tuple[int, ...]) -> Any:
    """Return one state of all runs. Numbers that are not equal in all runs become an array, ``(..., 1)``."""
    if () in states:
        return states[()]
    joined = {}
    template = states[(0,) * len(runs)]
    for name in template._fields:
        values = [getattr(state, name) for state in states.values()]
        if np.ndim(values[0]):
            joined[name] = np.stack(values).reshape(*runs, *np.shape(values[0]))
        else:
            joined[name] = values[0] if len(set(values)) == 1 else np.reshape(values, (*runs, 1))
    return type(template)(**joined)


def _validate_shapes(optimizer: Any, state: Any, new_state: Any, params: Array, new_params: Any) -> None:
    """Raise if a step has changed the shape of the parameters or of the state."""
    step = f"{type(optimizer).__name__}.step"
    if np.shape(new_params) != params.shape:
        raise ValueError(
            f"{step}: the step has shape {np.shape(new_params)}, must have that of params, {params.shape}"
        )
    for name, old, new in zip(getattr(new_state, "_fields", ()), state, new_state, strict=False):
        if np.shape(old) != np.shape(new):
            raise ValueError(
                f"{step}: state.{name} has shape {np.shape(new)}, must have that of init, {np.shape(old)}"
            )


def _validate_gradients(tree: Any, params: dict[Path, Array], step: int) -> dict[Path, Array]:
    flat = _flatten(tree)
    if flat.keys() != params.keys():
        raise ValueError(
            f"gradient: returned {_describe(flat)} at step {step}, must be {_describe(params)}, as params"
        )
    return {path: _validate_gradient(flat[path], array, path, step) for path, array in params.items()}


def _validate_gradient(grad: Any, params: Array, path: Path, step: int) -> Any:
    name = _name("gradient", path)
    if np.iscomplexobj(grad):
        raise ValueError(f"{name}: returned complex numbers at step {step}, must be real numbers")
    grad = np.asarray(grad, params.dtype)
    if grad.shape != params.shape:
        raise ValueError(
            f"{name}: returned shape {grad.shape} at step {step}, must be the shape of params, {params.shape}"
        )
    return grad


def _validate_params(params: Any, path: Path) -> Array:
    try:
        array = np.array(params)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind in "iu":
        array = array.astype(float)
    if array.dtype.kind != "f" or not array.size or not (array.ndim or path) or not np.isfinite(array).all():
        expected = (
            "an array of finite numbers" if path else "a vector of finite numbers, or an array of such vectors"
        )
        raise ValueError(f"{_name('params', path)}={params!r}: must be {expected}")
    return array
