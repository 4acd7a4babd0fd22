"""The way into a class: its link, its QR code, and the address under which others reach this server."""

from __future__ import annotations

import io
import socket
from functools import lru_cache

import segno
import streamlit as st

from distill_core.classroom import visitors


def link(code: str) -> str:
    """What a student opens: the class page with the code."""
    return f"{_origin()}/classroom?class={code}"


def is_reachable() -> bool:
    """Whether other machines can reach this server under the link's address."""
    return st.get_option("server.address") not in ("127.0.0.1", "::1", "localhost") or not _is_this_machine()


def _origin() -> str:
    """The server's address as this browser sees it; where that is a name of this machine alone, its number."""
    headers = st.context.headers
    host = str(headers.get("x-forwarded-host") or headers.get("host") or "localhost:8501")
    scheme = "https" if str(st.context.url or "").startswith("https:") else "http"
    if _is_this_machine() and (number := own_number()):
        port = host.rpartition(":")[2] if ":" in host and not host.endswith("]") else ""
        host = f"{number}:{port}" if port.isdigit() else number
    return f"{scheme}://{host}"


def _is_this_machine() -> bool:
    host = str(st.context.headers.get("host") or "localhost")
    return visitors.host_name(host) in ("localhost", "127.0.0.1", "::1")


@lru_cache(maxsize=1)
def own_number() -> str:
    """This machine's address in its network; empty without one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that nobody has (RFC 5737)
        except OSError:
            return ""
        return str(probe.getsockname()[0])


@lru_cache(maxsize=64)
def picture(text: str) -> bytes:
    """The text as a QR code, PNG."""
    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="png", scale=8, border=3)
    return out.getvalue()


def show(code: str, width: int = 260) -> None:
    """The QR code, the code in large letters, and the link."""
    where = link(code)
    left, right = st.columns([1, 2], gap="medium", vertical_alignment="center")
    left.image(picture(where), width=width, alt=f"QR code of {where}")
    with right:
        st.html(f'<div style="font: 700 3.2rem/1.1 monospace">{code[:3]}&nbsp;{code[3:]}</div>')
        st.markdown(f"Open **{where}** or scan the picture.")
        if not is_reachable():
            st.warning(
                "Start it with `make class`, so that other machines can join.",
                title="This server listens to this machine alone",
            )
