"""All runs as one table, damaged ones too; runs and changes in words."""

from __future__ import annotations

from pathlib import Path

import pytest
import sample_training as sample

from distill_core.runs import run_list
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec, DistillSpec, FinetuneSpec, PretrainSpec, StudentsSpec


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_runs_frame(store: RunStore) -> None:
    done, queued = sample.finetune_run(store), store.create(DistillSpec(teacher="minilm", title="Mine"))
    frame = run_list.runs_frame([queued, done])
    assert tuple(frame.columns) == run_list.COLUMNS
    assert list(frame["id"]) == [queued.id, done.id]
    assert list(frame["title"]) == ["Mine", "minilm on movies"]
    assert list(frame["kind"]) == ["Distill", "Fine-tune"]
    assert list(frame["state"]) == ["queued", "done"]
    assert frame.loc[1, "duration_s"] == pytest.approx(200)
    assert frame["duration_s"].isna()[0]
    assert frame.loc[1, "device"] == "CPU"
    assert frame.loc[1, "started"].year == 2025


def test_no_runs() -> None:
    assert run_list.runs_frame([]).empty


@pytest.mark.parametrize("file", ["spec.json", "state.json"])
def test_a_damaged_run_is_listed_as_damaged(store: RunStore, file: str) -> None:
    run = sample.finetune_run(store)
    (run.path / file).write_text("{half")
    frame = run_list.runs_frame([run])
    assert frame.loc[0, "state"] == "damaged"
    assert file in frame.loc[0, "message"]


def test_titles() -> None:
    assert CompareSpec(models="bert@structure,minilm").heading == "2 models"
    assert CompareSpec(models="minilm").heading == "minilm"
    assert FinetuneSpec(dataset="file:/secret/folder/a.csv").heading == "minilm on an own file"
    assert DistillSpec(teacher="minilm").heading == "minilm to 3 layers on movies"
    assert DistillSpec(teacher="minilm", student="bert@mini").heading == "minilm to bert@mini on movies"
    assert PretrainSpec(family="electra").heading == "ELECTRA from raw text"
    assert StudentsSpec().heading == "minilm to 10 students on movies"
    assert StudentsSpec(teacher="run:000001-abcdef", students="bert@mini", dataset="nyt").heading == (
        "run:000001-abcdef to 1 students on nyt"
    )


def test_changes_name_what_differs_and_nothing_else() -> None:
    before = DistillSpec(teacher="minilm", title="a")
    after = DistillSpec(teacher="minilm", title="b", temperature=4, layers="0,2,5", dataset="file:/secret/a.csv")
    assert run_list.changes(before, before) == []
    found = run_list.changes(after, before)
    assert set(found) == {"temperature 2.0 → 4.0", "layers automatic → 0, 2, 5", "dataset movies → own file"}
