"""A pre-training loss beside what needs no context: word counts on the very tokens that are asked, and the loss apart
for tokens that were hidden, replaced by another, and left visible. The last are answered by copying.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from distill_core.objectives.batch import IGNORED, Corrupted, Objective
from distill_core.objectives.causal import CausalModeling
from distill_core.objectives.masking import MaskedModeling
from distill_core.objectives.permutation import PermutationModeling

KINDS = ("masked", "replaced", "kept")


def unigram_nats(objective: Objective, batches: Sequence[Corrupted], counts: Tensor) -> float | None:
    """The loss on the asked tokens of one who knows nothing but `counts`, how often each token was read (plus one).
    Shape: (vocab,). Nats; None for an objective that does not ask for single tokens."""
    if not isinstance(objective, MaskedModeling | CausalModeling | PermutationModeling):
        return None
    first = 1 if isinstance(objective, CausalModeling) else 0  # the first token of a row is never predicted
    asked = torch.cat([batch.targets["labels"][:, first:].flatten() for batch in batches])
    asked = asked[asked != IGNORED]
    return float(-(counts / counts.sum()).log()[asked].mean()) if len(asked) else None


def by_kind(
    objective: Objective, batches: Sequence[Corrupted], mask: int | None, loss_of: Callable[[Corrupted], float]
) -> dict[str, float]:
    """The loss of masked words by what became of the asked token (KINDS), each weighted by its tokens; a kind without a
    token is left out. Empty for other objectives. `loss_of` gives the mean loss at the asked tokens of a batch."""
    if not isinstance(objective, MaskedModeling):
        return {}
    found = {}
    for kind in KINDS:
        parts = [_only(batch, kind, mask) for batch in batches]
        asked = [int((part.targets["labels"] != IGNORED).sum()) for part in parts]
        total = sum(loss_of(part) * n for part, n in zip(parts, asked, strict=True) if n)
        if sum(asked):
            found[kind] = total / sum(asked)
    return found


def _only(batch: Corrupted, kind: str, mask: int | None) -> Corrupted:
    """The batch with the labels of this kind alone."""
    seen, labels = batch.inputs["input_ids"], batch.targets["labels"]
    of_kind: dict[str, Tensor] = {
        "masked": torch.eq(seen, mask if mask is not None else IGNORED),
        "kept": torch.eq(seen, labels),
        "replaced": torch.ne(seen, labels) & torch.ne(seen, mask if mask is not None else IGNORED),
    }
    return replace(batch, targets={**batch.targets, "labels": labels.where(of_kind[kind], IGNORED)})
