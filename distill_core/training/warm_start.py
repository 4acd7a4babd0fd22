"""First embeddings for a small model: what a large one says of each token alone, in the width of the small one.

Each token of the vocabulary is read by the teacher as a text of its own; the vectors are centered and turned into the
directions in which they differ most (principal components), as Model2Vec does for static embeddings (MinishLab,
doi:10.5281/zenodo.17270888). A student whose embeddings know that "dull" and "boring" are close needs less text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.machine.devices import Device
from distill_core.models.loading import LoadedModel
from distill_core.training import sentence_embedder


def token_vectors(
    teacher: LoadedModel, tokenizer: Any, width: int, device: Device, check: Callable[[], None] = lambda: None
) -> Tensor:
    """One vector a token, special ones 0; mean 0 and standard deviation 1 over all others. (vocabulary, width)."""
    words = [_word(tokenizer, index) for index in range(len(tokenizer))]
    special = torch.tensor([not word or index in tokenizer.all_special_ids for index, word in enumerate(words)])
    vectors = sentence_embedder.embeddings(teacher, words, 16, device, check)
    known = vectors[~special]
    centered = known - known.mean(0)
    axes = torch.linalg.svd(centered, full_matrices=False).Vh[:width]  # (width, teacher's width)
    reduced = centered @ axes.T
    out = torch.zeros(len(words), width)
    out[~special, : reduced.shape[1]] = reduced / reduced.std()
    return out


def warm_up(model: Any, vectors: Tensor) -> None:
    """Write the vectors into the input embeddings, at the scale that these had; rows of 0 stay random."""
    table: nn.Embedding = model.get_input_embeddings()
    with torch.no_grad():
        wanted = vectors.abs().sum(-1) > 0
        scale = table.weight.std()
        table.weight[: len(vectors)][wanted] = vectors[wanted] * scale


def _word(tokenizer: Any, index: int) -> str:
    """The token as a reader would write it, without the marks of its kind."""
    token = str(tokenizer.convert_ids_to_tokens(index))
    return str(tokenizer.convert_tokens_to_string([token])).replace("##", "").strip()
