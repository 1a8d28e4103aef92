"""Sweeps: many runs with their metrics, and the tuning of learning rates."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial, reduce
from math import prod
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers import Array, Optimizer
from adaptive_optim.problems import Problem, ProblemStack, SparseRegression, batch_gradient, validate_shape
from adaptive_optim.progress import progress_bar
from adaptive_optim.schedules import Schedule, factor_at
from adaptive_optim.trajectory import has_diverged, iter_steps
from adaptive_optim.validation import validate_integer, validate_optimizer

if TYPE_CHECKING:
    import xarray as xr  # not at runtime: the import is slow, and only sweeps need it

COORDINATES = ("dense", "sparse")
METRICS = (
    "steps_to_loss",
    "steps_to_distance",
    "final_loss",
    "final_params",
    "mean_log10_loss",
    "rates",
    "params",
    "diverged_at",
)
MIN_LOSS = 1e-16
"""A smaller excess loss is a rounding error and counts as this value."""

STEPS_PER_EVALUATION = 2
SAFE_MAGNITUDE = 1e100
"""No run diverges in a step after which all parameters are below this magnitude and all rates above 0."""


def sweep(
    optimizers: Mapping[str, Optimizer],
    problems: ProblemStack | Problem,
    num_steps: int,
    *,
    start: ArrayLike = (-1.0, -1.0),
    metrics: Collection[str] = ("steps_to_loss", "final_loss"),
    loss_thresholds: Sequence[float] = (0.01,),
    distance_thresholds: Sequence[float] = (0.3,),
    rate_steps: Sequence[int] | None = None,
    schedule: Schedule | None = None,
    chunk_size: int = 8192,
    executor: Executor | None = None,
) -> xr.Dataset:
    r"""Run every optimizer with all its settings on every problem, and return metrics of the runs.

    Parameters
    ----------
    optimizers : mapping of str to Optimizer
        Optimizers by name. Array settings broadcast to the axes of the runs, ``(setting, *problems.axes)``:
        ``SGD(rates)`` on one problem and ``SGD(rates[:, None, None])`` on problems with two axes have
        ``len(rates)`` settings. All optimizers have the same number of settings.
    problems : ProblemStack or Problem
        For instance ``ProblemStack.from_product(activity=[0.05, 0.5], seed=range(256))``, or one
        :class:`Problem` of any number of parameters, which has no axes.
    num_steps : int
        Number of steps of each run, at least 1.
    start : array_like, default (-1, -1)
        Initial parameters, ``(2,)``, or ``(problems, 2)`` for different ones on each problem of a stack. For
        another problem ``(dim,)``, which determines the number of parameters.
    metrics : collection of str
        Names of the metrics to return; see below.
    loss_thresholds, distance_thresholds : sequence of float
        Thresholds of ``steps_to_loss`` and ``steps_to_distance``, above 0.
    rate_steps : sequence of int, optional
        Steps of ``rates``, from 1 to ``num_steps``. The default is the last step.
    schedule : callable, optional
        Function of the step, which counts from 0, that returns a factor of at least 0. It multiplies the rates and
        the weight decay of all runs.
    chunk_size : int, default 8192
        Approximate number of runs that are computed together. The progress bar advances by chunks, and an executor
        receives chunks. Memory grows with the chunk size and the results, not with the number of runs or steps.
    executor : concurrent.futures.Executor, optional
        Executor of the chunks: threads, processes, or ``dask.distributed.Client().get_executor()``. Results do not
        depend on it. By default chunks are computed in this thread, one after the other.

    Returns
    -------
    xarray.Dataset
        Every metric has the axes ``optimizer``, ``setting`` if there are several, those of the problems, and
        those in parentheses:

        - ``steps_to_loss (loss_threshold)``: steps until the :meth:`excess loss <SparseRegression.excess_loss>`
          stays at or below the threshold; ``num_steps + 1`` if it never does. A problem without ``excess_loss`` has
          no known minimum, so here and below its ``loss`` takes that place.
        - ``steps_to_distance (distance_threshold)``: the same for the largest distance of a parameter from its
          place in ``problems.minimum``.
        - ``final_loss``: excess loss after the last step.
        - ``final_params (coordinate)``: parameters after the last step.
        - ``mean_log10_loss``: mean over the steps of the decimal logarithm of the excess loss. Losses below 1e-16
          count as 1e-16.
        - ``rates (rate_step, coordinate)``: effective learning rates, ``nan`` before the first gradient. They
          include the factor of the schedule.
        - ``params (step, coordinate)``: parameters after each step, which takes much memory for many runs.
        - ``diverged_at``: step at which the run diverged, -1 if it did not.

        A run that diverged never reaches a threshold, has an infinite loss, and ``nan`` as parameters and rates.
        The variable ``learning_rate`` has the learning rate of each run. The values of ``coordinate`` are ``dense``
        and ``sparse`` for a stack, and 0 to ``dim - 1`` for another problem.

    Raises
    ------
    ValueError
        If an argument is invalid. The message names the argument.
    RuntimeError
        If a chunk fails. The message describes the runs of the chunk. The remaining chunks are cancelled.

    Notes
    -----
    A run has the same bits as in :func:`minimize`, whatever the chunk size. For problems other than stacks this
    holds if their gradient has the same bits for one run and for many.

    An interrupt cancels the chunks that have not started, and waits for those that have.

    Examples
    --------
    >>> import numpy as np
    >>> from adaptive_optim import SGD, Adagrad, ProblemStack, sweep
    >>> rates = np.array([0.03, 0.3])
    >>> optimizers = {"SGD": SGD(rates[:, None]), "Adagrad": Adagrad(rates[:, None])}
    >>> runs = sweep(optimizers, ProblemStack.from_product(seed=range(64), activity=1.0), num_steps=300)
    >>> runs.final_loss.dims
    ('optimizer', 'setting', 'seed')
    >>> runs.steps_to_loss.sel(optimizer="Adagrad", loss_threshold=0.01).median("seed").values
    array([301., 106.])
    """
    num_steps = validate_integer("num_steps", num_steps)
    chunk_size = validate_integer("chunk_size", chunk_size)
    stack = _as_stack(problems)
    starts = _validate_start(start, stack)
    spec = _MetricSpec(
        num_steps,
        _validate_metrics(metrics),
        _validate_thresholds("loss_thresholds", loss_thresholds),
        _validate_thresholds("distance_thresholds", distance_thresholds),
        _validate_rate_steps(rate_steps, num_steps),
        _evaluate_schedule(schedule, num_steps),
        COORDINATES if isinstance(stack, ProblemStack) else tuple(range(starts.shape[1])),
    )
    batches = _validate_optimizers(optimizers, stack)
    if isinstance(stack, _SingleProblem):
        stack.validate(starts, needs_minimum="steps_to_distance" in spec.metrics)
    chunks = list(_split_into_chunks(batches, stack, chunk_size))
    names = list(batches)
    shape = (len(names), batches[names[0]].num_settings, len(stack.problems))
    results = spec.allocate(*shape)
    with progress_bar(prod(shape), "runs") as bar:
        for chunk, chunk_results in _compute_chunks(chunks, batches, stack, starts, spec, executor):
            for name, values in chunk_results.items():
                results[name][names.index(chunk.name), chunk.settings, chunk.problems] = values
            bar.update(chunk.size)
    return _to_dataset(results, batches, stack, spec)


class TuningResult(NamedTuple):
    """Result of :func:`tune`."""

    learning_rate: xr.DataArray
    """Best learning rate of each optimizer, with the axes of the score."""
    runs: xr.Dataset
    """All runs on the tuning problems. The axis ``setting`` has the learning rates."""
    at_edge: xr.DataArray
    """Whether the best learning rate is at the edge of the final grid."""
    num_extensions: int
    """Number of times that the grid was extended."""


def tune(
    factories: Mapping[str, Callable[[Any], Optimizer]],
    problems: ProblemStack | Problem,
    num_steps: int,
    *,
    rates: ArrayLike,
    score: Callable[[xr.Dataset], xr.DataArray],
    reported_seeds: Collection[int] | None = None,
    max_extensions: int = 3,
    **options: Any,
) -> TuningResult:
    """Choose the learning rate of each optimizer from one log grid, on seeds that are not reported.

    If a best rate lies at an edge of the grid, the grid is extended there by a decade, for all optimizers.

    Parameters
    ----------
    factories : mapping of str to callable
        Functions that return an optimizer for a learning rate: ``Adam``, or ``partial(RMSProp, rho=0.99)``.
    problems : ProblemStack or Problem
        Problems to tune on.
    num_steps : int
        Number of steps of each run.
    rates : array_like
        Grid of at least 3 learning rates, increasing and evenly spaced on a log scale.
    score : callable
        Function of the dataset that :func:`sweep` returns. It returns a number for each optimizer and setting, and
        lower is better; ``nan`` is the worst. If it keeps other axes, each of their elements is tuned separately.
    reported_seeds : collection of int, optional
        Seeds on which results are reported. The problems must not contain any of them. Problems with an axis
        ``seed`` need this argument, and others cannot have it.
    max_extensions : int, default 3
        Maximum number of times that the grid is extended, at least 0.
    **options
        Further arguments of :func:`sweep`, for instance ``start`` and ``schedule``.

    Returns
    -------
    TuningResult

    Raises
    ------
    ValueError
        If the problems contain a reported seed, if ``reported_seeds`` is missing or cannot be used, or if another
        argument is invalid here or in :func:`sweep`.

    Examples
    --------
    >>> import numpy as np
    >>> from adaptive_optim import SGD, Adam, ProblemStack, tune
    >>> tuned = tune(
    ...     {"SGD": SGD, "Adam": Adam},
    ...     ProblemStack.from_product(seed=range(1000, 1032)),
    ...     num_steps=200,
    ...     rates=np.logspace(-3, 0, 13),
    ...     score=lambda runs: runs.final_loss.mean("seed"),
    ...     reported_seeds=range(256),
    ... )
    >>> tuned.learning_rate.round(3).values
    array([0.178, 0.056])
    """
    axes = _as_stack(problems).axes
    if reported_seeds is None and "seed" in axes:
        raise ValueError("reported_seeds: must be given, because the problems have an axis 'seed'")
    if reported_seeds is not None and "seed" not in axes:
        raise ValueError(f"problems: have axes {list(axes)}, one must be 'seed' if reported_seeds are given")
    common_seeds = sorted(set(axes.get("seed", ())) & set(reported_seeds or ()))
    if common_seeds:
        raise ValueError(f"reported_seeds: {common_seeds[:5]} are seeds of the problems, must be different ones")
    grid = _as_float_array(rates)
    spacing = np.diff(np.log10(grid)) if grid.ndim == 1 and np.all(grid > 0) else np.zeros(0)
    if len(spacing) < 2 or not np.allclose(spacing, spacing[0]) or spacing[0] <= 0:
        raise ValueError(f"rates={rates!r}: must be at least 3 increasing numbers, evenly spaced on a log scale")

    max_extensions = validate_integer("max_extensions", max_extensions, 0)

    import xarray as xr

    def run(grid: Array) -> xr.Dataset:
        column = grid.reshape(-1, *(1,) * len(axes))
        optimizers = {name: factory(column) for name, factory in factories.items()}
        runs = sweep(optimizers, problems, num_steps, **options)
        if "setting" not in runs.dims:
            runs = runs.expand_dims("setting", axis=1)
        return runs.drop_vars("learning_rate").assign_coords(setting=grid)

    runs, decade = run(grid), 10 ** (spacing[0] * np.arange(1, max(1, round(1 / spacing[0])) + 1))
    for num_extensions in range(max_extensions + 1):
        best = score(runs).fillna(np.inf).argmin("setting")
        low, high = bool((best == 0).any()), bool((best == runs.sizes["setting"] - 1).any())
        if num_extensions == max_extensions or not (low or high):
            break
        added = [runs.setting.values[0] / decade[::-1]] * low + [runs.setting.values[-1] * decade] * high
        runs = xr.concat([runs, *map(run, added)], "setting").sortby("setting")
    at_edge = (best == 0) | (best == runs.sizes["setting"] - 1)
    learning_rate = runs.setting[best].drop_vars("setting").rename("learning_rate")
    return TuningResult(learning_rate, runs, at_edge, num_extensions)


class _OptimizerBatch(NamedTuple):
    """An optimizer whose array settings have the shape ``(settings or 1, problems or 1)``."""

    optimizer: Any
    num_settings: int

    def select(self, settings: slice, problems: slice) -> Any:
        """Return the optimizer with the settings of some of its runs."""
        selected = {}
        for field in fields(self.optimizer):
            value = getattr(self.optimizer, field.name)
            if np.ndim(value):
                height, width = value.shape
                rows, columns = settings if height > 1 else slice(1), problems if width > 1 else slice(1)
                selected[field.name] = value[rows, columns]
        return replace(self.optimizer, **selected)


@dataclass(frozen=True)
class _SingleProblem:
    """A problem in the place of a stack: of parameters ``(..., 1, dim)``, with no axes."""

    problem: Any
    axes: ClassVar[dict[str, Any]] = {}

    @property
    def problems(self) -> tuple[Any, ...]:
        return (self.problem,)

    @property
    def minimum(self) -> Array:
        return np.asarray(self.problem.minimum)

    def gradient(self, params: Array, step: int) -> Array:
        rows = self._rows(params)
        return validate_shape("gradient", self.problem.gradient(rows, step), rows.shape, rows.shape).reshape(
            params.shape
        )

    def excess_loss(self, params: Array) -> Array:
        rows = self._rows(params)
        loss = getattr(self.problem, "excess_loss", self.problem.loss)
        return validate_shape("loss", loss(rows), rows.shape[:1], rows.shape).reshape(params.shape[:-1])

    def _rows(self, params: Array) -> Array:
        rows = params.reshape(-1, params.shape[-1])
        rows.setflags(write=False)
        return rows

    def validate(self, starts: Array, needs_minimum: bool) -> None:
        """Raise unless the methods work on a leading axis, and there is a minimum if it is needed."""
        dim = starts.shape[1]
        if needs_minimum and np.shape(getattr(self.problem, "minimum", 0.0)) != (dim,):
            raise ValueError(
                f"metrics: steps_to_distance needs the attribute minimum of the problem, of shape ({dim},), "
                f"which {self.problem!r} does not have"
            )
        rows = np.tile(starts, (3 if dim == 2 else 2, 1))  # not a square, which would hide exchanged axes
        with np.errstate(all="ignore"):
            self.gradient(rows, 0)
            self.excess_loss(rows)


class _Chunk(NamedTuple):
    """Runs that are computed together: some settings of an optimizer on some of the problems."""

    name: str
    settings: slice
    problems: slice

    @property
    def size(self) -> int:
        """Number of runs."""
        return int(prod(part.stop - part.start for part in (self.settings, self.problems)))


@dataclass(frozen=True)
class _MetricSpec:
    """Metrics to compute, with their arguments."""

    num_steps: int
    metrics: tuple[str, ...]
    loss_thresholds: tuple[float, ...]
    distance_thresholds: tuple[float, ...]
    rate_steps: tuple[int, ...]
    factors: tuple[float, ...] | None
    coordinates: tuple[Any, ...]

    def axes(self) -> dict[str, dict[str, Any]]:
        """Return the axes that each metric has in addition to those of the runs, with their values."""
        axes: dict[str, dict[str, Any]] = {
            "steps_to_loss": {"loss_threshold": self.loss_thresholds},
            "steps_to_distance": {"distance_threshold": self.distance_thresholds},
            "final_params": {"coordinate": self.coordinates},
            "rates": {"rate_step": self.rate_steps, "coordinate": self.coordinates},
            "params": {"step": range(self.num_steps + 1), "coordinate": self.coordinates},
        }
        return {name: axes.get(name, {}) for name in self.metrics}

    def allocate(self, *runs: int) -> dict[str, Array]:
        """Return empty arrays for all results."""
        integers = {"steps_to_loss", "steps_to_distance", "diverged_at"}
        return {
            name: np.empty((*runs, *map(len, axes.values())), int if name in integers else float)
            for name, axes in self.axes().items()
        }

    def compute(
        self,
        optimizer: Any,
        problems: tuple[SparseRegression, ...] | _SingleProblem,
        starts: Array,
        num_settings: int,
    ) -> dict[str, Any]:
        """Run an optimizer and return the metrics, each ``(settings, problems, ...)``."""
        stack = problems if isinstance(problems, _SingleProblem) else _cached_stack(problems)
        shape, dim = (num_settings, len(stack.problems)), starts.shape[1]
        recorder = _Recorder(self, stack, shape)
        schedule = None if self.factors is None else self.factors.__getitem__
        if isinstance(stack, ProblemStack) and getattr(optimizer, "is_elementwise", True):
            # Coordinates on the first axis are contiguous in memory, which makes many runs fast.
            axis = 0
            params = np.ascontiguousarray(np.broadcast_to(starts.T[:, None], (dim, *shape)))
            gradient: Any = partial(batch_gradient, stack)
        else:
            axis = -1
            params = np.array(np.broadcast_to(starts, (*shape, dim)))
            gradient = stack.gradient
            arrays = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}
            columns = {name: value[..., None] for name, value in arrays.items() if np.ndim(value)}
            optimizer = replace(optimizer, **columns)
            # An optimizer of matrices raises an error for a vector. It must not take the runs for a matrix.
            optimizer.init(starts[0])
        # Overflow is a result here, not an error: it is reported as divergence.
        with np.errstate(all="ignore"):
            recorder.record_start(np.moveaxis(params, axis, 0))
            steps = zip(range(self.num_steps), iter_steps(optimizer, gradient, params, schedule), strict=False)
            for step, (grad, rate, params, unscheduled_rate) in steps:
                own = [grad, rate, params, unscheduled_rate]
                if axis == -1:
                    own = [np.moveaxis(np.broadcast_to(each, params.shape), -1, 0) for each in own]
                recorder.record_step(step, *own)
                if recorder.all_diverged:
                    break
            return recorder.results(np.moveaxis(params, axis, 0))


class _Recorder:
    """Computes metrics during the runs. All its arguments have the coordinates on the first axis."""

    def __init__(self, spec: _MetricSpec, stack: ProblemStack | _SingleProblem, shape: tuple[int, int]) -> None:
        self.spec, self.stack = spec, stack
        self.shape = (len(spec.coordinates), *shape)
        self.diverged_at = np.full(shape, -1)
        self.all_diverged = False
        metrics = set(spec.metrics)
        self.to_loss = _StepsToThresholds(spec.loss_thresholds, shape) if "steps_to_loss" in metrics else None
        self.to_distance = (
            _StepsToThresholds(spec.distance_thresholds, shape) if "steps_to_distance" in metrics else None
        )
        self.log_losses = np.zeros(shape) if "mean_log10_loss" in metrics else None
        # It is faster to compute the losses of several steps together.
        needs_buffer = metrics & {"steps_to_loss", "steps_to_distance", "mean_log10_loss"}
        self.buffer = np.empty((STEPS_PER_EVALUATION, *self.shape)) if needs_buffer else None
        self.has_gradient = np.zeros(self.shape, bool)
        self.rates: dict[int, Any] | None = {} if "rates" in metrics else None
        self.params: list[Any] | None = [] if "params" in metrics else None

    def record_start(self, params: Array) -> None:
        if self.buffer is not None:
            self._evaluate(params[None], 0)
        if self.params is not None:
            self.params.append(params)

    def record_step(self, step: int, grad: Array, rate: Array, params: Array, unscheduled_rate: Array) -> None:
        # A rate that is 0 because the schedule is 0 is not a divergence.
        if not (params.min() > -SAFE_MAGNITUDE and params.max() < SAFE_MAGNITUDE and unscheduled_rate.min() > 0):
            newly_diverged = has_diverged(params, unscheduled_rate).any(axis=0) & (self.diverged_at < 0)
            self.diverged_at[newly_diverged] = step
            self.all_diverged = bool((self.diverged_at >= 0).all())
        if self.buffer is not None:
            row = step % STEPS_PER_EVALUATION
            self.buffer[row] = params
            if row == STEPS_PER_EVALUATION - 1 or step == self.spec.num_steps - 1:
                self._evaluate(self.buffer[: row + 1], step - row + 1)
        if self.rates is not None:
            self.has_gradient |= grad != 0
            if step + 1 in self.spec.rate_steps:
                self.rates[step + 1] = np.where(self.has_gradient & (self.diverged_at < 0), rate, np.nan)
        if self.params is not None:
            self.params.append(np.where(self.diverged_at < 0, params, np.nan))

    def _evaluate(self, params: Array, first_step: int) -> None:
        params = np.moveaxis(params, 1, -1)
        if self.to_distance:
            minimum = self.stack.minimum
            distances = (np.abs(params[..., i] - minimum[..., i]) for i in range(params.shape[-1]))
            self.to_distance.update(reduce(np.maximum, distances), first_step)
        if self.to_loss or self.log_losses is not None:
            losses = self.stack.excess_loss(params)
            if self.to_loss:
                self.to_loss.update(losses, first_step)
            if self.log_losses is not None and first_step:
                logs = np.log10(np.maximum(losses, MIN_LOSS))
                # Sequential addition, so that the sum does not depend on the number of runs.
                self.log_losses = np.add.accumulate(np.concatenate([self.log_losses[None], logs]))[-1]

    def results(self, params: Array) -> dict[str, Any]:
        """Return the metrics after the last step."""
        num_steps = self.spec.num_steps
        final = np.moveaxis(params, 0, -1)
        diverged = self.diverged_at >= 0
        missing = np.full(self.shape, np.nan)
        results: dict[str, Any] = {"diverged_at": self.diverged_at}
        if self.to_loss:
            steps = np.where(diverged, num_steps + 1, self.to_loss.steps)
            results["steps_to_loss"] = np.moveaxis(steps, 0, -1)
        if self.to_distance:
            steps = np.where(diverged, num_steps + 1, self.to_distance.steps)
            results["steps_to_distance"] = np.moveaxis(steps, 0, -1)
        if self.log_losses is not None:
            results["mean_log10_loss"] = np.where(diverged, np.inf, self.log_losses / num_steps)
        results["final_loss"] = np.where(diverged, np.inf, self.stack.excess_loss(final))
        results["final_params"] = np.where(diverged[..., None], np.nan, final)
        if self.rates is not None:
            by_step = [self.rates.get(step, missing) for step in self.spec.rate_steps]
            results["rates"] = np.moveaxis(np.array(by_step), (0, 1), (-2, -1))
        if self.params is not None:
            by_step = self.params + [missing] * (num_steps + 1 - len(self.params))
            results["params"] = np.moveaxis(np.array(by_step), (0, 1), (-2, -1))
        return {name: results[name] for name in self.spec.metrics}


class _StepsToThresholds:
    """Number of steps after which the values of each run stay at or below each threshold."""

    def __init__(self, thresholds: tuple[float, ...], shape: tuple[int, ...]) -> None:
        self.thresholds = thresholds
        self.steps = np.zeros((len(thresholds), *shape), np.int32)

    def update(self, values: Array, first_step: int) -> None:
        for threshold, steps in zip(self.thresholds, self.steps, strict=True):
            for step, is_above in enumerate(~(values <= threshold), first_step):
                np.maximum(steps, is_above * np.int32(step + 1), out=steps)


@lru_cache(maxsize=2)
def _cached_stack(problems: tuple[SparseRegression, ...]) -> ProblemStack:
    """Return a stack of these problems, the same one for all chunks, because it caches batches."""
    return ProblemStack(problems)


def _split_into_chunks(
    batches: Mapping[str, _OptimizerBatch], problems: ProblemStack | _SingleProblem, chunk_size: int
) -> Iterator[_Chunk]:
    num_problems = len(problems.problems)
    width = min(num_problems, chunk_size)
    height = max(1, chunk_size // width)
    # Chunks with the same problems follow each other, so a small cache of problems is enough.
    for first_problem in range(0, num_problems, width):
        chunk_problems = slice(first_problem, min(first_problem + width, num_problems))
        for name, batch in batches.items():
            for first in range(0, batch.num_settings, height):
                yield _Chunk(name, slice(first, min(first + height, batch.num_settings)), chunk_problems)


def _compute_chunks(
    chunks: Sequence[_Chunk],
    batches: Mapping[str, _OptimizerBatch],
    problems: ProblemStack | _SingleProblem,
    starts: Array,
    spec: _MetricSpec,
    executor: Executor | None,
) -> Iterator[tuple[_Chunk, dict[str, Any]]]:
    """Compute the chunks and yield each when it is done."""

    def arguments(chunk: _Chunk) -> tuple[Any, ...]:
        optimizer = batches[chunk.name].select(chunk.settings, chunk.problems)
        chunk_problems = problems.problems[chunk.problems] if isinstance(problems, ProblemStack) else problems
        return optimizer, chunk_problems, starts[chunk.problems], chunk.settings.stop - chunk.settings.start

    def describe_failure(chunk: _Chunk, error: BaseException) -> RuntimeError:
        optimizer, *_ = arguments(chunk)
        chunk_problems = problems.problems[chunk.problems]
        first, last = chunk_problems[0], chunk_problems[-1]
        interval = f"{first!r} to {last!r}" if len(chunk_problems) > 1 else repr(first)
        return RuntimeError(f"sweep: {chunk.name} failed with {optimizer!r} on {interval}: {error!r}")

    if executor is None:
        for chunk in chunks:
            try:
                results = spec.compute(*arguments(chunk))
            except Exception as error:
                raise describe_failure(chunk, error) from error
            yield chunk, results
        return
    futures: dict[Future[dict[str, Any]], _Chunk] = {}
    # Not as_completed: it never yields a future that the executor cancels at its shutdown.
    done: SimpleQueue[Future[dict[str, Any]]] = SimpleQueue()
    is_broken = False
    try:
        for chunk in chunks:
            future = executor.submit(spec.compute, *arguments(chunk))
            futures[future] = chunk
            future.add_done_callback(done.put)
        while futures:
            future = done.get()
            chunk = futures.pop(future)
            yield chunk, future.result()
    except Exception as error:
        is_broken = isinstance(error, BrokenExecutor)
        raise describe_failure(chunk, error) from error
    finally:
        # A broken executor completes its futures itself, and raises an error for cancelled ones.
        if not is_broken:
            wait([future for future in futures if not future.cancel()])


def _to_dataset(
    results: Mapping[str, Array],
    batches: Mapping[str, _OptimizerBatch],
    problems: ProblemStack | _SingleProblem,
    spec: _MetricSpec,
) -> xr.Dataset:
    import xarray as xr

    num_settings = next(iter(batches.values())).num_settings
    run_axes: dict[str, Any] = {"optimizer": list(batches), "setting": range(num_settings), **problems.axes}
    shape = tuple(map(len, run_axes.values()))
    coords = dict(run_axes)
    variables = {}
    for name, axes in spec.axes().items():
        coords |= axes
        variables[name] = ((*run_axes, *axes), results[name].reshape(*shape, *map(len, axes.values())))
    rates = [
        np.broadcast_to(batch.optimizer.learning_rate, (num_settings, len(problems.problems)))
        for batch in batches.values()
    ]
    variables["learning_rate"] = (tuple(run_axes), np.stack(rates).reshape(shape))
    dataset = xr.Dataset(variables, {name: list(values) for name, values in coords.items()})
    return dataset if num_settings > 1 else dataset.isel(setting=0, drop=True)


def _as_stack(problems: Any) -> ProblemStack | _SingleProblem:
    if isinstance(problems, ProblemStack):
        return problems
    methods = (getattr(problems, name, None) for name in ("gradient", "loss"))
    if isinstance(problems, type) or not all(map(callable, methods)):
        raise ValueError(
            f"problems={problems!r}: must be a ProblemStack, or a problem with gradient(params, step) and "
            "loss(params)"
        )
    return _SingleProblem(problems)


def _evaluate_schedule(schedule: Schedule | None, num_steps: int) -> tuple[float, ...] | None:
    """Return the factor of each step, so that the schedule need not be pickled."""
    if schedule is None:
        return None
    return tuple(factor_at(schedule, step) or 0.0 for step in range(num_steps))


def _validate_optimizers(
    optimizers: Mapping[str, Optimizer], problems: ProblemStack | _SingleProblem
) -> dict[str, _OptimizerBatch]:
    """Return the optimizers with array settings of the shape ``(settings or 1, problems or 1)``."""
    if not isinstance(optimizers, Mapping) or not optimizers:
        raise ValueError(f"optimizers={optimizers!r}: must be a non-empty mapping of names to optimizers")
    axes = tuple(map(len, problems.axes.values()))
    batches = {}
    for name, optimizer in optimizers.items():
        validate_optimizer(optimizer)
        settings: dict[str, Any] = {}
        num_settings = 1
        for field in fields(optimizer):  # type: ignore[arg-type]
            value = np.asarray(getattr(optimizer, field.name))
            if not value.ndim:
                if value.dtype.kind in "iuf":  # a float32 setting is less precise than the parameters
                    settings[field.name] = float(value)
                continue
            shape = (1,) * (len(axes) + 1 - value.ndim) + value.shape
            if len(shape) > len(axes) + 1 or any(n not in (1, m) for n, m in zip(shape[1:], axes, strict=True)):
                lengths = (f"{axis} {length}" for axis, length in zip(problems.axes, axes, strict=True))
                sizes = ", ".join(["setting", *lengths])
                raise ValueError(
                    f"optimizers: {field.name} of {name} has shape {value.shape}, must broadcast to the axes "
                    f"{sizes}"
                )
            if shape[0] not in (1, num_settings) and num_settings > 1:
                raise ValueError(
                    f"optimizers: {name} has arrays of {num_settings} and of {shape[0]} settings, must be equal"
                )
            num_settings = max(num_settings, shape[0])
            value = value.reshape(shape)
            if any(n > 1 for n in shape[1:]):
                value = np.broadcast_to(value, (shape[0], *axes))
            settings[field.name] = np.array(value, float).reshape(shape[0], -1)
        batches[name] = _OptimizerBatch(replace(optimizer, **settings), num_settings)  # type: ignore[type-var]
    counts = {name: batch.num_settings for name, batch in batches.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"optimizers: have numbers of settings {counts}, must be equal for all")
    return batches


def _validate_metrics(metrics: Collection[str]) -> tuple[str, ...]:
    names = (metrics,) if isinstance(metrics, str) or not isinstance(metrics, Collection) else tuple(metrics)
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise ValueError(f"metrics={metrics!r}: must be one or more of {', '.join(METRICS)}")
    return tuple(dict.fromkeys(names))


def _validate_thresholds(name: str, thresholds: Sequence[float]) -> tuple[float, ...]:
    array = _as_float_array(thresholds)
    if array.ndim != 1 or not array.size or not np.all(array > 0):
        raise ValueError(f"{name}={thresholds!r}: must be one or more numbers above 0")
    return tuple(array.tolist())


def _validate_rate_steps(rate_steps: Sequence[int] | None, num_steps: int) -> tuple[int, ...]:
    if rate_steps is None:
        return (num_steps,)
    try:
        steps = sorted({operator.index(step) for step in rate_steps})
    except TypeError:
        steps = []
    if not steps or steps[0] < 1 or steps[-1] > num_steps:
        raise ValueError(f"rate_steps={rate_steps!r}: must be one or more integers from 1 to {num_steps}")
    return tuple(steps)


def _validate_start(start: ArrayLike, problems: ProblemStack | _SingleProblem) -> Array:
    """Return the start on each problem, ``(problems, dim)``."""
    starts = _as_float_array(start)
    if isinstance(problems, ProblemStack):
        shape = (len(problems.problems), 2)
        is_valid, description = starts.shape in ((2,), shape), f"(2,) or {shape}"
    else:
        shape = (1, starts.size)
        is_valid, description = starts.ndim == 1 and starts.size > 0, "(dim,)"
    if not is_valid or not np.isfinite(starts).all():
        raise ValueError(f"start={start!r}: must be finite numbers of shape {description}")
    return np.broadcast_to(starts, shape)


def _as_float_array(values: Any) -> Array:
    """Return the values as an array, or a single nan if they are not an array of numbers."""
    try:
        return np.array(values, float)
    except (TypeError, ValueError):
        return np.array(np.nan)
