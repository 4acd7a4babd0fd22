"""A new task is one module and a row: this one tags words, distills through the job, and is cached with ragged rows."""

from __future__ import annotations

import random

import pandas as pd
import pytest
import tiny
import torch
import toy_tags
from transformers import AutoModelForTokenClassification

from distill_core import families, kinds
from distill_core.datasets import catalogue
from distill_core.datasets.dataset import Dataset
from distill_core.errors import SpecError
from distill_core.launch.inline import InlineLauncher
from distill_core.machine import devices
from distill_core.measure import evaluate
from distill_core.model_ref import parse
from distill_core.models.loading import build_config
from distill_core.plans import preflight
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.tasks import facts, table
from distill_core.training import teacher_cache

CPU = devices.Device(torch.device("cpu"), "float32", 1)
WORDS = ("film", "is", "a", "funny", "story", "of", "best", "too", "with", "long")


def rows(n: int) -> pd.DataFrame:
    """Texts of 0 to 6 words; a word of more than three letters is long."""
    rng = random.Random(0)
    texts = [[rng.choice(WORDS) for _ in range(row % 7)] for row in range(n)]
    tags = [" ".join(str(int(len(word) > 3)) for word in words) for words in texts]
    splits = ["test" if row % 5 == 0 else "validation" if row % 5 == 1 else "train" for row in range(n)]
    named = {"id": [str(row) for row in range(n)], "text": [" ".join(words) for words in texts]}
    return pd.DataFrame({**named, "label": 0, "tags": tags, "split": splits})


@pytest.fixture
def teacher(tmp_path):
    """A tagger with rough weights, which is right now and then."""
    family = families.get("bert")
    torch.manual_seed(0)
    config = build_config(family, tiny.fields(family))
    model = AutoModelForTokenClassification.from_config(config)
    tiny.roughen(model)
    model.save_pretrained(tmp_path / "tagger")
    tiny.tokenizer(family).save_pretrained(tmp_path / "tagger")
    return f"path:{tmp_path / 'tagger'}"


@pytest.fixture
def store() -> RunStore:
    return RunStore(settings().runs_dir)


@pytest.fixture
def do(monkeypatch, tmp_path, store):
    """Distill on the toy data; the row is added to the table for the time of the test."""
    dataset = Dataset("toy", "Toy", rows(80), toy_tags.TAGS, "", "", task="toy-tags")
    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", "0")
    settings.cache_clear()
    monkeypatch.setattr(facts, "TASKS", (*facts.TASKS, toy_tags.FACTS))
    monkeypatch.setattr(catalogue, "load", lambda *_, **__: dataset)
    monkeypatch.setattr(preflight, "check", lambda *_: None)  # it knows the data sets that are on disk
    fixed = {"kind": "distill", "student_layers": 2, "batch_size": 16, "max_length": 24, "threads": 1}
    return lambda **values: InlineLauncher(store).submit(kinds.parse_spec({**fixed, **values}))


def test_a_new_task_distills_through_the_job(do, teacher):
    run = do(teacher=teacher, epochs=8, learning_rate=1e-2, init="random", soft=1, hard=0, arms="distilled,scratch")
    assert run.state().state == "done", run.state()
    result = run.result()
    taught, alone = result.students
    words = sum(len(tags.split()) for tags in rows(80).query("split == 'test'")["tags"])
    assert {taught.n_eval, alone.n_eval, result.teacher.n_eval} == {words}
    assert taught.scores[0].metric == "accuracy"
    assert (taught.scores[0].value, taught.scores[0].n) == (taught.accuracy, words)
    assert taught.kl_to_teacher < alone.kl_to_teacher
    assert result.label_names == toy_tags.TAGS
    assert not run.predictions_file.exists()
    points = run.read_metrics()[0]
    assert {"soft", "hard"} & {m.name for m in points if m.arm == "distilled" and m.split == "train"} == {"soft"}
    assert any(m.name == "accuracy" and m.split == "validation" for m in points)
    assert (run.model_dir / "config.json").is_file()


def test_a_term_that_means_nothing_for_the_task_is_refused(do, teacher):
    state = do(teacher=teacher, attention=1).state()
    assert (state.state, state.error_kind) == ("failed", "spec")
    assert "attention means nothing for toy tags" in state.message


def test_a_student_with_all_layers_says_what_its_teacher_says(do, teacher):
    run = do(teacher=teacher, epochs=1, learning_rate=1e-12, student_layers=3, cosine=1, hidden=1)
    (student,) = run.result().students
    assert student.agreement == 1
    assert student.kl_to_teacher == pytest.approx(0, abs=1e-6)


def test_the_cache_keeps_texts_of_no_one_and_many_words_apart(do, teacher, store):
    task = table.code_of(facts.get("toy-tags"))
    loaded = task.teacher(parse(teacher), None, store)
    loaded.model.eval()
    encoded = task.encode(loaded, rows(20), 24)
    first, second = (teacher_cache.outputs(loaded.model, encoded, CPU, asking=task, keep_hidden=True) for _ in range(2))
    assert (first.seconds > 0, second.seconds) == (True, 0)
    logits, targets = evaluate.answers(task, loaded.model, encoded, CPU)
    for taught in (first, second):
        torch.testing.assert_close(taught.logits, logits, rtol=0, atol=1e-5)
        for indices in ([7], [8], [13, 0, 1, 6], [0, 14]):  # texts of 0, 1, 6, 0, 1, 6 and of no words alone
            batch = encoded.ask(indices)
            with torch.inference_mode():
                live = task.asked(task.forward(loaded.model, batch), batch)
            assert len(live) == sum(index % 7 for index in indices)
            torch.testing.assert_close(taught.at(indices), live, rtol=0, atol=1e-5)
    own = [int(tag) for tags in rows(20)["tags"] for tag in tags.split()]
    assert targets.tolist() == own


def test_every_row_of_the_table_has_its_code():
    for row in facts.TASKS:
        task = table.code_of(row)
        assert task.facts is row
        assert row.metrics
        assert row.families
    assert [facts.of(mode, "classification").key for mode in ("task", "general")] == ["classification", "masked-words"]
    with pytest.raises(SpecError, match="Known: classification, masked-words"):
        facts.get("no such task")


def test_results_keep_scores_and_older_ones_are_still_read(do, teacher):
    result = do(teacher=teacher, epochs=1).result()
    data = result.model_dump(mode="json")
    assert kinds.parse_result(data) == result
    for report in (data["teacher"], *data["students"]):
        (score,) = report.pop("scores")
        assert score == {
            "metric": "accuracy",
            "value": report["accuracy"],
            "low": report["ci_low"],
            "high": report["ci_high"],
            "n": report["n_eval"],
        }
    older = kinds.parse_result(data)
    assert older.teacher.accuracy == result.teacher.accuracy
    assert older.students[0].scores == ()
