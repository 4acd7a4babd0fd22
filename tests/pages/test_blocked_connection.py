"""The note for a page without a connection: in Streamlit's own page, in nothing else, and with what Streamlit draws."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import streamlit

from pages.parts.shared.connection import BARS, NOTE, ConnectionNote

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


def test_streamlit_still_calls_its_waiting_bars_so() -> None:
    name = BARS.partition('"')[2].rstrip('"]')
    assert any(name in file.read_text(encoding="utf-8") for file in (STATIC / "static/js").glob("index.*.js"))
