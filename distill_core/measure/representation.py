"""What fine-tuning moved: similarity of representations layer by layer, and texts in a plane before and after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from distill_core.machine.devices import Device
from distill_core.models.tokens import Encoded, sorted_batches
from distill_core.results import Movement

Matrix = np.ndarray[Any, Any]


def linear_cka(first: Matrix, second: Matrix) -> float:
    """Linear centered kernel alignment (Kornblith et al., arXiv:1905.00414 eq. 5 with linear kernels).

        CKA = ‖Yᵀ X‖² / (‖Xᵀ X‖ · ‖Yᵀ Y‖),  columns centered

    1 for representations that differ by a rotation and a scale, near 0 for unrelated ones. Shapes: (texts, width each).
    """
    x, y = first - first.mean(0), second - second.mean(0)
    cross = np.linalg.norm(y.T @ x) ** 2
    own = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return float(cross / own) if own > 0 else 1.0


def plane(features: Matrix) -> Matrix:
    """The two main axes (PCA by singular values). Shape: (texts, width) → (texts, 2)."""
    centered = features - features.mean(0)
    left, scale, axes = np.linalg.svd(centered, full_matrices=False)
    signs = np.where(axes[:2].sum(1) < 0, -1.0, 1.0)  # a fixed sign: the same data give the same picture
    projected: Matrix = left[:, :2] * scale[:2] * signs
    return projected


def layer_states(model: nn.Module, encoded: Encoded, device: Device, check: Callable[[], None]) -> list[Matrix]:
    """Mean-pooled hidden states of embeddings and every layer: one array (texts, width) each."""
    backbone: Any = getattr(model, "base_model", model)
    backbone.eval()
    rows: list[list[Matrix | None]] = []
    with torch.inference_mode():
        for indices in sorted_batches(encoded.lengths, 64):
            check()
            batch = encoded.batch(indices, device.torch_device)
            extra = {"decoder_input_ids": batch["input_ids"]} if backbone.config.is_encoder_decoder else {}
            out = backbone(**batch, **extra, output_hidden_states=True)
            states = getattr(out, "hidden_states", None) or out.decoder_hidden_states
            rows = rows or [[None] * len(encoded) for _ in states]
            mask = batch["attention_mask"].unsqueeze(-1)  # (batch, seq, 1)
            for layer, hidden in enumerate(states):
                pooled = ((hidden.float() * mask).sum(1) / mask.sum(1)).cpu().numpy()
                for place, index in enumerate(indices):
                    rows[layer][index] = pooled[place]
    return [np.stack([row for row in layer if row is not None]) for layer in rows]


def movement(before: list[Matrix], after: list[Matrix], labels: list[int]) -> Movement:
    """The comparison of two networks of one shape on the same texts."""
    names = ("embeddings", *(f"layer {number}" for number in range(1, len(before))))
    return Movement(
        layers=names,
        cka=tuple(linear_cka(a, b) for a, b in zip(before, after, strict=True)),
        before=_points(plane(before[-1])),
        after=_points(plane(after[-1])),
        labels=tuple(labels),
    )


def _points(values: Matrix) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in values)
