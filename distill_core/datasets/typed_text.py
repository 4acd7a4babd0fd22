"""A text that somebody types on a page: cleaned and checked before any model, log or page sees it."""

from __future__ import annotations

import unicodedata

from distill_core.errors import DataError
from distill_core.settings import settings

_KEPT = "\n\t"


def clean(text: str) -> str:
    """The text without half characters (lone surrogates), NUL and other control characters, in one normal form (NFC).

    Raises:
        DataError: nothing is left, or it is longer than DISTILL_MAX_TEXT_CHARS.
    """
    limit = settings().max_text_chars
    if len(text) > limit:
        raise DataError(f"The text has {len(text):,} characters; {limit:,} are accepted.", "Cut it.")
    whole = text.encode("utf-8", "ignore").decode("utf-8")
    kept = "".join(char for char in whole if char in _KEPT or unicodedata.category(char) != "Cc")
    shown = unicodedata.normalize("NFC", kept).strip()
    if not any(unicodedata.category(char)[0] not in "ZC" for char in shown):
        raise DataError("There is no text yet.", "Type a sentence, for instance: a warm and funny film.")
    return shown
