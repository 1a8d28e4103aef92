"""Skip-gram is its equations, training is a plain loop, and the book's verdicts are tried on a second text."""

import pickle
import re
import sys
from collections import Counter
from itertools import islice
from math import exp, log

import numpy as np
import pytest
from onlookers import Noted, Terminal

from adaptive_optim import (
    SGD,
    Adagrad,
    Adam,
    Corpus,
    Momentum,
    RMSProp,
    SkipGram,
    train,
)

PARTS = ("train", "validation", "test")


def made_text(num_words, num_topics, num_blocks, num_common, strength, seed=2024):
    """Return a text whose words have the counts of Zipf's law, with the structure of English at its simplest.

    Word order: a word is one of eight parts of speech, all of the same frequency, and after a part comes the next
    one, or, with a chance of one minus the strength, any. Meaning: each block of 50 words has a topic, and so has
    each word but the most common. As large a share of a word's occurrences as the strength says is kept for its own
    topic; the rest fall in any.

    The seed must not be that of the corpus: both would draw the same numbers.
    """
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnop"))
    words = ["".join(letters[[n >> 8, n >> 4 & 15, n & 15]]) for n in range(num_words)]
    share, part_of = 1 / np.arange(1, num_words + 1), np.zeros(num_words, int)
    so_far = np.zeros(8)
    for word in range(num_words):
        part_of[word] = so_far.argmin()
        so_far[part_of[word]] += share[word]
    topic_of = rng.integers(num_topics, size=num_words)
    topic_of[:num_common] = -1
    of_topic = num_topics * strength * (topic_of == np.arange(num_topics)[:, None]) + 1 - strength
    chance = share * np.where(topic_of < 0, 1, of_topic)[:, None] * (part_of == np.arange(8)[:, None])
    chance = chance.cumsum(axis=-1) / chance.sum(axis=-1, keepdims=True)
    blocks = []
    for topic in rng.integers(num_topics, size=num_blocks):
        part, block = 0, []
        for draw, other, place in zip(rng.random(50), rng.integers(8, size=50), rng.random(50), strict=True):
            part = (part + 1) % 8 if draw < strength else other
            block.append(words[chance[topic, part].searchsorted(place, side="right")])
        blocks.append(" ".join(block))
    return "\n".join(blocks)


CORPUS = Corpus(made_text(num_words=300, num_topics=4, num_blocks=120, num_common=1, strength=1.0))
MODEL = SkipGram(CORPUS, dim=4, num_noise=3)
ROWS = len(CORPUS.words)


def tables(*runs, dtype=float, seed=5):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(*runs, ROWS, MODEL.dim)).astype(dtype) for _ in range(2))


def first_batch(batch_size=64, seed=0):
    return next(MODEL.batches(seed, batch_size))


# The model.


def test_the_small_text_has_all_bands_in_all_parts():
    for part in PARTS:
        assert set(CORPUS.bands()[CORPUS.pairs(part)[:, 0]]) == {0, 1, 2}


def test_the_loss_is_that_of_the_equation():
    words, others = tables()
    batch = first_batch()
    expected = []
    for word, (neighbour, *noise) in zip(batch.words, batch.others, strict=True):

        def share(other, sign, word=word):
            score = MODEL.offset[other] + sum(words[word, d] * others[other, d] for d in range(MODEL.dim))
            return -log(1 / (1 + exp(-sign * score)))

        expected.append(share(neighbour, 1) + sum(share(each, -1) for each in noise))
    np.testing.assert_allclose(MODEL.loss(words, others, batch), expected, rtol=1e-12)


def test_the_loss_of_scores_too_large_for_an_exponential_is_the_score():
    words, others = tables()
    batch = first_batch()
    with np.errstate(all="raise", under="ignore"):
        loss = MODEL.loss(300 * words, 300 * others, batch)
    assert np.isfinite(loss).all()
    assert loss.max() > 1e5


@pytest.mark.parametrize("batch_size", [1, 40])
def test_the_gradient_is_the_slope_of_the_mean_loss(batch_size):
    both = tables()
    batch = first_batch(batch_size)
    if batch_size > 1:
        assert len(set(batch.words)) < batch_size
        assert any(len(set(row)) < len(row) for row in batch.others.tolist())
    for number, (ids, grads) in enumerate(zip(batch, MODEL.gradient(*both, batch), strict=True)):
        assert grads.shape == (*ids.shape, MODEL.dim)
        found = np.zeros_like(both[number])
        np.add.at(found, ids, grads)
        expected = np.zeros_like(found)
        for place in np.ndindex(found.shape):
            if place[0] not in ids:
                continue
            ends = []
            for width in (1e-5, -1e-5):
                moved = [table.copy() for table in both]
                moved[number][place] += width
                ends.append(MODEL.loss(*moved, batch).mean())
            expected[place] = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_runs_side_by_side_have_the_losses_gradients_and_gains_of_each_alone():
    words, others = tables(2, 3, dtype=np.float32)
    batch = first_batch()
    loss, grads = MODEL.loss(words, others, batch), MODEL.gradient(words, others, batch)
    gains = MODEL.gains(words, others, "test")
    assert loss.shape == (2, 3, 64)
    assert gains.shape == (2, 3, 4)
    for run in np.ndindex(2, 3):
        own = words[run], others[run]
        np.testing.assert_array_equal(loss[run], MODEL.loss(*own, batch))
        for found, expected in zip(grads, MODEL.gradient(*own, batch), strict=True):
            np.testing.assert_array_equal(found[run], expected)
        np.testing.assert_allclose(gains[run], MODEL.gains(*own, "test"), rtol=1e-12)


def test_the_start_is_the_baseline():
    words, others = MODEL.start(seed=3)
    assert words.dtype == others.dtype == np.float32
    assert words.shape == others.shape == (ROWS, MODEL.dim)
    assert not others.any()
    assert np.mean(np.sum(words**2, axis=1)) == pytest.approx(1, abs=0.15)
    for part in PARTS:
        assert MODEL.gains(words, others, part).tolist() == [0, 0, 0, 0]
    np.testing.assert_array_equal(words, MODEL.start(seed=3)[0])
    assert not np.array_equal(words, MODEL.start(seed=4)[0])


def test_the_offset_is_the_best_score_there_is_without_a_look_at_the_word():
    pairs = CORPUS.pairs("train")
    seen = np.bincount(pairs[:, 1], minlength=ROWS)
    assert seen.all()
    drawn = CORPUS.counts**0.75 / np.sum(CORPUS.counts**0.75)

    def expected_loss(offset):
        """Of each neighbour, its share of the training loss."""
        as_noise = MODEL.num_noise * drawn * np.logaddexp(0, offset)
        return seen / len(pairs) * np.logaddexp(0, -offset) + as_noise

    least = expected_loss(MODEL.offset.astype(float))
    for width in (0.01, 0.3):
        for moved in (MODEL.offset + width, MODEL.offset - width):
            assert (expected_loss(moved.astype(float)) > least).all()


def test_a_word_that_is_nobodys_neighbour_in_training_has_an_offset():
    # Alone in a block, which is the last.
    corpora = (Corpus("the cat sat " * 400 + "lonely", block_length=40, seed=seed) for seed in range(9))
    corpus = next(each for each in corpora if "lonely" in each.words)
    model = SkipGram(corpus)
    seen = np.bincount(corpus.pairs("train")[:, 1], minlength=4)
    assert seen[-1] == 0
    drawn = corpus.counts[-1] ** 0.75 / np.sum(corpus.counts**0.75)
    assert model.offset[-1] == pytest.approx(log(0.5 / seen.sum() / (5 * drawn)), rel=1e-5)


def test_noise_is_drawn_in_proportion_to_the_count_to_three_quarters():
    batches = islice(MODEL.batches(seed=1, batch_size=1024), 100)
    drawn = np.bincount(np.concatenate([batch.others[:, 1:].ravel() for batch in batches]), minlength=ROWS)
    share = CORPUS.counts**0.75 / np.sum(CORPUS.counts**0.75)
    expected = drawn.sum() * share
    assert drawn.sum() > 300_000
    assert expected.min() > 100
    surprise = np.sum((drawn - expected) ** 2 / expected)
    # As large as that in one of 30,000 tries.
    assert abs(surprise - (ROWS - 1)) < 4 * np.sqrt(2 * (ROWS - 1))


@pytest.mark.parametrize("batch_size", [1000, 37])
def test_every_pair_comes_once_in_each_time_around_in_another_order(batch_size):
    pairs = CORPUS.pairs("train")
    assert len(pairs) % batch_size
    steps = -(-3 * len(pairs) // batch_size)
    batches = list(islice(MODEL.batches(seed=2, batch_size=batch_size), steps))
    assert {batch.words.shape for batch in batches} == {(batch_size,)}
    assert {batch.others.shape for batch in batches} == {(batch_size, 1 + MODEL.num_noise)}
    stream = np.concatenate([np.stack([batch.words, batch.others[:, 0]], axis=1) for batch in batches])
    times = stream[: 3 * len(pairs)].reshape(3, -1, 2)
    for each in times:
        assert Counter(map(tuple, each.tolist())) == Counter(map(tuple, pairs.tolist()))
        assert not np.array_equal(each, pairs)
    assert not np.array_equal(times[0], times[1])
    assert not np.array_equal(times[1], times[2])


def test_a_batch_has_at_most_all_pairs():
    pairs = CORPUS.pairs("train")
    for batch in islice(MODEL.batches(seed=2, batch_size=10**9), 2):
        assert sorted(batch.words) == sorted(pairs[:, 0])


def test_the_seed_decides_on_the_order_and_the_noise():
    first, again, other = (first_batch(seed=seed) for seed in (0, 0, 1))
    for number in range(2):
        np.testing.assert_array_equal(first[number], again[number])
        assert not np.array_equal(first[number], other[number])


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_all_its_pairs_with_the_same_noise_each_time(part):
    batch, again = MODEL.part(part), MODEL.part(part)
    np.testing.assert_array_equal(np.stack([batch.words, batch.others[:, 0]], axis=1), CORPUS.pairs(part))
    np.testing.assert_array_equal(batch.others, again.others)
    assert len(set(map(tuple, batch.others[:, 1:].tolist()))) > 0.9 * len(batch.words)


@pytest.mark.parametrize("part", PARTS)
def test_gains_are_mean_differences_to_the_baseline_in_each_band_and_over_all(part):
    both = tables()
    batch, band = MODEL.part(part), CORPUS.bands()
    assert len(batch.words) % 2048
    nothing = np.zeros((ROWS, MODEL.dim))
    gain = MODEL.loss(nothing, nothing, batch) - MODEL.loss(*both, batch)
    expected = [*(gain[band[batch.words] == number].mean() for number in range(3)), gain.mean()]
    np.testing.assert_allclose(MODEL.gains(*both, part), expected, rtol=1e-5)


def test_a_band_without_words_gains_nothing():
    model = SkipGram(Corpus("the cat sat. The dog sat. " * 400), dim=2)
    gains = model.gains(np.ones((4, 2)), np.ones((4, 2)), "test")
    assert gains[1] == gains[2] == 0
    assert gains[0] == gains[3] < 0


def test_a_model_travels_whole_and_its_offset_cannot_be_changed():
    copy = pickle.loads(pickle.dumps(MODEL))
    np.testing.assert_array_equal(copy.offset, MODEL.offset)
    np.testing.assert_array_equal(copy.part("test").others, MODEL.part("test").others)
    with pytest.raises(ValueError, match="read-only"):
        MODEL.offset[0] = 0


# Training.

STEPS, BATCH = 40, 32
KINDS = {
    "SGD": (SGD(3.0), False),
    "SGD, dense": (SGD(3.0), True),
    "Adagrad": (Adagrad(0.3), False),
    "Adagrad, dense": (Adagrad(0.3), True),
    "Adam, dense": (Adam(0.02), True),
    "Momentum, dense": (Momentum(0.3), True),
    "RMSProp, dense": (RMSProp(0.02, rho=0.9), True),
}


def plain_loop(optimizer, seed=0):
    """Take every step with whole tables; yield both tables and which rows were looked up."""
    both = list(MODEL.start(seed))
    states = [optimizer.init(table) for table in both]
    yield both[0], both[1], None, None, None
    for batch in islice(MODEL.batches(seed, BATCH), STEPS):
        done = []
        for number, (ids, grads) in enumerate(zip(batch, MODEL.gradient(*both, batch), strict=True)):
            grad = np.zeros_like(both[number])
            np.add.at(grad, ids, grads)
            done.append(optimizer.step(states[number], grad))
            states[number] = done[number].state
        both = [table - step.rate * step.direction for table, step in zip(both, done, strict=True)]
        used = np.isin(np.arange(ROWS), batch.words)
        yield *both, used, np.broadcast_to(done[0].rate, both[0].shape), done[0].direction


@pytest.mark.parametrize("name", KINDS)
def test_training_is_a_plain_loop_over_whole_tables_to_the_last_bit(name):
    optimizer, dense = KINDS[name]
    training = train(MODEL, optimizer, STEPS, seed=2, batch_size=BATCH, dense=dense)
    *_, (words, others, *_) = plain_loop(optimizer, seed=2)
    np.testing.assert_array_equal(training.words, words)
    np.testing.assert_array_equal(training.others, others)
    np.testing.assert_array_equal(training.start, MODEL.start(2)[0])
    assert training.words.dtype == np.float32
    assert training.diverged_at == -1


@pytest.mark.parametrize("name", KINDS)
def test_updates_paths_and_rates_are_those_of_the_plain_loop(name):
    optimizer, dense = KINDS[name]
    training = train(MODEL, optimizer, STEPS, seed=0, batch_size=BATCH, dense=dense)
    updates, path, idle = np.zeros(ROWS, int), np.zeros(ROWS), np.zeros(ROWS)
    rate = np.full(ROWS, np.nan)
    for *_, used, rates, direction in islice(plain_loop(optimizer), 1, None):
        steps = np.linalg.norm(rates * direction, axis=-1)
        lengths = np.linalg.norm(direction, axis=-1)
        updates += used
        path += steps
        idle += np.where(used, 0, steps)
        ours = used & (lengths > 0)
        rate[ours] = steps[ours] / lengths[ours]
    assert 0 in updates
    assert updates.max() > STEPS / 2
    np.testing.assert_array_equal(training.updates, updates)
    np.testing.assert_allclose(training.path, path, rtol=1e-5)
    np.testing.assert_allclose(training.idle_path, idle, rtol=1e-5)
    np.testing.assert_allclose(training.rate, rate, rtol=1e-5)
    # The first step has no gradient for words, as neighbours are zero.
    assert np.isnan(training.rate[updates == 0]).all()
    assert np.isfinite(training.rate[updates > 1]).all()


def test_a_path_is_at_least_as_long_as_the_way_from_the_start():
    for optimizer, dense in KINDS.values():
        training = train(MODEL, optimizer, STEPS, seed=0, batch_size=BATCH, dense=dense)
        away = np.linalg.norm(training.words - training.start, axis=-1)
        # Each step is rounded to the precision of a row, whose numbers are about 1.
        assert (training.path >= away - STEPS * np.finfo(np.float32).eps).all()
        assert (training.path >= training.idle_path).all()
        assert training.path.max() > 1.01 * away[training.path.argmax()]


@pytest.mark.parametrize("optimizer", [SGD(3.0), Momentum(0.3), Adagrad(0.3), RMSProp(0.02), Adam(0.02)], ids=repr)
def test_by_rows_a_row_that_was_never_looked_up_is_left_alone(optimizer):
    training = train(MODEL, optimizer, STEPS, seed=0, batch_size=BATCH)
    never = training.updates == 0
    assert never.sum() > 10
    np.testing.assert_array_equal(training.words[never], training.start[never])
    assert not training.path[never].any()
    assert not training.idle_path.any()
    assert (training.words[~never] != training.start[~never]).any(axis=-1).mean() > 0.9


def test_dense_adam_moves_rows_that_are_idle():
    training = train(MODEL, Adam(0.02), STEPS, seed=0, batch_size=BATCH, dense=True)
    lazy = train(MODEL, Adam(0.02), STEPS, seed=0, batch_size=BATCH)
    some = (training.updates > 1) & (training.updates < STEPS / 2)
    assert (training.idle_path[some] > 0).all()
    assert not np.array_equal(training.words, lazy.words)
    np.testing.assert_array_equal(training.updates, lazy.updates)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("kind", [SGD, Momentum, Adagrad, RMSProp, Adam])
def test_runs_side_by_side_are_each_run_alone_to_the_last_bit(kind, dense):
    rates = [0.003, 0.1, 2.0]
    options = {"seed": 1, "batch_size": BATCH, "dense": dense, "checkpoints": (7,)}
    together = train(MODEL, kind(np.array(rates)[:, None, None]), 15, **options)
    assert together.gains.shape == (2, 3, 4)
    for number, rate in enumerate(rates):
        alone = train(MODEL, kind(rate), 15, **options)
        for name in ("words", "others", "rate", "diverged_at"):
            np.testing.assert_array_equal(getattr(together, name)[number], getattr(alone, name), err_msg=name)
        for name in ("path", "idle_path"):
            np.testing.assert_allclose(getattr(together, name)[number], getattr(alone, name), rtol=1e-12)
        np.testing.assert_allclose(together.gains[:, number], alone.gains, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(together.updates, alone.updates)


@pytest.mark.parametrize("part", PARTS)
def test_gains_are_those_of_the_tables_after_the_steps_that_were_said(part):
    training = train(MODEL, Adagrad(0.3), STEPS, seed=0, batch_size=BATCH, part=part, checkpoints=[1, 7])
    assert training.gains.shape == (3, 4)
    states = list(plain_loop(Adagrad(0.3)))
    for found, steps in zip(training.gains, (1, 7, STEPS), strict=True):
        np.testing.assert_allclose(found, MODEL.gains(*states[steps][:2], part), rtol=1e-12)
    again = train(MODEL, Adagrad(0.3), STEPS, seed=0, batch_size=BATCH, part=part, checkpoints=(1, 7, STEPS))
    np.testing.assert_array_equal(again.gains, training.gains)


def test_training_gains_something():
    training = train(MODEL, Adagrad(0.3), 400, seed=0, batch_size=64)
    assert (training.gains[-1] > 0.2).all()


def test_a_run_that_diverges_is_reported_and_does_not_disturb_its_neighbours():
    rates = np.array([1.0, 1e4, 1e30, 3.0])
    options = {"seed": 0, "batch_size": BATCH, "checkpoints": (1, 20)}
    training = train(MODEL, SGD(rates[:, None, None]), STEPS, **options)
    calm, lost = [0, 3], [1, 2]
    assert (training.diverged_at[calm] == -1).all()
    assert (training.diverged_at[lost] > 0).all()
    assert training.diverged_at[2] < training.diverged_at[1] < 20
    for table in (training.words, training.others):
        assert np.isnan(table[lost]).all()
        assert np.isfinite(table[calm]).all()
    assert np.isneginf(training.gains[1:, lost]).all()
    assert np.isfinite(training.gains[:, calm]).all()
    for number in calm:
        alone = train(MODEL, SGD(float(rates[number])), STEPS, **options)
        np.testing.assert_array_equal(training.words[number], alone.words)
        np.testing.assert_array_equal(training.others[number], alone.others)
    alone = train(MODEL, SGD(1e4), STEPS, **options)
    assert alone.diverged_at == training.diverged_at[1]


@pytest.mark.parametrize("steps", range(1, 6))
@pytest.mark.parametrize("rate", [1e25, 1e30, 1e38])
def test_a_run_that_diverges_in_its_last_steps_is_reported_too(rate, steps):
    training = train(MODEL, SGD(np.array([rate, 1.0])[:, None, None]), steps, seed=0, batch_size=BATCH)
    is_lost, is_calm = training.diverged_at >= 0
    assert not is_calm
    if is_lost:
        assert np.isnan(training.words[0]).all()
        assert np.isneginf(training.gains[-1, 0]).all()
    else:
        assert np.isfinite(training.words[0]).all()
        assert np.isfinite(training.others[0]).all()
        assert np.isfinite(training.gains[-1, 0]).all()
    # By the second step a row has been multiplied by the rate twice.
    assert is_lost == (steps > 1)


# The progress bar.


@pytest.mark.usefixtures("no_notebook")
def test_nothing_is_written_where_there_is_no_terminal(capsys):
    train(MODEL, SGD(1.0), 3, seed=0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("no_notebook")
def test_a_terminal_sees_the_steps_counted(monkeypatch):
    monkeypatch.setattr("adaptive_optim.descent.tqdm", Noted)
    monkeypatch.setattr(sys, "stderr", Terminal())
    Noted.ends.clear()
    train(MODEL, SGD(1.0), 3, seed=0)
    assert set(Noted.ends) == {(3, 3)}
    assert "/3 " in sys.stderr.getvalue()


def test_large_scores_have_a_gradient_and_no_warning():
    words, others = (
        np.full((len(CORPUS.words), MODEL.dim), 1e3, "f4"),
        np.full((len(CORPUS.words), MODEL.dim), -1e3, "f4"),
    )
    for table in (others, -others):
        grads = MODEL.gradient(words, table, next(MODEL.batches(seed=0, batch_size=16)))
        assert all(np.isfinite(grad).all() for grad in grads)


def test_runs_that_diverge_have_no_paths_and_no_rates():
    training = train(MODEL, SGD(np.array([0.1, 1e30])[:, None, None]), 20, seed=0)
    assert training.diverged_at[0] < 0 <= training.diverged_at[1]
    for values in (training.path, training.idle_path, training.rate):
        assert np.isnan(values[1]).all()
        assert np.isfinite(values[0]).any()


# What is refused.

NOT_WHOLE = [2.0, 1.5, np.nan, "2", None, [2], -1]


@pytest.mark.parametrize(("name", "least"), [("dim", 2), ("num_noise", 1)])
@pytest.mark.parametrize("bad", [*NOT_WHOLE, 0], ids=repr)
def test_a_model_with_a_setting_out_of_range_is_refused_by_name_value_and_range(name, least, bad):
    message = re.escape(f"{name}={bad!r}: must be a whole number of at least {least}")
    with pytest.raises(ValueError, match=f"^{message}$"):
        SkipGram(CORPUS, **{name: bad})


def test_a_model_of_something_else_than_a_corpus_is_refused():
    with pytest.raises(ValueError, match=r"^corpus: is a str, must be a Corpus$"):
        SkipGram("the cat")


@pytest.mark.parametrize("bad", NOT_WHOLE, ids=repr)
def test_a_seed_that_is_none_is_refused(bad):
    message = f"^{re.escape(f'seed={bad!r}: must be a whole number of at least 0')}$"
    for act in (MODEL.start, first_batch, lambda seed: train(MODEL, SGD(1.0), 1, seed=seed)):
        with pytest.raises(ValueError, match=message):
            act(seed=bad)


@pytest.mark.parametrize("bad", [*NOT_WHOLE, 0], ids=repr)
def test_a_batch_size_or_a_number_of_steps_out_of_range_is_refused(bad):
    message = re.escape(f"={bad!r}: must be a whole number of at least 1")
    with pytest.raises(ValueError, match=f"^batch_size{message}$"):
        first_batch(bad)
    with pytest.raises(ValueError, match=f"^batch_size{message}$"):
        train(MODEL, SGD(1.0), 1, seed=0, batch_size=bad)
    with pytest.raises(ValueError, match=f"^num_steps{message}$"):
        train(MODEL, SGD(1.0), bad, seed=0)


@pytest.mark.parametrize(
    "bad", [(2, 1), (1, 1), (0,), (-1, 2), (4,), (1.5,), (2, 3.0), "12", 2, None, [[1]]], ids=repr
)
def test_checkpoints_that_do_not_rise_to_the_last_step_are_refused(bad):
    message = re.escape(f"checkpoints={bad!r}: must be whole numbers, rising, from 1 to 3")
    with pytest.raises(ValueError, match=f"^{message}$"):
        train(MODEL, SGD(1.0), 3, seed=0, checkpoints=bad)


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ValueError, match=r"^model: is a int, must be a SkipGram$"):
        train(3, SGD(1.0), 3, seed=0)
    for bad in (3, SGD):
        with pytest.raises(ValueError, match=r"^optimizer=.*: must be an optimizer"):
            train(MODEL, bad, 3, seed=0)
    for bad in ("no", 1, None):
        with pytest.raises(ValueError, match=f"^dense={bad!r}: must be True or False$"):
            train(MODEL, SGD(1.0), 3, seed=0, dense=bad)
    for act in (
        MODEL.part,
        lambda part: MODEL.gains(*tables(), part),
        lambda part: train(MODEL, SGD(1.0), 3, seed=0, part=part),
    ):
        with pytest.raises(ValueError, match=r"^part='dev': must be one of train, validation, test$"):
            act("dev")


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 7, 1), (3, 1, 1, 3)], ids=repr)
def test_settings_that_do_not_fit_the_tables_are_refused(shape):
    with pytest.raises(ValueError, match=rf"^learning_rate: has shape {re.escape(str(shape))}, must broadcast"):
        train(MODEL, SGD(np.ones(shape)), 3, seed=0)
    with pytest.raises(ValueError, match=r"^beta: has shape \(2, 1, 1\), must broadcast"):
        train(MODEL, Momentum(1.0, beta=np.full((2, 1, 1), 0.5)), 3, seed=0)
