"""Causal language modeling: each token is predicted from those before it (GPT)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, nn

from distill_core.objectives import packing
from distill_core.objectives.batch import (
    IGNORED,
    Corrupted,
    Document,
    Objective,
    TeacherStates,
    gap_loss,
    pad,
    room,
    some,
)
from distill_core.objectives.vocabulary import Vocabulary
from distill_core.training.losses import Loss


@dataclass(frozen=True)
class CausalModeling(Objective):
    """The next token (GPT, Radford et al. 2018, §3.1 eq. 1):  L = −1/(n − 1) Σ_{i ≥ 2} log p(x_i | x_1 … x_{i−1})

    Nothing is hidden: the causal mask of the network hides what comes later. The first GPT has no token that stands
    before a text, so that the first token of a row is never predicted.
    """

    def corrupt(
        self, documents: Sequence[Document], vocabulary: Vocabulary, max_length: int, generator: Generator
    ) -> Corrupted:
        """Rows as they are; padding on the right. See `Objective.corrupt`."""
        rows = some(packing.by_document(documents, room(max_length, 0)))
        lines = [row.ids for row in rows]
        mask = pad([[1] * len(line) for line in lines], 0)
        inputs = {"input_ids": pad(lines, vocabulary.pad), "attention_mask": mask}
        return Corrupted(inputs, {"labels": pad(lines, IGNORED)}, rows, n_signal=sum(len(line) - 1 for line in lines))

    def loss(self, module: nn.Module, corrupted: Corrupted, teacher_states: TeacherStates | None = None) -> Loss:
        """Mean cross-entropy of all tokens but the first of each row. Nats."""
        logits = module(**corrupted.inputs).logits
        total = gap_loss(logits[:, :-1], corrupted.targets["labels"][:, 1:])
        return Loss(total, {"causal": total})

    def restore(self, corrupted: Corrupted, vocabulary: Vocabulary) -> list[list[int]]:
        """The first token of the input, then the targets."""
        seen, labels = corrupted.inputs["input_ids"], corrupted.targets["labels"]
        ids = torch.cat([seen[:, :1], labels[:, 1:]], dim=1)
        return [[token for token in line if token != IGNORED] for line in ids.tolist()]
