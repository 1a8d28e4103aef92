"""A text becomes words and pairs, whatever stands in it, and what cannot be used is refused by name."""

import hashlib
import pickle
import re
import sys
from collections import Counter

import numpy as np
import pytest

from adaptive_optim import Corpus, package_docstrings

PARTS = ("train", "validation", "test")
LENGTH = 12  # words in a block of TEXT
BLOCKS = 300


def name_of(number):
    """Return a word of letters, another for each number."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def blocks_of_a_text():
    """Each block begins with a word of its own, and has a sign in the middle that one other block has, too."""
    rng = np.random.default_rng(3)
    for number in range(BLOCKS):
        common = [f"w{name_of(each)}" for each in rng.integers(6, size=LENGTH)]
        common[0], common[LENGTH // 2] = f"own{name_of(number)}", f"sign{name_of(number % (BLOCKS // 2))}"
        yield common


TEXT_BLOCKS = list(blocks_of_a_text())
TEXT = " ".join(word for block in TEXT_BLOCKS for word in block)


def corpus_of(**settings):
    return Corpus(TEXT, **{"block_length": LENGTH, **settings})


def neighbours(blocks, window, known):
    """Count the pairs of words of each block, one by one."""
    return Counter(
        (word, other)
        for block in blocks
        for place, word in enumerate(block)
        for there, other in enumerate(block)
        if 0 < abs(place - there) <= window and word in known and other in known
    )


def named(corpus, part):
    return Counter((corpus.words[word], corpus.words[other]) for word, other in corpus.pairs(part))


def in_training(corpus):
    """Whether each block is for training: if so, its own word is in the vocabulary."""
    return [block[0] in corpus.words for block in TEXT_BLOCKS]


def test_words_are_runs_of_letters_in_lower_case_and_everything_else_parts_them():
    line = "The CAT's naïve élan_vital, don't: x2y 42 Straße—ÉCOLE 東京\n"
    corpus = Corpus(line * 200)
    assert set(corpus.words) == {
        *("the", "cat", "s", "naïve", "élan", "vital", "don", "t", "x", "y", "straße", "école", "東京")
    }


def test_a_part_of_the_text_is_read_in_its_order():
    corpus = Corpus("one TWO.three_4four " * 400, window=1, block_length=40)
    assert set(named(corpus, "train")) == {
        pair
        for a, b in (("one", "two"), ("two", "three"), ("three", "four"), ("four", "one"))
        for pair in ((a, b), (b, a))
    }


def test_words_are_ordered_by_count_and_words_of_one_count_by_name():
    corpus = corpus_of()
    key = [(-count, word) for count, word in zip(corpus.counts, corpus.words, strict=True)]
    assert key == sorted(key)
    assert len(set(corpus.counts)) < len(corpus.words) == len(set(corpus.words))


@pytest.mark.parametrize("seed", [0, 1])
def test_vocabulary_and_counts_are_those_of_the_training_blocks(seed):
    corpus = corpus_of(seed=seed)
    is_training = in_training(corpus)
    counted = Counter(word for block, here in zip(TEXT_BLOCKS, is_training, strict=True) if here for word in block)
    assert dict(zip(corpus.words, corpus.counts.tolist(), strict=True)) == counted
    assert 0.7 < np.mean(is_training) < 0.9


@pytest.mark.parametrize("window", [1, 2, 3, LENGTH - 1, LENGTH, 10**9])
def test_pairs_are_all_neighbours_within_the_window_both_ways_and_never_across_blocks(window):
    corpus = corpus_of(window=window)
    is_training = in_training(corpus)
    train, held_out = (
        neighbours(
            [b for b, here in zip(TEXT_BLOCKS, is_training, strict=True) if here is part], window, set(corpus.words)
        )
        for part in (True, False)
    )
    assert named(corpus, "train") == train
    assert named(corpus, "validation") + named(corpus, "test") == held_out
    for part in PARTS:
        pairs = named(corpus, part)
        assert all(pairs[other, word] == count for (word, other), count in pairs.items())


def test_a_last_block_that_is_short_counts_too():
    text = "a b c d " * 1500
    words = [Corpus(f"{text} {'tail ' * 3}", block_length=100, seed=seed) for seed in range(32)]
    here = [corpus for corpus in words if "tail" in corpus.words]
    assert 0 < len(here) < len(words)
    for corpus in here:
        place = corpus.words.index("tail")
        assert corpus.counts[place] == 3
        # "tail" stands beside itself only.
        assert (corpus.pairs("train")[:, 0] == place).sum() == 6


def test_a_block_is_in_one_part_alone_and_each_part_has_its_share_of_them():
    corpus = corpus_of()
    is_training = np.array(in_training(corpus)).reshape(2, -1)
    found = {part: {word for word, _ in named(corpus, part)} for part in PARTS}
    parts_of = [
        [part for part in PARTS[1:] if f"sign{name_of(number)}" in found[part]]
        for number in np.flatnonzero(is_training.sum(axis=0) == 1)
    ]
    assert {len(parts) for parts in parts_of} == {1}
    share = np.mean([parts == ["test"] for parts in parts_of])
    assert 0.3 < share < 0.7


def test_the_seed_decides_which_block_goes_where_and_nothing_else_does():
    first, again, other = corpus_of(), corpus_of(), corpus_of(seed=1)
    assert first.words == again.words
    assert in_training(first) != in_training(other)
    for part in PARTS:
        np.testing.assert_array_equal(first.pairs(part), again.pairs(part))
    # The window has no say in it.
    assert in_training(first) == in_training(corpus_of(window=5))


def test_a_corpus_travels_whole_and_cannot_be_changed():
    corpus = corpus_of()
    copy = pickle.loads(pickle.dumps(corpus))
    assert copy == corpus
    assert copy.words == corpus.words
    np.testing.assert_array_equal(copy.counts, corpus.counts)
    for part in PARTS:
        np.testing.assert_array_equal(copy.pairs(part), corpus.pairs(part))
    for array in (corpus.counts, *map(corpus.pairs, PARTS)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        corpus.window = 3


def test_a_band_ends_where_its_edge_says():
    corpus = corpus_of()
    counts = corpus.counts
    low, high = int(np.median(counts[counts > 1])), int(counts[2])
    assert low in counts
    for edges in ((low, high), (low + 1, high), (low, high + 1)):
        expected = [0 if count >= edges[1] else 1 if count >= edges[0] else 2 for count in counts]
        assert corpus.bands(edges).tolist() == expected
        assert set(expected) == {0, 1, 2}
    assert corpus.bands().tolist() == [0 if count >= 100 else 1 if count >= 10 else 2 for count in counts]


# What is refused.


@pytest.mark.parametrize("text", [None, 3, b"the cat sat", ["the", "cat"]], ids=repr)
def test_a_text_that_is_no_string_is_refused(text):
    with pytest.raises(ValueError, match=f"^text: is a {type(text).__name__}, must be a str$"):
        Corpus(text)


@pytest.mark.parametrize("text", ["", "word", "two words", "1 2 3 ...", "the cat sat. " * 10], ids=len)
@pytest.mark.parametrize("window", [1, 2, 7])
def test_a_text_that_is_too_short_is_refused(text, window):
    words = len(re.findall("[a-z]+", text))
    with pytest.raises(ValueError, match=f"^text: of {words} words leaves no pairs for .*, must be longer$"):
        Corpus(text, window=window)


NOT_WHOLE = [2.0, 1.5, np.nan, "2", None, [2], -1]
REFUSED = {"window": (1, [*NOT_WHOLE, 0]), "block_length": (2, [*NOT_WHOLE, 0, 1]), "seed": (0, NOT_WHOLE)}


@pytest.mark.parametrize(
    ("name", "bad"), [(name, bad) for name, (_, values) in REFUSED.items() for bad in values], ids=repr
)
def test_a_setting_out_of_range_is_refused_by_name_value_and_range(name, bad):
    message = re.escape(f"{name}={bad!r}: must be a whole number of at least {REFUSED[name][0]}")
    with pytest.raises(ValueError, match=f"^{message}$"):
        Corpus(TEXT, **{name: bad})


@pytest.mark.parametrize("part", ["dev", "Train", None, ["train"], 0], ids=repr)
def test_an_unknown_part_is_refused(part):
    with pytest.raises(ValueError, match=re.escape(f"part={part!r}: must be one of train, validation, test")):
        corpus_of().pairs(part)


@pytest.mark.parametrize(
    "edges", [(10, 10), (100, 10), (1, 5), (np.nan, 4), (4, np.nan), (5,), (2, 3, 4), 5, None, "ab"], ids=repr
)
def test_edges_that_do_not_rise_are_refused(edges):
    with pytest.raises(ValueError, match=re.escape(f"edges={edges!r}: must be two rising numbers above 1")):
        corpus_of().bands(edges)


# The text of the book: the docstrings of a package.

LENGTH_OF_TEXT = 450_000
# Of the versions that the lock files pin. They are equal for every Python and on every system.
DIGESTS = {
    "pandas": "a11764c5c4fcfee798d3c34482e1bcb24380cb215319f9089b20eb3b160cae8b",
    "xarray": "f57dacc5e2e5494f7255f1db63d4d55031b3211996337eaa35575c735ab8d24f",
}


@pytest.mark.parametrize("package", DIGESTS)
def test_the_docstrings_of_a_package_are_the_same_on_every_machine(package):
    assert hashlib.sha256(package_docstrings(package, LENGTH_OF_TEXT).encode()).hexdigest() == DIGESTS[package]


@pytest.mark.parametrize("package", DIGESTS)
def test_docstrings_are_real_text_with_the_counts_of_real_text(package):
    corpus = Corpus(package_docstrings(package, LENGTH_OF_TEXT))
    assert 55_000 < corpus.counts.sum() / 0.8 < 70_000
    counts = corpus.counts[:1000]
    slope = np.polyfit(np.log(np.arange(1, len(counts) + 1)), np.log(counts), 1)[0]
    assert -1.5 < slope < -0.9
    assert corpus.words[0] == "the"


def test_docstrings_come_in_the_order_of_modules_and_of_lines_and_each_once(tmp_path, monkeypatch):
    package = tmp_path / "documented"
    package.mkdir()
    (package / "__init__.py").write_text('"""Package."""\n\ndef late():\n    """Same."""\n', encoding="utf-8")
    (package / "b.py").write_text('"""Last."""\n', encoding="utf-8")
    (package / "a.py").write_text(
        '"""Module."""\n\nclass A:\n    def f(self):\n        """Method."""\n\ndef g():\n    """Same."""\n'
        'async def h():\n    """Ärger\n      indented\n    """\n',
        encoding="utf-8",
    )
    (tmp_path / "alone.py").write_text('"""One file."""\n', encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    text = "Package.\nSame.\nModule.\nMethod.\nÄrger\nindented\nLast."
    assert package_docstrings("documented") == text
    assert package_docstrings("alone") == "One file."
    assert not {"documented", "alone"} & set(sys.modules)


def test_a_text_is_cut_at_its_length():
    whole = package_docstrings("xarray")
    for length in (1, 1000, 100_000, 10**9):
        assert package_docstrings("xarray", length) == whole[:length]


@pytest.mark.parametrize("length", [0, -1, 1.5, "9"])
def test_a_length_that_is_none_is_an_error(length):
    with pytest.raises(ValueError, match="length"):
        package_docstrings("xarray", length)


@pytest.mark.parametrize("package", ["no_such_package", "sys", "", "not a name", "xarray.core"])
def test_what_is_no_package_with_sources_is_an_error(package):
    with pytest.raises(ModuleNotFoundError, match=re.escape(f"package={package!r}: must be the name of")):
        package_docstrings(package)
