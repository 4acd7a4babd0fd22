"""Every HTTP answer carries the policy; websockets and set headers are left alone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

from pages.parts.shared.headers import (
    BACKEND_SCRIPT,
    HEADERS,
    PERMISSIONS,
    POLICY,
    SecurityHeaders,
    script_hashes,
    streamlit_page,
)


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
    rules = dict(rule.partition(" ")[::2] for rule in POLICY.split("; "))
    assert "http" not in POLICY
    assert "*" not in POLICY
    assert rules["default-src"] == "'none'"  # objects, frames and workers too
    assert rules["connect-src"] == "'self'"
    for rule in ("base-uri", "form-action", "frame-ancestors"):
        assert rules[rule] == "'self'"


def test_a_script_stands_in_streamlits_page_or_in_a_file_and_nowhere_else() -> None:
    script = dict(rule.partition(" ")[::2] for rule in POLICY.split("; "))["script-src"].split()
    assert not {"'unsafe-inline'", "'unsafe-eval'", "data:", "blob:"} & set(script)
    allowed = script_hashes(streamlit_page() + BACKEND_SCRIPT.encode())  # Streamlit's own, and this product's one
    assert [source for source in script if source.startswith("'sha256-")] == list(allowed)
    assert len(allowed) == 2
    digest = base64.b64encode(hashlib.sha256(b" x = 1\n").digest()).decode()
    assert script_hashes(b"<p><script> x = 1\n</script><script src='a.js'></script>") == (f"'sha256-{digest}'",)


def test_a_page_may_use_no_device_of_its_visitor() -> None:
    assert {b"permissions-policy", b"cross-origin-opener-policy", b"cross-origin-resource-policy"} <= dict(
        HEADERS
    ).keys()
    assert "camera=()" in PERMISSIONS
    assert "fullscreen" not in PERMISSIONS  # figures use it
