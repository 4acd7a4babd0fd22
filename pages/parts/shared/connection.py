"""A word for a visitor whose page never comes: Streamlit's own page waits for a WebSocket in silence.

A proxy, a firewall or an extension that blocks WebSockets leaves gray bars for ever. The note below stands in the
page's own HTML, so that it needs no connection; it shows itself when the bars have stood for WAIT_S, by style alone.
"""

from __future__ import annotations

from pages.parts.shared.headers import App, Message, Receive, Send

WAIT_S = 15  # a first page on a slow machine takes some seconds
BARS = '[data-testid="stAppSkeleton"]'  # what Streamlit draws until the first message of a session
NOTE = f"""
<style>
#no-connection {{ display: none; }}
body:has({BARS}) #no-connection {{
  display: block; visibility: hidden; animation: no-connection 0s linear {WAIT_S}s forwards;
  position: fixed; bottom: 18%; left: 50%; transform: translateX(-50%); width: min(34rem, 86vw); z-index: 1000000;
  padding: 1rem 1.2rem; border-radius: 0.5rem; font: 1rem/1.5 system-ui, sans-serif;
  background: #2F6DA8; color: #FFFFFF;
}}
@keyframes no-connection {{ to {{ visibility: visible; }} }}
</style>
<div id="no-connection" role="alert">Distill Lab is still waiting for its server. If this stays, something on the way
blocks WebSockets: a proxy, a firewall or a browser extension. Let this address through, or open the page on the machine
that it runs on.</div>
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

        await self.app(scope, receive, send_with_note)


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
        (name, str(len(whole)).encode() if name == b"content-length" else value) for name, value in start["headers"]
    ]
    return [{**start, "headers": headers}, {**parts[-1], "body": whole}]
