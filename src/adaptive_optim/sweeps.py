"""Run many optimizers on many problems, measure what they did, and choose learning rates by it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from math import prod
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.descent import check_optimizer, descend, is_sound, progress, whole_number
from adaptive_optim.optimizers import Array, Optimizer
from adaptive_optim.problems import ProblemStack, SparseRegression, batch_gradient

if TYPE_CHECKING:
    import xarray as xr  # It takes as long to import as all else here, and many do not need it.

COORDINATES = ("dense", "sparse")
MEASURES = (
    "steps_to_loss",
    "steps_to_distance",
    "final_loss",
    "final_params",
    "log_loss_area",
    "rates",
    "params",
    "diverged_at",
)
SMALLEST_LOSS = 1e-16
"""Below that an excess loss is rounding: it counts as this much."""

STEPS_AT_ONCE = 2
SAFE = 1e100
"""As long as all parameters are nearer to zero, and all rates above it, no run has diverged at this step."""


def sweep(
    optimizers: Mapping[str, Optimizer],
    problems: ProblemStack,
    num_steps: int,
    *,
    start: ArrayLike = (-1.0, -1.0),
    measure: Collection[str] = ("steps_to_loss", "final_loss"),
    loss_goals: Sequence[float] = (0.01,),
    distance_goals: Sequence[float] = (0.3,),
    rate_steps: Sequence[int] | None = None,
    chunk_size: int = 8192,
    executor: Executor | None = None,
) -> xr.Dataset:
    r"""Run every optimizer with all its settings on every problem, and measure.

    Parameters
    ----------
    optimizers : mapping of str to Optimizer
        By name. Settings that are arrays broadcast against the runs' axes, ``(setting, *problems.axes)``:
        ``SGD(rates[:, None, None])`` on problems with two axes has ``len(rates)`` settings. All optimizers
        have the same number of settings.
    problems : ProblemStack
        For instance ``ProblemStack.grid(activity=[0.05, 0.5], seed=range(256))``.
    num_steps : int
        Steps of each run, at least 1.
    start : array_like, default (-1, -1)
        Where runs start, ``(2,)``, or ``(problems, 2)`` for another start on each.
    measure : collection of str
        What to return; see below.
    loss_goals, distance_goals : sequence of float
        For ``steps_to_loss`` and ``steps_to_distance``: numbers above 0.
    rate_steps : sequence of int, optional
        For ``rates``: which steps, from 1 to ``num_steps``, the default.
    chunk_size : int, default 8192
        How many runs are made at a time, about. That many also move the progress bar and go to an executor. Memory
        grows with it and with the results, not with the number of runs or steps.
    executor : concurrent.futures.Executor, optional
        Where chunks are computed: threads, processes, or ``dask.distributed.Client().get_executor()``. Results
        do not depend on it. If left out: here, one after the other.

    Returns
    -------
    xarray.Dataset
        Every measure has the axes ``optimizer``, ``setting`` if there are several, those of the problems, and
        those named here:

        - ``steps_to_loss (loss_goal)``: steps until the :meth:`excess loss <SparseRegression.excess_loss>` stays
          at or below the goal; ``num_steps + 1`` if it never does.
        - ``steps_to_distance (distance_goal)``: the same for the distance of the farther weight from the minimum.
        - ``final_loss``: excess loss after the last step.
        - ``final_params (coordinate)``: parameters after the last step.
        - ``log_loss_area``: area under the decimal logarithm of the excess loss, divided by the steps. Losses below
          1e-16 count as that.
        - ``rates (rate_step, coordinate)``: effective learning rates, ``nan`` without a gradient so far.
        - ``params (step, coordinate)``: all parameters. Not for sweeps of a million runs.
        - ``diverged_at``: step that took the run out of the finite numbers, -1 for none.

        A run that diverged never arrives, has a loss of infinity, and parameters and rates of ``nan``.
        ``learning_rate`` is what each run was set with.

    Raises
    ------
    ValueError
        If an argument is not as said here; the message names it.
    RuntimeError
        If a chunk fails; the message says which runs it had. All others are given up.

    Notes
    -----
    A run has the same bits here and in :func:`minimize`, however it is chunked.

    Interrupted, it gives up what has not begun, and waits for what has.

    Examples
    --------
    >>> import numpy as np
    >>> from adaptive_optim import SGD, Adagrad, ProblemStack, sweep
    >>> rates = np.array([0.03, 0.3])
    >>> optimizers = {"SGD": SGD(rates[:, None]), "Adagrad": Adagrad(rates[:, None])}
    >>> runs = sweep(optimizers, ProblemStack.grid(seed=range(64), activity=1.0), num_steps=300)
    >>> runs.final_loss.dims
    ('optimizer', 'setting', 'seed')
    >>> runs.steps_to_loss.sel(optimizer="Adagrad", loss_goal=0.01).median("seed").values
    array([301., 106.])
    """
    num_steps = whole_number("num_steps", num_steps)
    chunk_size = whole_number("chunk_size", chunk_size)
    if not isinstance(problems, ProblemStack):
        raise ValueError(f"problems={problems!r}: must be a ProblemStack")
    tally = _Tally(
        num_steps,
        _measures(measure),
        _goals("loss_goals", loss_goals),
        _goals("distance_goals", distance_goals),
        _steps(rate_steps, num_steps),
    )
    settings = _settings(optimizers, problems)
    starts = _starts(start, problems)
    chunks = list(_chunks(settings, problems, chunk_size))
    names = list(settings)
    shape = (len(names), settings[names[0]].num_settings, len(problems.problems))
    results = tally.room(*shape)
    with progress(prod(shape), "runs") as bar:
        for chunk, measured in _computed(chunks, settings, problems, starts, tally, executor):
            for name, values in measured.items():
                results[name][names.index(chunk.name), chunk.settings, chunk.problems] = values
            bar.update(chunk.size)
    return _labelled(results, settings, problems, tally)


class Tuned(NamedTuple):
    """What :func:`tune` found."""

    learning_rate: xr.DataArray
    """The best rate of each optimizer, with the axes that the score had."""
    tried: xr.Dataset
    """All runs on the tuning problems, by optimizer and learning rate: the axis ``setting`` has the rates."""
    at_edge: xr.DataArray
    """Whether the best rate is still at the edge of the grid."""
    widened: int
    """How many times the grid was made wider."""


def tune(
    kinds: Mapping[str, Callable[[Any], Optimizer]],
    problems: ProblemStack,
    num_steps: int,
    *,
    rates: ArrayLike,
    score: Callable[[xr.Dataset], xr.DataArray],
    reported_seeds: Collection[int],
    most_widenings: int = 3,
    **options: Any,
) -> Tuned:
    """Choose each optimizer's learning rate on one log grid, by one rule, on seeds that are not reported.

    Where a best rate lies at the edge of the grid, the grid becomes wider by a decade there, for all optimizers.

    Parameters
    ----------
    kinds : mapping of str to callable
        What makes an optimizer from a learning rate: ``Adam``, or ``partial(RMSProp, rho=0.99)``.
    problems : ProblemStack
        What to tune on; one axis is ``seed``.
    num_steps : int
        Steps of each run.
    rates : array_like
        Grid of learning rates, rising, evenly spaced on a log scale, at least 3.
    score : callable
        From the runs, as :func:`sweep` returns them, to a number for each optimizer and setting; other axes that it
        leaves get a rate each. The least is the best, ``nan`` the worst.
    reported_seeds : collection of int
        Seeds that results are reported on. None of them may be among those of the problems.
    most_widenings : int, default 3
        How often the grid may be made wider, at least 0.
    **options
        Further arguments of :func:`sweep`.

    Returns
    -------
    Tuned

    Raises
    ------
    ValueError
        If a seed is both tuned on and reported, or another argument is not as said here or in :func:`sweep`.

    Examples
    --------
    >>> import numpy as np
    >>> from adaptive_optim import SGD, Adam, ProblemStack, tune
    >>> tuned = tune(
    ...     {"SGD": SGD, "Adam": Adam},
    ...     ProblemStack.grid(seed=range(1000, 1032)),
    ...     num_steps=200,
    ...     rates=np.logspace(-3, 0, 13),
    ...     score=lambda runs: runs.final_loss.mean("seed"),
    ...     reported_seeds=range(256),
    ... )
    >>> tuned.learning_rate.round(3).values
    array([0.178, 0.056])
    """
    seeds = problems.axes.get("seed")
    if seeds is None:
        raise ValueError(f"problems: have axes {list(problems.axes)}, one must be 'seed'")
    both = sorted(set(seeds) & set(reported_seeds))
    if both:
        raise ValueError(f"reported_seeds: {both[:5]} are tuned on, too; must be others than those of the problems")
    grid = _numbers(rates)
    spacing = np.diff(np.log10(grid)) if grid.ndim == 1 and np.all(grid > 0) else np.zeros(0)
    if len(spacing) < 2 or not np.allclose(spacing, spacing[0]) or spacing[0] <= 0:
        raise ValueError(f"rates={rates!r}: must be at least 3 rising numbers, evenly spaced on a log scale")

    if operator.index(most_widenings) < 0:
        raise ValueError(f"most_widenings={most_widenings!r}: must be a whole number of at least 0")

    import xarray as xr

    def runs(some: Array) -> xr.Dataset:
        column = some.reshape(-1, *(1,) * len(problems.axes))
        made = sweep({name: kind(column) for name, kind in kinds.items()}, problems, num_steps, **options)
        if "setting" not in made.dims:
            made = made.expand_dims("setting", axis=1)
        return made.drop_vars("learning_rate").assign_coords(setting=some)

    def best(tried: xr.Dataset) -> Any:
        return score(tried).fillna(np.inf).argmin("setting")

    tried, decade = runs(grid), 10 ** (spacing[0] * np.arange(1, max(1, round(1 / spacing[0])) + 1))
    for widened in range(most_widenings + 1):
        index = best(tried)
        low, high = bool((index == 0).any()), bool((index == tried.sizes["setting"] - 1).any())
        if widened == most_widenings or not (low or high):
            break
        more = [tried.setting.values[0] / decade[::-1]] * low + [tried.setting.values[-1] * decade] * high
        tried = xr.concat([tried, *map(runs, more)], "setting").sortby("setting")
    at_edge = (index == 0) | (index == tried.sizes["setting"] - 1)
    chosen = tried.setting[index].drop_vars("setting").rename("learning_rate")
    return Tuned(chosen, tried, at_edge, widened)


class _Setting(NamedTuple):
    """An optimizer, and the shape that its runs have before those of the problems."""

    optimizer: Any
    num_settings: int

    def part(self, settings: slice, problems: slice) -> Any:
        """Return the optimizer with the settings of some of its runs."""
        own = {}
        for field in fields(self.optimizer):
            value = getattr(self.optimizer, field.name)
            if np.ndim(value):
                height, width = value.shape
                own[field.name] = value[settings if height > 1 else slice(1), problems if width > 1 else slice(1)]
        return replace(self.optimizer, **own)


class _Chunk(NamedTuple):
    """Runs that are made together: some settings of an optimizer on some of the problems."""

    name: str
    settings: slice
    problems: slice

    @property
    def size(self) -> int:
        """Number of runs."""
        height, width = (each.stop - each.start for each in (self.settings, self.problems))
        return int(height * width)


@dataclass(frozen=True)
class _Tally:
    """What is measured."""

    num_steps: int
    measures: tuple[str, ...]
    loss_goals: tuple[float, ...]
    distance_goals: tuple[float, ...]
    rate_steps: tuple[int, ...]

    def axes(self) -> dict[str, dict[str, Any]]:
        """Return the further axes of each measure, with their values."""
        own: dict[str, dict[str, Any]] = {
            "steps_to_loss": {"loss_goal": self.loss_goals},
            "steps_to_distance": {"distance_goal": self.distance_goals},
            "final_params": {"coordinate": COORDINATES},
            "rates": {"rate_step": self.rate_steps, "coordinate": COORDINATES},
            "params": {"step": range(self.num_steps + 1), "coordinate": COORDINATES},
        }
        return {name: own.get(name, {}) for name in self.measures}

    def room(self, *runs: int) -> dict[str, Array]:
        """Return arrays for all results."""
        whole = {"steps_to_loss", "steps_to_distance", "diverged_at"}
        return {
            name: np.empty((*runs, *map(len, axes.values())), int if name in whole else float)
            for name, axes in self.axes().items()
        }

    def take(self, optimizer: Any, problems: tuple[SparseRegression, ...], starts: Array, num_settings: int) -> Any:
        """Make runs and return what is measured, each ``(settings, problems, ...)``."""
        stack = _stack(problems)
        shape = (num_settings, len(problems))
        params = np.ascontiguousarray(np.broadcast_to(starts.T[:, None], (2, *shape)))
        recorder = _Recorder(self, stack, shape)
        gradient = partial(batch_gradient, stack)
        # Overflow is not an error here but a result, reported as divergence.
        with np.errstate(all="ignore"):
            recorder.start(params)
            steps = zip(range(self.num_steps), descend(optimizer, gradient, params), strict=False)
            for step, (grad, rate, params) in steps:
                recorder.add(step, grad, rate, params)
                if recorder.is_over:
                    break
            return recorder.results(params)


class _Recorder:
    """Measures runs while they are made. Coordinates are the first axis of everything it is given."""

    def __init__(self, tally: _Tally, stack: ProblemStack, shape: tuple[int, int]) -> None:
        self.tally, self.stack = tally, stack
        self.diverged_at = np.full(shape, -1)
        self.is_over = False
        wanted = set(tally.measures)
        self.to_loss = _Goals(tally.loss_goals, shape) if "steps_to_loss" in wanted else None
        self.to_distance = _Goals(tally.distance_goals, shape) if "steps_to_distance" in wanted else None
        self.log_losses = np.zeros(shape) if "log_loss_area" in wanted else None
        # Losses of several steps at once cost less.
        follows = wanted & {"steps_to_loss", "steps_to_distance", "log_loss_area"}
        self.points = np.empty((STEPS_AT_ONCE, 2, *shape)) if follows else None
        self.seen = np.zeros((2, *shape), bool)
        self.rates: dict[int, Any] | None = {} if "rates" in wanted else None
        self.params: list[Any] | None = [] if "params" in wanted else None

    def start(self, params: Array) -> None:
        if self.points is not None:
            self._follow(params[None], 0)
        if self.params is not None:
            self.params.append(params)

    def add(self, step: int, grad: Array, rate: Array, params: Array) -> None:
        if not (params.min() > -SAFE and params.max() < SAFE and rate.min() > 0):
            lost = ~is_sound(params, rate).all(axis=0) & (self.diverged_at < 0)
            self.diverged_at[lost] = step
            self.is_over = bool((self.diverged_at >= 0).all())
        if self.points is not None:
            row = step % STEPS_AT_ONCE
            self.points[row] = params
            if row == STEPS_AT_ONCE - 1 or step == self.tally.num_steps - 1:
                self._follow(self.points[: row + 1], step - row + 1)
        if self.rates is not None:
            self.seen |= grad != 0
            if step + 1 in self.tally.rate_steps:
                self.rates[step + 1] = np.where(self.seen & (self.diverged_at < 0), rate, np.nan)
        if self.params is not None:
            self.params.append(np.where(self.diverged_at < 0, params, np.nan))

    def _follow(self, points: Array, first_step: int) -> None:
        points = np.moveaxis(points, 1, -1)
        if self.to_distance:
            away = [np.abs(points[..., i] - self.stack.minimum[..., i]) for i in (0, 1)]
            self.to_distance.add(np.maximum(*away), first_step)
        if self.to_loss or self.log_losses is not None:
            losses = self.stack.excess_loss(points)
            if self.to_loss:
                self.to_loss.add(losses, first_step)
            if self.log_losses is not None and first_step:
                logs = np.log10(np.maximum(losses, SMALLEST_LOSS))
                # One after the other: a sum must not depend on how many runs stand side by side.
                self.log_losses = np.add.accumulate(np.concatenate([self.log_losses[None], logs]))[-1]

    def results(self, params: Array) -> dict[str, Any]:
        """Return the measures, after the last step."""
        num_steps = self.tally.num_steps
        last = np.moveaxis(params, 0, -1)
        lost = self.diverged_at >= 0
        nowhere = np.full((2, *lost.shape), np.nan)
        results: dict[str, Any] = {"diverged_at": self.diverged_at}
        if self.to_loss:
            arrivals = np.where(lost, num_steps + 1, self.to_loss.arrivals)
            results["steps_to_loss"] = np.moveaxis(arrivals, 0, -1)
        if self.to_distance:
            arrivals = np.where(lost, num_steps + 1, self.to_distance.arrivals)
            results["steps_to_distance"] = np.moveaxis(arrivals, 0, -1)
        if self.log_losses is not None:
            results["log_loss_area"] = np.where(lost, np.inf, self.log_losses / num_steps)
        results["final_loss"] = np.where(lost, np.inf, self.stack.excess_loss(last))
        results["final_params"] = np.where(lost[..., None], np.nan, last)
        if self.rates is not None:
            at_steps = [self.rates.get(step, nowhere) for step in self.tally.rate_steps]
            results["rates"] = np.moveaxis(np.array(at_steps), (0, 1), (-2, -1))
        if self.params is not None:
            at_steps = self.params + [nowhere] * (num_steps + 1 - len(self.params))
            results["params"] = np.moveaxis(np.array(at_steps), (0, 1), (-2, -1))
        return {name: results[name] for name in self.tally.measures}


class _Goals:
    """Notes the step after the last one at which runs were outside of each goal: when they arrived to stay."""

    def __init__(self, goals: tuple[float, ...], shape: tuple[int, ...]) -> None:
        self.goals = goals
        self.arrivals = np.zeros((len(goals), *shape), np.int32)

    def add(self, values: Array, first_step: int) -> None:
        for goal, arrivals in zip(self.goals, self.arrivals, strict=True):
            for step, outside in enumerate(~(values <= goal), first_step):
                np.maximum(arrivals, outside * np.int32(step + 1), out=arrivals)


@lru_cache(maxsize=2)
def _stack(problems: tuple[SparseRegression, ...]) -> ProblemStack:
    """Return problems side by side: the same ones for all chunks, which share what they have computed."""
    return ProblemStack(problems)


def _chunks(settings: Mapping[str, _Setting], problems: ProblemStack, chunk_size: int) -> Iterator[_Chunk]:
    count = len(problems.problems)
    wide = min(count, chunk_size)
    high = max(1, chunk_size // wide)
    # All runs on some problems come together, so that these are kept only for a while.
    for begin in range(0, count, wide):
        for name, setting in settings.items():
            for first in range(0, setting.num_settings, high):
                last = min(first + high, setting.num_settings)
                yield _Chunk(name, slice(first, last), slice(begin, min(begin + wide, count)))


def _computed(
    chunks: Sequence[_Chunk],
    settings: Mapping[str, _Setting],
    problems: ProblemStack,
    starts: Array,
    tally: _Tally,
    executor: Executor | None,
) -> Iterator[tuple[_Chunk, dict[str, Any]]]:
    """Compute the chunks and yield each when it is done."""

    def task(chunk: _Chunk) -> tuple[Any, ...]:
        optimizer = settings[chunk.name].part(chunk.settings, chunk.problems)
        some = problems.problems[chunk.problems]
        return optimizer, some, starts[chunk.problems], chunk.settings.stop - chunk.settings.start

    def failed(chunk: _Chunk, error: BaseException) -> RuntimeError:
        optimizer, some, *_ = task(chunk)
        ends = f"{some[0]!r} to {some[-1]!r}" if len(some) > 1 else repr(some[0])
        return RuntimeError(f"sweep: {chunk.name} failed with {optimizer!r} on {ends}: {error!r}")

    if executor is None:
        for chunk in chunks:
            try:
                measured = tally.take(*task(chunk))
            except Exception as error:
                raise failed(chunk, error) from error
            yield chunk, measured
        return
    futures: dict[Future[dict[str, Any]], _Chunk] = {}
    # as_completed never sees futures that an executor cancelled at its shutdown.
    done: SimpleQueue[Future[dict[str, Any]]] = SimpleQueue()
    is_broken = False
    try:
        for chunk in chunks:
            future = executor.submit(tally.take, *task(chunk))
            futures[future] = chunk
            future.add_done_callback(done.put)
        while futures:
            future = done.get()
            chunk = futures.pop(future)
            yield chunk, future.result()
    except Exception as error:
        is_broken = isinstance(error, BrokenExecutor)
        raise failed(chunk, error) from error
    finally:
        # A broken executor ends its futures itself, and stumbles over cancelled ones.
        if not is_broken:
            wait([future for future in futures if not future.cancel()])


def _labelled(
    results: Mapping[str, Array], settings: Mapping[str, _Setting], problems: ProblemStack, tally: _Tally
) -> xr.Dataset:
    import xarray as xr

    several = next(iter(settings.values())).num_settings
    runs: dict[str, Any] = {"optimizer": list(settings), "setting": range(several), **problems.axes}
    shape = tuple(map(len, runs.values()))
    coordinates = dict(runs)
    variables = {}
    for name, axes in tally.axes().items():
        coordinates |= axes
        variables[name] = ((*runs, *axes), results[name].reshape(*shape, *map(len, axes.values())))
    rates = [
        np.broadcast_to(setting.optimizer.learning_rate, (several, len(problems.problems)))
        for setting in settings.values()
    ]
    variables["learning_rate"] = (tuple(runs), np.stack(rates).reshape(shape))
    dataset = xr.Dataset(variables, {name: list(values) for name, values in coordinates.items()})
    return dataset if several > 1 else dataset.isel(setting=0, drop=True)


def _settings(optimizers: Mapping[str, Optimizer], problems: ProblemStack) -> dict[str, _Setting]:
    """Return the optimizers with each setting that is an array as ``(settings or 1, problems or 1)``."""
    if not isinstance(optimizers, Mapping) or not optimizers:
        raise ValueError(f"optimizers={optimizers!r}: must be at least one optimizer by name")
    axes = tuple(map(len, problems.axes.values()))
    settings = {}
    for name, optimizer in optimizers.items():
        check_optimizer(optimizer)
        own: dict[str, Any] = {}
        several = 1
        for field in fields(optimizer):  # type: ignore[arg-type]
            value = np.asarray(getattr(optimizer, field.name))
            if not value.ndim:
                if value.dtype.kind in "iuf":  # float32 would be less precise than the parameters
                    own[field.name] = float(value)
                continue
            shape = (1,) * (len(axes) + 1 - value.ndim) + value.shape
            if len(shape) > len(axes) + 1 or any(n not in (1, m) for n, m in zip(shape[1:], axes, strict=True)):
                names = ", ".join(f"{axis} {length}" for axis, length in zip(problems.axes, axes, strict=True))
                raise ValueError(
                    f"optimizers: {field.name} of {name} has shape {value.shape}, must broadcast against the axes "
                    f"setting, {names}"
                )
            if shape[0] not in (1, several) and several > 1:
                raise ValueError(
                    f"optimizers: {name} has settings of {several} and of {shape[0]}, must be one number"
                )
            several = max(several, shape[0])
            value = value.reshape(shape)
            if any(n > 1 for n in shape[1:]):
                value = np.broadcast_to(value, (shape[0], *axes))
            own[field.name] = np.array(value, float).reshape(shape[0], -1)
        settings[name] = _Setting(replace(optimizer, **own), several)  # type: ignore[type-var]
    numbers = {name: setting.num_settings for name, setting in settings.items()}
    if len(set(numbers.values())) > 1:
        raise ValueError(f"optimizers: have so many settings: {numbers}, must be as many for all")
    return settings


def _measures(measure: Collection[str]) -> tuple[str, ...]:
    names = (measure,) if isinstance(measure, str) or not isinstance(measure, Collection) else tuple(measure)
    unknown = [name for name in names if name not in MEASURES]
    if unknown or not names:
        raise ValueError(f"measure={measure!r}: must be some of {', '.join(MEASURES)}")
    return tuple(dict.fromkeys(names))


def _goals(name: str, goals: Sequence[float]) -> tuple[float, ...]:
    numbers = _numbers(goals)
    if numbers.ndim != 1 or not numbers.size or not np.all(numbers > 0):
        raise ValueError(f"{name}={goals!r}: must be at least one number above 0")
    return tuple(numbers.tolist())


def _steps(rate_steps: Sequence[int] | None, num_steps: int) -> tuple[int, ...]:
    if rate_steps is None:
        return (num_steps,)
    try:
        steps = sorted({operator.index(step) for step in rate_steps})
    except TypeError:
        steps = []
    if not steps or steps[0] < 1 or steps[-1] > num_steps:
        raise ValueError(f"rate_steps={rate_steps!r}: must be at least one whole number from 1 to {num_steps}")
    return tuple(steps)


def _starts(start: ArrayLike, problems: ProblemStack) -> Array:
    shape = (len(problems.problems), 2)
    starts = _numbers(start)
    if starts.shape not in ((2,), shape) or not np.isfinite(starts).all():
        raise ValueError(f"start={start!r}: must be finite numbers of shape (2,) or {shape}")
    return np.broadcast_to(starts, shape)


def _numbers(values: Any) -> Array:
    """Return an array, of one nan if these are no numbers."""
    try:
        return np.array(values, float)
    except (TypeError, ValueError):
        return np.array(np.nan)
