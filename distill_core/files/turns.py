"""One after the other, across processes: who comes second waits, and then finds what the first has made."""

from __future__ import annotations

import contextlib
import math
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
def turn(
    path: Path, check: Callable[[], None] = lambda: None, patience_s: float = math.inf
) -> Iterator[Callable[[], None]]:
    """Hold the lock of the thing at `path`, in a file beside it. A run that waits can be stopped: `check` is asked.

    Gives the check for the work itself: it shows those who wait that the work goes on. Who sees no sign of that for
    `patience_s` seconds, because the holder is paused, waits no longer. Where no lock can be written (a full disk, a
    folder that may only be read) nobody waits either: the work is then done twice at worst.
    """
    sign = Path(f"{path}.sign")

    def check_and_show() -> None:
        check()
        with contextlib.suppress(OSError):
            sign.touch()

    lock = _own_turn(Path(f"{path}.lock"), sign, check, patience_s)
    with lock:
        try:
            yield check_and_show
        finally:
            if not isinstance(lock, contextlib.nullcontext):
                with contextlib.suppress(OSError):
                    sign.unlink(missing_ok=True)


def _own_turn(
    lock_file: Path, sign: Path, check: Callable[[], None], patience_s: float
) -> contextlib.AbstractContextManager[object]:
    """The lock, or none. Only the time of the tries counts as waiting: who is paused loses no patience."""
    waited_s, seen = 0.0, _touched(sign)
    while waited_s < patience_s:
        check()
        try:
            return locked(lock_file, WAIT_S)
        except TimeoutError:
            waited_s = waited_s + WAIT_S if _touched(sign) == seen else 0.0
            seen = _touched(sign)
        except OSError:
            break
    return contextlib.nullcontext()


def _touched(sign: Path) -> int:
    try:
        return sign.stat().st_mtime_ns
    except OSError:
        return 0


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
