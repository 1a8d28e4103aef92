"""Compare the results of the chapters on several machines; exit with 1 if they differ by more than rounding.

Argument: the folder of the records. The reference is the first record under the usual conditions.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
REFERENCE = "usual"
MAX_LENGTH = 300  # characters shown of a value


def differences(one: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the place of each difference and both values."""
    for chapter in sorted(one["chapters"].keys() | other["chapters"].keys()):
        pair = one["chapters"].get(chapter), other["chapters"].get(chapter)
        if None in pair:
            yield chapter, *("missing" if each is None else "run" for each in pair)
            continue
        first, second = pair
        for (line, text), (_, text_2) in zip(first["cells"], second["cells"], strict=True):
            yield from _different_lines(f"{chapter}, cell {line!r}", text, text_2)
        for name in sorted(first["shown"].keys() | second["shown"].keys()):
            text, text_2 = (each["shown"].get(name, "missing") for each in pair)
            if text != text_2:
                yield f"{chapter}, value {name}", text, text_2


def _different_lines(place: str, one: str, other: str) -> Iterator[tuple[str, str, str]]:
    lines, lines_2 = one.splitlines(), other.splitlines()
    if len(lines) != len(lines_2):
        yield place, one, other
        return
    yield from ((place, *both) for both in zip(lines, lines_2, strict=True) if both[0] != both[1])


def is_close(one: str, other: str) -> bool:
    """Return whether two texts differ at most by one unit in the last digit of their numbers."""
    if NUMBER.split(one) != NUMBER.split(other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(_is_near(Decimal(a.replace(",", "")), Decimal(b.replace(",", ""))) for a, b in pairs)


def _is_near(one: Decimal, other: Decimal) -> bool:
    unit = max(Decimal(1).scaleb(int(each.as_tuple().exponent)) for each in (one, other))
    return abs(one - other) <= unit


def may_round_differently(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two records come from other code paths, systems or processors."""
    kind = [(each["machine"].split(", ", 2)[2], each["architecture"]) for each in (one, other)]
    return kind[0] != kind[1]


def main(folder: str) -> int:
    """Print the differences."""
    paths = sorted(Path(folder).glob("**/*.json"))
    records = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    usual = [name for name, each in records.items() if each["condition"] == REFERENCE]
    if not usual:
        print(f"{folder} has no record under the usual conditions, so there is nothing to compare with.")
        return 1
    reference = records.pop(usual[0])
    print(f"Reference: {usual[0]} ({reference['machine']}), {len(reference['chapters'])} chapters.")
    failed = False
    for name, each in records.items():
        allowed = may_round_differently(reference, each)
        found = list(differences(reference, each))
        bad = [difference for difference in found if not (allowed and is_close(*difference[1:]))]
        state = f"{len(bad)} differences" if bad else f"{len(found)} last digits differ" if found else "equal"
        print(f"{name} ({each['machine']}): {state}")
        for place, one, other in found:
            mark = "DIFFERS" if (place, one, other) in bad else "last digit"
            print(f"  {mark}: {place}\n    {one[:MAX_LENGTH]}\n    {other[:MAX_LENGTH]}")
        failed |= bool(bad)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
