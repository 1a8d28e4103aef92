"""Open every chapter as Binder does: run repo2docker's steps in a new environment, then Run All in JupyterLab."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import chromium
import repo2docker
from playwright.sync_api import Browser, Page, TimeoutError

ROOT = Path(__file__).parents[2]
# What repo2docker has to run after it has copied the sources, in this order.
STEPS = [
    '${KERNEL_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r "requirements.txt"',
    "${KERNEL_PYTHON_PREFIX}/bin/pip install --no-cache-dir .",
    "chmod +x postBuild",
    "./postBuild",
]
# Timeouts in seconds.
START, RUN, DRAW = 120, 900, 30

# What JupyterLab knows of its one open document.
PLOTLY = "application/vnd.plotly.v1+json"
READY = "() => jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
CELLS = """(plotly) => jupyterapp.shell.currentWidget.content.model.toJSON().cells.map((cell) => {
  const outputs = cell.outputs ?? [];
  return {
    waiting: cell.cell_type === 'code' && String(cell.source).trim() !== '' && cell.execution_count == null,
    errors: outputs.filter((output) => output.output_type === 'error').map((one) => `${one.ename}: ${one.evalue}`),
    figures: outputs.filter((output) => output.data?.[plotly]).length,
  };
})"""
SHOW = "(index) => jupyterapp.shell.currentWidget.content.scrollToItem(index, 'start')"
DRAWN = """(index) => {
  const { node } = jupyterapp.shell.currentWidget.content.widgets[index];
  const figures = [...node.querySelectorAll('.js-plotly-plot')];
  return figures.filter((figure) => figure.querySelector('.mlayer :is(path, image)')).length;
}"""
END = "() => globalThis.jupyterapp?.serviceManager.sessions.shutdownAll()"


class Image(NamedTuple):
    """What repo2docker makes of a folder: a Python, and what it runs when the folder's files are there."""

    python: str
    steps: list[str]


def image(tree: Path) -> Image:
    """Return what repo2docker would build, by the Dockerfile it prints."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True)
    python = re.search(r"Building conda environment for python=([\d.]+)", done.stderr)
    _, _, ours = done.stdout.partition("\n# Copy stuff.\n")
    return Image(python[1] if python else "unknown", re.findall(r"^RUN (.*)$", ours, re.MULTILINE))


def base(python: str) -> list[str]:
    """Return what repo2docker installs before anything of the book, by the names and versions that pip knows."""
    folder = Path(repo2docker.__file__).parent / "buildpacks" / "conda"
    wanted = (folder / f"environment.py-{python}.yml").read_text(encoding="utf-8")
    frozen = (folder / f"environment.py-{python}-linux-64.lock").read_text(encoding="utf-8")
    version = dict(re.findall(r"/([\w.-]+)-([\d.]+)-\w+\.conda#", frozen))
    names = re.findall(r"^- ([\w-]+)==", wanted, re.MULTILINE)
    return [f"{name.removesuffix('-singleuser')}=={version[name]}" for name in names]


def environment(prefix: Path, tree: Path) -> dict[str, str]:
    """Return the environment variables of a session in Binder, where the sources are the home folder."""
    keep = {name: os.environ[name] for name in ("LANG", "TMPDIR", "SSL_CERT_FILE") if name in os.environ}
    path = f"{prefix / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    return {**keep, "PATH": path, "HOME": str(tree), "KERNEL_PYTHON_PREFIX": str(prefix)}


def install(prefix: Path, tree: Path, python: str, steps: list[str]) -> None:
    """Make the environment that repo2docker would."""
    program = shutil.which(f"python{python}")
    if program is None:
        raise FileNotFoundError(f"no python{python}, which runtime.txt asks for")
    pip = [prefix / "bin" / "python", "-m", "pip"]
    subprocess.run([program, "-m", "venv", prefix], check=True)
    subprocess.run([*pip, "install", "--quiet", *base(python)], check=True)
    for step in steps:
        print(f"  {step}", flush=True)
        # pip finds packages, and keeps them, the way it does on this machine.
        known = (
            {**os.environ, "KERNEL_PYTHON_PREFIX": str(prefix)} if "/pip " in step else environment(prefix, tree)
        )
        command = step.replace("--no-cache-dir", "--quiet")
        subprocess.run(["bash", "-c", command], cwd=tree, env=known, check=True)
    subprocess.run([*pip, "check"], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def jupyterlab(prefix: Path, tree: Path) -> Iterator[tuple[str, str]]:
    """Start JupyterLab on the sources, yield its address and its token, and stop it at the end."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    command = [prefix / "bin" / "jupyter-lab", "--no-browser", "--expose-app-in-browser", "--allow-root"]
    settings = [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    with (tree.parent / "jupyterlab.log").open("w+") as log:
        process = subprocess.Popen(
            [*command, *settings],
            cwd=tree,
            env=environment(prefix, tree),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            address = f"http://localhost:{port}"
            _await(process, f"{address}/api", Path(log.name))
            yield address, token
        finally:
            # It ends its kernels, which are in process groups of their own.
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _await(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(address):
                return
        except URLError:
            time.sleep(0.5)
    raise RuntimeError(f"JupyterLab does not answer:\n{log.read_text(encoding='utf-8')}")


def chapters(tree: Path) -> list[Path]:
    """Return the chapters that can be launched."""
    return sorted(
        path for path in (tree / "book").glob("*.md") if "kernelspec:" in path.read_text(encoding="utf-8")
    )


def launch_path(chapter: Path) -> str:
    """Return where a chapter's launch link leads to in JupyterLab, or would if the repository were known."""
    page = ROOT / "_build" / "html" / "book" / f"{chapter.stem}.html"
    links = re.findall(r'\?urlpath=([^"&]+)"', page.read_text(encoding="utf-8")) if page.is_file() else []
    return links[0] if links else f"lab/tree/book/{chapter.name}"


def run_all(page: Page, address: str) -> list[str]:
    """Open a chapter, run all its cells, and return what went wrong."""
    page.set_default_timeout(START * 1000)
    page.goto(address)
    opened = page.locator(".jp-NotebookPanel, .jp-FileEditor, .jp-MarkdownViewer").locator("visible=true").first
    opened.wait_for()
    if "jp-NotebookPanel" not in (opened.get_attribute("class") or ""):
        return ["does not open as a notebook"]
    page.wait_for_function(READY)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    end = time.monotonic() + RUN
    while True:
        cells = page.evaluate(CELLS, PLOTLY)
        errors = [error for cell in cells for error in cell["errors"]]
        waiting = sum(cell["waiting"] for cell in cells)
        if errors:
            return errors
        if not waiting:
            break
        if time.monotonic() > end:
            return [f"{waiting} cells have not run after {RUN} s"]
        time.sleep(1)
    return [problem for index, cell in enumerate(cells) for problem in _not_drawn(page, index, cell["figures"])]


def _not_drawn(page: Page, index: int, figures: int) -> list[str]:
    if not figures:
        return []
    # JupyterLab draws what is in view.
    page.evaluate(SHOW, index)
    try:
        page.wait_for_function(f"(index) => ({DRAWN})(index) === {figures}", arg=index, timeout=DRAW * 1000)
    except TimeoutError:
        return [f"cell {index} shows {page.evaluate(DRAWN, index)} of {figures} figures"]
    return []


def audit() -> list[str]:
    """Return what is wrong in Binder."""
    with tempfile.TemporaryDirectory() as folder:
        tree, prefix = Path(folder, "tree"), Path(folder, "environment")
        tree.mkdir()
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
        subprocess.run(["tar", "-x"], cwd=tree, input=archive.stdout, check=True)
        python, steps = image(tree)
        wanted = (tree / "runtime.txt").read_text(encoding="utf-8").strip()
        if f"python-{python}" != wanted:
            return [f"repo2docker makes Python {python} of {wanted}"]
        if steps != STEPS:
            return [f"repo2docker runs something else: {steps}"]
        install(prefix, tree, python, steps)
        with chromium.browser() as browser, jupyterlab(prefix, tree) as (address, token):
            found = []
            for chapter in chapters(tree):
                start = time.monotonic()
                # JupyterLab would also open what was open before. In Binder nothing was.
                problems = _visit(browser, f"{address}/{launch_path(chapter)}?token={token}&reset")
                seconds = time.monotonic() - start
                print(f"  {chapter.name}: {'; '.join(problems) or 'good'}, {seconds:.0f} s", flush=True)
                found += [f"{chapter.name}: {problem}" for problem in problems]
            return found


def _visit(browser: Browser, address: str) -> list[str]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        try:
            return run_all(page, address)
        except TimeoutError as error:
            return [str(error)]
        finally:
            page.evaluate(END)


if __name__ == "__main__":
    problems = audit()
    print("\n".join(problems))
    sys.exit(bool(problems))
