"""Memory that a training step frees stays with the process: the next step needs the same amount again.

glibc hands blocks over 32 MiB back to the system when they are freed, and the top of its heap as well. A student's
embedding gradient alone is 47 MB a step: 11,000 pages, which the system takes back, zeroes and gives out again.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable, Iterator

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
_KEEP = {_TRIM_THRESHOLD: 2**31 - 1, _MMAP_THRESHOLD: 2**30}
_USUAL = {_TRIM_THRESHOLD: 64 * 2**20, _MMAP_THRESHOLD: 32 * 2**20}  # where glibc's moving thresholds end by themselves


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Within this block freed memory is kept for reuse; at its end it goes back. Does nothing without glibc."""
    mallopt = _function("mallopt")
    if mallopt is None:
        yield
        return
    for option, value in _KEEP.items():
        mallopt(option, value)
    try:
        yield
    finally:
        for option, value in _USUAL.items():
            mallopt(option, value)
        trim = _function("malloc_trim")
        if trim is not None:
            trim(0)


def _function(name: str) -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError, AttributeError):  # musl has neither
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
        return found
    return None
