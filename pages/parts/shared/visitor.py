"""The visitor of this session, from the cookie and the connection that its browser opened."""

from __future__ import annotations

import secrets
from functools import lru_cache

import streamlit as st

from distill_core.classroom import passcode, roster, visitors
from distill_core.classroom.visitors import COOKIE, OWNER, Visitor
from distill_core.errors import LaunchError
from distill_core.settings import settings

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_WITHOUT_COOKIE = "_visitor_without_cookie"


def now() -> Visitor:
    """Who sits before this session's browser."""
    if _is_own_machine():
        return OWNER
    name = _name()
    return Visitor(name, "teacher" if roster.is_teacher(settings().runs_dir, name) or _is_logged_in() else "visitor")


def _is_own_machine() -> bool:
    if settings().shared:
        return False
    forwarded = any(_header(name) for name in FORWARDED)
    return visitors.is_own_machine(_text(st.context.ip_address) or None, _header("host"), _header("origin"), forwarded)


def _header(name: str) -> str:
    return _text(st.context.headers.get(name))


def _text(value: object) -> str:
    """What the connection tells; empty where there is none, as in tests of a page without a browser."""
    return value if isinstance(value, str) else ""


def _name() -> str:
    """The name in the cookie. A browser that keeps none has one for this session, and is somebody else after a
    reload."""
    signed = _text(st.context.cookies.get(COOKIE))
    name = visitors.signer(settings().cache_dir).name(signed) if signed else ""
    return name or str(st.session_state.setdefault(_WITHOUT_COOKIE, secrets.token_hex(16)))


def _is_logged_in() -> bool:
    """Whether an OpenID provider (`st.login`, secrets.toml) vouches for an address that the settings name."""
    addresses = {address.strip().casefold() for address in settings().teacher_emails.split(",") if address.strip()}
    if not addresses or not st.user.is_logged_in:
        return False
    return bool(st.user.get("email_verified", True)) and str(st.user.get("email", "")).casefold() in addresses


# ── what counts for one visitor alone ────────────────────────────────────────────────────────────────────────────


def sealed(text: str) -> str:
    """A text for the address that tells this visitor's browser something, and another's nothing. Empty where this
    installation has no key of its own."""
    try:
        return visitors.signer(settings().cache_dir).sealed(now().id, text)
    except OSError:
        return ""


def unsealed(sealed_text: str) -> str:
    """The text that was sealed for this visitor; empty for anything else."""
    try:
        return visitors.signer(settings().cache_dir).unsealed(now().id, sealed_text) if sealed_text else ""
    except OSError:
        return ""


# ── the teacher ──────────────────────────────────────────────────────────────────────────────────────────────────


def become_teacher(typed: str) -> None:
    """Make this visitor the teacher. Raises LaunchError for a wrong passcode, or after too many tries."""
    visitor = now()
    if not _tries().allows(visitor.id):
        raise LaunchError("That were too many wrong passcodes.", "Wait five minutes, then try again.")
    if not passcode.same(passcode.tidy(typed), passcode.tidy(teacher_passcode())):
        raise LaunchError(
            "This is not the teacher's passcode.",
            "It was printed when the server started, or it is the setting DISTILL_TEACHER_PASSCODE.",
        )
    roster.add_teacher(settings().runs_dir, visitor.id)


@lru_cache(maxsize=1)
def teacher_passcode() -> str:
    """The passcode of the settings, else one that was drawn for the life of this server."""
    chosen = settings().teacher_passcode
    return chosen.get_secret_value() if chosen is not None else passcode.drawn()


@st.cache_resource(max_entries=1, show_spinner=False)
def _tries() -> passcode.Tries:
    return passcode.Tries()


def announce(address: str | None) -> str:
    """What the server says at its start, where others than this machine can reach it; empty where nobody can."""
    if not settings().shared and address in ("127.0.0.1", "::1", "localhost"):
        return ""
    if settings().teacher_passcode is not None:
        return "The teacher's passcode is the one of DISTILL_TEACHER_PASSCODE."
    return f"The teacher's passcode: {teacher_passcode()} (DISTILL_TEACHER_PASSCODE sets one of your own)."
