"""Checks of a spec against this machine, before a run is made: unknown data, missing models, lengths, layers.

Quick and without torch, so that pages and the command line answer at once. What only the loaded model can tell, the
job checks itself, with the same sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_core import families
from distill_core.assets import shelf
from distill_core.corpus import library
from distill_core.data_ref import NONE
from distill_core.datasets import catalogue, known_splits, uploads
from distill_core.datasets.dataset import Dataset
from distill_core.errors import ModelError, RunError, SpecError
from distill_core.families import Family
from distill_core.files.json_files import read_json
from distill_core.model_ref import Ref
from distill_core.models import shapes
from distill_core.runs.store import RunStore
from distill_core.settings import DATA
from distill_core.specs import DistillSpec, Spec
from distill_core.tasks import facts


def check(spec: Spec, store: RunStore) -> None:
    """Raises DistillError with the first thing that would make the run fail."""
    inventory = LocalInventory(store)
    spec.check(inventory)
    for ref in spec.datasets:
        if ref == NONE:
            raise SpecError("There is nothing to learn from without a data set.", "Choose one, for instance movies.")
        data = catalogue.load(ref) if ref.is_file else catalogue.info(ref.name)
        train_size = data.train_size if isinstance(data, Dataset) else known_splits.train_size(data.name)
        if train_size is not None and ref == spec.datasets[0]:
            spec.check_texts(train_size)
        if isinstance(spec, DistillSpec):
            family = inventory.family(spec.teacher)
            terms = [term.key for term in spec.weights.used]
            facts.of(spec.mode, data.task).check(arms=spec.arms, terms=terms, family=family)


def check_from_page(spec: Spec, store: RunStore, owner: str = "") -> None:
    """`check` for a request from a browser: it may not name files of the server, except uploads of this visitor.

    Raises DistillError.
    """
    check_no_folders(spec)
    for dataset in spec.datasets:
        if dataset.is_file and not uploads.is_kept(dataset, owner):
            raise SpecError("This file was not uploaded here.", "Upload it on the Fine-tune page.")
    check(spec, store)


def check_no_folders(spec: Spec) -> None:
    """Raises SpecError where a request names a folder of the server, whether or not there is one: a form asks before it
    looks at the models, so that nobody learns what lies on the disk."""
    for ref in spec.refs:
        if ref.source == "path":
            raise SpecError(f"{ref} names a folder of the server.", "Use the command line for models in folders.")


@dataclass(frozen=True)
class LocalInventory:
    """The models, runs and corpora of this machine, as `specs.Inventory` asks for them."""

    store: RunStore

    def family(self, ref: Ref) -> Family | None:
        if ref.family is not None:
            return ref.family
        config = _local_config(ref, self.store)
        return families.by_model_type(str(config.get("model_type"))) if config else None

    def layers(self, ref: Ref) -> int | None:
        shape = shapes.shape_of(ref, self.store)
        return shape.layers if shape is not None else None

    def has(self, ref: Ref) -> bool:
        return _local_config(ref, self.store) is not None

    def check_trainable(self, ref: Ref, max_length: int) -> None:
        if ref.source == "structure":
            raise ModelError(
                f"{ref} has random weights and no tokenizer.", "Choose minilm, a run, or a checkpoint of the Hub."
            )
        family = self.family(ref)
        limit = family.max_positions if family is not None else None
        if family is not None and limit is not None and max_length > limit:
            raise SpecError(
                f"{family.title} has {limit} positions, got a length of {max_length:,}.",
                f"Choose at most {limit} tokens.",
            )

    def check_classifies(self, ref: Ref) -> None:
        config = _local_config(ref, self.store)
        heads = (config.get("architectures") or []) if config is not None else None
        if heads is not None and not any("SequenceClassification" in name for name in heads):
            raise ModelError(
                f"{ref} has no classification head, so it cannot teach.", "Fine-tune it first, then name run:ID."
            )

    def check_corpora(self, names: tuple[str, ...]) -> None:
        library.check_names(names or None)


def _local_config(ref: Ref, store: RunStore) -> dict[str, Any] | None:
    """config.json of a model that should be on this disk; None where it has to be fetched first."""
    if ref.source == "run":
        run = store.get(ref.name)
        config = read_json(run.model_dir / "config.json")
        if config is None:
            raise RunError(
                f"The run {ref.name} has saved no model (state: {run.state().state}).",
                "Choose a finished training run.",
            )
        return config
    if ref.source in ("path", "mini"):
        path = Path(ref.name) if ref.source == "path" else DATA / "minis" / ref.name
        config = read_json(path / "config.json")
        if config is None:
            raise ModelError(f"There is no model for {ref}.", "Use minilm, a run, or a folder of save_pretrained.")
        return config
    if ref.source == "minilm":
        row = next(row for row in shelf.status() if row.name == "minilm")
        return read_json(row.folder / "config.json") if row.present else None
    return None
