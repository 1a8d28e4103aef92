"""Problems: their interface, and the shared problem of the book, with one dense and one sparse feature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import prod
from numbers import Integral, Real
from threading import Lock
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adaptive_optim.optimizers import Array

AnyNumber = TypeVar("AnyNumber", bound=np.generic)

GRID_POINTS = 201
"""Points of a grid of losses in each direction: on ``plot_paths``' default range, one every 0.02."""


class Problem(Protocol):
    r"""Interface of a problem of any number of parameters, for :func:`sweep`, :func:`tune` and the figures.

    Any object with these two methods is a problem. Both work on a leading axis: each row of ``params`` is one run.
    So use ``params[..., 0]`` instead of ``params[0]``, and ``params @ x`` instead of ``x @ params``.

    See Also
    --------
    ProblemStack : Several instances of the shared problem, with named axes.

    Notes
    -----
    If a problem has ``excess_loss(params)``, the loss minus its minimum, :func:`sweep` measures that instead of
    ``loss``. If it has ``minimum``, ``(dim,)``, :func:`sweep` can measure distances from it. A problem must be
    pickled to be sent to an executor of processes.

    Examples
    --------
    Rosenbrock's function, :math:`(1-x)^2 + 100\,(y-x^2)^2`:

    >>> import numpy as np
    >>> from adaptive_optim import SGD, Adam, sweep
    >>> class Rosenbrock:
    ...     def loss(self, params):
    ...         x, y = params[..., 0], params[..., 1]
    ...         return (1 - x) ** 2 + 100 * (y - x**2) ** 2
    ...
    ...     def gradient(self, params, step):
    ...         x, y = params[..., 0], params[..., 1]
    ...         slope = 200 * (y - x**2)
    ...         return np.stack([2 * (x - 1) - 2 * x * slope, slope], axis=-1)
    >>> optimizers = {"SGD": SGD([0.0005, 0.001]), "Adam": Adam([0.01, 0.1])}
    >>> runs = sweep(optimizers, Rosenbrock(), num_steps=1000)
    >>> runs.final_loss.dims
    ('optimizer', 'setting')
    >>> runs.final_loss.round(3).values
    array([[0.271, 0.111],
           [1.229, 0.009]])

    Logistic regression with 20 weights, on batches of 10 samples:

    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(500, 20))
    >>> targets = (features @ rng.normal(size=20) > 0).astype(float)
    >>> class LogisticRegression:
    ...     def loss(self, params):
    ...         logits = params @ features.T
    ...         return np.mean(np.logaddexp(0, logits) - targets * logits, axis=-1)
    ...
    ...     def gradient(self, params, step):
    ...         batch = np.arange(10 * step, 10 * step + 10) % 500
    ...         errors = 1 / (1 + np.exp(-params @ features[batch].T)) - targets[batch]
    ...         return errors @ features[batch] / 10
    >>> runs = sweep({"Adam": Adam([0.01, 0.1])}, LogisticRegression(), 400, start=np.zeros(20))
    >>> runs.final_loss.round(2).values
    array([[0.16, 0.06]])
    """

    def gradient(self, params: Any, step: int) -> ArrayLike:
        """Return the gradient at this step, which counts from 0, of the shape of ``params``, ``(..., dim)``."""

    def loss(self, params: Any) -> Any:
        """Return the loss, ``(...)`` for parameters ``(..., dim)``."""


class QuadraticLoss:
    """Base class of squared losses of two parameters, defined by a constant Hessian and a minimum."""

    hessian: Any
    minimum: Any

    def excess_loss(self, params: ArrayLike) -> Any:
        """Return the loss minus its minimum, ``(...)`` for parameters ``(..., 2)``."""
        points, h = _as_points(params), self.hessian
        with np.errstate(all="ignore"):
            x = points[..., 0] - self.minimum[..., 0]
            y = points[..., 1] - self.minimum[..., 1]
            # In-place operations: with many runs, memory access takes most of the time.
            loss, cross_term, y_term = h[..., 0, 0] * x, 2 * h[..., 0, 1] * x, h[..., 1, 1] * y
            loss *= x
            cross_term *= y
            y_term *= y
            loss += cross_term
            loss += y_term
            return loss / 2

    def full_gradient(self, params: ArrayLike, step: int = 0) -> Array:
        """Return the gradient of the loss, of the shape of ``params``; the same at every step."""
        offset = np.moveaxis(_as_points(params) - self.minimum, -1, 0)
        hessian = np.moveaxis(self.hessian, (-2, -1), (0, 1))
        return np.moveaxis(_matrix_product(hessian, offset), 0, -1)

    @property
    def condition_number(self) -> Any:
        """Largest curvature divided by smallest, at least 1."""
        condition_number = np.linalg.cond(self.hessian)
        return condition_number if condition_number.ndim else float(condition_number)

    def rescaled(self, scale: ArrayLike) -> Quadratic:
        r"""Return the same loss as a function of ``scale * params``.

        Gradient descent on it with rate 1 is gradient descent on this loss with the rates ``1 / scale**2``.
        """
        scale = np.asarray(scale, float)
        if not (np.isfinite(scale) & (scale != 0)).all():
            raise ValueError(f"scale={scale!r}: must be finite numbers other than 0")
        return Quadratic(self.hessian / np.outer(scale, scale), self.minimum * scale)


@dataclass(frozen=True, eq=False)
class Quadratic(QuadraticLoss):
    r"""The loss :math:`\tfrac12 (\theta-\hat\theta)^\top H (\theta-\hat\theta)` of two parameters.

    It keeps read-only copies of its arrays. Two of them are equal if their arrays are.

    Parameters
    ----------
    hessian : array_like
        :math:`H`, symmetric, ``(2, 2)``.
    minimum : array_like
        :math:`\hat\theta`, ``(2,)``.

    Raises
    ------
    ValueError
        If the Hessian is not symmetric with positive eigenvalues, or the minimum is not finite.

    Examples
    --------
    >>> loss = Quadratic(hessian=np.diag([1.0, 0.01]), minimum=np.zeros(2))
    >>> round(loss.condition_number, 6)
    100.0
    >>> round(loss.rescaled([1.0, 0.1]).condition_number, 6)
    1.0
    """

    hessian: Any
    minimum: Any

    def __post_init__(self) -> None:
        hessian, minimum = np.array(self.hessian, float), np.array(self.minimum, float)
        is_square = hessian.shape[-2:] == (2, 2) and np.isfinite(hessian).all()
        is_symmetric = is_square and np.allclose(hessian, np.swapaxes(hessian, -1, -2))
        if not is_symmetric or not (np.linalg.eigvalsh(hessian) > 0).all():
            raise ValueError(f"hessian={self.hessian!r}: must be symmetric with positive eigenvalues, (2, 2)")
        if minimum.shape[-1:] != (2,) or not np.isfinite(minimum).all():
            raise ValueError(f"minimum={self.minimum!r}: must be two finite numbers")
        object.__setattr__(self, "hessian", _read_only(hessian))
        object.__setattr__(self, "minimum", _read_only(minimum))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quadratic):
            return NotImplemented
        return np.array_equal(self.hessian, other.hessian) and np.array_equal(self.minimum, other.minimum)

    def __hash__(self) -> int:
        return hash((*self.hessian.flat, *self.minimum.flat))

    def __reduce__(self) -> Any:  # an unpickled array is writable, unless the constructor copies it
        return type(self), (self.hessian, self.minimum)

    def loss(self, params: ArrayLike) -> Any:
        """Return the loss, ``(...)`` for parameters ``(..., 2)``. Its minimum is 0."""
        return self.excess_loss(params)

    def gradient(self, params: ArrayLike, step: int) -> Array:
        """Return the gradient, of the shape of ``params``, ``(..., 2)``; the same at every step."""
        return self.full_gradient(params)


@dataclass(frozen=True)
class SparseRegression(QuadraticLoss):
    r"""Linear regression with one dense and one sparse feature.

    .. math:: L(\theta) = \frac{1}{2N} \lVert X\theta - y \rVert^2, \qquad y = X\theta^\ast + \sigma\,\varepsilon

    Feature 1 is drawn from a standard normal distribution. Feature 2 is -1 or +1 in a fraction *activity* of the
    samples and 0 in the others. The random draws depend on the seed only, not on the activity: a sample that is
    active at 5 % is active at 10 % too.

    Parameters
    ----------
    activity : float, default 0.1
        Fraction of samples in which feature 2 is not zero, above 0 and at most 1. It is rounded to an integer
        number of samples.
    noise : float, default 0.3
        Standard deviation :math:`\sigma` of the noise in the targets, from 0 to 1e100.
    num_samples : int, default 400
        :math:`N`, at least 2.
    batch_size : int, default 1
        Samples in one stochastic gradient, from 1 to ``num_samples``.
    seed : int, default 0
        Seed of all random draws, at least 0.
    rotation : float, default 0.0
        Angle in degrees by which the features are rotated against the parameters' axes. At 0 the valley of the loss
        lies along an axis, at 45 along a diagonal.

    Raises
    ------
    ValueError
        If a setting is out of range, if no sample is active, or if the samples do not determine both weights.

    Notes
    -----
    Every epoch visits each sample once. The first epoch keeps the order of the draws, which is random already. Each
    later epoch starts at a random sample and takes every *k*-th sample, with a new random *k* that is coprime to
    :math:`N`. So two integers define the order of an epoch. Each step takes the next ``batch_size`` visits.

    A squared loss has a constant Hessian: :math:`L(\theta) = L(\hat\theta) + \tfrac12
    (\theta-\hat\theta)^\top H (\theta-\hat\theta)` with :math:`H = X^\top X/N`. Losses and gradients are
    computed in that form.

    Examples
    --------
    >>> problem = SparseRegression(activity=0.05, seed=1)
    >>> int(problem.active.sum()), problem.num_samples
    (20, 400)
    >>> problem.minimum.round(2)
    array([0.98, 0.97])
    >>> problem.gradient([0.0, 0.0], step=0).shape
    (2,)
    """

    activity: float = 0.1
    noise: float = 0.3
    num_samples: int = 400
    batch_size: int = 1
    seed: int = 0
    rotation: float = 0.0

    def __post_init__(self) -> None:
        _validate_setting(self, "activity", "a number above 0 and at most 1", lambda value: 0 < value <= 1)
        _validate_setting(self, "noise", "a number from 0 to 1e100", lambda value: 0 <= value <= 1e100)
        _validate_setting(self, "rotation", "a finite number of degrees", np.isfinite)
        _validate_setting(self, "num_samples", "an integer of at least 2", lambda value: value >= 2, integer=True)
        _validate_setting(
            self,
            "batch_size",
            f"an integer from 1 to num_samples={self.num_samples}",
            lambda value: 1 <= value <= self.num_samples,
            integer=True,
        )
        _validate_setting(self, "seed", "an integer of at least 0", lambda value: value >= 0, integer=True)
        if not self.active.any():
            raise ValueError(
                f"activity={self.activity!r}: no sample of num_samples={self.num_samples} is active, "
                f"must be at least {1 / self.num_samples:g}"
            )
        if np.linalg.cond(self.hessian) > 1e12:
            raise ValueError(
                f"num_samples={self.num_samples}: these samples do not determine both weights; "
                "increase num_samples or change the seed"
            )

    def __getstate__(self) -> dict[str, Any]:
        # Pickle the settings only: another process draws the samples again, which is faster than sending them.
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @cached_property
    def draws(self) -> Mapping[str, Array]:
        r"""All random numbers of the seed, each ``(num_samples,)``.

        ``dense`` is feature 1, ``sign`` is feature 2 where it is active, ``rank`` is the order in which samples
        become active as the activity increases, and ``noise`` times :math:`\sigma` is added to the targets.
        """
        rng = np.random.default_rng(self.seed)
        draws = {
            "dense": rng.standard_normal(self.num_samples),
            "sign": rng.choice([-1.0, 1.0], self.num_samples),
            "rank": rng.permutation(self.num_samples),
            "noise": rng.standard_normal(self.num_samples),
        }
        return MappingProxyType({name: _read_only(values) for name, values in draws.items()})

    @property
    def true_params(self) -> Array:
        r"""The weights :math:`\theta^\ast` that generate the targets, ``(2,)``; both are 1 without rotation."""
        return self._rotation_matrix @ np.ones(2)

    @property
    def _rotation_matrix(self) -> Array:
        angle = np.deg2rad(self.rotation)
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    @cached_property
    def active(self) -> Any:
        """Whether feature 2 is nonzero in each sample, ``(num_samples,)``."""
        return _read_only(self.draws["rank"] < round(self.activity * self.num_samples))

    @cached_property
    def features(self) -> Array:
        """The matrix :math:`X`, ``(num_samples, 2)``."""
        features = np.stack([self.draws["dense"], self.draws["sign"] * self.active], axis=1)
        return _read_only(features @ self._rotation_matrix.T)

    @cached_property
    def targets(self) -> Array:
        """The vector :math:`y`, ``(num_samples,)``."""
        return _read_only(self.features @ self.true_params + self.noise * self.draws["noise"])

    @cached_property
    def hessian(self) -> Array:
        """The Hessian of the full loss, :math:`X^T X/N`, ``(2, 2)``."""
        return _read_only(self.features.T @ self.features / self.num_samples)

    @cached_property
    def minimum(self) -> Array:
        r"""The parameters :math:`\hat\theta` that minimize the full loss, ``(2,)``."""
        return _read_only(np.linalg.solve(self.hessian, self.features.T @ self.targets / self.num_samples))

    @cached_property
    def minimum_loss(self) -> float:
        """The minimum of the full loss."""
        return float(np.mean((self.features @ self.minimum - self.targets) ** 2) / 2)

    def loss(self, params: ArrayLike) -> Any:
        """Return the full loss, ``(...)`` for parameters ``(..., 2)``."""
        return self.minimum_loss + self.excess_loss(params)

    def gradient(self, params: ArrayLike, step: int) -> Array:
        """Return the gradient on the batch of this step, of the shape of ``params``, ``(..., 2)``."""
        return np.moveaxis(batch_gradient(self, np.moveaxis(_as_points(params), -1, 0), step), 0, -1)

    def batch(self, step: int) -> Any:
        """Return the indices of the samples in the batch of this step, ``(batch_size,)``."""
        return self._visited_samples(step * self.batch_size, (step + 1) * self.batch_size)

    def epoch_order(self, epoch: int) -> tuple[int, int]:
        """Return stride and offset of an epoch: visit *i* takes sample ``(i * stride + offset) % num_samples``."""
        if epoch == 0:
            return 1, 0
        rng = np.random.default_rng([self.seed, epoch])
        return int(self._strides[rng.integers(len(self._strides))]), int(rng.integers(self.num_samples))

    def _visited_samples(self, first: int, last: int) -> Any:
        """Return the samples of the visits from first to last, where visits are counted over all epochs."""
        samples = []
        for epoch in range(first // self.num_samples, -(-last // self.num_samples)):
            stride, offset = self.epoch_order(epoch)
            epoch_start = epoch * self.num_samples
            visits = np.arange(max(first - epoch_start, 0), min(last - epoch_start, self.num_samples))
            samples.append((visits * stride + offset) % self.num_samples)
        return np.concatenate(samples)

    @cached_property
    def _strides(self) -> Any:
        candidates = np.arange(1, self.num_samples)
        return candidates[np.gcd(candidates, self.num_samples) == 1]

    @cached_property
    def _block_cache(self) -> dict[int, tuple[Array, Array]]:
        return {}

    def _batches(self, steps: range) -> Any:
        """Return the samples in the batch of each step, sorted by index, ``(steps, batch_size)``."""
        visited = self._visited_samples(steps.start * self.batch_size, steps.stop * self.batch_size)
        return np.sort(visited.reshape(-1, self.batch_size), axis=1)

    @cached_property
    def _sample_terms(self) -> Array:
        """Contribution of each sample to the terms of a gradient, ``(num_samples, 5)``."""
        (x1, x2), y = self.features.T, self.targets
        return np.stack([x1 * x1, x1 * x2, x2 * x2, x1 * y, x2 * y], axis=-1)

    def _compute_block(self, steps: range) -> tuple[Array, Array]:
        hessians, constants = _split_terms(self._batch_terms(self._batches(steps))[None])
        return hessians[..., 0], constants[..., 0]

    def _batch_terms(self, batches: Any) -> Array:
        """Return the terms of the gradient of each batch, ``(steps, 5)``."""
        # The gradient of a batch is linear in the parameters, so its terms can be summed over the samples before
        # the run. This makes a run in a batch of runs equal to the same run alone, bit for bit. Samples are added
        # one by one in the order of their indices, so an implementation in another language can produce the same
        # bits.
        sample_terms = self._sample_terms.take(batches.T, axis=0)
        terms: Array = sample_terms[0]
        for each in sample_terms[1:]:
            terms += each
        return terms / self.batch_size


@dataclass(frozen=True)
class ProblemStack(QuadraticLoss):
    """Several problems side by side: of parameters ``(..., problems, 2)``, run *i* belongs to problem *i*.

    Parameters
    ----------
    problems : sequence of SparseRegression
        At least one, all with the same ``num_samples`` and ``batch_size``.
    axes : mapping of str to sequence, optional
        Names and values of the axes whose product the problems are; the last axis changes fastest.
        :meth:`from_product` creates both. The default is a single axis, ``problem``.

    Raises
    ------
    ValueError
        If there is no problem, the batch sizes differ, or the number of problems is not that of the axes.

    Examples
    --------
    >>> from adaptive_optim import SGD, minimize
    >>> stack = ProblemStack([SparseRegression(seed=seed) for seed in range(64)])
    >>> minimize(SGD(0.05), stack.gradient, np.zeros((64, 2)), num_steps=10).params.shape
    (11, 64, 2)
    """

    problems: Sequence[SparseRegression]
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "problems", tuple(self.problems))
        shapes = {(problem.num_samples, problem.batch_size) for problem in self.problems}
        if len(shapes) != 1:
            raise ValueError(f"problems: have (num_samples, batch_size) {sorted(shapes)}, must be equal for all")
        axes = self.axes or {"problem": range(len(self.problems))}
        lengths = [len(values) for values in axes.values()]
        if prod(lengths) != len(self.problems):
            raise ValueError(
                f"axes: have lengths {lengths}, whose product must be the number of problems, {len(self.problems)}"
            )
        object.__setattr__(self, "axes", {name: tuple(values) for name, values in axes.items()})

    @classmethod
    def from_product(cls, **settings: Any) -> ProblemStack:
        """Return a stack with a problem for every combination of settings.

        Parameters
        ----------
        **settings
            Settings of :class:`SparseRegression`. Each sequence becomes an axis, in the order given; the last axis
            changes fastest.

        Returns
        -------
        ProblemStack
            Stack whose ``axes`` have the names and values of the sequences.

        Raises
        ------
        ValueError
            If a sequence is empty or has duplicates, or a setting is unknown or out of range.

        Examples
        --------
        >>> stack = ProblemStack.from_product(activity=[0.05, 0.5], seed=range(64), noise=0.0)
        >>> len(stack.problems), {name: len(values) for name, values in stack.axes.items()}
        (128, {'activity': 2, 'seed': 64})
        """
        unknown = set(settings) - set(SparseRegression.__dataclass_fields__)
        if unknown:
            known = ", ".join(SparseRegression.__dataclass_fields__)
            raise ValueError(f"{sorted(unknown)[0]}: is not a setting of SparseRegression, must be one of {known}")
        axes = {name: list(values) for name, values in settings.items() if np.ndim(values)}
        for name, values in axes.items():
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{name}={values!r}: must be a non-empty sequence without duplicates")
        scalars = {name: value for name, value in settings.items() if name not in axes}
        return cls(
            [
                SparseRegression(**scalars, **dict(zip(axes, values, strict=True)))
                for values in product(*axes.values())
            ],
            axes,
        )

    @cached_property
    def hessian(self) -> Array:
        """The Hessian of each full loss, ``(problems, 2, 2)``."""
        return _read_only(np.stack([problem.hessian for problem in self.problems]))

    @cached_property
    def minimum(self) -> Array:
        """The minimum of each full loss, ``(problems, 2)``."""
        return _read_only(np.stack([problem.minimum for problem in self.problems]))

    def gradient(self, params: ArrayLike, step: int) -> Array:
        """Return the gradient on each problem's batch of this step, of the shape of ``params``."""
        return np.moveaxis(batch_gradient(self, np.moveaxis(_as_points(params), -1, 0), step), 0, -1)

    @cached_property
    def _block_cache(self) -> dict[int, tuple[Array, Array]]:
        return {}

    def _compute_block(self, steps: range) -> tuple[Array, Array]:
        batches: dict[int, Any] = {}  # problems with the same seed have the same batches
        terms = np.empty((len(self.problems), len(steps), 5))
        for row, problem in zip(terms, self.problems, strict=True):
            if problem.seed not in batches:
                batches[problem.seed] = problem._batches(steps)
            row[:] = problem._batch_terms(batches[problem.seed])
        return _split_terms(terms)


def _split_terms(terms: Array) -> tuple[Array, Array]:
    """Return the Hessians ``(steps, 2, 2, problems)`` and the constant terms ``(steps, 2, problems)``."""
    terms = terms.transpose(1, 2, 0)
    return np.ascontiguousarray(terms[:, [[0, 1], [1, 2]]]), np.ascontiguousarray(terms[:, 3:])


STEPS_PER_BLOCK = 200
MIN_CACHED_BLOCKS, MAX_CACHED_BYTES = 8, 160_000_000
"""Size of the cache of a problem: the minimum number of blocks, and the number of bytes up to which it grows."""

_cache_lock = Lock()  # threads share problems


def batch_terms(problem: SparseRegression | ProblemStack, step: int) -> tuple[Array, Array]:
    """Return the Hessian and the constant term of a batch's gradient, from a cache of blocks of steps."""
    block, row = divmod(step, STEPS_PER_BLOCK)
    with _cache_lock:
        if block not in problem._block_cache:
            steps = range(block * STEPS_PER_BLOCK, (block + 1) * STEPS_PER_BLOCK)
            hessians, constants = problem._compute_block(steps)
            max_blocks = max(MIN_CACHED_BLOCKS, MAX_CACHED_BYTES // (hessians.nbytes + constants.nbytes))
            while len(problem._block_cache) >= max_blocks:
                del problem._block_cache[next(iter(problem._block_cache))]
            problem._block_cache[block] = hessians, constants
        hessians, constants = problem._block_cache[block]
    return hessians[row], constants[row]


def batch_gradient(problem: SparseRegression | ProblemStack, params: Array, step: int) -> Array:
    """Return the gradient on the batch of a step, with the coordinates on the first axis instead of the last.

    Parameters are ``(2, ...)`` for one problem, or ``(2, ..., problems)``. So the numbers of each coordinate are
    contiguous in memory, which makes many runs fast.
    """
    hessian, constant = batch_terms(problem, step)
    grad = _matrix_product(hessian, params)
    grad -= constant.reshape(2, *(1,) * (params.ndim - constant.ndim), *constant.shape[1:])
    return grad


def _matrix_product(matrix: Array, params: Array) -> Array:
    """Multiply a matrix ``(2, 2, ...)`` by parameters ``(2, ...)`` with matching last axes."""
    # Not by NumPy's matmul, which may round differently for one run and for many.
    matrix = matrix.reshape(2, 2, *(1,) * (params.ndim + 1 - matrix.ndim), *matrix.shape[2:])
    products = matrix * params
    result: Array = products[:, 0] + products[:, 1]
    return result


def evaluate_on_grid(loss: Any, axis_range: tuple[float, float]) -> tuple[Array, Array]:
    """Return the losses of two parameters on a square grid, for contours.

    Parameters
    ----------
    loss : Problem or callable
        Problem with ``loss``, or a function ``loss(params)`` that returns ``(...)`` for parameters ``(..., 2)``.
    axis_range : (float, float)
        Range of both parameters.

    Returns
    -------
    positions : ndarray
        Positions of the columns, which are those of the rows, too, ``(201,)``.
    losses : ndarray
        Losses, ``(201, 201)``. Rows are the second parameter.

    Raises
    ------
    ValueError
        If the loss is not a function, or returns another shape.
    """
    function: Callable[[Array], Any] = getattr(loss, "loss", loss)
    if not callable(function):
        raise ValueError(f"loss={loss!r}: must have loss(params), or be a function of parameters (..., 2)")
    positions = np.linspace(*axis_range, GRID_POINTS)
    points = np.stack(np.meshgrid(positions, positions), axis=-1)
    with np.errstate(all="ignore"):  # a loss may be infinite somewhere
        return positions, validate_shape("loss", function(points), points.shape[:-1], points.shape)


def validate_shape(name: str, values: ArrayLike, shape: tuple[int, ...], params_shape: tuple[int, ...]) -> Array:
    """Return what a method of a problem returned as an array, or raise if it has another shape."""
    array = np.asarray(values, float)
    if array.shape != shape:
        raise ValueError(
            f"{name}: returned shape {array.shape} for params of shape {params_shape}, must be {shape}; the "
            "parameters are on the last axis, params[..., i]"
        )
    return array


def _as_points(params: ArrayLike) -> Any:
    points = np.asarray(params)
    if points.shape[-1:] != (2,):
        raise ValueError(f"params: have shape {points.shape}, must be (..., 2)")
    return points


def _read_only(array: NDArray[AnyNumber]) -> NDArray[AnyNumber]:
    array.setflags(write=False)
    return array


def _validate_setting(problem: Any, name: str, description: str, is_in_range: Any, integer: bool = False) -> None:
    value = getattr(problem, name)
    convert: Any = int if integer else float
    try:
        number = convert(value) if isinstance(value, Integral if integer else Real) else None
    except OverflowError:
        number = None
    if number is None or not is_in_range(number):
        raise ValueError(f"{name}={value!r}: must be {description}")
    # A Python number, because small NumPy integers overflow.
    object.__setattr__(problem, name, number)
