"""One distillation step: which outputs of teacher and student meet in which loss.

Logits and last hidden states of the teacher come from the cache. Losses that need more (all layers, attention,
queries, keys and values) run the teacher beside the student, which costs its forward pass at every step.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.machine.devices import Device
from distill_core.models import students
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.specs import DistillSpec
from distill_core.training import losses, teacher_cache
from distill_core.training.losses import Loss
from distill_core.training.speed.first_token import first_token_only
from distill_core.training.speed.onednn import onednn_products
from distill_core.training.teacher_cache import TeacherOutputs

_VECTORS = re.compile(r"(?:^|\.)(query|key|value|q_lin|k_lin|v_lin|q_proj|k_proj|v_proj|q|k|v|c_attn)$")
_DROPOUTS = ("dropout", "attn_dropout", "attention_dropout")
_CROSS = ("EncDecAttention", "encoder_attn")


@dataclass(frozen=True)
class Lesson:
    """What the student learns from: texts, labels, which of them it may see, and the teacher's cached outputs."""

    encoded: Encoded
    labels: Tensor
    labeled: Tensor
    taught: TeacherOutputs


def needs_live_teacher(spec: DistillSpec) -> bool:
    """Whether a loss needs more of the teacher than the cache keeps."""
    return spec.weights.needs_live_teacher


class DistillStep:
    """soft · L_soft + hard · L_hard + cosine · L_cos + hidden · L_hid + attention · L_att + relations · L_rel.

    `layers` are the teacher layers that student layers 0, 1, … learn from. Where the cached logits are all that is
    compared, no teacher is needed.
    """

    def __init__(
        self,
        spec: DistillSpec,
        lesson: Lesson,
        student: LoadedModel,
        teacher: LoadedModel | None,
        layers: Sequence[int],
        device: Device,
    ) -> None:
        self.spec, self.lesson, self.device, self.layers = spec, lesson, device, tuple(layers)
        self.teacher: nn.Module | None = None
        self.vectors: tuple[LastVectors, LastVectors] | None = None
        self.projection: nn.Linear | None = None
        self._undo = contextlib.ExitStack()  # until `close`
        if needs_live_teacher(spec):
            if teacher is None:
                raise ValueError("these losses need the teacher itself, not its cached outputs alone")
            try:
                self._look_inside(student.model, teacher.model.eval())
            except SpecError:
                self.close(student.model)  # both models are as they were
                raise
        elif not spec.weights["cosine"]:
            self._undo.enter_context(first_token_only(student.model))

    def _look_inside(self, student: Any, teacher: Any) -> None:
        """Prepare both models to give what the cache does not keep."""
        if self.spec.weights["attention"]:
            for model in (student, teacher):
                self._undo.callback(model.set_attn_implementation, model.config._attn_implementation)
                model.set_attn_implementation("eager")  # the fast kernels do not give their probabilities
            self._undo.enter_context(whole_attention(student))
        if self.spec.weights["relations"]:
            self.vectors = (LastVectors(student), LastVectors(teacher))
            self.relation_heads = students.n_heads(student.config)
        self.projection = _projection(self.spec, student, teacher)
        self._undo.enter_context(onednn_products(teacher))
        self.teacher = teacher

    def __call__(self, model: nn.Module, indices: Sequence[int]) -> Loss:
        rows = list(indices)
        spec = self.spec
        batch = self.lesson.encoded.batch(rows, self.device.torch_device)
        out = model(
            **batch,
            output_hidden_states=bool(spec.weights["cosine"] or spec.weights["hidden"]),
            output_attentions=spec.weights["attention"] > 0,
        )
        parts = self._logit_losses(out.logits, rows)
        if spec.weights["cosine"]:
            length = batch["input_ids"].shape[1]
            hidden = self.lesson.taught.padded_hidden(rows, length, self.lesson.encoded.padding_side)
            parts["cosine"] = losses.cosine_hidden_loss(
                teacher_cache.last_hidden(out), hidden.to(self.device.torch_device), batch["attention_mask"]
            )
        if self.teacher is not None:
            parts |= self._inner_losses(self.teacher, out, batch)
        total = torch.stack([spec.weights[name] * value for name, value in parts.items()]).sum()
        return Loss(total, parts)

    def _logit_losses(self, logits: Tensor, rows: list[int]) -> dict[str, Tensor]:
        parts = {}
        if self.spec.weights["soft"]:
            soft_loss = losses.standardized_soft_loss if self.spec.standardize else losses.soft_target_loss
            teacher_logits = self.lesson.taught.logits[rows].to(self.device.torch_device)
            parts["soft"] = soft_loss(logits, teacher_logits, self.spec.temperature)
        if self.spec.weights["hard"]:
            seen = self.lesson.labeled[rows]
            labels = self.lesson.labels[rows][seen].to(self.device.torch_device)
            # a batch without a label teaches nothing here, yet keeps the graph whole
            parts["hard"] = losses.hard_label_loss(logits[seen], labels) if len(labels) else logits.sum() * 0
        return parts

    def _inner_losses(self, teacher: nn.Module, out: Any, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses on what happens inside; the teacher runs on the same batch."""
        spec, mask = self.spec, batch["attention_mask"]
        with torch.no_grad():
            taught = teacher(
                **batch,
                output_hidden_states=spec.weights["hidden"] > 0,
                output_attentions=spec.weights["attention"] > 0,
            )
        parts = {}
        if spec.weights["hidden"]:
            mine, theirs = all_hidden(out), all_hidden(taught)
            pairs = [(0, 0), *((i + 1, layer + 1) for i, layer in enumerate(self.layers))]
            terms = [losses.hidden_mse_loss(self._project(mine[i]), theirs[j], mask) for i, j in pairs]
            parts["hidden"] = torch.stack(terms).mean()
        if spec.weights["attention"]:
            mine, theirs = all_attentions(out), all_attentions(taught)
            terms = [losses.attention_mse_loss(mine[i], theirs[j], mask) for i, j in enumerate(self.layers)]
            parts["attention"] = torch.stack(terms).mean()
        if self.vectors is not None:
            pairs_of = zip(self.vectors[0].take(), self.vectors[1].take(), strict=True)
            terms = [losses.relation_loss(a, b.detach(), mask, self.relation_heads) for a, b in pairs_of]
            parts["relations"] = torch.stack(terms).mean()
        return parts

    def _project(self, hidden: Tensor) -> Tensor:
        return hidden if self.projection is None else self.projection(hidden)

    def close(self, student: nn.Module) -> None:
        """Take off what was added for training: student and teacher are timed and saved without it."""
        self._undo.close()
        for hooks in self.vectors or ():
            hooks.close()
        if hasattr(student, "distill_projection"):
            del student.distill_projection, student._ddp_params_and_buffers_to_ignore


def _projection(spec: DistillSpec, student: Any, teacher: Any) -> nn.Linear | None:
    """A learned map to the teacher's width, trained and checkpointed with the student (TinyBERT's W_h)."""
    narrow, wide = students.width(student.config), students.width(teacher.config)
    if not spec.weights["hidden"] or narrow == wide:
        return None
    student.distill_projection = nn.Linear(narrow, wide, bias=False)
    # the step calls it, not the student: DistributedDataParallel would take it for unused, then meet its gradient
    student._ddp_params_and_buffers_to_ignore = ["distill_projection.weight"]
    projection: nn.Linear = student.distill_projection
    return projection


def all_hidden(output: Any) -> tuple[Tensor, ...]:
    """Hidden states of embeddings and every layer; the decoder's where there are two stacks."""
    states: tuple[Tensor, ...] = getattr(output, "hidden_states", None) or output.decoder_hidden_states
    return states


def all_attentions(output: Any) -> tuple[Tensor, ...]:
    """Attention probabilities of every layer; the decoder's self-attention where there are two stacks."""
    attentions: tuple[Tensor, ...] = getattr(output, "attentions", None) or output.decoder_attentions
    return attentions


@contextlib.contextmanager
def whole_attention(model: nn.Module) -> Iterator[None]:
    """Within this block no attention probability is dropped; every other dropout goes on.

    A model gives its probabilities after dropout: p / (1 − r) or 0. Their squared distance to the teacher's holds the
    variance Σ p² r / (1 − r) beside the distance of p, and that is least where attention is flat. TinyBERT
    (arXiv:1909.10351 eq. 7) compares scores before softmax and dropout, so that it has no such term.
    XLNet has one dropout for the probabilities and the output of attention: both are off.
    """
    rates = []
    for module in filter(_is_attention, list(model.modules())):
        for name in _DROPOUTS:
            found = getattr(module, name, None)
            if found is not None:  # a module of its own, or the bare rate
                rates.append((found, "p", found.p) if isinstance(found, nn.Dropout) else (module, name, found))
    for place, name, _ in rates:
        setattr(place, name, 0.0)
    try:
        yield
    finally:
        for place, name, rate in rates:
            setattr(place, name, rate)


def _is_attention(module: nn.Module) -> bool:
    """Whether queries are made right here: by a layer, or by a plain tensor in XLNet."""
    names = [*dict(module.named_children()), *dict(module.named_parameters(recurse=False))]
    return any(_VECTORS.fullmatch(name) for name in names)


class LastVectors:
    """Queries, keys and values of the last self-attention, caught as they are computed.

    Raises SpecError for XLNet, whose projections are plain tensors.
    """

    def __init__(self, model: nn.Module) -> None:
        found = [
            (name, module)
            for name, module in model.named_modules()
            if _VECTORS.search(name) and not any(word in name for word in _CROSS)
        ]
        if not found:
            raise SpecError("This family gives no queries, keys and values.", "Set relations to 0.")
        last = found[-1][0].rpartition(".")[0]
        chosen = [module for name, module in found if name.rpartition(".")[0] == last]
        self._caught: dict[int, Tensor] = {}
        self._n = len(chosen)
        self._handles = [
            module.register_forward_hook(lambda _m, _i, out, place=place: self._caught.update({place: out}))
            for place, module in enumerate(chosen)
        ]

    def take(self) -> list[Tensor]:
        """Three tensors (batch, seq, width) of the last forward pass."""
        caught = [self._caught[place] for place in range(self._n)]
        self._caught.clear()
        return list(caught[0].chunk(3, dim=-1)) if len(caught) == 1 else caught  # GPT computes all three at once

    def close(self) -> None:
        for handle in self._handles:
            handle.remove()
