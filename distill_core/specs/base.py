"""What all requests share: the fields of every run, those of every training, and how a field is described."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

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


Many = BeforeValidator(_split)


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


class BaseSpec(BaseModel):
    """Any run."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_max_length=4096)

    title: str = field("", "A name for this run, shown in lists.", max_length=120)
    device: DeviceName = field(
        "auto", "Where to compute; auto takes the fastest device that is there.", control=Control("Device")
    )
    dtype: DTypeName = field("auto", "Number format; auto takes float32 on a CPU.")
    threads: int | None = field(None, "CPU threads; empty means all physical cores.", ge=1, le=1024)
    text_column: str = field("text", "Column with the text, for an own CSV file.", max_length=200)
    label_column: str = field("label", "Column with the label, for an own CSV file.", max_length=200)
    seed: int = field(
        0,
        "Seed of every random choice; the same seed gives the same run.",
        control=Control("Seed"),
        ge=0,
        le=2**31 - 1,
    )


class TrainSpec(BaseSpec):
    """Any run that learns from texts."""

    dataset: str = field("movies", "Data set to learn from.", max_length=1024)
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
