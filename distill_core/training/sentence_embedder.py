"""The teacher of the small siblings: a model whose mean-pooled states say what a sentence means (arXiv:1908.10084 §3).

Its embeddings are computed once and shared by all ten students: through the cache of teacher outputs, in pieces, so
that a stopped pass loses at most one piece.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distill_core.machine.devices import Device
from distill_core.models.asking import Asking
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Batch
from distill_core.training import teacher_cache

PIECE = 8192  # texts: some 20 s of a teacher pass on two cores


class SentenceEmbedder(nn.Module):
    """A bare model whose output is one unit vector a text."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.config = model, model.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_unused: Any) -> Tensor:
        """Shapes: (batch, seq) twice → (batch, width), each of length 1."""
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)  # (batch, seq, 1)
        return F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)


class _Vectors(Asking):
    """What the embedder is asked: its vectors, one a text."""

    name = "vectors"

    def asked(self, output: Tensor, batch: Batch) -> Tensor:
        return output


def embeddings(
    teacher: LoadedModel,
    texts: Sequence[str],
    max_length: int,
    device: Device,
    check: Callable[[], None] = lambda: None,
    on_piece: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """The sentence embeddings of these texts, from the cache where they are known. Shape: (texts, width).

    `on_piece(share)` hears how much is done (0–1).
    """
    embedder = SentenceEmbedder(teacher.model.to(device.torch_device)).eval()
    encoded = teacher.encode(texts, max_length)
    starts = list(range(0, len(encoded), PIECE))
    rows: dict[int, Tensor] = {}
    for done, start in enumerate(_own_order(starts), start=1):
        piece = encoded.part(slice(start, start + PIECE))
        found, _ = teacher_cache.answers(embedder, piece, device, _Vectors(), check=check)
        rows[start] = found[_Vectors.name]
        on_piece(done / len(starts))
    return torch.cat([rows[start] for start in starts]) if rows else torch.empty(0, int(embedder.config.hidden_size))


def _own_order(starts: list[int]) -> list[int]:
    """Students at once share the teacher's pass instead of waiting in turn: each process has an order of its own."""
    order = torch.randperm(len(starts), generator=torch.Generator().manual_seed(os.getpid()))
    return [starts[place] for place in order.tolist()]
