"""Clean text and its sentences, by rules: no model, no language but English.

The rules do not understand. They split after . ! ? when a capital, a digit or a quotation mark follows, but not after a
title ("Mr. Bennet"), an initial ("J. Smith") or an abbreviation with inner points ("U.S. Navy"): a sentence that ends
with one of these stays joined to the next.
"""

from __future__ import annotations

import re
import unicodedata

MIN_WORDS, MAX_WORDS = 5, 60
MIN_LETTERS = 0.6  # of all signs that are no white space

_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_EMPHASIS = re.compile(r"(?<!\w)_([^_\n]{1,200})_(?!\w)")  # Gutenberg's way to write italics
_STAGE = re.compile(r"\[(?:laughter|applause|inaudible|music|cheers|booing)[^\]]{0,40}\]", re.IGNORECASE)
_DASH = re.compile(r"\s*—+\s*|(?<=\S)--+\s*|\s*--+(?=\s)")  # "--option" stays
_END = re.compile(r"""([.!?…]+["'”’)\]]*)\s+(?:—\s+)?(?=["'“‘(\[]*[A-Z0-9À-Þ])""")
_INNER_POINTS = re.compile(r"(?:[A-Za-z]\.){2,}$")
_TITLE = re.compile(
    "mr|mrs|ms|messrs|mme|mlle|dr|prof|rev|hon|gen|col|capt|lt|sgt|maj|adm|gov|sen|rep|pres|st|sr|jr|esq|vs|viz|cf|eds|al"
    "|approx|dept|inc|ltd|co|corp|bros|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec"
)
_NUMBERED = re.compile("no|nos|fig|figs|vol|vols|p|pp|ch|sec|art|ed|op")  # a digit must follow


def clean(text: str) -> str:
    """Composed Unicode, one space between words, no invisible signs, no marks of italics, no stage directions."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    text = _STAGE.sub(" ", _EMPHASIS.sub(r"\1", text))
    return " ".join(_DASH.sub(" — ", text).split())


def split(text: str) -> list[str]:
    """The sentences of one paragraph of clean text; one of more than MAX_WORDS words is cut at its semicolons."""
    sentences = []
    start = 0
    for end in _END.finditer(text):
        if not _is_abbreviation(text[start : end.start(1) + 1], text[end.end() :]):
            sentences.append(text[start : end.end(1)])
            start = end.end()
    sentences.append(text[start:])
    return [part for sentence in sentences if sentence for part in _short(sentence)]


def _is_abbreviation(before: str, after: str) -> bool:
    """Whether the point at the end of `before` belongs to its last word."""
    if not before.endswith("."):
        return False
    word = before.rsplit(maxsplit=1)[-1].lstrip("\"'“‘([")
    bare = word.rstrip(".").casefold()
    if len(bare) == 1 and word[0].isalpha() and word[0] not in "I":
        return True
    if _INNER_POINTS.search(word):
        return bare not in ("a.m", "p.m")
    if _NUMBERED.fullmatch(bare):
        return after[:1].isdigit()
    return _TITLE.fullmatch(bare) is not None


def _short(sentence: str) -> list[str]:
    if len(sentence.split()) <= MAX_WORDS:
        return [sentence]
    return [part.strip() for part in re.split(r"(?<=;)\s", sentence)]


def fault(sentence: str) -> str | None:
    """Why a sentence is of no use: "short", "long", "symbols"; None for a good one."""
    words = len(sentence.split())
    if words < MIN_WORDS:
        return "short"
    if words > MAX_WORDS:
        return "long"
    signs = "".join(sentence.split())
    return None if sum(map(str.isalpha, signs)) >= MIN_LETTERS * len(signs) else "symbols"
