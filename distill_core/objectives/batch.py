"""What all objectives share: the text of a row, the corrupted batch, and the interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from distill_core.errors import DataError, SpecError
from distill_core.models.tokens import IGNORED as IGNORED  # what the objectives leave out
from distill_core.objectives.vocabulary import Vocabulary
from distill_core.training import losses
from distill_core.training.losses import Loss

Ids = Sequence[int]
Document = Sequence[Ids]  # sentences of token ids, without special tokens


class Row(NamedTuple):
    """The text of one row, before anything happens to it: its segments in the order in which they were written.

    Segments are documents, sentences or the two parts of a pair. `label` says what became of a pair: 0 as written,
    1 the second part is from elsewhere (BERT) or the parts are swapped (ALBERT); IGNORED where there is no pair.
    """

    segments: tuple[tuple[int, ...], ...]
    label: int = IGNORED

    @property
    def ids(self) -> list[int]:
        """All tokens."""
        return [token for segment in self.segments for token in segment]


@dataclass(frozen=True)
class Corrupted:
    """A batch as the network sees it, and what it must say.

    `inputs` are keyword arguments of the network, and `targets` those that let transformers compute its own loss;
    IGNORED marks what is not scored. `n_signal` counts the tokens of the text about which the network that is kept
    must say something. `noise` (batch, seq) decides what ELECTRA's generator draws.
    """

    inputs: dict[str, Tensor]
    targets: dict[str, Tensor]
    rows: tuple[Row, ...]
    n_signal: int
    noise: Tensor = field(default_factory=lambda: torch.empty(0))

    @property
    def n_tokens(self) -> int:
        """Tokens of text in the batch, special tokens and padding not counted."""
        return sum(len(segment) for row in self.rows for segment in row.segments)

    def to(self, device: torch.device | str) -> Corrupted:
        """The same batch on a device."""
        moved = [{name: tensor.to(device) for name, tensor in part.items()} for part in (self.inputs, self.targets)]
        return replace(self, inputs=moved[0], targets=moved[1], noise=self.noise.to(device))


class TeacherStates(NamedTuple):
    """What a teacher of the same vocabulary says about a corrupted batch. Shapes: (batch, seq, vocab),
    (batch, seq, width)."""

    logits: Tensor
    hidden: Tensor


@dataclass(frozen=True)
class Objective(ABC):
    """A pre-training objective. `key` is the family's, `network` the class of transformers with its heads."""

    key: str
    network: str

    @abstractmethod
    def corrupt(
        self, documents: Sequence[Document], vocabulary: Vocabulary, max_length: int, generator: Generator
    ) -> Corrupted:
        """Rows of at most `max_length` tokens, corrupted. A long document fills several rows; no token is lost.

        Raises:
            DataError: there is no token in these documents.
            ModelError: the tokenizer lacks a special token that is needed.
            SpecError: no text fits into `max_length`.
        """

    @abstractmethod
    def loss(self, module: nn.Module, corrupted: Corrupted, teacher_states: TeacherStates | None = None) -> Loss:
        """The loss of a batch and its parts. Only DistilBERT has a use for `teacher_states`."""

    @abstractmethod
    def restore(self, corrupted: Corrupted, vocabulary: Vocabulary) -> list[list[int]]:
        """The text of each row, rebuilt from inputs and targets alone."""

    def build(self, config: Any) -> nn.Module:
        """The network with its pre-training heads and random weights."""
        import transformers

        module: nn.Module = getattr(transformers, self.network)(config)
        return module

    def backbone(self, module: nn.Module) -> nn.Module:
        """The network to keep, without the pre-training heads; its weights are those of `module`."""
        trained: Any = module
        kept: nn.Module = trained.base_model
        return kept

    def kept(self, module: nn.Module) -> nn.Module:
        """The network to keep with its pre-training head, a class of transformers."""
        return module


def room(max_length: int, special: int, least: int = 1) -> int:
    """Tokens of text that fit beside the special ones. Raises SpecError for fewer than `least`."""
    left = max_length - special
    if left < least:
        raise SpecError(f"max_length must be at least {special + least}, got {max_length}.", "Typical: 64–512.")
    return left


def some(rows: list[Row]) -> tuple[Row, ...]:
    """The rows. Raises DataError when there is none."""
    if not rows:
        raise DataError("There is no token in these documents.", "Give at least one word.")
    return tuple(rows)


def pad(rows: Sequence[Sequence[float]], value: float, side: str = "right") -> Tensor:
    """Rows of different length as one tensor. Shape: (batch, longest)."""
    longest = max(map(len, rows), default=0)
    padded = []
    for row in rows:
        filling = [value] * (longest - len(row))
        padded.append([*row, *filling] if side == "right" else [*filling, *row])
    return torch.tensor(padded)


def gap_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy where something is asked; 0 where nothing is, so that such a batch teaches nothing.

    Shapes: (…, vocab), (…) → scalar, nats.
    """
    asked = labels != IGNORED
    return losses.hard_label_loss(logits[asked], labels[asked]) if asked.any() else logits.sum() * 0
