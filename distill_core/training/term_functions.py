"""The terms of a distillation's loss: one function a row of `terms.TERMS`, each from what both models gave on a batch.

The mathematics stands in `losses.py`; here is what meets what.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from distill_core.models.tokens import IGNORED
from distill_core.terms import LossWeights, Term
from distill_core.training import losses

Pair = tuple[Tensor, Tensor]  # the student's, the teacher's


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What student and teacher gave on one batch. What no used term needs is None or empty.

    Shapes: `logits` and `teacher_logits` (positions, choices); `targets` (positions,) on the CPU, IGNORED where the
    answer is not known; `attention_mask` (batch, seq). Pairs: `last_hidden` and each of `hidden` (batch, seq, width),
    the student's projected to the teacher's width; `attention` (batch, heads, seq, seq); `vectors` are queries, keys
    and values of the last layer (batch, seq, width), to be cut into `heads` relation heads.
    """

    weights: LossWeights
    attention_mask: Tensor
    targets: Tensor
    logits: Tensor
    teacher_logits: Tensor | None = None
    last_hidden: Pair | None = None
    hidden: tuple[Pair, ...] = ()
    attention: tuple[Pair, ...] = ()
    vectors: tuple[Pair, ...] = ()
    heads: int = 1

    @property
    def nothing(self) -> Tensor:
        """0, of a batch that asks nothing: it teaches nothing, yet keeps the graph whole."""
        return self.logits.sum() * 0


TermFunction = Callable[[Compared], Tensor]


def function_of(term: Term) -> TermFunction:
    """The function that a row of the table names."""
    found: TermFunction = globals()[term.function]
    return found


def soft_targets(batch: Compared) -> Tensor:
    """The teacher's softened answers, at every position."""
    if batch.teacher_logits is None or not len(batch.logits):
        return batch.nothing
    soft_loss = losses.standardized_soft_loss if batch.weights.standardize else losses.soft_target_loss
    return soft_loss(batch.logits, batch.teacher_logits, batch.weights.temperature)


def labels(batch: Compared) -> Tensor:
    """The true answers, where they are known."""
    known = batch.targets != IGNORED
    if not known.any():
        return batch.nothing
    return losses.hard_label_loss(batch.logits[known], batch.targets[known].to(batch.logits.device))


def cosine(batch: Compared) -> Tensor:
    """The direction of the last hidden states, at every real token."""
    if batch.last_hidden is None:
        return batch.nothing
    return losses.cosine_hidden_loss(*batch.last_hidden, batch.attention_mask)


def hidden_states(batch: Compared) -> Tensor:
    """The hidden states of the embeddings and of each student layer; the mean over layers."""
    return torch.stack([losses.hidden_mse_loss(*pair, batch.attention_mask) for pair in batch.hidden]).mean()


def attention(batch: Compared) -> Tensor:
    """The attention probabilities of each student layer; the mean over layers."""
    return torch.stack([losses.attention_mse_loss(*pair, batch.attention_mask) for pair in batch.attention]).mean()


def relations(batch: Compared) -> Tensor:
    """The relations of queries, of keys and of values in the last layer; their mean."""
    terms = [losses.relation_loss(*pair, batch.attention_mask, batch.heads) for pair in batch.vectors]
    return torch.stack(terms).mean()
