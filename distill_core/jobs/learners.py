"""The ways to learn a task that a fine-tuning run compares: each gives something that can classify any text.

LEARNERS has a function for each arm of `distill_core/arms.py`. Arms whose network learns by gradient descent differ in
where it starts and in which of its weights learn; the others do without.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from distill_core import arms
from distill_core.errors import SpecError
from distill_core.jobs import cells
from distill_core.jobs.supervised import LiveAccuracy, labels_of, supervised_step, train_settings
from distill_core.jobs.trained import train
from distill_core.jobs.workshop import Assignment, Learned, Workshop
from distill_core.machine import devices
from distill_core.measure import bag_of_words, flops
from distill_core.models import loading, parameters, students
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.plans import transfer_cells
from distill_core.training.loop import Hooks, TrainSettings
from distill_core.training.speed import fast


def learn(given: Assignment, workshop: Workshop) -> Learned:
    """Raises DistillError for an arm that this model cannot take."""
    return LEARNERS[given.row.row_key](given, workshop)


# ── where a network starts, and which of its weights learn ───────────────────────────────────────────────────────

Start = Callable[[Assignment, Workshop], LoadedModel]


def _pre_trained(given: Assignment, workshop: Workshop) -> LoadedModel:
    devices.seed_everything(given.cell.seed)
    return workshop.load(given.dataset.label_names)


def _random(given: Assignment, workshop: Workshop) -> LoadedModel:
    loaded = _pre_trained(given, workshop)
    model = loading.build_classifier(loaded.model.config, given.dataset.label_names)
    return replace(loaded, model=model, weights="random")


def _head_alone(given: Assignment, workshop: Workshop) -> LoadedModel:
    loaded = _pre_trained(given, workshop)
    students.freeze_backbone(loaded.model)
    return loaded


def _highest_layers(given: Assignment, workshop: Workshop) -> LoadedModel:
    loaded = _pre_trained(given, workshop)
    students.freeze_below(loaded.model, given.row.layers or 0)
    return loaded


def _low_rank(given: Assignment, workshop: Workshop) -> LoadedModel:
    """Low-rank updates beside the frozen weights (arXiv:2106.09685)."""
    loaded = _pre_trained(given, workshop)
    return replace(loaded, model=students.with_lora(loaded.model))


# ── networks that learn by gradient descent ──────────────────────────────────────────────────────────────────────


def _descend(start: Start, given: Assignment, workshop: Workshop) -> Learned:
    loaded = start(given, workshop)
    encoded = loaded.encode(given.train["text"].tolist(), workshop.spec.max_length)
    settings = _settings(given, workshop, loaded, encoded)
    step = supervised_step(encoded, labels_of(given.train), workshop.device)
    trained = students.trainable(loaded.model)
    tflop = flops.training_tflop(loaded.model, sum(encoded.lengths) * settings.epochs, len(encoded) * settings.epochs)
    has_updates = hasattr(loaded.model, "merge_and_unload")  # of LoRA, to be merged into the weights
    short = contextlib.nullcontext() if has_updates else fast.logits_alone(loaded.model)
    hooks = _hooks(given, workshop, loaded)
    with short:
        learned = train(loaded.model, encoded.lengths, step, settings, workshop.device, hooks)
    if has_updates:  # merging ends them
        weights = {name: tensor.detach().clone() for name, tensor in learned.weights.items()}
        learned = replace(learned, weights=weights)
        loaded = replace(loaded, model=loaded.model.merge_and_unload())
    return Learned(
        classify=partial(workshop.classify, loaded),
        train_s=learned.report.train_s,
        train_tflop=tflop,
        params=parameters.count(loaded.model),
        params_trained=trained,
        loaded=loaded,
        trained=learned,
        learning_rate=settings.learning_rate,
    )


def _settings(given: Assignment, workshop: Workshop, loaded: LoadedModel, encoded: Encoded) -> TrainSettings:
    spec = workshop.spec
    settings = replace(
        train_settings(spec, given.cell.seed),
        epochs=transfer_cells.epochs(spec, given.row, len(given.train)),
        learning_rate=spec.learning_rate * given.row.rate,
        token_ids=encoded.token_ids,
    )
    if spec.layer_lr_decay == 1:
        return settings
    layers = students.n_layers(loaded.model.config)
    return replace(settings, lr_scale=partial(_lr_scale, spec.layer_lr_decay, layers))


def _hooks(given: Assignment, workshop: Workshop, loaded: LoadedModel) -> Hooks:
    return Hooks(
        on_event=partial(workshop.reporter.on_training, given.cell.key, given.cell.key),
        check=workshop.context.check,
        evaluate=LiveAccuracy(loaded, given.dataset, workshop.spec.max_length, workshop.device),
        checkpoint_dir=cells.checkpoint_dir(workshop.context, given.cell),
    )


def _adapted(given: Assignment, workshop: Workshop) -> Learned:
    """More pre-training on the target's unlabeled texts first: done once a domain, whatever seed and size, and counted
    in each training that begins with it."""
    workshop.reporter.say(f"{given.cell.key}: more pre-training on unlabeled texts")
    bare = partial(workshop.load, given.dataset.label_names)
    backbone = workshop.adapted.backbone(given.cell.dataset, bare, given.target_texts)
    learned = _descend(partial(_begun, backbone.weights), given, workshop)
    return replace(
        learned,
        train_s=learned.train_s + backbone.train_s,
        train_tflop=(learned.train_tflop or 0.0) + backbone.train_tflop,
        shared_s=backbone.train_s if backbone.is_shared else 0.0,
    )


def _begun(weights: dict[str, Tensor], given: Assignment, workshop: Workshop) -> LoadedModel:
    loaded = _pre_trained(given, workshop)
    loaded.model.base_model.load_state_dict(weights, strict=False)
    return loaded


# ── no gradient descent ──────────────────────────────────────────────────────────────────────────────────────────


def _bag_of_words(given: Assignment, workshop: Workshop) -> Learned:
    start = time.perf_counter()
    model = bag_of_words.fit(given.train["text"].tolist(), given.train["label"].tolist(), given.cell.seed)
    seconds = time.perf_counter() - start
    size = int(model[-1].coef_.size + model[-1].intercept_.size)
    n_classes = len(given.dataset.label_names)
    return Learned(
        classify=lambda texts: bag_of_words.logits(model, list(texts), n_classes),
        train_s=seconds,
        train_tflop=None,  # it counts words and fits one weight a word: no passes through a network
        params=size,
        params_trained=size,
    )


def _linear_probe(given: Assignment, workshop: Workshop) -> Learned:
    """A linear classifier on the features of the frozen network."""
    features = workshop.features(given.dataset.label_names)
    texts = given.train["text"].tolist()
    known = features.known(texts)
    learned = features.of(texts)
    start = time.perf_counter()
    model = bag_of_words.linear_probe(given.cell.seed).fit(learned, given.train["label"].tolist())
    seconds = time.perf_counter() - start + features.seconds(texts)
    size = int(model[-1].coef_.size + model[-1].intercept_.size)
    n_classes = len(given.dataset.label_names)
    return Learned(
        classify=lambda texts: bag_of_words.logits(model, features.of(texts), n_classes),
        train_s=seconds,
        train_tflop=features.tflop(texts),
        params=features.params + size,
        params_trained=size,
        shared_s=features.seconds(known),
        loaded=features.loaded,
    )


def _nearest_label(given: Assignment, workshop: Workshop) -> Learned:
    """Cosine between a text and a sentence with the label in it: only for a model of whole sentences."""
    if workshop.spec.model.source != arms.SENTENCE_MODEL:
        raise SpecError(f"{workshop.spec.model} was not trained to compare sentences.", "zero-shot works with minilm.")
    features = workshop.features(given.dataset.label_names)
    anchors = _unit(features.of([f"This text is {name}." for name in given.dataset.label_names]))
    return Learned(
        classify=lambda texts: torch.tensor(_unit(features.of(texts)) @ anchors.T),
        train_s=0.0,
        train_tflop=0.0,
        params=features.params,
        params_trained=0,
        loaded=features.loaded,
    )


LEARNERS: dict[str, Callable[[Assignment, Workshop], Learned]] = {
    arms.SAVED: partial(_descend, _pre_trained),
    "frozen": _linear_probe,
    "scratch": partial(_descend, _random),
    "bow": _bag_of_words,
    "zero-shot": _nearest_label,
    "head": partial(_descend, _head_alone),
    "top": partial(_descend, _highest_layers),
    "lora": partial(_descend, _low_rank),
    "adapted": _adapted,
}


def _lr_scale(decay: float, layers: int, name: str) -> float:
    """Layer-wise learning-rate decay (ULMFiT, arXiv:1801.06146 §3.2): decay^(layers below the head)."""
    return decay ** (layers + 1 - students.depth_of(name, layers))


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
