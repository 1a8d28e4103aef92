"""The corpus: vocabulary, counts, splits and pairs of a text, and the docstrings of packages."""

import hashlib
import pickle
import re
import sys
import unicodedata
from collections import Counter

import numpy as np
import pytest

from adaptive_optim import Corpus, package_docstrings

SPLITS = ("train", "validation", "test")
BLOCK_LENGTH, NUM_BLOCKS = 12, 300


def number_name(number):
    """Return a word of letters that is unique for each number."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def make_blocks():
    """Yield blocks. Each starts with a unique word, and shares the word in the middle with one other block."""
    rng = np.random.default_rng(3)
    for number in range(NUM_BLOCKS):
        block = [f"w{number_name(each)}" for each in rng.integers(6, size=BLOCK_LENGTH)]
        block[0], block[BLOCK_LENGTH // 2] = f"own{number_name(number)}", f"pair{number_name(number % 150)}"
        yield block


BLOCKS = list(make_blocks())
TEXT = " ".join(word for block in BLOCKS for word in block)


def make_corpus(**settings):
    return Corpus(TEXT, **{"block_length": BLOCK_LENGTH, **settings})


def count_pairs(blocks, window, vocabulary):
    """Count the pairs of neighbours in blocks with a double loop."""
    return Counter(
        (word, other)
        for block in blocks
        for i, word in enumerate(block)
        for j, other in enumerate(block)
        if 0 < abs(i - j) <= window and word in vocabulary and other in vocabulary
    )


def pairs_by_name(corpus, split):
    return Counter((corpus.words[word], corpus.words[other]) for word, other in corpus.pairs(split))


def is_training(corpus):
    """Return whether each block is a training block, whose unique word is in the vocabulary."""
    return np.array([block[0] in corpus.words for block in BLOCKS])


def test_words_are_sequences_of_letters_in_lower_case():
    line = "The CAT's naïve élan_vital, don't: x2y 42 Straße—ÉCOLE 東京\n"
    assert set(Corpus(line * 200).words) == {
        *("the", "cat", "s", "naïve", "élan", "vital", "don", "t", "x", "y", "straße", "école", "東京")
    }


def test_words_of_any_script_keep_their_marks_and_have_one_form():
    composed, decomposed = "Élan naïve", "E\u0301lan nai\u0308ve"
    assert set(Corpus(f"{composed} {decomposed} " * 300).words) == {"élan", "naïve"}
    # Vowel signs, accents without a composed form, a joiner inside a word, and the dotted capital I of Turkish.
    words = ["हिन्दी", "சொல்", "שָׁלוֹם", "x\u0331y", "می\u200cخواهم", "i\u0307stanbul", "слово", "λέξη"]
    text = "हिन्दी, சொல்! שָׁלוֹם (x\u0331y) می\u200cخواهم İstanbul Слово. Λέξη ½ ² Ⅷ ❤️ 👩\u200d👧 "
    assert set(Corpus(text * 200).words) == {unicodedata.normalize("NFC", word) for word in words}
    assert set(Corpus("x² y½ " * 300).words) == {"x", "y"}


def test_neighbours_are_adjacent_in_the_text():
    corpus = Corpus("one TWO.three_4four " * 400, window=1, block_length=40)
    pairs = {("one", "two"), ("two", "three"), ("three", "four"), ("four", "one")}
    assert set(pairs_by_name(corpus, "train")) == pairs | {(second, first) for first, second in pairs}


@pytest.mark.parametrize("seed", [0, 1])
def test_vocabulary_and_counts_are_those_of_the_training_blocks_in_decreasing_order(seed):
    corpus = make_corpus(seed=seed)
    counter = Counter(
        word for block, train in zip(BLOCKS, is_training(corpus), strict=True) if train for word in block
    )
    assert dict(zip(corpus.words, corpus.counts.tolist(), strict=True)) == counter
    assert list(corpus.words) == sorted(counter, key=lambda word: (-counter[word], word))
    assert 0.7 < np.mean(is_training(corpus)) < 0.9


@pytest.mark.parametrize("window", [1, 2, 3, BLOCK_LENGTH - 1, BLOCK_LENGTH, 10**9])
def test_pairs_are_all_neighbours_within_the_window_of_a_block_in_both_orders(window):
    corpus = make_corpus(window=window)
    expected = {
        train: count_pairs(
            [block for block, each in zip(BLOCKS, is_training(corpus), strict=True) if each == train],
            window,
            corpus.words,
        )
        for train in (True, False)
    }
    assert pairs_by_name(corpus, "train") == expected[True]
    assert pairs_by_name(corpus, "validation") + pairs_by_name(corpus, "test") == expected[False]
    for split in SPLITS:
        pairs = pairs_by_name(corpus, split)
        assert all(pairs[other, word] == count for (word, other), count in pairs.items())


def test_a_short_last_block_is_part_of_the_corpus():
    corpora = [Corpus("a b c d " * 1500 + "tail " * 3, block_length=100, seed=seed) for seed in range(32)]
    with_tail = [corpus for corpus in corpora if "tail" in corpus.words]
    assert 0 < len(with_tail) < len(corpora)
    for corpus in with_tail:
        index = corpus.words.index("tail")
        assert corpus.counts[index] == 3
        assert (corpus.pairs("train")[:, 0] == index).sum() == 6


def test_each_block_is_in_one_split():
    corpus = make_corpus()
    words = {split: {word for word, _ in pairs_by_name(corpus, split)} for split in SPLITS}
    # A shared word of one training block shows which split the other block is in.
    num_training = is_training(corpus).reshape(2, -1).sum(axis=0)
    splits = [
        [split for split in SPLITS[1:] if f"pair{number_name(number)}" in words[split]]
        for number in np.flatnonzero(num_training == 1)
    ]
    assert {len(each) for each in splits} == {1}
    assert 0.3 < np.mean([each == ["test"] for each in splits]) < 0.7


def test_only_the_seed_determines_the_splits():
    corpus, again, other = make_corpus(), make_corpus(), make_corpus(seed=1)
    for split in SPLITS:
        np.testing.assert_array_equal(corpus.pairs(split), again.pairs(split))
    assert (is_training(corpus) != is_training(other)).any()
    np.testing.assert_array_equal(is_training(corpus), is_training(make_corpus(window=5)))


def test_a_corpus_can_be_pickled_and_is_immutable():
    corpus = make_corpus()
    copy = pickle.loads(pickle.dumps(corpus))
    assert copy == corpus
    assert copy.words == corpus.words
    for array, expected in [(copy.counts, corpus.counts), *((copy.pairs(s), corpus.pairs(s)) for s in SPLITS)]:
        np.testing.assert_array_equal(array, expected)
        with pytest.raises(ValueError, match="read-only"):
            expected[0] = 0
    with pytest.raises(AttributeError):
        corpus.window = 3


def test_bands_are_separated_by_the_edges():
    corpus = make_corpus()
    counts = corpus.counts
    low, high = int(np.median(counts[counts > 1])), int(counts[2])
    for edges in ((low, high), (low + 1, high), (low, high + 1)):
        expected = [0 if count >= edges[1] else 1 if count >= edges[0] else 2 for count in counts]
        assert corpus.bands(edges).tolist() == expected
        assert set(expected) == {0, 1, 2}
    np.testing.assert_array_equal(corpus.bands(), corpus.bands((10, 100)))


# Docstrings of packages.

NUM_CHARACTERS = 450_000
# SHA-256 for the versions in the lock files, equal for every Python and every operating system.
DIGESTS = {
    "pandas": "a11764c5c4fcfee798d3c34482e1bcb24380cb215319f9089b20eb3b160cae8b",
    "xarray": "f57dacc5e2e5494f7255f1db63d4d55031b3211996337eaa35575c735ab8d24f",
}


@pytest.mark.parametrize("package", DIGESTS)
def test_docstrings_are_the_same_on_every_machine_and_have_the_counts_of_a_natural_text(package):
    text = package_docstrings(package, NUM_CHARACTERS)
    assert hashlib.sha256(text.encode()).hexdigest() == DIGESTS[package]
    corpus = Corpus(text)
    assert 55_000 < corpus.counts.sum() / 0.8 < 70_000
    slope = np.polyfit(np.log(np.arange(1, 1001)), np.log(corpus.counts[:1000]), 1)[0]
    assert -1.5 < slope < -0.9
    assert corpus.words[0] == "the"


def test_docstrings_are_sorted_by_module_and_line_without_duplicates(tmp_path, monkeypatch):
    sources = {
        "documented/__init__.py": '"""Package."""\n\ndef late():\n    """Same."""\n',
        "documented/b.py": '"""Last."""\n',
        "documented/a.py": '"""Module."""\n\nclass A:\n    def f(self):\n        """Method."""\n\n'
        'def g():\n    """Same."""\nasync def h():\n    """Ärger\n      indented\n    """\n',
        "alone.py": '"""One file."""\n',
    }
    (tmp_path / "documented").mkdir()
    for name, source in sources.items():
        (tmp_path / name).write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert package_docstrings("documented") == "Package.\nSame.\nModule.\nMethod.\nÄrger\nindented\nLast."
    assert package_docstrings("alone") == "One file."
    assert not {"documented", "alone"} & set(sys.modules)


def test_a_text_has_at_most_max_length_characters():
    text = package_docstrings("tqdm")
    for max_length in (1, 1000, len(text) - 1, 10**9):
        assert package_docstrings("tqdm", max_length) == text[:max_length]


@pytest.mark.parametrize("package", ["no_such_package", "sys", "", "not a name", "xarray.core"])
def test_a_package_without_sources_raises_an_error(package):
    with pytest.raises(ModuleNotFoundError, match=re.escape(f"package={package!r}: must be the name of")):
        package_docstrings(package)


# Invalid arguments.

NOT_INTEGERS = [2.0, 1.5, np.nan, "2", None, [2], -1]
INVALID = [
    *[
        (make_corpus, {name: bad}, f"{name}={bad!r}: must be an integer of at least {minimum}")
        for name, minimum in (("window", 1), ("block_length", 2), ("seed", 0))
        for bad in (*NOT_INTEGERS, *range(minimum))
    ],
    *[
        (package_docstrings, {"package": "xarray", "max_length": bad}, f"max_length={bad!r}: must be")
        for bad in (0, -1, 1.5, "9")
    ],
    *[
        (Corpus, {"text": bad}, f"text: is a {type(bad).__name__}, must be a str")
        for bad in (None, 3, b"the cat sat", ["the", "cat"])
    ],
    *[
        (Corpus, {"text": text, "window": window}, f"text: has {num_words} words and no pairs for ")
        for text, num_words in (("", 0), ("word", 1), ("1 2 3 ...", 0), ("the cat sat. " * 10, 30))
        for window in (1, 7)
    ],
    *[
        (make_corpus().pairs, {"split": bad}, f"split={bad!r}: must be one of train, validation, test")
        for bad in ("dev", "Train", None, ["train"], 0)
    ],
    *[
        (make_corpus().bands, {"edges": bad}, f"edges={bad!r}: must be two increasing numbers above 1")
        for bad in ((10, 10), (100, 10), (1, 5), (np.nan, 4), (4, np.nan), (5,), (2, 3, 4), 5, None, "ab")
    ],
]


@pytest.mark.parametrize(("function", "arguments", "message"), INVALID)
def test_an_invalid_argument_raises_an_error_that_names_it(function, arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        function(**arguments)
