"""Update those rows of a table that have a gradient, and leave the others alone."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.descent import AnyOptimizer, broadcasts, check_optimizer, take_step, with_settings
from adaptive_optim.optimizers import Array, Optimizer

# Two numbers side by side, which NumPy adds as one.
PAIRS = {np.dtype(np.float32): np.complex64, np.dtype(np.float64): np.complex128}


class RowStep(NamedTuple):
    """What :func:`update_rows` did. Row ``rows[i]`` moved by ``-rate[..., i, :] * direction[..., i, :]``."""

    state: Any
    """The state for the next step. Its arrays are those that were passed in, changed in place."""
    rows: Any
    """Which rows had a gradient, each once, rising, ``(touched,)``."""
    rate: Any
    """Their effective learning rates, ``(..., touched, dim)``."""
    direction: Any
    """What the rates multiplied, ``(..., touched, dim)``."""


def update_rows(optimizer: Optimizer, table: Array, state: Any, rows: ArrayLike, grads: ArrayLike) -> RowStep:
    r"""Take one step with the rows of a table that have a gradient, in place.

    .. math::

        g_{t,r} = \sum_{j\,:\,r_j = r} h_j, \qquad
        \theta_{t+1,r} = \theta_{t,r} - \eta_{t,r} \odot d_{t,r}
        \quad \text{for } r \in \{r_1, \dots, r_k\}

    where :math:`h_j` is the gradient of the *j*-th look-up and the optimizer's own ``step`` gives the rate
    :math:`\eta_{t,r}` and the direction :math:`d_{t,r}`. All other rows keep their numbers and their state. So the
    cost follows the rows that were looked up, not the table.

    Parameters
    ----------
    optimizer : Optimizer
        For instance :class:`Adagrad`. Array settings take the table's precision and broadcast against
        ``(..., 1, dim)``: all rows share them.
    table : ndarray
        Floating-point numbers, ``(..., rows, dim)``. Axes before the last two are runs side by side, which look up
        the same rows. Changed in place.
    state : NamedTuple
        ``optimizer.init(table)`` before the first step, then the ``state`` that the last step returned. Arrays have
        one entry for each row on their last axis but one and are changed in place; whole numbers, such as Adam's
        ``t``, are shared by all rows and count the steps, not the look-ups.
    rows : array_like of int
        Rows that were looked up, ``(k,)``, from 0 to ``table.shape[-2] - 1``. A row may stand there more than once:
        its gradients are summed first, as the step of a sum is not the sum of steps.
    grads : array_like
        Gradient with respect to each look-up, ``(..., k, dim)``, finite.

    Returns
    -------
    RowStep
        The new state, the rows, and the rate and direction of each.

    Raises
    ------
    ValueError
        If an argument is not as said here. Nothing has been written then.

    Notes
    -----
    Equal to a dense step, bit for bit, for :class:`SGD` and :class:`Adagrad`, to which a gradient of zero does
    nothing. For the others it is another algorithm, called *lazy*: where a dense step lets the averages of a
    row without gradient decay, and with momentum moves it, this leaves both as they are.

    :class:`Adam` here is what ``torch.optim.SparseAdam`` does, but for :math:`\epsilon`, which that adds to the
    uncorrected :math:`\sqrt{v_t}`. :class:`Adagrad` and :class:`SGD` are what ``torch.optim.Adagrad`` and
    ``torch.optim.SGD`` do with sparse gradients. Torch has no sparse RMSprop, and its SGD with momentum moves every
    row that ever had a gradient, as a dense one does. Optax has no updates by row, and Keras none that are lazy.

    References
    ----------
    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and stochastic
    optimization", section 1.1, on why sparse features ask for it. PyTorch's documentation of ``SparseAdam``
    has the name "lazy" for the version of Adam.

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
    _check_table(table)
    check_optimizer(optimizer)
    optimizer = for_rows_of(table, optimizer)
    per_row = arrays_by_row(state, table)
    rows, grads = _look_ups(table, rows, grads)

    # Overflow is not an error here: it leaves infinite numbers, and the next gradient is refused.
    with np.errstate(all="ignore"):
        return step_rows(optimizer, table, state, per_row, rows, grads.astype(table.dtype, copy=False))


def step_rows(
    optimizer: Optimizer, table: Array, state: Any, per_row: dict[str, Array], rows: Any, grads: Array
) -> RowStep:
    """Do what :func:`update_rows` does, with arguments that are known to be good."""
    touched, grad = sum_by_row(rows, grads)
    # What is not finite stays so in a sum, and there are fewer sums.
    if not np.isfinite(grad).all():
        _refuse(rows, grads)
    own = state._replace(**{name: values.take(touched, axis=-2) for name, values in per_row.items()})
    new, rate, direction, params = take_step(optimizer, own, table.take(touched, axis=-2), grad)
    news = {name: getattr(new, name) for name in per_row}
    for name, values in news.items():
        if values.shape != getattr(own, name).shape:
            raise ValueError(f"state.{name}: a step gave it another shape, must be what init(table) returned")
    table[..., touched, :] = params
    for name, values in news.items():
        per_row[name][..., touched, :] = values
    return RowStep(new._replace(**per_row), touched, rate, direction)


def sum_by_row(rows: Any, grads: Array) -> tuple[Any, Array]:
    """Return each row once, rising, and its gradients summed in the order in which they came."""
    count, dim = grads.shape[-2:]
    # Row and place in one number: many times faster than a stable sort of the rows.
    bits = count.bit_length()
    keys = np.sort(rows << bits | np.arange(count))
    rows, place = keys >> bits, keys & ((1 << bits) - 1)
    is_first = np.ones(count, bool)
    np.not_equal(rows[1:], rows[:-1], out=is_first[1:])
    first, again = is_first.nonzero()[0], (~is_first).nonzero()[0]
    total = grads.take(place.take(first), axis=-2)
    if again.size:
        # Only the repeats, and number by number: np.add.at is many times slower on rows.
        sums, repeats = total, grads.take(place.take(again), axis=-2)
        if dim % 2 == 0 and total.dtype in PAIRS:
            sums, repeats = sums.view(PAIRS[total.dtype]), repeats.view(PAIRS[total.dtype])
        numbers = np.arange(first.size * sums.shape[-1]).reshape(first.size, -1)
        into = numbers.take(again - np.arange(1, again.size + 1), axis=0).reshape(-1)
        for run, more in zip(sums.reshape(-1, numbers.size), repeats.reshape(-1, into.size), strict=True):
            np.add.at(run, into, more)
    return rows.take(first), total


def _check_table(table: Any) -> None:
    fits = isinstance(table, np.ndarray) and table.dtype.kind == "f" and table.ndim >= 2
    if not fits or not table.size or not table.flags.writeable:
        given = f"{table.dtype} of shape {table.shape}" if isinstance(table, np.ndarray) else repr(table)
        raise ValueError(f"table={given}: must be a writeable array of floating-point numbers, (..., rows, dim)")


def for_rows_of(table: Array, optimizer: AnyOptimizer) -> AnyOptimizer:
    """Return the optimizer with array settings in the precision of the table."""
    every = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}  # type: ignore[arg-type]
    arrays = {name: value for name, value in every.items() if isinstance(value, np.ndarray)}
    return with_settings(optimizer, arrays, table.dtype, (*table.shape[:-2], 1, table.shape[-1]))


def arrays_by_row(state: Any, table: Array) -> dict[str, Array]:
    """Return the arrays of a state, which have an entry for each row."""
    if not isinstance(state, tuple) or not hasattr(state, "_fields"):
        raise ValueError(f"state={state!r}: must be what init(table) or the last step returned")
    arrays = {}
    for name, values in zip(state._fields, state, strict=True):
        if isinstance(values, (int, float, np.generic)):
            continue
        if not isinstance(values, np.ndarray) or not values.flags.writeable:
            raise ValueError(f"state.{name}={values!r}: must be a number or a writeable array")
        # Another shape is rare, and asking whether it broadcasts is slow.
        if values.shape != table.shape and not (
            values.shape[-2:-1] == table.shape[-2:-1] and broadcasts(values.shape, table.shape)
        ):
            raise ValueError(
                f"state.{name}: has shape {values.shape}, must have the rows of the table, {table.shape}"
            )
        if values.dtype.kind == "f" and values.itemsize != table.itemsize:
            raise ValueError(f"state.{name}: is of {values.dtype}, must be of the table's {table.dtype}")
        arrays[name] = values
    return arrays


def _look_ups(table: Array, rows: ArrayLike, grads: ArrayLike) -> tuple[Any, Array]:
    try:
        ids = np.asarray(rows)
    except ValueError:  # rows of different lengths
        ids = np.array(None)
    if ids.dtype.kind not in "iu" or ids.ndim != 1 or not ids.size:
        raise ValueError(f"rows={rows!r}: must be whole numbers, (k,)")
    last = table.shape[-2] - 1
    if ids.min() < 0 or ids.max() > last:
        wrong = ids[(ids < 0) | (ids > last)]
        raise ValueError(f"rows: {wrong[0]} is among them, must be from 0 to {last}")
    shape = (*table.shape[:-2], len(ids), table.shape[-1])
    try:
        real = np.asarray(grads)
    except ValueError:
        real = np.array(None)
    if real.dtype.kind not in "iuf" or real.shape != shape:
        raise ValueError(f"grads: has {real.dtype} of shape {real.shape}, must be real numbers of shape {shape}")
    return ids.astype(np.int64, copy=False), real


def _refuse(rows: Any, grads: Array) -> None:
    lost = ~np.isfinite(grads).all(axis=(*range(grads.ndim - 2), -1))
    if lost.any():
        at = int(np.argmax(lost))
        raise ValueError(f"grads: not finite for look-up {at}, of row {rows[at]}; must be finite")
    raise ValueError(f"grads: too large, those of a row sum to more than {np.finfo(grads.dtype).max:.2g}")
