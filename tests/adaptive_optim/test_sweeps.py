"""Many runs at once: they are the runs of minimize, wherever they are made, and nothing is left when one fails."""

import re
import sys
import threading
import time
import tracemalloc
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import fields, replace
from functools import lru_cache, partial
from multiprocessing import get_context

import numpy as np
import pytest
import xarray as xr
from distributed import Client
from onlookers import Noted, Terminal
from tqdm import tqdm
from unruly import Dying, Failing, Interrupting

from adaptive_optim import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    Momentum,
    ProblemStack,
    RMSProp,
    SparseRegression,
    minimize,
    sweep,
    tune,
)
from adaptive_optim.sweeps import MEASURES

# Neither a multiple of the steps that are measured at once, nor within the steps that gradients are made for.
NUM_STEPS = 203
LOSS_GOALS, DISTANCE_GOALS, RATE_STEPS = (1e-3, 0.01, 0.5, 1e300), (0.1, 0.3, 2.5), (1, 2, 8, 50, 203)
ACTIVITIES, SEEDS = [0.01, 0.3], [0, 1, 2]
HANG = 60  # s


def column(*numbers):
    return np.array(numbers)[:, None, None]


# Five settings each, on two activities and three seeds. Many diverge: at once, later, or by a rate of 0.
RUNS = {
    "SGD": SGD(column(0.03, 0.3, 5.0, 50.0, 1e200)),
    "Momentum": Momentum(
        column(0.001, 0.01, 0.1, 1.0, 30.0) * np.array([[1.0], [0.5]]), column(0.0, 0.5, 0.9, 0.99, 0.9)
    ),
    "Adagrad": Adagrad(
        column(0.01, 0.1, 1.0, 1e140, 1e300),
        initial_accumulator_value=np.array([[0.0], [0.1]]),
        eps=np.logspace(-12, -7, 6).reshape(2, 3),
    ),
    "RMSProp": RMSProp(
        column(0.001, 0.1, 1e300, 1e-30, 1e153), rho=np.float32(0.1), eps=column(1e-8, 1e-4, 1e-8, 1e300, 1e-8)
    ),
    "Adam": Adam(column(0.001, 0.1, 1.0, 1e150, 1e160), beta1=column(0.9, 0, 0.5, 0.9, 0.9), beta2=0.99),
    "Adam, raw": Adam(0.1, beta2=column(0.9, 0.99, 0.999, 0.5, 0), bias_correction=False),
}


def stack_of(batch_size):
    return ProblemStack.grid(activity=ACTIVITIES, seed=SEEDS, batch_size=batch_size)


def starts_of(batch_size):
    """One for all problems, or one for each: the third is lost from the beginning."""
    if batch_size == 1:
        return (-1.0, -1.0)
    return [[-1.0, -1.0], [3.0, 0.5], [1e200, 0.0], [1.0, 1.0], [0.0, -2.0], [1e3, -1e3]]


def last_outside(values, goal):
    outside = np.flatnonzero(~(values <= goal))
    return outside[-1] if outside.size else -1


def measured(optimizer, problem, start):
    """What a sweep measures, from a single run."""
    run = minimize(optimizer, problem.gradient, np.array(start), NUM_STEPS)
    losses = problem.excess_loss(run.params)
    distances = np.abs(run.params - problem.minimum).max(axis=1)
    area = np.add.accumulate(np.log10(np.maximum(losses[1:], 1e-16)))[-1] / NUM_STEPS
    return {
        "steps_to_loss": [last_outside(losses, goal) + 1 for goal in LOSS_GOALS],
        "steps_to_distance": [last_outside(distances, goal) + 1 for goal in DISTANCE_GOALS],
        "final_loss": np.inf if run.diverged else losses[-1],
        "final_params": run.params[-1],
        "log_loss_area": np.inf if run.diverged else area,
        "rates": run.rates[np.array(RATE_STEPS) - 1],
        "params": run.params,
        "diverged_at": run.diverged_at,
    }


@lru_cache
def one_by_one(batch_size):
    """All runs as a sweep returns them, each made alone."""
    starts = np.broadcast_to(starts_of(batch_size), (6, 2)).reshape(2, 3, 2)
    shape = (5, 2, 3)
    found, rates = [], []
    for optimizer in RUNS.values():
        own = {
            field.name: np.broadcast_to(getattr(optimizer, field.name), shape)
            for field in fields(optimizer)
            if field.name != "bias_correction"
        }
        rates.append(own["learning_rate"])
        for index in np.ndindex(shape):
            _, a, s = index
            problem = SparseRegression(ACTIVITIES[a], seed=SEEDS[s], batch_size=batch_size)
            alone = replace(optimizer, **{name: values[index].item() for name, values in own.items()})
            found.append(measured(alone, problem, starts[a, s]))
    axes = {"optimizer": list(RUNS), "setting": [0, 1, 2, 3, 4], "activity": ACTIVITIES, "seed": SEEDS}
    coordinate = {"coordinate": ["dense", "sparse"]}
    more = {
        "steps_to_loss": {"loss_goal": list(LOSS_GOALS)},
        "steps_to_distance": {"distance_goal": list(DISTANCE_GOALS)},
        "final_params": coordinate,
        "rates": {"rate_step": list(RATE_STEPS), **coordinate},
        "params": {"step": list(range(NUM_STEPS + 1)), **coordinate},
    }
    variables = {"learning_rate": (tuple(axes), np.array(rates))}
    for name in MEASURES:
        values = np.array([each[name] for each in found])
        variables[name] = ((*axes, *more.get(name, {})), values.reshape(len(RUNS), *shape, *values.shape[1:]))
    return xr.Dataset(
        variables, dict(sorted({**axes, **{k: v for d in more.values() for k, v in d.items()}}.items()))
    )


def assert_same_bits(found, expected):
    xr.testing.assert_identical(found, expected)
    for name in expected:  # 0.0 and -0.0 are identical to xarray
        bits = [np.nan_to_num(each[name].values, nan=0.5).tobytes() for each in (found, expected)]
        assert bits[0] == bits[1], name


everything = partial(
    sweep,
    RUNS,
    num_steps=NUM_STEPS,
    measure=MEASURES,
    loss_goals=LOSS_GOALS,
    distance_goals=DISTANCE_GOALS,
    rate_steps=RATE_STEPS,
)


@pytest.mark.parametrize(
    ("batch_size", "chunk_size"), [(1, 1), (1, 4), (1, 7), (1, 8192), (16, 6), (16, 11), (16, 10**9)]
)
def test_a_sweep_is_the_same_runs_made_one_by_one_to_the_last_bit(batch_size, chunk_size):
    found = everything(problems=stack_of(batch_size), start=starts_of(batch_size), chunk_size=chunk_size)
    assert_same_bits(found, one_by_one(batch_size))


def test_these_runs_arrive_stay_away_and_diverge_and_some_have_no_gradient_for_a_while():
    assert {type(optimizer) for optimizer in RUNS.values()} == set(OPTIMIZERS)
    runs = one_by_one(1)
    assert -1 in runs.diverged_at
    assert 0 in runs.diverged_at
    assert ((runs.diverged_at > 0) & (runs.diverged_at < NUM_STEPS)).any()
    assert (runs.diverged_at.sel(optimizer="RMSProp", setting=3) == 0).all()  # its rate is 0
    for name in ("steps_to_loss", "steps_to_distance"):
        assert {0, NUM_STEPS + 1} < set(runs[name].values.ravel())
    first = runs.rates.sel(optimizer="SGD", setting=0, activity=0.01, rate_step=1)
    assert np.isnan(first.sel(coordinate="sparse")).any()
    assert np.isfinite(first.sel(coordinate="dense")).all()
    lost = runs.where(runs.diverged_at >= 0, drop=True)
    assert set(lost.final_loss.values[~np.isnan(lost.diverged_at.values)]) == {np.inf}
    assert one_by_one(16).diverged_at.sel(activity=0.01, seed=2).max() == 0


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_the_same_whatever_else_is_measured(name):
    found = everything(problems=stack_of(1), measure=name)
    assert set(found.data_vars) == {name, "learning_rate"}
    xr.testing.assert_identical(found[name], one_by_one(1)[name])


def test_one_setting_is_no_axis_and_a_lone_stack_has_the_axis_problem():
    alone = [SparseRegression(seed=seed) for seed in (3, 4)]
    found = sweep({"Adam": Adam(0.1)}, ProblemStack(alone), 30, measure="final_params")
    assert found.final_params.dims == ("optimizer", "problem", "coordinate")
    for problem, params in zip(alone, found.final_params.values[0], strict=True):
        np.testing.assert_array_equal(params, minimize(Adam(0.1), problem.gradient, [-1.0, -1.0], 30).params[-1])


def test_what_is_measured_by_default_is_at_the_goals_that_are_said():
    found = sweep({"SGD": SGD(0.1)}, ProblemStack.grid(seed=[0]), 9, measure=MEASURES)
    assert found.loss_goal == [0.01]
    assert found.distance_goal == [0.3]
    assert found.rate_step == [9]
    assert set(sweep({"SGD": SGD(0.1)}, ProblemStack.grid(seed=[0]), 9)) == {
        "steps_to_loss",
        "final_loss",
        "learning_rate",
    }


# Where chunks are computed.


@pytest.fixture(scope="module")
def processes():
    # Processes that are forked from one with threads are warned of.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with (
        Client(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            # Any free port: without an address it takes a fixed one, and warns where that is in use.
            dashboard_address="localhost:0",
            local_directory=tmp_path_factory.mktemp("dask"),
        ) as client,
        client.get_executor() as executor,
    ):
        yield executor


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.mark.parametrize("chunk_size", [4, 8192])
@pytest.mark.parametrize("where", ["threads", "processes", "cluster"])
def test_results_do_not_depend_on_where_they_are_computed(request, where, chunk_size):
    executor = request.getfixturevalue(where)
    found = promptly(
        partial(everything, problems=stack_of(16), start=starts_of(16), chunk_size=chunk_size, executor=executor)
    )
    assert_same_bits(found, one_by_one(16))


def test_problems_travel_as_their_settings(cluster):
    # Dask warns of what is larger than 10 MB: the samples of a few hundred problems.
    problems = ProblemStack.grid(seed=range(600))
    found = promptly(partial(sweep, {"SGD": SGD(0.1)}, problems, 5, executor=cluster))
    xr.testing.assert_identical(found, sweep({"SGD": SGD(0.1)}, problems, 5))


def promptly(act):
    """Return what it returns, or raise what it raises, in time."""
    outcome = []

    def run():
        try:
            outcome.append((act(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HANG)
    assert outcome, f"hangs for {HANG} s"
    result, error = outcome[0]
    if error:
        raise error
    return result


# What goes wrong.

FAILING = {"Good": Failing([[0.1], [0.2]]), "Bad": Failing([[0.1], [2.0]])}
SAYS_WHICH = (
    r"sweep: Bad failed with Failing\(learning_rate=array\(\[\[2\.\]\]\)\) on "
    r"SparseRegression\(.*seed=4.*\) to SparseRegression\(.*seed=6.*\): ArithmeticError\('out of luck'\)"
)


@pytest.mark.parametrize("where", ["here", "threads", "processes", "cluster"])
def test_a_chunk_that_fails_says_which_runs_it_had(request, where):
    executor = None if where == "here" else request.getfixturevalue(where)
    problems = ProblemStack.grid(seed=[4, 5, 6])
    with pytest.raises(RuntimeError, match=SAYS_WHICH) as raised:
        promptly(partial(sweep, FAILING, problems, 5, chunk_size=3, executor=executor))
    assert isinstance(raised.value.__cause__, ArithmeticError)
    # And the executor is as good as before.
    found = promptly(partial(sweep, {"Good": FAILING["Good"]}, problems, 5, executor=executor))
    assert np.isfinite(found.final_loss).all()


@pytest.mark.parametrize("chunk_size", [1, 100])
def test_an_executor_that_dies_is_an_error_and_no_wait_without_end(chunk_size):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        act = partial(
            sweep, {"SGD": Dying(0.1)}, ProblemStack.grid(seed=range(100)), 5, chunk_size=chunk_size, executor=pool
        )
        with pytest.raises(RuntimeError, match=r"sweep: SGD failed with Dying.*BrokenProcessPool"):
            promptly(act)


class Broken(Executor):
    """Ends its first future as an executor that breaks does, and is about to end the others."""

    def __init__(self):
        self.futures = []

    def submit(self, act, /, *args, **kwargs):
        future = Future()
        self.futures.append(future)
        if len(self.futures) == 3:
            self.futures[0].set_exception(BrokenExecutor("gone"))
        return future


def test_the_futures_of_an_executor_that_breaks_are_left_to_it():
    executor = Broken()
    problems = ProblemStack.grid(seed=[0, 1, 2])
    with pytest.raises(RuntimeError, match=r"sweep: SGD failed .*seed=0.*BrokenExecutor\('gone'\)"):
        promptly(partial(sweep, {"SGD": SGD(0.1)}, problems, 5, chunk_size=1, executor=executor))
    assert not any(future.cancelled() for future in executor.futures)


def test_an_executor_that_is_shut_down_is_an_error():
    with ThreadPoolExecutor(1) as pool:
        pass
    with pytest.raises(RuntimeError, match=r"sweep: SGD failed .*after shutdown"):
        promptly(partial(sweep, {"SGD": SGD(0.1)}, ProblemStack.grid(seed=[0]), 5, executor=pool))


def test_an_executor_that_is_shut_down_meanwhile_is_an_error():
    Interrupting.steps.clear()
    with ThreadPoolExecutor(1) as pool:
        timer = threading.Timer(0.2, partial(pool.shutdown, wait=False, cancel_futures=True))
        timer.start()
        with pytest.raises(RuntimeError, match=r"sweep: SGD failed .*Cancelled"):
            promptly(
                partial(
                    sweep,
                    {"SGD": Interrupting(0.1)},
                    ProblemStack.grid(seed=range(100)),
                    5,
                    chunk_size=1,
                    executor=pool,
                )
            )
        timer.join()


def assert_nothing_runs(before):
    steps = len(Interrupting.steps)
    time.sleep(0.1)
    assert len(Interrupting.steps) == steps
    assert set(threading.enumerate()) <= before


class Refused(tqdm):
    """A bar that is interrupted when it moves for the second time."""

    monitor_interval = 0
    moved = 0

    def update(self, n=1):
        type(self).moved += 1
        if self.moved == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("by", ["a step", "the progress bar"])
@pytest.mark.parametrize("where", ["here", "threads"])
def test_a_sweep_that_is_interrupted_leaves_nothing_running(monkeypatch, where, by):
    before = set(threading.enumerate())
    Interrupting.steps.clear()
    Refused.moved = 0
    rates = np.full((50, 1), 0.1)
    if by == "a step":
        rates[1] = 2.0
    else:
        monkeypatch.setattr("adaptive_optim.descent.tqdm", Refused)
    act = partial(sweep, {"SGD": Interrupting(rates)}, ProblemStack.grid(seed=[0, 1]), 4, chunk_size=2)
    if where == "here":
        with pytest.raises(KeyboardInterrupt):
            act()
    else:
        with ThreadPoolExecutor(2) as pool:
            with pytest.raises(KeyboardInterrupt):
                act(executor=pool)
            steps = len(Interrupting.steps)
            assert pool.submit(int).result(timeout=HANG) == 0
            assert len(Interrupting.steps) == steps
    assert_nothing_runs(before)
    assert 2 <= len(Interrupting.steps) < 100  # of 200


# The progress bar.


@pytest.mark.usefixtures("no_notebook")
def test_nothing_is_written_where_there_is_no_terminal(capsys):
    everything(problems=stack_of(1), chunk_size=10)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("no_notebook")
@pytest.mark.parametrize("chunk_size", [1, 4, 100, 8192])
def test_a_terminal_sees_all_runs_counted(monkeypatch, chunk_size, threads):
    monkeypatch.setattr("adaptive_optim.descent.tqdm", Noted)
    monkeypatch.setattr(sys, "stderr", Terminal())
    for executor in (None, threads):
        Noted.ends.clear()
        sweep(RUNS, stack_of(1), 2, chunk_size=chunk_size, executor=executor)
        # tqdm closes a bar that is closed already when it is thrown away.
        assert set(Noted.ends) == {(180, 180)}
    assert "/180" in sys.stderr.getvalue()


def test_a_notebook_sees_the_bar_without_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("adaptive_optim.descent.tqdm", Noted)
    monkeypatch.setitem(sys.modules, "ipykernel", None)
    sweep(RUNS, stack_of(1), 2)
    assert "/180" in capsys.readouterr().err


# Memory.


def peak(act):
    """Return the most bytes that are in use beyond those before and the result, and the result."""
    tracemalloc.start()
    try:
        result = act()
        return tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("measure", ["final_loss", "params"])
@pytest.mark.parametrize("where", ["here", "threads"])
def test_memory_grows_with_the_results_and_not_with_the_runs(threads, where, measure):
    problems = ProblemStack.grid(seed=range(16))
    executor = threads if where == "threads" else None

    def act(settings):
        optimizer = Adam(np.linspace(0.001, 0.1, settings)[:, None])
        return partial(sweep, {"Adam": optimizer}, problems, 24, measure=measure, chunk_size=512, executor=executor)

    act(32)()
    few, many = act(64), act(64 * 16)
    # Other threads of the test runner may allocate meanwhile: the least of three is the sweep's.
    grown = min(peak(many) for _ in range(3)) - min(peak(few) for _ in range(3))
    # All at once would take more than 3 MB, and 6.5 MB of parameters would be there twice. Two threads have two
    # chunks, or one after the other, and may be ahead of what takes their results.
    limits = {"here": 200_000, "threads": 1_000_000 if measure == "final_loss" else 3_000_000}
    assert grown < limits[where]


# What is refused.

GOOD = {
    "optimizers": {"SGD": SGD(0.1)},
    "problems": ProblemStack.grid(activity=[0.1, 0.5], seed=[0, 1]),
    "num_steps": 9,
}
BAD = [
    ("optimizers", {}, "optimizers={}: must be at least one optimizer by name"),
    ("optimizers", None, "optimizers=None: must be at least one"),
    ("optimizers", [SGD(0.1)], r"optimizers=\[SGD\(learning_rate=0.1\)\]: must be at least one optimizer by name"),
    ("optimizers", {"SGD": SGD}, "optimizer=<class .*SGD.*: must be an optimizer"),
    ("optimizers", {"SGD": None}, "optimizer=None: must be an optimizer"),
    (
        "optimizers",
        {"SGD": SGD(np.full((4, 3, 1), 0.1))},
        r"optimizers: learning_rate of SGD has shape \(4, 3, 1\), must broadcast .* setting, activity 2, seed 2",
    ),
    ("optimizers", {"SGD": SGD(np.full((3,), 0.1))}, r"learning_rate of SGD has shape \(3,\), must broadcast"),
    ("optimizers", {"SGD": SGD(np.full((1, 4, 2, 2), 0.1))}, r"has shape \(1, 4, 2, 2\), must broadcast"),
    ("optimizers", {"A": Adagrad(0.1, eps=np.full((4, 2, 3), 0.1))}, r"eps of A has shape \(4, 2, 3\), must"),
    (
        "optimizers",
        {"A": Adam(column(0.1, 0.2), eps=column(1.0, 2.0, 3.0))},
        "optimizers: A has settings of 2 and of 3, must be one number",
    ),
    (
        "optimizers",
        {"SGD": SGD(column(0.1, 0.2)), "Adam": Adam(column(0.1, 0.2, 0.3)), "More": Adam(0.1)},
        r"optimizers: have so many settings: {'SGD': 2, 'Adam': 3, 'More': 1}, must be as many for all",
    ),
    ("problems", None, "problems=None: must be a ProblemStack"),
    ("problems", SparseRegression(), r"problems=SparseRegression\(.*\): must be a ProblemStack"),
    ("problems", [SparseRegression()], r"problems=\[SparseRegression\(.*\]: must be a ProblemStack"),
    *[("num_steps", bad, f"num_steps={bad!r}: must be a whole number of at least 1") for bad in (0, -1, 1.5, None)],
    *[("chunk_size", bad, f"chunk_size={bad!r}: must be a whole number of at least 1") for bad in (0, -1, 8.0)],
    *[
        ("measure", bad, f"measure={re.escape(repr(bad))}: must be some of steps_to_loss, .*, diverged_at")
        for bad in ("loss", ["final_loss", "loss"], [], "", [None], None, 1)
    ],
    *[
        (name, bad, f"{name}={re.escape(repr(bad))}: must be at least one number above 0")
        for name in ("loss_goals", "distance_goals")
        for bad in ([], 0.1, [0.0], [0.1, -0.1], [np.nan], [[0.1]], None, ["much"], [[0.1], [0.1, 0.2]], [1j])
    ],
    *[
        ("rate_steps", bad, f"rate_steps={re.escape(repr(bad))}: must be at least one whole number from 1 to 9")
        for bad in ([], [0], [3, 10], [-1], [1.5], 3, [[3]], ["3"], [[1], [1, 2]])
    ],
    *[
        ("start", bad, rf"start={re.escape(repr(bad))}: must be finite numbers of shape \(2,\) or \(4, 2\)")
        for bad in (
            [1.0, np.nan],
            [np.inf, 0],
            [1, 2, 3],
            np.ones((3, 2)),
            np.ones((2, 4)),
            1.0,
            np.ones((4, 1)),
            None,
            "ab",
            [1j, 0],
        )
    ],
]


@pytest.mark.parametrize(("name", "bad", "message"), BAD, ids=lambda value: None)
def test_a_bad_argument_is_refused_by_name_value_and_what_is_allowed(name, bad, message):
    with pytest.raises(ValueError, match=message):
        sweep(**{**GOOD, name: bad})


def test_the_good_arguments_are_taken():
    assert sweep(**GOOD).final_loss.shape == (1, 2, 2)


@pytest.mark.parametrize("values", [[], [0, 1, 0]])
def test_no_runs_and_the_same_runs_twice_are_refused(values):
    message = f"seed={re.escape(repr(values))}: must be at least one value, and each once"
    with pytest.raises(ValueError, match=message):
        ProblemStack.grid(activity=[0.1, 0.2], seed=values)


def test_axes_that_do_not_fit_and_unknown_settings_are_refused():
    with pytest.raises(ValueError, match=r"axes: have lengths \[2, 2\], their product must be the 3 problems"):
        ProblemStack([SparseRegression(seed=seed) for seed in range(3)], {"a": [1, 2], "b": [1, 2]})
    with pytest.raises(ValueError, match="seeds: is no setting of SparseRegression, must be one of activity, "):
        ProblemStack.grid(seeds=[1, 2])


# Tuning.

TUNED_ON = ProblemStack.grid(activity=[0.1, 0.5], seed=[100, 101])
GRID = np.logspace(-2, 0, 9)


def distance_to(**exponents):
    """Return a score whose best rate is known: the one next to ``10**exponent``."""
    target = xr.DataArray(list(exponents.values()), {"optimizer": list(exponents)})
    return lambda runs: abs(np.log10(runs.setting) - target) + 0 * runs.diverged_at.mean(["activity", "seed"])


tuning = partial(
    tune, {"SGD": SGD, "Adam": Adam}, TUNED_ON, 4, rates=GRID, reported_seeds=[0, 1], measure="diverged_at"
)


def test_the_rate_with_the_least_score_is_chosen():
    tuned = tuning(score=distance_to(SGD=-0.7, Adam=-1.3))
    np.testing.assert_allclose(np.log10(tuned.learning_rate), [-0.75, -1.25])
    assert tuned.learning_rate.optimizer.values.tolist() == ["SGD", "Adam"]
    assert tuned.widened == 0
    assert not tuned.at_edge.any()
    np.testing.assert_array_equal(tuned.tried.setting, GRID)


def test_the_runs_that_are_scored_are_those_of_a_sweep():
    tuned = tuning(score=lambda runs: runs.final_loss.mean("seed"), measure=["final_loss"])
    assert tuned.learning_rate.dims == tuned.at_edge.dims == ("optimizer", "activity")
    column = tuned.tried.setting.values[:, None, None]
    runs = sweep({"SGD": SGD(column), "Adam": Adam(column)}, TUNED_ON, 4, measure="final_loss")
    np.testing.assert_array_equal(tuned.tried.final_loss, runs.final_loss)
    best = runs.final_loss.mean("seed").argmin("setting").values
    np.testing.assert_array_equal(tuned.learning_rate, column[:, 0, 0][best])


@pytest.mark.parametrize(
    ("exponents", "low", "high", "widened"),
    [
        ({"SGD": -2.4, "Adam": -1.0}, -3, 0, 1),
        ({"SGD": -1.0, "Adam": 0.6}, -2, 1, 1),
        ({"SGD": -2.4, "Adam": 0.6}, -3, 1, 1),
        ({"SGD": -4.3, "Adam": 0.6}, -5, 1, 3),
        ({"SGD": -2.0, "Adam": -1.0}, -3, 0, 1),
    ],
)
def test_a_best_rate_at_the_edge_makes_the_grid_wider_by_decades_for_all(exponents, low, high, widened):
    tuned = tuning(score=distance_to(**exponents))
    assert tuned.widened == widened
    assert not tuned.at_edge.any()
    grid = tuned.tried.setting.values
    np.testing.assert_allclose(np.log10(grid), np.linspace(low, high, 4 * (high - low) + 1), atol=1e-12)
    assert (abs(np.log10(tuned.learning_rate) - list(exponents.values())) <= 0.126).all()
    column = grid[:, None, None]
    again = sweep({"SGD": SGD(column), "Adam": Adam(column)}, TUNED_ON, 4, measure="diverged_at")
    np.testing.assert_array_equal(tuned.tried.diverged_at, again.diverged_at)
    assert tuned.tried.diverged_at.dims == again.diverged_at.dims


@pytest.mark.parametrize("most", [0, 2])
def test_a_best_rate_that_stays_at_the_edge_is_said(most):
    tuned = tuning(score=distance_to(SGD=-1.0, Adam=20.0), most_widenings=most)
    assert tuned.widened == most
    assert tuned.at_edge.values.tolist() == [False, True]
    assert np.log10(tuned.learning_rate.sel(optimizer="Adam")) == pytest.approx(most)


def test_a_grid_that_is_coarser_than_decades_becomes_wider_too():
    tuned = tuning(rates=[1e-6, 1e-3, 1.0], score=distance_to(SGD=-3.0, Adam=-6.0))
    np.testing.assert_allclose(np.log10(tuned.tried.setting), [-9, -6, -3, 0])


def test_no_number_is_the_worst_score():
    good = distance_to(SGD=-1.0, Adam=-1.0)

    def score(runs):
        return good(runs).where((runs.setting > 0.2) & (runs.setting < 0.9))

    tuned = tuning(score=score)
    np.testing.assert_allclose(np.log10(tuned.learning_rate), [-0.5, -0.5])


def test_kinds_may_have_settings_of_their_own():
    kinds = {"RMSProp": partial(RMSProp, rho=0.99)}
    tuned = tune(
        kinds,
        TUNED_ON,
        5,
        rates=GRID,
        score=lambda runs: runs.final_loss.mean(["seed", "activity"]),
        reported_seeds=[],
    )
    expected = sweep({"RMSProp": RMSProp(GRID[:, None, None], rho=0.99)}, TUNED_ON, 5).final_loss
    np.testing.assert_array_equal(tuned.tried.final_loss.sel(setting=GRID), expected)


def test_seeds_that_are_reported_are_never_tuned_on():
    problems = ProblemStack.grid(seed=range(90, 110))
    with pytest.raises(ValueError, match=r"reported_seeds: \[90, 91, 92\] are tuned on, too; must be others"):
        tune({"SGD": SGD}, problems, 5, rates=GRID, score=lambda runs: None, reported_seeds=range(93))
    with pytest.raises(ValueError, match=r"problems: have axes \['activity'\], one must be 'seed'"):
        tune({"SGD": SGD}, ProblemStack.grid(activity=[0.1, 0.2]), 5, rates=GRID, score=None, reported_seeds=[])


@pytest.mark.parametrize(
    "rates",
    [
        [],
        0.1,
        [0.1, 0.2],
        [0.1, 0.2, 0.3],
        [1.0, 0.1, 0.01],
        [0.1, 0.1, 0.1],
        [0.0, 0.1, 1.0],
        [-1.0, 0.1, 1.0],
        [np.nan, 0.1, 1.0],
        [0.1, 1.0, np.inf],
        [[0.01, 0.1, 1.0]],
        ["a", "b", "c"],
        [[0.1], [0.1, 0.2]],
    ],
)
def test_a_grid_that_is_not_evenly_spaced_is_refused(rates):
    message = re.escape(f"rates={rates!r}: must be at least 3 rising numbers, evenly spaced on a log scale")
    with pytest.raises(ValueError, match=message):
        tuning(rates=rates, score=distance_to(SGD=-1.0, Adam=-1.0))


def test_a_negative_number_of_widenings_is_refused():
    problems = ProblemStack.grid(seed=[1000])
    score = xr.Dataset.to_dataarray
    with pytest.raises(ValueError, match="most_widenings=-1: must be a whole number of at least 0"):
        tune({"SGD": SGD}, problems, 5, rates=[0.01, 0.1, 1], score=score, reported_seeds=[], most_widenings=-1)
