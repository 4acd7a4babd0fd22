"""Nicknames: any script and emoji, on one line, nothing invisible, and no two alike in a class."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from distill_core.errors import DataError

MOST = 24  # characters
_JOINERS = frozenset("\u200c\u200d")  # within words of some scripts, and within emoji
_KEPT = frozenset("\ufe0f")  # an emoji's own form
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_MARKS = 3  # accents on one letter: more of them would paint over the neighbors


def clean(typed: str) -> str:
    """The nickname as it is shown. Raises DataError where nothing is left, or it is too long."""
    text = unicodedata.normalize("NFC", typed.encode("utf-8", "replace").decode())
    kept, marks = [], 0
    for letter in " ".join(text.split()):
        marks = marks + 1 if unicodedata.combining(letter) else 0
        hidden = unicodedata.category(letter) in _HIDDEN and letter not in _JOINERS
        if not hidden and marks <= _MARKS:
            kept.append(letter)
    name = " ".join("".join(kept).split()).strip("".join(_JOINERS | _KEPT))
    if not any(unicodedata.category(letter)[0] in "LNSP" for letter in name):
        raise DataError("A nickname needs a letter, a digit or an emoji.", "Type another one.")
    if len(name) > MOST:
        raise DataError(f"A nickname has at most {MOST} characters, got {len(name)}.", "Type a shorter one.")
    return name


def told_apart(name: str, taken: Collection[str]) -> str:
    """The name, or with a number behind it where somebody in the class has it (in whatever case)."""
    known = {_alike(one) for one in taken}
    numbered = (name, *(f"{name} {number}" for number in range(2, len(known) + 3)))
    return next(one for one in numbered if _alike(one) not in known)


def _alike(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
