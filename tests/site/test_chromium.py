"""How a Chromium for these tests is found, or installed."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def chromium(load, monkeypatch, tmp_path):
    """The program, on a machine that has no Chromium and where nothing is really installed."""
    module = load(Path(__file__).with_name("chromium.py"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    really_run = subprocess.run
    module.commands = []

    def run(command, **settings):
        if "--version" in command:
            return really_run(command, **settings)
        module.commands.append(" ".join(command[-2:]))
        return SimpleNamespace(returncode=1)

    monkeypatch.setattr(module.subprocess, "run", run)
    return module


def put(folder, name, status):
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_first_one_on_the_path_that_starts_is_taken(chromium, tmp_path):
    assert chromium.find() is None
    chrome = put(tmp_path, "google-chrome", 0)
    put(tmp_path, "chromium-browser", 1)  # as where it is a script that says what to install
    assert chromium.find() == chrome
    assert chromium.main() == 0
    assert chromium.commands == []


def test_without_chromium_playwright_installs_it_or_the_user_is_told(chromium, capsys):
    assert chromium.main() == 1
    assert chromium.commands == ["install chromium"]
    assert "Install your system's package 'chromium' or Google Chrome" in capsys.readouterr().err


def test_as_root_on_debian_its_package_is_the_second_try(chromium, monkeypatch, tmp_path):
    put(tmp_path, "apt-get", 0)
    monkeypatch.setattr(chromium, "_is_root", lambda: True)
    assert chromium.main() == 1
    assert chromium.commands == ["install chromium", "apt-get update", "--no-install-recommends chromium"]


def test_the_tests_say_how_to_get_one_where_there_is_none(chromium):
    with pytest.raises(FileNotFoundError, match=r"python tests/site/chromium\.py"), chromium.browser():
        pass
