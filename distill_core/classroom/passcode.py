"""The teacher's passcode: from the settings, or drawn at start and printed; tries are limited."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field

TRIES = 8  # of one visitor …
TRIES_OF_ALL = 60  # … and of everyone together, since a new visitor costs nothing …
WITHIN_S = 300.0  # … within so long
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no 0 O 1 I: it is read aloud and typed


def drawn(length: int = 10) -> str:
    """A random code that is easy to read: 5 bits a character."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def tidy(typed: str) -> str:
    """A typed code in the form of `drawn`: upper case, no white space or hyphens."""
    return "".join(typed.upper().replace("-", "").split())


@dataclass
class Tries:
    """How often a secret was guessed of late. One object a secret, shared by all threads of the server."""

    most: int = TRIES
    most_of_all: int = TRIES_OF_ALL
    within_s: float = WITHIN_S
    _made: deque[tuple[float, str]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, who: str, now: float | None = None) -> bool:
        """Count one try; False when there were too many, and then it is none."""
        now = time.monotonic() if now is None else now
        with self._lock:
            while self._made and self._made[0][0] < now - self.within_s:
                self._made.popleft()
            mine = sum(1 for _, one in self._made if one == who)
            if mine >= self.most or len(self._made) >= self.most_of_all:
                return False
            self._made.append((now, who))
            return True


def same(typed: str, passcode: str) -> bool:
    """Compare in constant time; an empty passcode is none."""
    return bool(passcode) and hmac.compare_digest(typed.encode("utf-8", "replace"), passcode.encode("utf-8", "replace"))
