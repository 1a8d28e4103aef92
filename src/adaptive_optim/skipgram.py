"""Skip-gram with negative sampling: a table of word vectors, learned from which words stand next to which."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from adaptive_optim.descent import check_optimizer, progress, take_step, whole_number
from adaptive_optim.optimizers import Array, Optimizer
from adaptive_optim.sparse import arrays_by_row, for_rows_of, step_rows, sum_by_row
from adaptive_optim.text import BANDS, Corpus

NOISE_POWER = 0.75
"""The noise draws a word with a probability proportional to its count to this power, as word2vec does."""

NUMBERS_AT_ONCE = 2**16
NOISE_PLACES = 2**20
NOISE_SEED = 987_654_321
"""Seed of the noise words that losses are measured with: the same for every run."""


Moves = Iterator[tuple[Any, Any, Any]]
"""Some rows, their rates and directions; then more rows."""
Stepper = Callable[[Any, Array], Moves]
"""Takes one step with a table, given rows that were looked up and the gradient of each look-up."""


class Batch(NamedTuple):
    """Some pairs, each with its noise."""

    words: Any
    """Word of each pair, ``(batch,)``: rows of the table of words."""
    others: Any
    """Its neighbour first, then the noise words, ``(batch, 1 + num_noise)``: rows of the table of neighbours."""


class Training(NamedTuple):
    """What :func:`train` did. Axes named ``...`` are runs side by side, as in the settings of the optimizer."""

    words: Array
    """Table of words at the end, ``(..., rows, dim)``; ``nan`` in runs that diverged."""
    others: Array
    """Table of neighbours at the end, likewise."""
    start: Array
    """Table of words at the start, ``(rows, dim)``."""
    gains: Array
    """What :meth:`SkipGram.gains` says at each checkpoint, ``(checkpoints, ..., 4)``; minus infinity from
    the checkpoint on that found a run diverged."""
    updates: Array
    """In how many steps each row of the table of words had a gradient, ``(rows,)``."""
    path: Array
    """Length of each row's path, ``(..., rows)``; ``nan`` in runs that diverged."""
    idle_path: Array
    """How much of it was made in steps in which the row was not looked up, likewise."""
    rate: Array
    """Length of each row's last step with a gradient, by that of the direction it went, ``(..., rows)``; ``nan``
    for rows that had none, and in runs that diverged."""
    diverged_at: Any
    """First step whose gradient was not finite, or too large to be summed (above 1e30), or after which a checkpoint
    found tables or gains that were not finite, ``(...)``; -1 for none."""


@dataclass(frozen=True)
class SkipGram:
    r"""Model of which words stand next to a word.

    .. math::

        s(w, c) = b_c + u_w^\top v_c, \qquad
        \ell(w, c) = -\log \sigma\bigl(s(w, c)\bigr) - \sum_{j=1}^{K} \log \sigma\bigl(-s(w, n_j)\bigr)

    where row :math:`u_w` of one table belongs to the word :math:`w`, row :math:`v_c` of the other to its neighbour
    :math:`c`, and the :math:`K` noise words :math:`n_j` are drawn with probability :math:`P(n)`. The offset
    :math:`b_c = \log \bigl(\hat P(c) / K P(c)\bigr)`, with :math:`\hat P(c)` the share of :math:`c` among all
    neighbours, is not learned: it is the best there is without looking at the word.

    Parameters
    ----------
    corpus : Corpus
        Where pairs come from.
    dim : int, default 16
        Numbers in a row, at least 2.
    num_noise : int, default 5
        :math:`K`, at least 1.

    Raises
    ------
    ValueError
        If an argument is not as said here; the message names it.

    Notes
    -----
    word2vec has no offset, and learns its part along with the rest. Here a model whose table of neighbours is zero,
    as at the start, *is* the baseline that ignores the word, and what it gains is due to the word.

    References
    ----------
    Mikolov et al. (2013), "Distributed representations of words and phrases and their compositionality",
    equation (4). Levy and Goldberg (2014), "Neural word embedding as implicit matrix factorization", on what
    the best scores are.

    Examples
    --------
    >>> model = SkipGram(Corpus("the cat sat. The dog sat. " * 200), dim=2)
    >>> words, others = model.start(seed=0)
    >>> words.shape, others.any()
    ((4, 2), np.False_)
    """

    corpus: Corpus
    dim: int = 16
    num_noise: int = 5
    offset: Array = field(init=False, repr=False, compare=False)
    _noise: Array = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.corpus, Corpus):
            raise ValueError(f"corpus: is a {type(self.corpus).__name__}, must be a Corpus")
        whole_number("dim", self.dim, least=2)
        num_noise = whole_number("num_noise", self.num_noise)
        noise = self.corpus.counts**NOISE_POWER
        noise /= noise.sum()
        seen = np.bincount(self.corpus.pairs("train")[:, 1], minlength=len(noise))
        # A word that is nobody's neighbour in training: as if it had been so half a time.
        share = np.maximum(seen, 0.5) / seen.sum()
        offset = np.log(share / (num_noise * noise)).astype(np.float32)
        offset.setflags(write=False)
        object.__setattr__(self, "offset", offset)
        # Looked up instead of searched for: words stand in it as often as they are to be drawn.
        places = (np.arange(NOISE_PLACES) + 0.5) / NOISE_PLACES
        drawn = np.minimum(noise.cumsum().searchsorted(places), len(noise) - 1)
        # In few bytes: what is looked up at random should be near.
        object.__setattr__(self, "_noise", drawn.astype(np.min_scalar_type(len(noise))))

    def start(self, seed: int) -> tuple[Array, Array]:
        """Return the tables before training, ``(rows, dim)``, float32: words of length about 1, neighbours zero."""
        rows = len(self.corpus.words)
        words = np.random.default_rng([whole_number("seed", seed, 0), 0]).normal(size=(rows, self.dim)) / np.sqrt(
            self.dim
        )
        return words.astype(np.float32), np.zeros((rows, self.dim), np.float32)

    def batches(self, seed: int, batch_size: int) -> Iterator[Batch]:
        """Yield batches of training pairs without end: every pair once, in a new order each time around.

        What is too little for a batch at the end of one time around begins the next batch.
        """
        rng = np.random.default_rng([whole_number("seed", seed, 0), 1])
        pairs = self.corpus.pairs("train")
        batch_size = min(whole_number("batch_size", batch_size), len(pairs))
        ahead = np.zeros(0, int)
        while True:
            ahead = np.concatenate([ahead, rng.permutation(len(pairs))])
            while len(ahead) >= batch_size:
                now, ahead = ahead[:batch_size], ahead[batch_size:]
                yield self._with_noise(pairs[now], rng)

    def part(self, name: str) -> Batch:
        """Return all pairs of a part of the text as one batch, always with the same noise."""
        return self._with_noise(self.corpus.pairs(name), np.random.default_rng(NOISE_SEED))

    def loss(self, words: Array, others: Array, batch: Batch) -> Array:
        """Return the loss of each pair, in nats, ``(..., batch)``."""
        looked_up, beside = words.take(batch.words, axis=-2), others.take(batch.others, axis=-2)
        return _loss_of(self._scores(looked_up, beside, batch))

    def gradient(self, words: Array, others: Array, batch: Batch) -> tuple[Array, Array]:
        r"""Return the gradient of the mean loss with respect to every look-up.

        .. math::

            \frac{\partial \ell}{\partial u_w} = \sum_c \bigl(\sigma(s(w, c)) - y_c\bigr)\, v_c, \qquad
            \frac{\partial \ell}{\partial v_c} = \bigl(\sigma(s(w, c)) - y_c\bigr)\, u_w

        where the sum goes over the neighbour, with :math:`y = 1`, and the noise words, with :math:`y = 0`.

        Parameters
        ----------
        words, others : ndarray
            The two tables, ``(..., rows, dim)``.
        batch : Batch
            What to look up.

        Returns
        -------
        ndarray, ndarray
            ``(..., batch, dim)`` for ``batch.words`` and ``(..., batch, 1 + num_noise, dim)`` for ``batch.others``.
        """
        looked_up, beside = words.take(batch.words, axis=-2), others.take(batch.others, axis=-2)
        scores = self._scores(looked_up, beside, batch)
        # The logistic function, many times faster than by way of exp, and never too large.
        error = 0.5 + 0.5 * np.tanh(0.5 * scores)
        error[..., 0] -= 1
        error /= len(batch.words)
        of_words = np.einsum("...bc,...bcd->...bd", error, beside)
        return of_words, np.einsum("...bc,...bd->...bcd", error, looked_up)

    def gains(self, words: Array, others: Array, part: str) -> Array:
        """Return by how much the loss of a part of the text is lower than without a look at the word.

        Parameters
        ----------
        words, others : ndarray
            The two tables, ``(..., rows, dim)``.
        part : str
            ``"train"``, ``"validation"`` or ``"test"``.

        Returns
        -------
        ndarray
            ``(..., 4)``, in nats a pair: for words in the head, the middle and the tail of the counts, and for all.
        """
        pairs, band = self.part(part), self.corpus.bands()
        total, count = np.zeros((*words.shape[:-2], len(BANDS))), np.zeros(len(BANDS))
        # A few at a time: what they look up is many times larger than the tables.
        for first in range(0, len(pairs.words), 2048):
            some = Batch(*(ids[first : first + 2048] for ids in pairs))
            gain = _loss_of(self.offset[some.others]) - self.loss(words, others, some)
            for number in range(len(BANDS)):
                here = band[some.words] == number
                total[..., number] += gain[..., here].sum(axis=-1, dtype=float)
                count[number] += here.sum()
        whole = total.sum(axis=-1, keepdims=True) / count.sum()
        return np.concatenate([total / np.maximum(count, 1), whole], axis=-1)

    def _scores(self, looked_up: Array, beside: Array, batch: Batch) -> Array:
        scores = np.einsum("...bcd,...bd->...bc", beside, looked_up)
        return scores + self.offset[batch.others]  # type: ignore[no-any-return]

    def _with_noise(self, pairs: Any, rng: np.random.Generator) -> Batch:
        noise = self._noise[rng.integers(NOISE_PLACES, size=(len(pairs), self.num_noise))]
        return Batch(pairs[:, 0], np.concatenate([pairs[:, 1:], noise], axis=1))


def train(
    model: SkipGram,
    optimizer: Optimizer,
    num_steps: int,
    *,
    seed: int,
    batch_size: int = 256,
    dense: bool = False,
    part: str = "validation",
    checkpoints: Sequence[int] = (),
) -> Training:
    """Train a model, and follow what becomes of the rows of its table of words.

    Parameters
    ----------
    model : SkipGram
        What to train.
    optimizer : Optimizer
        For both tables. A learning rate of shape ``(runs, 1, 1)`` trains as many runs side by side, on the same
        batches; other settings have that shape or are numbers.
    num_steps : int
        How many batches to take a step with.
    seed : int
        Of the first table, the order of the pairs and the noise words.
    batch_size : int, default 256
        Pairs in a batch.
    dense : bool, default False
        Whether every row takes every step, those without a gradient with a gradient of zero.
    part : str, default "validation"
        Part of the text whose gains are returned.
    checkpoints : sequence of int, optional
        Numbers of steps after which to measure gains, rising; the last one is always measured.

    Returns
    -------
    Training

    Raises
    ------
    ValueError
        If an argument is not as said here; the message names it.

    Examples
    --------
    >>> from adaptive_optim import Adagrad, Corpus, SkipGram, train
    >>> model = SkipGram(Corpus("the cat sat. The dog sat. " * 200), dim=2)
    >>> training = train(model, Adagrad(0.3), num_steps=60, seed=0)
    >>> training.updates
    array([60, 60, 60, 60])
    >>> bool(training.gains[-1, -1] > 0.2)  # in nats a pair
    True
    """
    if not isinstance(model, SkipGram):
        raise ValueError(f"model: is a {type(model).__name__}, must be a SkipGram")
    check_optimizer(optimizer)
    num_steps, batch_size = whole_number("num_steps", num_steps), whole_number("batch_size", batch_size)
    if not isinstance(dense, bool):
        raise ValueError(f"dense={dense!r}: must be True or False")
    model.corpus.pairs(part)
    measured = _steps_measured(checkpoints, num_steps)

    runs = np.shape(optimizer.learning_rate)[:-2]
    start, nothing = model.start(seed)
    words, others = (np.broadcast_to(table, (*runs, *table.shape)).copy() for table in (start, nothing))
    optimizer = for_rows_of(words, optimizer)
    stepper = _all_rows if dense else _rows_looked_up
    step_words, step_others = (stepper(optimizer, table) for table in (words, others))
    is_used, updates, gains = np.zeros(len(start), bool), np.zeros(len(start), int), []
    path, idle_path = np.zeros(words.shape[:-1]), np.zeros(words.shape[:-1])
    rate, diverged_at = np.full(words.shape[:-1], np.nan), np.full(runs, -1)

    # Overflow is not an error here but a result, reported as divergence.
    with np.errstate(all="ignore"), progress(num_steps, "steps") as bar:
        for step, batch in zip(range(num_steps), model.batches(seed, batch_size), strict=False):
            grads = model.gradient(words, others, batch)
            lost = ~np.logical_and(*(_is_moderate(grad, runs) for grad in grads))
            diverged_at[lost & (diverged_at < 0)] = step
            for grad in grads:
                grad[lost] = 0
            for _ in step_others(batch.others.reshape(-1), grads[1].reshape(*runs, -1, model.dim)):
                pass
            is_used[:] = False
            is_used[batch.words] = True
            updates += is_used
            for rows, its_rate, direction in step_words(batch.words, grads[0]):
                used, length = is_used[rows], _lengths(direction)
                moved = _lengths(its_rate * direction)
                path[..., rows] += moved
                idle_path[..., rows] += np.where(used, 0, moved)
                rate[..., rows] = np.where(used & (length > 0), moved / length, rate[..., rows])
            if step + 1 in measured:
                found = model.gains(words, others, part)
                lost = ~np.logical_and.reduce(
                    [
                        np.isfinite(found).all(axis=-1),
                        *(np.isfinite(each).all(axis=(-2, -1)) for each in (words, others)),
                    ]
                )
                diverged_at[lost & (diverged_at < 0)] = step
                found[diverged_at >= 0] = -np.inf
                gains.append(found)
            bar.update()
    for values in (words, others, path, idle_path, rate):
        values[diverged_at >= 0] = np.nan
    return Training(words, others, start, np.stack(gains), updates, path, idle_path, rate, diverged_at[()])


def _rows_looked_up(optimizer: Optimizer, table: Array) -> Stepper:
    state = optimizer.init(table)
    per_row = arrays_by_row(state, table)

    def step(ids: Any, grads: Array) -> Moves:
        nonlocal state
        state, *moved = step_rows(optimizer, table, state, per_row, ids, grads)
        yield tuple(moved)

    return step


def _all_rows(optimizer: Optimizer, table: Array) -> Stepper:
    # A few rows at a time: what a step makes on its way stays in the processor's cache.
    num_rows = table.shape[-2]
    many = max(1, NUMBERS_AT_ONCE * num_rows // table.size)
    blocks = [slice(first, min(first + many, num_rows)) for first in range(0, num_rows, many)]
    states = [optimizer.init(table[..., block, :]) for block in blocks]

    def step(ids: Any, grads: Array) -> Moves:
        touched, total = sum_by_row(ids, grads)
        for number, block in enumerate(blocks):
            here = slice(*touched.searchsorted((block.start, block.stop)))
            some = table[..., block, :]
            grad = np.zeros_like(some)
            grad[..., touched[here] - block.start, :] = total[..., here, :]
            states[number], rate, direction, some[...] = take_step(optimizer, states[number], some, grad)
            yield block, rate, direction

    return step


def _steps_measured(checkpoints: Sequence[int], num_steps: int) -> list[int]:
    try:
        measured = [operator.index(step) for step in checkpoints]
    except TypeError:
        measured = [0]
    if num_steps not in measured:
        measured.append(num_steps)
    if measured != sorted(set(measured)) or measured[0] < 1 or measured[-1] != num_steps:
        raise ValueError(f"checkpoints={checkpoints!r}: must be whole numbers, rising, from 1 to {num_steps}")
    return measured


def _loss_of(scores: Array) -> Array:
    # log(1 + exp(score)), many times faster than np.logaddexp.
    softplus = np.maximum(scores, 0) + np.log1p(np.exp(-np.abs(scores)))
    return softplus.sum(axis=-1) - scores[..., 0]  # type: ignore[no-any-return]


def _lengths(vectors: Array) -> Array:
    # Several times faster than np.linalg.norm.
    return np.sqrt(np.einsum("...d,...d->...", vectors, vectors))  # type: ignore[no-any-return]


def _is_moderate(grad: Array, runs: tuple[int, ...]) -> Any:
    """Return whether the gradient of each run is finite, and far enough from not being so to be summed."""
    flat = grad.reshape(*runs, -1)
    return (flat.max(axis=-1) < 1e30) & (flat.min(axis=-1) > -1e30)
