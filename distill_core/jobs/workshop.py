"""What a way to learn is given (a cell with its texts, what the run shares), and what it gives: a classifier."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from distill_core import arms
from distill_core.arms import FinetuneArm
from distill_core.datasets.dataset import Dataset
from distill_core.jobs.adapt import Adapted
from distill_core.jobs.features import FrozenFeatures
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.trained import Trained
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.models import loading
from distill_core.models.loading import LoadedModel
from distill_core.plans.transfer_cells import FinetuneCell
from distill_core.runs.control import JobContext
from distill_core.specs import FinetuneSpec


@dataclass(frozen=True)
class Assignment:
    """One cell of the plan with what it learns from; `target_texts` have no labels."""

    cell: FinetuneCell
    train: pd.DataFrame
    dataset: Dataset
    target_texts: tuple[str, ...] = ()

    @property
    def row(self) -> FinetuneArm:
        """The cell's arm."""
        return arms.finetune(self.cell.arm)


@dataclass(frozen=True)
class Learned:
    """Something that classifies. `classify` maps texts to logits (texts, classes) on the CPU. `trained` is what a
    second try would have to learn anew, where that takes long. The costs are those of this one training alone;
    `shared_s` of its seconds were spent once, for it and for others of the run. None: not counted."""

    classify: Callable[[Sequence[str]], Tensor]
    train_s: float
    train_tflop: float | None
    params: int
    params_trained: int
    shared_s: float = 0.0
    loaded: LoadedModel | None = None
    trained: Trained | None = None
    learning_rate: float | None = None

    @property
    def steps(self) -> int | None:
        """Updates of the weights; None without gradient descent."""
        return self.trained.report.steps if self.trained is not None else None

    def kept_when_stopped(self) -> contextlib.AbstractContextManager[None]:
        """A block in which a stop leaves the training for the next try."""
        return self.trained.kept_when_stopped() if self.trained is not None else contextlib.nullcontext()


class Workshop:
    """What the cells of a run share: frozen features are computed once, and so is more pre-training for a domain."""

    def __init__(self, spec: FinetuneSpec, context: JobContext, device: Device, reporter: Reporter) -> None:
        self.spec, self.context, self.device, self.reporter = spec, context, device, reporter
        self.adapted = Adapted(spec, context, device)
        self._features: FrozenFeatures | None = None
        self._said = False  # what became of the model's own head

    def features(self, label_names: tuple[str, ...]) -> FrozenFeatures:
        if self._features is None:
            self._features = FrozenFeatures(
                self.load(label_names), self.spec.max_length, self.device, self.context.check
            )
        return self._features

    def load(self, label_names: tuple[str, ...]) -> LoadedModel:
        """The model that was asked for, with a head for these classes."""
        loaded = loading.load(self.spec.model, self.context.store, label_names=label_names)
        if loaded.note and not self._said:
            self.context.log(loaded.note)
            self._said = True
        return loaded

    def classify(self, loaded: LoadedModel, texts: Sequence[str]) -> Tensor:
        """Logits (texts, classes) on the CPU."""
        encoded = loaded.encode(texts, self.spec.max_length)
        model = loaded.model.to(self.device.torch_device)
        return evaluate.predict(model, encoded, self.device, check=self.context.check)
