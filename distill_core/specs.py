"""What was asked: one frozen type a kind of job. Forms, command-line flags and JSON files all come from these types.

A field's description, range, unit and typical values are written once, here; `parse` turns every violation into one
SpecError that names the value, what is allowed and what is typical.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from distill_core import families
from distill_core.errors import SpecError
from distill_core.model_ref import ModelRef, Ref
from distill_core.spec_errors import explain

DeviceName = Literal["auto", "cpu", "cuda", "mps", "xpu"]
DTypeName = Literal["auto", "float32", "bfloat16", "float16"]
FinetuneArm = Annotated[
    str, Field(pattern=r"^(pretrained|frozen|scratch|bow|zero-shot|head|lora|adapted|top[1-9]\d?)$")
]
DistillArm = Literal["distilled", "labeled-only", "init-only", "scratch", "scratch-distilled"]
StudentsArm = Literal["taught", "labels", "all-labels", "random", "random-taught"]


def _split(value: Any) -> Any:
    """`1,8` → ["1", "8"], so that one field serves flags, query parameters and JSON."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, int | float | Ref) else value


Many = BeforeValidator(_split)


def _field(default: Any, description: str, *, unit: str = "", typical: str = "", **limits: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"unit": unit, "typical": typical}, **limits)


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_max_length=4096)

    title: str = _field("", "A name for this run, shown in lists.", max_length=120)
    device: DeviceName = _field("auto", "Where to compute; auto takes the fastest device that is there.")
    dtype: DTypeName = _field("auto", "Number format; auto takes float32 on a CPU.")
    threads: int | None = _field(None, "CPU threads; empty means all physical cores.", ge=1, le=1024)
    text_column: str = _field("text", "Column with the text, for an own CSV file.", max_length=200)
    label_column: str = _field("label", "Column with the label, for an own CSV file.", max_length=200)
    seed: int = _field(0, "Seed of every random choice; the same seed gives the same run.", ge=0, le=2**31 - 1)


class CompareSpec(_Spec):
    """Measure models side by side: size, speed, memory, and accuracy where a model can classify."""

    kind: Literal["compare"] = "compare"
    models: Annotated[tuple[ModelRef, ...], Many] = _field(
        ..., "Models to compare, separated by commas.", min_length=1, max_length=40
    )
    dataset: str = _field("none", "Data set for accuracy and tokenize time, or none.", max_length=1024)
    batch_sizes: Annotated[tuple[Annotated[int, Field(ge=1, le=1024)], ...], Many] = _field(
        (1,), "Texts per batch.", unit="texts", typical="1–32", min_length=1, max_length=8
    )
    seq_lens: Annotated[tuple[Annotated[int, Field(ge=4, le=4096)], ...], Many] = _field(
        (128,), "Tokens per text.", unit="tokens", typical="32–512", min_length=1, max_length=8
    )
    min_time_s: float = _field(1.0, "Shortest measuring time of one cell.", unit="s", typical="0.5–5", gt=0, le=120)
    eval_examples: int = _field(1000, "Test texts for accuracy at most; 0 means all.", unit="texts", ge=0, le=1_000_000)
    baseline: ModelRef | None = _field(None, "The model that the others are compared with; empty: the first.")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.models)) < len(self.models):
            raise SpecError("A model is listed twice.", "List each model once.")
        if self.baseline is not None and self.baseline not in self.models:
            raise SpecError(f"The baseline {self.baseline} is not among the models.", "Add it to the models.")
        return self


class _TrainSpec(_Spec):
    dataset: str = _field("movies", "Data set to learn from.", max_length=1024)
    epochs: int = _field(2, "Passes over the training texts.", typical="1–5", ge=1, le=200)
    batch_size: int = _field(32, "Texts per step.", unit="texts", typical="16–64", ge=1, le=1024)
    learning_rate: float = _field(
        1e-4,
        "Highest learning rate; a head alone and LoRA take ten times it.",
        typical="2e-5 – 3e-4",
        gt=0,
        le=1,
    )
    warmup_fraction: float = _field(0.1, "Share of the steps with a rising learning rate.", ge=0, lt=1)
    weight_decay: float = _field(0.01, "AdamW's weight decay.", ge=0, le=1)
    max_grad_norm: float = _field(1.0, "Gradients longer than this are clipped.", gt=0, le=1000)
    max_length: int = _field(64, "Longer texts are cut at this many tokens.", unit="tokens", ge=4, le=4096)
    eval_examples: int = _field(0, "Test texts for the accuracy at most; 0 means all.", unit="texts", ge=0, le=10**6)
    checkpoint_every_s: float = _field(30.0, "Seconds between two checkpoints.", unit="s", ge=0, le=3600)


class FinetuneSpec(_TrainSpec):
    """Fine-tune a pre-trained model on labeled texts, beside arms that show what pre-training was worth."""

    kind: Literal["finetune"] = "finetune"
    model: ModelRef = _field(Ref("minilm", "minilm"), "Model to start from.")
    train_examples: Annotated[tuple[Annotated[int, Field(ge=2, le=10**7)], ...], Many] = _field(
        (2000,), "Labeled texts to learn from; several numbers give a learning curve.", unit="texts",
        typical="200–8000", min_length=1, max_length=12,
    )  # fmt: skip
    arms: Annotated[tuple[FinetuneArm, ...], Many] = _field(
        ("pretrained",),
        "pretrained, frozen (linear probe), scratch, bow (bag of words), zero-shot, head, top1 … (highest layers), "
        "lora, adapted (first more pre-training on the target's texts).",
        min_length=1, max_length=12,
    )  # fmt: skip
    epochs: int = _field(
        2, "Passes over the training texts; few texts are read more often.", typical="1–5", ge=1, le=200
    )
    min_steps: int = _field(
        60, "Few texts are read again until this many steps are made, beyond epochs.", unit="steps",
        typical="50–200", ge=0, le=100_000,
    )  # fmt: skip
    seeds: int = _field(1, "How many seeds; each draws its own training texts.", ge=1, le=20)
    test_datasets: Annotated[tuple[str, ...], Many] = _field((), "Further data sets to test on.", max_length=10)
    domains: Annotated[tuple[str, ...], Many] = _field(
        (), "Data sets to train on one by one and test on all: a matrix. Overrides dataset.", max_length=10
    )
    layer_lr_decay: float = _field(
        1.0, "Each layer further down learns this much slower; 1 means all alike.", typical="0.8–1", gt=0, le=1
    )
    adapt_epochs: int = _field(1, "Passes over unlabeled target texts for the adapted arm.", ge=1, le=20)
    adapt_examples: int = _field(
        4000, "Unlabeled target texts of the adapted arm at most; 0 means all.", unit="texts", ge=0, le=10**7
    )


class DistillSpec(_TrainSpec):
    """Teach a student network with a teacher's soft labels."""

    kind: Literal["distill"] = "distill"
    teacher: ModelRef = _field(..., "The fine-tuned model that teaches, for instance run:ID.")
    student: ModelRef | None = _field(None, "Another model as student; empty: a shallower copy of the teacher.")
    student_layers: int = _field(3, "Layers of the student.", typical="half of the teacher's", ge=1, le=100)
    init: Literal["teacher-layers", "random"] = _field("teacher-layers", "Where the student's first weights come from.")
    layers: Annotated[tuple[Annotated[int, Field(ge=0, le=99)], ...] | None, Many] = _field(
        None, "Teacher layers to copy, counted from 0; empty: evenly spread.", max_length=100
    )
    layer_map: Literal["spread", "first", "last"] = _field(
        "spread", "Which teacher layers to copy when none are listed: evenly spread, the first k, or the last k."
    )
    student_width: int | None = _field(
        None, "Hidden width of the student; empty: the teacher's. A narrower one starts at random.",
        typical="half of the teacher's", ge=8, le=8192,
    )  # fmt: skip
    mode: Literal["task", "general"] = _field(
        "task", "task: learn a task from a fine-tuned teacher; general: learn masked words from raw text, no labels."
    )
    temperature: float = _field(2.0, "Softens teacher and student distributions.", typical="1–10", gt=0, le=1000)
    soft: float = _field(0.5, "Weight of the soft-target loss.", typical="0.5", ge=0, le=1000)
    hard: float = _field(0.5, "Weight of the cross-entropy with the true labels.", typical="0.5", ge=0, le=1000)
    cosine: float = _field(0.0, "Weight of the cosine loss on hidden states.", typical="0–1", ge=0, le=1000)
    standardize: bool = _field(False, "Standardize logits before the soft-target loss (arXiv:2403.01427).")
    hidden: float = _field(0.0, "Weight of the squared error of hidden states (TinyBERT).", ge=0, le=1000)
    attention: float = _field(0.0, "Weight of the squared error of attention (TinyBERT).", ge=0, le=1000)
    relations: float = _field(0.0, "Weight of the self-attention relations (MiniLMv2).", ge=0, le=1000)
    labeled_examples: int = _field(
        0, "How many of the texts keep their label; the others are learned from the teacher alone. 0 means all.",
        unit="texts", ge=0, le=10**7,
    )  # fmt: skip
    seeds: int = _field(1, "How many seeds.", ge=1, le=20)
    ablation: bool = _field(False, "Leave out one ingredient at a time, as in the DistilBERT paper's table.")
    sweep_temperatures: Annotated[tuple[Annotated[float, Field(gt=0, le=1000)], ...], Many] = _field(
        (), "Temperatures to try, each with every soft weight of the sweep.", max_length=10
    )
    sweep_soft: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Many] = _field(
        (), "Soft weights to try; the hard weight is 1 − soft.", max_length=10
    )
    sweep_layers: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Many] = _field(
        (), "Student depths to try.", unit="layers", max_length=24
    )
    train_examples: int = _field(
        4000, "Texts to learn from at most; 0 means all.", unit="texts", typical="1000–8000", ge=0, le=10**7
    )
    epochs: int = _field(2, "Passes over the training texts.", typical="2–5", ge=1, le=200)
    arms: Annotated[tuple[DistillArm, ...], Many] = _field(
        ("distilled",),
        "distilled; labeled-only (taught, on the texts with a label alone); init-only (teacher's layers, labels "
        "alone); scratch; scratch-distilled.",
        min_length=1, max_length=5,
    )  # fmt: skip

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
            raise SpecError("General distillation copies layers of the teacher, with soft, hard and cosine losses.",
                            "Leave student, student_width, hidden and attention empty.")  # fmt: skip
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


class StudentsSpec(_TrainSpec):
    """One teacher and many small students: each beside itself without the teacher, and all beside each other."""

    kind: Literal["students"] = "students"
    teacher: ModelRef | None = _field(
        None, "The fine-tuned model that teaches, for instance run:ID; empty: base is fine-tuned first."
    )
    base: ModelRef = _field(Ref("minilm", "minilm"), "Model that becomes the teacher where none is given.")
    teacher_epochs: int = _field(
        4, "Passes over the labeled texts when the teacher is fine-tuned first.", typical="2–6", ge=1, le=200
    )
    teacher_learning_rate: float = _field(
        1e-4, "Highest learning rate of that fine-tuning.", typical="2e-5 – 1e-4", gt=0, le=1
    )
    students: Annotated[tuple[ModelRef, ...], Many] = _field(
        tuple(Ref("mini", key) for key in families.BY_KEY), "Models that learn, separated by commas.",
        min_length=1, max_length=20,
    )  # fmt: skip
    arms: Annotated[tuple[StudentsArm, ...], Many] = _field(
        ("labels", "taught", "random", "all-labels"),
        "taught (soft targets on all texts, and the labels); labels (these alone); all-labels (every text has one); "
        "random (random weights, the labels alone); random-taught.",
        min_length=1, max_length=5,
    )  # fmt: skip
    labels: int = _field(
        1000, "Texts that keep their label, for teacher and students alike.", unit="texts", typical="200–2000",
        ge=2, le=10**7,
    )  # fmt: skip
    epochs: int = _field(3, "Passes over all training texts, for the arms that see them.", typical="2–10", ge=1, le=200)
    label_epochs: int | None = _field(
        None,
        "Passes over the labeled texts, for the arms that see them alone; empty: as many steps as the other arms take, "
        "at most 15 passes.",
        ge=1, le=1000,
    )  # fmt: skip
    learning_rate: float = _field(2e-4, "Highest learning rate of the students.", typical="1e-4 – 1e-3", gt=0, le=1)
    temperature: float = _field(2.0, "Softens teacher and student distributions.", typical="1–10", gt=0, le=1000)
    soft: float = _field(0.9, "Weight of the soft-target loss.", typical="0.5–0.9", ge=0, le=1000)
    hard: float = _field(0.1, "Weight of the cross-entropy with the true labels.", typical="0.1–0.5", ge=0, le=1000)
    seeds: int = _field(1, "How many seeds.", ge=1, le=20)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("students", "arms"):
            listed = getattr(self, name)
            twice = next((entry for entry in listed if listed.count(entry) > 1), None)
            if twice is not None:
                raise SpecError(f"{twice} is listed twice in {name}.", "List each once.")
        if not self.soft and any(arm in ("taught", "random-taught") for arm in self.arms):
            raise SpecError("With soft 0 the teacher says nothing.", "Raise soft, or leave out the taught arms.")
        return self


class PretrainSpec(_Spec):
    """Teach a small model of one family from raw text: by its own objective, or by a teacher's sentence embeddings."""

    kind: Literal["pretrain"] = "pretrain"
    family: str = _field(..., "The family to build a small model of, for instance electra.", max_length=40)
    lesson: Literal["objective", "embeddings"] = _field(
        "objective",
        "objective: what the family's paper trains on; embeddings: what MiniLM says of each sentence.",
    )
    tokens: int = _field(
        2_000_000, "Tokens to read in all; text that runs out is read again.", unit="tokens",
        typical="1–40 million", ge=1_000, le=10**11,
    )  # fmt: skip
    corpus: Annotated[tuple[str, ...], Many] = _field((), "Corpora to read; empty means all of them.", max_length=20)
    sentences: int = _field(
        0, "Sentences to choose from, mixed from all corpora; 0 means all.", unit="sentences", ge=0, le=10**9
    )
    vocab_size: int = _field(8192, "Tokens of the vocabulary.", unit="tokens", ge=300, le=65_536)
    warm_start: bool = _field(True, "Start the embeddings from MiniLM's view of each token (embeddings lesson alone).")
    batch_size: int = _field(64, "Texts per step.", unit="texts", typical="32–128", ge=2, le=4096)
    learning_rate: float = _field(1.5e-3, "Highest learning rate.", typical="5e-4 – 2e-3", gt=0, le=1)
    warmup_fraction: float = _field(0.1, "Share of the steps with a rising learning rate.", ge=0, lt=1)
    weight_decay: float = _field(0.01, "AdamW's weight decay.", ge=0, le=1)
    max_grad_norm: float = _field(1.0, "Gradients longer than this are clipped.", gt=0, le=1000)
    max_length: int = _field(64, "Longer texts are cut at this many tokens.", unit="tokens", ge=8, le=512)
    checkpoint_every_s: float = _field(30.0, "Seconds between two checkpoints.", unit="s", ge=0, le=3600)

    teacher: ModelRef | None = _field(
        None, "DistilBERT's teacher: a masked language model of the same width, for instance run:ID of a BERT."
    )
    probe_dataset: str = _field(
        "movies", "Data set of a linear probe before and after the training, or none.", max_length=1024
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
            raise SpecError(f"{self.teacher} was given as teacher, but only DistilBERT's objective has one.",
                            "Leave teacher empty.")  # fmt: skip
        return self


AnySpec = CompareSpec | FinetuneSpec | DistillSpec | StudentsSpec | PretrainSpec
Spec = Annotated[AnySpec, Field(discriminator="kind")]
SPECS: dict[str, type[_Spec]] = {
    "compare": CompareSpec, "finetune": FinetuneSpec, "distill": DistillSpec, "students": StudentsSpec,
    "pretrain": PretrainSpec,
}  # fmt: skip
_ADAPTER: TypeAdapter[AnySpec] = TypeAdapter(Spec)


def parse(data: dict[str, Any]) -> AnySpec:
    """A spec from untrusted values. Raises SpecError with the first problem in the user's words."""
    if str(data.get("kind")) not in SPECS:  # str: a list cannot be looked up
        raise SpecError(f"Unknown kind of run {data.get('kind')!r}.", f"Known: {', '.join(SPECS)}.")
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        raise explain(error, SPECS[data["kind"]]) from error
