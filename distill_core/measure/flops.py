"""Floating-point operations of a training, estimated from the parameters that multiply each token.

A matrix of p parameters costs 2 · p operations a token (Kaplan et al., arXiv:2001.08361 §2.1): once forward; once for
its own gradient, where it learns; once for the gradient that it hands down, where something below it learns. Lookups in
embedding tables and the products inside of attention are not counted.
"""

from __future__ import annotations

from typing import Any

from distill_core.models import students
from distill_core.models.loading import family_of
from distill_core.models.parameters import part_of

_HANDED_DOWN_INSIDE = 0.25  # of the lowest layer's attention: of its four products, the three first ones read its input


def forward_tflop(model: Any, tokens: int, texts: int) -> float:
    """10¹² operations of one pass over `texts` texts, which have `tokens` tokens in all."""
    return 2 * sum(size for _, size, _ in _products(model, tokens, texts)) / 1e12


def training_tflop(model: Any, tokens: int, texts: int) -> float:
    """10¹² operations of forward and backward passes over `texts` texts of `tokens` tokens in all, passes counted. The
    head asks once a text; where it asks at every token, give `tokens` for both.

    Which weights learn decides: frozen ones have no gradient of their own, and below the lowest one that learns no
    error is handed down.
    """
    learning = [_depth(model, name) for name, weight in model.named_parameters() if weight.requires_grad]
    lowest = min(learning, default=0)
    backward = 0.0
    for name, size, learns in _products(model, tokens, texts):
        depth = _depth(model, name)
        if depth > lowest:
            backward += size
        elif depth == lowest and lowest > 0:
            backward += size * (_HANDED_DOWN_INSIDE if part_of(name) == "attention" else 1.0)
        backward += size if learns else 0.0
    return forward_tflop(model, tokens, texts) + 2 * backward / 1e12


def _products(model: Any, tokens: int, texts: int) -> list[tuple[str, float, bool]]:
    """Each weight that multiplies something: its name, its size times what it multiplies, and whether it learns."""
    config = model.config
    shared = students.n_layers(config) if family_of(config).shared_layers else 1
    found = []
    for name, weight in model.named_parameters():
        part = part_of(name)
        if part == "embeddings":
            continue
        uses = shared if part in ("attention", "feed_forward") else 1
        read = texts if _is_head(model, name) else tokens
        found.append((name, float(weight.numel()) * uses * read, weight.requires_grad))
    return found


def _is_head(model: Any, name: str) -> bool:
    """Whether a weight reads one place of a text: the pooler, and what lies above the backbone."""
    prefix = model.base_model_prefix
    return "pooler" in name or (prefix != "" and f"{prefix}." not in name)


def _depth(model: Any, name: str) -> int:
    config = model.config
    layers = students.n_layers(config)
    if family_of(config).shared_layers and part_of(name) in ("attention", "feed_forward"):
        return 1
    return students.depth_of(name, layers)
