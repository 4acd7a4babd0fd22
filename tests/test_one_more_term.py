"""A new loss term is one row and one function: added to a copy of the project, it appears wherever terms are read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from distill_core.settings import PROJECT

ROW = """    Term(
        key="gap",
        title="Logit gap",
        function="logit_gap",
        need="logits",
        latex=r"\\lvert z_T - z_S \\rvert",
        description="Weight of the distance between the logits.",
        color=("#112233", "#445566"),
        typical="0.1",
    ),
"""
FUNCTION = '''

def logit_gap(batch: Compared) -> Tensor:
    """The mean distance between the logits."""
    return (batch.logits - batch.teacher_logits).abs().mean()
'''
# What each reader of the table makes of the new term; printed as JSON.
READERS = """
import json
import pandas as pd, tiny, torch
from distill_core import families, kinds
from distill_core.cli.main import build_parser
from distill_core.cli.flags import spec_values
from distill_core.figures import loss_terms
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.plans import arms, command_text
from distill_core.tables.training import arm_title
from distill_core.training.distillation import DistillStep
from distill_core.training.teacher_cache import TeacherOutputs
from pages.parts.distill import form
from pages.parts.take_apart import form as take_apart
from test_one_more_term import lesson_of

flags = ["distill", "--teacher", "minilm", "--gap", "0.25", "--ablation"]
spec = kinds.parse_spec(spec_values(build_parser().parse_args(flags), "distill"))
try:
    kinds.parse_spec({"kind": "distill", "teacher": "minilm", "gap": -1})
except Exception as error:
    refused = str(error)
teacher, student = (tiny.classifier(families.get("bert"), layers=n, seed=n) for n in (3, 2))
cpu = Device(torch.device("cpu"), "float32", 1)
encoded = teacher.encode(list(tiny.SENTENCES), 24)
logits = [evaluate.predict(loaded.model, encoded, cpu) for loaded in (student, teacher)]
lesson = lesson_of(encoded, TeacherOutputs(logits[1], None, (), 0.0))
step = DistillStep(spec.weights, lesson, student, None, (), cpu)
times = ("step", "epoch", "examples", "elapsed_s")
points = [
    {"arm": "distilled", "name": name, "split": "train", "value": 1.0, **dict.fromkeys(times, i)}
    for name in ("loss", "gap") for i in (1, 2)
]
figure = loss_terms.draw(pd.DataFrame(points), spec.weights.by_term)
print(json.dumps({
    "field": spec.gap,
    "dumped": spec.model_dump()["gap"],
    "command": command_text.command(spec),
    "refused": refused,
    "formula": form.formula({"gap": 0.25}),
    "arms": [cell.arm for cell in arms.plan(spec)],
    "title": arm_title("no gap"),
    "ingredients": arms.plan(spec)[0].ingredients["gap"],
    "offered": take_apart.INGREDIENTS["gap"],
    "traces": [trace.line.color for trace in figure.data],
    "ends": [note.text for note in figure.layout.annotations],
    "part": step(student.model.eval(), range(8)).parts["gap"].item(),
    "expected": (logits[0] - logits[1]).abs().mean().item(),
}))
"""


def lesson_of(encoded: Any, teacher_outputs: Any) -> Any:
    """Eight texts with their labels."""
    import torch

    from distill_core.training.distillation import Lesson

    return Lesson(encoded.answered(torch.arange(8) % 2), teacher_outputs)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a copy of the project with one more row and one more function says."""
    copy = tmp_path_factory.mktemp("grown")
    for room in ("distill_core", "pages"):
        shutil.copytree(PROJECT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "data").symlink_to(PROJECT / "data")
    table, functions = copy / "distill_core" / "terms.py", copy / "distill_core" / "training" / "term_functions.py"
    end_of_table = "\n)\nBY_KEY"
    text = table.read_text()
    assert text.count(end_of_table) == 1
    table.write_text(text.replace(end_of_table, f"\n{ROW}{end_of_table.lstrip()}"))
    functions.write_text(functions.read_text() + FUNCTION)
    path = os.pathsep.join(map(str, (copy, PROJECT / "tests")))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READERS],
        capture_output=True,
        text=True,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": path},
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_request_has_a_field_a_flag_and_limits(grown: dict[str, Any]) -> None:
    assert grown["field"] == grown["dumped"] == 0.25
    assert "--gap 0.25" in grown["command"]
    assert grown["refused"].startswith("gap must be ≥ 0, got -1. Typical: 0.1.")


def test_forms_show_it(grown: dict[str, Any]) -> None:
    assert grown["formula"] == r"\mathcal{L} = 0.25\,\lvert z_T - z_S \rvert"
    assert grown["offered"] == "Logit gap"


def test_the_ablation_leaves_it_out(grown: dict[str, Any]) -> None:
    assert grown["arms"] == ["all", "no soft", "no hard", "no gap", "random init"]
    assert grown["title"] == "Without logit gap"
    assert grown["ingredients"] == 0.25


def test_a_step_learns_from_it(grown: dict[str, Any]) -> None:
    assert grown["part"] == pytest.approx(grown["expected"], rel=1e-5)


def test_the_figure_of_terms_draws_it(grown: dict[str, Any]) -> None:
    assert "#112233" in grown["traces"]
    assert any("Logit gap" in text and "0.25 ×" in text for text in grown["ends"])


def test_the_project_itself_knows_no_such_term() -> None:
    """Else the test above could not fail."""
    assert "logit_gap" not in "".join(path.read_text() for path in Path(PROJECT / "distill_core").rglob("*.py"))
