"""The search index after a build that wrote a few pages is the one of a build that wrote them all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sphinx import search
from sphinx.application import Sphinx


class CompleteIndex(search.IndexBuilder):
    """Sphinx's index, which goes on from the last one without losing and without keeping too much."""

    def load(self, stream: Any, format: Any) -> None:
        """Read the last index, with the entries of the general index: Sphinx forgets those."""
        super().load(stream, format)
        stream.seek(0)
        frozen = format.load(stream)
        names = frozen["docnames"]
        entries: dict[str, list[tuple[str, str, str]]] = {name: [] for name in sorted(names)}
        for title, places in frozen["indexentries"].items():
            for page, target, main in places:
                entries[names[page]].append((title, target, "main" if main else ""))
        self._index_entries.update(entries)

    def prune(self, docnames: Iterable[str]) -> None:
        """Forget all pages but those, and the words that are on none: Sphinx would keep them."""
        super().prune(docnames)
        for words in (self._mapping, self._title_mapping):
            for word in [word for word, pages in words.items() if not pages]:
                del words[word]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    search.IndexBuilder = CompleteIndex  # type: ignore[misc]
    return {"parallel_read_safe": True, "parallel_write_safe": True}
