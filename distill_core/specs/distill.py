"""A student learns from a teacher's soft labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, create_model, model_validator

from distill_core.arms import DISTILL, described, distill, pattern
from distill_core.errors import SpecError
from distill_core.model_ref import ModelRef
from distill_core.specs import controls
from distill_core.specs.base import Inventory, Many, TrainSpec, check_each_once, dataset_name, field
from distill_core.specs.controls import Control
from distill_core.terms import TERMS, TOKEN_TERMS, LossWeights

DistillArm = Annotated[str, Field(pattern=pattern("distill"))]


class _Pupil(TrainSpec):
    """Who teaches whom, and what."""

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


if TYPE_CHECKING:
    _Weighted = _Pupil
else:  # a field for the weight of each term
    _Weighted = create_model(
        "_Weighted",
        __base__=_Pupil,
        __module__=__name__,
        **{
            term.key: (float, field(term.default, term.description, typical=term.typical, ge=0, le=1000))
            for term in TERMS
        },
    )


class DistillSpec(_Weighted):
    """Teach a student network with a teacher's soft labels."""

    LISTED_ONCE: ClassVar = ("arms", "sweep_temperatures", "sweep_soft", "sweep_layers")
    standardize: bool = field(False, "Standardize logits before the soft-target loss (arXiv:2403.01427).")
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
        described("distill"),
        min_length=1,
        max_length=len(DISTILL),
    )

    @property
    def weights(self) -> LossWeights:
        """The weights of all terms, with what softens the logits."""
        by_term = {term.key: float(getattr(self, term.key)) for term in TERMS}
        return LossWeights(by_term, self.temperature, self.standardize)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for name in self.LISTED_ONCE:
            check_each_once(name, getattr(self, name))
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        weights = self.weights
        if not weights.used:
            raise SpecError("All loss weights are 0, so nothing would be learned.", "Raise soft, hard or cosine.")
        if self.layers is not None and len(self.layers) != self.student_layers:
            raise SpecError(
                f"{len(self.layers)} teacher layers are listed for a student of {self.student_layers} layers.",
                "List one teacher layer for each student layer.",
            )
        alone = next((arm for arm in self.arms if distill(arm).reads_labeled_alone), None)
        if alone is not None and not self.labeled_examples:
            raise SpecError(
                f"{alone} shows what texts without a label add, and here every text has one.",
                "Set labeled_examples to fewer than the texts.",
            )
        if self.mode == "general" and (self.student or self.student_width):
            raise SpecError(
                "General distillation copies layers of the teacher.", "Leave student and student_width empty."
            )
        if self.student_width is not None and weights.needs("last_hidden"):
            raise SpecError(
                "The cosine loss needs a student as wide as its teacher.", "Use hidden: it has a projection."
            )
        if self.student is not None and weights.compares_tokens:
            raise SpecError(
                f"{self.student} may split texts into other tokens than the teacher, so only logits can be compared.",
                f"Set {TOKEN_TERMS} to 0 for a student of another kind.",
            )
        return self

    def check_texts(self, train_size: int) -> None:
        texts = min(self.train_examples or train_size, train_size)
        alone = next((arm for arm in self.arms if distill(arm).reads_labeled_alone), None)
        if alone is not None and self.labeled_examples >= texts:
            raise SpecError(
                f"{alone} shows what texts without a label add, and here all {texts:,} texts keep theirs.",
                f"Set labeled_examples to fewer than {texts:,}.",
            )

    @property
    def summary(self) -> str:
        student = str(self.student) if self.student else f"{self.student_layers} layers"
        return f"{self.teacher} to {student} on {dataset_name(self.dataset)}"

    def check(self, inventory: Inventory) -> None:
        inventory.check_trainable(self.teacher, self.max_length)
        if not inventory.has(self.teacher):
            return
        if self.mode == "task":
            inventory.check_classifies(self.teacher)
        if self.student is not None:
            inventory.check_trainable(self.student, self.max_length)
        else:
            self._check_layers(inventory.layers(self.teacher))

    def _check_layers(self, there: int | None) -> None:
        if there is None:
            return
        if self.student_layers > there:
            raise SpecError(
                f"The student has {self.student_layers} layers, its teacher only {there}.",
                f"Choose 1 to {there} layers.",
            )
        for layer in self.layers or ():
            if layer >= there:
                raise SpecError(f"The teacher has no layer {layer}.", f"Its layers are 0 to {there - 1}.")
