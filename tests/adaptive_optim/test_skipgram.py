"""The skip-gram model follows its equations, and training equals a simple loop over dense steps."""

import pickle
import re
import sys
from collections import Counter
from itertools import islice
from math import exp, log

import numpy as np
import pytest
from progress_bars import RecordingBar, Terminal

from adaptive_optim import OPTIMIZERS, SGD, Adagrad, Adam, Corpus, Momentum, RMSProp, SkipGram, train

SPLITS = ("train", "validation", "test")


def make_text(num_words=300, num_topics=4, num_blocks=120, seed=2024):
    """Return a text of blocks of 50 words with Zipf-distributed counts, topics and a fixed order of word classes.

    A word belongs to one of eight classes of similar frequency, and to a topic. A block has one topic and contains
    only its words and the most frequent word. Each word is followed by a word of the next class. The seed must not
    be that of the corpus, which would draw the same random numbers.
    """
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnop"))
    words = ["".join(letters[[n >> 8, n >> 4 & 15, n & 15]]) for n in range(num_words)]
    frequency, class_of, class_total = 1 / np.arange(1, num_words + 1), np.zeros(num_words, int), np.zeros(8)
    for word in range(num_words):
        class_of[word] = class_total.argmin()
        class_total[class_of[word]] += frequency[word]
    topic_of = rng.integers(num_topics, size=num_words)
    in_topic = num_topics * (topic_of == np.arange(num_topics)[:, None])
    in_topic[:, 0] = 1
    cumulative = (frequency * in_topic[:, None] * (class_of == np.arange(8)[:, None])).cumsum(axis=-1)
    cumulative /= cumulative[..., -1:]
    blocks = [
        [words[cumulative[topic, (place + 1) % 8].searchsorted(rng.random(), side="right")] for place in range(50)]
        for topic in rng.integers(num_topics, size=num_blocks)
    ]
    return "\n".join(map(" ".join, blocks))


CORPUS = Corpus(make_text())
MODEL = SkipGram(CORPUS, dim=4, num_negatives=3)
NUM_ROWS = len(CORPUS.words)


def random_tables(*runs, dtype=float, seed=5):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(*runs, NUM_ROWS, MODEL.dim)).astype(dtype) for _ in range(2))


def first_batch(batch_size=64, seed=0):
    return next(MODEL.batches(seed, batch_size))


# The model.


def test_the_corpus_has_all_bands_in_all_splits():
    for split in SPLITS:
        assert set(CORPUS.bands()[CORPUS.pairs(split)[:, 0]]) == {0, 1, 2}


def test_the_loss_follows_the_equation():
    words, contexts = random_tables()
    batch, expected = first_batch(), []
    for word, (neighbour, *negatives) in zip(batch.words, batch.contexts, strict=True):
        scores = {c: MODEL.offset[c] + words[word] @ contexts[c] for c in (neighbour, *negatives)}
        positive = -log(1 / (1 + exp(-scores[neighbour])))
        expected.append(positive - sum(log(1 / (1 + exp(scores[c]))) for c in negatives))
    np.testing.assert_allclose(MODEL.loss(words, contexts, batch), expected, rtol=1e-12)


def test_large_scores_have_a_finite_loss_and_gradient():
    words, contexts = random_tables()
    batch = first_batch()
    with np.errstate(all="raise", under="ignore"):
        loss = MODEL.loss(300 * words, 300 * contexts, batch)
        grads = MODEL.gradient(300 * words, 300 * contexts, batch)
    assert all(np.isfinite(values).all() for values in (loss, *grads))
    assert loss.max() > 1e5


@pytest.mark.parametrize("batch_size", [1, 40])
def test_the_gradient_is_the_derivative_of_the_mean_loss(batch_size):
    tables = random_tables()
    batch = first_batch(batch_size)
    assert batch_size == 1 or len(set(batch.words)) < batch_size  # repeated rows
    for number, (ids, grads) in enumerate(zip(batch, MODEL.gradient(*tables, batch), strict=True)):
        assert grads.shape == (*ids.shape, MODEL.dim)
        total, expected = np.zeros_like(tables[number]), np.zeros_like(tables[number])
        np.add.at(total, ids, grads)
        for index in np.ndindex(total.shape):
            if index[0] in ids:
                losses = []
                for width in (1e-5, -1e-5):
                    moved = [table.copy() for table in tables]
                    moved[number][index] += width
                    losses.append(MODEL.loss(*moved, batch).mean())
                expected[index] = (losses[0] - losses[1]) / 2e-5
        np.testing.assert_allclose(total, expected, atol=1e-9)


def test_runs_side_by_side_equal_each_run_alone():
    words, contexts = random_tables(2, 3, dtype=np.float32)
    batch = first_batch()
    loss, grads = MODEL.loss(words, contexts, batch), MODEL.gradient(words, contexts, batch)
    gains = MODEL.gains(words, contexts, "test")
    for run in np.ndindex(2, 3):
        tables = words[run], contexts[run]
        np.testing.assert_array_equal(loss[run], MODEL.loss(*tables, batch))
        for grad, expected in zip(grads, MODEL.gradient(*tables, batch), strict=True):
            np.testing.assert_array_equal(grad[run], expected)
        np.testing.assert_allclose(gains[run], MODEL.gains(*tables, "test"), rtol=1e-12)


def test_the_initial_model_is_the_baseline():
    words, contexts = MODEL.init(seed=3)
    assert words.dtype == contexts.dtype == np.float32
    assert words.shape == contexts.shape == (NUM_ROWS, MODEL.dim)
    assert not contexts.any()
    assert np.mean(np.sum(words**2, axis=1)) == pytest.approx(1, abs=0.15)
    for split in SPLITS:
        assert MODEL.gains(words, contexts, split).tolist() == [0, 0, 0, 0]
    np.testing.assert_array_equal(words, MODEL.init(seed=3)[0])
    assert not np.array_equal(words, MODEL.init(seed=4)[0])


def test_the_offset_is_the_optimal_score_of_a_model_that_ignores_the_word():
    pairs = CORPUS.pairs("train")
    count = np.bincount(pairs[:, 1], minlength=NUM_ROWS)
    probability = CORPUS.counts**0.75 / np.sum(CORPUS.counts**0.75)

    def expected_loss(offset):
        """Return the contribution of each neighbour to the training loss."""
        as_negative = MODEL.num_negatives * probability * np.logaddexp(0, offset)
        return count / len(pairs) * np.logaddexp(0, -offset) + as_negative

    assert count.all()
    minimum = expected_loss(MODEL.offset.astype(float))
    for change in (0.01, 0.3, -0.01, -0.3):
        assert (expected_loss((MODEL.offset + change).astype(float)) > minimum).all()


def test_a_word_without_neighbours_has_a_finite_offset():
    # The word is alone in the last block.
    corpora = (Corpus("the cat sat " * 400 + "lonely", block_length=40, seed=seed) for seed in range(9))
    corpus = next(each for each in corpora if "lonely" in each.words)
    count = np.bincount(corpus.pairs("train")[:, 1], minlength=4)
    assert count[-1] == 0
    probability = corpus.counts[-1] ** 0.75 / np.sum(corpus.counts**0.75)
    assert SkipGram(corpus).offset[-1] == pytest.approx(log(0.5 / count.sum() / (5 * probability)), rel=1e-5)


def test_negatives_are_sampled_in_proportion_to_the_count_to_the_power_of_three_quarters():
    batches = islice(MODEL.batches(seed=1, batch_size=1024), 100)
    count = np.bincount(np.concatenate([batch.contexts[:, 1:].ravel() for batch in batches]), minlength=NUM_ROWS)
    expected = count.sum() * CORPUS.counts**0.75 / np.sum(CORPUS.counts**0.75)
    assert expected.min() > 100
    chi_square = np.sum((count - expected) ** 2 / expected)
    # The probability of a larger value is about 1/30,000.
    assert abs(chi_square - (NUM_ROWS - 1)) < 4 * np.sqrt(2 * (NUM_ROWS - 1))


@pytest.mark.parametrize("batch_size", [1000, 37, 10**9])
def test_each_epoch_has_every_pair_once_in_a_new_order(batch_size):
    pairs = CORPUS.pairs("train")
    batch_size_used = min(batch_size, len(pairs))
    num_steps = -(-3 * len(pairs) // batch_size_used)
    batches = list(islice(MODEL.batches(seed=2, batch_size=batch_size), num_steps))
    assert {batch.contexts.shape for batch in batches} == {(batch_size_used, 1 + MODEL.num_negatives)}
    stream = np.concatenate([np.stack([batch.words, batch.contexts[:, 0]], axis=1) for batch in batches])
    epochs = stream[: 3 * len(pairs)].reshape(3, -1, 2)
    for epoch in epochs:
        assert Counter(map(tuple, epoch.tolist())) == Counter(map(tuple, pairs.tolist()))
    for first, second in ((pairs, epochs[0]), (epochs[0], epochs[1]), (epochs[1], epochs[2])):
        assert not np.array_equal(first, second)


def test_the_seed_determines_order_and_negatives():
    first, again, other = (first_batch(seed=seed) for seed in (0, 0, 1))
    for number in range(2):
        np.testing.assert_array_equal(first[number], again[number])
        assert not np.array_equal(first[number], other[number])


@pytest.mark.parametrize("split", SPLITS)
def test_an_evaluation_has_all_pairs_of_a_split_with_fixed_negatives(split):
    batch, again = MODEL.evaluation_batch(split), MODEL.evaluation_batch(split)
    np.testing.assert_array_equal(np.stack([batch.words, batch.contexts[:, 0]], axis=1), CORPUS.pairs(split))
    np.testing.assert_array_equal(batch.contexts, again.contexts)
    assert len(set(map(tuple, batch.contexts[:, 1:].tolist()))) > 0.9 * len(batch.words)


@pytest.mark.parametrize("split", SPLITS)
def test_gains_are_mean_differences_from_the_baseline_in_each_band_and_overall(split):
    tables, zeros = random_tables(), np.zeros((NUM_ROWS, MODEL.dim))
    batch, band = MODEL.evaluation_batch(split), CORPUS.bands()
    gain = MODEL.loss(zeros, zeros, batch) - MODEL.loss(*tables, batch)
    expected = [*(gain[band[batch.words] == number].mean() for number in range(3)), gain.mean()]
    np.testing.assert_allclose(MODEL.gains(*tables, split), expected, rtol=1e-5)


def test_a_band_without_words_has_a_gain_of_zero():
    model = SkipGram(Corpus("the cat sat. The dog sat. " * 400), dim=2)
    gains = model.gains(np.ones((4, 2)), np.ones((4, 2)), "test")
    assert gains[1] == gains[2] == 0
    assert gains[0] == gains[3] < 0


def test_a_model_can_be_pickled_and_its_offset_is_read_only():
    copy = pickle.loads(pickle.dumps(MODEL))
    np.testing.assert_array_equal(copy.offset, MODEL.offset)
    np.testing.assert_array_equal(copy.evaluation_batch("test").contexts, MODEL.evaluation_batch("test").contexts)
    with pytest.raises(ValueError, match="read-only"):
        MODEL.offset[0] = 0


# Training.

NUM_STEPS, BATCH_SIZE = 40, 32
CASES = {
    "SGD": (SGD(3.0), False),
    "SGD, dense": (SGD(3.0), True),
    "Adagrad": (Adagrad(0.3), False),
    "Adagrad, dense": (Adagrad(0.3), True),
    "Adam, dense": (Adam(0.02), True),
    "Momentum, dense": (Momentum(0.3), True),
    "RMSProp, dense": (RMSProp(0.02, rho=0.9), True),
}


def simple_loop(optimizer, seed=0):
    """Take dense steps. Yield both tables, which rows were looked up, and rate and direction of the word table."""
    tables = list(MODEL.init(seed))
    states = [optimizer.init(table) for table in tables]
    yield tables, None, None, None
    for batch in islice(MODEL.batches(seed, BATCH_SIZE), NUM_STEPS):
        steps = []
        for number, (ids, grads) in enumerate(zip(batch, MODEL.gradient(*tables, batch), strict=True)):
            grad = np.zeros_like(tables[number])
            np.add.at(grad, ids, grads)
            steps.append(optimizer.step(states[number], grad))
            states[number] = steps[number].state
        tables = [table - step.rate * step.direction for table, step in zip(tables, steps, strict=True)]
        is_looked_up = np.isin(np.arange(NUM_ROWS), batch.words)
        yield tables, is_looked_up, steps[0].rate, steps[0].direction


@pytest.mark.parametrize("name", CASES)
def test_training_equals_the_simple_loop(name):
    optimizer, dense = CASES[name]
    result = train(MODEL, optimizer, NUM_STEPS, seed=2, batch_size=BATCH_SIZE, dense=dense)
    num_updates, rate = np.zeros(NUM_ROWS, int), np.full(NUM_ROWS, np.nan)
    path_length, idle_path_length = np.zeros(NUM_ROWS), np.zeros(NUM_ROWS)
    _, *steps = simple_loop(optimizer, seed=2)
    for _, is_looked_up, rates, direction in steps:
        step_length, direction_length = (np.linalg.norm(each, axis=-1) for each in (rates * direction, direction))
        num_updates += is_looked_up
        path_length += step_length
        idle_path_length += np.where(is_looked_up, 0, step_length)
        has_rate = is_looked_up & (direction_length > 0)
        rate[has_rate] = step_length[has_rate] / direction_length[has_rate]
    np.testing.assert_array_equal(result.words, steps[-1][0][0])
    np.testing.assert_array_equal(result.contexts, steps[-1][0][1])
    np.testing.assert_array_equal(result.initial_words, MODEL.init(2)[0])
    np.testing.assert_array_equal(result.num_updates, num_updates)
    np.testing.assert_allclose(result.path_length, path_length, rtol=1e-5)
    np.testing.assert_allclose(result.idle_path_length, idle_path_length, rtol=1e-5)
    np.testing.assert_allclose(result.rate, rate, rtol=1e-5)
    assert result.words.dtype == np.float32
    assert result.diverged_at == -1
    assert 0 in num_updates
    # In the first step the word table has no gradient, because the context table is zero.
    assert np.isnan(result.rate[num_updates == 0]).all()
    assert np.isfinite(result.rate[num_updates > 1]).all()
    distance = np.linalg.norm(result.words - result.initial_words, axis=-1)
    assert (result.path_length >= distance - NUM_STEPS * np.finfo(np.float32).eps).all()  # up to rounding errors


@pytest.mark.parametrize("optimizer", [SGD(3.0), Momentum(0.3), Adagrad(0.3), RMSProp(0.02), Adam(0.02)], ids=repr)
def test_sparse_training_changes_only_rows_that_were_looked_up(optimizer):
    result = train(MODEL, optimizer, NUM_STEPS, seed=0, batch_size=BATCH_SIZE)
    untouched = result.num_updates == 0
    assert untouched.sum() > 10
    np.testing.assert_array_equal(result.words[untouched], result.initial_words[untouched])
    assert not result.path_length[untouched].any()
    assert not result.idle_path_length.any()
    assert (result.words[~untouched] != result.initial_words[~untouched]).any(axis=-1).mean() > 0.9


def test_dense_adam_moves_idle_rows():
    result = train(MODEL, Adam(0.02), NUM_STEPS, seed=0, batch_size=BATCH_SIZE, dense=True)
    assert (result.idle_path_length[(result.num_updates > 1) & (result.num_updates < NUM_STEPS / 2)] > 0).all()


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_runs_side_by_side_equals_training_each_run_alone(optimizer, dense):
    rates = [0.003, 0.1, 2.0]
    options = {"seed": 1, "batch_size": BATCH_SIZE, "dense": dense, "checkpoints": (7,)}
    together = train(MODEL, optimizer(np.array(rates)[:, None, None]), 15, **options)
    assert together.gains.shape == (2, 3, 4)
    for number, rate in enumerate(rates):
        alone = train(MODEL, optimizer(rate), 15, **options)
        for name in ("words", "contexts", "rate", "diverged_at"):
            np.testing.assert_array_equal(getattr(together, name)[number], getattr(alone, name), err_msg=name)
        for name in ("path_length", "idle_path_length"):
            np.testing.assert_allclose(getattr(together, name)[number], getattr(alone, name), rtol=1e-12)
        np.testing.assert_allclose(together.gains[:, number], alone.gains, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(together.num_updates, alone.num_updates)


@pytest.mark.parametrize("split", SPLITS)
def test_gains_are_evaluated_at_checkpoints_and_after_the_last_step(split):
    tables = [step[0] for step in simple_loop(Adagrad(0.3))]
    for checkpoints in ([1, 7], (1, 7, NUM_STEPS)):
        options = {"batch_size": BATCH_SIZE, "split": split, "checkpoints": checkpoints}
        gains = train(MODEL, Adagrad(0.3), NUM_STEPS, seed=0, **options).gains
        expected = [MODEL.gains(*tables[step], split) for step in (1, 7, NUM_STEPS)]
        np.testing.assert_allclose(gains, expected, rtol=1e-12)


def test_training_increases_the_gains():
    assert (train(MODEL, Adagrad(0.3), 400, seed=0, batch_size=64).gains[-1] > 0.2).all()


def test_a_run_that_diverges_does_not_affect_the_others():
    rates = np.array([1.0, 1e4, 1e30, 3.0])
    options = {"seed": 0, "batch_size": BATCH_SIZE, "checkpoints": (1, 20)}
    result = train(MODEL, SGD(rates[:, None, None]), NUM_STEPS, **options)
    finite, diverged = [0, 3], [1, 2]
    assert (result.diverged_at[finite] == -1).all()
    # In one step a rate of 1e30 gives parameters whose squares overflow.
    assert 0 == result.diverged_at[2] < result.diverged_at[1] < 20
    for values in (result.words, result.contexts, result.path_length, result.idle_path_length, result.rate):
        assert np.isnan(values[diverged]).all()
        assert np.isfinite(values[finite]).any()
    assert np.isneginf(result.gains[1:, diverged]).all()
    assert np.isfinite(result.gains[:, finite]).all()
    for number in finite:
        alone = train(MODEL, SGD(float(rates[number])), NUM_STEPS, **options)
        np.testing.assert_array_equal(result.words[number], alone.words)
        np.testing.assert_array_equal(result.contexts[number], alone.contexts)
    assert train(MODEL, SGD(1e4), NUM_STEPS, **options).diverged_at == result.diverged_at[1]


@pytest.mark.parametrize("num_steps", [1, 2, 5])
@pytest.mark.parametrize("rate", [1e25, 1e30, 1e38])
def test_divergence_in_the_last_steps_is_detected(rate, num_steps):
    result = train(MODEL, SGD(np.array([rate, 1.0])[:, None, None]), num_steps, seed=0, batch_size=BATCH_SIZE)
    # The squares of the parameters overflow after the first step.
    assert result.diverged_at.tolist() == [0, -1]
    for values in (result.words, result.contexts, result.gains[-1]):
        assert not np.isfinite(values[0]).any()
        assert np.isfinite(values[1]).all()


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("optimizer", [RMSProp(1e30), Adam(1e30), Adagrad(1e30), Momentum(1e30)], ids=repr)
def test_huge_parameters_are_a_divergence(optimizer, dense):
    result = train(MODEL, optimizer, 5, seed=0, batch_size=BATCH_SIZE, dense=dense, checkpoints=(1,))
    assert result.diverged_at == 0
    assert np.isneginf(result.gains).all()
    assert np.isnan(result.words).all()


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("optimizer", [RMSProp, Adam, Adagrad])
def test_an_accumulator_that_overflows_is_a_divergence(monkeypatch, optimizer, dense):
    gradient, calls = SkipGram.gradient, []

    def with_a_large_one(model, words, contexts, batch):
        grads = gradient(model, words, contexts, batch)
        calls.append(len(calls))
        if len(calls) == 3:
            grads[0][1, 2, 1] = 1e25  # finite, and its square is not
        return grads

    monkeypatch.setattr(SkipGram, "gradient", with_a_large_one)
    rates = np.array([0.01, 0.02, 0.03])[:, None, None]
    result = train(MODEL, optimizer(rates), 8, seed=0, batch_size=BATCH_SIZE, dense=dense)
    assert result.diverged_at.tolist() == [-1, 2, -1]
    assert np.isfinite(result.words[[0, 2]]).all()


@pytest.mark.parametrize("dense", [False, True])
def test_a_schedule_multiplies_the_rate(dense):
    options = {"seed": 0, "batch_size": BATCH_SIZE, "dense": dense}
    plain = train(MODEL, SGD(0.5), NUM_STEPS, **options)
    halved = train(MODEL, SGD(1.0), NUM_STEPS, schedule=lambda step: 0.5, **options)
    np.testing.assert_array_equal(plain.words, halved.words)
    np.testing.assert_allclose(plain.rate, halved.rate, rtol=1e-6)
    late = train(MODEL, Adam(0.1), NUM_STEPS, schedule=lambda step: float(step == NUM_STEPS - 1), **options)
    assert late.diverged_at == -1
    batch = list(islice(MODEL.batches(0, BATCH_SIZE), NUM_STEPS))[-1]
    moved = (late.words != late.initial_words).any(axis=-1)
    assert late.words.dtype == np.float32
    # The context table is zero until the last step, so no word has a gradient, and Adam moves none of them.
    assert not moved.any()
    assert (late.contexts != 0).any(axis=-1)[np.unique(batch.contexts)].all()


def test_settings_must_be_in_their_range_in_float32():
    with pytest.raises(ValueError, match=r"^eps=1e-60: is 0 in float32, must be a finite number above 0$"):
        train(MODEL, Adam(0.1, eps=1e-60), 3, seed=0)


@pytest.mark.usefixtures("no_notebook")
def test_the_progress_bar_counts_steps_in_a_terminal_and_is_hidden_elsewhere(monkeypatch, capsys):
    train(MODEL, SGD(1.0), 3, seed=0)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("adaptive_optim.progress.tqdm", RecordingBar)
    monkeypatch.setattr(sys, "stderr", Terminal())
    RecordingBar.closed.clear()
    train(MODEL, SGD(1.0), 3, seed=0)
    assert set(RecordingBar.closed) == {(3, 3)}
    assert "/3 " in sys.stderr.getvalue()


# Invalid arguments.

NOT_INTEGERS = [2.0, 1.5, np.nan, "2", None, [2], -1]


def train_with(**arguments):
    return train(**{"model": MODEL, "optimizer": SGD(1.0), "num_steps": 3, "seed": 0, **arguments})


INVALID = [
    *[
        (function, {name: bad}, f"{name}={bad!r}: must be an integer of at least {minimum}")
        for function, name, minimum in (
            (lambda **arguments: SkipGram(CORPUS, **arguments), "dim", 2),
            (lambda **arguments: SkipGram(CORPUS, **arguments), "num_negatives", 1),
            (MODEL.init, "seed", 0),
            (first_batch, "seed", 0),
            (first_batch, "batch_size", 1),
            (train_with, "seed", 0),
            (train_with, "batch_size", 1),
            (train_with, "num_steps", 1),
        )
        for bad in (*NOT_INTEGERS, *[0] * minimum)
    ],
    *[
        (train_with, {"checkpoints": bad}, f"checkpoints={bad!r}: must be increasing integers from 1 to 3")
        for bad in ((2, 1), (1, 1), (0,), (-1, 2), (4,), (1.5,), (2, 3.0), "12", 2, None, [[1]])
    ],
    *[
        (train_with, {"optimizer": SGD(np.ones(shape))}, f"learning_rate: has shape {shape}, must broadcast to")
        for shape in ((3,), (3, 1), (3, 7, 1), (3, 1, 1, 3))
    ],
    (
        train_with,
        {"optimizer": Momentum(1.0, beta=np.full((2, 1, 1), 0.5))},
        "beta: has shape (2, 1, 1), must broadcast to",
    ),
    *[(train_with, {"optimizer": bad}, f"optimizer={bad!r}: must be an optimizer") for bad in (3, SGD)],
    *[(train_with, {"dense": bad}, f"dense={bad!r}: must be True or False") for bad in ("no", 1, None)],
    (train_with, {"model": 3}, "model: is a int, must be a SkipGram"),
    (SkipGram, {"corpus": "the cat"}, "corpus: is a str, must be a Corpus"),
    *[
        (function, {"split": "dev"}, "split='dev': must be one of train, validation, test")
        for function in (MODEL.evaluation_batch, lambda split: MODEL.gains(*random_tables(), split), train_with)
    ],
]


@pytest.mark.parametrize(("function", "argument", "message"), INVALID)
def test_an_invalid_argument_raises_an_error_that_names_it(function, argument, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        function(**argument)
