"""Many sessions at once against one server: their waits, and what the server held before, meanwhile and after."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.load.server import Held, Server
from benchmarks.load.session import Session, Target, Waits

CLOCK_S = 0.05
GROWTH = 1.25  # memory, threads and handles may be so much above where they were, once everyone has left


@dataclass
class Seen:
    """What one level of load showed. `before`: after a first visitor, so that imports are no growth."""

    waits: Waits
    before: Held
    most: Held
    after: Held
    settled_s: float | None  # until the server was back to `before`; None where it was not in time
    wall_s: float
    driver_cpu_s: float
    lateness_s: list[float] = field(default_factory=list)  # how late the driver's own clock was


def visit(
    server: Server, pages: Sequence[tuple[str, str]], options: argparse.Namespace, cookies: Sequence[str] = ()
) -> Seen:
    """Let the sessions come, stay and go; `cookies`: who each of them is."""
    asyncio.run(_warm(server, pages))
    wait_until(lambda: False, 3.0)
    before = server.held()
    cpu, start = _own_cpu_s(), time.monotonic()
    waits, most, lateness = asyncio.run(_all(server, pages, options, cookies))
    wall, cpu = time.monotonic() - start, _own_cpu_s() - cpu
    gc.collect()
    left = time.monotonic()
    is_back = wait_until(lambda: _is_back(server.held(), before), options.settle)
    settled = time.monotonic() - left if is_back else None
    return Seen(waits, before, most, server.held(), settled, wall, cpu, lateness)


async def _warm(server: Server, pages: Sequence[tuple[str, str]]) -> None:
    """One visitor for each page: modules are imported, recorded results are read. That happens once a server."""
    for number, page in enumerate(dict.fromkeys(pages)):
        waits = Waits()
        await Session(Target(server.port, *page), waits, number).stay(time.monotonic() + 2, 0.5)
        if waits.errors:
            raise RuntimeError(f"The page {page[0]} does not answer: {waits.errors[0]}")


async def _all(
    server: Server, pages: Sequence[tuple[str, str]], options: argparse.Namespace, cookies: Sequence[str]
) -> tuple[Waits, Held, list[float]]:
    waits, lateness, held = Waits(), [], [server.held()]
    until = time.monotonic() + options.ramp + options.seconds

    async def come(number: int) -> None:
        await asyncio.sleep(options.ramp * number / options.sessions)
        target = Target(server.port, *pages[number % len(pages)])
        hangs_up = number < options.hang_up * options.sessions
        cookie = cookies[number] if cookies else ""
        await Session(target, waits, number, cookie, hangs_up).stay(until, options.every)

    async def watch() -> None:
        while True:
            asked = time.monotonic()
            await asyncio.sleep(CLOCK_S)
            lateness.append(time.monotonic() - asked - CLOCK_S)
            if len(lateness) % 10 == 0:
                held.append(server.held())

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*map(come, range(options.sessions)))
    watcher.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watcher
    return waits, max(held, key=lambda one: one.memory_mib), lateness


def _is_back(now: Held, before: Held) -> bool:
    """Whether threads and handles are where they were, and memory is near."""
    return (
        now.threads <= before.threads * GROWTH
        and now.handles <= before.handles * GROWTH
        and now.memory_mib <= before.memory_mib * GROWTH
    )


def wait_until(holds: Callable[[], bool], at_most_s: float) -> bool:
    """Ask again and again; False when the time is over."""
    deadline = time.monotonic() + at_most_s
    while not (found := holds()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
