"""Distillation losses: pure tensor functions. Each gives a scalar that is averaged over the batch.

The sum that a student minimizes is  soft · L_soft + hard · L_hard + cosine · L_cos  (DistilBERT, arXiv:1910.01108 §2-3,
without its masked-LM term, which needs raw text).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from distill_core.errors import SpecError


class Loss(NamedTuple):
    """The loss to minimize and the named parts that are drawn. Scalars."""

    total: Tensor
    parts: dict[str, Tensor]


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


def standardized_soft_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Soft-target loss on logits that were standardized text by text (Sun et al., arXiv:2403.01427 §4, eq. 10).

        z(x) = (x − mean(x)) / std(x),  L = τ² · KL( softmax(z(teacher) / τ) ‖ softmax(z(student) / τ) )

    The student copies the teacher's order and relative gaps, not the range of its logits. Shapes as soft_target_loss.
    With two classes every standardized pair is (+c, −c): then only the order is left.
    """
    if student_logits.shape[-1] < 2:
        raise SpecError("Standardizing needs at least two classes.", "Use the plain soft-target loss.")
    return soft_target_loss(_standardize(student_logits), _standardize(teacher_logits), temperature)


def _standardize(logits: Tensor) -> Tensor:
    center = logits.mean(-1, keepdim=True)
    # population standard deviation, as in the paper's code; the small term keeps constant logits finite
    scale = torch.sqrt(logits.var(-1, keepdim=True, unbiased=False) + 1e-14)
    return (logits - center) / (scale + 1e-7)


def hidden_mse_loss(student_hidden: Tensor, teacher_hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """Mean squared error of hidden states at each real token (TinyBERT, arXiv:1909.10351 eq. 8).

        L = mean over real tokens and widths of (W · h_student − h_teacher)²

    A narrower student is projected by a learned W before it comes here (`Projections`). Shapes: two
    (batch, seq, width), mask (batch, seq) → scalar.
    """
    if student_hidden.shape != teacher_hidden.shape:
        raise SpecError(
            f"Hidden states do not match: teacher {tuple(teacher_hidden.shape[1:])}, student "
            f"{tuple(student_hidden.shape[1:])}.",
            "Use a student with the teacher's vocabulary, or set hidden to 0.",
        )
    mask = attention_mask.to(student_hidden.dtype).unsqueeze(-1)  # (batch, seq, 1)
    squared = (student_hidden - teacher_hidden) ** 2 * mask
    return squared.sum() / (torch.clamp(mask.sum(), min=1) * student_hidden.shape[-1])


def attention_mse_loss(student_attention: Tensor, teacher_attention: Tensor, attention_mask: Tensor) -> Tensor:
    """Mean squared error of attention probabilities (TinyBERT, arXiv:1909.10351 eq. 7).

    The paper compares the scores before softmax; transformers gives probabilities, so these are compared: a departure
    that makes the loss smaller. Models with different numbers of heads are compared by their mean over heads.
    Shapes: (batch, heads, seq, seq) each, mask (batch, seq) → scalar.
    """
    if student_attention.shape[1] != teacher_attention.shape[1]:
        student_attention = student_attention.mean(1, keepdim=True)
        teacher_attention = teacher_attention.mean(1, keepdim=True)
    pairs = _pair_mask(attention_mask, student_attention)  # (batch, 1, seq, seq)
    squared = (student_attention - teacher_attention) ** 2 * pairs
    return squared.sum() / torch.clamp(pairs.sum() * student_attention.shape[1], min=1)


def relation_loss(student_vectors: Tensor, teacher_vectors: Tensor, attention_mask: Tensor, heads: int) -> Tensor:
    """How tokens relate to each other: KL of scaled dot-product relations (MiniLMv2, arXiv:2012.15828 §3.1, eq. 3).

        R = softmax(A · Aᵀ / √d) for each relation head,  L = mean over heads and tokens of KL(R_teacher ‖ R_student)

    `A` are queries, keys or values, cut into `heads` relation heads, so that widths may differ. Shapes: vectors
    (batch, seq, width), mask (batch, seq) → scalar, nats.

    Raises:
        SpecError: a width is no multiple of `heads`.
    """
    mask = attention_mask.bool()
    log_student = _relations(student_vectors, mask, heads)
    log_teacher = _relations(teacher_vectors, mask, heads)
    kl = (log_teacher.exp() * (log_teacher - log_student)).masked_fill(~mask[:, None, None, :], 0.0).sum(-1)
    tokens = mask[:, None, :].to(kl.dtype)  # (batch, 1, seq)
    return (kl * tokens).sum() / torch.clamp(tokens.sum() * heads, min=1)


def _relations(vectors: Tensor, mask: Tensor, heads: int) -> Tensor:
    """Log relations, shape (batch, heads, seq, seq); padded columns are −inf-like and padded rows meaningless."""
    batch, length, width = vectors.shape
    if width % heads:
        raise SpecError(f"A width of {width} cannot be cut into {heads} relation heads.", "Choose a divisor of it.")
    split = vectors.view(batch, length, heads, width // heads).transpose(1, 2)  # (batch, heads, seq, width / heads)
    scores = split @ split.transpose(-1, -2) / (width // heads) ** 0.5
    relations: Tensor = scores.masked_fill(~mask[:, None, None, :], -1e9).log_softmax(-1)
    return relations


def _pair_mask(attention_mask: Tensor, like: Tensor) -> Tensor:
    mask = attention_mask.to(like.dtype)
    return (mask[:, :, None] * mask[:, None, :]).unsqueeze(1)


def embedding_cosine_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1 − cosine between the sentence embeddings of student and teacher. Two (batch, width) → scalar in 0–2."""
    return (1 - F.cosine_similarity(student, teacher, dim=-1)).mean()


def similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of all similarities within a batch (Tung and Mori, arXiv:1907.09682 §3, with cosines).

        L = mean_ij (cos(s_i, s_j) − cos(t_i, t_j))²

    What is close for the teacher shall be close for the student; the widths may differ. Two (batch, width) → scalar.
    """
    student_unit, teacher_unit = F.normalize(student, dim=-1), F.normalize(teacher, dim=-1)
    return F.mse_loss(student_unit @ student_unit.T, teacher_unit @ teacher_unit.T)
