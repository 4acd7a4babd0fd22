"""The sign of life of a run: an OS lock that its process holds from birth to death.

The kernel frees the lock however the process dies, so a crash, a recycled pid or a clock jump cannot fool anyone.
On POSIX systems the launcher locks a descriptor and the child inherits it: there is no moment without the lock.
Elsewhere the child takes the lock itself and the launcher waits until it sees it (launch/processes.py).
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

if sys.platform != "win32":
    import fcntl

HANDS_OVER = sys.platform != "win32"
_held: set[int] = set()


class Life(Protocol):
    """A lock that is held until `release` or until this process ends."""

    def release(self) -> None: ...


@dataclass(frozen=True)
class DescriptorLock:
    """flock on a descriptor. Released by closing alone: an unlock would also end the lock of a child that shares it."""

    descriptor: int

    def release(self) -> None:
        _held.discard(self.descriptor)
        os.close(self.descriptor)


def take(path: Path, wait_s: float = 0.5) -> Life | None:
    """Lock the file; None when another process holds it. The wait outlasts the short looks of `is_held`."""
    if not HANDS_OVER:
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(timeout=wait_s, poll_interval=0.01)
        except Timeout:
            return None
        return lock
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + wait_s
    while not _flock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() >= deadline:
            os.close(descriptor)
            return None
        time.sleep(0.005)
    return adopt(descriptor)


def adopt(descriptor: int) -> DescriptorLock:
    """The lock of an inherited descriptor. Programs that this process starts do not get it."""
    os.set_inheritable(descriptor, False)
    _held.add(descriptor)
    return DescriptorLock(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock. The look is shared: two lookers do not see each other as life.

    A file that cannot be opened is no lock: it costs its own run, not the queue of all.
    """
    if not HANDS_OVER:
        lock = take(path, wait_s=0) if path.exists() else None
        if lock is not None:
            lock.release()
        return lock is None and path.exists()
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _flock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _forget_in_forked_child() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if HANDS_OVER:
    # A forked grandchild (a data loader, say) shares the descriptor; it must not keep a dead run alive.
    os.register_at_fork(after_in_child=_forget_in_forked_child)
