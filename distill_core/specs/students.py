"""One teacher, many small students."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from distill_core import families
from distill_core.arms import STUDENTS, described, pattern
from distill_core.arms import students as arm_row
from distill_core.errors import DistillError, SpecError
from distill_core.model_ref import ModelRef, Ref
from distill_core.specs import controls
from distill_core.specs.base import Inventory, Many, TrainSpec, check_each_once, dataset_name, field
from distill_core.specs.controls import Control

StudentsArm = Annotated[str, Field(pattern=pattern("students"))]


class StudentsSpec(TrainSpec):
    """One teacher and many small students: each beside itself without the teacher, and all beside each other."""

    LISTED_ONCE: ClassVar = ("students", "arms")
    kind: Literal["students"] = "students"
    teacher: ModelRef | None = field(
        None, "The fine-tuned model that teaches, for instance run:ID; empty: base is fine-tuned first."
    )
    base: ModelRef = field(Ref("minilm", "minilm"), "Model that becomes the teacher where none is given.")
    teacher_epochs: int = field(
        4, "Passes over the labeled texts when the teacher is fine-tuned first.", typical="2–6", ge=1, le=200
    )
    teacher_learning_rate: float = field(
        1e-4, "Highest learning rate of that fine-tuning.", typical="2e-5 – 1e-4", gt=0, le=1
    )
    students: Annotated[tuple[ModelRef, ...], Many] = field(
        tuple(Ref("mini", key) for key in families.BY_KEY),
        "Models that learn, separated by commas.",
        min_length=1,
        max_length=20,
    )
    arms: Annotated[tuple[StudentsArm, ...], Many] = field(
        ("labels", "taught", "random", "all-labels"),
        described("students"),
        min_length=1,
        max_length=len(STUDENTS),
    )
    labels: int = field(
        1000,
        "Texts that keep their label, for teacher and students alike.",
        unit="texts",
        typical="200–2000",
        control=Control("Texts that keep their label"),
        ge=2,
        le=10**7,
    )
    epochs: int = field(
        3,
        "Passes over all training texts, for the arms that see them.",
        typical="2–10",
        control=controls.EPOCHS,
        ge=1,
        le=200,
    )
    label_epochs: int | None = field(
        None,
        "Passes over the labeled texts, for the arms that see them alone; empty: as many steps as the other arms take, "
        "at most 15 passes.",
        ge=1,
        le=1000,
    )
    learning_rate: float = field(2e-4, "Highest learning rate of the students.", typical="1e-4 – 1e-3", gt=0, le=1)
    temperature: float = field(
        2.0,
        "Softens teacher and student distributions.",
        typical="1–10",
        control=controls.TEMPERATURE,
        gt=0,
        le=1000,
    )
    soft: float = field(0.9, "Weight of the soft-target loss.", typical="0.5–0.9", ge=0, le=1000)
    hard: float = field(0.1, "Weight of the cross-entropy with the true labels.", typical="0.1–0.5", ge=0, le=1000)
    seeds: int = field(1, "How many seeds.", control=controls.SEEDS, ge=1, le=20)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in self.LISTED_ONCE:
            check_each_once(name, getattr(self, name))
        if not self.soft and any(arm_row(arm).is_taught for arm in self.arms):
            raise SpecError("With soft 0 the teacher says nothing.", "Raise soft, or leave out the taught arms.")
        return self

    @property
    def summary(self) -> str:
        return f"{self.teacher or self.base} to {len(self.students)} students on {dataset_name(self.dataset)}"

    @property
    def origin(self) -> tuple[Ref, int | None]:
        return self.base, self.labels

    def check(self, inventory: Inventory) -> None:
        """A student that is missing is an error of its own rows; without any student there is nothing to do."""
        inventory.check_trainable(self.teacher or self.base, self.max_length)
        if self.teacher is not None and inventory.has(self.teacher):
            inventory.check_classifies(self.teacher)
        problems = []
        for ref in self.students:
            try:
                inventory.check_trainable(ref, self.max_length)
                inventory.has(ref)
            except DistillError as error:
                problems.append(error)
        if len(problems) == len(self.students):
            raise problems[0]
