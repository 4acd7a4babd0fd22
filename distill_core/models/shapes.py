"""How deep and wide a model is, without loading it: for the limits of forms and for estimates of cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_core import families
from distill_core.families import Family
from distill_core.files.json_files import read_json
from distill_core.model_ref import Ref
from distill_core.runs.store import RunStore
from distill_core.settings import DATA

_WIDTHS = ("hidden_size", "d_model", "n_embd", "dim")


@dataclass(frozen=True)
class Shape:
    """Layers (of each stack, for T5 and BART) and the size of a hidden state."""

    layers: int
    width: int


MINILM = Shape(6, 384)
# What transformers takes where a config.json is silent, by family.
USUAL = {
    "bert": Shape(12, 768),
    "gpt": Shape(12, 768),
    "roberta": Shape(12, 768),
    "t5": Shape(6, 512),
    "xlnet": Shape(24, 1024),
    "albert": Shape(12, 4096),
    "distilbert": Shape(6, 768),
    "ernie": Shape(12, 768),
    "electra": Shape(12, 256),
    "bart": Shape(12, 1024),
}


def shape_of(ref: Ref, store: RunStore) -> Shape | None:
    """The shape that the reference promises; None where only loading can tell."""
    if ref.source == "minilm":
        return MINILM
    if ref.source in ("structure", "hub", "sst2") and ref.family is not None:
        return _official(ref.family)
    if ref.source == "mini":
        return of_config(read_json(DATA / "minis" / ref.name / "config.json"))
    if ref.source == "run":
        return of_config(read_json(store.root / ref.name / "model" / "config.json"))
    if ref.source == "path":
        return of_config(read_json(Path(ref.name) / "config.json"))
    return None


def _official(family: Family) -> Shape:
    """From data/families.csv: `12 encoder + 12 decoder` is 12 of each."""
    numbers = [re.search(r"\d+", family.facts[name]) for name in ("layers", "hidden_size")]
    layers, width = (int(number.group()) if number else 0 for number in numbers)
    return Shape(layers, width)


def of_config(config: dict[str, Any] | None) -> Shape | None:
    """From a transformers config.json; None where it is missing, not of the ten families, or holds no numbers.

    Of two stacks the shallower counts. T5's decoder is as deep as its encoder where the config does not say it.
    """
    family = families.by_model_type(str(config.get("model_type"))) if config else None
    if config is None or family is None:
        return None
    usual = USUAL[family.key]
    stacks = [config.get(name) for name in family.shape.layers]
    if family.key == "t5" and stacks[1] is None:
        stacks[1] = stacks[0]
    layers = [usual.layers if number is None else number for number in stacks]
    width = next((config[name] for name in _WIDTHS if name in config), usual.width)
    whole = all(isinstance(number, int) and number > 0 for number in (*layers, width))
    return Shape(min(layers), width) if whole else None


def copied_layers(teacher_layers: int, student_layers: int, layer_map: str) -> tuple[int, ...]:
    """The teacher layers that a student takes when none are listed; empty when the teacher has too few."""
    if student_layers > teacher_layers:
        return ()
    if layer_map == "spread":
        return spread_layers(teacher_layers, student_layers)
    first = 0 if layer_map == "first" else teacher_layers - student_layers
    return tuple(range(first, first + student_layers))


def spread_layers(teacher_layers: int, student_layers: int) -> tuple[int, ...]:
    """Evenly spread teacher layers, first and last among them: 12 → 6 gives DistilBERT's 0, 2, 4, 7, 9, 11."""
    if student_layers <= 1:
        return (0,)
    return tuple(round(i * (teacher_layers - 1) / (student_layers - 1)) for i in range(student_layers))
