"""Phrases and entities, found in raw text by rules: what ERNIE hides as a whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

Kind = Literal["word", "phrase", "entity"]
MIN_COUNT = 5  # a pair that is rarer is no phrase
MIN_LIFT = 10.0  # how much more often than by chance a pair must occur
LONGEST = 12  # tokens; a longer unit would hide most of a sentence
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_END = re.compile(r"[.!?…:;]")
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    a an and are as at be been but by can could did do does for from had has have he her his i if in into is it its me
    my no not of on or our she so than that the their them then there these they this to was we were what when where
    which who will with would you your
""",
    )
)


@dataclass(frozen=True)
class Lexicon:
    """Token ids of phrases and entities, and which of the two each is."""

    units: Mapping[tuple[int, ...], Kind] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest unit."""
        return max(map(len, self.units), default=0)


class _Word(str):
    """A word of a text, with what stands before it."""

    opens: bool  # a sentence begins with it
    joined: bool  # only blanks lie between it and the word before


def find(texts: Iterable[str], encode: Callable[[str], Sequence[int]], *, min_count: int = MIN_COUNT) -> Lexicon:
    """The phrases and entities of these texts, by two rules.

    ERNIE finds them with lexical analysis and chunking tools (arXiv:1904.09223 §3.2.2–3.2.3). No such tool is used
    here: rules on the spelling and on counts replace them, and find less.

    - An entity is a run of capitalized words. One word alone counts only where it stands inside a sentence.
    - A phrase is a pair of words that stands together far more often than by chance (Mikolov et al.,
      arXiv:1310.4546 eq. 6, scaled by the number of words N):  N · (count(ab) − min_count + 1) / (count(a) · count(b))
      ≥ 10, and that neither begins nor ends with a function word such as "the".

    `encode` turns a piece of text into token ids without special tokens.
    """
    entities: dict[str, Kind] = {}
    pairs: Counter[tuple[str, str]] = Counter()
    words: Counter[str] = Counter()
    surfaces: dict[tuple[str, str], set[str]] = {}
    for text in texts:
        line = list(_split(text))
        entities.update(dict.fromkeys(_entities(line), "entity"))
        words.update(word.lower() for word in line)
        for first, second in pairwise(line):
            pair = (first.lower(), second.lower())
            if second.joined and not _FUNCTION_WORDS & {*pair}:
                pairs[pair] += 1
                surfaces.setdefault(pair, set()).add(f"{first} {second}")
    phrases: dict[str, Kind] = {}
    total = words.total()
    for pair, count in pairs.items():
        if count >= min_count and total * (count - min_count + 1) >= MIN_LIFT * words[pair[0]] * words[pair[1]]:
            phrases.update(dict.fromkeys(surfaces[pair], "phrase"))
    units = {tuple(encode(unit)): kind for unit, kind in {**phrases, **entities}.items()}
    return Lexicon(MappingProxyType({ids: kind for ids, kind in units.items() if 1 <= len(ids) <= LONGEST}))


def _split(text: str) -> Iterator[_Word]:
    end = 0
    for place, match in enumerate(_WORD.finditer(text)):
        between, word = text[end : match.start()], _Word(match[0])
        word.opens = place == 0 or bool(_END.search(between))
        word.joined = place > 0 and not between.strip()
        end = match.end()
        yield word


def _entities(line: list[_Word]) -> Iterator[str]:
    """Runs of capitalized words, without the function words at their beginning."""
    run: list[_Word] = []
    for word in [*line, None]:
        if word is not None and word[:1].isupper() and (not run or (word.joined and not word.opens)):
            run.append(word)
            continue
        while run and run[0].lower() in _FUNCTION_WORDS:
            del run[0]
        if len(run) > 1 or (run and not run[0].opens):
            yield " ".join(run)
        run = [word] if word is not None and word[:1].isupper() else []
