"""One distillation step: the weighted sum of the terms, on what teacher and student gave on the same batch.

Logits and last hidden states of the teacher come from the cache. Terms that need more (all layers, attention, queries,
keys and values) run the teacher beside the student, which costs its forward pass at every step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.machine.devices import Device
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import IGNORED, Encoded
from distill_core.terms import LossWeights
from distill_core.training import teacher_cache
from distill_core.training.inner_states import InnerStates
from distill_core.training.losses import Loss
from distill_core.training.speed import fast
from distill_core.training.teacher_cache import TeacherOutputs
from distill_core.training.term_functions import Compared, function_of


@dataclass(frozen=True)
class Lesson:
    """What the student learns from: texts, labels, which of them it may see, and the teacher's cached outputs."""

    encoded: Encoded
    labels: Tensor
    labeled: Tensor
    taught: TeacherOutputs


class DistillStep:
    """Σ weight · term, over the terms of weight ≠ 0 (`terms.TERMS`).

    `layers` are the teacher layers that student layers 0, 1, … learn from. Where the cached logits are all that is
    compared, no teacher is needed.
    """

    def __init__(
        self,
        weights: LossWeights,
        lesson: Lesson,
        student: LoadedModel,
        teacher: LoadedModel | None,
        layers: Sequence[int],
        device: Device,
    ) -> None:
        self.weights, self.lesson, self.device = weights, lesson, device
        self.terms = {term.key: function_of(term) for term in weights.used}
        self.teacher: nn.Module | None = None
        self.inner: InnerStates | None = None
        self._undo = contextlib.ExitStack()  # until `close`
        if weights.needs_live_teacher:
            if teacher is None:
                raise ValueError("these losses need the teacher itself, not its cached outputs alone")
            self.teacher = teacher.model.eval()
            self.inner = InnerStates(weights, student.model, self.teacher, layers)
            self._undo.callback(self.inner.close)
            self._undo.enter_context(fast.products(self.teacher))
        elif not weights.needs("last_hidden"):
            self._undo.enter_context(fast.logits_alone(student.model))

    def __call__(self, model: nn.Module, indices: Sequence[int]) -> Loss:
        compared = self._compare(model, list(indices))
        parts = {key: term(compared) for key, term in self.terms.items()}
        total = torch.stack([self.weights[key] * value for key, value in parts.items()]).sum()
        return Loss(total, parts)

    def _compare(self, model: nn.Module, rows: list[int]) -> Compared:
        """Student and teacher on these texts, as far as the terms need it."""
        weights, lesson = self.weights, self.lesson
        inputs = lesson.encoded.batch(rows, self.device.torch_device)
        shows_attention = weights.needs("attention")
        output = model(
            **inputs,
            output_hidden_states=weights.needs("last_hidden", "hidden"),
            output_attentions=shows_attention,
        )
        more: dict[str, Any] = {}
        if weights.needs("logits"):
            more["teacher_logits"] = lesson.taught.logits[rows].to(self.device.torch_device)
        if weights.needs("last_hidden"):
            length = inputs["input_ids"].shape[1]
            hidden = lesson.taught.padded_hidden(rows, length, lesson.encoded.padding_side)
            more["last_hidden"] = (teacher_cache.last_hidden(output), hidden.to(self.device.torch_device))
        if self.teacher is not None and self.inner is not None:
            with torch.no_grad():
                taught = self.teacher(
                    **inputs, output_hidden_states=weights.needs("hidden"), output_attentions=shows_attention
                )
            more |= self.inner.pairs(output, taught)
        return Compared(
            weights=weights,
            attention_mask=inputs["attention_mask"],
            targets=torch.where(lesson.labeled[rows], lesson.labels[rows], IGNORED),
            logits=output.logits,
            **more,
        )

    def close(self) -> None:
        """Take off what was added for training: student and teacher are timed and saved without it."""
        self._undo.close()
