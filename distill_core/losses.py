"""Distillation losses: pure tensor functions. Each gives a scalar that is averaged over the batch.

The sum that a student minimizes is  soft · L_soft + hard · L_hard + cosine · L_cos  (DistilBERT, arXiv:1910.01108 §2-3,
without its masked-LM term, which needs raw text).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from distill_core.errors import SpecError


def soft_target_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """KL(teacher ‖ student) of the distributions softened by τ, times τ² (Hinton et al., arXiv:1503.02531 §2).

        L = τ² · Σ_c p_c (log p_c − log q_c),  p = softmax(teacher / τ),  q = softmax(student / τ)

    × τ² keeps the gradient's scale when τ changes. Shape: two (batch, classes) → scalar, nats.

    Raises:
        SpecError: temperature ≤ 0, or the two have different numbers of classes.
    """
    if temperature <= 0:
        raise SpecError(f"temperature must be > 0, got {temperature}.", "Typical: 1–10.")
    if student_logits.shape != teacher_logits.shape:
        raise SpecError(
            f"Teacher and student tell different classes apart: {teacher_logits.shape[-1]} and "
            f"{student_logits.shape[-1]}.",
            "Choose a teacher that was fine-tuned on this data set.",
        )
    log_q = F.log_softmax(student_logits / temperature, dim=-1)
    log_p = F.log_softmax(teacher_logits / temperature, dim=-1)
    return F.kl_div(log_q, log_p, log_target=True, reduction="batchmean") * temperature**2


def hard_label_loss(student_logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy with the true labels. Shapes: (batch, classes), (batch,) → scalar, nats."""
    return F.cross_entropy(student_logits, labels)


def cosine_hidden_loss(student_hidden: Tensor, teacher_hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """1 − cosine between the last hidden states at each real token (DistilBERT, arXiv:1910.01108 §3).

    Shapes: two (batch, seq, hidden), mask (batch, seq) → scalar in 0–2.

    Raises:
        SpecError: the widths differ; a projection would be needed.
    """
    if student_hidden.shape != teacher_hidden.shape:
        raise SpecError(
            f"The cosine loss compares hidden states token by token: teacher {tuple(teacher_hidden.shape[1:])} and "
            f"student {tuple(student_hidden.shape[1:])} do not match.",
            "Use a student of the same width and vocabulary, or set cosine to 0.",
        )
    mask = attention_mask.to(student_hidden.dtype)
    similarity = F.cosine_similarity(student_hidden, teacher_hidden, dim=-1)  # (batch, seq)
    return ((1 - similarity) * mask).sum() / torch.clamp(mask.sum(), min=1)
