"""What an objective must know of a tokenizer: special tokens, sentinels, and where words begin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from distill_core.errors import ModelError
from distill_core.families import Family
from distill_core.objectives.lexicon import Lexicon

_SENTINEL = re.compile(r"<extra_id_(\d+)>")
# How each kind of tokenizer marks a word: with a sign on its first piece, on its later pieces, or on its last piece.
_FIRST = {"byte-bpe": ("Ġ", "Ċ"), "unigram": ("▁",)}
_LATER = {"wordpiece": "##"}
_LAST = {"bpe": "</w>"}


@dataclass(frozen=True)
class Vocabulary:
    """Ids of a tokenizer's special tokens (None where it has none) and how its tokens make words.

    `first` stands before a text (XLNet: behind it), `last` ends it. `starts_word` and `ends_word` have shape (size,):
    a word begins with a token that starts one, or behind a token that ended one. `lexicon` holds the phrases and
    entities that ERNIE hides as wholes.
    """

    size: int
    pad: int
    unk: int
    mask: int | None
    first: int | None
    last: int | None
    sentinels: tuple[int, ...]
    starts_word: Tensor
    ends_word: Tensor
    lexicon: Lexicon = field(default_factory=Lexicon)

    @classmethod
    def of(cls, tokenizer: Any, family: Family) -> Vocabulary:
        """The vocabulary of a fast tokenizer of transformers. One without a padding token pads with its unknown one."""
        pieces: dict[str, int] = tokenizer.get_vocab()
        size = max(pieces.values()) + 1
        sentinels = {int(match[1]): pieces[piece] for piece in pieces if (match := _SENTINEL.fullmatch(piece))}
        starts, ends = _word_marks(pieces, size, family.tokenizer_kind)
        return cls(
            size=size,
            pad=_either(tokenizer.pad_token_id, tokenizer.unk_token_id, 0),
            unk=_either(tokenizer.unk_token_id, 0),
            mask=tokenizer.mask_token_id,
            first=_either(tokenizer.cls_token_id, tokenizer.bos_token_id),
            last=_either(tokenizer.sep_token_id, tokenizer.eos_token_id),
            sentinels=tuple(sentinels[number] for number in sorted(sentinels)),
            starts_word=starts,
            ends_word=ends,
        )

    def special(self, name: str) -> int:
        """The id of `pad`, `unk`, `mask`, `first` or `last`. Raises ModelError when the tokenizer has none."""
        found: int | None = getattr(self, name)
        if found is None:
            raise ModelError(
                f"The tokenizer has no {name!r} token, and this objective needs one.",
                "Choose a tokenizer of the family's own kind.",
            )
        return found

    def word_starts(self, ids: Sequence[int]) -> list[int]:
        """The places at which words begin; the first token always begins one."""
        if not ids:
            return []
        tokens = torch.tensor(ids)
        begins = self.starts_word[tokens]
        begins[1:] |= self.ends_word[tokens[:-1]]
        begins[0] = True
        return torch.nonzero(begins).flatten().tolist()

    def words(self, ids: Sequence[int]) -> list[tuple[int, int]]:
        """The words as (start, end)."""
        starts = self.word_starts(ids)
        return list(zip(starts, [*starts[1:], len(ids)], strict=True)) if starts else []


def _either(*ids: Any) -> Any:
    return next((found for found in ids if found is not None), None)


def _word_marks(pieces: dict[str, int], size: int, kind: str) -> tuple[Tensor, Tensor]:
    """Which tokens start and which end a word. Shapes: (size,) each."""
    starts, ends = torch.zeros(size, dtype=torch.bool), torch.zeros(size, dtype=torch.bool)
    for piece, place in pieces.items():
        if kind in _FIRST:
            starts[place] = piece.startswith(_FIRST[kind])
        elif kind in _LATER:
            starts[place] = not piece.startswith(_LATER[kind])
        else:
            ends[place] = piece.endswith(_LAST[kind])
    return starts, ends
