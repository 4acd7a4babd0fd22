"""A child process whose run was killed ends by itself: nobody hears its result, and the next run needs the cores."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
import time
from multiprocessing.connection import wait

if sys.platform != "win32":
    import fcntl


def end_with_parent(grace_s: float = 0.0) -> None:
    """From now on this child outlives the process that has asked for it by `grace_s` seconds at most.

    A thread waits for the end of the pipe that the parent holds. Without a grace the kernel ends the child too, where
    it can: a call that holds the interpreter lets no thread come to its turn. (PR_SET_PDEATHSIG would wait for the fork
    server, which lives as long as its children do.)
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    threading.Thread(target=_watch, args=(parent.sentinel, grace_s), daemon=True).start()
    if grace_s == 0 and sys.platform == "linux":
        _ask_the_kernel(parent.sentinel)


def _watch(sentinel: int, grace_s: float) -> None:
    wait([sentinel])
    time.sleep(grace_s)
    os._exit(1)


def _ask_the_kernel(sentinel: int) -> None:
    """SIGIO, which ends a process that does not listen to it, once the other end of the pipe is closed."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)
