"""Ten students, one teacher: each arm against the job that does the same for one model, failures, second tries."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
import tiny
import torch

from distill_core import arms, families
from distill_core.datasets import catalogue
from distill_core.errors import DistillError
from distill_core.jobs import student_lesson, trained
from distill_core.jobs import students as job
from distill_core.jobs.classroom import Classroom
from distill_core.machine import capacity
from distill_core.machine.devices import Device
from distill_core.measure import benchmark, turns
from distill_core.model_ref import parse
from distill_core.models import checkpoints, loading, parameters, shapes
from distill_core.plans import preflight, transfer_cells
from distill_core.results import ErrorInfo, StudentsResult
from distill_core.runs.control import Stopped

LABELS = 24
SHARED = {"epochs": 2, "batch_size": 16, "max_length": 24, "threads": 1, "learning_rate": 2e-3}
FAST = {
    "kind": "students",
    **SHARED,
    "labels": LABELS,
    "label_epochs": 3,
    "teacher_epochs": 2,
    "teacher_learning_rate": 2e-3,
    "soft": 0.7,
    "hard": 0.3,
}
ARMS = ("labels", "taught", "random", "all-labels", "random-taught")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """The times are real, but few; random weights learn no longer than others."""
    monkeypatch.setattr(arms, "RANDOM_STEPS", 0)

    def few(baseline, rivals, batch_size, seq_len, device):
        return turns.in_turns(baseline, rivals, batch_size, seq_len, device, turns.Pace(6))

    monkeypatch.setattr(job, "in_turns", few)
    monkeypatch.setattr(benchmark, "WARM_UP_LIMIT_S", 0.0)


@pytest.fixture
def teacher(make_model):
    return make_model("bert", "teacher", seed=3)


@pytest.fixture
def two(make_model):
    """A first-token encoder and a decoder, each with tokens of its own."""
    return [make_model("distilbert", layers=1, seed=1), make_model("gpt", layers=1, seed=2)]


def logits_of(run, arm):
    frame = pd.read_parquet(run.predictions_file)
    return torch.tensor(frame[[f"{arm}: logit {label}" for label in range(2)]].to_numpy())


def says(loaded, texts):
    loaded.model.eval()
    with torch.inference_mode():
        return torch.cat([loaded.model(**loaded.encode([text], 24).batch([0])).logits for text in texts])


def test_every_arm_of_every_student_stands_beside_the_teacher(do, teacher, two, dataset, store):
    run = do(**FAST, teacher=teacher, students=two, dataset=dataset, arms=ARMS)
    assert run.state().state == "done", run.state()
    result = run.result()
    own = catalogue.load(dataset)
    frame = own.split("test")
    texts, labels = frame["text"].tolist(), torch.tensor(frame["label"].tolist())
    expected = says(loading.load(parse(teacher), store), texts)
    torch.testing.assert_close(logits_of(run, "teacher"), expected, rtol=0, atol=1e-5)
    assert result.teacher.accuracy == (expected.argmax(-1) == labels).double().mean()
    assert (result.teacher.ref, result.teacher.labels, result.teacher.train_s) == (teacher, None, None)
    assert result.teacher.latency_ms_p50 > 0
    assert (result.train_texts, result.labels, result.seq_len) == (own.train_size, LABELS, 24)
    assert [(row.student, row.arm) for row in result.rows] == [(ref, arm) for arm in ARMS for ref in two]
    for row in result.rows:
        said = logits_of(run, f"{row.student} {row.arm}").argmax(-1)
        model = loading.load(parse(row.student), store, label_names=tiny.LABELS).model
        assert row.params == parameters.count(model) == sum(row.params_by_part.values())
        assert row.layers == 1
        assert row.weights == ("random" if row.arm.startswith("random") else "pretrained")
        assert row.accuracy == (said == labels).double().mean()
        assert row.ci_low < row.accuracy < row.ci_high
        assert row.n_eval == len(labels)
        assert row.retained == pytest.approx(row.accuracy / result.teacher.accuracy)
        assert row.agreement == (said == expected.argmax(-1)).double().mean()
        assert row.new_errors == int(((said != labels) & (expected.argmax(-1) == labels)).sum())
        assert row.kl_to_teacher > 0
        assert row.speedup_low <= row.speedup <= row.speedup_high
        assert row.baseline_ms > 0
        assert row.busy_cores >= 0
        assert row.n_iterations >= 6
        assert row.latency_ms_p95 >= row.latency_ms_p50
        assert row.train_s > 0
        assert row.error is None
    read = {row.arm: (row.train_texts, row.labels, row.epochs) for row in result.rows}
    n = own.train_size
    assert read == {
        "labels": (LABELS, LABELS, 3),
        "random": (LABELS, LABELS, 3),
        "taught": (n, LABELS, 2),
        "random-taught": (n, LABELS, 2),
        "all-labels": (n, n, 2),
    }
    assert not list(run.checkpoint_dir.rglob("*.safetensors"))


@pytest.mark.parametrize("key", ["gpt", pytest.param("electra", marks=pytest.mark.slow)])
def test_every_arm_is_what_another_job_does_with_that_one_model(do, teacher, make_model, dataset, key, monkeypatch):
    """The reference is the other job: same texts, same order, same seed, same steps."""
    monkeypatch.setattr(transfer_cells, "epochs", lambda spec, arm, n: spec.epochs)
    ref = make_model(key, layers=1, seed=2)
    run = do(**FAST, teacher=teacher, students=ref, dataset=dataset, arms=ARMS)
    tune = {**SHARED, "kind": "finetune", "min_steps": 0, "model": ref, "dataset": dataset}
    few = do(**{**tune, "epochs": 3}, train_examples=LABELS, arms="pretrained,scratch")
    every = do(**tune, train_examples=catalogue.load(dataset).train_size, arms="pretrained")
    taught = do(
        **SHARED,
        kind="distill",
        teacher=teacher,
        student=ref,
        dataset=dataset,
        soft=0.7,
        hard=0.3,
        labeled_examples=LABELS,
        train_examples=0,
        arms="distilled,scratch-distilled",
    )
    references = {
        "labels": logits_of(few, "pretrained"),
        "random": logits_of(few, "scratch"),
        "all-labels": logits_of(every, "pretrained"),
        "taught": logits_of(taught, "distilled"),
        "random-taught": logits_of(taught, "scratch-distilled"),
    }
    for arm, expected in references.items():
        torch.testing.assert_close(logits_of(run, f"{ref} {arm}"), expected, rtol=0, atol=1e-4)
    found = torch.stack(list(references.values()))
    assert torch.cdist(found.flatten(1), found.flatten(1)).fill_diagonal_(1).min() > 0.01  # no two are alike


def test_without_a_teacher_the_base_becomes_one_on_the_labeled_texts(do, make_model, two, dataset, store):
    base = make_model("gpt", "base", seed=4)
    run = do(**FAST, base=base, students=two, dataset=dataset, arms="taught")
    assert run.state().state == "done", run.state()
    report = run.result().teacher
    assert (report.ref, report.title, report.labels) == (f"run:{run.id}", base, LABELS)
    assert report.train_s > 0
    texts = catalogue.load(dataset).split("test")["text"].tolist()
    saved = loading.load(parse(f"run:{run.id}"), store)
    torch.testing.assert_close(says(saved, texts), logits_of(run, "teacher"), rtol=0, atol=1e-5)
    values = {**SHARED, "kind": "finetune", "min_steps": 0, "train_examples": LABELS, "arms": "pretrained"}
    alone = do(**values, model=base, dataset=dataset)
    torch.testing.assert_close(logits_of(run, "teacher"), logits_of(alone, "pretrained"), rtol=0, atol=1e-4)
    curve = [point.value for point in run.read_metrics()[0] if point.arm == "teacher" and point.name == "accuracy"]
    assert curve


def test_a_teacher_from_a_run_brings_its_name_and_its_number_of_labels(do, make_model, two, dataset):
    base = make_model("gpt", "base", seed=4)
    tuned = do(
        **SHARED, kind="finetune", min_steps=0, train_examples=30, arms="pretrained", model=base, dataset=dataset
    )
    report = do(**FAST, teacher=f"run:{tuned.id}", students=two, dataset=dataset, arms="labels").result().teacher
    assert (report.ref, report.title, report.labels) == (f"run:{tuned.id}", base, 30)


def test_the_teacher_reads_once_for_all_students_and_all_runs(do, teacher, two, dataset):
    first = do(**FAST, teacher=teacher, students=two, dataset=dataset, arms="taught").result()
    second = do(**{**FAST, "temperature": 5}, teacher=teacher, students=two, dataset=dataset, arms="taught").result()
    assert first.teacher_pass_s > 0
    assert second.teacher_pass_s == 0
    third = do(**FAST, teacher=teacher, students=two, dataset=dataset, arms="labels").result()
    assert third.teacher_pass_s is None or third.teacher_pass_s == 0


def test_seeds_share_the_labels_and_draw_everything_else_anew(do, teacher, two, dataset):
    run = do(**FAST, teacher=teacher, students=two[:1], dataset=dataset, arms="random", seeds=2)
    first, second = run.result().rows
    assert (first.seed, second.seed) == (0, 1)
    assert first.kl_to_teacher != second.kl_to_teacher
    assert not torch.allclose(logits_of(run, f"{two[0]} random 0"), logits_of(run, f"{two[0]} random 1"))


def test_all_ten_families_learn_from_one_teacher(do, teacher, tmp_path, monkeypatch, dataset):
    """As `@mini` models in data/minis; nobody's tokens are those of the teacher."""
    for module in (checkpoints, preflight, shapes):
        monkeypatch.setattr(module, "DATA", tmp_path)
    for family in families.FAMILIES:
        tiny.save(tiny.classifier(family, layers=1, seed=1), tmp_path / "minis" / family.key)
    run = do(**{**FAST, "epochs": 1}, teacher=teacher, dataset=dataset, arms="taught", eval_examples=6)
    assert run.state().state == "done", run.state()
    rows = run.result().rows
    assert [row.family for row in rows] == list(families.BY_KEY)
    assert [row.title for row in rows] == [f"{family.title} mini" for family in families.FAMILIES]
    assert all(row.error is None and row.accuracy is not None for row in rows)
    assert len({row.kl_to_teacher for row in rows}) == 10


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_broken_student_is_an_error_in_its_own_rows(do, teacher, two, make_model, dataset):
    broken = make_model("electra")
    Path(broken.removeprefix("path:"), "model.safetensors").write_bytes(b"not weights")
    short = make_model("ernie", max_position_embeddings=4)  # the texts are longer than it can read
    missing = "path:/no/such/model"
    run = do(**FAST, teacher=teacher, students=[broken, two[0], short, missing], dataset=dataset, arms="taught,labels")
    assert run.state().state == "done", run.state()
    rows = run.result().rows
    assert len(rows) == 8
    for row in rows:
        assert (row.error is None) == (row.student == two[0])
        assert (row.accuracy is None) == (row.student != two[0])
        assert row.student == two[0] or row.params is None
    messages = {row.student: row.error.message for row in rows if row.error}
    assert "holds no weights" in messages[broken]
    assert messages[short]
    assert "There is no model" in messages[missing]


def test_an_arm_that_fails_leaves_the_other_arms_of_the_student(do, teacher, two, dataset, monkeypatch):
    fit = trained.fit

    def failing(model, lengths, *rest):
        if len(lengths) > LABELS:
            raise RuntimeError("an expected failure\nwith details")
        return fit(model, lengths, *rest)

    monkeypatch.setattr(trained, "fit", failing)
    run = do(**FAST, teacher=teacher, students=two, dataset=dataset, arms="taught,labels")
    taught, labels = run.result().rows[:2], run.result().rows[2:]
    assert all(row.error.message == "RuntimeError: an expected failure" for row in taught)
    assert all(row.params and row.latency_ms_p50 and row.accuracy is None for row in taught)
    assert all(row.error is None and row.accuracy is not None for row in labels)


def test_a_student_whose_test_is_stopped_is_not_trained_anew(do, launcher, teacher, two, dataset, monkeypatch):
    values = {**FAST, "teacher": teacher, "students": two[:1], "dataset": dataset, "arms": "labels"}
    whole = do(**values)

    def stopped(*_, **__):
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(Classroom, "answers", stopped)
        run = do(**values)
    assert run.state().state == "stopped"

    def forbidden(*_):
        raise AssertionError("trained anew")

    monkeypatch.setattr(trained, "fit", forbidden)
    launcher.resume(run.id)
    assert run.state().state == "done", run.state()
    (row,), (expected,) = run.result().rows, whole.result().rows
    assert row.error is None
    assert (row.accuracy, row.kl_to_teacher) == (expected.accuracy, expected.kl_to_teacher)


def refused(do, **values):
    """Kind and message of a request that is refused before or in its run."""
    try:
        state = do(**{**FAST, **values}).state()
    except DistillError as error:
        return error.kind, error.message
    assert state.state == "failed"
    return state.error_kind, state.message


def test_a_teacher_of_other_classes_or_without_a_head_is_refused(do, teacher, two, make_csv, dataset, tmp_path):
    kind, message = refused(do, teacher=teacher, students=two, dataset=make_csv(labels=("no", "yes")))
    assert kind == "spec"
    assert "other classes: negative, positive" in message
    tiny.backbone(families.get("bert")).save_pretrained(tmp_path / "bare")
    tiny.tokenizer(families.get("bert")).save_pretrained(tmp_path / "bare")
    kind, message = refused(do, teacher=f"path:{tmp_path / 'bare'}", students=two, dataset=dataset)
    assert "no classification head" in message


def test_more_labels_than_texts_are_refused(do, teacher, two, dataset):
    kind, message = refused(do, teacher=teacher, students=two, dataset=dataset, labels=10_000)
    assert kind == "data"
    assert "10,000 training texts were asked for" in message


def test_without_any_student_nothing_is_started(do, teacher, dataset, store):
    kind, message = refused(do, teacher=teacher, students="path:/no/such/model,path:/nor/this", dataset=dataset)
    assert kind == "model"
    assert "/no/such/model" in message
    kind, message = refused(do, teacher=teacher, students="bert@structure", dataset=dataset)
    assert "random weights and no tokenizer" in message
    assert store.list() == []


# ── second tries ─────────────────────────────────────────────────────────────────────────────────────────────


def told(result):
    return [(row.student, row.arm, row.accuracy, row.kl_to_teacher) for row in result.rows]


@pytest.mark.parametrize("at", [15, *(pytest.param(at, marks=pytest.mark.slow) for at in (2, 5, 9, 21))])
def test_a_stopped_run_ends_as_an_undisturbed_one(do, launcher, make_model, two, dataset, stop_at, at):
    """Stopped while the teacher learns, while it reads, and while the students learn."""
    values = {
        **FAST,
        "base": make_model("gpt", "base", seed=4),
        "students": two,
        "dataset": dataset,
        "arms": "taught,random",
        "checkpoint_every_s": 0,
    }
    whole = do(**values)
    stop_at(at)
    run = do(**values)
    assert run.state().state == "stopped"
    launcher.resume(run.id)
    assert run.state().state == "done", run.state()
    assert told(run.result()) == told(whole.result())
    assert run.result().teacher.accuracy == whole.result().teacher.accuracy


def test_two_at_once_learn_what_each_learns_alone(do, teacher, two, dataset, monkeypatch):
    """In processes of their own: the same lessons, so the same numbers."""
    values = {**FAST, "teacher": teacher, "students": two, "dataset": dataset, "arms": "taught,random"}
    alone = do(**values)
    monkeypatch.setattr(job, "lessons_at_once", lambda device, needed: 2)
    both = do(**values)
    assert both.state().state == "done", both.state()
    for row in alone.result().rows:
        arm = f"{row.student} {row.arm}"
        torch.testing.assert_close(logits_of(both, arm), logits_of(alone, arm), rtol=0, atol=1e-5)
    assert told(both.result()) == told(alone.result())
    assert [row.train_texts for row in both.result().rows] == [row.train_texts for row in alone.result().rows]
    assert not list(both.checkpoint_dir.rglob("*"))


def test_two_at_once_stopped_end_as_undisturbed_ones(do, launcher, teacher, two, dataset, monkeypatch):
    monkeypatch.setattr(job, "lessons_at_once", lambda device, needed: 2)
    values = {**FAST, "epochs": 40, "teacher": teacher, "students": two, "dataset": dataset, "arms": "taught"}
    whole = do(**values)
    hear, learn = job._Job._hear, job.learn

    def stopping(self, cell, progress):
        hear(self, cell, progress)
        if len(self.shares) == 2:
            self.context.run.command("stop")

    monkeypatch.setattr(job._Job, "_hear", stopping)
    monkeypatch.setattr(job, "learn", learn_together)
    run = do(**values)
    assert run.state().state == "stopped"
    open_rows = [row for row in run.result().rows if row.accuracy is None]
    assert open_rows
    assert len(list(run.checkpoint_dir.rglob("position.json"))) >= len(open_rows)  # each has left its checkpoint
    monkeypatch.setattr(job._Job, "_hear", hear)
    monkeypatch.setattr(job, "learn", learn)
    launcher.resume(run.id)
    assert run.state().state == "done", run.state()
    assert told(run.result()) == told(whole.result())


def learn_together(task, tell, check):
    """Begins when the other has begun too."""
    run_dir = task.checkpoint_dir.parent.parent
    (run_dir / f"here-{task.cell.folder}").touch()
    deadline = time.monotonic() + 60
    while len(list(run_dir.glob("here-*"))) < 2:
        assert time.monotonic() < deadline, "the other does not come"
        time.sleep(0.01)
    return student_lesson.learn(task, tell, check)


def test_a_lesson_that_is_killed_every_time_is_an_error_in_its_own_row(do, teacher, two, dataset, monkeypatch):
    monkeypatch.setattr(job, "lessons_at_once", lambda device, needed: 2)
    monkeypatch.setattr(job, "learn", killed_on_taught)
    rows = do(**FAST, teacher=teacher, students=two, dataset=dataset, arms="taught,labels").result().rows
    assert all("SIGKILL" in row.error.message and row.params for row in rows[:2])
    assert all(row.error is None and row.accuracy is not None for row in rows[2:])


def killed_on_taught(task, tell, check):
    if task.cell.is_taught:
        os.kill(os.getpid(), signal.SIGKILL)
    return student_lesson.learn(task, tell, check)


def test_a_lesson_that_is_killed_once_tries_again_alone(do, teacher, two, dataset, monkeypatch):
    alone = do(**FAST, teacher=teacher, students=two, dataset=dataset, arms="taught")
    monkeypatch.setattr(job, "lessons_at_once", lambda device, needed: 2)
    monkeypatch.setattr(job, "learn", killed_once)
    run = do(**FAST, teacher=teacher, students=two, dataset=dataset, arms="taught")
    assert len(list(run.path.glob("killed-*"))) == 2
    assert told(run.result()) == told(alone.result())


def killed_once(task, tell, check):
    mark = task.checkpoint_dir.parent.parent / f"killed-{task.cell.folder}"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return student_lesson.learn(task, tell, check)


def test_a_full_disk_in_one_lesson_ends_the_run(do, teacher, two, dataset, monkeypatch):
    monkeypatch.setattr(job, "lessons_at_once", lambda device, needed: 2)
    monkeypatch.setattr(job, "learn", full_disk)
    state = do(**FAST, teacher=teacher, students=two, dataset=dataset, arms="taught").state()
    assert (state.state, state.message) == ("failed", "The disk is full.")


def full_disk(task, tell, check):
    raise OSError(28, "No space left on device")


def test_the_machine_decides_how_many_learn_at_once(do, teacher, two, dataset, monkeypatch):
    """Two cores: each lesson in a process of its own, with one of them."""
    monkeypatch.setattr(job, "learn", wanted_threads)
    run = do(**{**FAST, "threads": 2}, teacher=teacher, students=two, dataset=dataset, arms="taught")
    assert run.state().state == "done", run.state()
    marks = [path.name.split("-") for path in run.path.glob("pid-*")]
    assert len({pid for _, pid, _ in marks}) == 2
    assert str(os.getpid()) not in {pid for _, pid, _ in marks}
    assert {threads for *_, threads in marks} == {"1"}


def wanted_threads(task, tell, check):
    (task.checkpoint_dir.parent.parent / f"pid-{os.getpid()}-{task.threads}").touch()
    return student_lesson.learn(task, tell, check)


def test_as_many_learn_at_once_as_the_machine_can_hold(monkeypatch):
    device, gib = Device(torch.device("cpu"), "float32", 4), 2**30

    def free(bytes_):
        monkeypatch.setattr(capacity, "available_bytes", lambda: bytes_)

    free(16 * gib)
    assert job.lessons_at_once(device, [gib] * 10) == 4
    assert job.lessons_at_once(device, [gib] * 3) == 3  # no more than there are lessons
    assert job.lessons_at_once(device, [gib]) == 0  # one alone needs no other process
    assert job.lessons_at_once(device, [gib] * 9 + [8 * gib]) == 2
    assert job.lessons_at_once(device, []) == 0
    free(gib)
    assert job.lessons_at_once(device, [gib] * 10) == 0
    free(16 * gib)
    assert job.lessons_at_once(Device(torch.device("meta"), "float32", 4), [gib] * 10) == 0


def test_finished_rows_are_kept_with_their_times_and_failed_ones_tried_again(do, launcher, teacher, two, dataset):
    run = do(**FAST, teacher=teacher, students=two, dataset=dataset, arms="taught,labels")
    result = run.result()
    kept = result.rows[0].model_copy(update={"accuracy": 0.123})
    failed = result.rows[1].model_copy(update={"accuracy": None, "error": ErrorInfo(kind="model", message="m")})
    pending = result.rows[2].model_copy(update={"accuracy": None})
    run.set_result(result.model_copy(update={"rows": (kept, failed, pending, result.rows[3])}))
    run.set_state(state="lost")
    again = launcher.resume(run.id).result()
    assert again.rows[0] == kept
    assert [row.accuracy for row in again.rows[1:]] == [row.accuracy for row in result.rows[1:]]
    assert all(row.error is None for row in again.rows)
    assert again.rows[2].latency_ms_p50 == result.rows[2].latency_ms_p50
    assert again.teacher.latency_ms_p50 == result.teacher.latency_ms_p50


def test_the_teacher_that_a_run_has_made_is_not_made_again(do, launcher, make_model, two, dataset, monkeypatch):
    base = make_model("gpt", "base", seed=4)
    run = do(**FAST, base=base, students=two[:1], dataset=dataset, arms="taught")
    result = run.result()
    assert isinstance(result, StudentsResult)
    run.set_result(result.model_copy(update={"rows": ()}))
    run.set_state(state="lost")
    shutil.rmtree(base.removeprefix("path:"))
    monkeypatch.setattr(preflight, "check", lambda spec, store: None)
    again = launcher.resume(run.id)
    assert again.state().state == "done", again.state()
    assert told(again.result()) == told(result)
    assert again.result().teacher.train_s == result.teacher.train_s
    config = json.loads((run.model_dir / "config.json").read_text())
    assert config["id2label"] == {"0": "negative", "1": "positive"}
