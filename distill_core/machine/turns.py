"""One after the other, across processes: who comes second waits, and then finds what the first has made."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

WAIT_S = 0.5


@contextlib.contextmanager
def turn(path: Path, check: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of the thing at `path`, in a file beside it. A run that waits can be stopped: `check` is asked.

    Where no lock can be written (a full disk, a folder that may only be read) nobody waits: the work is then done twice
    at worst.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            held.enter_context(_acquired(path, check))
        yield


@contextlib.contextmanager
def _acquired(path: Path, check: Callable[[], None]) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}.lock")
    while True:
        check()
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=WAIT_S)
            break
    try:
        yield
    finally:
        lock.release()
