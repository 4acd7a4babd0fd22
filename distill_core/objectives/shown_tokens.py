"""A typed text as each family reads it: the family's own tokenizer where one is here, else plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from distill_core import families
from distill_core.assets import shelf
from distill_core.errors import DataError
from distill_core.families import Family
from distill_core.files import content
from distill_core.objectives import lexicon
from distill_core.objectives.vocabulary import Vocabulary
from distill_core.settings import DATA

MAX_TOKENS = 120  # of one text are shown
READ_CHARS = 4000  # more than MAX_TOKENS tokens of any language
# Other documents: BERT takes its random second parts from them, and words to replace others with.
OTHERS = (
    "Bread needs flour, water and salt. It rests for an hour before it goes into the oven.",
    "The river froze in January. Children skated on it after school until the sun went down.",
    "The last train leaves at nine. Buy your ticket early, since the station is small and closes soon.",
)
_SENTENCE = re.compile(r"(?<=[.!?…。！？])\s+|\n+")
_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_SENTINELS = tuple(f"<extra_id_{number}>" for number in range(40))
# Padding, unknown, first, last and mask token, as each family spells them.
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_SPELLED = {
    **dict.fromkeys(("roberta", "bart", "t5"), ("<pad>", "<unk>", "<s>", "</s>", "<mask>")),
    "xlnet": ("<pad>", "<unk>", "<cls>", "<sep>", "<mask>"),
}
_KINDS = {"wordpiece": "WordPiece", "bpe": "BPE", "byte-bpe": "byte-level BPE", "unigram": "unigram pieces"}


@dataclass(frozen=True)
class Reader:
    """A tokenizer for the page. `pieces` are the tokens by id, without the marks of words (##, Ġ, ▁, </w>)."""

    title: str
    vocabulary: Vocabulary
    encode: Callable[[str], list[int]]
    pieces: Sequence[str]

    def goes_on(self, token: int, before: int | None = None) -> bool:
        """Whether a token goes on with the word before it; in GPT's vocabulary the token before it tells."""
        row = self.vocabulary
        if token in (row.pad, row.unk, row.mask, row.first, row.last, *row.sentinels):
            return False
        if row.ends_word.any():
            return before is not None and not row.ends_word[before]
        return not row.starts_word[token]

    def sentences(self, text: str) -> list[list[int]]:
        """The text's sentences as token ids, MAX_TOKENS in all. A typed "[MASK]" is no special token of the text.

        Raises DataError when no token is left.
        """
        row = self.vocabulary
        special = {row.pad, row.mask, row.first, row.last, *row.sentinels} - {row.unk, None}
        found, left = [], MAX_TOKENS
        for sentence in _SENTENCE.split(text[:READ_CHARS]):
            ids = [token for token in self.encode(sentence) if token not in special][:left]
            found += [ids] if ids else []
            left -= len(ids)
        if not found:
            raise DataError("There is no word in this text.", "Type a sentence, for instance: a warm and funny film.")
        return found

    def with_units_of(self, text: str) -> Reader:
        """The reader that knows the names of this text, and its phrases: pairs that stand in it at least twice."""
        found = lexicon.find([text[:READ_CHARS], *OTHERS], self.encode, min_count=2)
        return replace(self, vocabulary=replace(self.vocabulary, lexicon=found))


def reader(family: Family, text: str) -> Reader:
    """The tokenizer of the family's mini; that of minilm for a family that uses WordPiece; else whole words."""
    kind = _KINDS[family.tokenizer_kind]
    mini = DATA / "minis" / family.key
    if (mini / "tokenizer.json").is_file():
        return _from_files(family.key, mini, content.of_file(mini / "tokenizer.json"), f"{kind} of its mini")
    minilm = shelf.asset("minilm").folder
    if family.tokenizer_kind == "wordpiece" and (minilm / "tokenizer.json").is_file():
        return _from_files(family.key, minilm, content.of_file(minilm / "tokenizer.json"), f"{kind} of MiniLM")
    return _words(family, text, f"whole words, since the {kind} of this family is not on this machine")


@lru_cache(maxsize=32)
def _from_files(key: str, folder: Path, _: str, title: str) -> Reader:
    """The tokenizer in a folder, read again when its file holds something else."""
    from transformers import PreTrainedTokenizerFast

    tokenizer: Any = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    family = families.get(key)
    by_id = {place: piece for piece, place in tokenizer.get_vocab().items()}
    pieces = tuple(_shown(by_id.get(place, ""), family.tokenizer_kind) for place in range(max(by_id) + 1))

    def encode(text: str) -> list[int]:
        ids: list[int] = backend.encode(text, add_special_tokens=False).ids  # changes nothing: sessions share it
        return ids

    return Reader(title, Vocabulary.of(tokenizer, family), encode, pieces)


def _words(family: Family, text: str, title: str) -> Reader:
    """Words and punctuation marks as tokens: those of this text and of OTHERS are the whole vocabulary."""
    words = dict.fromkeys(_WORD.findall(" ".join([text[:READ_CHARS], *OTHERS])))
    sentinels = _SENTINELS if family.key == "t5" else ()
    pieces = (*_SPELLED.get(family.key, _SPECIAL), *sentinels, *words)
    places = {piece: place for place, piece in enumerate(pieces)}
    none = torch.zeros(len(pieces), dtype=torch.bool)
    vocabulary = Vocabulary(
        size=len(pieces),
        pad=0,
        unk=1,
        mask=4,
        first=2,
        last=3,
        sentinels=tuple(range(5, 5 + len(sentinels))),
        starts_word=~none,
        ends_word=none,
    )
    return Reader(title, vocabulary, lambda part: [places.get(word, 1) for word in _WORD.findall(part)], pieces)


def _shown(piece: str, kind: str) -> str:
    """A piece without its mark; a space that is a token of its own as ␣."""
    if kind == "byte-bpe":
        piece = _from_bytes(piece)
    bare = piece.removeprefix("##").removesuffix("</w>").replace("▁", " ").strip(" \n\t")
    return bare or "␣"


def _from_bytes(piece: str) -> str:
    """A piece of a byte-level vocabulary as text; bytes that are no whole character in hex."""
    if any(char not in _BYTES for char in piece):
        return piece
    raw = bytes(_BYTES[char] for char in piece)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return " ".join(f"{byte:02X}" for byte in raw)


def _byte_alphabet() -> dict[str, int]:
    """The characters that stand for bytes in byte-level BPE: printable ones for themselves, the others from 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(rest)}


_BYTES = _byte_alphabet()
