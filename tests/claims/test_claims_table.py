"""docs/claims.md names functions and tests that exist; and attempts on sentences that no other test tries so hard."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sample_ablation as sample

from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT
from distill_core.specs import CompareSpec, DistillSpec
from distill_core.tables import one_answer
from distill_core.tables import training as tables_training

TEXT = (PROJECT / "docs/claims.md").read_text(encoding="utf-8")
ROWS = [line.split(" | ") for line in TEXT.splitlines() if line.startswith("| ") and "`" in line]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def names(file: Path) -> set[str]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row[1][:40] for row in ROWS])
def test_the_function_and_the_test_of_a_claim_exist(row: list[str]) -> None:
    assert len(row) == 4
    for cell, start in zip(row[2:], ("", "test_"), strict=True):
        found = re.fullmatch(r"`([\w/]+\.py):(\w+)`(?: \|)?", cell)
        assert found is not None, cell
        assert found[2] in names(PROJECT / found[1]), cell
        assert found[2].startswith(start)


def test_every_figure_that_compares_models_stands_in_the_table() -> None:
    compares = re.compile(r"may be chance|beyond chance|behind_|is_sure|retained")
    figures = PROJECT / "distill_core/figures"
    for file in sorted(figures.glob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "def title(" in text and compares.search(text):
            assert f"distill_core/figures/{file.name}:" in TEXT, f"docs/claims.md has no row for {file.name}"


# ── the most frequent class, and one answer for all ──────────────────────────────────────────────────────────────


def run_of(store: RunStore, labels: list[int], **answers: list[int]) -> Run:
    """A distillation whose models answer the texts so."""
    spec = DistillSpec.model_validate({"teacher": "run:none", "arms": ("distilled", "scratch")})
    there = np.ones(len(labels), dtype=bool)
    run = sample.run_of(store, spec, dict.fromkeys(("distilled", "scratch"), there), there)
    columns: dict[str, object] = {"text": [str(i) for i in range(len(labels))], "label": labels}
    for arm, said in answers.items():
        columns |= {f"{arm}: logit {k}": [float(one == k) for one in said] for k in (0, 1)}
    pd.DataFrame(columns).to_parquet(run.predictions_file, index=False)
    return run


def test_what_the_most_frequent_class_keeps_is_counted_or_not_said(store: RunStore) -> None:
    labels = [0] * 6 + [1] * 4
    run = run_of(store, labels, teacher=[*labels[:-2], 0, 0])
    assert one_answer.majority_share(run) == 0.6
    words = "Always answering the most frequent class keeps 75 % of the teacher's accuracy."
    assert one_answer.kept_sentence(run, 0.8) == words
    assert one_answer.kept_sentence(run, None) == one_answer.kept_sentence(run, 0.0) == ""
    run.predictions_file.unlink()
    assert one_answer.majority_share(run) == pytest.approx(one_answer.known_splits.majority_share("movies"))
    other = store.create(DistillSpec.model_validate({"teacher": "run:none", "dataset": "sst2"}))
    assert one_answer.kept_sentence(other, 0.8) == ""
    part = store.create(DistillSpec.model_validate({"teacher": "run:none", "eval_examples": 100}))
    assert one_answer.majority_share(part) is None  # of a part of the test texts nobody knows
    assert one_answer.majority_share(store.create(CompareSpec.model_validate({"models": ["minilm"]}))) is None


def test_a_test_of_one_class_makes_one_answer_the_right_one(store: RunStore) -> None:
    run = run_of(store, [1] * 10, teacher=[1] * 10, distilled=[1] * 10, scratch=[1] * 10)
    assert one_answer.kept_sentence(run, 1.0).endswith("keeps 100 % of the teacher's accuracy.")
    assert one_answer.sentences(tables_training.students_frame(run)) == []


def test_one_answer_is_said_of_a_model_that_gives_one_and_of_no_other(store: RunStore) -> None:
    labels = [0, 1] * 5
    run = run_of(store, labels, teacher=labels, distilled=[0] * 9 + [1], scratch=[0] * 10)
    (found,) = one_answer.sentences(tables_training.students_frame(run))
    assert found.startswith("From scratch: one answer for all 10 texts")
