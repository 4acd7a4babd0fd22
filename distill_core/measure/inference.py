"""One text through a run's model inside the process that serves pages: one thread, one text at a time.

A torch thread more would slow every other visitor down (click p95 from 0.17 to 0.79 s at ten sessions), and one
sentence gains nothing from it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import torch

from distill_core.datasets.typed_text import clean
from distill_core.errors import ModelError
from distill_core.machine.devices import Device
from distill_core.maths.distributions import Array
from distill_core.measure import evaluate
from distill_core.model_ref import Ref
from distill_core.models import loading
from distill_core.models.loading import LoadedModel
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore

_HERE = Device(torch.device("cpu"), "float32", 1)


@dataclass(frozen=True)
class TextModel:
    """A loaded classifier, and the lock that its readers share."""

    loaded: LoadedModel
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def label_names(self) -> tuple[str, ...]:
        return self.loaded.label_names or ()


def load(run: Run) -> TextModel:
    """The model that a training run has saved, on the CPU.

    Raises ModelError or RunError when it is missing, damaged, or no classifier.
    """
    torch.set_num_threads(1)
    loaded = loading.load(Ref("run", run.id), RunStore(run.path.parent))
    if loaded.label_names is None:
        raise ModelError(f"The model of run {run.id} has no classification head.", "Choose a finished fine-tuning.")
    loaded.model.eval()
    return TextModel(loaded)


def logits(model: TextModel, text: str) -> Array:
    """What the model says about one text, in nats. Shape: (classes,). Raises DataError for a text without words."""
    torch.set_num_threads(1)  # a setting of the calling thread too, and each visitor has another one
    with model.lock:
        encoded = model.loaded.encode([clean(text)], model.loaded.reads())
        row = evaluate.predict(model.loaded.model, encoded, _HERE)[0]
    values: Array = row.double().numpy()
    return values
