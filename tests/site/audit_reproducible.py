"""Whether the site is, file by file, what a clean build in another folder makes of the same sources.

``make pdf`` has made the site here, at once or bit by bit. The other build shares only the environment with it:
every chapter runs again.
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
        return path.read_bytes() if path.is_file() else None

    return sorted(name for name in names if content(one / name) != content(other / name))


def audit() -> list[str]:
    """Return the files that are not the same in a clean build."""
    site = Path("_build", "html")
    with tempfile.TemporaryDirectory(prefix="a-folder-with-a-longer-name-") as temporary:
        folder = Path(temporary, "book")
        copy_sources(folder)
        process = build(folder)
        output, _ = process.communicate()
        if process.returncode:
            return [output]
        return differences(ROOT / site, folder / site)


if __name__ == "__main__":
    different = audit()
    print("\n".join(different) or "every file of the site is the same in a clean build")
    sys.exit(bool(different))
