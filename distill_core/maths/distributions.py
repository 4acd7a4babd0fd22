"""Soft labels and what they teach, on logits alone: softened distributions, entropy, loss terms and their gradients.

Pure numpy, so that the page that shows dark knowledge before any training needs no torch. The same formulas as
`training/losses.py`; gradients are in closed form and tested against autograd. All functions work on the last axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.errors import DataError, SpecError

Array = NDArray[np.float64]
NATS_PER_BIT = float(np.log(2))
SURE = 0.9  # how sure the imaginary student is of its wrong class


def log_softmax(logits: ArrayLike, temperature: float = 1.0) -> Array:
    """log softmax(z / τ), finite for every finite z. Shape: (…, classes).

    Raises:
        SpecError: temperature ≤ 0 or not finite.
        DataError: logits that are not finite, or fewer than two classes.
    """
    if not np.isfinite(temperature) or temperature <= 0:
        raise SpecError(f"temperature must be > 0, got {temperature}.", "Typical: 1–10.")
    values = _checked(logits)
    scaled = (values - values.max(-1, keepdims=True)) / temperature
    result: Array = scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))
    return result


def softmax(logits: ArrayLike, temperature: float = 1.0) -> Array:
    """p_c = exp(z_c / τ) / Σ_k exp(z_k / τ) (Hinton et al., arXiv:1503.02531 eq. 1). Shape: (…, classes).

    τ → 0 gives the most likely class alone, τ → ∞ the same share to each class.
    """
    shares: Array = np.exp(log_softmax(logits, temperature))
    return shares


def one_hot(label: int, classes: int) -> Array:
    """The hard label as a distribution. Shape: (classes,). Raises DataError for a label that is no class."""
    if not 0 <= label < classes:
        raise DataError(f"The label {label} is not one of {classes} classes.", f"Choose 0 to {classes - 1}.")
    shares: Array = np.eye(classes)[label]
    return shares


def entropy(shares: ArrayLike) -> Array:
    """H = −Σ p_c log p_c, with 0 log 0 = 0. Shape: (…, classes) → (…), nats; one bit is NATS_PER_BIT nats."""
    p = np.asarray(shares, dtype=np.float64)
    logs = np.log(np.where(p > 0, p, 1.0))
    return -np.asarray((p * logs).sum(-1)) + 0.0  # + 0.0 turns −0 into 0


def soft_loss(student: ArrayLike, teacher: ArrayLike, temperature: float) -> Array:
    """τ² · KL(softmax(teacher / τ) ‖ softmax(student / τ)), as losses.soft_target_loss. (…, classes) → (…), nats."""
    _same_classes(student, teacher)
    log_p, log_q = log_softmax(teacher, temperature), log_softmax(student, temperature)
    return np.asarray((np.exp(log_p) * (log_p - log_q)).sum(-1) * temperature**2)


def hard_loss(student: ArrayLike, label: int) -> Array:
    """−log q_label at τ = 1, as losses.hard_label_loss. Shape: (…, classes) → (…), nats."""
    log_q = log_softmax(student)
    return -np.asarray((log_q * one_hot(label, log_q.shape[-1])).sum(-1)) + 0.0


def soft_gradient(student: ArrayLike, teacher: ArrayLike, temperature: float, *, scaled: bool = True) -> Array:
    """∂ soft_loss / ∂ student logits = τ · (q − p). Shape: (…, classes), nats per logit.

    Without the factor τ² (`scaled` False) it is (q − p) / τ. For a large τ the difference q − p itself shrinks like
    1 / τ, so that the plain gradient falls like 1 / τ², and the scaled one tends to a constant (arXiv:1503.02531
    eq. 2–4).
    """
    _same_classes(student, teacher)
    gap = softmax(student, temperature) - softmax(teacher, temperature)
    return gap * temperature if scaled else gap / temperature


def hard_gradient(student: ArrayLike, label: int) -> Array:
    """∂ hard_loss / ∂ student logits = q − y at τ = 1. Shape: (…, classes), nats per logit."""
    q = softmax(student)
    return q - one_hot(label, q.shape[-1])


def gradient_size(gradient: ArrayLike) -> Array:
    """How hard a gradient pulls: its Euclidean length. Shape: (…, classes) → (…), nats per logit."""
    return np.asarray(np.linalg.norm(np.asarray(gradient, dtype=np.float64), axis=-1))


# ── an imaginary student ─────────────────────────────────────────────────────────────────────────────────────────


def ignorant(classes: int) -> Array:
    """Logits of a student that knows nothing: every class is as likely. Shape: (classes,)."""
    return np.zeros(classes)


def sure_of(label: int, classes: int, share: float = SURE) -> Array:
    """Logits of a student that gives `share` (0–1) to one class and the rest evenly to the others. Shape: (classes,).

    Raises SpecError for a share that is not inside 0 and 1.
    """
    if not 0 < share < 1:
        raise SpecError(f"The student's share must lie between 0 and 1, got {share}.", "Typical: 0.9.")
    rest = (1 - share) / max(1, classes - 1)
    return np.log(np.where(one_hot(label, classes) > 0, share, rest))


def wrong_class(teacher: ArrayLike, label: int) -> int:
    """The class to be wrong about: the likeliest one that is not the label, in the teacher's eyes."""
    others = _checked(teacher).copy()
    others[label] = -np.inf
    return int(others.argmax())


def _checked(logits: ArrayLike) -> Array:
    values: Array = np.asarray(logits, dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] < 2:
        raise DataError("A distribution needs two classes at least.", "Choose a data set with labels.")
    if not np.isfinite(values).all():
        raise DataError("A logit is not a number.", "The run that gave it has failed: choose another one.")
    return values


def _same_classes(student: ArrayLike, teacher: ArrayLike) -> None:
    sizes: list[Any] = [np.shape(logits)[-1:] for logits in (teacher, student)]
    if sizes[0] != sizes[1]:
        raise SpecError(
            f"Teacher and student tell different classes apart: {sizes[0][0]} and {sizes[1][0]}.",
            "Choose a student of this teacher.",
        )
