"""What the site's settings read from the place where it is built."""

import re
import subprocess

import pytest


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return a function that makes a git repository with that remote."""
    github = ("GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "GITHUB_REF_NAME", "GITHUB_HEAD_REF")
    for name in (*github, "SITE_ADDRESS", "GIT_DIR", "GIT_WORK_TREE"):
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
    address, _ = site_settings.repository(checkout(remote))
    assert address == "https://github.com/someone/a.book"


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


def test_the_branch_is_the_one_checked_out(site_settings, checkout):
    root = checkout("https://github.com/someone/book.git")
    author = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    commit = ["commit", "--quiet", "--allow-empty", "--no-verify", "--message=x"]
    subprocess.run(["git", "-C", root, *author, *commit], check=True)
    assert site_settings.repository(root) == ("https://github.com/someone/book", "draft")
    subprocess.run(["git", "-C", root, "checkout", "--quiet", "--detach"], check=True)
    assert site_settings.repository(root) == ("https://github.com/someone/book", "main")


def test_the_environment_of_github_comes_first(site_settings, checkout, monkeypatch):
    root = checkout("https://github.com/someone/book.git")
    monkeypatch.setenv("GITHUB_REPOSITORY", "other/fork")
    assert site_settings.repository(root) == ("https://github.com/other/fork", "main")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.example.org")
    monkeypatch.setenv("GITHUB_REF_NAME", "next")
    assert site_settings.repository(root) == ("https://github.example.org/other/fork", "next")


def test_in_a_pull_request_the_branch_is_the_one_it_comes_from(site_settings, checkout, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/book")
    monkeypatch.setenv("GITHUB_REF_NAME", "12/merge")
    monkeypatch.setenv("GITHUB_HEAD_REF", "a-better-figure")
    assert site_settings.repository(checkout(None))[1] == "a-better-figure"


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
    assert site_settings.address(root) == "https://book.example.org"


def test_where_the_site_will_be_is_not_guessed(site_settings, checkout, monkeypatch):
    assert site_settings.address(checkout("https://gitlab.com/someone/book.git")) == ""
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/book")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.example.org")
    assert site_settings.address(checkout(None)) == ""


@pytest.fixture
def project(tmp_path):
    write(tmp_path, "book/requirements.txt", "numpy==2.0\n")
    write(tmp_path, "src/package/__init__.py", "")
    write(tmp_path, "src/package/rule.py", "rate = 0.1\n")
    write(tmp_path, "book/live_demo/presets.json", "{}")
    write(tmp_path, "book/chapter.md", "# Chapter\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("src/package/rule.py", "rate = 0.2\n"),
        ("src/package/another.py", ""),
        ("book/requirements.txt", "numpy==2.1\n"),
        ("book/live_demo/presets.json", '{"rare": {}}'),
    ],
)
def test_executed_pages_are_forgotten_when_what_they_ran_on_changes(site_settings, project, name, text):
    before = site_settings.cache_key(project)
    write(project, name, text)
    assert site_settings.cache_key(project) != before


def test_executed_pages_are_forgotten_when_a_module_is_renamed_or_removed(site_settings, project):
    keys = [site_settings.cache_key(project)]
    (project / "src/package/rule.py").rename(project / "src/package/law.py")
    keys.append(site_settings.cache_key(project))
    (project / "src/package/law.py").unlink()
    keys.append(site_settings.cache_key(project))
    assert len(set(keys)) == 3


def test_executed_pages_are_kept_when_only_text_changes(site_settings, project):
    before = site_settings.cache_key(project)
    write(project, "book/chapter.md", "# Another title\n")
    assert site_settings.cache_key(project) == before


def test_icons_that_no_page_uses_leave_the_style_and_all_else_stays(site_settings):
    style = (
        'a{b:c}.fa-sun:before{content:"1"}.fa-old:before,.fa-new:before{content:"2"}.fa-x:before{content:"3"}d{}'
    )
    kept = 'a{b:c}.fa-sun:before{content:"1"}.fa-old:before,.fa-new:before{content:"2"}d{}'
    assert site_settings.without_icons(style, {"fa-sun", "fa-new", "fa-solid"}) == kept


def test_every_icon_of_a_page_has_its_rule(site, page_names):
    used = {
        icon
        for name in page_names
        for icon in re.findall(r"fa-solid (fa-[a-z-]+)", (site / name).read_text("utf-8"))
    }
    style = (site / "_static" / "styles" / "pydata-sphinx-theme.css").read_text(encoding="utf-8")
    assert used
    assert {icon for icon in used if f".{icon}:before" not in style} == set()
