"""What every job that learns from labeled texts shares: the step, the live accuracy, the settings, saving a model."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from distill_core.datasets.dataset import Dataset
from distill_core.files.whole import whole_file, whole_folder
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.models.loading import LENGTH_FIELD, LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.runs.control import JobContext
from distill_core.specs import DistillSpec, FinetuneSpec, StudentsSpec
from distill_core.tasks.base import Task
from distill_core.tasks.base import labels_of as labels_of  # learners take it from here
from distill_core.tasks.classification import TASK as CLASSIFICATION
from distill_core.training import losses
from distill_core.training.loop import Step, TrainSettings
from distill_core.training.losses import Loss


class LiveAccuracy:
    """The task's scores on a part of the validation split, for the curve that moves while a model trains."""

    def __init__(
        self, loaded: LoadedModel, dataset: Dataset, max_length: int, device: Device, task: Task = CLASSIFICATION
    ) -> None:
        rows = task.validation_rows(dataset)
        self._probe = task.probe(loaded, rows, max_length) if len(rows) else None
        self._task, self._device = task, device

    def answers(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        """Logits and right answers, (positions, choices) and (positions,); empty without validation texts."""
        if self._probe is None:
            return torch.empty(0, 0), torch.empty(0, dtype=torch.long)
        return evaluate.answers(self._task, model, self._probe, self._device)

    def of(self, logits: Tensor, targets: Tensor) -> dict[str, float]:
        """Each metric by its name; nothing where nothing is asked."""
        return {score.metric: score.value for score in self._task.scores(logits, targets)}

    def __call__(self, model: nn.Module) -> dict[str, float]:
        return self.of(*self.answers(model))


class Predictions:
    """Test texts with the logits of each arm, in predictions.parquet: one column a class, from which a page computes
    any temperature, slice or disagreement. Columns: text, label, "<arm>: logit 0", "<arm>: logit 1", …
    """

    def __init__(self, context: JobContext, texts: list[str], labels: Tensor) -> None:
        self._file = context.run.predictions_file
        self._frame = _earlier(self._file, pd.DataFrame({"text": texts, "label": labels.tolist()}))

    def add(self, arm: str, logits: Tensor) -> None:
        """Write the logits (texts, classes) of one arm."""
        said = {f"{arm}: logit {label}": logits[:, label].numpy() for label in range(logits.shape[-1])}
        self._frame = self._frame.assign(**said).copy()  # a copy: frames of hundreds of single columns are slow
        with whole_file(self._file) as new:
            self._frame.to_parquet(new, index=False)


class DomainPredictions:
    """The test texts of several data sets below each other, in domain_predictions.parquet: `domain`, the name of the
    data set, and the columns of `Predictions`. An arm that has not been tested on a domain has no numbers there.
    """

    def __init__(self, context: JobContext, tests: Mapping[str, tuple[list[str], Tensor]]) -> None:
        self._file = context.run.domain_predictions_file
        parts = [
            pd.DataFrame({"domain": name, "text": texts, "label": labels.tolist()})
            for name, (texts, labels) in tests.items()
        ]
        self._frame = _earlier(self._file, pd.concat(parts, ignore_index=True))

    def add(self, arm: str, logits: Mapping[str, Tensor]) -> None:
        """Write the logits (texts, classes) of one arm on each of these data sets."""
        for name, said in logits.items():
            for label in range(said.shape[-1]):
                column = f"{arm}: logit {label}"
                if column not in self._frame:
                    self._frame[column] = np.float32(np.nan)
                self._frame.loc[self._frame["domain"] == name, column] = said[:, label].float().numpy()
        self._frame = self._frame.copy()  # as above
        with whole_file(self._file) as new:
            self._frame.to_parquet(new, index=False)


def _earlier(file: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """What an earlier try of this run has kept of the same texts, else `frame`."""
    if not file.is_file():
        return frame
    before = pd.read_parquet(file)
    same = all(name in before and before[name].tolist() == frame[name].tolist() for name in frame.columns)
    return before if same else frame


def supervised_step(encoded: Encoded, labels: Tensor, device: Device) -> Step:
    """Cross-entropy with the true labels, one a text."""
    return answers_step(CLASSIFICATION, encoded.answered(labels), device)


def answers_step(task: Task, texts: Encoded, device: Device) -> Step:
    """Cross-entropy with the right answers at all asked positions; a batch that asks nothing teaches nothing."""

    def step(model: nn.Module, indices: Sequence[int]) -> Loss:
        batch = texts.ask(indices, device.torch_device)
        logits = task.asked(task.forward(model, batch), batch)
        right = batch.targets.to(device.torch_device)
        return Loss(losses.hard_label_loss(logits, right) if len(right) else logits.sum() * 0, {})

    return step


def train_settings(spec: FinetuneSpec | DistillSpec | StudentsSpec, seed: int) -> TrainSettings:
    return TrainSettings(
        epochs=spec.epochs,
        batch_size=spec.batch_size,
        learning_rate=spec.learning_rate,
        warmup_fraction=spec.warmup_fraction,
        weight_decay=spec.weight_decay,
        max_grad_norm=spec.max_grad_norm,
        seed=seed,
        checkpoint_every_s=spec.checkpoint_every_s,
    )


def drop_checkpoints(context: JobContext) -> None:
    """Delete the checkpoints of an arm whose result is written: each is three times the size of its model."""
    shutil.rmtree(context.run.checkpoint_dir, ignore_errors=True)


def save_model(loaded: LoadedModel, context: JobContext, max_length: int) -> None:
    """save_pretrained with safetensors and tokenizer, in place of what an interrupted try has left. At how many tokens
    its texts were cut goes with it: whoever asks the model cuts there too."""
    setattr(loaded.model.config, LENGTH_FIELD, max_length)
    with whole_folder(context.run.model_dir) as new:
        loaded.model.save_pretrained(new)
        loaded.tokenizer.save_pretrained(new)
