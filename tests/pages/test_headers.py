"""Every HTTP answer carries the policy; websockets and set headers are left alone."""

from __future__ import annotations

import asyncio
from typing import Any

from pages.parts.shared.headers import HEADERS, POLICY, SecurityHeaders


def answer(scope_type: str, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": f"{scope_type}.response.start", "headers": headers})

    async def receive() -> Any:
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(SecurityHeaders(app)({"type": scope_type}, receive, send))
    return sent[0]


def test_headers_are_added_once() -> None:
    assert answer("http", [(b"x-a", b"1")])["headers"] == [(b"x-a", b"1"), *HEADERS]
    own = (b"Content-Security-Policy", b"default-src 'none'")
    assert answer("http", [own])["headers"] == [own, *HEADERS[1:]]


def test_websockets_are_left_alone() -> None:
    assert answer("websocket", [])["headers"] == []


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert "http" not in POLICY
    assert "object-src 'none'" in POLICY
