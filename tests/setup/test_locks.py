"""The pinned packages install without a compiler on every supported Python and platform."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.txt", "book/requirements.txt", "tests/requirements.txt"]
# The glibc of Ubuntu 22.04; Debian 12 has 2.36.
PLATFORMS = ["x86_64-manylinux_2_35", "aarch64-manylinux_2_35", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def run_uv(*arguments):
    environment = {**os.environ, "UV_HTTP_RETRIES": "1", "NO_COLOR": "1"}
    command = [Path(sys.executable).with_name("uv"), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def run_uv_cached(*arguments):
    """Run uv with its cache, which is enough for pinned versions, or else with the package index."""
    done = run_uv(*arguments, "--offline")
    if done.returncode:
        done = run_uv(*arguments)
    if "error sending request" in done.stderr and not os.environ.get("CI"):
        pytest.skip("the package index cannot be reached")
    return done


def dry_run(lock, platform, python):
    """Return the arguments of uv that resolve the wheels of a lock file for another machine."""
    target = [f"--python-platform={platform}", f"--python-version={python}", "--target=_build/no-such-folder"]
    return [
        "pip",
        "install",
        "--dry-run",
        "--only-binary=:all:",
        *target,
        "--require-hashes",
        f"--requirement={lock}",
    ]


def pins(lock):
    """Return the pinned versions of each package; platforms may have different ones."""
    found = re.findall(r"^([\w.-]+(?:\[.*\])?)==(\S+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
    return {name: {version for other, version in found if other == name} for name, _ in found}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_pinned_package_has_a_wheel(platform):
    for lock in LOCKS:
        for python in PYTHONS:
            done = run_uv_cached(*dry_run(lock, platform, python))
            assert done.returncode == 0, f"{lock}, Python {python}: {done.stderr}"


def test_a_package_without_a_wheel_is_found(tmp_path):
    (tmp_path / "PKG-INFO").write_text("Metadata-Version: 2.2\nName: uncompiled\nVersion: 1.0\n", encoding="utf-8")
    source = tmp_path / "uncompiled-1.0.tar.gz"
    with tarfile.open(source, "w:gz") as archive:
        archive.add(tmp_path / "PKG-INFO", "uncompiled-1.0/PKG-INFO")
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"uncompiled==1.0 --hash=sha256:{sha256(source.read_bytes()).hexdigest()}\n", encoding="utf-8")
    done = run_uv(*dry_run(lock, PLATFORMS[0], PYTHONS[0]), "--no-index", f"--find-links={tmp_path}")
    assert "uncompiled==1.0 has no usable wheels" in done.stderr


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_agrees_with_pyproject(lock, tmp_path):
    recipe = subprocess.run(["make", "-n", "lock"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [command] = [line for line in recipe.splitlines() if f"--output-file {lock}" in line]
    _, *arguments = shlex.split(command)
    copy = tmp_path / "requirements.txt"
    shutil.copy(ROOT / lock, copy)
    done = run_uv_cached(
        *(str(copy) if argument == lock else argument for argument in arguments if argument != "--upgrade")
    )
    assert done.returncode == 0, done.stderr
    assert copy.read_text(encoding="utf-8") == (ROOT / lock).read_text(encoding="utf-8"), "run make lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_contains_no_package_index(lock):
    assert "://" not in (ROOT / lock).read_text(encoding="utf-8")


def test_the_npm_lock_contains_no_registry():
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", LOCKS[:2])
def test_the_locks_have_the_same_versions(lock):
    tested = pins("tests/requirements.txt")
    assert {name: found for name, found in pins(lock).items() if found != tested.get(name, found)} == {}
    if lock == "book/requirements.txt":
        assert pins(lock).keys() <= tested.keys()
