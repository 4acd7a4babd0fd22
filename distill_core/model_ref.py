"""ModelRef: the one text form in which a model is named on pages, in the command line and in files.

bert@structure   official architecture and size, random weights: size and speed are real, accuracy is not claimed
bert@mini        the small pre-trained sibling in data/minis
bert@hub         the official checkpoint on the Hub
bert@sst2        a public checkpoint fine-tuned on SST-2 (data/finetuned.csv)
minilm           a real pre-trained model that needs no Hub
run:ID           the model that a finished run has saved
hub:org/name     any checkpoint of the ten families on the Hub
path:DIR         a folder written by save_pretrained
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from distill_core import families
from distill_core.errors import ModelError, SpecError

Source = Literal["structure", "mini", "hub", "sst2", "minilm", "run", "hub_repo", "path"]

_FAMILY_SOURCES = ("structure", "mini", "hub", "sst2")
_HINT = "Examples: bert@structure, bert@hub, minilm, run:ID, hub:org/name, path:DIR."
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,80}")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)


@dataclass(frozen=True)
class Ref:
    """A parsed model reference. `name` is the family key, run id, Hub repository or folder."""

    source: Source
    name: str

    def __str__(self) -> str:
        if self.source in _FAMILY_SOURCES:
            return f"{self.name}@{self.source}"
        prefix = {"minilm": "", "run": "run:", "hub_repo": "hub:", "path": "path:"}[self.source]
        return f"{prefix}{self.name}"

    @property
    def title(self) -> str:
        """A short name for tables and figures."""
        if self.source in ("structure", "mini"):
            name = families.get(self.name).title
            return name if self.source == "structure" else f"{name} mini"
        return "MiniLM" if self.source == "minilm" else str(self)

    @property
    def family(self) -> families.Family | None:
        """The family that the reference itself names; None where only the loaded config can tell."""
        if self.source == "minilm":
            return families.get("bert")
        return families.get(self.name) if self.source in _FAMILY_SOURCES else None


def parse(text: str) -> Ref:
    """Read the text form. Raises SpecError with what is allowed."""
    text = text.strip()
    if text == "minilm":
        return Ref("minilm", "minilm")
    family, at, source = text.partition("@")
    if at:
        if source not in _FAMILY_SOURCES:
            raise SpecError(f"Unknown model {text[:100]!r}: after @ comes one of {', '.join(_FAMILY_SOURCES)}.", _HINT)
        return Ref(source, families.get(family).key)  # type: ignore[arg-type]
    prefix, _, name = text.partition(":")
    if prefix == "run" and _RUN_ID.fullmatch(name):
        return Ref("run", name)
    if prefix == "hub" and _REPO.fullmatch(name) and ".." not in name:
        return Ref("hub_repo", name)
    if prefix == "path" and name and "\0" not in name:
        return Ref("path", name)
    raise SpecError(f"Unknown model {text[:100]!r}.", _HINT)


def title(text: str, otherwise: str = "") -> str:
    """The short name of a model that a recorded row names: it follows from the reference, so that a mini is called mini
    in old rows too. A text that is no reference has the name `otherwise`."""
    try:
        return parse(text).title
    except SpecError:
        return otherwise or text


def hub_id(ref: Ref) -> str:
    """The Hub repository that a reference means. Raises ModelError where a family has no fine-tuned checkpoint."""
    if ref.source == "hub_repo":
        return ref.name
    family = families.get(ref.name)
    if ref.source == "hub":
        return family.hub_id
    if family.sst2_hub_id is None:
        raise ModelError(family.sst2_note, f"Fine-tune {family.key}@hub yourself.")
    return family.sst2_hub_id


def _coerce(value: Any) -> Ref:
    return value if isinstance(value, Ref) else parse(str(value))


ModelRef = Annotated[
    Ref,
    BeforeValidator(_coerce),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["bert@structure", "minilm", "run:ID"]}),
]
