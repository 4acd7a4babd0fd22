"""One distillation step: the weighted sum of the terms, on what teacher and student gave on the same batch.

Logits and last hidden states of the teacher come from the cache. Terms that need more (all layers, attention, queries,
keys and values), and questions that are drawn anew at every step, run the teacher beside the student, which costs its
forward pass at every step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.machine.devices import Device
from distill_core.models.asking import PLAINLY, Asking
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Batch, Encoded
from distill_core.terms import LossWeights
from distill_core.training.inner_states import InnerStates
from distill_core.training.losses import Loss
from distill_core.training.speed import fast
from distill_core.training.teacher_cache import TeacherOutputs, last_hidden
from distill_core.training.term_functions import Compared, function_of


@dataclass(frozen=True)
class Lesson:
    """What the student learns from: texts with their questions, the answers that it may see, and the teacher's cached
    outputs; None where the teacher runs beside it."""

    encoded: Encoded
    teacher_outputs: TeacherOutputs | None
    asking: Asking = PLAINLY


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
        if weights.needs_live_teacher or (lesson.teacher_outputs is None and weights.asks_the_teacher):
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
        weights, asking = self.weights, self.lesson.asking
        batch = self.lesson.encoded.ask(rows, self.device.torch_device)
        shows = {
            "output_hidden_states": weights.needs("last_hidden", "hidden"),
            "output_attentions": weights.needs("attention"),
        }
        output = asking.forward(model, batch, **shows)
        more: dict[str, Any] = {}
        live = None
        if self.teacher is not None and self.inner is not None:
            with torch.no_grad():
                live = asking.forward(self.teacher, batch, **shows)
            more |= self.inner.pairs(output, live)
        if weights.needs("logits"):
            more["teacher_logits"] = self._teacher_logits(live, batch, rows)
        if weights.needs("last_hidden"):
            more["last_hidden"] = (last_hidden(output), self._teacher_hidden(live, batch, rows))
        return Compared(
            weights=weights,
            attention_mask=batch.inputs["attention_mask"],
            targets=batch.targets,
            logits=asking.asked(output, batch),
            **more,
        )

    def _teacher_logits(self, live: Any, batch: Batch, rows: list[int]) -> Tensor:
        """At the asked positions: from the cache, else from the teacher that has just read. (positions, choices)."""
        teacher_outputs = self.lesson.teacher_outputs
        return (
            self.lesson.asking.asked(live, batch)
            if teacher_outputs is None
            else teacher_outputs.at(rows).to(self.device.torch_device)
        )

    def _teacher_hidden(self, live: Any, batch: Batch, rows: list[int]) -> Tensor:
        """The last hidden states, from the cache or from the teacher that has just read. (batch, seq, width)."""
        if self.lesson.teacher_outputs is None:
            return last_hidden(live)
        length, side = batch.inputs["input_ids"].shape[1], self.lesson.encoded.padding_side
        return self.lesson.teacher_outputs.padded_hidden(rows, length, side).to(self.device.torch_device)

    def close(self) -> None:
        """Take off what was added for training: student and teacher are timed and saved without it."""
        self._undo.close()
