"""Text as numbers: its words, how often they occur, and which stand next to which."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_optim.descent import whole_number

PARTS = ("train", "validation", "test")
SHARES = (0.8, 0.1, 0.1)
BANDS = ("head", "middle", "tail")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def package_docstrings(package: str, length: int | None = None) -> str:
    """Return the docstrings of an installed package.

    The Python files of one version of a package are the same on every machine, so its docstrings are a text that
    every reader has and that never changes. The book learns from those of pandas; its requirements pin the version.

    Parameters
    ----------
    package : str
        Name of an installed package or module. It is read, not imported.
    length : int, optional
        Number of letters, at least 1: the text ends there, and no more files are read. By default all of it.

    Returns
    -------
    str
        Docstrings of modules, classes and functions: modules in the order of their names, then in the order of the
        source, each text once.

    Raises
    ------
    ModuleNotFoundError
        If there is no such package, or its source is not in files.
    ValueError
        If ``length`` is not as said here.

    Examples
    --------
    >>> len(package_docstrings("xarray", 1000))
    1000
    """
    found = importlib.util.find_spec(package) if package.isidentifier() else None
    origin = Path(found.origin) if found and found.origin else None
    if origin is None or origin.suffix != ".py":
        raise ModuleNotFoundError(
            f"package={package!r}: must be the name of an installed package with Python source files"
        )
    folder = origin.parent
    files = folder.rglob("*.py") if origin.name == "__init__.py" else [origin]
    texts: dict[str, None] = {}
    longest = None if length is None else whole_number("length", length)
    for path in sorted(files, key=lambda path: path.relative_to(folder).as_posix()):
        documented = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, DOCUMENTED)]
        for node in sorted(documented, key=lambda node: getattr(node, "lineno", 0)):
            texts[ast.get_docstring(node) or ""] = None
        if longest is not None and sum(map(len, texts)) >= longest:
            break
    return "\n".join(filter(None, texts))[:longest]


@dataclass(frozen=True)
class Corpus:
    """Words of a text, most frequent first, and pairs of neighbours for training, validation and test.

    Parameters
    ----------
    text : str
        Any text. Words are runs of letters, in lower case; everything else parts them.
    window : int, default 2
        Words up to this distance are neighbours. Each pair counts both ways.
    block_length : int, default 50
        The text is cut into blocks of that many words, at least 2, and whole blocks go to a part: four fifths to
        training, a tenth each to validation and test. Neighbours stand in one block.
    seed : int, default 0
        Decides which block goes where, at least 0.

    Raises
    ------
    ValueError
        If an argument is not as said here, or a part is left without pairs; the message names it.

    Notes
    -----
    The vocabulary is that of the training blocks. Pairs with other words are left out.

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
        window = whole_number("window", self.window)
        block_length = whole_number("block_length", self.block_length, 2)
        rng = np.random.default_rng(whole_number("seed", self.seed, 0))
        tokens = re.findall(r"[^\W\d_]+", self.text.lower())
        block = np.arange(len(tokens)) // block_length
        part = rng.choice(len(PARTS), size=len(tokens) // block_length + 1, p=SHARES)[block]
        counted = Counter(token for token, its_part in zip(tokens, part, strict=True) if its_part == 0)
        # Words of the same count by name, so that the order is the text's alone.
        words = sorted(counted, key=lambda word: (-counted[word], word))
        places = {word: place for place, word in enumerate(words)}
        ids = np.array([places.get(token, -1) for token in tokens], int)
        pairs: dict[str, list[Any]] = {name: [] for name in PARTS}
        # Farther than that, words are not in one block.
        for distance in range(1, min(window, block_length - 1) + 1):
            left, right = ids[:-distance], ids[distance:]
            together = (block[:-distance] == block[distance:]) & (left >= 0) & (right >= 0)
            for number, name in enumerate(PARTS):
                here = together & (part[:-distance] == number)
                pairs[name] += [np.stack(both, axis=1)[here] for both in ((left, right), (right, left))]
        joined = {name: np.concatenate(some) for name, some in pairs.items()}
        for name, some in joined.items():
            if not len(some):
                raise ValueError(f"text: of {len(tokens)} words leaves no pairs for {name}, must be longer")
            some.setflags(write=False)
        counts = np.array([counted[word] for word in words])
        counts.setflags(write=False)
        object.__setattr__(self, "_found", (tuple(words), counts, joined))

    @property
    def words(self) -> tuple[str, ...]:
        """The vocabulary, most frequent word first. Row ``i`` of a table belongs to ``words[i]``."""
        return self._found[0]  # type: ignore[attr-defined,no-any-return]

    @property
    def counts(self) -> Any:
        """How often each word occurs in the training blocks, ``(words,)``, falling."""
        return self._found[1]  # type: ignore[attr-defined]

    def pairs(self, part: str) -> Any:
        """Return the pairs (word, neighbour) of ``"train"``, ``"validation"`` or ``"test"``, ``(pairs, 2)``."""
        if part not in PARTS:
            raise ValueError(f"part={part!r}: must be one of {', '.join(PARTS)}")
        return self._found[2][part]  # type: ignore[attr-defined]

    def bands(self, edges: tuple[int, int] = (10, 100)) -> Any:
        """Return the band of each word, ``(words,)``: 0 for the head, 1 for the middle, 2 for the tail.

        The tail has the words with counts below the first edge, the head those from the second on.
        """
        try:
            low, high = edges
            is_rising = 1 < low < high
        except (TypeError, ValueError):
            is_rising = False
        if not is_rising:
            raise ValueError(f"edges={edges!r}: must be two rising numbers above 1")
        return np.where(self.counts >= high, 0, np.where(self.counts >= low, 1, 2))
