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
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.runs.control import JobContext
from distill_core.specs import DistillSpec, FinetuneSpec, StudentsSpec
from distill_core.training import losses
from distill_core.training.loop import Step, TrainSettings
from distill_core.training.losses import Loss

VALIDATION_TEXTS = 300  # for the live curve; the reported accuracy is the test split's


def labels_of(frame: pd.DataFrame) -> Tensor:
    """The labels of these rows. Shape: (rows,)."""
    return torch.tensor(frame["label"].to_numpy(copy=True))


class LiveAccuracy:
    """Accuracy on a part of the validation split, for the curve that moves while a model trains."""

    def __init__(self, loaded: LoadedModel, dataset: Dataset, max_length: int, device: Device) -> None:
        frame = dataset.split("validation")
        frame = frame.sample(min(len(frame), VALIDATION_TEXTS), random_state=0)  # files may be sorted by label
        self._encoded = loaded.encode(frame["text"].tolist(), max_length) if len(frame) else None
        self._labels = labels_of(frame)
        self._device = device

    def logits(self, model: nn.Module) -> Tensor:
        """Shape: (texts, classes); empty without validation texts."""
        return torch.empty(0, 0) if self._encoded is None else evaluate.predict(model, self._encoded, self._device)

    def of(self, logits: Tensor) -> dict[str, float]:
        """The accuracy of these logits; nothing without validation texts."""
        return {"accuracy": evaluate.accuracy(logits, self._labels).accuracy} if len(logits) else {}

    def __call__(self, model: nn.Module) -> dict[str, float]:
        return self.of(self.logits(model))


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
    """Cross-entropy with the true labels."""

    def step(model: nn.Module, indices: Sequence[int]) -> Loss:
        logits = model(**encoded.batch(indices, device.torch_device)).logits
        loss = losses.hard_label_loss(logits, labels[list(indices)].to(device.torch_device))
        return Loss(loss, {})

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


def save_model(loaded: LoadedModel, context: JobContext) -> None:
    """save_pretrained with safetensors and tokenizer, in place of what an interrupted try has left."""
    with whole_folder(context.run.model_dir) as new:
        loaded.model.save_pretrained(new)
        loaded.tokenizer.save_pretrained(new)
