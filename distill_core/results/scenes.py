"""What a page shows of one corrupted text: tokens with what happened to them. Plain values, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["special", "text", "masked", "random", "same", "sentinel", "hidden", "replaced", "answer", "unit"]


@dataclass(frozen=True)
class Chip:
    """One token. `number` joins a gap to its answer; `remark` says what kind of unit it is; a token that is `joined`
    goes on with the word before it."""

    text: str
    kind: Kind = "text"
    number: int | None = None
    remark: str = ""
    joined: bool = False


@dataclass(frozen=True)
class Passage:
    """A line of tokens, or a sentence in their place, under a title."""

    title: str
    chips: tuple[Chip, ...] = ()
    sentence: str = ""


@dataclass(frozen=True)
class Scene:
    """One objective on one text: what the network sees and what it must say, and how many tokens give a signal."""

    family: str
    tokenizer: str
    passages: tuple[Passage, ...]
    n_tokens: int
    n_signal: int
    note: str = ""

    @property
    def share(self) -> float:
        """The fraction of the tokens that give a signal."""
        return self.n_signal / self.n_tokens
