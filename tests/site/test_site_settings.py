"""What the site's settings read from the place where it is built."""

import json
import subprocess
import sys

import pytest


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return a function that makes a git repository with that remote."""
    github = ("REPOSITORY", "SERVER_URL", "REF_NAME", "SHA", "EVENT_PATH")
    for name in (*(f"GITHUB_{name}" for name in github), "SITE_ADDRESS", "GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)

    def checkout(remote):
        subprocess.run(["git", "init", "--quiet", "--initial-branch=draft", tmp_path], check=True)
        if remote:
            subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
        return tmp_path

    return checkout


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/someone/a.book.git",
        "https://github.com/someone/a.book",
        "https://github.com/someone/a.book/",
        "git@github.com:someone/a.book.git",
        "ssh://git@github.com/someone/a.book.git",
        "ssh://git@github.com:22/someone/a.book.git",
        "https://some.one:secret@github.com/someone/a.book.git",
    ],
)
def test_the_repository_is_where_the_remote_says(site_settings, checkout, remote):
    assert site_settings.repository(checkout(remote)).address == "https://github.com/someone/a.book"


@pytest.mark.parametrize(
    "remote",
    [
        None,
        "/somewhere/on/this/machine",
        "../book.git",
        "file:///somewhere/book.git",
        "git@git.example.org:someone/a.book.git",
    ],
)
def test_without_a_remote_that_others_can_reach_there_is_no_repository(site_settings, checkout, remote):
    assert site_settings.repository(checkout(remote)) is None


def test_outside_of_git_there_is_no_repository(site_settings, tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert site_settings.repository(tmp_path) is None


def test_without_git_there_is_no_repository(site_settings, checkout, monkeypatch):
    root = checkout("https://github.com/someone/book.git")
    monkeypatch.setenv("PATH", "")
    assert site_settings.repository(root) is None


def git(root, *arguments):
    author = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *author, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root):
    git(root, "commit", "--quiet", "--allow-empty", "--no-verify", "--message=x")
    return git(root, "rev-parse", "HEAD")


def test_the_branch_is_the_one_checked_out(site_settings, checkout):
    root = checkout("https://github.com/someone/book.git")
    assert site_settings.repository(root).branch == "main"
    commit(root)
    assert site_settings.repository(root).branch == "draft"
    git(root, "checkout", "--quiet", "--detach")
    assert site_settings.repository(root).branch == "main"


def test_the_version_is_the_commit_once_it_is_pushed_and_the_branch_before(site_settings, checkout):
    root = checkout("https://github.com/someone/book.git")
    assert site_settings.repository(root).version == "main"
    pushed = commit(root)
    assert site_settings.repository(root).version == "draft"
    git(root, "update-ref", "refs/remotes/elsewhere/draft", "HEAD")
    assert site_settings.repository(root).version == "draft"
    git(root, "update-ref", "refs/remotes/origin/draft", "HEAD")
    assert site_settings.repository(root).version == pushed
    later = commit(root)
    assert site_settings.repository(root).version == "draft"
    git(root, "update-ref", "refs/remotes/origin/draft", later)
    git(root, "checkout", "--quiet", "--detach", pushed)
    assert site_settings.repository(root).version == pushed


def test_the_environment_of_github_comes_first(site_settings, checkout, monkeypatch):
    root = checkout("https://github.com/someone/book.git")
    monkeypatch.setenv("GITHUB_REPOSITORY", "other/fork")
    assert site_settings.repository(root) == ("https://github.com/other/fork", "main", "main")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.example.org")
    monkeypatch.setenv("GITHUB_REF_NAME", "next")
    monkeypatch.setenv("GITHUB_SHA", "5e1")
    assert site_settings.repository(root) == ("https://github.example.org/other/fork", "next", "5e1")


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        ("someone/Book", "https://someone.github.io/Book/"),
        ("SomeOne/book", "https://someone.github.io/book/"),
        ("SomeOne/someone.github.io", "https://someone.github.io/"),
    ],
)
def test_the_site_is_where_github_publishes_a_repository(site_settings, checkout, monkeypatch, repository, address):
    root = checkout(f"https://github.com/{repository}.git")
    assert site_settings.address(root) == address
    monkeypatch.setenv("SITE_ADDRESS", "https://book.example.org")
    assert site_settings.address(root) == "https://book.example.org/"


def test_where_the_site_will_be_is_not_guessed(site_settings, checkout, monkeypatch):
    assert site_settings.address(checkout("https://gitlab.com/someone/book.git")) == ""
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/book")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.example.org")
    assert site_settings.address(checkout(None)) == ""


@pytest.fixture
def pull_request(checkout, tmp_path, monkeypatch):
    """Return a function that makes the environment of a pull request from that repository."""
    root = checkout(None)

    def pull_request(source):
        head = {"ref": "a-better-figure", "sha": "c0de", "repo": source}
        write(tmp_path, "event.json", json.dumps({"pull_request": {"head": head}}))
        monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
        monkeypatch.setenv("GITHUB_REPOSITORY", "someone/book")
        monkeypatch.setenv("GITHUB_REF_NAME", "12/merge")
        monkeypatch.setenv("GITHUB_SHA", "3e6e")
        return root

    return pull_request


def test_links_in_a_pull_request_point_to_its_source(site_settings, pull_request):
    fork = "https://github.com/other/fork"
    assert site_settings.repository(pull_request({"html_url": fork})) == (fork, "a-better-figure", "c0de")


def test_a_pull_request_whose_fork_is_gone_is_built_all_the_same(site_settings, pull_request):
    assert site_settings.repository(pull_request(None)).address == "https://github.com/someone/book"


def test_a_push_to_a_branch_is_no_pull_request(site_settings, checkout, tmp_path, monkeypatch):
    root = checkout(None)
    write(tmp_path, "event.json", json.dumps({"ref": "refs/heads/next", "repository": {"has_pages": True}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/book")
    monkeypatch.setenv("GITHUB_REF_NAME", "next")
    monkeypatch.setenv("GITHUB_SHA", "5e1")
    assert site_settings.repository(root) == ("https://github.com/someone/book", "next", "5e1")


CONF = """
import sys
sys.path.insert(0, {extensions!r})
project = "small"
extensions = ["myst_nb", "sphinx_book_theme", "site_settings"]
exclude_patterns = ["_build", "node_modules"]
nb_execution_mode = "off"
html_theme = "sphinx_book_theme"
html_theme_options = {{"launch_buttons": {{"binderhub_url": "https://mybinder.org"}}}}
"""
PAGE = """\
---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
# Page
"""


def test_a_page_is_launched_at_the_version_it_is_built_from_and_edited_on_the_branch(root, checkout, monkeypatch):
    sources = checkout(None)
    write(sources, "conf.py", CONF.format(extensions=str(root / "book" / "_ext")))
    write(sources, "index.md", PAGE)
    environment = {"REPOSITORY": "someone/book", "REF_NAME": "next", "SHA": "5e1"}
    for name, value in environment.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    build = [sys.executable, "-m", "sphinx", "-W", "--no-color", sources, sources / "_build" / "html"]
    subprocess.run(build, check=True, capture_output=True)
    page = (sources / "_build" / "html" / "index.html").read_text(encoding="utf-8")
    assert "https://mybinder.org/v2/gh/someone/book/5e1?" in page
    assert "https://github.com/someone/book/edit/next/index.md" in page
