"""Headers for the page server: what the browser may load, so that no text on a page can call out or embed a script.

Streamlit sends none of its own. Everything that the product shows comes from its own server, also offline.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import streamlit

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# Streamlit asks for its server below the page's own address first: the page's folder is the right one at once.
BACKEND_SCRIPT = (
    "<script>window.__streamlit = "
    '{ BACKEND_BASE_URL: new URL(".", location.href).href, ...window.__streamlit };</script>'
)
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def script_hashes(page: bytes) -> tuple[str, ...]:
    """The sources that allow the scripts that stand in this page's own text, and no other inline script."""
    digests = (hashlib.sha256(script).digest() for script in INLINE_SCRIPT.findall(page))
    return tuple(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def streamlit_page() -> bytes:
    """Streamlit's page as it is installed; empty where it is not there."""
    try:
        return (Path(streamlit.__file__).parent / "static" / "index.html").read_bytes()
    except OSError:
        return b""


# Streamlit and Plotly set style attributes and add style elements, so styles may stand inline; scripts may not.
POLICY = "; ".join(
    (
        "default-src 'none'",
        # WebAssembly: the numbers of 64 bits of Streamlit's messages. No text becomes JavaScript: no 'unsafe-eval'.
        " ".join(("script-src 'self' 'wasm-unsafe-eval'", *script_hashes(streamlit_page() + BACKEND_SCRIPT.encode()))),
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",  # a figure becomes a PNG by way of both
        "font-src 'self' data:",  # Streamlit's style sheet holds one font as data:
        "connect-src 'self'",  # WebSockets to the same host too
        "manifest-src 'self'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
# What no page here asks for; full screen and copying stay.
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb", "serial", "midi")
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", PERMISSIONS.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class SecurityHeaders:
    """ASGI middleware that adds the headers to every HTTP answer; it leaves the ones that are set already."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message.get("headers", [])}
                added = [header for header in HEADERS if header[0] not in present]
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)
