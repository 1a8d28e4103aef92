"""A text corpus: vocabulary, word counts and pairs of neighbouring words."""

from __future__ import annotations

import ast
import importlib.util
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_optim.validation import validate_integer

SPLITS = ("train", "validation", "test")
SPLIT_FRACTIONS = (0.8, 0.1, 0.1)
BANDS = ("head", "middle", "tail")
DOCUMENTED_NODES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def package_docstrings(package: str, max_length: int | None = None) -> str:
    """Return the docstrings of an installed package.

    The Python files of one version of a package are the same on every machine, so every reader has the same text.
    The book uses the docstrings of pandas, whose version its requirements pin.

    Parameters
    ----------
    package : str
        Name of an installed package or module, which is read and not imported.
    max_length : int, optional
        Maximum number of characters, at least 1. Files beyond it are not read. By default the whole text is
        returned.

    Returns
    -------
    str
        Docstrings of modules, classes and functions without duplicates, in the order of module names and of lines.

    Raises
    ------
    ModuleNotFoundError
        If the package is not installed, or has no Python source files.
    ValueError
        If ``max_length`` is not a positive integer.

    Examples
    --------
    >>> len(package_docstrings("xarray", 1000))
    1000
    """
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    origin = Path(spec.origin) if spec and spec.origin else None
    if origin is None or origin.suffix != ".py":
        raise ModuleNotFoundError(
            f"package={package!r}: must be the name of an installed package with Python source files"
        )
    folder = origin.parent
    files = folder.rglob("*.py") if origin.name == "__init__.py" else [origin]
    texts: dict[str, None] = {}
    if max_length is not None:
        max_length = validate_integer("max_length", max_length)
    for path in sorted(files, key=lambda path: path.relative_to(folder).as_posix()):
        nodes = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, DOCUMENTED_NODES)]
        for node in sorted(nodes, key=lambda node: getattr(node, "lineno", 0)):
            texts[ast.get_docstring(node) or ""] = None
        if max_length is not None and sum(map(len, texts)) >= max_length:
            break
    return "\n".join(filter(None, texts))[:max_length]


@dataclass(frozen=True)
class Corpus:
    """Vocabulary of a text, and pairs of neighbouring words for training, validation and test.

    Parameters
    ----------
    text : str
        Any text. A word is a sequence of letters of any script with their marks, in Unicode's composed form (NFC)
        and in lower case. All other characters separate words.
    window : int, default 2
        Maximum distance of two neighbours. Each pair is counted in both orders.
    block_length : int, default 50
        Number of words in a block, at least 2. Each block belongs to one split: 80 % to training, 10 % each to
        validation and test. Neighbours are in the same block.
    seed : int, default 0
        Seed of the assignment of blocks to splits, at least 0.

    Raises
    ------
    ValueError
        If an argument is invalid, or a split has no pairs. The message names the argument or the split.

    Notes
    -----
    The vocabulary consists of the words in training blocks. Pairs with other words are ignored.

    Examples
    --------
    >>> corpus = Corpus("the cat sat. The dog sat. " * 200)
    >>> corpus.words
    ('sat', 'the', 'dog', 'cat')
    >>> corpus.counts
    array([300, 299, 151, 150])
    >>> corpus.pairs("test").shape
    (388, 2)
    """

    text: str = field(repr=False)
    window: int = 2
    block_length: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise ValueError(f"text: is a {type(self.text).__name__}, must be a str")
        window = validate_integer("window", self.window)
        block_length = validate_integer("block_length", self.block_length, 2)
        rng = np.random.default_rng(validate_integer("seed", self.seed, 0))
        tokens = _split_into_words(self.text)
        block = np.arange(len(tokens)) // block_length
        split = rng.choice(len(SPLITS), size=len(tokens) // block_length + 1, p=SPLIT_FRACTIONS)[block]
        counter = Counter(token for token, number in zip(tokens, split, strict=True) if number == 0)
        # Words with equal counts are sorted by name, so the order depends on the text only.
        words = sorted(counter, key=lambda word: (-counter[word], word))
        index = {word: number for number, word in enumerate(words)}
        ids = np.array([index.get(token, -1) for token in tokens], int)
        pairs: dict[str, list[Any]] = {name: [] for name in SPLITS}
        # Words in the same block have a distance below block_length.
        for distance in range(1, min(window, block_length - 1) + 1):
            left, right = ids[:-distance], ids[distance:]
            is_pair = (block[:-distance] == block[distance:]) & (left >= 0) & (right >= 0)
            for number, name in enumerate(SPLITS):
                selected = is_pair & (split[:-distance] == number)
                pairs[name] += [np.stack(pair, axis=1)[selected] for pair in ((left, right), (right, left))]
        all_pairs = {name: np.concatenate(arrays) for name, arrays in pairs.items()}
        for name, array in all_pairs.items():
            if not len(array):
                raise ValueError(f"text: has {len(tokens)} words and no pairs for {name}, must be longer")
            array.setflags(write=False)
        counts = np.array([counter[word] for word in words])
        counts.setflags(write=False)
        object.__setattr__(self, "_words", tuple(words))
        object.__setattr__(self, "_counts", counts)
        object.__setattr__(self, "_pairs", all_pairs)

    @property
    def words(self) -> tuple[str, ...]:
        """The vocabulary, most frequent word first. Row ``i`` of a table belongs to ``words[i]``."""
        return self._words  # type: ignore[attr-defined,no-any-return]

    @property
    def counts(self) -> Any:
        """Number of occurrences of each word in the training blocks, ``(words,)``, in decreasing order."""
        return self._counts  # type: ignore[attr-defined]

    def pairs(self, split: str) -> Any:
        """Return the pairs (word, neighbour) of ``"train"``, ``"validation"`` or ``"test"``, ``(pairs, 2)``."""
        if split not in SPLITS:
            raise ValueError(f"split={split!r}: must be one of {', '.join(SPLITS)}")
        return self._pairs[split]  # type: ignore[attr-defined]

    def bands(self, edges: tuple[int, int] = (10, 100)) -> Any:
        """Return the frequency band of each word, ``(words,)``: 0 is the head, 1 the middle, 2 the tail.

        The tail has the words with counts below the first edge, the head the words with counts from the second
        edge.
        """
        try:
            low, high = edges
            is_increasing = 1 < low < high
        except (TypeError, ValueError):
            is_increasing = False
        if not is_increasing:
            raise ValueError(f"edges={edges!r}: must be two increasing numbers above 1")
        return np.where(self.counts >= high, 0, np.where(self.counts >= low, 1, 2))


def _split_into_words(text: str) -> list[str]:
    text = unicodedata.normalize("NFC", text.lower())
    # In regular expressions of Python, ² and ½ are letters, and marks are not: vowel signs of many scripts, accents
    # that have no composed form. Joiners stand inside words of such scripts.
    numerals = re.escape("".join(char for char in set(text) if char.isnumeric() and not char.isalpha()))
    marks = re.escape("".join(char for char in set(text) if unicodedata.category(char).startswith("M")))
    letter = rf"[^\W\d_{numerals}]"
    return re.findall(rf"{letter}(?:{letter}|[{marks}\u200c\u200d])*", text)
