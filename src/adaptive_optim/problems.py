"""The problem that the whole book shares: two weights, one of which is rarely asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import prod
from numbers import Integral, Real
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adaptive_optim.optimizers import Array


class QuadraticLoss:
    """What a squared loss of two parameters is made of: a constant Hessian and a minimum."""

    hessian: Any
    minimum: Any

    def excess_loss(self, params: ArrayLike) -> Any:
        """Return how far the loss lies above its minimum, ``(...)`` for parameters ``(..., 2)``."""
        params, h = np.asarray(params), self.hessian
        with np.errstate(all="ignore"):
            x = params[..., 0] - self.minimum[..., 0]
            y = params[..., 1] - self.minimum[..., 1]
            # Each part in place: with many runs, fetching arrays from memory takes the time.
            loss, cross, rest = h[..., 0, 0] * x, 2 * h[..., 0, 1] * x, h[..., 1, 1] * y
            loss *= x
            cross *= y
            rest *= y
            loss += cross
            loss += rest
            return loss / 2

    def full_gradient(self, params: ArrayLike, step: int = 0) -> Array:
        """Return the gradient of the loss, of the shape of ``params``; the same at every step."""
        away = np.moveaxis(np.asarray(params) - self.minimum, -1, 0)
        return np.moveaxis(_linear(_leading(self.hessian), away), 0, -1)

    @property
    def condition_number(self) -> Any:
        """Largest over smallest curvature, at least 1: how many times longer than wide the valley is, squared."""
        condition_number = np.linalg.cond(self.hessian)
        return condition_number if condition_number.ndim else float(condition_number)

    def rescaled(self, scale: ArrayLike) -> Quadratic:
        r"""Return the same loss in the coordinates ``scale * params``.

        Gradient descent there, with rate 1, is gradient descent here with the rates ``1 / scale**2``.
        """
        scale = np.asarray(scale, float)
        if not (np.isfinite(scale) & (scale != 0)).all():
            raise ValueError(f"scale={scale!r}: must be finite numbers other than 0")
        return Quadratic(self.hessian / np.outer(scale, scale), self.minimum * scale)


@dataclass(frozen=True)
class Quadratic(QuadraticLoss):
    r"""The loss :math:`\tfrac12 (\theta-\hat\theta)^\top H (\theta-\hat\theta)` of two parameters.

    Parameters
    ----------
    hessian : array_like
        :math:`H`, symmetric, ``(2, 2)``.
    minimum : array_like
        :math:`\hat\theta`, ``(2,)``.

    Raises
    ------
    ValueError
        If the Hessian is not symmetric with curvatures above 0, or the minimum is not finite.

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
        hessian, minimum = np.asarray(self.hessian, float), np.asarray(self.minimum, float)
        square = hessian.shape[-2:] == (2, 2) and np.isfinite(hessian).all()
        symmetric = square and np.allclose(hessian, np.swapaxes(hessian, -1, -2))
        if not symmetric or not (np.linalg.eigvalsh(hessian) > 0).all():
            raise ValueError(f"hessian={self.hessian!r}: must be symmetric with curvatures above 0, (2, 2)")
        if minimum.shape[-1:] != (2,) or not np.isfinite(minimum).all():
            raise ValueError(f"minimum={self.minimum!r}: must be two finite numbers")
        object.__setattr__(self, "hessian", hessian)
        object.__setattr__(self, "minimum", minimum)


@dataclass(frozen=True)
class SparseRegression(QuadraticLoss):
    r"""Linear regression with one dense and one sparse feature.

    .. math:: L(\theta) = \frac{1}{2N} \lVert X\theta - y \rVert^2, \qquad y = X\theta^\ast + \sigma\,\varepsilon

    Feature 1 is drawn from a standard normal distribution. Feature 2 is -1 or +1 in a fraction *activity* of the
    samples and 0 in the others. All draws are made once per seed, and activity only decides which of them count:
    a sample that is active at 5 % is active at 10 % too.

    Parameters
    ----------
    activity : float, default 0.1
        Fraction of samples in which feature 2 is not zero, above 0 and at most 1. It is rounded to a whole
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
        Angle in degrees by which the parameters' axes are turned against the features. 0 leaves the valley
        along an axis; 45 puts it on the diagonal.

    Raises
    ------
    ValueError
        If a setting is out of range, if no sample is active, or if the samples do not determine both weights.

    Notes
    -----
    Every epoch visits each sample once. The first takes them as they were drawn, which is a random order already;
    each later one starts at a random sample and takes every *k*-th, with a new random *k* that shares no factor
    with :math:`N`. So two small numbers say the order of an epoch. Step *t* takes the next ``batch_size`` visits.

    A squared loss has a constant Hessian: :math:`L(\theta) = L(\hat\theta) + \tfrac12
    (\theta-\hat\theta)^\top H (\theta-\hat\theta)` with :math:`H = X^\top X/N`. Everything here is computed
    in that form.

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
        _check(self, "activity", "a number above 0 and at most 1", lambda value: 0 < value <= 1)
        _check(self, "noise", "a number from 0 to 1e100", lambda value: 0 <= value <= 1e100)
        _check(self, "rotation", "a finite number of degrees", np.isfinite)
        _check(self, "num_samples", "a whole number of at least 2", lambda value: value >= 2, whole=True)
        _check(
            self,
            "batch_size",
            f"a whole number from 1 to num_samples={self.num_samples}",
            lambda value: 1 <= value <= self.num_samples,
            whole=True,
        )
        _check(self, "seed", "a whole number of at least 0", lambda value: value >= 0, whole=True)
        if not self.active.any():
            raise ValueError(
                f"activity={self.activity!r}: leaves no active sample among num_samples={self.num_samples}, "
                f"must be at least {1 / self.num_samples:g}"
            )
        if np.linalg.cond(self.hessian) > 1e12:
            raise ValueError(
                f"num_samples={self.num_samples}: these samples do not determine both weights; "
                "take more samples or another seed"
            )

    def __getstate__(self) -> dict[str, Any]:
        # All else follows from the settings: other processes draw it again, which is less than it weighs.
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @cached_property
    def draws(self) -> dict[str, Array]:
        r"""All random numbers of the seed, each ``(num_samples,)``.

        ``dense`` is feature 1, ``sign`` feature 2 where it is active, ``rank`` says which samples become active
        first as the activity rises, and ``noise`` is added to the targets, times :math:`\sigma`.
        """
        rng = np.random.default_rng(self.seed)
        return {
            "dense": rng.standard_normal(self.num_samples),
            "sign": rng.choice([-1.0, 1.0], self.num_samples),
            "rank": rng.permutation(self.num_samples),
            "noise": rng.standard_normal(self.num_samples),
        }

    @property
    def true_params(self) -> Array:
        r"""The weights :math:`\theta^\ast` behind the targets, ``(2,)``; both 1 when nothing is rotated."""
        return self._turn @ np.ones(2)

    @property
    def _turn(self) -> Array:
        angle = np.deg2rad(self.rotation)
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    @cached_property
    def active(self) -> Any:
        """Whether feature 2 is nonzero in each sample, ``(num_samples,)``."""
        return self.draws["rank"] < round(self.activity * self.num_samples)

    @cached_property
    def features(self) -> Array:
        """The matrix :math:`X`, ``(num_samples, 2)``."""
        features = np.stack([self.draws["dense"], self.draws["sign"] * self.active], axis=1)
        turned: Array = features @ self._turn.T
        return turned

    @cached_property
    def targets(self) -> Array:
        """The vector :math:`y`, ``(num_samples,)``."""
        return self.features @ self.true_params + self.noise * self.draws["noise"]

    @cached_property
    def hessian(self) -> Array:
        """The Hessian of the full loss, :math:`X^T X/N`, ``(2, 2)``."""
        return self.features.T @ self.features / self.num_samples

    @cached_property
    def minimum(self) -> Array:
        r"""The parameters :math:`\hat\theta` with the least full loss, ``(2,)``."""
        return np.linalg.solve(self.hessian, self.features.T @ self.targets / self.num_samples)

    @cached_property
    def minimum_loss(self) -> float:
        """The least full loss."""
        return float(np.mean((self.features @ self.minimum - self.targets) ** 2) / 2)

    def loss(self, params: ArrayLike) -> Any:
        """Return the full loss, ``(...)`` for parameters ``(..., 2)``."""
        return self.minimum_loss + self.excess_loss(params)

    def gradient(self, params: ArrayLike, step: int) -> Array:
        """Return the gradient on the batch of this step, of the shape of ``params``, ``(..., 2)``."""
        return np.moveaxis(batch_gradient(self, np.moveaxis(np.asarray(params), -1, 0), step), 0, -1)

    def batch(self, step: int) -> Any:
        """Return the numbers of the samples in the batch of this step, ``(batch_size,)``."""
        return self._visited(step * self.batch_size, (step + 1) * self.batch_size)

    def order(self, epoch: int) -> tuple[int, int]:
        """Return stride and offset of an epoch: visit *i* is to sample ``(i * stride + offset) % num_samples``."""
        if epoch == 0:
            return 1, 0
        draw = np.random.default_rng([self.seed, epoch])
        return int(self._strides[draw.integers(len(self._strides))]), int(draw.integers(self.num_samples))

    def _visited(self, first: int, last: int) -> Any:
        """Return which samples some visits go to, counting visits over all epochs."""
        visited = []
        for epoch in range(first // self.num_samples, -(-last // self.num_samples)):
            stride, offset = self.order(epoch)
            begin = epoch * self.num_samples
            turns = np.arange(max(first - begin, 0), min(last - begin, self.num_samples))
            visited.append((turns * stride + offset) % self.num_samples)
        return np.concatenate(visited)

    @cached_property
    def _strides(self) -> Any:
        numbers = np.arange(1, self.num_samples)
        return numbers[np.gcd(numbers, self.num_samples) == 1]

    @cached_property
    def _blocks(self) -> dict[int, tuple[Array, Array]]:
        return {}

    def _samples(self, steps: range) -> Any:
        """Return the samples in the batch of each step, in their own order, ``(steps, batch_size)``."""
        visited = self._visited(steps.start * self.batch_size, steps.stop * self.batch_size)
        return np.sort(visited.reshape(-1, self.batch_size), axis=1)

    @cached_property
    def _products(self) -> Array:
        """What each sample adds to the terms of a gradient, ``(num_samples, 5)``."""
        (x1, x2), y = self.features.T, self.targets
        return np.stack([x1 * x1, x1 * x2, x2 * x2, x1 * y, x2 * y], axis=-1)

    def _block(self, steps: range) -> tuple[Array, Array]:
        hessians, slopes = _by_step(self._terms(self._samples(steps))[None])
        return hessians[..., 0], slopes[..., 0]

    def _terms(self, samples: Any) -> Array:
        """Return the terms of the gradient of each batch, ``(steps, 5)``."""
        # The gradient of a batch is linear in the parameters. Written so, no sum over samples is left at each
        # step, and a run in a batch of runs has the same bits as that run alone. Samples are added one by one in
        # their own order, so that the same sums in another language have the same bits too.
        products = self._products.take(samples.T, axis=0)
        terms: Array = products[0]
        for each in products[1:]:
            terms += each
        return terms / self.batch_size


@dataclass(frozen=True)
class ProblemStack(QuadraticLoss):
    """Several problems side by side: run *i* of ``(..., problems, 2)`` parameters belongs to problem *i*.

    Parameters
    ----------
    problems : sequence of SparseRegression
        At least one, all with the same ``num_samples`` and ``batch_size``.
    axes : mapping of str to sequence, optional
        Names and values of axes whose product the problems are, the last one changing fastest.
        :meth:`grid` makes both. One axis, ``problem``, if left out.

    Raises
    ------
    ValueError
        If there is no problem, their batches do not match, or there are not as many as the axes say.

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
            raise ValueError(f"problems: have (num_samples, batch_size) {sorted(shapes)}, must be one pair for all")
        axes = self.axes or {"problem": range(len(self.problems))}
        lengths = [len(values) for values in axes.values()]
        if prod(lengths) != len(self.problems):
            raise ValueError(
                f"axes: have lengths {lengths}, their product must be the {len(self.problems)} problems"
            )
        object.__setattr__(self, "axes", axes)

    @classmethod
    def grid(cls, **settings: Any) -> ProblemStack:
        """Return a problem for every combination of settings.

        Parameters
        ----------
        **settings
            Settings of :class:`SparseRegression`. Those that are sequences become axes, in the order given: the
            last one changes fastest.

        Returns
        -------
        ProblemStack
            Its ``axes`` have the names and values of the sequences.

        Raises
        ------
        ValueError
            If a sequence is empty or has a value twice, or a setting is unknown or out of range.

        Examples
        --------
        >>> stack = ProblemStack.grid(activity=[0.05, 0.5], seed=range(64), noise=0.0)
        >>> len(stack.problems), {name: len(values) for name, values in stack.axes.items()}
        (128, {'activity': 2, 'seed': 64})
        """
        unknown = set(settings) - set(SparseRegression.__dataclass_fields__)
        if unknown:
            known = ", ".join(SparseRegression.__dataclass_fields__)
            raise ValueError(f"{sorted(unknown)[0]}: is no setting of SparseRegression, must be one of {known}")
        axes = {name: list(values) for name, values in settings.items() if np.ndim(values)}
        for name, values in axes.items():
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{name}={values!r}: must be at least one value, and each once")
        single = {name: value for name, value in settings.items() if name not in axes}
        return cls(
            [
                SparseRegression(**single, **dict(zip(axes, values, strict=True)))
                for values in product(*axes.values())
            ],
            axes,
        )

    @cached_property
    def hessian(self) -> Array:
        """The Hessian of each full loss, ``(problems, 2, 2)``."""
        return np.stack([problem.hessian for problem in self.problems])

    @cached_property
    def minimum(self) -> Array:
        """The minimum of each full loss, ``(problems, 2)``."""
        return np.stack([problem.minimum for problem in self.problems])

    def gradient(self, params: ArrayLike, step: int) -> Array:
        """Return the gradient on each problem's batch of this step, of the shape of ``params``."""
        return np.moveaxis(batch_gradient(self, np.moveaxis(np.asarray(params), -1, 0), step), 0, -1)

    @cached_property
    def _blocks(self) -> dict[int, tuple[Array, Array]]:
        return {}

    def _block(self, steps: range) -> tuple[Array, Array]:
        samples: dict[int, Any] = {}  # Problems of a seed share them.
        terms = np.empty((len(self.problems), len(steps), 5))
        for own, problem in zip(terms, self.problems, strict=True):
            if problem.seed not in samples:
                samples[problem.seed] = problem._samples(steps)
            own[:] = problem._terms(samples[problem.seed])
        return _by_step(terms)


def _by_step(terms: Array) -> tuple[Array, Array]:
    """Return Hessians ``(steps, 2, 2, problems)`` and slopes ``(steps, 2, problems)``."""
    terms = terms.transpose(1, 2, 0)
    return np.ascontiguousarray(terms[:, [[0, 1], [1, 2]]]), np.ascontiguousarray(terms[:, 3:])


STEPS_IN_A_BLOCK = 200
BLOCKS_KEPT, BYTES_KEPT = 8, 160_000_000
"""What a problem keeps: so many blocks, and more as long as all together are no larger."""

_making_block = Lock()  # Threads share problems.


def _batch_terms(problem: SparseRegression | ProblemStack, step: int) -> tuple[Array, Array]:
    """Return the Hessian and the constant part of a batch's gradient, made for many steps at once and kept."""
    block, row = divmod(step, STEPS_IN_A_BLOCK)
    with _making_block:
        if block not in problem._blocks:
            steps = range(block * STEPS_IN_A_BLOCK, (block + 1) * STEPS_IN_A_BLOCK)
            hessians, slopes = problem._block(steps)
            most = max(BLOCKS_KEPT, BYTES_KEPT // (hessians.nbytes + slopes.nbytes))
            while len(problem._blocks) >= most:
                del problem._blocks[next(iter(problem._blocks))]
            problem._blocks[block] = hessians, slopes
        hessians, slopes = problem._blocks[block]
    return hessians[row], slopes[row]


def batch_gradient(problem: SparseRegression | ProblemStack, params: Array, step: int) -> Array:
    """Return the gradient on the batch of a step, with the coordinates as first axis instead of last.

    Parameters are ``(2, ...)`` of one problem, or ``(2, ..., problems)``. So each coordinate's numbers lie side by
    side, which is what makes many runs fast.
    """
    hessian, slope = _batch_terms(problem, step)
    grad = _linear(hessian, params)
    grad -= slope.reshape(2, *(1,) * (params.ndim - slope.ndim), *slope.shape[1:])
    return grad


def _leading(hessian: Array) -> Array:
    """Put the two axes of a Hessian before all others."""
    return np.moveaxis(hessian, (-2, -1), (0, 1))


def _linear(matrix: Array, params: Array) -> Array:
    """Multiply ``(2, 2, ...)`` by ``(2, ...)``, whose last axes match."""
    # Written out, because a matrix product may round differently for one run and for many.
    matrix = matrix.reshape(2, 2, *(1,) * (params.ndim + 1 - matrix.ndim), *matrix.shape[2:])
    products = matrix * params
    result: Array = products[:, 0] + products[:, 1]
    return result


def _check(problem: Any, name: str, allowed: str, is_allowed: Any, whole: bool = False) -> None:
    value = getattr(problem, name)
    convert: Any = int if whole else float
    try:
        number = convert(value) if isinstance(value, Integral if whole else Real) else None
    except OverflowError:
        number = None
    if number is None or not is_allowed(number):
        raise ValueError(f"{name}={value!r}: must be {allowed}")
    # Python's own number: NumPy's small integers overflow.
    object.__setattr__(problem, name, number)
