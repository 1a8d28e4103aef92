"""Run the experiments of all chapters side by side, before Sphinx reads them.

The results go into MyST-NB's own cache. The name of its folder is a hash of everything that a run depends on
besides the notebook. A change of the package, of the lock file or of Python runs all chapters again; an edit of the
text runs none.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import os
import re
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_core.utils import ensure_async
from myst_nb.core.read import create_nb_reader
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
from traitlets.config import Config as Traits

logger = logging.getLogger(__name__)

LONGEST_LINE = 200


@dataclass
class Run:
    """An executed chapter."""

    path: Path
    notebook: Any
    seconds: float = 0.0
    failure: list[str] = field(default_factory=list)
    """The report of a failure, line by line; empty if all cells ran."""


class Runner:
    """Runs chapters in parallel, one per processor."""

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.clients: list[NotebookClient] = []
        self.stopped = False

    def run(self, notebooks: dict[Path, Any]) -> Any:
        """Yield a ``Run`` for each notebook as it completes. Closing the generator or Ctrl-C kills the kernels."""
        with TemporaryDirectory() as sockets, ThreadPoolExecutor(os.cpu_count()) as pool:
            try:
                futures = [
                    pool.submit(self._run, path, notebook, _kernel_settings(Path(sockets, str(number))))
                    for number, (path, notebook) in enumerate(notebooks.items())
                ]
                for done in as_completed(futures):
                    yield done.result()
            except BaseException:
                self.stopped = True
                pool.shutdown(wait=False, cancel_futures=True)
                self._kill()
                raise

    def _run(self, path: Path, notebook: Any, settings: Traits) -> Run:
        run = Run(path, notebook)
        # The output of one print may arrive in two messages, which MyST-NB would show as two lines.
        client = NotebookClient(
            notebook, timeout=self.timeout, config=settings, coalesce_streams=True, record_timing=False
        )
        self.clients.append(client)
        cells: list[Any] = []

        def note_cell(cell: Any, cell_index: int) -> None:
            if self.stopped:  # while the kernel was starting
                raise RuntimeError("stopped")
            cells.append(cell)

        client.on_cell_start = note_cell
        started = time.perf_counter()
        try:
            client.execute(cwd=str(path.parent))
        except (CellExecutionError, CellTimeoutError, RuntimeError) as error:  # RuntimeError: the kernel died
            run.failure = describe(path, cells[-1] if cells else None, error)
        run.seconds = time.perf_counter() - started
        return run

    def _kill(self) -> None:
        for client in self.clients:
            if client.km is not None and client.km.has_kernel:
                asyncio.run(ensure_async(client.km.signal_kernel(signal.SIGKILL)))


def _kernel_settings(socket: Path) -> Traits:
    """Return the settings of a kernel: Unix sockets, which need no encryption, where the system has them."""
    if sys.platform == "win32":
        return Traits()
    return Traits({"KernelManager": {"transport": "ipc", "ip": str(socket)}})


def describe(path: Path, cell: Any, error: Exception) -> list[str]:
    """Return a report of a failure: the cell, the statement, the sentence of the chapter, and the machine."""
    output = next((each for each in cell.outputs if each.output_type == "error"), None) if cell else None
    lines = [f"{path}: an experiment failed."]
    if cell is not None:
        lines.append(f"  cell:      {cell.source.strip().splitlines()[0]}")
    if output is not None:
        statement = _statement(cell.source, "\n".join(output.traceback))
        lines.append(f"  statement: {' '.join(statement.split())}")
        kind = "sentence: " if output.ename == "AssertionError" else f"{output.ename}:"
        lines.append(f"  {kind} {' '.join(output.evalue.split())}")
    else:
        message = str(error).strip().splitlines() or [""]
        lines.append(f"  {type(error).__name__}: {message[0]}")
    lines.append(f"  on:        {machine()}")
    return [line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…" for line in lines]


def _statement(source: str, traceback: str) -> str:
    """Return the statement of a cell that raised the error."""
    number = re.search(r"line (\d+)", re.sub(r"\x1b\[[0-9;]*m", "", traceback))
    if number:
        line = int(number[1])
        try:
            statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
        except SyntaxError:
            return source.splitlines()[line - 1]
        enclosing = [node for node in statements if node.lineno <= line <= (node.end_lineno or node.lineno)]
        if enclosing:
            innermost = max(enclosing, key=lambda node: node.lineno)
            if isinstance(innermost, ast.Assert):
                innermost.msg = None
                return ast.unparse(innermost)
            return (ast.get_source_segment(source, innermost) or "").splitlines()[0]
    return "(unknown)"


def machine() -> str:
    """Return the versions and the code paths that results may depend on."""
    settings: Any = np.show_config(mode="dicts")
    path = (settings["SIMD Extensions"].get("found") or ["baseline"])[-1]
    version = ".".join(map(str, sys.version_info[:3]))
    return f"Python {version}, NumPy {np.__version__}, code paths {path}, {sys.platform}"


def digest(root: Path) -> str:
    """Return a hash of everything that a run depends on besides its notebook."""
    files = [
        *sorted((root / "src").rglob("*.py")),
        *sorted((root / "book" / "live_demo").glob("*.json*")),
        root / "book" / "requirements.txt",
    ]
    combined = hashlib.sha256(sys.version.encode())
    for path in filter(Path.is_file, files):
        combined.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return combined.hexdigest()[:16]


def _use_cache(app: Sphinx, config: Config) -> None:
    folder = Path(app.confdir, "_build", "executed", digest(Path(app.confdir)))
    config["nb_execution_cache_path"] = str(folder)
    for old in set(folder.parent.glob("*")) - {folder}:
        shutil.rmtree(old, ignore_errors=True)


def _fill_cache(app: Sphinx, env: Any, names: list[str]) -> None:
    """Run the chapters that are not in the cache. If one fails, run the others, then end the build."""
    cache = get_cache(app.config.nb_execution_cache_path)
    notebooks = {}
    for name in names:
        path = Path(env.doc2path(name))
        text = path.read_text(encoding="utf-8")
        reader = create_nb_reader(str(path), env.myst_config, env.mystnb_config, text)
        if reader is not None:
            notebook = reader.read(text)
            try:
                cache.match_cache_notebook(notebook)
            except KeyError:
                notebooks[path] = notebook
    if not notebooks:
        return
    logger.info("running the experiments of %d chapters ...", len(notebooks))
    failures = []
    with closing(Runner(app.config.nb_execution_timeout).run(notebooks)) as runs:
        for number, run in enumerate(runs, 1):
            name = env.path2doc(str(run.path))
            state = "failed" if run.failure else "done"
            logger.info(
                "experiments of %s: %s in %.1f s (%d of %d)", name, state, run.seconds, number, len(notebooks)
            )
            if run.failure:
                failures.append("\n".join(run.failure).replace(f"{app.confdir}{os.sep}", ""))
            else:
                bundle = CacheBundleIn(run.notebook, str(run.path), data={"execution_seconds": run.seconds})
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    if failures:
        # For an exception, Jupyter Book would also print its own traceback.
        print(*failures, sep="\n", file=sys.stderr)
        sys.exit(1)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", _use_cache, priority=100)
    app.connect("env-before-read-docs", _fill_cache)
    # The threads that run the chapters do not survive the fork of sphinx-build -j.
    return {"parallel_read_safe": False, "parallel_write_safe": True}
