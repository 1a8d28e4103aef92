"""A pool of worker processes that exit together with the process that created it."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess


def process_pool(max_workers: int | None = None) -> ProcessPoolExecutor:
    """Return a pool of processes that exit when the process that created the pool exits.

    The workers of a plain ``ProcessPoolExecutor`` wait forever if their parent process is killed, for example a
    notebook kernel. Results do not depend on the number of workers.

    Parameters
    ----------
    max_workers : int, optional
        Number of processes, at least 1; by default the number of processors.

    Returns
    -------
    concurrent.futures.ProcessPoolExecutor
        Pool whose processes are spawned, not forked, so that they behave the same on every operating system.

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
    return ProcessPoolExecutor(max_workers, get_context("spawn"), initializer=_exit_with_parent)


def _exit_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=[parent], daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
