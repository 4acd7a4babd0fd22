"""Permutation language modeling: tokens are predicted in a random order, each from those before it (XLNet)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from distill_core.objectives import draws, packing
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

K = 6  # one token in K is predicted (arXiv:1906.08237 §2.3 and §3.1)
LONGEST_SPAN = 5


def draw_targets(n: int, generator: Generator) -> list[int]:
    """The last tokens of the factorization order, in that order: the tokens to predict.

    Spans of L = 1 … 5 tokens, each within a context of K · L tokens (XLNet, §3.1), are taken out of the text; these
    tokens, shuffled, are the end of the order. A text of fewer than K tokens predicts one.
    """
    chosen: list[int] = []
    start = 0
    while start < n:
        length = 1 + draws.below(LONGEST_SPAN, generator)
        first = start + draws.below((K - 1) * length + 1, generator)
        chosen += range(first, min(first + length, n))
        start += K * length
    chosen = chosen or [draws.below(n, generator)]
    return [chosen[place] for place in draws.order(len(chosen), generator)]


@dataclass(frozen=True)
class PermutationModeling(Objective):
    """The last 1/K of a random order z (XLNet, arXiv:1906.08237 §2.2 eq. 3, §2.3 eq. 5):

        L = −1/(n − c) Σ_{t > c} log p(x_{z_t} | x_{z_{≤ c}}, x_{z_{c+1}} … x_{z_{t−1}})

    No token of the input is changed: `perm_mask` says who sees whom, and the query stream (`target_mapping`) must say
    a token from its place alone. The first c tokens of the order and the special tokens see each other, never a target;
    as in the paper's code. Departures: one segment instead of two, and no memory of the text before.
    """

    def corrupt(
        self, documents: Sequence[Document], vocabulary: Vocabulary, max_length: int, generator: Generator
    ) -> Corrupted:
        """Rows `text <sep> <cls>`, padded on the left, with an order each. See `Objective.corrupt`."""
        ending = [vocabulary.special("last"), vocabulary.special("first")]
        rows = some(packing.by_document(documents, room(max_length, 2)))
        lines = [[*row.ids, *ending] for row in rows]
        input_ids, mask = pad(lines, vocabulary.pad, "left"), pad([[1] * len(line) for line in lines], 0, "left")
        length = input_ids.shape[1]
        orders = [[length - len(line) + place for place in draw_targets(len(line) - 2, generator)] for line in lines]
        perm_mask, target_mapping = visibility(orders, length)
        labels = pad([input_ids[row, order].tolist() for row, order in enumerate(orders)], IGNORED)
        inputs = {
            "input_ids": input_ids,
            "attention_mask": mask,
            "perm_mask": perm_mask,
            "target_mapping": target_mapping,
        }
        return Corrupted(inputs, {"labels": labels}, rows, n_signal=sum(map(len, orders)))

    def loss(self, module: nn.Module, corrupted: Corrupted, teacher_states: TeacherStates | None = None) -> Loss:
        """Mean cross-entropy of the predicted tokens. Nats."""
        total = gap_loss(module(**corrupted.inputs).logits, corrupted.targets["labels"])
        return Loss(total, {"permutation": total})

    def restore(self, corrupted: Corrupted, vocabulary: Vocabulary) -> list[list[int]]:
        """What each place may show, and the targets at the places that no place may see."""
        rows = []
        for number in range(len(corrupted.rows)):
            one = {name: tensor[number] for name, tensor in corrupted.inputs.items()}
            labels = corrupted.targets["labels"][number]
            labels = labels[labels != IGNORED]
            places = one["target_mapping"][: len(labels)].argmax(-1)
            ids = one["input_ids"].clone()
            ids[places] = labels
            rows.append(ids[one["attention_mask"].bool()].tolist()[:-2])
        return rows


def visibility(orders: Sequence[Sequence[int]], length: int) -> tuple[Tensor, Tensor]:
    """Who may not see whom, and where the predictions are, for targets in their order.

    Shapes: (batch, seq, seq), 1 where the first must not see the second; (batch, targets, seq), one 1 a target.
    """
    perm_mask = torch.zeros(len(orders), length, length)
    target_mapping = torch.zeros(len(orders), max(map(len, orders)), length)
    for row, order in enumerate(orders):
        rank = torch.full((length,), -1)
        rank[list(order)] = torch.arange(len(order))
        hidden = (rank[:, None] <= rank[None, :]) & (rank >= 0)[None, :]  # (seq, seq)
        perm_mask[row] = hidden.to(perm_mask.dtype)
        target_mapping[row, torch.arange(len(order)), list(order)] = 1.0
    return perm_mask, target_mapping
