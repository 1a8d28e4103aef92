"""Processes that train side by side and never outlive the program that started them."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess


def process_pool(max_workers: int | None = None) -> ProcessPoolExecutor:
    """Return a pool of processes that end when the process that made it ends.

    The workers of a plain ``ProcessPoolExecutor`` wait forever for work if their parent is killed, for example a
    notebook kernel. Results do not depend on the number of workers.

    Parameters
    ----------
    max_workers : int, optional
        Number of processes, at least 1; by default the number of processors.

    Returns
    -------
    concurrent.futures.ProcessPoolExecutor
        Its processes are spawned, not forked, so that they behave the same on every system.

    Raises
    ------
    ValueError
        If ``max_workers`` is less than 1.

    Examples
    --------
    >>> with process_pool(2) as pool:
    ...     list(pool.map(abs, [-1, 2]))
    [1, 2]
    """
    return ProcessPoolExecutor(max_workers, get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=[parent], daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
