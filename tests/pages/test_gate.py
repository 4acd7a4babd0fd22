"""The door: names of the server, the visitor's cookie, and what one browser may not do to all."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.proto.BackMsg_pb2 import BackMsg

from distill_core.classroom import visitors
from distill_core.settings import settings
from pages.parts.shared import gate


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
    sent = [order, click.SerializeToString(), b"\xff\xff no message", order, b"x" * 1000]
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
