"""Text classification: one question a text, and the classes of the data set to choose from."""

from __future__ import annotations

import pandas as pd
from transformers import PretrainedConfig, PreTrainedModel

from distill_core.datasets.dataset import Dataset
from distill_core.errors import SpecError
from distill_core.model_ref import Ref
from distill_core.models import heads, loading, students
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.runs.store import RunStore
from distill_core.tasks import facts as task_facts
from distill_core.tasks.base import Task, labels_of, texts_of


class Classification(Task):
    """A sequence classifier: its logits are (texts, classes)."""

    facts = task_facts.get("classification")

    def teacher(self, ref: Ref, dataset: Dataset, store: RunStore) -> LoadedModel:
        """A classifier of the data set's classes. Raises SpecError without a head, or with other classes."""
        teacher = loading.load(ref, store)
        if teacher.label_names is None:
            raise SpecError(f"{ref} has no classification head, so it cannot teach.", "Fine-tune it first.")
        columns = class_columns(teacher, dataset)
        if columns != list(range(len(dataset.label_names))):
            other = "other classes" if columns is None else "the classes in another order"
            raise SpecError(
                f"The teacher knows {other}: {', '.join(teacher.label_names)}, where {dataset.title} has "
                f"{', '.join(dataset.label_names)}.",
                "Choose a teacher that was fine-tuned on data with the same classes in the same order.",
            )
        return teacher

    def learner(self, ref: Ref, dataset: Dataset, store: RunStore) -> LoadedModel:
        return loading.load(ref, store, label_names=dataset.label_names)

    def head(self, config: PretrainedConfig) -> PreTrainedModel:
        return students.same_classes(config)

    def encode(self, loaded: LoadedModel, frame: pd.DataFrame, max_length: int) -> Encoded:
        return loaded.encode(texts_of(frame), max_length).answered(labels_of(frame))


def class_columns(loaded: LoadedModel, dataset: Dataset) -> list[int] | None:
    """For each class of the data set the model's column; None when their classes differ (`heads.columns`)."""
    return heads.columns(loaded.label_names or (), dataset.label_names)


TASK = Classification()
