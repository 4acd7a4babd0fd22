"""The last layer, computed for the one token that the classifier reads.

The heads of BERT, RoBERTa, ERNIE and ELECTRA look at the first token alone: nothing else of the last layer's output
reaches the logits or the loss, and its gradient is zero. So the layer's twelve width × width products are computed for
one token of each text; the logits and gradients stay what they were (up to rounding).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

_SAME_LAYERS = ("bert", "roberta", "ernie", "electra")  # model types whose layer is BERT's


@contextlib.contextmanager
def first_token_only(model: nn.Module) -> Iterator[None]:
    """Within this block the model's last hidden states hold the first token alone: for losses on the logits.

    Other families, and attention kernels with masks of their own, are left as they are.
    """
    layer = _last_layer(model)
    if layer is None:
        yield
        return
    layer.forward = partial(_forward, layer)
    try:
        yield
    finally:
        vars(layer).pop("forward", None)


def _last_layer(model: nn.Module) -> Any:
    config: Any = getattr(model, "config", None)
    if getattr(config, "model_type", None) not in _SAME_LAYERS or config.is_decoder:
        return None
    if config._attn_implementation not in ("sdpa", "eager") or "SequenceClassification" not in type(model).__name__:
        return None  # another head may read every token
    base: Any = model.base_model
    layer = base.encoder.layer[-1]
    attention = layer.attention.self
    plain = all(type(module) is nn.Linear for module in (attention.key, attention.value))  # no adapter around them
    return layer if plain else None


def _forward(layer: Any, hidden: Tensor, attention_mask: Tensor | None = None, *_rest: Any, **_more: Any) -> Tensor:
    """BertLayer.forward for the first token. Shapes: (batch, seq, width) and its mask → (batch, 1, width).

    One query a text meets all keys, so the projections of keys and values move to where there is one vector a text:
    q · (W_k h + b_k) = (W_kᵀ q) · h + q · b_k, and Σ a (W_v h + b_v) = W_v Σ a h + b_v Σ a.
    """
    first, attention = hidden[:, :1], layer.attention.self
    heads = attention.num_attention_heads
    query = attention.query(first).unflatten(-1, (heads, -1)).squeeze(1) * attention.scaling  # (batch, heads, size)
    key_weight, key_bias = _by_head(attention.key, heads)  # (heads, size, width), (heads, size)
    value_weight, value_bias = _by_head(attention.value, heads)
    scores = torch.einsum("bhs,hsw->bhw", query, key_weight) @ hidden.transpose(1, 2)  # (batch, heads, seq)
    scores = scores + (query * key_bias).sum(-1, keepdim=True)
    weights = attention.dropout(_masked(scores, attention_mask).softmax(-1))
    context = torch.einsum("bhw,hsw->bhs", weights @ hidden, value_weight) + value_bias * weights.sum(-1, keepdim=True)
    output: Tensor = layer.feed_forward_chunk(layer.attention.output(context.flatten(1).unsqueeze(1), first))
    return output


def _by_head(projection: nn.Linear, heads: int) -> tuple[Tensor, Tensor]:
    return projection.weight.view(heads, -1, projection.in_features), projection.bias.view(heads, -1)


def _masked(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The mask (batch, 1, seq, seq) is boolean (True: look) or holds what is added to the scores."""
    if mask is None:
        return scores
    row = mask[:, :, 0]  # (batch, 1, seq)
    return scores.masked_fill(~row, torch.finfo(scores.dtype).min) if row.dtype == torch.bool else scores + row
