"""Taking turns: two runs that write into one folder do so one after the other."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from avvp_lib.workspace import shown

logger = logging.getLogger(__name__)

LOCK = ".lock"


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder until the block ends; made if need be. Whoever comes second says so and waits for its turn.

    The lock belongs to the process, not to the file `.lock` that stays behind: a run that is killed holds nothing.
    Do not ask for the same folder again within the block: it would wait for itself, which filelock refuses with a RuntimeError.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.warning("another run is writing into %s: waiting for it to end", shown(folder))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
