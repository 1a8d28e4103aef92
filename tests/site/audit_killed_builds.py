"""Whether the build after a killed build makes the same site.

``make pdf`` has made the site here. In a copy, some results of every phase of a build are deleted, a build is
killed, and the next one has to make the same site. Long experiments do not run again.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from audit_reproducible import ROOT, build, copy_sources, differences
from jupyter_cache import get_cache

KILLS = 6
# Chapters that run in a few seconds.
CHAPTERS = ("book/index", "book/myst_nb_plotly")


def damage(built: Path) -> None:
    """Delete the pages, some executed notebooks and some pictures."""
    shutil.rmtree(built / "html", ignore_errors=True)
    shutil.rmtree(built / ".doctrees", ignore_errors=True)
    (built / ".succeeded").unlink(missing_ok=True)
    for folder in built.glob("executed/*"):
        cache = get_cache(folder)
        for run in cache.list_cache_records():
            if run.uri.removesuffix(".md").endswith(CHAPTERS):
                cache.remove_cache(run.pk)
    for picture in sorted((built / ".plotly-pictures").glob("*"))[::8]:
        shutil.rmtree(picture)


def finish(folder: Path) -> float:
    """Build the site, and return the seconds it took."""
    began = time.monotonic()
    process = build(folder)
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a build failed:\n{output}")
    return time.monotonic() - began


def audit() -> list[str]:
    """Return what differs in builds after killed builds."""
    problems = []
    with tempfile.TemporaryDirectory(prefix="killed-builds-") as temporary:
        folder = Path(temporary, "book")
        copy_sources(folder)
        built = folder / "_build"
        shutil.copytree(ROOT / "_build", built, symlinks=True, ignore=shutil.ignore_patterns("audit"))
        damage(built)
        whole = finish(folder)
        for kill in range(KILLS):
            damage(built)
            moment = whole * (kill + 0.5) / KILLS
            process = build(folder)
            try:
                output, _ = process.communicate(timeout=moment)
                print(f"ended before it was killed at {moment:.1f} s")
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
            said = [line for line in output.replace("\r", "\n").splitlines() if line.strip()] or ["nothing"]
            finish(folder)
            different = differences(ROOT / "_build" / "html", built / "html")
            print(f"killed after {moment:.1f} s ({said[-1][:60]}): {len(different)} files differ in the next build")
            problems += [f"{name}, after a kill at {moment:.1f} s" for name in different]
    return problems


if __name__ == "__main__":
    sys.exit(bool(audit()))
