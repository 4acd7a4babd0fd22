"""What happens inside of teacher and student: hidden states, attention, and queries, keys and values of a batch."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.models import students
from distill_core.terms import LossWeights
from distill_core.training.term_functions import Pair

_VECTORS = re.compile(r"(?:^|\.)(query|key|value|q_lin|k_lin|v_lin|q_proj|k_proj|v_proj|q|k|v|c_attn)$")
_DROPOUTS = ("dropout", "attn_dropout", "attention_dropout")
_CROSS = ("EncDecAttention", "encoder_attn")


class InnerStates:
    """Two models that show what the used terms compare, until `close`.

    `layers` are the teacher layers that student layers 0, 1, … learn from. Raises SpecError for a family that does not
    show it; both models are then as they were.
    """

    def __init__(self, weights: LossWeights, student: Any, teacher: Any, layers: Sequence[int]) -> None:
        self.layers, self.student = tuple(layers), student
        self.vectors: tuple[LastVectors, ...] = ()
        self.projection: nn.Linear | None = None
        self.heads = students.n_heads(student.config)
        self._undo = contextlib.ExitStack()
        self._shows_hidden, self._shows_attention = weights.needs("hidden"), weights.needs("attention")
        try:
            self._look_inside(weights, student, teacher)
        except SpecError:
            self.close()
            raise

    def _look_inside(self, weights: LossWeights, student: Any, teacher: Any) -> None:
        if weights.needs("attention"):
            for model in (student, teacher):
                self._undo.callback(model.set_attn_implementation, model.config._attn_implementation)
                model.set_attn_implementation("eager")  # the fast kernels do not give their probabilities
            self._undo.enter_context(whole_attention(student))
        if weights.needs("vectors"):
            self.vectors = (LastVectors(student), LastVectors(teacher))
        if weights.needs("hidden"):
            self.projection = _projection(student, teacher)

    def pairs(self, student_output: Any, teacher_output: Any) -> dict[str, Any]:
        """The fields of `Compared` that these outputs of the same batch fill."""
        found: dict[str, Any] = {"heads": self.heads}
        if self._shows_hidden:
            own, teachers = all_hidden(student_output), all_hidden(teacher_output)
            places = [(0, 0), *((i + 1, layer + 1) for i, layer in enumerate(self.layers))]
            found["hidden"] = tuple((self._project(own[i]), teachers[j]) for i, j in places)
        if self._shows_attention:
            own, teachers = all_attentions(student_output), all_attentions(teacher_output)
            found["attention"] = tuple((own[i], teachers[j]) for i, j in enumerate(self.layers))
        if self.vectors:
            found["vectors"] = tuple(self._vector_pairs())
        return found

    def _vector_pairs(self) -> Iterator[Pair]:
        own, teachers = self.vectors
        for student_vectors, teacher_vectors in zip(own.take(), teachers.take(), strict=True):
            yield student_vectors, teacher_vectors.detach()

    def _project(self, hidden: Tensor) -> Tensor:
        if self.projection is None:
            return hidden
        projected: Tensor = self.projection(hidden)
        return projected

    def close(self) -> None:
        """Take off what was added for training: student and teacher are timed and saved without it."""
        self._undo.close()
        for hooks in self.vectors:
            hooks.close()
        if hasattr(self.student, "distill_projection"):
            del self.student.distill_projection, self.student._ddp_params_and_buffers_to_ignore


def _projection(student: Any, teacher: Any) -> nn.Linear | None:
    """A learned map to the teacher's width, trained and checkpointed with the student (TinyBERT's W_h)."""
    narrow, wide = students.width(student.config), students.width(teacher.config)
    if narrow == wide:
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
