"""How long the site takes to build: from nothing, after an edit of a text, and after an edit in the package."""

from __future__ import annotations

import re
import resource
import sys
import tempfile
import time
from pathlib import Path

from audit_reproducible import build, copy_sources

# What a build says when a phase begins.
PHASES = {
    "Running Sphinx": "settings and live demo",
    "running the experiments": "experiments",
    "updating environment": "reading",
    "drawing figures": "pictures of figures",
    "looking for now-outdated files": "numbers and references",
    "preparing documents": "writing pages",
    "generating indices": "indices and other files",
}
EDITS = {
    Path("book", "rmsprop.md"): "\nOne more paragraph.\n",
    Path("src", "adaptive_optim", "sweeps.py"): "\n# One more comment.\n",
}


def timed(title: str, folder: Path, known: set[str], target: str = "book") -> None:
    """Build the site, and print how long it took, what of it, and what it says of experiments that is not known."""
    cpu_before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    phases = {"start of programs": began}
    process = build(folder, target)
    lines = []
    for line in process.stdout:
        lines.append(re.sub(r"\x1b\[[0-9;]*m", "", line))
        for words, phase in PHASES.items():
            if words in lines[-1]:
                phases.setdefault(phase, time.monotonic())
    if process.wait():
        sys.exit("".join(lines))
    ended = time.monotonic()
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = cpu.ru_utime + cpu.ru_stime - cpu_before.ru_utime - cpu_before.ru_stime
    print(f"{title}: {ended - began:.1f} s, {used:.1f} s of processors")
    for (phase, start), end in zip(phases.items(), [*phases.values(), ended][1:], strict=True):
        print(f"  {end - start:6.1f} s  {phase}")
    for line in lines:
        if line.startswith("experiments ") and line not in known:
            known.add(line)
            print(f"  {line.rstrip()}")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-builds-") as temporary:
        folder = Path(temporary, "book")
        copy_sources(folder)
        known: set[str] = set()
        timed("from nothing", folder, known)
        timed("nothing changed", folder, known)
        for path, words in EDITS.items():
            with (folder / path).open("a", encoding="utf-8") as file:
                file.write(words)
            timed(f"after an edit of {path}", folder, known)
        timed("with the whole book as one PDF", folder, known, "pdf")


if __name__ == "__main__":
    main()
