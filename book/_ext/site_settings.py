"""Set what depends on where the site is built: its address, and the repository that its buttons lead to."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config

# The theme makes launch and edit links for these.
HOSTS = ("github.com", "gitlab.com", "bitbucket.org")


class Repository(NamedTuple):
    """The repository that readers edit and launch pages from."""

    address: str
    branch: str
    # The commit that the pages are built from, or the branch if that commit may not be pushed.
    version: str


def repository(root: Path) -> Repository | None:
    """Return the repository of the sources, or None if neither the environment nor git names one."""
    name = os.environ.get("GITHUB_REPOSITORY")
    if name:
        event = os.environ.get("GITHUB_EVENT_PATH")
        pull_request = json.loads(Path(event).read_text(encoding="utf-8")).get("pull_request") if event else None
        head = (pull_request or {}).get("head", {})
        # CI builds a merge commit that GitHub deletes. The fork that it comes from may be deleted, too.
        if head.get("repo"):
            return Repository(head["repo"]["html_url"], head["ref"], head["sha"])
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        branch = os.environ.get("GITHUB_REF_NAME", "main")
        return Repository(f"{server}/{name}", branch, os.environ.get("GITHUB_SHA", branch))
    remote = _git(root, "remote", "get-url", "origin")
    if "://" not in remote:
        # git@host:owner/name is short for ssh://git@host/owner/name.
        remote = "ssh://" + remote.replace(":", "/", 1)
    address = urlsplit(remote)
    path = address.path.strip("/").removesuffix(".git")
    if address.hostname not in HOSTS or path.count("/") < 1:
        return None
    branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    branch = "main" if branch in ("", "HEAD") else branch
    pushed = _git(root, "for-each-ref", "--contains=HEAD", "refs/remotes/origin")
    # Only the host: a remote may contain a password.
    return Repository(
        f"https://{address.hostname}/{path}", branch, _git(root, "rev-parse", "HEAD") if pushed else branch
    )


def address(root: Path) -> str:
    """Return the public address of the site, or "" if neither the environment nor the repository says it."""
    given, known = os.environ.get("SITE_ADDRESS"), repository(root)
    if given:
        return given.rstrip("/") + "/"
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


def has_full_history(root: Path) -> bool:
    """Return whether git knows all commits: in a shallow clone, the oldest seems to have changed every file."""
    return bool(_git(root, "log", "-1")) and _git(root, "rev-parse", "--is-shallow-repository") == "false"


def _set(app: Sphinx, config: Config) -> None:
    root = Path(app.confdir)
    home, known = address(root), repository(root)
    config["html_baseurl"] = config["ogp_site_url"] = home
    config["notfound_urls_prefix"] = urlsplit(home).path or "/"
    options = config["html_theme_options"]
    if known:
        options |= {"repository_url": known.address, "repository_branch": known.version}
    else:
        options |= {"repository_url": "", "launch_buttons": {}}
    options |= dict.fromkeys(
        ("use_repository_button", "use_edit_page_button", "use_issues_button"), known is not None
    )
    if "sphinx_last_updated_by_git" in app.extensions:
        config["git_last_updated_timezone"] = "UTC"
        config["git_untracked_show_sourcelink"] = True


def _edit_branch(app: Sphinx) -> None:
    """Let edit links lead to the branch: the theme takes launch and edit links from one setting."""
    known = repository(Path(app.confdir))
    for host in ("github", "gitlab", "bitbucket"):
        if known and f"{host}_version" in app.config.html_context:
            app.config.html_context[f"{host}_version"] = known.branch


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    if has_full_history(Path(app.confdir)):
        app.setup_extension("sphinx_last_updated_by_git")
    # The progress bars of the experiments would become part of the pages.
    os.environ["TQDM_DISABLE"] = "1"
    # Before sphinx_last_updated_by_git (500) reads its time zone.
    app.connect("config-inited", _set, priority=100)
    # After the theme (500) has copied its setting for launch links to edit links.
    app.connect("builder-inited", _edit_branch, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
