"""A small model of one family learns from raw text."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import field_validator, model_validator

from distill_core import data_ref, families
from distill_core.data_ref import NONE, DataRef
from distill_core.errors import SpecError
from distill_core.model_ref import ModelRef, Ref
from distill_core.specs.base import Inventory, Many, Spec, field
from distill_core.specs.controls import Control


class PretrainSpec(Spec):
    """Teach a small model of one family from raw text: by its own objective, or by a teacher's sentence embeddings."""

    kind: Literal["pretrain"] = "pretrain"
    family: str = field(..., "The family to build a small model of, for instance electra.", max_length=40)
    lesson: Literal["objective", "embeddings"] = field(
        "objective",
        "objective: what the family's paper trains on; embeddings: what MiniLM says of each sentence.",
        control=Control("Lesson"),
    )
    tokens: int = field(
        2_000_000,
        "Tokens to read in all; text that runs out is read again.",
        unit="tokens",
        typical="1–40 million",
        control=Control(
            "Tokens to read", choices=(200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 40_000_000)
        ),
        ge=1_000,
        le=10**11,
    )
    corpus: Annotated[tuple[str, ...], Many] = field((), "Corpora to read; empty means all of them.", max_length=20)
    sentences: int = field(
        0, "Sentences to choose from, mixed from all corpora; 0 means all.", unit="sentences", ge=0, le=10**9
    )
    vocab_size: int = field(8192, "Tokens of the vocabulary.", unit="tokens", ge=300, le=65_536)
    warm_start: bool = field(True, "Start the embeddings from MiniLM's view of each token (embeddings lesson alone).")
    batch_size: int = field(
        64,
        "Texts per step.",
        unit="texts",
        typical="32–128",
        control=Control("Texts a step", choices=(16, 32, 64, 128)),
        ge=2,
        le=4096,
    )
    learning_rate: float = field(
        1.5e-3,
        "Highest learning rate.",
        typical="5e-4 – 2e-3",
        control=Control("Learning rate", choices=(3e-4, 5e-4, 1e-3, 1.5e-3, 2e-3, 3e-3)),
        gt=0,
        le=1,
    )
    warmup_fraction: float = field(0.1, "Share of the steps with a rising learning rate.", ge=0, lt=1)
    weight_decay: float = field(0.01, "AdamW's weight decay.", ge=0, le=1)
    max_grad_norm: float = field(1.0, "Gradients longer than this are clipped.", gt=0, le=1000)
    max_length: int = field(64, "Longer texts are cut at this many tokens.", unit="tokens", ge=8, le=512)
    checkpoint_every_s: float = field(30.0, "Seconds between two checkpoints.", unit="s", ge=0, le=3600)

    teacher: ModelRef | None = field(
        None, "DistilBERT's teacher: a masked language model of the same width, for instance run:ID of a BERT."
    )
    start: ModelRef | None = field(
        None,
        "A model of the family whose weights and tokenizer this one begins with; DistilBERT may begin with a BERT.",
    )
    probe_dataset: DataRef = field(
        data_ref.Ref("named", "movies"), "Data set of a linear probe before and after the training, or none."
    )

    @field_validator("family")
    @classmethod
    def _known(cls, value: str) -> str:
        return families.get(value).key

    @model_validator(mode="after")
    def _taught(self) -> Self:
        needs = self.family == "distilbert" and self.lesson == "objective"
        if needs and self.teacher is None:
            raise SpecError(
                "DistilBERT learns from a teacher, and none was given.",
                "Pre-train BERT first (family bert), then name it: teacher run:ID.",
            )
        if self.teacher is not None and not needs:
            raise SpecError(
                f"{self.teacher} was given as teacher, but only DistilBERT's objective has one.", "Leave teacher empty."
            )
        return self

    @property
    def summary(self) -> str:
        return f"{families.get(self.family).title} from raw text"

    @property
    def datasets(self) -> tuple[data_ref.Ref, ...]:
        return () if self.probe_dataset == NONE else (self.probe_dataset,)

    def check(self, inventory: Inventory) -> None:
        inventory.check_corpora(self.corpus)
        if self.teacher is not None:
            inventory.check_trainable(self.teacher, self.max_length)
            inventory.has(self.teacher)
        if self.start is not None:
            self._check_start(self.start, inventory)
        limit = families.get(self.family).max_positions
        if limit is not None and self.max_length > limit:
            raise SpecError(
                f"{self.family} has {limit} positions, got a length of {self.max_length}.",
                f"Choose at most {limit} tokens.",
            )

    def _check_start(self, start: Ref, inventory: Inventory) -> None:
        inventory.check_trainable(start, self.max_length)
        inventory.has(start)
        family = inventory.family(start)
        fitting = {self.family, "bert"} if self.family == "distilbert" else {self.family}
        if family is not None and family.key not in fitting:
            raise SpecError(
                f"{start} is of the family {family.title}, and {families.get(self.family).title} cannot begin with it.",
                "Choose a start of the same family.",
            )
