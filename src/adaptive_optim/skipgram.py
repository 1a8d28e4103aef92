"""Skip-gram with negative sampling: a model of word vectors and its training."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from adaptive_optim.optimizers import Array, Optimizer
from adaptive_optim.progress import progress_bar
from adaptive_optim.schedules import Schedule, factor_at
from adaptive_optim.sparse import cast_to_table, step_rows, sum_by_row, validate_state
from adaptive_optim.text import BANDS, Corpus
from adaptive_optim.trajectory import has_diverged, take_step
from adaptive_optim.validation import validate_integer, validate_optimizer

SAMPLING_EXPONENT = 0.75
"""A negative is sampled with a probability proportional to its count to this power, as in word2vec."""

NUMBERS_PER_BLOCK = 2**16
PAIRS_PER_CHUNK = 2048
SAMPLING_TABLE_SIZE = 2**20
EVALUATION_SEED = 987_654_321
"""Seed of the negatives of an evaluation, the same for every run."""


Updates = Iterator[tuple[Any, Any, Any, Any]]
"""Yields some rows with their rates and directions, and whether each run has diverged there, until all updated rows
have been yielded."""
UpdateTable = Callable[[Any, Array, float | None], Updates]
"""Takes one step of a table, given the rows that were looked up, the gradient of each lookup, and the factor of the
schedule."""


class Batch(NamedTuple):
    """Training pairs with their negatives."""

    words: Any
    """Word of each pair, ``(batch,)``: rows of the word table."""
    contexts: Any
    """Neighbour of each word, followed by the negatives, ``(batch, 1 + num_negatives)``: rows of the
    context table."""


class TrainingResult(NamedTuple):
    """Result of :func:`train`. Axes written as ``...`` are runs side by side, as in the optimizer's settings."""

    words: Array
    """Word table after training, ``(..., rows, dim)``; ``nan`` in runs that diverged."""
    contexts: Array
    """Context table after training, with the same shape."""
    initial_words: Array
    """Word table before training, ``(rows, dim)``."""
    gains: Array
    """Result of :meth:`SkipGram.gains` at each checkpoint, ``(checkpoints, ..., 4)``; minus infinity once a run has
    diverged."""
    num_updates: Array
    """Number of steps in which each row of the word table had a gradient, ``(rows,)``."""
    path_length: Array
    """Length of the path of each word vector, without weight decay, ``(..., rows)``; ``nan`` in runs that
    diverged."""
    idle_path_length: Array
    """Length of the part of the path from steps in which the row was not looked up, with the same shape."""
    rate: Array
    """Length of each row's last step with a gradient, divided by the length of its direction, ``(...,
    rows)``, with the factor of the schedule; ``nan`` for rows without such a step, and in runs that diverged."""
    diverged_at: Any
    """First step at which a run diverged, ``(...)``, or -1. A run diverges if a gradient is not finite or above
    1e30, if an updated parameter or its square is not finite or its rate is 0, or if gains at a checkpoint are
    not finite."""


@dataclass(frozen=True)
class SkipGram:
    r"""Skip-gram model with negative sampling: word vectors that predict neighbouring words.

    .. math::

        s(w, c) = b_c + u_w^\top v_c, \qquad
        \ell(w, c) = -\log \sigma\bigl(s(w, c)\bigr) - \sum_{j=1}^{K} \log \sigma\bigl(-s(w, n_j)\bigr)

    where :math:`u_w` is the row of a word :math:`w` in the word table, :math:`v_c` is the row of its neighbour
    :math:`c` in the context table, and the :math:`K` negatives :math:`n_j` are sampled with probability
    :math:`P(n)`. The offset :math:`b_c = \log \bigl(\hat P(c) / K P(c)\bigr)`, with the proportion :math:`\hat
    P(c)` of :math:`c` among all neighbours, is not learned: it is the optimal score of a model that ignores the
    word.

    Parameters
    ----------
    corpus : Corpus
        Corpus of the pairs.
    dim : int, default 16
        Dimension of the word vectors, at least 2.
    num_negatives : int, default 5
        Number :math:`K` of negatives per pair, at least 1.

    Raises
    ------
    ValueError
        If an argument is invalid. The message names the argument.

    Notes
    -----
    word2vec has no offset, and its vectors learn the frequencies, too. With the offset, a model whose context table
    is zero, as before training, is the baseline that ignores the word. So all gains come from the word.

    References
    ----------
    Mikolov et al. (2013), "Distributed representations of words and phrases and their compositionality",
    equation (4). Levy and Goldberg (2014), "Neural word embedding as implicit matrix factorization", on the
    optimal scores.

    Examples
    --------
    >>> model = SkipGram(Corpus("the cat sat. The dog sat. " * 200), dim=2)
    >>> words, contexts = model.init(seed=0)
    >>> words.shape, contexts.any()
    ((4, 2), np.False_)
    """

    corpus: Corpus
    dim: int = 16
    num_negatives: int = 5
    offset: Array = field(init=False, repr=False, compare=False)
    _sampling_table: Array = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.corpus, Corpus):
            raise ValueError(f"corpus: is a {type(self.corpus).__name__}, must be a Corpus")
        validate_integer("dim", self.dim, 2)
        num_negatives = validate_integer("num_negatives", self.num_negatives)
        probability = self.corpus.counts**SAMPLING_EXPONENT
        probability /= probability.sum()
        count = np.bincount(self.corpus.pairs("train")[:, 1], minlength=len(probability))
        # A word that is never a neighbour in training gets a count of 1/2, so that its offset is finite.
        proportion = np.maximum(count, 0.5) / count.sum()
        offset = np.log(proportion / (num_negatives * probability)).astype(np.float32)
        offset.setflags(write=False)
        object.__setattr__(self, "offset", offset)
        # The table contains each word in proportion to its probability, because a lookup is faster than a search.
        quantiles = (np.arange(SAMPLING_TABLE_SIZE) + 0.5) / SAMPLING_TABLE_SIZE
        table = np.minimum(probability.cumsum().searchsorted(quantiles), len(probability) - 1)
        # A small dtype, because random access is faster in a small table.
        object.__setattr__(self, "_sampling_table", table.astype(np.min_scalar_type(len(probability))))

    def init(self, seed: int) -> tuple[Array, Array]:
        """Return the initial tables, ``(rows, dim)``, float32: random word vectors and zero contexts.

        The word vectors have a length of about 1.
        """
        rng = np.random.default_rng([validate_integer("seed", seed, 0), 0])
        words = rng.normal(size=(len(self.corpus.words), self.dim)) / np.sqrt(self.dim)
        return words.astype(np.float32), np.zeros(words.shape, np.float32)

    def batches(self, seed: int, batch_size: int) -> Iterator[Batch]:
        """Yield batches of training pairs endlessly. Each epoch has every pair once, in a new order.

        Pairs left over at the end of an epoch are the first of the next batch.
        """
        rng = np.random.default_rng([validate_integer("seed", seed, 0), 1])
        pairs = self.corpus.pairs("train")
        batch_size = min(validate_integer("batch_size", batch_size), len(pairs))
        queue = np.zeros(0, int)
        while True:
            queue = np.concatenate([queue, rng.permutation(len(pairs))])
            while len(queue) >= batch_size:
                batch, queue = queue[:batch_size], queue[batch_size:]
                yield self._add_negatives(pairs[batch], rng)

    def evaluation_batch(self, split: str) -> Batch:
        """Return all pairs of a split as one batch, always with the same negatives."""
        return self._add_negatives(self.corpus.pairs(split), np.random.default_rng(EVALUATION_SEED))

    def loss(self, words: Array, contexts: Array, batch: Batch) -> Array:
        """Return the loss of each pair, in nats, ``(..., batch)``."""
        word_rows, context_rows = words.take(batch.words, axis=-2), contexts.take(batch.contexts, axis=-2)
        return _loss_of_scores(self._scores(word_rows, context_rows, batch))

    def gradient(self, words: Array, contexts: Array, batch: Batch) -> tuple[Array, Array]:
        r"""Return the gradient of the mean loss with respect to every lookup.

        .. math::

            \frac{\partial \ell}{\partial u_w} = \sum_c \bigl(\sigma(s(w, c)) - y_c\bigr)\, v_c, \qquad
            \frac{\partial \ell}{\partial v_c} = \bigl(\sigma(s(w, c)) - y_c\bigr)\, u_w

        where the sum is over the neighbour, with :math:`y = 1`, and the negatives, with :math:`y = 0`.

        Parameters
        ----------
        words, contexts : ndarray
            The two tables, ``(..., rows, dim)``.
        batch : Batch
            Rows to look up.

        Returns
        -------
        ndarray, ndarray
            ``(..., batch, dim)`` for ``batch.words`` and ``(..., batch, 1 + num_negatives, dim)`` for
            ``batch.contexts``.
        """
        word_rows, context_rows = words.take(batch.words, axis=-2), contexts.take(batch.contexts, axis=-2)
        scores = self._scores(word_rows, context_rows, batch)
        # The logistic function: tanh is many times faster than exp, and it does not overflow.
        error = 0.5 + 0.5 * np.tanh(0.5 * scores)
        error[..., 0] -= 1
        error /= len(batch.words)
        word_grads = np.einsum("...bc,...bcd->...bd", error, context_rows)
        return word_grads, np.einsum("...bc,...bd->...bcd", error, word_rows)

    def gains(self, words: Array, contexts: Array, split: str) -> Array:
        """Return the difference of the loss of a model that ignores the word and the loss of this model.

        Parameters
        ----------
        words, contexts : ndarray
            The two tables, ``(..., rows, dim)``.
        split : str
            ``"train"``, ``"validation"`` or ``"test"``.

        Returns
        -------
        ndarray
            ``(..., 4)``, in nats per pair: for the words in the head, the middle and the tail, and for all words.
        """
        pairs, band = self.evaluation_batch(split), self.corpus.bands()
        total, count = np.zeros((*words.shape[:-2], len(BANDS))), np.zeros(len(BANDS))
        # In chunks, because the rows of all lookups together are many times larger than the tables.
        for first in range(0, len(pairs.words), PAIRS_PER_CHUNK):
            chunk = Batch(*(ids[first : first + PAIRS_PER_CHUNK] for ids in pairs))
            gain = _loss_of_scores(self.offset[chunk.contexts]) - self.loss(words, contexts, chunk)
            for number in range(len(BANDS)):
                in_band = band[chunk.words] == number
                total[..., number] += gain[..., in_band].sum(axis=-1, dtype=float)
                count[number] += in_band.sum()
        overall = total.sum(axis=-1, keepdims=True) / count.sum()
        return np.concatenate([total / np.maximum(count, 1), overall], axis=-1)

    def _scores(self, word_rows: Array, context_rows: Array, batch: Batch) -> Array:
        scores = np.einsum("...bcd,...bd->...bc", context_rows, word_rows)
        return scores + self.offset[batch.contexts]  # type: ignore[no-any-return]

    def _add_negatives(self, pairs: Any, rng: np.random.Generator) -> Batch:
        indices = rng.integers(SAMPLING_TABLE_SIZE, size=(len(pairs), self.num_negatives))
        return Batch(pairs[:, 0], np.concatenate([pairs[:, 1:], self._sampling_table[indices]], axis=1))


def train(
    model: SkipGram,
    optimizer: Optimizer,
    num_steps: int,
    *,
    seed: int,
    batch_size: int = 256,
    dense: bool = False,
    split: str = "validation",
    checkpoints: Sequence[int] = (),
    schedule: Schedule | None = None,
) -> TrainingResult:
    """Train a model and record how the rows of its word table change.

    Parameters
    ----------
    model : SkipGram
        Model to train.
    optimizer : Optimizer
        Optimizer of both tables, float32. A learning rate of shape ``(runs, 1, 1)`` trains several runs side by
        side on the same batches; other settings have that shape or are numbers.
    num_steps : int
        Number of steps, one batch each.
    seed : int
        Seed of the initial word table, the order of the pairs and the negatives.
    batch_size : int, default 256
        Number of pairs in a batch.
    dense : bool, default False
        Whether every row takes part in every step, with a zero gradient if it was not looked up.
    split : str, default "validation"
        Split on which gains are evaluated.
    checkpoints : sequence of int, optional
        Increasing numbers of steps after which gains are evaluated. The last step is always evaluated.
    schedule : callable, optional
        Function of the step, which counts from 0, that returns a factor of the rate and of the decay, a finite
        number of at least 0; see :mod:`adaptive_optim.schedules`.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError
        If an argument is invalid. The message names the argument.

    Examples
    --------
    >>> from adaptive_optim import Adagrad, Corpus, SkipGram, train
    >>> model = SkipGram(Corpus("the cat sat. The dog sat. " * 200), dim=2)
    >>> result = train(model, Adagrad(0.3), num_steps=60, seed=0)
    >>> result.num_updates
    array([60, 60, 60, 60])
    >>> bool(result.gains[-1, -1] > 0.2)  # in nats per pair
    True
    """
    if not isinstance(model, SkipGram):
        raise ValueError(f"model: is a {type(model).__name__}, must be a SkipGram")
    validate_optimizer(optimizer)
    num_steps, batch_size = validate_integer("num_steps", num_steps), validate_integer("batch_size", batch_size)
    if not isinstance(dense, bool):
        raise ValueError(f"dense={dense!r}: must be True or False")
    model.corpus.pairs(split)  # raises for an unknown split
    evaluated_steps = _validate_checkpoints(checkpoints, num_steps)

    runs = np.shape(optimizer.learning_rate)[:-2]
    initial = model.init(seed)
    words, contexts = (np.broadcast_to(table, (*runs, *table.shape)).copy() for table in initial)
    optimizer = cast_to_table(optimizer, words)
    update_function = _dense_update if dense else _sparse_update
    update_words, update_contexts = (update_function(optimizer, table) for table in (words, contexts))
    num_rows = words.shape[-2]
    is_looked_up, num_updates, gains = np.zeros(num_rows, bool), np.zeros(num_rows, int), []
    path_length, idle_path_length = np.zeros(words.shape[:-1]), np.zeros(words.shape[:-1])
    rate, diverged_at = np.full(words.shape[:-1], np.nan), np.full(runs, -1)

    # Overflow is a result here, not an error: it is reported as divergence.
    with np.errstate(all="ignore"), progress_bar(num_steps, "steps") as bar:
        for step, batch in zip(range(num_steps), model.batches(seed, batch_size), strict=False):
            grads = model.gradient(words, contexts, batch)
            diverging = ~np.logical_and(*(_is_in_range(grad, runs) for grad in grads))
            diverged_at[diverging & (diverged_at < 0)] = step
            for grad in grads:
                grad[diverging] = 0
            factor = factor_at(schedule, step)
            context_grads = grads[1].reshape(*runs, -1, model.dim)
            for *_, diverging in update_contexts(batch.contexts.reshape(-1), context_grads, factor):
                diverged_at[diverging & (diverged_at < 0)] = step
            is_looked_up[:] = False
            is_looked_up[batch.words] = True
            num_updates += is_looked_up
            for rows, row_rates, direction, diverging in update_words(batch.words, grads[0], factor):
                diverged_at[diverging & (diverged_at < 0)] = step
                has_gradient, direction_length = is_looked_up[rows], _lengths(direction)
                step_length = _lengths(row_rates * direction)
                path_length[..., rows] += step_length
                idle_path_length[..., rows] += np.where(has_gradient, 0, step_length)
                has_rate = has_gradient & (direction_length > 0)
                rate[..., rows] = np.where(has_rate, step_length / direction_length, rate[..., rows])
            if step + 1 in evaluated_steps:
                new_gains = model.gains(words, contexts, split)
                is_finite = np.isfinite(new_gains).all(axis=-1)
                diverged_at[~is_finite & (diverged_at < 0)] = step
                new_gains[diverged_at >= 0] = -np.inf
                gains.append(new_gains)
            bar.update()
    for values in (words, contexts, path_length, idle_path_length, rate):
        values[diverged_at >= 0] = np.nan
    return TrainingResult(
        words=words,
        contexts=contexts,
        initial_words=initial[0],
        gains=np.stack(gains),
        num_updates=num_updates,
        path_length=path_length,
        idle_path_length=idle_path_length,
        rate=rate,
        diverged_at=diverged_at[()],
    )


def _sparse_update(optimizer: Optimizer, table: Array) -> UpdateTable:
    """Return a function that updates the rows that were looked up."""
    state, row_arrays = validate_state(optimizer.init(table), table)

    def update(rows: Any, grads: Array, factor: float | None) -> Updates:
        nonlocal state
        result = step_rows(optimizer, table, state, row_arrays, rows, grads, factor)
        state = result.state
        diverged = has_diverged(result.params, result.unscheduled_rate).any(axis=(-2, -1))
        yield result.rows, result.rate, result.direction, diverged

    return update


def _dense_update(optimizer: Optimizer, table: Array) -> UpdateTable:
    """Return a function that updates all rows."""
    # In blocks of rows, so that temporary arrays fit into the cache of the processor.
    num_rows = table.shape[-2]
    block_size = max(1, NUMBERS_PER_BLOCK * num_rows // table.size)
    blocks = [slice(first, min(first + block_size, num_rows)) for first in range(0, num_rows, block_size)]
    states = [optimizer.init(table[..., block, :]) for block in blocks]

    def update(rows: Any, grads: Array, factor: float | None) -> Updates:
        touched, total = sum_by_row(rows, grads)
        for number, block in enumerate(blocks):
            in_block = slice(*touched.searchsorted((block.start, block.stop)))
            params = table[..., block, :]
            grad = np.zeros_like(params)
            grad[..., touched[in_block] - block.start, :] = total[..., in_block, :]
            states[number], rate, direction, params[...], unscheduled_rate = take_step(
                optimizer, states[number], params, grad, factor
            )
            yield block, rate, direction, has_diverged(params, unscheduled_rate).any(axis=(-2, -1))

    return update


def _validate_checkpoints(checkpoints: Sequence[int], num_steps: int) -> list[int]:
    try:
        steps = [operator.index(step) for step in checkpoints]
    except TypeError:
        steps = [0]
    if num_steps not in steps:
        steps.append(num_steps)
    if steps != sorted(set(steps)) or steps[0] < 1 or steps[-1] != num_steps:
        raise ValueError(f"checkpoints={checkpoints!r}: must be increasing integers from 1 to {num_steps}")
    return steps


def _loss_of_scores(scores: Array) -> Array:
    # log(1 + exp(score)) without overflow, many times faster than np.logaddexp.
    softplus = np.maximum(scores, 0) + np.log1p(np.exp(-np.abs(scores)))
    return softplus.sum(axis=-1) - scores[..., 0]  # type: ignore[no-any-return]


def _lengths(vectors: Array) -> Array:
    # einsum is several times faster than np.linalg.norm.
    return np.sqrt(np.einsum("...d,...d->...", vectors, vectors))  # type: ignore[no-any-return]


def _is_in_range(grad: Array, runs: tuple[int, ...]) -> Any:
    """Return whether the gradient of each run is finite, and small enough that a sum does not overflow."""
    flat = grad.reshape(*runs, -1)
    return (flat.max(axis=-1) < 1e30) & (flat.min(axis=-1) > -1e30)
