"""Who is who: each browser has a signed name of its own, and a name says whose runs, uploads and guesses are whose.

    owner     the machine's own user: the command line, and a browser on this machine; nothing is in the way
    teacher   a visitor who has given the passcode: sees, stops and deletes all
    visitor   everyone else: works with what is their own, and watches another's run by its link

A name is 128 random bits with a signature (HMAC-SHA256) under a key that only this installation has.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from distill_core.errors import RunError
from distill_core.files import turns
from distill_core.files.whole import whole_file

Role = Literal["owner", "teacher", "visitor"]

COOKIE = "distill_visitor"
COOKIE_DAYS = 90
_KEY_BYTES = 32
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Visitor:
    """One browser. `id` stands with what it makes; empty for the machine's own user."""

    id: str
    role: Role = "visitor"

    @property
    def sees_all(self) -> bool:
        return self.role != "visitor"

    def owns(self, owner: str) -> bool:
        """Whether what this `owner` made may be changed, stopped and deleted by this visitor."""
        return self.sees_all or (bool(owner) and owner == self.id)

    def check_owns(self, owner: str, what: str) -> None:
        """Raises RunError where `what` belongs to somebody else."""
        if not self.owns(owner):
            raise RunError(
                f"{what} belongs to another visitor.",
                "You can watch it. Whoever started it, or the teacher, can change it.",
            )


OWNER = Visitor("", "owner")


@dataclass(frozen=True)
class Signer:
    """Makes and checks signed names."""

    key: bytes

    def new(self) -> str:
        """A signed name for a new visitor."""
        return self.signed(secrets.token_hex(16))

    def signed(self, name: str) -> str:
        return f"{name}.{self._signature(f'visitor:{name}')}"

    def name(self, signed: str) -> str:
        """The name in a cookie; empty where it was not made here."""
        name, _, signature = signed.partition(".")
        return name if name and self._is_ours(signature, f"visitor:{name}") else ""

    def sealed(self, visitor: str, text: str) -> str:
        """A text for a page's address that counts for the visitor of this id alone: who copies it copies nothing."""
        return f"{text}.{self._signature(f'sealed:{visitor}:{text}')}"

    def unsealed(self, visitor: str, sealed: str) -> str:
        """The text of `sealed`; empty where it was sealed for somebody else, or not here."""
        text, _, signature = sealed.rpartition(".")
        return text if self._is_ours(signature, f"sealed:{visitor}:{text}") else ""

    def _is_ours(self, signature: str, signed: str) -> bool:
        return hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(signed).encode())

    def _signature(self, signed: str) -> str:
        return hmac.new(self.key, signed.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


@lru_cache(maxsize=8)
def signer(folder: Path) -> Signer:
    """The signer of this installation. Its key lies in `folder`, made at the first call, for this user's eyes alone.

    Raises OSError where it can neither be read nor made, TimeoutError where another process holds it for long.
    """
    path = folder / "visitors.key"
    with turns.locked(path.with_name("visitors.key.lock"), wait_s=10):
        if not path.is_file():
            with whole_file(path) as new, os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
    return Signer(path.read_bytes())


def is_own_machine(ip: str | None, host: str, origin: str, forwarded: bool) -> bool:
    """Whether a connection comes from a browser on this machine that opened it under a name of this machine.

    `ip`: the other end's address, None for this machine; `host`, `origin`: what the browser asked for and the page that
    asked; `forwarded`: a proxy says that it passes the connection on. A proxy that tells nothing of itself cannot be
    seen: behind one, set DISTILL_SHARED.
    """
    if forwarded or ip not in (None, "127.0.0.1", "::1"):
        return False
    names = [host_name(host)] if host else []
    if origin:
        names.append(host_name(origin.partition("://")[2]))
    return all(name in _LOOPBACK_HOSTS for name in names)


def host_name(host: str) -> str:
    """A host without its port: `[::1]:8501` → `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host
