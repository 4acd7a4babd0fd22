"""Models that give one answer to all test texts: the recorded ones, and runs that look like it and are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sample_ablation
import sample_training as sample

from distill_core.figures import arms as figures_arms
from distill_core.figures import students as figures_students
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec
from distill_core.tables import one_answer
from distill_core.tables import training as tables

RECORDED = Path(__file__).parents[2] / "data/recorded"
END = "one answer for all 1,037 texts: it has not learned to tell the classes apart"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def run_of(store: RunStore, first: list[int], second: list[int], labels: list[int]) -> Run:
    """Distilled and scratch, which answer these classes."""
    arms = ("distilled", "scratch")
    spec = DistillSpec(teacher="run:none", arms=arms)
    n = len(labels)
    run = sample_ablation.run_of(store, spec, dict.fromkeys(arms, np.ones(n, dtype=bool)), np.ones(n, dtype=bool))
    columns: dict[str, object] = {"text": [f"text {i}" for i in range(n)], "label": labels}
    for arm, answers in zip(("teacher", *arms), (labels, first, second), strict=True):
        columns |= {f"{arm}: logit {code}": [float(code == one) for one in answers] for code in (0, 1)}
    pd.DataFrame(columns).to_parquet(run.predictions_file, index=False)
    return run


@pytest.mark.parametrize(
    "name", ["transfer-curves", "finetune-movies", "distill-ablation", "distill-movies-three-seeds"]
)
def test_recorded_runs_against_their_predictions(name: str) -> None:
    run = Run(RECORDED / name)
    frame = tables.finetune_frame(run) if "distill" not in name else tables.students_frame(run)
    said = pd.read_parquet(run.predictions_file)
    silent = sum(
        (said[column] > said[column[:-1] + "1"]).nunique() == 1 for column in said if column.endswith(": logit 0")
    )
    assert frame["answered"].notna().all()
    assert (frame["answered"] == 1).sum() == silent


def test_the_recorded_sentences() -> None:
    curves = tables.finetune_frame(Run(RECORDED / "transfer-curves"))
    assert one_answer.sentences(curves) == [f"From scratch, 1,000 labels, seeds 0 and 1: {END}."]
    ablation = tables.students_frame(Run(RECORDED / "distill-ablation"))
    assert one_answer.sentences(ablation) == [f"Random start, seeds 0 and 2: {END}."]
    hovers = [text for trace in figures_arms.draw(curves).data for text in trace.hovertext or ()]
    assert sum(END in text for text in hovers) == 2
    assert sum(END in text for text in figures_students.draw(ablation).data[0].hovertext) == 2


def test_one_seed_is_not_numbered(store: RunStore) -> None:
    frame = tables.students_frame(run_of(store, [0, 1, 0, 1], [1, 1, 1, 1], [0, 1, 0, 1]))
    assert frame["answered"].tolist() == [2, 2, 1]
    assert one_answer.sentences(frame) == [
        "From scratch: one answer for all 4 texts: it has not learned to tell the classes apart."
    ]


def test_one_other_answer_is_enough(store: RunStore) -> None:
    assert one_answer.sentences(tables.students_frame(run_of(store, [0, 1, 0, 1], [1, 1, 1, 0], [0, 1, 0, 1]))) == []


@pytest.mark.parametrize("labels", [[1], [1, 1, 1]])
def test_texts_of_one_class_do_not_tell(store: RunStore, labels: list[int]) -> None:
    frame = tables.students_frame(run_of(store, labels, labels, labels))
    assert frame["answered"].isna().all()
    assert one_answer.sentences(frame) == []


def test_without_predictions_nothing_is_said(store: RunStore) -> None:
    frame = tables.finetune_frame(sample.finetune_run(store))
    assert frame["answered"].isna().all()
    assert one_answer.sentences(frame) == []
    assert one_answer.sentences(tables.finetune_frame(store.create(DistillSpec(teacher="minilm")))) == []
