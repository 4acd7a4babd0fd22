"""A student learns from a teacher's soft labels."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from distill_core.errors import SpecError
from distill_core.model_ref import ModelRef
from distill_core.specs import controls
from distill_core.specs.base import Many, TrainSpec, field
from distill_core.specs.controls import Control

DistillArm = Literal["distilled", "labeled-only", "init-only", "scratch", "scratch-distilled"]


class DistillSpec(TrainSpec):
    """Teach a student network with a teacher's soft labels."""

    kind: Literal["distill"] = "distill"
    teacher: ModelRef = field(..., "The fine-tuned model that teaches, for instance run:ID.")
    student: ModelRef | None = field(None, "Another model as student; empty: a shallower copy of the teacher.")
    student_layers: int = field(
        3,
        "Layers of the student.",
        typical="half of the teacher's",
        control=Control("Layers of the student"),
        ge=1,
        le=100,
    )
    init: Literal["teacher-layers", "random"] = field(
        "teacher-layers", "Where the student's first weights come from.", control=Control("The student starts from")
    )
    layers: Annotated[tuple[Annotated[int, Field(ge=0, le=99)], ...] | None, Many] = field(
        None, "Teacher layers to copy, counted from 0; empty: evenly spread.", max_length=100
    )
    layer_map: Literal["spread", "first", "last"] = field(
        "spread",
        "Which teacher layers to copy when none are listed: evenly spread, the first k, or the last k.",
        control=Control("Which layers"),
    )
    student_width: int | None = field(
        None,
        "Hidden width of the student; empty: the teacher's. A narrower one starts at random.",
        typical="half of the teacher's",
        ge=8,
        le=8192,
    )
    mode: Literal["task", "general"] = field(
        "task", "task: learn a task from a fine-tuned teacher; general: learn masked words from raw text, no labels."
    )
    temperature: float = field(
        2.0,
        "Softens teacher and student distributions.",
        typical="1–10",
        control=controls.TEMPERATURE,
        gt=0,
        le=1000,
    )
    soft: float = field(0.5, "Weight of the soft-target loss.", typical="0.5", ge=0, le=1000)
    hard: float = field(0.5, "Weight of the cross-entropy with the true labels.", typical="0.5", ge=0, le=1000)
    cosine: float = field(0.0, "Weight of the cosine loss on hidden states.", typical="0–1", ge=0, le=1000)
    standardize: bool = field(False, "Standardize logits before the soft-target loss (arXiv:2403.01427).")
    hidden: float = field(0.0, "Weight of the squared error of hidden states (TinyBERT).", ge=0, le=1000)
    attention: float = field(0.0, "Weight of the squared error of attention (TinyBERT).", ge=0, le=1000)
    relations: float = field(0.0, "Weight of the self-attention relations (MiniLMv2).", ge=0, le=1000)
    labeled_examples: int = field(
        0,
        "How many of the texts keep their label; the others are learned from the teacher alone. 0 means all.",
        unit="texts",
        control=Control("Texts that keep their label"),
        ge=0,
        le=10**7,
    )
    seeds: int = field(1, "How many seeds.", control=controls.SEEDS, ge=1, le=20)
    ablation: bool = field(
        False, "Leave out one ingredient at a time, as in the DistilBERT paper's table.", control=Control("Ablation")
    )
    sweep_temperatures: Annotated[tuple[Annotated[float, Field(gt=0, le=1000)], ...], Many] = field(
        (),
        "Temperatures to try, each with every soft weight of the sweep.",
        control=Control("Temperatures τ", choices=(1.0, 2.0, 4.0, 8.0, 16.0)),
        max_length=10,
    )
    sweep_soft: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Many] = field(
        (),
        "Soft weights to try; the hard weight is 1 − soft.",
        control=Control("Weights of soft targets", choices=(0.0, 0.25, 0.5, 0.75, 0.9, 1.0)),
        max_length=10,
    )
    sweep_layers: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Many] = field(
        (), "Student depths to try.", unit="layers", control=Control("Layers of the students"), max_length=24
    )
    train_examples: int = field(
        4000,
        "Texts to learn from at most; 0 means all.",
        unit="texts",
        typical="1000–8000",
        control=Control("Texts to learn from"),
        ge=0,
        le=10**7,
    )
    epochs: int = field(2, "Passes over the training texts.", typical="2–5", control=controls.EPOCHS, ge=1, le=200)
    arms: Annotated[tuple[DistillArm, ...], Many] = field(
        ("distilled",),
        "distilled; labeled-only (taught, on the texts with a label alone); init-only (teacher's layers, labels "
        "alone); scratch; scratch-distilled.",
        min_length=1,
        max_length=5,
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not any((self.soft, self.hard, self.cosine, self.hidden, self.attention, self.relations)):
            raise SpecError("All loss weights are 0, so nothing would be learned.", "Raise soft, hard or cosine.")
        if self.layers is not None and len(self.layers) != self.student_layers:
            raise SpecError(
                f"{len(self.layers)} teacher layers are listed for a student of {self.student_layers} layers.",
                "List one teacher layer for each student layer.",
            )
        if "labeled-only" in self.arms and not self.labeled_examples:
            raise SpecError(
                "labeled-only shows what texts without a label add, and here every text has one.",
                "Set labeled_examples to fewer than the texts.",
            )
        if self.mode == "general" and (self.student or self.student_width or self.hidden or self.attention):
            raise SpecError(
                "General distillation copies layers of the teacher, with soft, hard and cosine losses.",
                "Leave student, student_width, hidden and attention empty.",
            )
        if self.student_width is not None and self.cosine:
            raise SpecError(
                "The cosine loss needs a student as wide as its teacher.", "Use hidden: it has a projection."
            )
        if self.student is not None and (self.cosine or self.hidden or self.attention or self.relations):
            raise SpecError(
                f"{self.student} may split texts into other tokens than the teacher, so only logits can be compared.",
                "Set cosine, hidden, attention and relations to 0 for a student of another kind.",
            )
        return self
