"""One after the other, across processes: who comes second waits, and then finds what the first has made."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from distill_core.errors import AssetError

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


@contextlib.contextmanager
def alone(lock_file: Path, what: str, wait_s: float, limit_s: float) -> Iterator[None]:
    """Fetch something while no other process does. Raises AssetError when another still does after `wait_s` of the
    `limit_s` seconds that a download may take."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        raise AssetError(
            f"Another process has been fetching {what} for {limit_s:g} s.", "Wait for it or stop it, then try again."
        ) from error
    try:
        yield
    finally:
        lock.release()
