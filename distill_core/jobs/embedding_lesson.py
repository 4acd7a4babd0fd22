"""Sentence embeddings as a lesson: what MiniLM says of a sentence, the small model shall say from its own tokens.

The head of a classifier gives the embedding, 384 numbers, so the small model learns to gather a sentence where
its classifier will read it (the first token, the last one, …), and fine-tuning goes on from there. The loss is
1 − cosine, plus SIMILARITY times the squared difference of all similarities within a batch. No labels, no task.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification

from distill_core import model_ref
from distill_core.errors import DataError
from distill_core.jobs.lesson import Lesson, Material, mini_config, usual_dropout, within_budget
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.models import loading, students, tokens
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.training import losses, sentence_embedder, warm_start
from distill_core.training.losses import Loss
from distill_core.training.speed import fast

SIMILARITY = 4.0
HELD_OUT = 512  # sentences that are not read
TEACHER = "minilm"


def prepare(material: Material) -> Lesson:
    """Teacher pass (cached for all families), warm start, and the step.

    Raises DataError when no sentence is left to read.
    """
    spec, device, check = material.spec, material.device, material.context.check
    sentences = material.text.sentences(min(spec.sentences, len(material.text)), spec.seed)
    teacher = loading.load(model_ref.parse(TEACHER), material.context.store)
    if len(sentences) <= HELD_OUT:
        raise DataError(
            f"There are {len(sentences):,} sentences, and {HELD_OUT:,} of them are held out to measure on.",
            f"Choose more than {HELD_OUT:,} sentences, or more corpora.",
        )
    encoded = tokens.encode(material.tokenizer, sentences, spec.max_length, material.family)
    n_read, epochs = within_budget(encoded.lengths[HELD_OUT:], spec.tokens)
    sentences = sentences[: HELD_OUT + n_read]

    def read_so_far(share: float) -> None:
        material.reporter.say(f"MiniLM reads the sentences: {share:.0%}")

    read_so_far(0)
    wanted = sentence_embedder.embeddings(teacher, sentences, spec.max_length, device, check, read_so_far)
    model = _small_model(material, teacher, wanted.shape[1])
    probe, read = encoded.part(slice(HELD_OUT)), encoded.part(slice(HELD_OUT, HELD_OUT + n_read))

    def held_out(module: nn.Module) -> dict[str, float]:
        parts = _loss(evaluate.predict(module, probe, device), wanted[:HELD_OUT]).parts
        return {name: float(value) for name, value in parts.items()}

    return Lesson(
        module=model,
        lengths=read.lengths,
        epochs=epochs,
        step=partial(_step, read, wanted[HELD_OUT:], device),
        held_out=held_out,
        backbone=lambda: _backbone(model, material),
        bare=lambda: model.base_model,
        signals=n_read * epochs,
    )


def _step(read: Encoded, wanted: Tensor, device: Device, module: nn.Module, indices: Sequence[int]) -> Loss:
    """The vectors of these sentences against the teacher's, `wanted` (sentences, width)."""
    with fast.logits_alone(module):
        vectors = module(**read.batch(indices, device.torch_device)).logits  # what the head gives, (batch, width)
    return _loss(vectors, wanted[list(indices)].to(device.torch_device))


def _small_model(material: Material, teacher: LoadedModel, width: int) -> Any:
    """The family's small network, whose head gives vectors of the teacher's width."""
    config = mini_config(material.family, material.tokenizer)
    config.num_labels = width
    model: Any = AutoModelForSequenceClassification.from_config(config)
    if material.spec.start is not None:
        students.begin_with(model, loading.load(material.spec.start, material.context.store).model)
    elif material.spec.warm_start:
        own_width = model.get_input_embeddings().weight.shape[1]
        check = material.context.check
        vectors = warm_start.token_vectors(teacher, material.tokenizer, own_width, material.device, check)
        warm_start.warm_up(model, vectors)
    return model


def _loss(student: Tensor, teacher: Tensor) -> Loss:
    parts = {
        "cosine": losses.embedding_cosine_loss(student, teacher),
        "similarity": losses.similarity_loss(student, teacher),
    }
    return Loss(parts["cosine"] + SIMILARITY * parts["similarity"], parts)


def _backbone(model: Any, material: Material) -> Any:
    backbone = copy.deepcopy(model.base_model).cpu()
    backbone.config = usual_dropout(copy.deepcopy(backbone.config), material.family)
    backbone.config.id2label, backbone.config.label2id = {0: "LABEL_0", 1: "LABEL_1"}, {"LABEL_0": 0, "LABEL_1": 1}
    return backbone
