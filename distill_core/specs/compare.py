"""Models side by side."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from distill_core import data_ref
from distill_core.data_ref import NONE, DataRef
from distill_core.errors import SpecError
from distill_core.model_ref import ModelRef
from distill_core.specs.base import Inventory, Many, Spec, check_each_once, field
from distill_core.specs.controls import Control


class CompareSpec(Spec):
    """Measure models side by side: size, speed, memory, and accuracy where a model can classify."""

    LISTED_ONCE: ClassVar = ("models", "batch_sizes", "seq_lens")
    ALONE: ClassVar = True
    kind: Literal["compare"] = "compare"
    models: Annotated[tuple[ModelRef, ...], Many] = field(
        ..., "Models to compare, separated by commas.", min_length=1, max_length=40
    )
    dataset: DataRef = field(NONE, "Data set for accuracy and tokenize time, or none.")
    batch_sizes: Annotated[tuple[Annotated[int, Field(ge=1, le=1024)], ...], Many] = field(
        (1,),
        "Texts per batch.",
        unit="texts",
        typical="1–32",
        control=Control("Texts a batch", choices=(1, 8, 32)),
        min_length=1,
        max_length=8,
    )
    seq_lens: Annotated[tuple[Annotated[int, Field(ge=4, le=4096)], ...], Many] = field(
        (128,),
        "Tokens per text.",
        unit="tokens",
        typical="32–512",
        control=Control("Tokens a text", choices=(32, 128, 256, 512)),
        min_length=1,
        max_length=8,
    )
    min_time_s: float = field(1.0, "Shortest measuring time of one cell.", unit="s", typical="0.5–5", gt=0, le=120)
    eval_examples: int = field(1000, "Test texts for accuracy at most; 0 means all.", unit="texts", ge=0, le=1_000_000)
    baseline: ModelRef | None = field(None, "The model that the others are compared with; empty: the first.")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for name in self.LISTED_ONCE:
            check_each_once(name, getattr(self, name))
        if self.baseline is not None and self.baseline not in self.models:
            raise SpecError(f"The baseline {self.baseline} is not among the models.", "Add it to the models.")
        return self

    @property
    def timed_against(self) -> ModelRef:
        """The baseline: each other model is timed in turns with it."""
        return self.baseline or self.models[0]

    @property
    def summary(self) -> str:
        return str(self.models[0]) if len(self.models) == 1 else f"{len(self.models)} models"

    @property
    def datasets(self) -> tuple[data_ref.Ref, ...]:
        return () if self.dataset == NONE else (self.dataset,)

    def check(self, inventory: Inventory) -> None:
        limits = [family.max_positions if (family := inventory.family(ref)) else None for ref in self.models]
        known = [limit for limit in limits if limit is not None]
        if len(known) == len(limits) and max(known) < min(self.seq_lens):
            raise SpecError(
                f"A length of {min(self.seq_lens):,} tokens is more than any of these models can read.",
                f"Choose at most {max(known):,}.",
            )
        for ref in self.models:
            inventory.has(ref)
