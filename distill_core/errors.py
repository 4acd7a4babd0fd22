"""Every error that a user can cause or meet. Pages and the command line catch `DistillError` alone.

DistillError
├── SpecError     a request that cannot be run as it was written
├── DataError     texts or labels that cannot be used
├── ModelError    a model that cannot be found, loaded or used for this purpose
├── AssetError    a file from a registry or the Hub that could not be had, or is not what it should be
├── RunError      a run that does not exist, is damaged, or is not in the state that the request needs
└── LaunchError   a run that could not be queued or started
"""

from __future__ import annotations

import re

MOST_CHARS, WORD_CHARS = 1_000, 200
_LONG_WORD = re.compile(rf"(\S{{{WORD_CHARS}}})\S+")


class DistillError(Exception):
    """A problem in the user's terms: what is wrong, with the value, and the next step in `hint`.

    A value can be as long as whoever sent it likes: words are cut at 200 characters, the message at 1,000.
    """

    kind = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = _short(message)
        super().__init__(self.message)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def as_json(self) -> dict[str, str]:
        """The error as the command line prints it under "error"."""
        return {"kind": self.kind, "message": self.message, "hint": self.hint}


def _short(text: str) -> str:
    text = _LONG_WORD.sub(r"\1…", text)
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}…"


class SpecError(DistillError):
    kind = "spec"


class DataError(DistillError):
    kind = "data"


class ModelError(DistillError):
    kind = "model"


class AssetError(DistillError):
    kind = "asset"


class RunError(DistillError):
    kind = "run"


class LaunchError(DistillError):
    kind = "launch"
