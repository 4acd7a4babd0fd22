"""Counting parameters by part, without memory: models are built on the meta device, shared weights count once.

Parts: embeddings (words, positions, segments and their projection), attention (with relative position biases),
feed_forward, other (normalization, pooler, heads).
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import torch
from torch import nn

from distill_core import families
from distill_core.settings import DATA

# The first pattern that matches a parameter's name decides. Names are those of transformers' ten architectures.
_PARTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (part, re.compile(pattern))
    for part, pattern in (
        ("other", r"(layer_?norm|ln_\d|norm\.|pooler|classifier|\bscore\.|classification_head|logits_proj|summary)"),
        (
            "embeddings",
            r"(embeddings\.|embed_positions|embed_tokens|tokens_embed|positions_embed|\bshared\."
            r"|word_embedding\b|mask_emb|embeddings_project|embedding_hidden_mapping)",
        ),
        ("attention", r"(attention\.|\battn\.|self_attn\.|encoder_attn\.|SelfAttention|EncDecAttention|rel_attn)"),
        ("feed_forward", r"(intermediate\.|output\.dense|\bffn?\.|ffn_output|mlp\.|DenseReluDense|\bfc[12]\.)"),
    )
)


def part_of(name: str) -> str:
    """The part that a parameter of this name belongs to.

    LayerNorm is matched first: "attention.output.LayerNorm.weight" is normalization, not attention.
    """
    lowered = name.replace("LayerNorm", "layer_norm")
    return next((part for part, pattern in _PARTS if pattern.search(lowered)), "other")


def count(model: nn.Module) -> int:
    """All parameters, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_by_part(model: nn.Module) -> dict[str, int]:
    """Parameters by part; the values add up to `count(model)`."""
    sizes = dict.fromkeys(families.PARTS, 0)
    for name, parameter in model.named_parameters():  # named_parameters lists a shared tensor once
        sizes[part_of(name)] += parameter.numel()
    return sizes


def official(family: families.Family) -> dict[str, int]:
    """Exact size by part of the bare official model, on the meta device: no weights are made."""
    from distill_core.models.loading import build_backbone

    with torch.device("meta"):
        return count_by_part(build_backbone(family, family.official))


def write_table(path: Path = DATA / "parameters.csv") -> None:
    """Write data/parameters.csv, from which pages read the exact sizes without torch."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["family", *families.PARTS])
        for family in families.FAMILIES:
            sizes = official(family)
            writer.writerow([family.key, *(sizes[part] for part in families.PARTS)])
