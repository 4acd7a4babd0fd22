"""Visitors who have left: what the server still holds for them is let go within a minute.

Streamlit keeps a session without a connection for `server.disconnectedSessionTTL` seconds, so that a hiccup of the
network costs nothing, but drops an old one no sooner than another leaves: after a class the last forty would stay, each
with its state, its files and an event loop. A visitor who returns later finds page, run and controls in the address.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

from streamlit.runtime import Runtime

EVERY_S = 5.0


@contextlib.asynccontextmanager
async def swept(app: object) -> AsyncIterator[None]:
    """The server's life: sessions that are over are swept again and again meanwhile."""
    sweeper = asyncio.create_task(_sweep_for_ever())
    try:
        yield
    finally:
        sweeper.cancel()


async def _sweep_for_ever() -> None:
    while True:
        await asyncio.sleep(EVERY_S)
        sweep()


def sweep() -> int:
    """End the sessions whose time to return is over. Returns how many there were."""
    if not Runtime.exists():
        return 0
    manager: Any = Runtime.instance()._session_mgr
    with manager._storage_lock:
        over = manager._session_storage._cache.expire()
    for _, info in over:
        info.session.shutdown()
    if over:
        gc.collect()  # sessions hang in circles
    return len(over)
