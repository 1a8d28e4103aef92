"""Rows updated alone: what a dense step does to them, what torch does, and nothing where an argument is bad."""

import pickle
import warnings
from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_parity import import_or_skip

from adaptive_optim import OPTIMIZERS, SGD, Adagrad, Adam, Momentum, RMSProp, Step, update_rows
from adaptive_optim.optimizers import AdamState

NAMES = [kind.__name__ for kind in OPTIMIZERS]
DTYPES = ["f4", "f8"]


def dense_step(optimizer, table, state, rows, grads):
    """Take the step of the whole table, with zeros for rows that were not looked up."""
    total = np.zeros(table.shape, table.dtype)
    for place, row in enumerate(rows):
        total[..., row, :] += grads[..., place, :]
    with np.errstate(all="ignore"):
        state, rate, direction = optimizer.step(state, total)
        return state, rate, direction, table - rate * direction


def numbers(seed, *shape, dtype="f8"):
    """Return numbers of many sizes, whose sum depends on the order."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) * 10.0 ** rng.integers(-2, 3, shape)).astype(dtype)


def bits(*values):
    """Return what is in all arrays, of states as well, whatever their byte order."""
    arrays = [each if isinstance(each, tuple) else np.asarray(each) for each in values]
    return [
        bits(*each) if isinstance(each, tuple) else each.astype(each.dtype.newbyteorder("=")).tobytes()
        for each in arrays
    ]


@st.composite
def look_ups(draw):
    """Draw the shape of a table, and what is looked up in each step."""
    runs = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    count, dim = draw(st.integers(1, 7)), draw(st.integers(1, 6))
    steps = draw(st.lists(st.lists(st.integers(0, count - 1), min_size=1, max_size=40), min_size=1, max_size=3))
    return (*runs, count, dim), steps


# Equal to a dense step


@pytest.mark.parametrize("dtype", [*DTYPES, "f2", ">f4", ">f8"])
@pytest.mark.parametrize(
    "optimizer", [SGD(0.3), Adagrad(0.3, eps=1e-3), Adagrad(0.3, 0.5)], ids=["SGD", "Adagrad", "Adagrad from 0.5"]
)
@given(look_ups=look_ups(), seed=st.integers(0, 999))
def test_sgd_and_adagrad_equal_a_dense_step_bit_for_bit(optimizer, dtype, look_ups, seed):
    shape, steps = look_ups
    dense = numbers(seed, *shape, dtype=dtype)
    table = dense.copy()
    dense_state, state = optimizer.init(dense), optimizer.init(table)
    for number, rows in enumerate(steps):
        grads = numbers([seed, number], *shape[:-2], len(rows), shape[-1], dtype=dtype)
        dense_state, rate, direction, dense = dense_step(optimizer, dense, dense_state, rows, grads)
        done = update_rows(optimizer, table, state, rows, grads)
        state = done.state
        np.testing.assert_array_equal(done.rows, np.unique(rows))
        assert bits(done.rate) == bits(rate[..., done.rows, :])
        np.testing.assert_array_equal(done.direction, direction[..., done.rows, :])
        assert bits(table) == bits(dense.astype(dtype))
        assert bits(*state) == bits(*(each.astype(dtype) for each in dense_state))


@pytest.mark.parametrize("kind", OPTIMIZERS, ids=NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_that_are_all_looked_up_at_every_step_equal_a_dense_run_of_any_optimizer(kind, dtype):
    optimizer, rows = kind(), [2, 0, 1, 2, 2, 0, 1, 3]
    dense = numbers(0, 2, 4, 5, dtype=dtype)
    table = dense.copy()
    dense_state, state = optimizer.init(dense), optimizer.init(table)
    for number in range(20):
        grads = numbers(number, 2, len(rows), 5, dtype=dtype)
        dense_state, _, _, dense = dense_step(optimizer, dense, dense_state, rows, grads)
        state = update_rows(optimizer, table, state, rows, grads).state
    assert bits(table, state) == bits(dense, dense_state)


@pytest.mark.parametrize("kind", OPTIMIZERS, ids=NAMES)
@given(rows=st.permutations(range(7)), seed=st.integers(0, 999))
def test_the_order_of_look_ups_of_different_rows_does_not_matter(kind, rows, seed):
    optimizer, start, grads = kind(), numbers(seed, 9, 3), numbers([seed, 1], 7, 3)
    found = []
    for order in (np.array(rows), np.arange(7)):
        table = start.copy()
        done = update_rows(optimizer, table, optimizer.init(table), order, grads[order])
        found.append(bits(table, *done))
    assert found[0] == found[1]


def test_repeats_are_summed_in_the_order_in_which_they_came():
    big, one = np.float32(2**24), np.float32(1)
    for parts, total in (((big, one, one), big), ((one, one, big), big + 2)):
        table = np.zeros((2, 1), "f4")
        rows, grads = [1, 0, 1, 0, 1], np.array([parts[0], 7, parts[1], 7, parts[2]])[:, None]
        update_rows(SGD(1.0), table, SGD().init(table), rows, grads)
        np.testing.assert_array_equal(table[:, 0], [-14, -total])


@pytest.mark.parametrize("kind", ["i1", "u1", ">i4", "u8"])
def test_whole_numbers_of_any_kind_are_rows(kind):
    found = []
    for rows in ([3, 0, 3, 1], np.array([3, 0, 3, 1], kind), np.repeat(np.array([3, 0, 3, 1], kind), 2)[::2]):
        table = numbers(0, 5, 4)
        done = update_rows(Adam(), table, Adam().init(table), rows, numbers(1, 4, 4))
        found.append(bits(table, *done))
    assert found[0] == found[1] == found[2]


def test_tables_and_gradients_that_are_views_are_updated_like_their_copies():
    whole, grads = numbers(0, 8, 12), numbers(1, 6, 3)
    view, copy, rest = whole[::2, 1::2], whole[::2, 1::2].copy(), whole[:, ::2].copy()
    optimizer = Adagrad(0.3)
    done = update_rows(optimizer, view, optimizer.init(view), [3, 1, 3], grads.T)
    alone = update_rows(optimizer, copy, optimizer.init(copy), [3, 1, 3], grads.T.copy())
    assert bits(view, *done) == bits(copy, *alone)
    assert bits(whole[:, ::2]) == bits(rest)


# Equal to torch


def torch_run(torch, make, table, steps):
    """Return the path of a table that torch updates by sparse gradients."""
    embedding = torch.nn.Embedding.from_pretrained(torch.tensor(table), freeze=False, sparse=True)
    optimizer, path = make(embedding.parameters()), []
    for rows, grads in steps:
        embedding.weight.grad = torch.sparse_coo_tensor(
            torch.tensor(rows)[None], torch.tensor(grads), table.shape, check_invariants=True
        )
        with warnings.catch_warnings():  # torch says that it does not check its own tensors
            warnings.filterwarnings("ignore", message="Sparse invariant checks")
            optimizer.step()
        path.append(embedding.weight.detach().numpy().copy())
    return np.array(path)


def our_run(optimizer_at, table, steps):
    table = table.copy()
    state, path = optimizer_at(1).init(table), []
    for t, (rows, grads) in enumerate(steps, 1):
        state = update_rows(optimizer_at(t), table, state, rows, grads).state
        path.append(table.copy())
    return np.array(path)


def zipf_steps(count, dim, look_ups, num_steps, dtype, size=1.0):
    rng = np.random.default_rng(0)
    chances = 1 / np.arange(1, count + 1)
    for _ in range(num_steps):
        rows = rng.choice(count, look_ups, p=chances / chances.sum())
        yield rows, (size * rng.normal(size=(look_ups, dim))).astype(dtype)


SAME_IN_TORCH = {
    "SparseAdam": (Adam(0.01, 0.9, 0.99, eps=1e-30), {"lr": 0.01, "betas": (0.9, 0.99), "eps": 1e-30}),
    "Adagrad": (
        Adagrad(0.1, 0.25, eps=1e-3),
        {"lr": 0.1, "initial_accumulator_value": 0.25, "eps": 1e-3},
    ),
    "SGD": (SGD(0.1), {"lr": 0.1}),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("f4", 1e-6), ("f8", 1e-10)], ids=DTYPES)
@pytest.mark.parametrize("name", SAME_IN_TORCH)
def test_300_steps_with_repeats_equal_those_of_torch(name, dtype, tolerance):
    torch = import_or_skip("torch")
    optimizer, settings = SAME_IN_TORCH[name]
    table, steps = numbers(0, 12, 6, dtype=dtype), list(zipf_steps(12, 6, 16, 300, dtype))
    assert all(max(Counter(rows).values()) > 1 for rows, _ in steps)
    assert any(len(set(rows)) < 10 for rows, _ in steps)
    theirs = torch_run(torch, lambda params: getattr(torch.optim, name)(params, **settings), table, steps)
    ours = our_run(lambda t: optimizer, table, steps)
    assert theirs.dtype == ours.dtype == dtype
    assert np.abs(theirs[-1] - table).min() > 1e-3
    assert np.abs(ours - theirs).max() < tolerance * np.abs(theirs).max()


def test_sparse_adam_of_torch_adds_eps_to_the_root_of_the_uncorrected_average():
    torch = import_or_skip("torch")
    table, steps = np.zeros((12, 6)), list(zipf_steps(12, 6, 16, 300, "f8", size=1e-3))
    theirs = torch_run(torch, lambda params: torch.optim.SparseAdam(params, lr=0.01, eps=1e-3), table, steps)
    same = our_run(lambda t: Adam(0.01, eps=1e-3 / np.sqrt(1 - 0.999**t)), table, steps)
    plain = our_run(lambda t: Adam(0.01, eps=1e-3), table, steps)
    assert np.abs(same - theirs).max() < 1e-10
    assert np.abs(plain - theirs).max() > 0.1 * np.abs(theirs).max()


# Lazy: not equal to a dense step


@pytest.mark.parametrize(
    ("optimizer", "decays", "moves"),
    [
        (Momentum(0.1, 0.75), {"velocity": 0.75}, True),
        (RMSProp(0.1, 0.75), {"mean_square": 0.75}, False),
        (Adam(0.1, 0.5, 0.75), {"m": 0.5, "v": 0.75}, True),
    ],
    ids=lambda case: type(case).__name__ if isinstance(case, (Momentum, RMSProp, Adam)) else "",
)
def test_a_dense_step_decays_and_moves_idle_rows_and_a_lazy_one_leaves_them_alone(optimizer, decays, moves):
    dense, lazy = numbers(0, 2, 3), numbers(0, 2, 3)
    dense_state, state = optimizer.init(dense), optimizer.init(lazy)
    first, second = numbers(1, 1, 3), numbers(2, 1, 3)
    dense_state, _, _, dense = dense_step(optimizer, dense, dense_state, [0], first)
    state = update_rows(optimizer, lazy, state, [0], first).state
    np.testing.assert_array_equal(lazy, dense)
    idle, remembered = lazy[0].copy(), {name: getattr(state, name)[0].copy() for name in decays}
    dense_state, _, _, dense = dense_step(optimizer, dense, dense_state, [1], second)
    state = update_rows(optimizer, lazy, state, [1], second).state
    np.testing.assert_array_equal(lazy[1], dense[1])
    assert (dense[0] != idle).all() == moves == (dense[0] != idle).any()
    np.testing.assert_array_equal(lazy[0], idle)
    for name, decay in decays.items():
        np.testing.assert_array_equal(getattr(dense_state, name)[0], decay * remembered[name])
        np.testing.assert_array_equal(getattr(state, name)[0], remembered[name])


@pytest.mark.parametrize("kind", OPTIMIZERS, ids=NAMES)
@given(look_ups=look_ups(), seed=st.integers(0, 999))
def test_other_rows_and_their_state_keep_every_bit_whatever_is_in_them(kind, look_ups, seed):
    shape, steps = look_ups
    optimizer = kind()
    table = numbers(seed, *shape)
    state = optimizer.init(table)
    arrays = [table, *(each for each in state if isinstance(each, np.ndarray))]
    idle = np.setdiff1d(np.arange(shape[-2]), np.concatenate(steps))
    for strange, array in enumerate(arrays):
        array[..., idle, :] = [np.nan, -np.inf, -0.0][strange % 3]
    before = bits(*(array[..., idle, :] for array in arrays))
    for rows in steps:
        state = update_rows(optimizer, table, state, rows, np.ones((*shape[:-2], len(rows), shape[-1]))).state
    assert bits(*(array[..., idle, :] for array in arrays)) == before


# What comes back


@pytest.mark.parametrize("kind", OPTIMIZERS, ids=NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_table_moves_by_rate_times_direction_in_place(kind, dtype):
    table = numbers(0, 3, 6, 4, dtype=dtype)
    start, first = table.copy(), kind().init(table)
    done = update_rows(kind(), table, first, [5, 2, 5], numbers(1, 3, 3, 4))
    assert done.rows.tolist() == [2, 5]
    assert done.rate.shape == done.direction.shape == (3, 2, 4)
    assert done.rate.dtype == done.direction.dtype == table.dtype == dtype
    assert bits(table[:, done.rows]) == bits(start[:, done.rows] - done.rate * done.direction)
    assert (table[:, done.rows] != start[:, done.rows]).all()
    assert type(done.state) is type(first)
    for name in first._fields:
        if isinstance(getattr(first, name), np.ndarray):
            assert getattr(done.state, name) is getattr(first, name)
            assert getattr(first, name)[:, done.rows].all()
        else:
            assert getattr(done.state, name) == 1


def test_overflow_within_a_step_is_no_error_and_no_warning():
    table = np.ones((2, 2), "f4")
    state = Adagrad().init(table)
    done = update_rows(Adagrad(), table, state, [0], np.full((1, 2), 1e30, "f4"))
    assert np.isposinf(state.sum_of_squares[0]).all()
    assert not done.rate.any()
    np.testing.assert_array_equal(table, 1)


# Runs side by side

SWEPT = {
    "learning_rate": [0.001, 0.1, 0.7],
    "eps": [1e-8, 1e-3, 0.3],
    "initial_accumulator_value": [0.0, 0.1, 3.0],
    "beta": [0.0, 0.3, 0.99],
    "beta1": [0.0, 0.3, 0.99],
    "beta2": [0.1, 0.9, 0.9999],
    "rho": [0.1, 0.9, 0.9999],
}
EACH_SETTING = [(kind, field.name) for kind in OPTIMIZERS for field in fields(kind) if field.name in SWEPT]


def test_every_setting_is_swept():
    assert {field.name for kind in OPTIMIZERS for field in fields(kind)} == {*SWEPT, "bias_correction"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kind", "setting"), EACH_SETTING, ids=lambda case: getattr(case, "__name__", case))
def test_runs_with_a_setting_each_equal_each_run_alone_bit_for_bit(kind, setting, dtype):
    values = np.array(SWEPT[setting])
    sweep = kind(**{setting: values.astype(dtype)[:, None, None]})
    side_by_side = numbers(0, 3, 5, 4, dtype=dtype)
    alone = side_by_side.copy()
    state = sweep.init(side_by_side)
    steps = [([4, 0, 4, 2, 4], numbers(number, 3, 5, 4, dtype=dtype)) for number in range(12)]
    # As they are written: in double precision, whatever the table's.
    sweep = replace(sweep, **{setting: values[:, None, None]})
    for rows, grads in steps:
        done = update_rows(sweep, side_by_side, state, rows, grads)
        state = done.state
    assert done.rate.dtype == dtype
    for run, value in enumerate(values.astype(dtype)):
        optimizer = kind(**{setting: value})
        own = optimizer.init(alone[run])
        for rows, grads in steps:
            last = update_rows(optimizer, alone[run], own, rows, grads[run])
            own = last.state
        assert bits(last.rate, last.direction) == bits(done.rate[run], done.direction[run])
    assert bits(alone) == bits(side_by_side)
    assert len({run.tobytes() for run in side_by_side - alone[:1]}) == len(values)


# An optimizer of one's own


class CountedState(NamedTuple):
    t: Any
    mean_square: Any


@dataclass(frozen=True)
class CountedRMSProp(RMSProp):
    """Corrects the average by the steps of each row."""

    def init(self, params):
        return CountedState(np.zeros((params.shape[-2], 1), int), np.zeros_like(params))

    def step(self, state, grad):
        t = state.t + 1
        (mean_square,), _, _ = super().step(RMSProp().init(grad)._replace(mean_square=state.mean_square), grad)
        rate = self.learning_rate / (np.sqrt(mean_square / (1 - self.rho**t)) + self.eps)
        return Step(CountedState(t, mean_square), rate, grad)


def test_a_state_may_count_the_steps_of_each_row_and_then_each_row_goes_as_if_alone():
    optimizer, table = CountedRMSProp(0.1), numbers(0, 2, 4, 3)
    start, state, counts = table.copy(), optimizer.init(table), np.zeros(4, int)
    counter = state.t
    used = [[0], [0, 2], [2, 2, 2], [0, 3], [3, 0, 2]]
    grads = [numbers(number, 2, len(rows), 3) for number, rows in enumerate(used)]
    for rows, grad in zip(used, grads, strict=True):
        state = update_rows(optimizer, table, state, rows, grad).state
        counts[np.unique(rows)] += 1
    assert state.t is counter
    np.testing.assert_array_equal(counter[:, 0], counts)
    assert counts.tolist() == [4, 0, 3, 2]
    for row in range(4):
        alone = start[:, row : row + 1].copy()
        own = optimizer.init(alone)
        for rows, grad in zip(used, grads, strict=True):
            mine = np.array(rows) == row
            if mine.any():
                own = update_rows(optimizer, alone, own, np.zeros(mine.sum(), int), grad[:, mine]).state
        assert bits(alone) == bits(table[:, row : row + 1])


@dataclass(frozen=True)
class Raising(Adam):
    """Changes nothing, as a step that raises may not."""

    def step(self, state, grad):
        super().step(state, grad)
        raise RuntimeError("not today")


def test_an_optimizer_that_raises_leaves_everything_as_it_was():
    table = numbers(0, 4, 3)
    state = Adam().init(table)
    before = bits(table, state)
    with pytest.raises(RuntimeError, match="not today"):
        update_rows(Raising(), table, state, [1, 1, 3], numbers(1, 3, 3))
    assert bits(table, state) == before


# Bad arguments


def read_only(array):
    array.setflags(write=False)
    return array


def grads_with(value):
    grads = np.ones((4, 3), np.result_type(type(value), "f4"))
    grads[2, 1] = value
    return grads


F4 = np.finfo("f4").max
OF_TABLE = {"m": np.zeros((6, 3), "f4"), "v": np.zeros((6, 3), "f4")}
BAD = {
    "rows": {
        "negative": [0, -1, 2, 3],
        "too large": [0, 1, 6, 2],
        "far too large": [0, 1, 2**60, 2],
        "so large that a shift loses it": [0, 1, 2**61, 2],
        "far too negative": [0, 1, -(2**61), 2],
        "beyond int64": np.array([0, 1, 2**63, 2], "u8"),
        "bool": [True, False, True, True],
        "float": [0.0, 1.0, 2.0, 3.0],
        "2-D": [[0, 1, 2, 3]],
        "0-D": 2,
        "none of them": [],
        "empty": np.zeros(0, int),
        "ragged": [[0, 1], [2]],
        "strings": ["0", "1", "2", "3"],
        "None": None,
        "more than gradients": [0, 1, 2, 3, 4],
    },
    "grads": {
        "nan": grads_with(np.nan),
        "inf": grads_with(np.inf),
        "-inf": grads_with(-np.inf),
        "inf in double precision": grads_with(np.float64(np.inf)),
        "too large for the table": grads_with(np.float64(1e300)),
        "too large when summed": np.full((4, 3), F4 / 2 * np.float32(1.1)),
        "wrong shape": np.ones((4, 2), "f4"),
        "one for all": np.ones((1, 3), "f4"),
        "a number": 1.0,
        "with an axis more": np.ones((1, 4, 3), "f4"),
        "turned": np.ones((3, 4), "f4"),
        "complex": np.ones((4, 3), complex),
        "bool": np.ones((4, 3), bool),
        "strings": np.full((4, 3), "1"),
        "ragged": [[1.0], [1.0, 2.0], [], []],
        "None": None,
    },
    "table": {
        "int": np.ones((6, 3), int),
        "complex": np.ones((6, 3), complex),
        "objects": np.ones((6, 3), object),
        "1-D": np.ones(6, "f4"),
        "read-only": read_only(np.ones((6, 3), "f4")),
        "list": [[1.0] * 3] * 6,
        "empty": np.ones((6, 0), "f4"),
        "without rows": np.ones((0, 3), "f4"),
        "None": None,
    },
    "state": {
        "None": None,
        "of another precision": Adam().init(np.zeros((6, 3))),
        "a column": AdamState(0, np.zeros((6, 1), "f4"), OF_TABLE["v"]),
        "a tuple": (0, OF_TABLE["m"], OF_TABLE["v"]),
        "the class": AdamState,
        "a dictionary": {"t": 0, **OF_TABLE},
        "of fewer rows": Adam().init(np.zeros((5, 3), "f4")),
        "of more numbers": Adam().init(np.zeros((6, 4), "f4")),
        "of more runs": Adam().init(np.zeros((2, 6, 3), "f4")),
        "of one row": Adam().init(np.zeros(3, "f4")),
        "one row for all": Adam().init(np.zeros((1, 3), "f4")),
        "of None": AdamState(None, None, None),
        "of lists": AdamState(0, OF_TABLE["m"].tolist(), OF_TABLE["v"].tolist()),
        "of ragged lists": AdamState(0, [[0.0], []], OF_TABLE["v"]),
        "of numbers in an array": AdamState(0, np.array(0.0), OF_TABLE["v"]),
        "read-only": AdamState(0, OF_TABLE["m"], read_only(OF_TABLE["v"].copy())),
    },
    "optimizer": {"a class": Adam, "a number": 0.1, "None": None, "a name": "Adam"},
    "learning_rate": {
        "for each row": Adam(np.full((6, 3), 0.1)),
        "of another shape": Adam(np.full(2, 0.1)),
        "for more runs": Adam(np.full((2, 1, 1), 0.1)),
        "too large for the table": Adam(np.full(3, 1e300)),
    },
    "eps": {"too small for the table": Adam(eps=np.full(3, 1e-200))},
}
EACH_BAD = [(name, which) for name, cases in BAD.items() for which in cases]


@pytest.mark.parametrize(("name", "which"), EACH_BAD)
def test_a_bad_argument_is_named_and_nothing_is_written(name, which):
    arguments = {
        "optimizer": Adam(),
        "table": np.ones((6, 3), "f4"),
        "state": AdamState(0, *(array.copy() for array in OF_TABLE.values())),
        "rows": [0, 1, 0, 5],
        "grads": np.ones((4, 3), "f4"),
    }
    arguments[name if name in arguments else "optimizer"] = BAD[name][which]
    before = pickle.dumps(arguments)
    # A row more than there are gradients is seen at the gradients.
    named = "grads" if which == "more than gradients" else name
    with pytest.raises(ValueError, match=rf"^{named}[.=: ]"):
        update_rows(**arguments)
    assert pickle.dumps(arguments) == before


def test_the_arguments_that_are_made_bad_are_good():
    table, state = np.ones((6, 3), "f4"), AdamState(0, *(array.copy() for array in OF_TABLE.values()))
    update_rows(Adam(), table, state, [0, 1, 0, 5], np.ones((4, 3), "f4"))
    assert (table[[0, 1, 5]] < 1).all()


def test_what_is_refused_is_said_with_its_place():
    table = np.zeros((6, 3), "f4")
    with pytest.raises(ValueError, match=r"^rows: -2 is among them, must be from 0 to 5$"):
        update_rows(SGD(), table, SGD().init(table), [0, -2], np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^grads: not finite for look-up 2, of row 4; must be finite$"):
        update_rows(SGD(), table, SGD().init(table), [0, 1, 4, 0], grads_with(np.inf))
    with pytest.raises(ValueError, match=r"^grads: too large, those of a row sum to more than 3.4e\+38$"):
        update_rows(SGD(), table, SGD().init(table), [0, 1, 0, 1], np.full((4, 3), F4 / 2 * np.float32(1.1)))
