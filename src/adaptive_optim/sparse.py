"""Sparse updates of a table: a step changes only the rows that have a gradient."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers import Array, Optimizer
from adaptive_optim.schedules import Schedule, factor_at
from adaptive_optim.trajectory import take_step
from adaptive_optim.validation import AnyOptimizer, broadcasts_to, cast_settings, validate_integer

# A view of two real numbers as a complex one halves the number of additions.
COMPLEX_DTYPES = {np.dtype(np.float32): np.complex64, np.dtype(np.float64): np.complex128}


class RowStep(NamedTuple):
    """Result of :func:`update_rows`: row ``rows[i]`` changed by ``-rate[..., i, :] * direction[..., i, :]``.

    If the optimizer has weight decay, the row has lost its share first.
    """

    state: Any
    """State for the next step. Its arrays are the arrays that were passed in, changed in place."""
    rows: Any
    """Sorted unique indices of the rows that had a gradient, ``(touched,)``."""
    rate: Any
    """Effective learning rates of these rows, with the factor of the schedule, ``(..., touched, dim)``."""
    direction: Any
    """Directions that the rates multiply, ``(..., touched, dim)``."""
    params: Any
    """New values of these rows, ``(..., touched, dim)``."""
    unscheduled_rate: Any
    """Effective learning rates without the factor of the schedule, ``(..., touched, dim)``."""

    @property
    def frozen(self) -> Any:
        """For each of these rows, whether a coordinate can no longer change, ``(..., touched)``.

        The coordinate is not finite, or its rate is 0 because an accumulator overflowed.
        """
        return ~(np.isfinite(self.params) & (self.unscheduled_rate > 0)).all(axis=-1)


def update_rows(
    optimizer: Optimizer,
    table: Array,
    state: Any,
    rows: ArrayLike,
    grads: ArrayLike,
    *,
    schedule: Schedule | None = None,
    step: int | None = None,
) -> RowStep:
    r"""Update the rows of a table that have a gradient, in place.

    .. math::

        g_{t,r} = \sum_{j\,:\,r_j = r} h_j, \qquad
        \theta_{t+1,r} = (1 - s_t \lambda_{t,r}) \odot \theta_{t,r} - s_t\, \eta_{t,r} \odot d_{t,r}
        \quad \text{for } r \in \{r_1, \dots, r_k\}

    where :math:`h_j` is the gradient of the *j*-th lookup, the rate :math:`\eta_{t,r}`, the direction
    :math:`d_{t,r}` and the decay :math:`\lambda_{t,r}` are those of the optimizer's ``step``, and :math:`s_t` is
    the factor of the schedule, 1 without one. All other rows keep their values and their state, without decay, so
    the cost depends on the number of lookups, not on the size of the table.

    Parameters
    ----------
    optimizer : Optimizer
        For instance :class:`Adagrad`. Array settings are cast to the table's dtype and broadcast to ``(..., 1,
        dim)``: all rows share them. Each setting must be in its range in that dtype: ``eps=1e-8`` is 0 in float16.
    table : ndarray
        Floating-point numbers, ``(..., rows, dim)``. Leading axes are runs side by side, which look up the same
        rows. Changed in place.
    state : NamedTuple
        ``optimizer.init(table)`` before the first step, then the ``state`` that the previous step returned. Arrays
        have one entry per row on their second-to-last axis and are changed in place; integers, such as Adam's
        ``t``, are shared by all rows and count the steps, not the lookups.
    rows : array_like of int
        Indices of the rows that were looked up, ``(k,)``, from 0 to ``table.shape[-2] - 1``, or an array with more
        axes, for instance ``(batch, k)``. The gradients of a repeated row are summed before the step. Without any
        index only the count of steps changes.
    grads : array_like
        Finite gradient with respect to each lookup, ``(..., k, dim)`` or ``(..., batch, k, dim)``.
    schedule : callable, optional
        Function of the step that returns a factor of the rate and of the decay, a finite number of at least 0; see
        :mod:`adaptive_optim.schedules`.
    step : int, optional
        Number of this step, which counts from 0, for the schedule.

    Returns
    -------
    RowStep
        The new state, the updated rows, and the rate and direction of each.

    Raises
    ------
    ValueError
        If an argument is invalid. Then table and state are unchanged.

    Notes
    -----
    A step that overflows is not an error. If the square of a gradient overflows, the row never moves again, and
    ``frozen`` says so, in this step and in each later one that looks the row up.

    For :class:`SGD` and :class:`Adagrad` the result equals a dense step, bit for bit, because a zero
    gradient changes nothing. For the others it is a different algorithm, called *lazy*. In a row without gradient,
    a dense step decays the averages, and with momentum it moves the parameters; a lazy step changes neither.

    With :class:`Adam` the result equals ``torch.optim.SparseAdam``, except for :math:`\epsilon`, which PyTorch adds
    to the uncorrected :math:`\sqrt{v_t}`. With :class:`Adagrad` and :class:`SGD` it equals ``torch.optim.Adagrad``
    and ``torch.optim.SGD`` with sparse gradients. PyTorch has no sparse RMSprop, and its SGD with momentum moves
    every row that ever had a gradient, like a dense step. Optax has no row updates, and Keras has no lazy ones.

    References
    ----------
    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and stochastic
    optimization", section 1.1, on sparse features. The name "lazy" is from PyTorch's documentation of
    ``SparseAdam``.

    Examples
    --------
    >>> import numpy as np
    >>> from adaptive_optim import Adagrad, update_rows
    >>> table = np.zeros((4, 2))
    >>> optimizer = Adagrad(0.5)
    >>> state = optimizer.init(table)
    >>> step = update_rows(optimizer, table, state, [3, 0, 3], [[1.0, 1.0], [2.0, 0.0], [1.0, -1.0]])
    >>> step.rows
    array([0, 3])
    >>> table
    array([[-0.5,  0. ],
           [ 0. ,  0. ],
           [ 0. ,  0. ],
           [-0.5,  0. ]])
    >>> state.sum_of_squares[3]
    array([4., 0.])
    """
    _validate_table(table)
    optimizer = cast_to_table(optimizer, table)
    state, row_arrays = validate_state(state, table)
    rows, grads = _validate_lookups(table, rows, grads)
    factor = None
    if schedule is not None:
        factor = factor_at(schedule, validate_integer("step", step, 0))

    # Overflow is not an error here: it makes the table infinite or the rate 0, and ``frozen`` says so.
    with np.errstate(all="ignore"):
        return step_rows(optimizer, table, state, row_arrays, rows, grads.astype(table.dtype, copy=False), factor)


def step_rows(
    optimizer: Optimizer,
    table: Array,
    state: Any,
    row_arrays: dict[str, Array],
    rows: Any,
    grads: Array,
    factor: float | None,
) -> RowStep:
    """Do the same as :func:`update_rows`, for arguments that are already validated."""
    touched, grad = sum_by_row(rows, grads)
    # A sum is not finite if one of its terms is not, and there are fewer sums than terms.
    if not np.isfinite(grad).all():
        _raise_not_finite(rows, grads)
    old_state = state._replace(**{name: values.take(touched, axis=-2) for name, values in row_arrays.items()})
    new_state, rate, direction, params, unscheduled_rate = take_step(
        optimizer, old_state, table.take(touched, axis=-2), grad, factor
    )
    new_values = {name: getattr(new_state, name) for name in row_arrays}
    for name, values in new_values.items():
        if values.shape != getattr(old_state, name).shape:
            raise ValueError(f"state.{name}: changed its shape in a step, must be what init(table) returned")
    table[..., touched, :] = params
    for name, values in new_values.items():
        row_arrays[name][..., touched, :] = values
    return RowStep(new_state._replace(**row_arrays), touched, rate, direction, params, unscheduled_rate)


def sum_by_row(rows: Any, grads: Array) -> tuple[Any, Array]:
    """Return the sorted unique rows, and the sum of the gradients of each row in their original order."""
    count, dim = grads.shape[-2:]
    # Row and position in one integer: sorting it is many times faster than a stable sort of the rows.
    bits = count.bit_length()
    keys = np.sort(rows << bits | np.arange(count))
    rows, position = keys >> bits, keys & ((1 << bits) - 1)
    is_first = np.ones(count, bool)
    np.not_equal(rows[1:], rows[:-1], out=is_first[1:])
    first, repeated = is_first.nonzero()[0], (~is_first).nonzero()[0]
    total = grads.take(position.take(first), axis=-2)
    if repeated.size:
        # Add the repeated lookups only, with one-dimensional indices: np.add.at is many times slower on rows.
        sums, repeats = total, grads.take(position.take(repeated), axis=-2)
        if dim % 2 == 0 and total.dtype in COMPLEX_DTYPES:
            sums, repeats = sums.view(COMPLEX_DTYPES[total.dtype]), repeats.view(COMPLEX_DTYPES[total.dtype])
        indices = np.arange(first.size * sums.shape[-1]).reshape(first.size, -1)
        targets = indices.take(repeated - np.arange(1, repeated.size + 1), axis=0).reshape(-1)
        for run, terms in zip(sums.reshape(-1, indices.size), repeats.reshape(-1, targets.size), strict=True):
            np.add.at(run, targets, terms)
    return rows.take(first), total


def _validate_table(table: Any) -> None:
    is_float_table = isinstance(table, np.ndarray) and table.dtype.kind == "f" and table.ndim >= 2
    if not is_float_table or not table.size or not table.flags.writeable:
        given = f"{table.dtype} of shape {table.shape}" if isinstance(table, np.ndarray) else repr(table)
        raise ValueError(f"table={given}: must be a writeable array of floating-point numbers, (..., rows, dim)")


def cast_to_table(optimizer: AnyOptimizer, table: Array) -> AnyOptimizer:
    """Return the optimizer with its array settings cast to the dtype of the table."""
    if not getattr(optimizer, "is_diagonal", True):
        raise ValueError(f"optimizer={optimizer!r}: needs the whole table, must be able to update single rows")
    return cast_settings(optimizer, table.dtype, (*table.shape[:-2], 1, table.shape[-1]))


def validate_state(state: Any, table: Array) -> tuple[Any, dict[str, Array]]:
    """Return a state and its arrays by name, or raise if one does not have an entry for each row.

    An array without axes, such as a number that was loaded from a file, becomes a number.
    """
    if not isinstance(state, tuple) or not hasattr(state, "_fields"):
        raise ValueError(f"state={state!r}: must be what init(table) or the previous step returned")
    arrays = {}
    for name, values in zip(state._fields, state, strict=True):
        if isinstance(values, (int, float, np.generic)):
            continue
        if isinstance(values, np.ndarray) and not values.ndim:
            state = state._replace(**{name: values.item()})  # type: ignore[attr-defined]
            continue
        if not isinstance(values, np.ndarray) or not values.flags.writeable:
            raise ValueError(f"state.{name}={values!r}: must be a number or a writeable array")
        # Equal shapes are the usual case, and broadcasts_to is slow.
        if values.shape != table.shape and not (
            values.shape[-2:-1] == table.shape[-2:-1] and broadcasts_to(values.shape, table.shape)
        ):
            raise ValueError(
                f"state.{name}: has shape {values.shape}, must have the rows of the table, {table.shape}"
            )
        if values.dtype.kind == "f" and values.itemsize != table.itemsize:
            raise ValueError(f"state.{name}: has dtype {values.dtype}, must have that of the table, {table.dtype}")
        arrays[name] = values
    return state, arrays


def _validate_lookups(table: Array, rows: ArrayLike, grads: ArrayLike) -> tuple[Any, Array]:
    try:
        indices = np.asarray(rows)
    except ValueError:  # rows of different lengths
        indices = np.array(None)
    if (indices.dtype.kind not in "iu" and indices.size) or not indices.ndim:
        raise ValueError(f"rows={rows!r}: must be integers, (k,) or with more axes")
    last = table.shape[-2] - 1
    if indices.size and (indices.min() < 0 or indices.max() > last):
        invalid = indices[(indices < 0) | (indices > last)]
        raise ValueError(f"rows: contains {invalid[0]}, must be from 0 to {last}")
    runs, dim = table.shape[:-2], table.shape[-1]
    shape = (*runs, *indices.shape, dim)
    try:
        array = np.asarray(grads)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "iuf" or (array.shape != shape and (indices.size or array.size)):
        raise ValueError(f"grads: has {array.dtype} of shape {array.shape}, must be real numbers of shape {shape}")
    return indices.astype(np.int64, copy=False).reshape(-1), array.reshape(*runs, indices.size, dim)


def _raise_not_finite(rows: Any, grads: Array) -> None:
    not_finite = ~np.isfinite(grads).all(axis=(*range(grads.ndim - 2), -1))
    if not_finite.any():
        position = int(np.argmax(not_finite))
        raise ValueError(f"grads: not finite at lookup {position} of row {rows[position]}, must be finite")
    raise ValueError(f"grads: too large, the sum for a row is above {np.finfo(grads.dtype).max:.2g}")
