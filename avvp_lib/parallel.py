"""Several processes for work that falls into independent tasks: rendering videos, extracting features.

Processes are spawned, because a fork of a process that already runs threads (torch in a notebook) may hang. A worker computes with one
thread, since a process for each core leaves no core for a second, and it ends with the process that started it, however that one ends.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from tqdm.auto import tqdm

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_tasks(
    work: Callable[..., int],
    tasks: Sequence[tuple],
    workers: int | None,
    videos: int,
    description: str,
    progress: bool = True,
) -> None:
    """Call `work(*task)` for every task, in processes of its own if there is more than one worker.

    Args:
        work: a function that a module defines; returns how many videos it has done.
        tasks: its arguments; they can be pickled.
        workers: processes; the machine's cores by default. One means this process.
        videos: how many there are in all tasks, for the progress bar.
        description: what the bar is called.
        progress: show it.

    Raises:
        Whatever `work` raises first; tasks that have not begun by then are dropped.
    """
    workers = workers or os.cpu_count() or 1
    with tqdm(total=videos, desc=description, unit="video", disable=not progress) as bar:
        if workers == 1 or not tasks:
            for task in tasks:
                bar.update(work(*task))
            return
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=spawn, initializer=_start_worker) as pool:
            futures = [pool.submit(work, *task) for task in tasks]
            try:
                for future in as_completed(futures):
                    bar.update(future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _start_worker() -> None:
    """One thread, no chatter, an end at Ctrl-C without a traceback, and no life after the parent's."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # read when a task imports the library that computes
    logging.getLogger().setLevel(logging.ERROR)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot tell its workers to stop: they would go on and then wait for tasks forever."""
    multiprocessing.parent_process().join()
    os._exit(1)
