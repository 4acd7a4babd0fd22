"""The ways to learn a task that a fine-tuning run compares: each gives something that can classify any text.

pretrained  all weights learn, from the pre-trained ones      scratch   the same network from random weights
head, top2  only the head; the two highest layers and the head  lora    low-rank updates (arXiv:2106.09685)
adapted     first more pre-training on the target's unlabeled texts, then as pretrained
frozen      a linear probe on features that are computed once  bow      bag of words, no network at all
zero-shot   no training: the nearest label, by its own words
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from distill_core.datasets.dataset import Dataset
from distill_core.errors import SpecError
from distill_core.jobs.adapt import Adapted
from distill_core.jobs.features import FrozenFeatures
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import LiveAccuracy, labels_of, supervised_step, train_settings
from distill_core.machine import devices
from distill_core.machine.devices import Device
from distill_core.measure import bag_of_words, evaluate
from distill_core.models import loading, parameters, students
from distill_core.models.loading import LoadedModel
from distill_core.plans import transfer_cells
from distill_core.runs.control import JobContext
from distill_core.specs import FinetuneSpec
from distill_core.training.loop import Hooks, fit
from distill_core.training.speed import fast

# Fresh weights beside a network that stands still need a higher rate than the network itself: at the rate of a whole
# fine-tuning LoRA was right on 59 % of the movies after 64 steps, at ten times the rate on 84 %.
RATES = {"head": 10.0, "lora": 10.0}


@dataclass(frozen=True)
class Task:
    """One thing to learn: which arm, from which texts, with which seed."""

    arm: str
    name: str
    train: pd.DataFrame
    dataset: Dataset
    seed: int
    domain: str = ""
    target_texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Learned:
    """Something that classifies. `classify` maps texts to logits (texts, classes) on the CPU."""

    classify: Callable[[Sequence[str]], Tensor]
    train_s: float
    train_tflop: float
    params: int
    params_trained: int
    loaded: LoadedModel | None = None


class Learners:
    """Learns tasks one after another and shares what they have in common: frozen features are computed once."""

    def __init__(self, spec: FinetuneSpec, context: JobContext, device: Device, reporter: Reporter) -> None:
        self.spec, self.context, self.device, self.reporter = spec, context, device, reporter
        self._features: FrozenFeatures | None = None
        self._adapted = Adapted(spec, context, device)

    def learn(self, task: Task) -> Learned:
        """Raises DistillError for an arm that this model cannot take."""
        special = {"bow": self._bag_of_words, "frozen": self._frozen, "zero-shot": self._zero_shot}.get(task.arm)
        return special(task) if special is not None else self._network(task)

    # ── networks that learn by gradient descent ──────────────────────────────────────────────────────────────

    def _network(self, task: Task) -> Learned:
        loaded = self._start(task)
        encoded = loaded.encode(task.train["text"].tolist(), self.spec.max_length)
        hooks = Hooks(
            on_event=partial(self.reporter.on_training, task.name, task.name),
            check=self.context.check,
            evaluate=LiveAccuracy(loaded, task.dataset, self.spec.max_length, self.device),
            checkpoint_dir=self.context.run.checkpoint_dir / task.name,
        )
        epochs = transfer_cells.epochs(self.spec, len(task.train))
        settings = replace(train_settings(self.spec, task.seed), epochs=epochs, token_ids=encoded.token_ids)
        settings = replace(settings, learning_rate=settings.learning_rate * RATES.get(task.arm, 1.0))
        if self.spec.layer_lr_decay < 1:
            layers = students.n_layers(loaded.model.config)
            settings = replace(settings, lr_scale=partial(_lr_scale, self.spec.layer_lr_decay, layers))
        step = supervised_step(encoded, labels_of(task.train), self.device)
        trained = students.trainable(loaded.model)
        short = contextlib.nullcontext() if task.arm == "lora" else fast.logits_alone(loaded.model)
        with short:
            report = fit(loaded.model, encoded.lengths, step, settings, self.device, hooks)
        if task.arm == "lora":
            loaded = replace(loaded, model=loaded.model.merge_and_unload())
        size = parameters.count(loaded.model)
        backward = min(1.0, trained / size) * 2 + (2 if task.arm != "head" else 0)
        tokens = sum(encoded.lengths) * epochs
        return Learned(
            classify=partial(self._classify, loaded),
            train_s=report.train_s,
            train_tflop=(2 + backward) * _computing(loaded) * tokens / 1e12,
            params=size,
            params_trained=trained,
            loaded=loaded,
        )

    def _start(self, task: Task) -> LoadedModel:
        """The model before its first step, with the weights that shall learn."""
        adapted = self._more_pre_training(task) if task.arm == "adapted" else None
        devices.seed_everything(task.seed)
        names = task.dataset.label_names
        loaded = loading.load(self.spec.model, self.context.store, label_names=names)
        if task.arm == "scratch":
            return replace(loaded, model=loading.build_classifier(loaded.model.config, names), weights="random")
        if adapted is not None:
            loaded.model.base_model.load_state_dict(adapted, strict=False)
        if task.arm == "head":
            students.freeze_backbone(loaded.model)
        if task.arm.startswith("top"):
            students.freeze_below(loaded.model, int(task.arm.removeprefix("top")))
        if task.arm == "lora":
            loaded = replace(loaded, model=students.with_lora(loaded.model))
        return loaded

    def _more_pre_training(self, task: Task) -> dict[str, Tensor]:
        """The network below the head after the target's texts: computed once a domain, whatever seed and size."""
        self.reporter.say(f"{task.name}: more pre-training on unlabeled texts")
        bare = partial(loading.load, self.spec.model, self.context.store, label_names=task.dataset.label_names)
        return self._adapted.weights(task.domain, bare, task.target_texts)

    def _classify(self, loaded: LoadedModel, texts: Sequence[str]) -> Tensor:
        encoded = loaded.encode(texts, self.spec.max_length)
        return evaluate.predict(
            loaded.model.to(self.device.torch_device), encoded, self.device, check=self.context.check
        )

    # ── no gradient descent ──────────────────────────────────────────────────────────────────────────────────

    def _bag_of_words(self, task: Task) -> Learned:
        start = time.perf_counter()
        model = bag_of_words.fit(task.train["text"].tolist(), task.train["label"].tolist(), task.seed)
        seconds = time.perf_counter() - start
        size = int(model[-1].coef_.size + model[-1].intercept_.size)
        n_classes = len(task.dataset.label_names)
        return Learned(
            classify=lambda texts: bag_of_words.logits(model, list(texts), n_classes),
            train_s=seconds,
            train_tflop=0.0,
            params=size,
            params_trained=size,
        )

    def _shared_features(self, label_names: tuple[str, ...]) -> FrozenFeatures:
        if self._features is None:
            loaded = loading.load(self.spec.model, self.context.store, label_names=label_names)
            self._features = FrozenFeatures(loaded, self.spec.max_length, self.device, self.context.check)
        return self._features

    def _frozen(self, task: Task) -> Learned:
        features = self._shared_features(task.dataset.label_names)
        start = time.perf_counter()
        learned = features.of(task.train["text"].tolist())
        model = bag_of_words.linear_probe(task.seed).fit(learned, task.train["label"].tolist())
        seconds = time.perf_counter() - start
        size = int(model[-1].coef_.size + model[-1].intercept_.size)
        n_classes = len(task.dataset.label_names)
        return Learned(
            classify=lambda texts: bag_of_words.logits(model, features.of(texts), n_classes),
            train_s=seconds,
            train_tflop=features.tflop(task.train["text"].tolist()),
            params=features.params + size,
            params_trained=size,
        )

    def _zero_shot(self, task: Task) -> Learned:
        """Cosine between a text and a sentence with the label in it: only for a model of whole sentences."""
        if self.spec.model.source != "minilm":
            raise SpecError(f"{self.spec.model} was not trained to compare sentences.", "zero-shot works with minilm.")
        features = self._shared_features(task.dataset.label_names)
        anchors = _unit(features.of([f"This text is {name}." for name in task.dataset.label_names]))
        return Learned(
            classify=lambda texts: torch.tensor(_unit(features.of(texts)) @ anchors.T),
            train_s=0.0,
            train_tflop=0.0,
            params=features.params,
            params_trained=0,
        )


def _lr_scale(decay: float, layers: int, name: str) -> float:
    """Layer-wise learning-rate decay (ULMFiT, arXiv:1801.06146 §3.2): decay^(layers below the head)."""
    return decay ** (layers + 1 - students.depth_of(name, layers))


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _computing(loaded: LoadedModel) -> int:
    """Parameters that multiply each token: all but the embedding tables, shared layers as often as they are used."""
    sizes = parameters.count_by_part(loaded.model)
    used = students.n_layers(loaded.model.config) if loaded.family.shared_layers else 1
    return (sizes["attention"] + sizes["feed_forward"]) * used + sizes["other"]
