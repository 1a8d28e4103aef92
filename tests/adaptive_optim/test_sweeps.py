"""Sweeps equal single runs on every executor, report failures, and tune learning rates."""

import re
import sys
import threading
import time
import tracemalloc
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from multiprocessing import get_context

import numpy as np
import pytest
import xarray as xr
from distributed import Client
from faulty_optimizers import Exiting, Failing, Interrupting
from own_problems import LogisticRegression, Rosenbrock, RosenbrockWithMinimum
from progress_bars import RecordingBar, Terminal
from tqdm import tqdm

from adaptive_optim import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    Momentum,
    ProblemStack,
    RMSProp,
    SparseRegression,
    Step,
    minimize,
    sweep,
    tune,
)
from adaptive_optim.sweeps import METRICS

# Not a multiple of the steps that are evaluated together, and more than one block of cached batches.
NUM_STEPS = 203
LOSS_THRESHOLDS, DISTANCE_THRESHOLDS, RATE_STEPS = (1e-3, 0.01, 0.5, 1e300), (0.1, 0.3, 2.5), (1, 2, 8, 50, 203)
ACTIVITIES, SEEDS = [0.01, 0.3], [0, 1, 2]
TIMEOUT = 60  # seconds


def column(*numbers):
    return np.array(numbers)[:, None, None]


# Five settings each, on two activities and three seeds. Many runs diverge: immediately, later, or by a rate of 0.
OPTIMIZERS_BY_NAME = {
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
    "Adam, no correction": Adam(0.1, beta2=column(0.9, 0.99, 0.999, 0.5, 0), bias_correction=False),
}


def make_stack(batch_size):
    return ProblemStack.from_product(activity=ACTIVITIES, seed=SEEDS, batch_size=batch_size)


def make_start(batch_size):
    """Return one start for all problems, or one for each. On the third problem all runs diverge immediately."""
    if batch_size == 1:
        return (-1.0, -1.0)
    return [[-1.0, -1.0], [3.0, 0.5], [1e200, 0.0], [1.0, 1.0], [0.0, -2.0], [1e3, -1e3]]


def steps_until_below(values, threshold):
    above = np.flatnonzero(~(values <= threshold))
    return above[-1] + 1 if above.size else 0


def metrics_of_single_run(optimizer, problem, start):
    run = minimize(optimizer, problem.gradient, np.array(start), NUM_STEPS)
    losses = problem.excess_loss(run.params)
    distances = np.abs(run.params - problem.minimum).max(axis=1)
    mean_log10_loss = np.add.accumulate(np.log10(np.maximum(losses[1:], 1e-16)))[-1] / NUM_STEPS
    return {
        "steps_to_loss": [steps_until_below(losses, threshold) for threshold in LOSS_THRESHOLDS],
        "steps_to_distance": [steps_until_below(distances, threshold) for threshold in DISTANCE_THRESHOLDS],
        "final_loss": np.inf if run.diverged else losses[-1],
        "final_params": run.params[-1],
        "mean_log10_loss": np.inf if run.diverged else mean_log10_loss,
        "rates": run.rates[np.array(RATE_STEPS) - 1],
        "params": run.params,
        "diverged_at": run.diverged_at,
    }


@lru_cache
def expected_dataset(batch_size):
    """Return the dataset of a sweep, from single runs."""
    starts = np.broadcast_to(make_start(batch_size), (6, 2)).reshape(2, 3, 2)
    shape = (5, 2, 3)
    results, rates = [], []
    for optimizer in OPTIMIZERS_BY_NAME.values():
        settings = {
            field.name: np.broadcast_to(getattr(optimizer, field.name), shape)
            for field in fields(optimizer)
            if field.name != "bias_correction"
        }
        rates.append(settings["learning_rate"])
        for index in np.ndindex(shape):
            _, a, s = index
            problem = SparseRegression(ACTIVITIES[a], seed=SEEDS[s], batch_size=batch_size)
            single = replace(optimizer, **{name: values[index].item() for name, values in settings.items()})
            results.append(metrics_of_single_run(single, problem, starts[a, s]))
    axes = {"optimizer": list(OPTIMIZERS_BY_NAME), "setting": [*range(5)], "activity": ACTIVITIES, "seed": SEEDS}
    coordinate = {"coordinate": ["dense", "sparse"]}
    metric_axes = {
        "steps_to_loss": {"loss_threshold": list(LOSS_THRESHOLDS)},
        "steps_to_distance": {"distance_threshold": list(DISTANCE_THRESHOLDS)},
        "final_params": coordinate,
        "rates": {"rate_step": list(RATE_STEPS), **coordinate},
        "params": {"step": list(range(NUM_STEPS + 1)), **coordinate},
    }
    variables, coords = {"learning_rate": (tuple(axes), np.array(rates))}, dict(axes)
    for name in METRICS:
        values = np.array([each[name] for each in results])
        variables[name] = (
            (*axes, *metric_axes.get(name, {})),
            values.reshape(len(OPTIMIZERS_BY_NAME), *shape, *values.shape[1:]),
        )
        coords |= metric_axes.get(name, {})
    return xr.Dataset(variables, dict(sorted(coords.items())))


def assert_same_bits(dataset, expected):
    xr.testing.assert_identical(dataset, expected)
    for name in expected:  # assert_identical does not distinguish 0.0 and -0.0
        first, second = (np.nan_to_num(each[name].values, nan=0.5).tobytes() for each in (dataset, expected))
        assert first == second, name


full_sweep = partial(
    sweep,
    OPTIMIZERS_BY_NAME,
    num_steps=NUM_STEPS,
    metrics=METRICS,
    loss_thresholds=LOSS_THRESHOLDS,
    distance_thresholds=DISTANCE_THRESHOLDS,
    rate_steps=RATE_STEPS,
)


@pytest.mark.parametrize(
    ("batch_size", "chunk_size"), [(1, 1), (1, 4), (1, 7), (1, 8192), (16, 6), (16, 11), (16, 10**9)]
)
def test_a_sweep_equals_single_runs_bit_for_bit(batch_size, chunk_size):
    dataset = full_sweep(problems=make_stack(batch_size), start=make_start(batch_size), chunk_size=chunk_size)
    assert_same_bits(dataset, expected_dataset(batch_size))


def test_these_runs_cover_all_outcomes():
    assert {type(optimizer) for optimizer in OPTIMIZERS_BY_NAME.values()} == set(OPTIMIZERS)
    runs = expected_dataset(1)
    assert {-1, 0} < set(runs.diverged_at.values.ravel())
    assert ((runs.diverged_at > 0) & (runs.diverged_at < NUM_STEPS)).any()
    assert (runs.diverged_at.sel(optimizer="RMSProp", setting=3) == 0).all()  # its rate becomes 0
    for name in ("steps_to_loss", "steps_to_distance"):
        assert {0, NUM_STEPS + 1} < set(runs[name].values.ravel())
    first = runs.rates.sel(optimizer="SGD", setting=0, activity=0.01, rate_step=1)
    assert np.isnan(first.sel(coordinate="sparse")).any()
    assert np.isfinite(first.sel(coordinate="dense")).all()
    assert np.isinf(runs.final_loss.values[runs.diverged_at.values >= 0]).all()
    assert expected_dataset(16).diverged_at.sel(activity=0.01, seed=2).max() == 0


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_does_not_depend_on_the_other_metrics(name):
    dataset = full_sweep(problems=make_stack(1), metrics=name)
    assert set(dataset.data_vars) == {name, "learning_rate"}
    xr.testing.assert_identical(dataset[name], expected_dataset(1)[name])


def test_defaults_of_axes_and_metrics():
    problems = [SparseRegression(seed=seed) for seed in (3, 4)]
    dataset = sweep({"Adam": Adam(0.1)}, ProblemStack(problems), 30, metrics=METRICS)
    assert dataset.final_params.dims == ("optimizer", "problem", "coordinate")
    for problem, params in zip(problems, dataset.final_params.values[0], strict=True):
        np.testing.assert_array_equal(params, minimize(Adam(0.1), problem.gradient, [-1, -1], 30).params[-1])
    assert (dataset.loss_threshold, dataset.distance_threshold, dataset.rate_step) == ([0.01], [0.3], [30])
    default = sweep({"Adam": Adam(0.1)}, ProblemStack(problems), 9)
    assert set(default) == {"steps_to_loss", "final_loss", "learning_rate"}


# Executors.


@pytest.fixture(scope="module")
def processes():
    # A process with threads must not be forked.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with (
        Client(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="localhost:0",  # any free port: the default port may be in use
            local_directory=tmp_path_factory.mktemp("dask"),
        ) as client,
        client.get_executor() as executor,
    ):
        yield executor


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def with_timeout(function, *args, **kwargs):
    """Return the result of a function or raise its error; fail if it does not end in time."""
    outcome = []

    def run():
        try:
            outcome.append((function(*args, **kwargs), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    assert outcome, f"no result after {TIMEOUT} s"
    result, error = outcome[0]
    if error:
        raise error
    return result


@pytest.mark.parametrize("chunk_size", [4, 8192])
@pytest.mark.parametrize("where", ["threads", "processes", "cluster"])
def test_results_do_not_depend_on_the_executor(request, where, chunk_size):
    options = {"chunk_size": chunk_size, "executor": request.getfixturevalue(where)}
    dataset = with_timeout(full_sweep, problems=make_stack(16), start=make_start(16), **options)
    assert_same_bits(dataset, expected_dataset(16))


def test_problems_are_sent_as_their_settings(cluster):
    # Dask warns about objects above 10 MB, such as the samples of these problems.
    problems = ProblemStack.from_product(seed=range(600))
    dataset = with_timeout(sweep, {"SGD": SGD(0.1)}, problems, 5, executor=cluster)
    xr.testing.assert_identical(dataset, sweep({"SGD": SGD(0.1)}, problems, 5))


# Failures.

FAILING = {"Good": Failing([[0.1], [0.2]]), "Bad": Failing([[0.1], [2.0]])}
FAILURE = (
    r"sweep: Bad failed with Failing\(learning_rate=array\(\[\[2\.\]\]\)\) on "
    r"SparseRegression\(.*seed=4.*\) to SparseRegression\(.*seed=6.*\): ArithmeticError\('rate above 1'\)"
)


@pytest.mark.parametrize("where", ["no executor", "threads", "processes", "cluster"])
def test_a_failure_names_the_runs_of_the_chunk_and_the_executor_stays_usable(request, where):
    executor = None if where == "no executor" else request.getfixturevalue(where)
    problems = ProblemStack.from_product(seed=[4, 5, 6])
    with pytest.raises(RuntimeError, match=FAILURE) as raised:
        with_timeout(sweep, FAILING, problems, 5, chunk_size=3, executor=executor)
    assert isinstance(raised.value.__cause__, ArithmeticError)
    dataset = with_timeout(sweep, {"Good": FAILING["Good"]}, problems, 5, executor=executor)
    assert np.isfinite(dataset.final_loss).all()


class Broken(Executor):
    """Sets an error on its first future, and leaves the others pending."""

    def __init__(self):
        self.futures = []

    def submit(self, function, /, *args, **kwargs):
        self.futures.append(Future())
        if len(self.futures) == 3:
            self.futures[0].set_exception(BrokenExecutor("broken"))
        return self.futures[-1]


def test_the_futures_of_a_broken_executor_are_not_cancelled():
    executor, problems = Broken(), ProblemStack.from_product(seed=[0, 1, 2])
    with pytest.raises(RuntimeError, match=r"sweep: SGD failed .*seed=0.*BrokenExecutor\('broken'\)"):
        with_timeout(sweep, {"SGD": SGD(0.1)}, problems, 5, chunk_size=1, executor=executor)
    assert not any(future.cancelled() for future in executor.futures)


@pytest.mark.parametrize("case", ["process exits", "process exits, large chunks", "shut down", "shut down later"])
def test_an_executor_that_ends_raises_an_error(case):
    options = {"chunk_size": 100 if "large" in case else 1}
    if "process" in case:
        pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
        optimizer, message = Exiting(0.1), "BrokenProcessPool"
    else:
        pool = ThreadPoolExecutor(1)
        optimizer, message = Interrupting(0.1), "after shutdown" if case == "shut down" else "Cancelled"
    with pool:
        shut_down = partial(pool.shutdown, wait=False, cancel_futures=True)
        timer = threading.Timer(0.2, shut_down)
        if case == "shut down":
            shut_down()
        elif case == "shut down later":
            timer.start()
        problems = ProblemStack.from_product(seed=range(100))
        with pytest.raises(RuntimeError, match=rf"sweep: SGD failed with .*{message}"):
            with_timeout(sweep, {"SGD": optimizer}, problems, 5, executor=pool, **options)
        if timer.is_alive():
            timer.join()


class InterruptedBar(tqdm):
    """Raises ``KeyboardInterrupt`` at the second update."""

    monitor_interval = 0
    num_updates = 0

    def update(self, n=1):
        type(self).num_updates += 1
        if self.num_updates == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("source", ["a step", "the progress bar"])
@pytest.mark.parametrize("where", ["no executor", "threads"])
def test_an_interrupted_sweep_leaves_nothing_running(monkeypatch, where, source):
    threads_before = set(threading.enumerate())
    Interrupting.steps.clear()
    InterruptedBar.num_updates = 0
    rates = np.full((50, 1), 0.1)
    if source == "a step":
        rates[1] = 2.0
    else:
        monkeypatch.setattr("adaptive_optim.progress.tqdm", InterruptedBar)
    run = partial(sweep, {"SGD": Interrupting(rates)}, ProblemStack.from_product(seed=[0, 1]), 4, chunk_size=2)
    if where == "no executor":
        with pytest.raises(KeyboardInterrupt):
            run()
    else:
        with ThreadPoolExecutor(2) as pool:
            with pytest.raises(KeyboardInterrupt):
                run(executor=pool)
            num_steps = len(Interrupting.steps)
            assert pool.submit(int).result(timeout=TIMEOUT) == 0
            assert len(Interrupting.steps) == num_steps
    num_steps = len(Interrupting.steps)
    time.sleep(0.1)
    assert len(Interrupting.steps) == num_steps
    assert set(threading.enumerate()) <= threads_before
    assert 2 <= num_steps < 100  # of 200


# Progress bar and memory.


@pytest.mark.usefixtures("no_notebook")
def test_the_progress_bar_is_hidden_without_a_terminal(capsys):
    full_sweep(problems=make_stack(1), chunk_size=10)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("no_notebook")
@pytest.mark.parametrize("chunk_size", [4, 8192])
def test_the_progress_bar_counts_all_runs_in_a_terminal(monkeypatch, chunk_size, threads):
    monkeypatch.setattr("adaptive_optim.progress.tqdm", RecordingBar)
    monkeypatch.setattr(sys, "stderr", Terminal())
    for executor in (None, threads):
        RecordingBar.closed.clear()
        sweep(OPTIMIZERS_BY_NAME, make_stack(1), 2, chunk_size=chunk_size, executor=executor)
        # A set, because tqdm closes a bar again when it is deleted.
        assert set(RecordingBar.closed) == {(180, 180)}
    assert "/180" in sys.stderr.getvalue()


def test_the_progress_bar_is_shown_in_a_notebook(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipykernel", None)
    sweep(OPTIMIZERS_BY_NAME, make_stack(1), 2)
    assert "/180" in capsys.readouterr().err


def peak_memory(function):
    """Return the maximum number of bytes that a function allocates in addition to its result."""
    tracemalloc.start()
    try:
        result = function()
        return tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("metric", ["final_loss", "params"])
@pytest.mark.parametrize("where", ["no executor", "threads"])
def test_memory_does_not_grow_with_the_number_of_runs(threads, where, metric):
    problems = ProblemStack.from_product(seed=range(16))
    options = {"metrics": metric, "chunk_size": 512, "executor": threads if where == "threads" else None}

    def make_sweep(num_settings):
        return partial(
            sweep, {"Adam": Adam(np.linspace(0.001, 0.1, num_settings)[:, None])}, problems, 24, **options
        )

    make_sweep(32)()
    few, many = make_sweep(64), make_sweep(64 * 16)
    # The minimum of three, because other threads of the test runner may allocate memory, too.
    growth = min(peak_memory(many) for _ in range(3)) - min(peak_memory(few) for _ in range(3))
    # All runs together would take more than 3 MB, and a second copy of the parameters 6.5 MB. Two threads compute
    # two chunks, and may be ahead of the main thread.
    limits = {"no executor": 200_000, "threads": 1_000_000 if metric == "final_loss" else 3_000_000}
    assert growth < limits[where]


# Problems of a user, and schedules.

RATES = np.array([1e-4, 1e-3, 0.1, 1e3])
THREE = (-1.0, 1.0, 0.5)
OWN_SWEEP = {
    "optimizers": {"SGD": SGD(RATES), "Adam": Adam(10 * RATES, beta1=np.array([0.9, 0.5, 0.0, 0.9]))},
    "problems": RosenbrockWithMinimum(),
    "num_steps": 101,
    "start": THREE,
    "metrics": METRICS,
    "loss_thresholds": (0.5, 5.0),
    "distance_thresholds": (0.3, 1.5),
    "rate_steps": (1, 101),
}


def expected_of_own_problem():
    """Return the metrics of single runs by name, each ``(optimizers, settings, ...)``."""
    problem, num_steps, rows = RosenbrockWithMinimum(), 101, []
    for optimizer in OWN_SWEEP["optimizers"].values():
        for setting in range(4):
            arrays = [field.name for field in fields(optimizer) if np.ndim(getattr(optimizer, field.name))]
            single = replace(optimizer, **{name: getattr(optimizer, name)[setting].item() for name in arrays})
            run = minimize(single, problem.gradient, THREE, num_steps)
            with np.errstate(all="ignore"):
                losses = problem.loss(run.params)
            logs = np.add.accumulate(np.log10(np.maximum(losses[1:], 1e-16)))[-1]
            distances = np.abs(run.params - 1).max(axis=1)
            rows.append(
                {
                    "steps_to_loss": [steps_until_below(losses, threshold) for threshold in (0.5, 5.0)],
                    "steps_to_distance": [steps_until_below(distances, threshold) for threshold in (0.3, 1.5)],
                    "final_loss": np.inf if run.diverged else losses[-1],
                    "final_params": run.params[-1],
                    "mean_log10_loss": np.inf if run.diverged else logs / num_steps,
                    "rates": run.rates[[0, 100]],
                    "params": run.params,
                    "diverged_at": run.diverged_at,
                }
            )
    return {name: np.array([row[name] for row in rows]).reshape(2, 4, *np.shape(rows[0][name])) for name in METRICS}


@pytest.mark.parametrize("where", ["one chunk", "chunks", "processes"])
def test_a_sweep_of_a_users_problem_equals_single_runs_bit_for_bit(request, where):
    options = {"chunk_size": 3} if where == "chunks" else {}
    if where == "processes":
        options = {"chunk_size": 1, "executor": request.getfixturevalue("processes")}
    runs = with_timeout(sweep, **OWN_SWEEP, **options)
    assert runs.final_params.dims == ("optimizer", "setting", "coordinate")
    assert runs.coordinate.values.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(runs.learning_rate, [RATES, 10 * RATES])
    expected = expected_of_own_problem()
    for name in METRICS:
        np.testing.assert_array_equal(runs[name], expected[name], err_msg=name)
    assert {-1} < set(runs.diverged_at.values.ravel())
    assert {102} < set(runs.steps_to_loss.values.ravel())


def test_a_sweep_of_a_users_problem_of_20_weights_equals_single_runs():
    problem, rates = LogisticRegression(), np.logspace(-3, 0, 4)
    runs = sweep({"Adam": Adam(rates)}, problem, 300, start=np.zeros(20), metrics=("final_loss", "rates", "params"))
    assert runs.params.shape == (1, 4, 301, 20)
    for setting, rate in enumerate(rates):
        run = minimize(Adam(rate), problem.gradient, np.zeros(20), 300)
        np.testing.assert_array_equal(runs.params[0, setting], run.params)
        np.testing.assert_array_equal(runs.rates[0, setting, 0], run.rates[-1])
        assert runs.final_loss[0, setting] == problem.loss(run.params[-1])
    assert runs.final_loss.min() < 0.3 < np.log(2) < runs.final_loss.max()


def test_one_shared_problem_has_the_results_of_a_stack_of_one():
    problem, rates = SparseRegression(0.3, seed=4), np.array([0.01, 0.1])
    options = {"num_steps": 50, "metrics": METRICS}
    alone = sweep({"Adam": Adam(rates)}, problem, **options)
    stack = sweep({"Adam": Adam(rates[:, None])}, ProblemStack([problem]), **options).isel(problem=0, drop=True)
    assert alone.final_loss.dims == ("optimizer", "setting")
    for name in METRICS:
        np.testing.assert_array_equal(alone[name], stack[name])


def warm_up(step):
    return min(1.0, step / 10)


@pytest.mark.parametrize("where", ["no executor", "processes"])
def test_a_schedule_multiplies_the_rates_and_a_factor_of_0_is_no_divergence(request, where):
    executor = None if where == "no executor" else request.getfixturevalue(where)
    stack, rates = ProblemStack.from_product(seed=[3, 4]), np.array([0.02, 0.1])
    options = {"metrics": ("params", "rates", "diverged_at"), "rate_steps": (1, 6, 30), "executor": executor}
    local = lambda step: warm_up(step)  # noqa: E731, which cannot be pickled
    runs = with_timeout(sweep, {"SGD": SGD(rates[:, None])}, stack, 30, schedule=local, **options)
    assert (runs.diverged_at == -1).all()
    for setting, rate in enumerate(rates):
        for index, problem in enumerate(stack.problems):
            params = [np.array([-1.0, -1.0])]
            for step in range(30):
                params.append(params[-1] - warm_up(step) * rate * problem.gradient(params[-1], step))
            np.testing.assert_array_equal(runs.params[0, setting, index], params)
        dense = runs.rates[0, setting, :, :, 0]
        np.testing.assert_array_equal(dense, [[0.0, 0.5 * rate, rate]] * 2)
    own = sweep({"SGD": SGD(rates)}, stack.problems[0], 30, schedule=local, **{**options, "executor": None})
    np.testing.assert_array_equal(own.params, runs.params[:, :, 0])
    constant = sweep({"Adam": Adam(0.1)}, stack, 30, metrics="params", schedule=lambda step: 1)
    xr.testing.assert_identical(constant, sweep({"Adam": Adam(0.1)}, stack, 30, metrics="params"))


@dataclass(frozen=True)
class Coupling(SGD):
    """Mixes the coordinates, which are on the last axis."""

    is_elementwise = False

    def step(self, state, grad):
        return Step(state, self.learning_rate, grad + 0.1 * grad[..., ::-1])


@dataclass(frozen=True)
class OfMatrices(Coupling):
    def init(self, params):
        if np.ndim(params) < 2:
            raise ValueError(f"params: have shape {np.shape(params)}, must be matrices")
        return super().init(params)


def test_an_optimizer_that_is_not_elementwise_gets_the_coordinates_on_the_last_axis():
    stack, rates = ProblemStack.from_product(seed=[3, 4, 5]), np.array([0.02, 0.1])
    runs = sweep({"Coupling": Coupling(rates[:, None])}, stack, 20, metrics=("params", "rates"))
    for setting, rate in enumerate(rates):
        for index, problem in enumerate(stack.problems):
            run = minimize(Coupling(rate), problem.gradient, [-1.0, -1.0], 20)
            np.testing.assert_array_equal(runs.params[0, setting, index], run.params)
            np.testing.assert_array_equal(runs.rates[0, setting, index, 0], run.rates[-1])
    with pytest.raises(RuntimeError, match=r"(?s)OfMatrices failed .*params: have shape \(2,\), must be matrices"):
        sweep({"OfMatrices": OfMatrices(rates[:, None])}, stack, 20)


@pytest.mark.parametrize("method", ["gradient", "loss"])
@pytest.mark.parametrize("start", [THREE[:2], THREE])
def test_a_problem_that_does_not_work_on_a_leading_axis_raises_an_error_before_the_runs(method, start):
    class ForVectors(Rosenbrock):
        def gradient(self, params, step):
            x, y = (params[0], params[1]) if method == "gradient" else (params[..., 0], params[..., 1])
            return np.stack([2 * (x - 1) - 400 * x * (y - x**2), 200 * (y - x**2), *[x] * (len(start) - 2)], -1)

        def loss(self, params):
            return params[0] ** 2 if method == "loss" else super().loss(params)

    with pytest.raises(ValueError, match=rf"^{method}: returned shape .* the parameters are on the last axis"):
        sweep({"SGD": SGD(0.001)}, ForVectors(), 5, start=start)


def test_a_users_problem_gets_parameters_that_it_cannot_change():
    class InPlace(Rosenbrock):
        def gradient(self, params, step):
            params -= 1
            return params

    with pytest.raises(ValueError, match="read-only"):
        sweep({"SGD": SGD(0.001)}, InPlace(), 5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"problems": Rosenbrock()},
            "metrics: steps_to_distance needs the attribute minimum of the problem",
        ),
        (
            {"start": THREE[:2]},
            "metrics: steps_to_distance needs the attribute minimum of the problem, of shape (2,)",
        ),
        ({"start": [THREE]}, f"start={[THREE]!r}: must be finite numbers of shape (dim,)"),
        ({"start": []}, "start=[]: must be finite numbers of shape (dim,)"),
        (
            {"optimizers": {"A": SGD(RATES[:, None])}},
            "optimizers: learning_rate of A has shape (4, 1), must broadcast ",
        ),
        ({"schedule": 0.5}, "schedule=0.5: must be a function of the step"),
        *[
            (
                {"schedule": lambda step, bad=bad: bad if step == 7 else 1.0},
                f"schedule: returned {bad!r} at step 7",
            )
            for bad in (-0.1, np.nan, np.inf, 1j, [1.0])
        ],
    ],
)
def test_an_invalid_argument_of_a_users_problem_raises_an_error_that_names_it(changed, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        sweep(**{**OWN_SWEEP, **changed})


# Invalid arguments.

VALID = {
    "optimizers": {"SGD": SGD(0.1)},
    "problems": ProblemStack.from_product(activity=[0.1, 0.5], seed=[0, 1]),
    "num_steps": 9,
}
INVALID = [
    *[
        ("optimizers", bad, f"optimizers={bad!r}: must be a non-empty mapping of names to optimizers")
        for bad in ({}, None, [SGD(0.1)])
    ],
    *[("optimizers", {"SGD": bad}, f"optimizer={bad!r}: must be an optimizer") for bad in (SGD, None)],
    *[
        (
            "optimizers",
            {"A": Adagrad(**{name: np.full(shape, 0.1)})},
            f"optimizers: {name} of A has shape {shape}, must broadcast to the axes setting, activity 2, seed 2",
        )
        for name, shape in (
            ("learning_rate", (4, 3, 1)),
            ("learning_rate", (3,)),
            ("learning_rate", (1, 4, 2, 2)),
            ("eps", (4, 2, 3)),
        )
    ],
    (
        "optimizers",
        {"A": Adam(column(0.1, 0.2), eps=column(1.0, 2.0, 3.0))},
        "optimizers: A has arrays of 2 and of 3 settings, must be equal",
    ),
    (
        "optimizers",
        {"SGD": SGD(column(0.1, 0.2)), "Adam": Adam(column(0.1, 0.2, 0.3)), "More": Adam(0.1)},
        "optimizers: have numbers of settings {'SGD': 2, 'Adam': 3, 'More': 1}, must be equal for all",
    ),
    *[
        (
            "problems",
            bad,
            f"problems={bad!r}: must be a ProblemStack, or a problem with gradient(params, step) and loss(params)",
        )
        for bad in (None, len, SparseRegression, [SparseRegression()])
    ],
    *[
        (name, bad, f"{name}={bad!r}: must be an integer of at least 1")
        for name in ("num_steps", "chunk_size")
        for bad in (0, -1, 1.5, None)
    ],
    *[
        ("metrics", bad, f"metrics={bad!r}: must be one or more of steps_to_loss, ")
        for bad in ("loss", ["final_loss", "loss"], [], "", [None], None, 1)
    ],
    *[
        (name, bad, f"{name}={bad!r}: must be one or more numbers above 0")
        for name in ("loss_thresholds", "distance_thresholds")
        for bad in ([], 0.1, [0.0], [0.1, -0.1], [np.nan], [[0.1]], None, ["much"], [[0.1], [0.1, 0.2]], [1j])
    ],
    *[
        ("rate_steps", bad, f"rate_steps={bad!r}: must be one or more integers from 1 to 9")
        for bad in ([], [0], [3, 10], [-1], [1.5], 3, [[3]], ["3"], [[1], [1, 2]])
    ],
    *[
        ("start", bad, f"start={bad!r}: must be finite numbers of shape (2,) or (4, 2)")
        for bad in (
            *([1.0, np.nan], [np.inf, 0], [1, 2, 3], np.ones((3, 2)), np.ones((2, 4)), np.ones((4, 1))),
            *(1.0, None, "ab", [1j, 0]),
        )
    ],
]


@pytest.mark.parametrize(("name", "bad", "message"), INVALID, ids=lambda value: None)
def test_an_invalid_argument_raises_an_error_that_names_it(name, bad, message):
    assert sweep(**VALID).final_loss.shape == (1, 2, 2)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        sweep(**{**VALID, name: bad})


# Tuning.

TUNING_PROBLEMS = ProblemStack.from_product(activity=[0.1, 0.5], seed=[100, 101])
GRID = np.logspace(-2, 0, 9)
tune_two = partial(
    tune,
    {"SGD": SGD, "Adam": Adam},
    TUNING_PROBLEMS,
    4,
    rates=GRID,
    reported_seeds=[0, 1],
    metrics="diverged_at",
)


def distance_to(**exponents):
    """Return a score whose minimum is at the rate ``10**exponent`` of each optimizer."""
    target = xr.DataArray(list(exponents.values()), {"optimizer": list(exponents)})
    return lambda runs: abs(np.log10(runs.setting) - target) + 0 * runs.diverged_at.mean(["activity", "seed"])


def test_tuning_chooses_the_rate_with_the_lowest_score():
    result = tune_two(score=distance_to(SGD=-0.7, Adam=-1.3))
    np.testing.assert_allclose(np.log10(result.learning_rate), [-0.75, -1.25])
    assert result.learning_rate.optimizer.values.tolist() == ["SGD", "Adam"]
    assert result.num_extensions == 0
    assert not result.at_edge.any()
    np.testing.assert_array_equal(result.runs.setting, GRID)


def test_tuning_scores_the_runs_of_a_sweep_for_any_factory():
    factories = {"SGD": SGD, "RMSProp": partial(RMSProp, rho=0.99)}
    score = lambda runs: runs.final_loss.mean("seed")  # noqa: E731
    result = tune(factories, TUNING_PROBLEMS, 4, rates=GRID, score=score, reported_seeds=[])
    assert result.learning_rate.dims == result.at_edge.dims == ("optimizer", "activity")
    grid = result.runs.setting.values
    optimizers = {name: factory(column(*grid)) for name, factory in factories.items()}
    losses = sweep(optimizers, TUNING_PROBLEMS, 4, metrics="final_loss").final_loss
    np.testing.assert_array_equal(result.runs.final_loss, losses)
    np.testing.assert_array_equal(result.learning_rate, grid[losses.mean("seed").argmin("setting")])


def test_tuning_takes_a_users_problem_a_start_and_a_schedule():
    result = tune(
        {"SGD": SGD, "Adam": Adam},
        LogisticRegression(),
        100,
        rates=np.logspace(-3, -1, 5),
        score=lambda runs: runs.final_loss,
        start=np.zeros(20),
        schedule=lambda step: 1 - step / 100,
    )
    grid = result.runs.setting.values
    assert len(grid) >= 5
    losses = sweep(
        {"SGD": SGD(grid), "Adam": Adam(grid)},
        LogisticRegression(),
        100,
        start=np.zeros(20),
        schedule=lambda step: 1 - step / 100,
    ).final_loss
    np.testing.assert_allclose(result.runs.final_loss, losses, rtol=1e-9)
    np.testing.assert_array_equal(result.learning_rate, grid[losses.argmin("setting")])
    unstacked = ProblemStack.from_product(activity=[0.1, 0.5])
    score = lambda runs: runs.final_loss.mean("activity")  # noqa: E731
    assert tune({"SGD": SGD}, unstacked, 4, rates=GRID, score=score).learning_rate.shape == (1,)


@pytest.mark.parametrize(
    ("exponents", "low", "high", "num_extensions"),
    [
        ({"SGD": -2.4, "Adam": -1.0}, -3, 0, 1),
        ({"SGD": -1.0, "Adam": 0.6}, -2, 1, 1),
        ({"SGD": -4.3, "Adam": 0.6}, -5, 1, 3),
        ({"SGD": -2.0, "Adam": -1.0}, -3, 0, 1),
    ],
)
def test_a_best_rate_at_the_edge_extends_the_grid_by_decades_for_all(exponents, low, high, num_extensions):
    result = tune_two(score=distance_to(**exponents))
    assert result.num_extensions == num_extensions
    assert not result.at_edge.any()
    grid = result.runs.setting.values
    np.testing.assert_allclose(np.log10(grid), np.linspace(low, high, 4 * (high - low) + 1), atol=1e-12)
    assert (abs(np.log10(result.learning_rate) - list(exponents.values())) <= 0.126).all()
    optimizers = {"SGD": SGD(column(*grid)), "Adam": Adam(column(*grid))}
    expected = sweep(optimizers, TUNING_PROBLEMS, 4, metrics="diverged_at").diverged_at
    np.testing.assert_array_equal(result.runs.diverged_at, expected)
    assert result.runs.diverged_at.dims == expected.dims


def test_a_coarse_grid_is_extended_by_its_spacing():
    result = tune_two(rates=[1e-6, 1e-3, 1.0], score=distance_to(SGD=-3.0, Adam=-6.0))
    np.testing.assert_allclose(np.log10(result.runs.setting), [-9, -6, -3, 0])


@pytest.mark.parametrize("max_extensions", [0, 2])
def test_a_best_rate_that_stays_at_the_edge_is_reported(max_extensions):
    result = tune_two(score=distance_to(SGD=-1.0, Adam=20.0), max_extensions=max_extensions)
    assert result.num_extensions == max_extensions
    assert result.at_edge.values.tolist() == [False, True]
    assert np.log10(result.learning_rate.sel(optimizer="Adam")) == pytest.approx(max_extensions)


def test_nan_is_the_worst_score():
    score = distance_to(SGD=-1.0, Adam=-1.0)
    result = tune_two(score=lambda runs: score(runs).where((runs.setting > 0.2) & (runs.setting < 0.9)))
    np.testing.assert_allclose(np.log10(result.learning_rate), [-0.5, -0.5])


NOT_A_GRID = [[], 0.1, [0.1, 0.2], [0.1, 0.2, 0.3], [1.0, 0.1, 0.01], [0.1, 0.1, 0.1], [0.0, 0.1, 1.0]]
NOT_A_GRID += [
    [-1.0, 0.1, 1.0],
    [np.nan, 0.1, 1.0],
    [0.1, 1.0, np.inf],
    [[0.01, 0.1, 1.0]],
    ["a", "b"],
    [[0.1], [0.1, 1]],
]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        *[
            ({"rates": bad}, f"rates={bad!r}: must be at least 3 increasing numbers, evenly spaced on a log scale")
            for bad in NOT_A_GRID
        ],
        *[
            ({"max_extensions": bad}, f"max_extensions={bad!r}: must be an integer of at least 0")
            for bad in (-1, 1.5, None)
        ],
        ({"reported_seeds": range(101)}, "reported_seeds: [100] are seeds of the problems, must be different ones"),
        (
            {"problems": ProblemStack.from_product(activity=[0.1, 0.2])},
            "problems: have axes ['activity'], one must be 'seed' if reported_seeds are given",
        ),
        ({"problems": Rosenbrock()}, "problems: have axes [], one must be 'seed' if reported_seeds are given"),
        ({"reported_seeds": None}, "reported_seeds: must be given, because the problems have an axis 'seed'"),
        ({"problems": len}, f"problems={len!r}: must be a ProblemStack, or a problem with gradient(params, step)"),
    ],
)
def test_an_invalid_argument_of_tune_raises_an_error_that_names_it(argument, message):
    valid = {"problems": TUNING_PROBLEMS, "num_steps": 4, "rates": GRID, "reported_seeds": [0]}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        tune({"SGD": SGD}, score=distance_to(SGD=-1.0), **{**valid, **argument})
