"""The experiments of the chapters: run side by side, kept until what they depend on changes, and timed.

A run is kept in a file per chapter. It depends on the chapter's code, on the modules below ``src`` that the code
imports and on the files that it names. All runs are forgotten when Python or the lock file changes.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from datetime import datetime
from functools import cache, partial
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

import nbformat
from myst_nb.core import execute
from myst_nb.core.execute.base import NotebookClientBase
from myst_nb.core.read import create_nb_reader
from myst_nb.sphinx_ import NbMetadataCollector
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging

logger = logging.getLogger(__name__)

PREPARATIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
# Where the environment notes what a chapter depends on, and how long its experiments took.
FILES, TIME = "experiment_files", "experiment_seconds"


def only_prepares(source: str) -> bool:
    """Return whether a cell does nothing but import and define."""
    try:
        return all(isinstance(statement, PREPARATIONS) for statement in ast.parse(source).body)
    except SyntaxError:  # for instance a magic
        return False


def experiment_seconds(cells: list[Any]) -> float:
    """Return how long all cells together ran, of those that ran and did more than prepare."""
    total = 0.0
    for cell in cells:
        times = cell["metadata"].get("execution", {})
        if "shell.execute_reply" in times and not only_prepares(cell["source"]):
            started, ended = times["iopub.execute_input"], times["shell.execute_reply"]
            total += (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
    return total


def _imports(tree: ast.AST, package: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield what some code imports: the module, the name in it (empty for all of it), and the name it is given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                top = name.name.partition(".")[0]  # It is at hand, too, with all that it imports.
                yield from ((module, "", name.asname or top) for module in {name.name, top})
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            yield from ((module, name.name, name.asname or name.name) for name in node.names)


@cache
def _imports_of(module: bytes, package: str) -> list[tuple[str, str, str]]:
    return list(_imports(ast.parse(module), package))


def imported(tree: ast.AST, source: Path) -> set[Path]:
    """Return the modules below a folder that some code imports, and those that these import in turn.

    A package hands names on: of the modules that its ``__init__.py`` imports, only those that have the names count.
    That is all there is to it as long as modules do nothing but define when they are imported.
    """
    found: set[Path] = set()
    followed = set()
    waiting = list(_imports(tree))
    while waiting:
        module, name, _ = waiting.pop()
        if (module, name) in followed:
            continue
        followed.add((module, name))
        stem = source.joinpath(*module.split("."))
        init, path = stem / "__init__.py", stem.with_suffix(".py")
        if init.is_file():
            names = _imports_of(init.read_bytes(), module)
            if name:
                handed_on = [entry for entry in names if entry[2] == name]
                names = handed_on or [*names, (f"{module}.{name}", "", name)]
            found.add(init)
            waiting += names
        elif path.is_file():
            found.add(path)
            waiting += _imports_of(path.read_bytes(), module.rpartition(".")[0])
    return found


def files_of(notebook: Any, folder: Path, source: Path) -> list[Path]:
    """Return the files that a chapter depends on: the modules it imports, and what it names in its folder."""
    try:
        tree = ast.parse("\n".join(cell.source for cell in _code_cells(notebook)))
    except SyntaxError:
        return sorted(source.rglob("*.py"))  # Nobody knows what a magic does.
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    named = {folder / word[:255] for word in words if isinstance(word, str)}
    return sorted(imported(tree, source) | {path for path in named if path.is_file()})


def state_of(files: Iterable[Path]) -> str:
    """Return a name for the content of some files."""
    return _digest(*(path.read_bytes() if path.is_file() else b"" for path in files))


def key_of(notebook: Any, files: Iterable[Path]) -> str:
    """Return a name for all that the run of a chapter depends on; its text and its captions are not among it."""
    code = [f"{cell.source}\0{cell.metadata.get('tags')}".encode() for cell in _code_cells(notebook)]
    return _digest(*code, state_of(files).encode())


def _code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


class Experiments:
    """The runs of all chapters in one build."""

    def __init__(self, app: Sphinx) -> None:
        self.app = app
        self.root = Path(app.confdir)
        environment = _digest((self.root / "book" / "requirements.txt").read_bytes(), sys.version.encode())
        self.folder = self.root / "_build" / "executed" / environment
        self.workers = ThreadPoolExecutor(os.cpu_count())
        self.clients: list[Any] = []
        self.runs: dict[tuple[Path, str], Future[Any]] = {}
        self.spans: list[tuple[float, float]] = []

    def start(self, notebook: Any, path: Path) -> tuple[list[Path], Future[Any]]:
        """Start the run of a chapter, once; return the files it depends on, and what will be its notebook."""
        files = files_of(notebook, path.parent, self.root / "src")
        key = key_of(notebook, files)
        if (path, key) not in self.runs:
            self.runs[path, key] = self.workers.submit(self._run, deepcopy(notebook), path, files)
        return files, self.runs[path, key]

    def _run(self, notebook: Any, path: Path, files: list[Path]) -> Any:
        key = key_of(notebook, files)
        kept = (self.folder / path.relative_to(self.root)).with_suffix(".ipynb")
        if kept.is_file():
            run = nbformat.reads(kept.read_text(encoding="utf-8"), as_version=4)
            if run.metadata["run"]["key"] == key:
                return run
        timeout = self.app.config.nb_execution_timeout
        # What one print writes may come in two pieces, and MyST-NB would make two lines of them.
        client = NotebookClient(notebook, timeout=timeout, record_timing=True, coalesce_streams=True)
        self.clients.append(client)
        started = time.perf_counter()
        client.execute(cwd=str(path.parent))
        ended = time.perf_counter()
        self.spans.append((started, ended))
        notebook.cells = _code_cells(notebook)
        notebook.metadata["run"] = {
            # What has changed meanwhile may have been run before or after.
            "key": key if key == key_of(notebook, files) else None,
            "seconds": ended - started,
            "experiment_seconds": experiment_seconds(notebook.cells),
        }
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".unfinished")
        unfinished.write_text(nbformat.writes(notebook), encoding="utf-8")
        unfinished.replace(kept)
        return nbformat.reads(kept.read_text(encoding="utf-8"), as_version=4)

    def stop(self) -> None:
        """End all runs."""
        self.workers.shutdown(wait=False, cancel_futures=True)
        for client in self.clients:
            if client.km is not None and client.km.has_kernel:
                client.km.provisioner.process.kill()

    def configure(self, app: Sphinx, config: Config) -> None:
        """Read all chapters again when runs are kept elsewhere."""
        config["nb_execution_cache_path"] = str(self.folder)

    def outdated(
        self, app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
    ) -> list[str]:
        """Return the chapters that depend on a file that has changed."""
        noted = {name: env.metadata[name][FILES] for name in env.found_docs if FILES in env.metadata[name]}
        return [name for name, (files, state) in noted.items() if state_of(files) != state]

    def begin(self, app: Sphinx, env: Any, names: list[str]) -> None:
        """Start the runs of all chapters that are about to be read."""
        for name in names:
            path = Path(env.doc2path(name))
            text = path.read_text(encoding="utf-8")
            reader = create_nb_reader(str(path), env.myst_config, env.mystnb_config, text)
            if reader is not None:
                self.start(reader.read(text), path)

    def finish(self, app: Sphinx, exception: Exception | None) -> None:
        """Say how long the experiments of each chapter took when they were last run; forget runs of no use."""
        if exception is not None:
            self.stop()
            return
        pages = {name: NbMetadataCollector.get_exec_data(app.env, name) for name in app.env.found_docs}
        times = {name: (data[TIME], data["runtime"]) for name, data in pages.items() if data}
        for name, (seconds, all_seconds) in sorted(times.items(), key=lambda item: -item[1][0]):
            logger.info("experiments of %s: %.1f s (%.1f s with kernel and imports)", name, seconds, all_seconds)
        totals = [sum(column) for column in zip(*times.values(), strict=True)] or [0.0, 0.0]
        logger.info("experiments of all chapters: %.1f s (%.1f s with kernels and imports)", *totals)
        if self.spans:  # Side by side, each takes longer than alone.
            firsts, lasts = zip(*self.spans, strict=True)
            together = max(lasts) - min(firsts)
            logger.info("experiments run in this build: %d, side by side in %.1f s", len(firsts), together)
        for folder in set(self.folder.parent.glob("*")) - {self.folder}:
            shutil.rmtree(folder)
        for kept in self.folder.rglob("*.ipynb"):
            if kept.relative_to(self.folder).with_suffix("").as_posix() not in times:
                kept.unlink()


class Client(NotebookClientBase):  # type: ignore[misc]
    """Give a chapter the outputs of its run while MyST-NB reads it."""

    def __init__(self, experiments: Experiments, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.experiments = experiments

    def start_client(self) -> None:
        """Wait for the run, and put its outputs into the notebook."""
        env = self.experiments.app.env
        files, running = self.experiments.start(self.notebook, self.path)
        env.metadata[env.docname][FILES] = files, state_of(files)
        try:
            run = running.result()
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise ExtensionError(f"{self.path}: an experiment failed\n{error}") from error
        except KeyboardInterrupt:
            self.experiments.stop()
            raise
        for cell, ran in zip(_code_cells(self.notebook), run.cells, strict=True):
            cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
        self.notebook.metadata["language_info"] = run.metadata["language_info"]
        # What is offered for download is the same whenever it is made.
        for number, cell in enumerate(self.notebook.cells):
            cell.id = f"cell-{number}"
        self.exec_metadata = {
            "mtime": 0.0,
            "runtime": run.metadata["run"]["seconds"],
            TIME: run.metadata["run"]["experiment_seconds"],
            "method": "cache",
            "succeeded": True,
            "error": None,
            "traceback": None,
        }


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    experiments = Experiments(app)
    execute.NotebookClientCache = partial(Client, experiments)
    app.connect("config-inited", experiments.configure, priority=100)
    app.connect("env-get-outdated", experiments.outdated)
    app.connect("env-before-read-docs", experiments.begin)
    app.connect("build-finished", experiments.finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
