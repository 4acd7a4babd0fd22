"""The one form in which a text reaches a model, and what is checked of a text that somebody types."""

from __future__ import annotations

import unicodedata

from distill_core.errors import DataError
from distill_core.settings import settings

_KEPT = "\n\t"


def normal(text: str) -> str:
    """The text as every model reads it, typed or stored: without half characters (lone surrogates), NUL, other control
    characters and spaces at its ends, and composed (NFC), so that é is one character however it was typed."""
    if text.isascii() and text.isprintable():
        return text.strip()
    whole = text.encode("utf-8", "ignore").decode("utf-8")
    kept = "".join(char for char in whole if char in _KEPT or unicodedata.category(char) != "Cc")
    return unicodedata.normalize("NFC", kept).strip()


def clean(text: str) -> str:
    """A typed text in its normal form.

    Raises:
        DataError: nothing is left, or it is longer than DISTILL_MAX_TEXT_CHARS.
    """
    limit = settings().max_text_chars
    if len(text) > limit:
        raise DataError(f"The text has {len(text):,} characters; {limit:,} are accepted.", "Cut it.")
    shown = normal(text)
    if not any(unicodedata.category(char)[0] not in "ZC" for char in shown):
        raise DataError("There is no text yet.", "Type a sentence, for instance: a warm and funny film.")
    return shown
