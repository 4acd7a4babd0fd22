"""Transfer: a pre-trained model learns from labeled texts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.data_ref import DataRef
from distill_core.model_ref import ModelRef, Ref
from distill_core.specs.base import Many, ManyData, TrainSpec, field

FinetuneArm = Annotated[
    str, Field(pattern=r"^(pretrained|frozen|scratch|bow|zero-shot|head|lora|adapted|top[1-9]\d?)$")
]


class FinetuneSpec(TrainSpec):
    """Fine-tune a pre-trained model on labeled texts, beside arms that show what pre-training was worth."""

    kind: Literal["finetune"] = "finetune"
    model: ModelRef = field(Ref("minilm", "minilm"), "Model to start from.")
    train_examples: Annotated[tuple[Annotated[int, Field(ge=2, le=10**7)], ...], Many] = field(
        (2000,),
        "Labeled texts to learn from; several numbers give a learning curve.",
        unit="texts",
        typical="200–8000",
        min_length=1,
        max_length=12,
    )
    arms: Annotated[tuple[FinetuneArm, ...], Many] = field(
        ("pretrained",),
        "pretrained, frozen (linear probe), scratch, bow (bag of words), zero-shot, head, top1 … (highest layers), "
        "lora, adapted (first more pre-training on the target's texts).",
        min_length=1,
        max_length=12,
    )
    epochs: int = field(
        2, "Passes over the training texts; few texts are read more often.", typical="1–5", ge=1, le=200
    )
    min_steps: int = field(
        60,
        "Few texts are read again until this many steps are made, beyond epochs.",
        unit="steps",
        typical="50–200",
        ge=0,
        le=100_000,
    )
    seeds: int = field(1, "How many seeds; each draws its own training texts.", ge=1, le=20)
    test_datasets: Annotated[tuple[DataRef, ...], ManyData] = field((), "Further data sets to test on.", max_length=10)
    domains: Annotated[tuple[DataRef, ...], ManyData] = field(
        (), "Data sets to train on one by one and test on all: a matrix. Overrides dataset.", max_length=10
    )
    layer_lr_decay: float = field(
        1.0, "Each layer further down learns this much slower; 1 means all alike.", typical="0.8–1", gt=0, le=1
    )
    adapt_epochs: int = field(1, "Passes over unlabeled target texts for the adapted arm.", ge=1, le=20)
    adapt_examples: int = field(
        4000, "Unlabeled target texts of the adapted arm at most; 0 means all.", unit="texts", ge=0, le=10**7
    )
