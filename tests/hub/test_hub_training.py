"""T5 fine-tuned on SST-2 answers in words: what can be trained from it, and what is refused before any work."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
from fakehub import FakeHub

from distill_core import kinds, model_ref
from distill_core.datasets import catalogue
from distill_core.launch.inline import InlineLauncher
from distill_core.models import loading
from distill_core.results import DistillResult, FinetuneResult
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
FAST = {"train_examples": "16", "batch_size": 8, "max_length": 16, "epochs": 1}


@pytest.fixture
def store() -> RunStore:
    return RunStore(settings().runs_dir)


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DISTILL_THREADS", "1")
    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", "0")
    settings.cache_clear()
    with (tmp_path / "own.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([f"a {word} film {n}", word] for n in range(30) for word in ("negative", "positive"))
    return f"{catalogue.FILE_PREFIX}{tmp_path / 'own.csv'}"


def done(store: RunStore, **values: object) -> Run:
    return InlineLauncher(store).submit(kinds.parse_spec({**FAST, **values}))


def test_a_model_that_answers_in_words_gets_a_head_when_it_is_fine_tuned(
    official_hub: FakeHub, dataset: str, store: RunStore
) -> None:
    arms = ("pretrained", "frozen", "scratch", "head", "top1", "lora")
    run = done(store, kind="finetune", model="t5@sst2", dataset=dataset, arms=arms, min_steps=0)
    assert run.state().state == "done", run.state()
    result = run.result()
    assert isinstance(result, FinetuneResult)
    assert [row.arm for row in result.arms] == list(arms)
    saved = loading.load(model_ref.parse(f"run:{run.id}"), store)
    assert type(saved.model).__name__ == "T5ForSequenceClassification"
    assert saved.label_names == ("negative", "positive")


def test_it_teaches_another_student_but_no_copy_of_itself(official_hub: FakeHub, dataset: str, store: RunStore) -> None:
    values = {"kind": "distill", "teacher": "t5@sst2", "dataset": dataset}
    state = done(store, **values, student_layers=1).state()
    assert (state.state, state.error_kind) == ("failed", "spec")
    assert "answers in words" in state.message
    run = done(store, **values, student="bert@hub")
    assert run.state().state == "done", run.state()
    result = run.result()
    assert isinstance(result, DistillResult)
    assert result.teacher is not None
    assert len(pd.read_parquet(run.predictions_file)) == result.teacher.n_eval
