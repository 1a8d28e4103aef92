"""How long the experiments of each chapter took: its cells, without the kernel's start and the imports."""

from __future__ import annotations

import ast
from datetime import datetime
from typing import Any

from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.execute import cache
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

PREPARATIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
KEPT_AS = "experiment_seconds"


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


def _run_timed(notebook: Any, **settings: Any) -> Any:
    result = single_nb_execution(notebook, **settings, record_timing=True)
    if result.err is None:
        # Of all that is stored with a run, only what the kernel says of its language is handed on by MyST-NB
        # when the run is found again.
        notebook.metadata["language_info"][KEPT_AS] = experiment_seconds(notebook.cells)
    for cell in notebook.cells:
        # A run is found again by all metadata of its cells: with times among them, never.
        cell.metadata.pop("execution", None)
    return result


def _say_times(app: Sphinx, exception: Exception | None) -> None:
    """Say how long the experiments of each chapter took when they were last run."""
    times = {
        name: (app.env.metadata[name]["language_info"][KEPT_AS], data["runtime"])
        for name in app.env.found_docs
        if (data := NbMetadataCollector.get_exec_data(app.env, name))
        and KEPT_AS in app.env.metadata[name].get("language_info", {})
    }
    for name, (seconds, all_seconds) in sorted(times.items(), key=lambda item: -item[1][0]):
        logger.info("experiments of %s: %.1f s (%.1f s with kernel and imports)", name, seconds, all_seconds)
    totals = [sum(column) for column in zip(*times.values(), strict=True)] or [0.0, 0.0]
    logger.info("experiments of all chapters: %.1f s (%.1f s with kernels and imports)", *totals)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    cache.single_nb_execution = _run_timed
    app.connect("build-finished", _say_times)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
