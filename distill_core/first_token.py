"""The last layer, computed for the one token that the classifier reads.

The heads of BERT, RoBERTa, ERNIE and ELECTRA look at the first token alone: nothing else of the last layer's output
reaches the logits or the loss, and its gradient is zero. Keys and values are needed of every token; queries, output
projection and feed-forward network of the first one only. 10 of the layer's 12 width × width products fall away, and
the logits and gradients stay what they were (up to rounding).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch.nn.functional as F
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
    if config._attn_implementation not in ("sdpa", "eager") or not hasattr(model, "classifier"):
        return None
    base: Any = model.base_model
    return base.encoder.layer[-1]


def _forward(layer: Any, hidden: Tensor, attention_mask: Tensor | None = None, *_rest: Any, **_more: Any) -> Tensor:
    """BertLayer.forward for the first token. Shapes: (batch, seq, width) and its mask → (batch, 1, width).

    The mask is boolean (True: look) or holds what is added to the scores; torch's attention takes both.
    """
    first, attention = hidden[:, :1], layer.attention.self
    context = F.scaled_dot_product_attention(
        _heads(attention, attention.query(first)), _heads(attention, attention.key(hidden)),
        _heads(attention, attention.value(hidden)), None if attention_mask is None else attention_mask[:, :, :1],
        attention.dropout.p if attention.training else 0.0, scale=attention.scaling,
    )  # fmt: skip
    context = context.transpose(1, 2).flatten(2)  # (batch, heads, 1, width / heads) → (batch, 1, width)
    output: Tensor = layer.feed_forward_chunk(layer.attention.output(context, first))
    return output


def _heads(attention: Any, vectors: Tensor) -> Tensor:
    """(batch, seq, width) → (batch, heads, seq, width / heads)."""
    batch, length, _ = vectors.shape
    return vectors.view(batch, length, attention.num_attention_heads, -1).transpose(1, 2)
