"""A full disk, by whatever name a library tells it."""

from __future__ import annotations

import errno
from collections.abc import Iterator

MESSAGE = "The disk is full."
HINT = "Delete runs that you no longer need."
_CODES = frozenset((errno.ENOSPC, errno.EDQUOT))
_WORDS = (  # of libraries that keep the system's words, but not its number: safetensors, torch, Arrow
    "no space left on device",
    "disk quota exceeded",
    "not enough space on the disk",
    "(os error 28)",
    "(os error 112)",
    "(os error 122)",
)


def is_full(error: BaseException) -> bool:
    """Whether an error, or what it came from, says that the disk takes no more."""
    return any(
        (isinstance(link, OSError) and link.errno in _CODES) or any(word in str(link).lower() for word in _WORDS)
        for link in _chain(error)
    )


def reason(error: OSError) -> str:
    """Why a file could not be written, for the middle of a sentence."""
    return "the disk is full" if is_full(error) else error.strerror or type(error).__name__


def as_os_error(error: BaseException) -> OSError | None:
    """The OSError that a library hides when the disk is full; None for any other error, and for one that is it."""
    if isinstance(error, OSError) or not isinstance(error, Exception) or not is_full(error):
        return None
    return OSError(errno.ENOSPC, "No space left on device")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
