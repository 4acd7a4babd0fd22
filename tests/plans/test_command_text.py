"""The shown command is the run: what the command line reads from it is the same spec."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from distill_core import kinds
from distill_core.cli.flags import spec_values
from distill_core.cli.main import build_parser
from distill_core.plans.command_text import command

SPECS: list[dict[str, Any]] = [
    {"kind": "distill", "teacher": "run:000001-abcdef", "ablation": True, "cosine": 1.0, "seeds": 3},
    {"kind": "distill", "teacher": "minilm", "sweep_temperatures": (1, 2.5, 8), "sweep_soft": (0, 0.25, 1)},
    {"kind": "distill", "teacher": "bert@sst2", "sweep_layers": (1, 2, 3), "dataset": "sst2", "layer_map": "last"},
    {"kind": "distill", "teacher": "run:000001-abcdef", "layers": (0, 2, 5), "standardize": True, "init": "random"},
    {"kind": "distill", "teacher": "path:/models/my bert", "dataset": "file:/data/a 'b'.csv", "title": "-x; rm $HOME"},
    {"kind": "distill", "teacher": "minilm", "learning_rate": 1e-05, "temperature": 1000.0, "soft": 1 / 3},
    {"kind": "distill", "teacher": "minilm", "title": "zwei\nZeilen “ü” 🙂", "threads": 2},
    {"kind": "finetune", "train_examples": (100, 1000), "arms": ("pretrained", "bow")},
    {"kind": "compare", "models": ("bert@structure", "minilm"), "baseline": "minilm"},
    {"kind": "students"},
    {"kind": "students", "students": ("bert@mini", "path:/models/my bert"), "arms": ("taught",), "label_epochs": 4},
]


@pytest.mark.parametrize("values", SPECS)
def test_the_command_is_the_spec(values: dict[str, Any]) -> None:
    spec = kinds.parse_spec(values)
    words = shlex.split(command(spec))
    assert words[:3] == ["python", "-m", "distill_core"]
    parsed = build_parser().parse_args(words[3:])
    assert kinds.parse_spec(spec_values(parsed, parsed.command)) == spec


def test_defaults_are_left_out() -> None:
    spec = kinds.parse_spec({"kind": "distill", "teacher": "minilm", "ablation": True, "seeds": 1, "temperature": 2.0})
    assert command(spec) == "python -m distill_core distill --teacher minilm --ablation"
