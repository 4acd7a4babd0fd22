"""The door: names of the server, the visitor's cookie, and what one browser may not do to all."""

from __future__ import annotations

import asyncio
import json
import socket
import tomllib
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.proto.BackMsg_pb2 import BackMsg

from distill_core.classroom import visitors
from distill_core.settings import PROJECT, settings
from pages.parts.shared import gate
from pages.parts.shared.session_door import VISITOR_HEADER


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TestClient:
    monkeypatch.setenv("DISTILL_CACHE_DIR", str(tmp_path))
    settings.cache_clear()
    pages = [
        Route("/", lambda _: HTMLResponse("<p>page</p>")),
        Route("/text", lambda _: PlainTextResponse("text")),
        Route("/_stcore/health", lambda _: PlainTextResponse("ok")),
        Route("/_stcore/metrics", lambda _: PlainTextResponse("visitors 40")),
    ]
    return TestClient(gate.Gate(Starlette(routes=pages)), base_url="http://127.0.0.1:8501")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8501", "localhost", "LOCALHOST.", "[::1]:8501", "192.168.1.20:8501", "10.0.0.1", "[fe80::1]"]
)
def test_numbers_and_this_machine_are_known(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


def test_the_machines_own_name_is_known() -> None:
    assert gate.is_known_host(f"{socket.gethostname()}:8501")
    assert gate.is_known_host(f"{socket.gethostname()}.local")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8501", "localhost.evil.example", "", "[", "::"]
)
def test_a_foreign_name_is_refused_with_the_way_out(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == (200 if host == "::" else 421)
    assert host == "::" or "DISTILL_HOSTS" in answer.text
    assert client.get("/_stcore/health", headers={"host": host}).text == "ok"


@pytest.mark.parametrize(
    ("listed", "host", "known"),
    [
        ("class.example.org", "class.example.org:443", True),
        ("a.example, *.example.org", "x.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "evilexample.org", False),
        ("*", "whatever", True),
    ],
)
def test_names_of_the_settings(monkeypatch: pytest.MonkeyPatch, listed: str, host: str, known: bool) -> None:
    monkeypatch.setenv("DISTILL_HOSTS", listed)
    settings.cache_clear()
    assert gate.is_known_host(host) is known


def test_a_page_brings_a_signed_cookie_that_no_script_can_read_and_it_stays(client: TestClient) -> None:
    first = client.get("/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert visitors.signer(settings().cache_dir).name(first.cookies[visitors.COOKIE])
    assert "set-cookie" not in client.get("/").headers  # the browser has sent it back
    client.cookies.clear()
    forged = f"{visitors.COOKIE}={'f' * 32}.{'0' * 64}"
    assert "set-cookie" in client.get("/", headers={"cookie": forged}).headers
    assert "set-cookie" not in client.get("/text").headers


def test_behind_a_proxy_with_tls_the_cookie_is_secure(client: TestClient) -> None:
    assert "; Secure" in client.get("/", headers={"x-forwarded-proto": "https"}).headers["set-cookie"]


def test_counts_of_visitors_are_for_nobody(client: TestClient) -> None:
    assert client.get("/_stcore/metrics").status_code == 404


def test_a_browser_cannot_empty_the_caches_of_all() -> None:
    order, click = BackMsg(clear_cache=True).SerializeToString(), BackMsg()
    click.rerun_script.query_string = "a=1"
    padded = b"\xfa\x3f\xff\x07" + b"x" * 1023 + order  # a field that nobody knows, then the order
    sent = [order, click.SerializeToString(), b"\xff\xff no message", padded, b"x" * 1000]
    waiting = [{"type": "websocket.receive", "bytes": data} for data in sent]
    heard: list[bytes] = []

    async def receive() -> gate.Message:
        return waiting.pop(0) if waiting else {"type": "websocket.disconnect"}

    async def app(_: gate.Message, receive: gate.Receive, __: gate.Send) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            heard.append(message["bytes"])

    async def send(_: gate.Message) -> None: ...

    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": [(b"host", b"localhost")]}
    asyncio.run(gate.Gate(app)(scope, receive, send))
    assert heard == [sent[1], sent[2], sent[4]]


def test_a_websocket_under_a_foreign_name_is_closed() -> None:
    sent: list[gate.Message] = []

    async def receive() -> gate.Message:
        return {"type": "websocket.connect"}

    async def send(message: gate.Message) -> None:
        sent.append(message)

    async def app(*_: object) -> None:
        raise AssertionError("it came through")

    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": [(b"host", b"evil.example")]}
    asyncio.run(gate.Gate(app)(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


# ── whose connection it is ───────────────────────────────────────────────────────────────────────────────────────


def _let_in(scope: gate.Message) -> list[gate.Message]:
    """The scopes that come through the door."""
    came: list[gate.Message] = []

    async def app(scope: gate.Message, *_: object) -> None:
        came.append(scope)

    async def receive() -> gate.Message:
        return {"type": "websocket.connect"}

    async def send(_: gate.Message) -> None: ...

    asyncio.run(gate.Gate(app)(scope, receive, send))
    return came


def _socket(*headers: tuple[bytes, bytes]) -> gate.Message:
    return {"type": "websocket", "path": "/_stcore/stream", "headers": [(b"host", b"10.0.0.1:8501"), *headers]}


def test_a_connection_goes_on_with_the_name_in_its_cookie_and_no_other() -> None:
    signed = visitors.signer(settings().cache_dir).signed("a" * 32)
    claimed = (b"X-Distill-Visitor".lower(), b"b" * 32)
    protocols = (b"sec-websocket-protocol", b"streamlit, token, session")
    cookie = (b"cookie", f"x=1; {visitors.COOKIE}={signed}".encode())
    (came,) = _let_in(_socket(claimed, protocols, cookie))
    assert Headers(scope=came).getlist("x-distill-visitor") == ["a" * 32]
    assert Headers(scope=came)["sec-websocket-protocol"] == "streamlit, token, session"
    for bad in (b"", b"x=1", f"{visitors.COOKIE}={'b' * 32}.{'0' * 64}".encode(), b"a=b; c@d[=;;;"):
        (came,) = _let_in(_socket(claimed, protocols, (b"cookie", bad)))
        assert Headers(scope=came).getlist("x-distill-visitor") == []
        assert Headers(scope=came)["sec-websocket-protocol"] == "streamlit, token"  # it resumes no session


@pytest.mark.parametrize(
    ("origin", "comes"),
    [
        ("http://10.0.0.1:8501", True),
        ("https://10.0.0.1:8501", True),  # TLS ends at a proxy
        ("http://10.0.0.1:8502", False),
        ("http://10.0.0.1", False),
        ("http://localhost:8501", False),
        ("http://evil.example", False),
        ("null", False),
        ("https://class.example.org", True),
    ],
)
def test_another_site_asks_for_nothing_but_pages(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, origin: str, comes: bool
) -> None:
    monkeypatch.setenv("DISTILL_HOSTS", "class.example.org")
    settings.cache_clear()
    assert bool(_let_in(_socket((b"origin", origin.encode())))) is comes
    headers = {"host": "10.0.0.1:8501", "origin": origin}
    assert client.get("/", headers=headers).status_code == 200
    assert (client.put("/text", headers=headers).status_code == 403) is not comes


def test_streamlit_is_told_to_bind_sessions_to_that_name() -> None:
    config = tomllib.loads((PROJECT / ".streamlit/config.toml").read_text(encoding="utf-8"))
    assert json.loads(config["server"]["trustedUserHeaders"]) == {VISITOR_HEADER: "visitor"}
    assert config["server"]["enableXsrfProtection"]
    assert config["server"]["enableCORS"]
    assert config["client"]["showErrorDetails"] == "none"
