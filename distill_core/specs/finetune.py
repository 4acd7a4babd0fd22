"""Transfer: a pre-trained model learns from labeled texts."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from distill_core import arms as arm_table
from distill_core import data_ref
from distill_core.arms import SAVED, SENTENCE_MODEL, described, pattern
from distill_core.data_ref import DataRef
from distill_core.errors import ModelError, SpecError
from distill_core.model_ref import ModelRef, Ref
from distill_core.specs import controls
from distill_core.specs.base import Inventory, Many, ManyData, TrainSpec, check_each_once, dataset_name, field
from distill_core.specs.controls import Control

FinetuneArm = Annotated[str, Field(pattern=pattern("finetune"))]


class FinetuneSpec(TrainSpec):
    """Fine-tune a pre-trained model on labeled texts, beside arms that show what pre-training was worth."""

    LISTED_ONCE: ClassVar = ("train_examples", "arms", "test_datasets", "domains")
    kind: Literal["finetune"] = "finetune"
    model: ModelRef = field(Ref("minilm", "minilm"), "Model to start from.")
    train_examples: Annotated[tuple[Annotated[int, Field(ge=2, le=10**7)], ...], Many] = field(
        (2000,),
        "Labeled texts to learn from; several numbers give a learning curve.",
        unit="texts",
        typical="200–8000",
        control=Control("Labeled texts"),
        min_length=1,
        max_length=12,
    )
    arms: Annotated[tuple[FinetuneArm, ...], Many] = field(
        (SAVED,),
        described("finetune"),
        min_length=1,
        max_length=12,
    )
    epochs: int = field(
        2,
        "Passes over the training texts; few texts are read more often.",
        typical="1–5",
        control=controls.EPOCHS,
        ge=1,
        le=200,
    )
    min_steps: int = field(
        60,
        "Few texts are read again until this many steps are made, beyond epochs.",
        unit="steps",
        typical="50–200",
        ge=0,
        le=100_000,
    )
    seeds: int = field(1, "How many seeds; each draws its own training texts.", control=controls.SEEDS, ge=1, le=20)
    test_datasets: Annotated[tuple[DataRef, ...], ManyData] = field((), "Further data sets to test on.", max_length=10)
    domains: Annotated[tuple[DataRef, ...], ManyData] = field(
        (), "Data sets to train on one by one and test on all: a matrix. Overrides dataset.", max_length=10
    )
    layer_lr_decay: float = field(
        1.0,
        "Each layer further down learns this much slower; 1 means all alike.",
        typical="0.8–1",
        control=Control("Layer-wise learning-rate decay", choices=(1.0, 0.95, 0.9, 0.8, 0.7, 0.5)),
        gt=0,
        le=1,
    )
    adapt_epochs: int = field(1, "Passes over unlabeled target texts for the adapted arm.", ge=1, le=20)
    adapt_examples: int = field(
        4000, "Unlabeled target texts of the adapted arm at most; 0 means all.", unit="texts", ge=0, le=10**7
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        """Results name a data set by its key, without columns: one file cannot stand for two data sets."""
        for name in self.LISTED_ONCE:
            check_each_once(name, getattr(self, name))
        met = Counter(ref.key for ref in set(self.domains or (self.dataset, *self.test_datasets)))
        twice = next((key for key, times in met.items() if times > 1), None)
        if twice is not None:
            places = "domains" if self.domains else "dataset and test_datasets"
            raise SpecError(
                f"{twice} stands for two data sets in {places}.",
                "List each once; for other columns of a file, copy it to a second file.",
            )
        return self

    @property
    def summary(self) -> str:
        return f"{self.model} on {dataset_name(self.dataset)}"

    @property
    def datasets(self) -> tuple[data_ref.Ref, ...]:
        return (self.dataset, *self.test_datasets, *self.domains)

    @property
    def learned_from(self) -> data_ref.Ref:
        return (self.domains or (self.dataset,))[0]  # the model of the first domain is the one that is kept

    @property
    def origin(self) -> tuple[Ref, int | None]:
        return self.model, max(self.train_examples)  # the model that has seen most labels is the one that is kept

    def check(self, inventory: Inventory) -> None:
        rows = [arm_table.finetune(arm) for arm in self.arms]
        compares = next((arm.key for arm in rows if arm.compares_sentences), None)
        if compares is not None and self.model.source != SENTENCE_MODEL:
            raise SpecError(
                f"{self.model} was not trained to compare sentences.", f"{compares} works with minilm alone."
            )
        if any(arm.uses_network for arm in rows):
            inventory.check_trainable(self.model, self.max_length)
            self._check_arms(inventory)

    def _check_arms(self, inventory: Inventory) -> None:
        """Arms that this model cannot take: said before the other arms have cost their time."""
        family, layers = inventory.family(self.model), inventory.layers(self.model)
        for arm in map(arm_table.finetune, self.arms):
            if arm.reads_targets and family is not None and not family.fills_gaps:
                raise ModelError(f"{family.title} does not learn from masked words.", f"Leave out the {arm.key} arm.")
            top = arm.layers or 0
            if (layers is not None and top > layers) or (top and family is not None and family.shared_layers):
                there = layers if layers is not None else "one shared layer"
                raise SpecError(
                    f"{arm.key} needs {top} layers of their own; this model has {there}.", "Choose head or all."
                )
