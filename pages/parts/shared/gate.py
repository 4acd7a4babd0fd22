"""The door of the page server: under which names it is opened, who comes in, and what a browser may not ask of it.

Another site whose name is turned to this machine's address (DNS rebinding) asks under that name, and is refused here.
Each browser gets a signed cookie with its first page: see `distill_core.classroom.visitors`.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from streamlit.proto.BackMsg_pb2 import BackMsg

from distill_core.classroom import visitors
from distill_core.classroom.visitors import COOKIE, COOKIE_DAYS, Signer
from distill_core.settings import settings
from pages.parts.shared import session_door
from pages.parts.shared.headers import App, Message, Receive, Send

HEALTH = "/_stcore/health"
CLOSED = ("/_stcore/metrics", "/_stcore/agent")  # counts of visitors, and a way in for programs
FORBIDDEN = frozenset({"clear_cache", "set_run_on_save"})  # what one browser may not do to all
WRONG_HOST = (
    "Distill Lab does not know this name of its server. Open it under its number (such as 192.168.1.20), or set "
    "DISTILL_HOSTS to the name."
)
_log = logging.getLogger(__name__)


class Gate:
    """ASGI middleware before everything else."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not is_known_host(headers.get("host", "")) and scope["path"] != HEALTH:
            await _refuse(scope, receive, send, 421, WRONG_HOST)
        elif any(closed in scope["path"] for closed in CLOSED):
            await _refuse(scope, receive, send, 404, "Not found.")
        elif _is_order_of_another_site(scope, headers):
            await _refuse(scope, receive, send, 403, "This request comes from another site.")
        else:
            await self._let_in(scope, headers, receive, send)

    async def _let_in(self, scope: Message, headers: Headers, receive: Receive, send: Send) -> None:
        signer = _signer()
        name = session_door.name_in(headers.get("cookie", ""), signer) if signer else ""
        if scope["type"] == "websocket":
            await self.app(session_door.named(scope, name), _without_orders(receive), send)
        elif signer is None:
            await self.app(scope, receive, send)
        elif session_door.is_foreign_upload(scope["path"], name, signer):
            await _refuse(scope, receive, send, 404, "Not found.")
        elif scope["method"] == "PUT" and session_door.has_too_many_files(scope["path"]):
            await _refuse(scope, receive, send, 413, "Too many files. Reload the page.")
        else:
            await self.app(scope, receive, send if name else _with_cookie(scope, headers, send, signer))


def _signer() -> Signer | None:
    try:
        return visitors.signer(settings().cache_dir)
    except (OSError, TimeoutError) as error:
        _log.warning("No visitor gets a name: the key in %s cannot be used (%s).", settings().cache_dir, error)
        return None


def is_known_host(host: str) -> bool:
    """Whether the server may be opened under this name: a number, this machine, or one of DISTILL_HOSTS."""
    name = visitors.host_name(host).rstrip(".").casefold()
    if not name:
        return False
    if name == "localhost" or name in _own_names() or _is_number(name):
        return True
    return _is_listed(name)


def _is_listed(name: str) -> bool:
    """Whether DISTILL_HOSTS names this host: then a proxy may open it under another one."""
    name = name.rstrip(".").casefold()
    listed = (one.strip().rstrip(".").casefold() for one in settings().hosts.split(","))
    return any(one in ("*", name) or (one.startswith("*.") and name.endswith(one[1:])) for one in listed if one)


def _is_order_of_another_site(scope: Message, headers: Headers) -> bool:
    """Whether another site asks for more than a page. Another port of the same machine is another site: Streamlit lets
    it in, and a browser sends it the same cookies."""
    origin = headers.get("origin")
    if origin is None or (scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS")):
        return False
    site = origin.partition("://")[2]
    return site.casefold() != headers.get("host", "").casefold() and not _is_listed(visitors.host_name(site))


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1)
def _own_names() -> frozenset[str]:
    own = socket.gethostname().casefold()
    return frozenset({own, f"{own}.local"} if own else ())


async def _refuse(scope: Message, receive: Receive, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await PlainTextResponse(text, status)(scope, receive, send)


def _without_orders(receive: Receive) -> Receive:
    """What the browser sends, without orders that would touch all visitors."""

    async def passed() -> Message:
        while True:
            message = await receive()
            data = message.get("bytes")
            if not data or not _is_order(data):
                return message

    return passed


def _is_order(data: bytes) -> bool:
    message = BackMsg()
    try:
        message.ParseFromString(data)
    except Exception:  # noqa: BLE001 (Streamlit itself answers what cannot be read)
        return False
    return message.WhichOneof("type") in FORBIDDEN


def _with_cookie(scope: Message, headers: Headers, send: Send, signer: Signer) -> Send:
    """Each page goes out with a new visitor's cookie."""

    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            secure = scope.get("scheme") == "https" or headers.get("x-forwarded-proto") == "https"
            cookie = f"{COOKIE}={signer.new()}; Path=/; Max-Age={COOKIE_DAYS * 86400}; HttpOnly; SameSite=Lax"
            named = (b"set-cookie", f"{cookie}{'; Secure' if secure else ''}".encode())
            message["headers"] = [*message.get("headers", []), named]
        await send(message)

    return send_with_cookie


def _is_page(start: Message) -> bool:
    return bytes(dict(start.get("headers", [])).get(b"content-type", b"")).startswith(b"text/html")
