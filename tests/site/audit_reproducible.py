"""Whether two clean builds in different folders make the same site.

They share only the environment, so every chapter runs twice. A PDF contains its time of printing: it is left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = (".venv", "node_modules")
NOT_COMPARED = {".buildinfo"}  # Sphinx's own note, with a digest of absolute paths


def copy_sources(folder: Path) -> None:
    """Copy the book to a folder that does not exist yet, to be built there with the environment of this one."""
    shutil.copytree(
        ROOT, folder, symlinks=True, ignore=shutil.ignore_patterns("_build", "__pycache__", *ENVIRONMENT)
    )
    for name in ENVIRONMENT:
        (folder / name).symlink_to(ROOT / name, target_is_directory=True)


def build(folder: Path, target: str = "pdf") -> subprocess.Popen[str]:
    """Start ``make`` in a copy, in a process group of its own."""
    # The environment knows the packages of the book from here. It must not be renewed from there.
    command = ["make", target, "--old-file=.venv/book.installed", "--old-file=node_modules/.book.installed"]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONUNBUFFERED": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def differences(one: Path, other: Path) -> list[str]:
    """Return the files that are not the same in two folders, or only in one."""
    names = {path.relative_to(folder).as_posix() for folder in (one, other) for path in folder.rglob("*")}

    def content(path: Path) -> bytes | None:
        return path.read_bytes() if path.is_file() and path.suffix != ".pdf" else None

    return sorted(name for name in names - NOT_COMPARED if content(one / name) != content(other / name))


def audit() -> list[str]:
    """Return the files that are not the same in two clean builds."""
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary, name) for name in ("one", "a folder with a longer name")]
        for folder in folders:
            copy_sources(folder)
            process = build(folder, "book")
            output, _ = process.communicate()
            if process.returncode:
                return [output]
        return differences(*(folder / "_build" / "html" for folder in folders))


if __name__ == "__main__":
    different = audit()
    print("\n".join(different) or "two clean builds make the same site")
    sys.exit(bool(different))
