"""A session belongs to the browser that opened it.

Streamlit resumes a session for whoever sends its id, and takes files for it. So the name in the visitor's cookie goes
with each connection as `st.user.visitor` (`server.trustedUserHeaders` in .streamlit/config.toml): Streamlit then
resumes a session for the same name alone, and files for it come from the same name alone.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import MutableHeaders
from streamlit.runtime import Runtime

from distill_core.classroom.visitors import COOKIE, Signer
from pages.parts.shared.headers import Message

VISITOR_HEADER = "x-distill-visitor"
_UPLOADS = "/_stcore/upload_file/"
MOST_FILES = 8  # that one session holds in memory, 10 MB each; a page asks for one
_PROTOCOLS = "sec-websocket-protocol"
_MOST_CHARS = 8192  # of a header with cookies


def name_in(cookie_header: str, signer: Signer) -> str:
    """The visitor's name in a Cookie header; empty where there is none of ours."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(cookie_header[:_MOST_CHARS])
    except CookieError:
        return ""
    return signer.name(cookies[COOKIE].value) if COOKIE in cookies else ""


def named(scope: Message, name: str) -> Message:
    """The scope of a websocket with its visitor's name, whatever the browser itself says of it. Without a name no
    session is resumed."""
    changed = {**scope, "headers": list(scope["headers"])}
    headers = MutableHeaders(scope=changed)
    del headers[VISITOR_HEADER]
    if name:
        headers[VISITOR_HEADER] = name
    elif headers.get(_PROTOCOLS, "").count(",") > 1:  # protocol, token, session
        headers[_PROTOCOLS] = ",".join(headers[_PROTOCOLS].split(",")[:2])
    return changed


def is_foreign_upload(path: str, name: str, signer: Signer) -> bool:
    """Whether a request sends or deletes a file of a session that another browser opened."""
    _, found, rest = path.partition(_UPLOADS)
    if not found or not Runtime.exists():
        return False
    client = Runtime.instance().get_client(rest.partition("/")[0])
    if client is None:
        return False  # Streamlit itself refuses a session that is not connected
    told = client.client_context.headers if client.client_context else ()
    cookies = (value for header, value in told if header.lower() == "cookie")
    return name_in(next(iter(cookies), ""), signer) != name


def has_too_many_files(path: str) -> bool:
    """Whether the session of this path holds as many files as one may: Streamlit itself counts none, and keeps each
    until it is deleted or the session ends."""
    _, found, rest = path.partition(_UPLOADS)
    if not found or not Runtime.exists():
        return False
    session, _, file = rest.partition("/")
    held: dict[str, object] = getattr(Runtime.instance().uploaded_file_mgr, "file_storage", {}).get(session, {})
    return file not in held and len(held) >= MOST_FILES
