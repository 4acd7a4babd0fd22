"""The notes for a page without a connection: in Streamlit's own page, nowhere else, and with what Streamlit draws."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import streamlit

from pages.parts.shared.connection import AWAY, BARS, DIALOG, NOTE, ConnectionNote

STATIC = Path(streamlit.__file__).parent / "static"


def answer(parts: list[bytes], kind: bytes = b"text/html; charset=utf-8", method: str = "GET") -> tuple[bytes, Any]:
    """What comes out of a server that answers with these parts: the body, and the headers."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        length = str(sum(map(len, parts))).encode()
        headers = [(b"content-type", kind), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for place, part in enumerate(parts):
            await send({"type": "http.response.body", "body": part, "more_body": place < len(parts) - 1})

    async def receive() -> Any:
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(ConnectionNote(app)({"type": "http", "method": method}, receive, send))
    body = b"".join(message["body"] for message in sent[1:])
    return body, dict(sent[0]["headers"])


def test_streamlits_page_gets_the_note_and_its_new_length() -> None:
    page = (STATIC / "index.html").read_bytes()
    body, headers = answer([page[:100], page[100:]])
    assert body.count(b'id="no-connection"') == 1
    assert body.index(b'id="no-connection"') < body.index(b"</body>")
    assert body.replace(NOTE.encode(), b"") == page
    assert headers[b"content-length"] == str(len(body)).encode()


def test_other_answers_pass_as_they_are() -> None:
    for parts, kind in (
        ([b"{}"], b"application/json"),
        ([b"a", b"b</body>"], b"text/javascript"),
        ([b"x"], b"text/html"),
    ):
        body, headers = answer(parts, kind)
        assert (body, headers[b"content-length"]) == (b"".join(parts), str(len(body)).encode())
    assert answer([b""], method="HEAD")[0] == b""


def test_a_browsers_page_comes_uncompressed_and_anew() -> None:
    """Streamlit compresses pages for browsers, and answers 304 to one that has an earlier version: without the note."""
    asked: list[Any] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(dict(scope["headers"]))
        headers = [(b"content-type", b"text/html"), (b"etag", b'"1"'), (b"last-modified", b"now")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<body></body>"})

    async def send(message: Any) -> None:
        sent.append(message)

    offers = [(b"accept-encoding", b"gzip"), (b"if-none-match", b'"1"'), (b"if-modified-since", b"now")]
    for accept, passed in ((b"text/html,*/*", 0), (b"*/*", 3)):
        headers = [(b"accept", accept), (b"host", b"localhost"), *offers]
        scope = {"type": "http", "method": "GET", "headers": headers}
        asyncio.run(ConnectionNote(app)(scope, lambda: None, send))  # type: ignore[arg-type, return-value]
        assert len(asked[-1]) == 2 + passed
        assert len(scope["headers"]) == 5
    assert dict(sent[0]["headers"]) == {b"content-type": b"text/html"}


@pytest.mark.parametrize("selector", [BARS, AWAY, DIALOG, "BACKEND_BASE_URL"])
def test_streamlit_still_calls_its_parts_so(selector: str) -> None:
    name = selector.partition('"')[2].rstrip('"]') or selector
    assert any(name in file.read_text(encoding="utf-8") for file in (STATIC / "static/js").glob("index.*.js"))
