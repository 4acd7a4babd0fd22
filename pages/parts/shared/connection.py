"""What Streamlit's own page lacks where the connection is slow, blocked or away: two notes, and where its server is.

A proxy, a firewall or an extension that blocks WebSockets leaves gray bars for ever. The first note stands in the
page's own HTML, so that it needs no connection; it shows itself when the bars have stood for WAIT_S, by style alone.

A connection that is lost later comes back by itself, with page, run and controls; Streamlit covers the page meanwhile
with a dialog that speaks of an error and of the internet. The second note says what is so, and leaves the page in
sight; it begins after AWAY_S, so that a hiccup shows nothing.

Streamlit also asks for its server below the page's own address first, and above it after a 404. The page's folder,
from which its scripts came, is the right one at once.
"""

from __future__ import annotations

from pages.parts.shared.headers import BACKEND_SCRIPT, App, Message, Receive, Send

WAIT_S = 15  # a first page on a slow machine takes some seconds
AWAY_S = 1
BARS = '[data-testid="stAppSkeleton"]'  # what Streamlit draws until the first message of a session
AWAY = '[data-testid="stConnectionStatus"]'  # what it draws at the top while there is no connection
DIALOG = '[data-testid="stDialog"]'
NOTE = f"""
{BACKEND_SCRIPT}
<style>
#no-connection, #connection-away {{
  display: none; visibility: hidden; position: fixed; left: 50%; transform: translateX(-50%); width: min(34rem, 86vw);
  z-index: 1000000; padding: 1rem 1.2rem; border-radius: 0.5rem; font: 1rem/1.5 system-ui, sans-serif;
  background: #2F6DA8; color: #FFFFFF;
}}
#no-connection {{ bottom: 18%; }}
#connection-away {{ bottom: 1.5rem; }}
body:has({BARS}) #no-connection {{ display: block; animation: no-connection 0s linear {WAIT_S}s forwards; }}
body:has({AWAY}):not(:has({BARS})) #connection-away {{
  display: block; animation: no-connection 0s linear {AWAY_S}s forwards;
}}
body:has({AWAY}):not(:has({BARS})) {DIALOG} {{ display: none; }}
@keyframes no-connection {{ to {{ visibility: visible; }} }}
</style>
<div id="no-connection" role="alert">Distill Lab is still waiting for its server. If this stays, something on the way
blocks WebSockets: a proxy, a firewall or a browser extension. Let this address through, or open the page on the machine
that it runs on.</div>
<div id="connection-away" role="status">The connection to the server is away. This page reconnects by itself and keeps
its settings; runs go on meanwhile.</div>
"""
_END = b"</body>"


class ConnectionNote:
    """ASGI middleware that puts NOTE at the end of Streamlit's page; every other answer passes as it is."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope.get("method") != "GET":
            await self.app(scope, receive, send)
            return
        held: list[Message] = []  # the beginning of an HTML page, until all of it is there

        async def send_with_note(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                held.append(message)
            elif held:
                held.append(message)
                if not message.get("more_body"):
                    for one in _noted(held):
                        await send(one)
                    held.clear()
            else:
                await send(message)

        await self.app(_uncompressed(scope), receive, send_with_note)


def _uncompressed(scope: Message) -> Message:
    """The request; where a browser asks for a page, without its offer to take it compressed, and without what it has
    kept of an earlier version."""
    headers = list(scope.get("headers", []))
    if b"text/html" not in dict(headers).get(b"accept", b""):
        return scope
    dropped = (b"accept-encoding", b"if-none-match", b"if-modified-since")
    return {**scope, "headers": [header for header in headers if header[0] not in dropped]}


def _is_page(start: Message) -> bool:
    headers = dict(start.get("headers", []))
    return headers.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in headers


def _noted(held: list[Message]) -> list[Message]:
    """The answer with the note, and its new length; as it was where it is no whole page."""
    start, *parts = held
    body = b"".join(part.get("body", b"") for part in parts)
    before, end, after = body.rpartition(_END)
    whole = b"".join((before, NOTE.encode(), end, after)) if end else body
    headers = [
        (name, str(len(whole)).encode() if name == b"content-length" else value)
        for name, value in start["headers"]
        if name not in (b"etag", b"last-modified")  # they speak of the page without the note
    ]
    return [{**start, "headers": headers}, {**parts[-1], "body": whole}]
