"""Whose turn it is: turns go round between owners, and an owner's runs keep the order in which they came.

A pure function, so that the fairness of a class's queue can be proved without any run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def fair(waiting: Iterable[tuple[str, T]], started: Iterable[str]) -> list[T]:
    """The waiting runs in the order of their starts, the next one first.

    `waiting`: owner and run, in the order of creation. `started`: the owners of runs that have begun, in the order of
    their starts, the latest last. Who has begun nothing goes first, then who has waited longest since a start; after
    a turn an owner stands behind all others. So between two runs of one owner, nobody else who waits is passed over,
    and nobody waits for more than one run of each other owner.
    """
    lines: dict[str, deque[T]] = {}
    for owner, run in waiting:
        lines.setdefault(owner, deque()).append(run)
    latest = {owner: place for place, owner in enumerate(started)}
    turns = deque(sorted(lines, key=lambda owner: latest.get(owner, -1)))  # stable: ties stay in order of creation
    order: list[T] = []
    while turns:
        owner = turns.popleft()
        order.append(lines[owner].popleft())
        if lines[owner]:
            turns.append(owner)
    return order
