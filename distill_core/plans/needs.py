"""What a run takes of the machine while it is at work: its device, about how much memory, and whether it stands alone.

Told from the request, without loading anything. Where a model's shape is not known, the usual size is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from distill_core.machine import capacity, device_defaults
from distill_core.models.shapes import Shape, shape_of
from distill_core.plans.work import BASE
from distill_core.runs.store import RunStore
from distill_core.specs import PretrainSpec, Spec, TrainSpec

_VOCABULARY = 30_000  # rows of the embeddings
_MINI = Shape(2, 128)  # what a pre-training builds
_WEIGHT_BYTES = 4
_CONTEXT_BYTES = 600 * 2**20  # of a process on an accelerator, before its first tensor


@dataclass(frozen=True)
class Needs:
    """`host_bytes` of the machine's memory, `device_bytes` of its accelerator's (0 on the CPU)."""

    device: str
    host_bytes: int
    device_bytes: int
    alone: bool


def of(spec: Spec, store: RunStore) -> Needs:
    """The needs of a run."""
    device = device_defaults.resolved(spec.device)
    work_bytes, weights = _at_work(spec, store), _weights(spec, store)
    if device == "cpu":
        return Needs(device, capacity.PROCESS_BYTES + work_bytes + weights, 0, spec.ALONE)
    return Needs(device, 2 * capacity.PROCESS_BYTES + 2 * weights, _CONTEXT_BYTES + work_bytes + weights, spec.ALONE)


def _at_work(spec: Spec, store: RunStore) -> int:
    """Bytes of the largest training: weights, gradients, moments, and what the backward pass needs. 0 without one."""
    if isinstance(spec, PretrainSpec):
        tokens = spec.batch_size * spec.max_length
        logits = 3 * _WEIGHT_BYTES * tokens * spec.vocab_size
        return _training(_MINI, tokens, spec.vocab_size) + logits
    if isinstance(spec, TrainSpec):
        tokens = spec.batch_size * spec.max_length
        return max((_training(shape, tokens) for shape in _shapes(spec, store)), default=_training(BASE, tokens))
    return 0


def _training(shape: Shape, tokens: int, vocabulary: int = _VOCABULARY) -> int:
    whole = capacity.training_bytes(_params(shape, vocabulary), shape.layers, shape.width, tokens)
    return whole - capacity.PROCESS_BYTES


def _weights(spec: Spec, store: RunStore) -> int:
    """Bytes of the two largest models that the request names: a teacher beside its student, a model beside the one that
    it is timed with."""
    return _WEIGHT_BYTES * sum(sorted((_params(shape) for shape in _shapes(spec, store)), reverse=True)[:2])


def _shapes(spec: Spec, store: RunStore) -> list[Shape]:
    return [shape_of(ref, store) or BASE for ref in spec.refs]


def _params(shape: Shape, vocabulary: int = _VOCABULARY) -> int:
    """A transformer's layer has 12 width² parameters: four products of attention, and two of four times the width."""
    return 12 * shape.layers * shape.width**2 + vocabulary * shape.width
