"""A stop, or a kill that leaves the last checkpoint, as a training sees it from inside."""

from __future__ import annotations

from collections.abc import Callable


class Interrupted(Exception):
    """Neither an error nor the end."""


def interrupt_at(call: int) -> Callable[[], None]:
    """A check that raises Interrupted at the call with this number, counted from 0."""
    calls = iter(range(10**6))

    def check() -> None:
        if next(calls) == call:
            raise Interrupted

    return check
