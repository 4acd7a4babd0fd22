"""One after the other, across processes: who comes second waits, and then finds what the first has made."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

from distill_core.errors import AssetError

FOREVER_S = -1.0
WAIT_S = 0.5
_POLL_S = 0.01


def locked(lock_file: Path, wait_s: float = FOREVER_S) -> contextlib.AbstractContextManager[object]:
    """Lock a file, made with its folder where it is missing; `with` lets it go, and so does the end of the process.

    Raises TimeoutError when another thread or process still holds it after `wait_s` seconds, any other OSError where
    no lock can be written.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(lock_file).acquire(timeout=wait_s, poll_interval=_POLL_S)


@contextlib.contextmanager
def turn(path: Path, check: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of the thing at `path`, in a file beside it. A run that waits can be stopped: `check` is asked.

    Where no lock can be written (a full disk, a folder that may only be read) nobody waits: the work is then done twice
    at worst.
    """
    with _own_turn(Path(f"{path}.lock"), check):
        yield


def _own_turn(lock_file: Path, check: Callable[[], None]) -> contextlib.AbstractContextManager[object]:
    while True:
        check()
        try:
            return locked(lock_file, WAIT_S)
        except TimeoutError:
            continue
        except OSError:
            return contextlib.nullcontext()


@contextlib.contextmanager
def alone(lock_file: Path, what: str, wait_s: float, limit_s: float) -> Iterator[None]:
    """Fetch something while no other process does. Raises AssetError when another still does after `wait_s` of the
    `limit_s` seconds that a download may take."""
    try:
        lock = locked(lock_file, wait_s)
    except TimeoutError as error:
        raise AssetError(
            f"Another process has been fetching {what} for {limit_s:g} s.", "Wait for it or stop it, then try again."
        ) from error
    with lock:
        yield
