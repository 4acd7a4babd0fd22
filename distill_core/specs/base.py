"""What all requests share: the fields of every run, those of every training, and how a field is described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from distill_core import data_ref
from distill_core.data_ref import LABEL_COLUMN, TEXT_COLUMN, DataRef
from distill_core.errors import SpecError
from distill_core.families import Family
from distill_core.model_ref import Ref
from distill_core.specs import controls
from distill_core.specs.controls import Control

DeviceName = Literal["auto", "cpu", "cuda", "mps", "xpu"]
DTypeName = Literal["auto", "float32", "bfloat16", "float16"]


def _split(value: Any) -> Any:
    """`1,8` → ["1", "8"], so that one field serves flags, query parameters and JSON."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, int | float | Ref) else value


def _split_data(value: Any) -> Any:
    """As `_split`, for data sets: the comma between two columns of a file stays."""
    if isinstance(value, str):
        return data_ref.split_list(value)
    return [value] if isinstance(value, data_ref.Ref) else value


Many = BeforeValidator(_split)
ManyData = BeforeValidator(_split_data)
COLUMNS = {
    "text_column": "Column with the text, for an own CSV file (default: text).",
    "label_column": "Column with the label, for an own CSV file (default: label).",
}
_ONE_DATA_SET, _MANY_DATA_SETS = ("dataset", "probe_dataset"), ("test_datasets", "domains")


def _with_columns(value: Any, columns: tuple[str, str]) -> Any:
    """The reference with these columns where it is a file that names none of its own."""
    if not isinstance(value, str | data_ref.Ref):
        return value
    ref = data_ref.of(value)
    return ref if (ref.text_column, ref.label_column) != (TEXT_COLUMN, LABEL_COLUMN) else ref.with_columns(*columns)


def field(
    default: Any,
    description: str,
    *,
    unit: str = "",
    typical: str = "",
    control: Control = controls.PLAIN,
    **limits: Any,
) -> Any:
    """A field of a request: what it means, its unit, what is typical, what a form offers, and pydantic's limits."""
    extra: dict[str, Any] = {"unit": unit, "typical": typical, "control": controls.as_json(control)}
    return Field(default, description=description, json_schema_extra=extra, **limits)


def dataset_name(wanted: data_ref.Ref | str) -> str:
    """The name of a data set without the folder of an own file."""
    ref = data_ref.of(wanted)
    return "an own file" if ref.is_file else ref.name


def check_each_once(name: str, listed: Sequence[Hashable]) -> None:
    """Raises SpecError for an entry that a setting lists twice: it would count as two where there is one."""
    twice = next((entry for entry, times in Counter(listed).items() if times > 1), None)
    if twice is not None:
        raise SpecError(f"{twice} is listed twice in {name}.", "List each once.")


class Inventory(Protocol):
    """What is on this machine, told without loading a model: a request is checked against it before it is queued.

    Each check raises DistillError with the problem and the next step.
    """

    def family(self, ref: Ref) -> Family | None:
        """The family of a model; None where only the loaded model can tell."""

    def layers(self, ref: Ref) -> int | None:
        """The layers of a model; None where only the loaded model can tell."""

    def has(self, ref: Ref) -> bool:
        """Whether the model lies here; False for one that has to be fetched first. Raises where it should lie here."""

    def check_trainable(self, ref: Ref, max_length: int) -> None:
        """The model has weights and a tokenizer, and reads texts of this many tokens."""

    def check_classifies(self, ref: Ref) -> None:
        """The model has a classification head, as far as its config.json is here."""

    def check_corpora(self, names: tuple[str, ...]) -> None:
        """There are corpora of these names."""


class Spec(BaseModel):
    """Any run. What differs between the kinds of run is a method here, and each kind's own type says it."""

    LISTED_ONCE: ClassVar[tuple[str, ...]] = ()  # settings whose entries are told apart by themselves
    ALONE: ClassVar[bool] = False  # whether it measures times, so that nothing may be at work beside it
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_max_length=4096)

    title: str = field("", "A name for this run, shown in lists.", max_length=120)
    device: DeviceName = field(
        "auto", "Where to compute; auto takes the fastest device that is there.", control=Control("Device")
    )
    dtype: DTypeName = field("auto", "Number format; auto takes float32 on a CPU.")
    threads: int | None = field(None, "CPU threads; empty means all physical cores.", ge=1, le=1024)
    seed: int = field(
        0,
        "Seed of every random choice; the same seed gives the same run.",
        control=Control("Seed"),
        ge=0,
        le=2**31 - 1,
    )
    kind: str

    @model_validator(mode="before")
    @classmethod
    def _columns_into_references(cls, data: Any) -> Any:
        """Older files, the flags and addresses name the columns beside the data sets: `COLUMNS`."""
        if not isinstance(data, dict) or not data.keys() & COLUMNS.keys():
            return data
        given = {name: value for name, value in data.items() if name not in COLUMNS}
        columns = data_ref.checked_columns(
            str(data.get("text_column", TEXT_COLUMN)), str(data.get("label_column", LABEL_COLUMN))
        )
        for name in given.keys() & {*_ONE_DATA_SET, *_MANY_DATA_SETS}:
            value = given[name] if name in _ONE_DATA_SET else _split_data(given[name])
            is_list = isinstance(value, list | tuple)
            given[name] = [_with_columns(one, columns) for one in value] if is_list else _with_columns(value, columns)
        return given

    @property
    def heading(self) -> str:
        """The run's own title, or one made from what was asked."""
        return self.title or self.summary

    @property
    def summary(self) -> str:
        """What was asked, in a few words: `minilm on movies`."""
        return self.kind

    @property
    def datasets(self) -> tuple[data_ref.Ref, ...]:
        """All data sets that the run reads."""
        return ()

    @property
    def learned_from(self) -> data_ref.Ref | None:
        """The data set whose training texts the run's saved model has learned; None where it learns from none."""
        return None

    @property
    def refs(self) -> tuple[Ref, ...]:
        """All models that the request names."""
        listed = [value if isinstance(value, tuple) else (value,) for value in vars(self).values()]
        return tuple(entry for values in listed for entry in values if isinstance(entry, Ref))

    @property
    def origin(self) -> tuple[Ref, int | None] | None:
        """The pre-trained model that the run's saved one began as, and its number of labeled texts, where it tells."""
        return None

    def check_texts(self, train_size: int) -> None:
        """Raises SpecError where the first data set has too few training texts for what is asked."""

    def check(self, inventory: Inventory) -> None:
        """Raises DistillError with the first thing about its models that would make the run fail here."""


class TrainSpec(Spec):
    """Any run that learns from texts."""

    dataset: DataRef = field(data_ref.Ref("named", "movies"), "Data set to learn from.")
    epochs: int = field(2, "Passes over the training texts.", typical="1–5", control=controls.EPOCHS, ge=1, le=200)
    batch_size: int = field(
        32,
        "Texts per step.",
        unit="texts",
        typical="16–64",
        control=Control("Texts a step", choices=(8, 16, 32, 64)),
        ge=1,
        le=1024,
    )
    learning_rate: float = field(
        1e-4,
        "Highest learning rate; a head alone and LoRA take ten times it.",
        typical="2e-5 – 3e-4",
        control=Control("Learning rate", choices=(1e-5, 2e-5, 3e-5, 5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3)),
        gt=0,
        le=1,
    )
    warmup_fraction: float = field(0.1, "Share of the steps with a rising learning rate.", ge=0, lt=1)
    weight_decay: float = field(0.01, "AdamW's weight decay.", ge=0, le=1)
    max_grad_norm: float = field(1.0, "Gradients longer than this are clipped.", gt=0, le=1000)
    max_length: int = field(
        64,
        "Longer texts are cut at this many tokens.",
        unit="tokens",
        control=Control("Tokens a text, at most", 16, 512, 16),
        ge=4,
        le=4096,
    )
    eval_examples: int = field(0, "Test texts for the accuracy at most; 0 means all.", unit="texts", ge=0, le=10**6)
    checkpoint_every_s: float = field(30.0, "Seconds between two checkpoints.", unit="s", ge=0, le=3600)

    @property
    def datasets(self) -> tuple[data_ref.Ref, ...]:
        return (self.dataset,)

    @property
    def learned_from(self) -> data_ref.Ref | None:
        return self.dataset
