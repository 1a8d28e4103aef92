"""Row updates equal dense steps where they should, and an error leaves all arguments unchanged."""

import pickle
import re
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_optim import (
    ALL_OPTIMIZERS,
    SGD,
    Adafactor,
    Adagrad,
    Adam,
    AdamState,
    AdamW,
    Lion,
    Momentum,
    RMSProp,
    Step,
    update_rows,
)
from adaptive_optim.schedules import linear_warmup

DTYPES = ["f4", "f8"]
OF_ROWS = [kind for kind in ALL_OPTIMIZERS if kind.is_diagonal and kind is not Adafactor]
each_optimizer = pytest.mark.parametrize("kind", OF_ROWS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def dense_step(optimizer, table, state, rows, grads):
    """Take a step of the whole table, with zero gradients for rows that were not looked up."""
    total = np.zeros(table.shape, table.dtype)
    for position, row in enumerate(rows):
        total[..., row, :] += grads[..., position, :]
    with np.errstate(all="ignore"):
        state, rate, direction, decay = optimizer.step(state, total)
        return state, rate, direction, (1 - decay) * table - rate * direction


def random_numbers(seed, *shape, dtype="f8"):
    """Return numbers of different magnitudes, whose sum depends on the order of addition."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) * 10.0 ** rng.integers(-2, 3, shape)).astype(dtype)


def bits(*values):
    """Return the bytes of arrays and of the arrays in named tuples, in native byte order."""
    arrays = [each if isinstance(each, tuple) else np.asarray(each) for each in values]
    return [
        bits(*each) if isinstance(each, tuple) else each.astype(each.dtype.newbyteorder("=")).tobytes()
        for each in arrays
    ]


@st.composite
def lookups(draw):
    """Draw the shape of a table, and the rows that are looked up in each step."""
    runs = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    num_rows, dim = draw(st.integers(1, 7)), draw(st.integers(1, 6))
    row = st.integers(0, num_rows - 1)
    steps = draw(st.lists(st.lists(row, min_size=1, max_size=40), min_size=1, max_size=3))
    return (*runs, num_rows, dim), steps


# Equal to a dense step.


@pytest.mark.parametrize("dtype", [*DTYPES, "f2", ">f4", ">f8"])
@pytest.mark.parametrize("optimizer", [SGD(0.3), Adagrad(0.3, eps=1e-3), Adagrad(0.3, 0.5, eps=1e-7)], ids=repr)
@given(lookups=lookups(), seed=st.integers(0, 999))
def test_sgd_and_adagrad_equal_a_dense_step_bit_for_bit(optimizer, dtype, lookups, seed):
    shape, steps = lookups
    dense = random_numbers(seed, *shape, dtype=dtype)
    table = dense.copy()
    dense_state, state = optimizer.init(dense), optimizer.init(table)
    for number, rows in enumerate(steps):
        grads = random_numbers([seed, number], *shape[:-2], len(rows), shape[-1], dtype=dtype)
        dense_state, rate, direction, dense = dense_step(optimizer, dense, dense_state, rows, grads)
        result = update_rows(optimizer, table, state, rows, grads)
        state = result.state
        np.testing.assert_array_equal(result.rows, np.unique(rows))
        assert bits(result.rate) == bits(rate[..., result.rows, :])
        np.testing.assert_array_equal(result.direction, direction[..., result.rows, :])
        assert bits(table) == bits(dense.astype(dtype))
        assert bits(*state) == bits(*(each.astype(dtype) for each in dense_state))


@each_optimizer
@each_dtype
def test_every_optimizer_equals_a_dense_step_if_all_rows_are_looked_up(kind, dtype):
    optimizer, rows = kind(), [2, 0, 1, 2, 2, 0, 1, 3]
    dense = random_numbers(0, 2, 4, 5, dtype=dtype)
    table = dense.copy()
    dense_state, state = optimizer.init(dense), optimizer.init(table)
    for number in range(20):
        grads = random_numbers(number, 2, len(rows), 5, dtype=dtype)
        dense_state, _, _, dense = dense_step(optimizer, dense, dense_state, rows, grads)
        state = update_rows(optimizer, table, state, rows, grads).state
    assert bits(table, state) == bits(dense, dense_state)


@each_optimizer
@given(rows=st.permutations(range(7)), seed=st.integers(0, 999))
def test_the_order_of_different_rows_has_no_effect(kind, rows, seed):
    start, grads, results = random_numbers(seed, 9, 3), random_numbers([seed, 1], 7, 3), []
    for order in (np.array(rows), np.arange(7)):
        table = start.copy()
        results.append(bits(table, *update_rows(kind(), table, kind().init(table), order, grads[order])))
    assert results[0] == results[1]


def test_repeated_rows_are_summed_in_their_order():
    large, one = np.float32(2**24), np.float32(1)
    for terms, total in (((large, one, one), large), ((one, one, large), large + 2)):
        table = np.zeros((2, 1), "f4")
        rows, grads = [1, 0, 1, 0, 1], np.array([terms[0], 7, terms[1], 7, terms[2]])[:, None]
        update_rows(SGD(1.0), table, SGD().init(table), rows, grads)
        np.testing.assert_array_equal(table[:, 0], [-14, -total])


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i4", "u8"])
def test_rows_tables_and_gradients_may_be_views_and_rows_any_integers(dtype):
    indices = np.array([3, 0, 3, 1], dtype)
    whole, grads, optimizer = random_numbers(0, 8, 12), random_numbers(1, 6, 4), Adam()
    others, results = whole[:, ::2].copy(), []
    for table, rows, gradient in (
        (whole[::2, 1::2].copy(), [3, 0, 3, 1], grads.T.copy()),
        (whole[::2, 1::2], np.repeat(indices, 2)[::2], grads.T),
    ):
        results.append(bits(table, *update_rows(optimizer, table, optimizer.init(table), rows, gradient)))
    assert results[0] == results[1]
    assert bits(whole[:, ::2]) == bits(others)


# Lazy updates, which differ from a dense step.


@pytest.mark.parametrize(
    ("optimizer", "decays", "moves"),
    [
        (Momentum(0.1, 0.75), {"velocity": 0.75}, True),
        (RMSProp(0.1, 0.75), {"mean_square": 0.75}, False),
        (Adam(0.1, 0.5, 0.75), {"m": 0.5, "v": 0.75}, True),
    ],
    ids=["Momentum", "RMSProp", "Adam"],
)
def test_a_dense_step_decays_and_moves_idle_rows_and_a_lazy_step_does_not(optimizer, decays, moves):
    dense, lazy = random_numbers(0, 2, 3), random_numbers(0, 2, 3)
    dense_state, state = optimizer.init(dense), optimizer.init(lazy)
    for row in (0, 1):
        before, state_before = lazy[0].copy(), {name: getattr(state, name)[0].copy() for name in decays}
        grads = random_numbers(row + 1, 1, 3)
        dense_state, _, _, dense = dense_step(optimizer, dense, dense_state, [row], grads)
        state = update_rows(optimizer, lazy, state, [row], grads).state
        np.testing.assert_array_equal(lazy[row], dense[row])
    assert (dense[0] != before).all() == moves == (dense[0] != before).any()
    np.testing.assert_array_equal(lazy[0], before)
    for name, decay in decays.items():
        np.testing.assert_array_equal(getattr(dense_state, name)[0], decay * state_before[name])
        np.testing.assert_array_equal(getattr(state, name)[0], state_before[name])


@each_optimizer
@given(lookups=lookups(), seed=st.integers(0, 999))
def test_other_rows_and_their_state_are_unchanged_whatever_they_contain(kind, lookups, seed):
    shape, steps = lookups
    table = random_numbers(seed, *shape)
    state = kind().init(table)
    arrays = [table, *(each for each in state if isinstance(each, np.ndarray))]
    idle = np.setdiff1d(np.arange(shape[-2]), np.concatenate(steps))
    for array, value in zip(arrays, [np.nan, -np.inf, -0.0], strict=False):
        array[..., idle, :] = value
    before = bits(*(array[..., idle, :] for array in arrays))
    for rows in steps:
        state = update_rows(kind(), table, state, rows, np.ones((*shape[:-2], len(rows), shape[-1]))).state
    assert bits(*(array[..., idle, :] for array in arrays)) == before


# Results.


@pytest.mark.parametrize("kind", [kind for kind in OF_ROWS if kind is not AdamW])
@each_dtype
def test_the_table_changes_by_rate_times_direction_in_place(kind, dtype):
    table = random_numbers(0, 3, 6, 4, dtype=dtype)
    before, state = table.copy(), kind().init(table)
    result = update_rows(kind(), table, state, [5, 2, 5], random_numbers(1, 3, 3, 4))
    assert result.rows.tolist() == [2, 5]
    assert result.rate.shape == result.direction.shape == (3, 2, 4)
    assert result.rate.dtype == result.direction.dtype == table.dtype == dtype
    assert bits(table[:, result.rows]) == bits(before[:, result.rows] - result.rate * result.direction)
    assert (table[:, result.rows] != before[:, result.rows]).all()
    assert type(result.state) is type(state)
    for name, values in state._asdict().items():
        if isinstance(values, np.ndarray):
            assert getattr(result.state, name) is values
            assert values[:, result.rows].all()
        else:
            assert getattr(result.state, name) == 1


@each_optimizer
def test_without_lookups_only_the_count_of_steps_changes(kind):
    table = random_numbers(0, 2, 4, 3)
    state = update_rows(kind(), table, kind().init(table), [1], np.ones((2, 1, 3))).state
    before = bits(table, *(each for each in state if isinstance(each, np.ndarray)))
    for rows, grads in (([], []), (np.zeros((0, 2), int), np.zeros((2, 0, 2, 3)))):
        result = update_rows(kind(), table, state, rows, grads)
        state = result.state
        assert result.rows.shape == (0,)
        assert result.rate.shape == result.direction.shape == (2, 0, 3)
        assert result.frozen.shape == (2, 0)
    assert bits(table, *(each for each in state if isinstance(each, np.ndarray))) == before
    if kind is Adam:
        assert state.t == 3


@each_optimizer
def test_rows_with_several_axes_equal_the_flat_ones(kind):
    rows, grads = np.array([[3, 0, 3], [1, 1, 3]]), random_numbers(1, 2, 2, 3, 5)
    results = []
    for ids, grad in ((rows, grads), (rows.ravel(), grads.reshape(2, 6, 5))):
        table = random_numbers(0, 2, 4, 5)
        results.append(bits(table, *update_rows(kind(), table, kind().init(table), ids, grad)))
    assert results[0] == results[1]


class WithDecay(Adagrad):
    def step(self, state, grad):
        return super().step(state, grad)._replace(decay=0.25)


def test_decay_changes_looked_up_rows_only():
    table = np.full((3, 2), 8.0)
    update_rows(WithDecay(0.5), table, WithDecay().init(table), [1, 1], [[1.0, 0.0], [2.0, 0.0]])
    np.testing.assert_allclose(table, [[8, 8], [5.5, 6], [8, 8]])


@each_dtype
def test_a_schedule_multiplies_rate_and_decay(dtype):
    table = np.full((3, 2), 8.0, dtype)
    state, schedule, rates = WithDecay().init(table), linear_warmup(4), []
    for step in (0, 1, 2, 10):
        result = update_rows(WithDecay(0.5), table, state, [1], np.full((1, 2), 3.0), schedule=schedule, step=step)
        state = result.state
        rates.append(result.rate[0, 0])
        assert not result.frozen.any()
        assert result.rate.dtype == dtype
    np.testing.assert_allclose(
        rates, [schedule(t) * 0.5 / (3 * n**0.5) for t, n in ((0, 1), (1, 2), (2, 3), (10, 4))]
    )
    expected = 8.0
    for factor, count in ((0, 1), (0.25, 2), (0.5, 3), (1, 4)):
        expected = (1 - 0.25 * factor) * expected - factor * 0.5 / count**0.5
    np.testing.assert_allclose(table, [[8, 8], [expected, expected], [8, 8]], rtol=1e-6)


@pytest.mark.parametrize("kind", [Adagrad, RMSProp, Adam])
def test_a_row_whose_accumulator_has_overflowed_is_frozen_for_ever(kind):
    table = np.ones((3, 2), "f4")
    state = kind().init(table)
    grads = np.array([[1e20, 1.0], [1.0, 1.0]], "f4")
    for _ in range(50):
        result = update_rows(kind(), table, state, [0, 1], grads)
        state = result.state
        assert result.frozen.tolist() == [True, False]
        grads = np.ones((2, 2), "f4")
    assert table[0, 0] == 1
    assert (table[0, 1], *table[1]) < (1, 1, 1)
    # Also at a step in which the schedule stops all rows.
    result = update_rows(kind(), table, state, [0, 1], grads, schedule=linear_warmup(5), step=0)
    assert result.frozen.tolist() == [True, False]
    assert not result.rate.any()


def test_a_row_that_is_not_finite_is_frozen():
    table = np.array([[3.4e38, 1.0], [1.0, 1.0]], "f4")
    assert update_rows(SGD(1e20), table, SGD().init(table), [0, 1], -np.full((2, 2), 1e17)).frozen.tolist() == [
        1,
        0,
    ]
    assert np.isposinf(table[0, 0])


def test_a_float16_table_has_finite_steps():
    for grad in (0.0, 1e-4, 1.0, 300.0):
        for optimizer in (SGD(0.125), Adam(0.125, eps=1e-3), RMSProp(0.125, eps=1e-3), Adagrad(0.125, eps=1e-3)):
            table = np.ones((4, 2), np.float16)
            result = update_rows(optimizer, table, optimizer.init(table), [0], np.full((1, 2), grad))
            assert np.isfinite(table).all()
            # The square of 300 overflows, but not a tenth of it.
            assert result.frozen.tolist() == [grad == 300 and type(optimizer) is not SGD]
            assert result.rate.dtype == np.float16


def test_a_count_of_steps_may_be_an_array_without_axes():
    table, expected = np.ones((4, 2)), np.ones((4, 2))
    update_rows(Adam(), expected, Adam().init(table)._replace(t=7), [1], np.ones((1, 2)))
    state = update_rows(Adam(), table, Adam().init(table)._replace(t=np.array(7)), [1], np.ones((1, 2))).state
    np.testing.assert_array_equal(table, expected)
    assert type(state.t) is int
    assert state.t == 8


def test_overflow_in_a_step_is_not_an_error():
    table = np.ones((2, 2), "f4")
    state = Adagrad().init(table)
    result = update_rows(Adagrad(), table, state, [0], np.full((1, 2), 1e30, "f4"))
    assert np.isposinf(state.sum_of_squares[0]).all()
    assert not result.rate.any()
    np.testing.assert_array_equal(table, 1)


SWEPT_VALUES = {
    "learning_rate": [0.001, 0.1, 0.7],
    "eps": [1e-8, 1e-3, 0.3],
    "initial_accumulator_value": [0.0, 0.1, 3.0],
    **{name: [0.0, 0.3, 0.99] for name in ("beta", "beta1")},
    **{name: [0.1, 0.9, 0.9999] for name in ("beta2", "rho")},
    "weight_decay": [0.0, 0.1, 0.7],
}
# Close averages often have the same sign, so the betas of Lion may have no effect in a short run.
SETTINGS = [
    (kind, field.name)
    for kind in OF_ROWS
    for field in fields(kind)
    if field.name != "bias_correction" and not (kind is Lion and "beta" in field.name)
]


@each_dtype
@pytest.mark.parametrize(("kind", "setting"), SETTINGS, ids=lambda case: getattr(case, "__name__", case))
def test_runs_with_different_settings_equal_each_run_alone_bit_for_bit(kind, setting, dtype):
    values = np.array(SWEPT_VALUES[setting])
    table = random_numbers(0, 3, 5, 4, dtype=dtype)
    start, alone = table.copy(), table.copy()
    state = kind(**{setting: values.astype(dtype)[:, None, None]}).init(table)
    # Settings stay float64 here: update_rows casts them to the dtype of the table.
    batch = replace(kind(), **{setting: values[:, None, None]})
    rows, grads = [4, 0, 4, 2, 4], [random_numbers(number, 3, 5, 4, dtype=dtype) for number in range(12)]
    for grad in grads:
        result = update_rows(batch, table, state, rows, grad)
        state = result.state
    assert result.rate.dtype == dtype
    for run, value in enumerate(values.astype(dtype)):
        optimizer = kind(**{setting: value})
        state = optimizer.init(alone[run])
        for grad in grads:
            last = update_rows(optimizer, alone[run], state, rows, grad[run])
            state = last.state
        assert bits(last.rate, last.direction) == bits(result.rate[run], result.direction[run])
    assert bits(alone) == bits(table)
    assert len({run.tobytes() for run in table - start[:1]}) == len(values)


@pytest.mark.parametrize("kind", [kind for kind in ALL_OPTIMIZERS if kind not in OF_ROWS])
@pytest.mark.parametrize("shape", [(4, 2), (3, 3)])
def test_an_optimizer_that_needs_the_whole_table_raises_an_error(kind, shape):
    table = np.ones(shape)
    message = r"state\.column_means: has shape" if kind is Adafactor else r"optimizer=.*: needs the whole table"
    with pytest.raises(ValueError, match=f"^{message}"):
        update_rows(kind(), table, kind().init(table), [1], np.ones((1, shape[1])))


# Custom optimizers.


class CountedState(NamedTuple):
    t: Any
    mean_square: Any


@dataclass(frozen=True)
class CountedRMSProp(RMSProp):
    """RMSProp with bias correction by the number of steps of each row."""

    def init(self, params):
        return CountedState(np.zeros((params.shape[-2], 1), int), np.zeros_like(params))

    def step(self, state, grad):
        t = state.t + 1
        (mean_square,), *_ = super().step(RMSProp().init(grad)._replace(mean_square=state.mean_square), grad)
        rate = self.learning_rate / (np.sqrt(mean_square / (1 - self.rho**t)) + self.eps)
        return Step(CountedState(t, mean_square), rate, grad)


def test_a_state_may_count_the_steps_of_each_row():
    optimizer, table = CountedRMSProp(0.1), random_numbers(0, 2, 4, 3)
    start, state, counts = table.copy(), optimizer.init(table), np.zeros(4, int)
    counter = state.t
    lookups = [[0], [0, 2], [2, 2, 2], [0, 3], [3, 0, 2]]
    grads = [random_numbers(number, 2, len(rows), 3) for number, rows in enumerate(lookups)]
    for rows, grad in zip(lookups, grads, strict=True):
        state = update_rows(optimizer, table, state, rows, grad).state
        counts[np.unique(rows)] += 1
    assert state.t is counter
    np.testing.assert_array_equal(counter[:, 0], counts)
    for row in range(4):
        alone = start[:, row : row + 1].copy()
        state = optimizer.init(alone)
        for rows, grad in zip(lookups, grads, strict=True):
            selected = np.array(rows) == row
            if selected.any():
                zeros = np.zeros(selected.sum(), int)
                state = update_rows(optimizer, alone, state, zeros, grad[:, selected]).state
        assert bits(alone) == bits(table[:, row : row + 1])


@dataclass(frozen=True)
class Raising(Adam):
    def step(self, state, grad):
        super().step(state, grad)
        raise RuntimeError("error in step")


def test_an_error_in_a_step_leaves_table_and_state_unchanged():
    table = random_numbers(0, 4, 3)
    state = Adam().init(table)
    before = bits(table, state)
    with pytest.raises(RuntimeError, match="error in step"):
        update_rows(Raising(), table, state, [1, 1, 3], random_numbers(1, 3, 3))
    assert bits(table, state) == before


# Invalid arguments.


def read_only(array):
    array.setflags(write=False)
    return array


def grads_with(value):
    grads = np.ones((4, 3), np.result_type(type(value), "f4"))
    grads[2, 1] = value
    return grads


M, V = np.zeros((6, 3), "f4"), np.zeros((6, 3), "f4")
FLOAT32_MAX = np.finfo("f4").max
NOT_INDICES = [[True, False, True, True], [0.0, 1.0, 2.0, 3.0], 2, [[0, 1], [2]], ["0"], None]
NOT_GRADS = [np.ones(shape, "f4") for shape in ((4, 2), (1, 3), (), (1, 4, 3), (3, 4))]
NOT_GRADS += [np.ones((4, 3), dtype) for dtype in (complex, bool, "U1")] + [[[1.0], [1.0, 2.0], [], []], None]
NOT_A_TABLE = [np.ones((6, 3), dtype) for dtype in (int, complex, object)] + [
    np.ones(6, "f4"),
    np.ones((6, 0), "f4"),
]
NOT_A_TABLE += [read_only(np.ones((6, 3), "f4")), [[1.0] * 3] * 6, None]
INVALID = [
    *[("rows", bad, f"rows={bad!r}: must be integers, (k,) or with more axes") for bad in NOT_INDICES],
    # Larger integers would overflow when they are combined with positions.
    *[("rows", [0, 1, bad, 2], f"rows: contains {bad}, must be from 0 to 5") for bad in (-1, 6, 2**61, -(2**61))],
    ("rows", np.array([0, 1, 2**63, 2], "u8"), "rows: contains 9223372036854775808, must be from 0 to 5"),
    ("rows", [0, 1, 2, 3, 4], "grads: has float32 of shape (4, 3), must be real numbers of shape (5, 3)"),
    ("rows", [[0, 1, 2, 3]], "grads: has float32 of shape (4, 3), must be real numbers of shape (1, 4, 3)"),
    ("rows", [], "grads: has float32 of shape (4, 3), must be real numbers of shape (0, 3)"),
    ("schedule", 0.5, "step=None: must be an integer of at least 0"),
    ("step", -1, "step=-1: must be an integer of at least 0"),
    *[("grads", bad, "grads: has ") for bad in NOT_GRADS],
    *[
        ("grads", grads_with(value), "grads: not finite at lookup 2 of row 0, must be finite")
        for value in (np.nan, np.inf, -np.inf, np.float64(np.inf), np.float64(1e300))
    ],
    ("grads", np.full((4, 3), 0.55 * FLOAT32_MAX), "grads: too large, the sum for a row is above 3.4e+38"),
    *[("table", bad, "table=") for bad in NOT_A_TABLE],
    *[
        ("state", bad, f"state={bad!r}: must be what init(table) or the previous step returned")
        for bad in (None, (0, M, V), AdamState, {"t": 0, "m": M, "v": V})
    ],
    *[
        ("state", Adam().init(np.zeros(shape, "f4")), f"state.m: has shape {shape}")
        for shape in ((5, 3), (6, 4), (2, 6, 3), (3,), (1, 3))
    ],
    ("state", Adam().init(np.zeros((6, 3))), "state.m: has dtype float64"),
    ("state", AdamState(0, np.zeros((6, 1), "f4"), V), "state.m: changed its shape in a step"),
    ("state", AdamState(None, None, None), "state.t=None: must be a number or a writeable array"),
    ("state", AdamState(0, M.tolist(), V.tolist()), "state.m="),
    ("state", AdamState(0, M, read_only(V.copy())), "state.v="),
    *[("optimizer", bad, f"optimizer={bad!r}: must be an optimizer") for bad in (Adam, 0.1, None, "Adam")],
    *[
        ("optimizer", Adam(np.full(shape, 0.1)), f"learning_rate: has shape {shape}, must broadcast to (1, 3)")
        for shape in ((6, 3), (2,), (2, 1, 1))
    ],
    ("optimizer", Adam(np.full(3, 1e300)), "learning_rate="),
    ("optimizer", Adam(eps=np.full(3, 1e-200)), "eps="),
]


@pytest.mark.parametrize(("name", "bad", "message"), INVALID)
def test_an_invalid_argument_raises_an_error_that_names_it_and_changes_nothing(name, bad, message):
    valid = {
        "optimizer": Adam(),
        "table": np.ones((6, 3), "f4"),
        "state": AdamState(0, M.copy(), V.copy()),
        "rows": [0, 1, 0, 5],
        "grads": np.ones((4, 3), "f4"),
    }
    if name == "step":
        valid["schedule"] = abs
    arguments = {**valid, name: bad}
    before = pickle.dumps(arguments)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        update_rows(**arguments)
    assert pickle.dumps(arguments) == before
    update_rows(**{**valid, "step": 1})
    assert (valid["table"][[0, 1, 5]] < 1).all()
