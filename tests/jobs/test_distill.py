"""Distilling: what each arm starts from and learns from, what is reported, and what happens on a second try."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import tiny
import torch
from torch import nn

from distill_core import families
from distill_core.datasets import catalogue
from distill_core.errors import DistillError, SpecError
from distill_core.jobs import trained
from distill_core.jobs.distill_lesson import Lessons
from distill_core.machine import devices
from distill_core.measure import evaluate
from distill_core.model_ref import Ref, parse
from distill_core.models import loading, parameters, students
from distill_core.runs.control import Stopped
from distill_core.specs import DistillSpec
from distill_core.training import distillation, inner_states
from distill_core.training.teacher_cache import TeacherOutputs

CPU = devices.Device(torch.device("cpu"), "float32", 1)
FAST = {
    "kind": "distill",
    "student_layers": 1,
    "epochs": 1,
    "batch_size": 16,
    "max_length": 24,
    "threads": 1,
    "learning_rate": 1e-3,
}


@pytest.fixture
def teacher(make_model):
    return make_model("bert")


def logits_of(run, arm, n_classes=2):
    frame = pd.read_parquet(run.predictions_file)
    return torch.tensor(frame[[f"{arm}: logit {label}" for label in range(n_classes)]].to_numpy())


def says(loaded, texts):
    """Logits, one text at a time."""
    loaded.model.eval()
    with torch.inference_mode():
        ids = [
            loaded.tokenizer(text, return_tensors="pt", truncation=True, max_length=24)["input_ids"] for text in texts
        ]
        return torch.cat([loaded.model(input_ids=row).logits for row in ids])


def test_all_arms_are_reported_beside_their_teacher(do, teacher, dataset, store):
    arms = ("distilled", "init-only", "scratch", "scratch-distilled")
    run = do(**FAST, teacher=teacher, dataset=dataset, arms=arms)
    assert run.state().state == "done", run.state()
    result = run.result()
    frame = catalogue.load(dataset).split("test")
    texts, labels = frame["text"].tolist(), torch.tensor(frame["label"].tolist())
    original = loading.load(parse(teacher), store)
    expected = says(original, texts)
    torch.testing.assert_close(logits_of(run, "teacher"), expected, rtol=0, atol=1e-5)
    assert result.teacher.params == parameters.count(original.model)
    assert result.teacher.layers == 3
    assert result.teacher.accuracy == (expected.argmax(-1) == labels).double().mean()
    assert result.teacher.latency_ms_p50 > 0
    assert result.teacher_pass_s > 0
    assert result.label_names == tiny.LABELS
    assert tuple(student.arm for student in result.students) == arms
    for student in result.students:
        predicted, right = logits_of(run, student.arm).argmax(-1), expected.argmax(-1)
        assert student.layers == 1
        assert (
            student.params
            == parameters.count(students.shallow_student(original.model, (0,), copy_weights=False))
            == sum(student.params_by_part.values())
        )
        assert student.params_saved == pytest.approx(1 - student.params / result.teacher.params)
        assert student.n_eval == len(labels)
        assert student.accuracy == (predicted == labels).double().mean()
        assert student.retained == pytest.approx(student.accuracy / result.teacher.accuracy)
        assert student.agreement == (predicted == right).double().mean()
        assert student.inherited_errors == int(((predicted != labels) & (right != labels)).sum())
        assert student.new_errors == int(((predicted != labels) & (right == labels)).sum())
        assert student.repaired_errors == int(((predicted == labels) & (right != labels)).sum())
        assert student.speedup > 0
        assert student.train_s > 0
    saved = loading.load(parse(f"run:{run.id}"), store)
    torch.testing.assert_close(says(saved, texts), logits_of(run, "distilled"), rtol=0, atol=1e-5)


def test_arms_start_where_they_say(do, teacher, dataset, store):
    """At a rate of nearly 0 a student is what it started as."""
    run = do(
        **{**FAST, "learning_rate": 1e-12, "student_layers": 3},
        teacher=teacher,
        dataset=dataset,
        arms="distilled,init-only,scratch,scratch-distilled",
    )
    full = logits_of(run, "teacher")
    for arm in ("distilled", "init-only"):
        torch.testing.assert_close(logits_of(run, arm), full, rtol=0, atol=1e-5)
    for arm in ("scratch", "scratch-distilled"):
        assert not torch.allclose(logits_of(run, arm), full, atol=0.01)
    torch.testing.assert_close(logits_of(run, "scratch"), logits_of(run, "scratch-distilled"), rtol=0, atol=1e-5)


def test_a_student_of_another_family_starts_where_it_says(do, teacher, make_model, dataset, store):
    """From its own weights, or from none for the arms that are called scratch."""
    other = make_model("gpt")
    run = do(
        **{**FAST, "learning_rate": 1e-12},
        teacher=teacher,
        student=other,
        dataset=dataset,
        arms="distilled,init-only,scratch,scratch-distilled",
    )
    assert run.state().state == "done", run.state()
    texts = catalogue.load(dataset).split("test")["text"].tolist()
    own = says(loading.load(parse(other), store), texts)
    for arm in ("distilled", "init-only"):
        torch.testing.assert_close(logits_of(run, arm), own, rtol=0, atol=1e-5)
    for arm in ("scratch", "scratch-distilled"):
        assert not torch.allclose(logits_of(run, arm), own, atol=0.01)
    saved = loading.load(parse(f"run:{run.id}"), store)
    assert saved.family is families.get("gpt")


def test_soft_targets_bring_the_student_nearer_to_its_teacher(do, teacher, dataset):
    run = do(
        **{**FAST, "epochs": 12, "learning_rate": 5e-3}, teacher=teacher, dataset=dataset, soft=1, hard=0, init="random"
    )
    untrained = do(**{**FAST, "learning_rate": 1e-12}, teacher=teacher, dataset=dataset, soft=1, hard=0, init="random")
    assert run.result().students[0].kl_to_teacher < 0.7 * untrained.result().students[0].kl_to_teacher
    curve = [m.value for m in run.read_metrics()[0] if m.name == "soft"]
    assert curve[-1] < curve[0]


def test_the_teacher_reads_once_for_all_runs(do, teacher, dataset):
    first, second = (do(**FAST, teacher=teacher, dataset=dataset, temperature=t).result() for t in (1, 4))
    assert first.teacher_pass_s > 0
    assert second.teacher_pass_s == 0
    assert first.teacher.accuracy == second.teacher.accuracy


QUICK = {
    ("bert", "cosine"),
    ("bert", "hidden"),
    ("bert", "attention"),
    ("bert", "relations"),
    ("gpt", "relations"),
    ("albert", "hidden"),
}
INNER = [
    pytest.param(key, loss, marks=() if (key, loss) in QUICK else pytest.mark.slow)
    for key in ("bert", "gpt", "t5", "albert", "roberta", "distilbert", "ernie", "electra", "bart")
    for loss in ("cosine", "hidden", "attention", "relations")
]


@pytest.mark.parametrize(("key", "loss"), INNER)
def test_every_inner_loss_teaches(do, make_model, dataset, key, loss):
    values = {**FAST, "student_layers": 2, "epochs": 30, "batch_size": 80, "learning_rate": 5e-3, "soft": 0, "hard": 0}
    run = do(**{**values, loss: 1}, teacher=make_model(key), dataset=dataset, init="random", eval_examples=8)
    assert run.state().state == "done", run.state()
    curve = [m.value for m in run.read_metrics()[0] if m.name == loss]
    assert 0 < curve[-1] < 0.9 * curve[0]


def test_texts_without_a_label_teach_through_the_teacher_alone(do, teacher, dataset):
    """Who reads labeled texts alone reads them again until it has made as many steps as who reads all of them."""
    run = do(
        **{**FAST, "batch_size": 4},
        teacher=teacher,
        dataset=dataset,
        labeled_examples=8,
        train_examples=24,
        arms="distilled,labeled-only,init-only",
    )
    assert run.state().state == "done", run.state()
    steps = {}
    for metric in run.read_metrics()[0]:
        if metric.split == "train":
            steps[metric.arm] = max(steps.get(metric.arm, 0), metric.step)
    assert steps == {"distilled": 6, "labeled-only": 6, "init-only": 6}
    terms = {(metric.arm, metric.name) for metric in run.read_metrics()[0]}
    assert ("labeled-only", "soft") in terms  # it is taught nevertheless


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────


def refused(do, **values):
    """The message of a spec that is refused before or in its run."""
    try:
        state = do(**{**FAST, **values}).state()
    except DistillError as error:
        return error.kind, error.message
    assert state.state == "failed"
    return state.error_kind, state.message


def test_a_student_deeper_than_its_teacher_is_refused(do, teacher, dataset):
    kind, message = refused(do, teacher=teacher, dataset=dataset, student_layers=4)
    assert (kind, message) == ("spec", "The student has 4 layers, its teacher only 3.")
    kind, message = refused(do, teacher=teacher, dataset=dataset, layers="3")
    assert (kind, message) == ("spec", "The teacher has no layer 3.")


@pytest.mark.parametrize("loss", ["cosine", "hidden", "attention", "relations"])
def test_tokens_of_another_vocabulary_cannot_be_compared(do, teacher, make_model, dataset, loss):
    kind, message = refused(do, teacher=teacher, student=make_model("gpt"), dataset=dataset, **{loss: 1})
    assert kind == "spec"
    assert "other tokens" in message


def test_a_teacher_of_other_classes_is_refused_with_both(do, teacher, make_csv):
    kind, message = refused(do, teacher=teacher, dataset=make_csv(labels=("no", "yes")))
    assert kind == "spec"
    assert "other classes: negative, positive" in message
    assert "no, yes" in message
    kind, message = refused(do, teacher=teacher, dataset=make_csv(labels=("negative", "neutral", "positive")))
    assert kind == "spec"


def test_classes_in_another_order_are_refused_as_such(do, make_model, make_csv):
    kind, message = refused(do, teacher=make_model("bert", labels=("positive", "negative")), dataset=make_csv())
    assert kind == "spec"
    assert "the classes in another order: positive, negative" in message


def test_a_teacher_without_a_head_is_refused(do, dataset, tmp_path):
    tiny.backbone(families.get("bert")).save_pretrained(tmp_path / "bare")
    tiny.tokenizer(families.get("bert")).save_pretrained(tmp_path / "bare")
    kind, message = refused(do, teacher=f"path:{tmp_path / 'bare'}", dataset=dataset)
    assert kind in ("model", "spec")
    assert "no classification head" in message


def test_a_teacher_that_is_never_right_is_refused_before_the_work(do, make_csv, make_model, store):
    """Its accuracy divides the student's."""
    ref, dataset = make_model("bert"), make_csv(30)
    loaded = loading.load(parse(ref), store)
    tested = catalogue.load(dataset).split("test").sample(1, random_state=0)
    with torch.no_grad():
        loaded.model.classifier.weight.zero_()
        loaded.model.classifier.bias[tested["label"].iloc[0]] = -99.0
    loaded.model.save_pretrained(Path(ref.removeprefix("path:")))
    kind, message = refused(do, teacher=ref, dataset=dataset, eval_examples=1)
    assert kind == "data"
    assert "right on none of the 1 test texts" in message


# ── second tries ─────────────────────────────────────────────────────────────────────────────────────────────


def weights(run):
    return (run.model_dir / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    "at", [3, pytest.param(0, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow), 11]
)
def test_a_stopped_distillation_ends_as_an_undisturbed_one(do, launcher, teacher, dataset, stop_at, at):
    values = {**FAST, "epochs": 3, "cosine": 1.0, "checkpoint_every_s": 0}
    whole = do(**values, teacher=teacher, dataset=dataset, arms="distilled,scratch")
    stop_at(at)
    run = do(**values, teacher=teacher, dataset=dataset, arms="distilled,scratch")
    assert run.state().state == "stopped"
    launcher.resume(run.id)
    assert run.state().state == "done", run.state()
    assert weights(run) == weights(whole)
    for mine, theirs in zip(run.result().students, whole.result().students, strict=True):
        assert mine.accuracy == theirs.accuracy
        assert mine.kl_to_teacher == theirs.kl_to_teacher


def test_one_arms_error_is_its_own_and_is_tried_again(do, launcher, teacher, dataset, monkeypatch):
    whole = do(**FAST, teacher=teacher, dataset=dataset, arms="scratch,distilled")
    teach = Lessons.teach
    with monkeypatch.context() as patch:

        def broken(self, cell):
            if cell.arm == "scratch":
                raise RuntimeError("no luck")
            return teach(self, cell)

        patch.setattr(Lessons, "teach", broken)
        run = do(**FAST, teacher=teacher, dataset=dataset, arms="scratch,distilled")
    assert run.state().state == "done", run.state()
    assert [student.arm for student in run.result().students] == ["distilled"]
    (failed,) = run.result().failed
    assert (failed.arm, failed.seed) == ("scratch", 0)
    assert "no luck" in failed.error.message
    run.set_state(state="lost")
    again = launcher.resume(run.id).result()
    assert not again.failed
    assert {student.arm for student in again.students} == {"scratch", "distilled"}
    assert {s.arm: s.kl_to_teacher for s in again.students} == {s.arm: s.kl_to_teacher for s in whole.result().students}


def test_a_run_without_any_student_has_failed(do, teacher, dataset, monkeypatch):
    def broken(self, arm):
        raise RuntimeError("no luck")

    monkeypatch.setattr(Lessons, "teach", broken)
    run = do(**FAST, teacher=teacher, dataset=dataset)
    assert run.state().state == "failed"
    assert "no luck" in run.state().message


def test_what_was_trained_is_not_trained_again_when_the_test_is_stopped(do, launcher, teacher, dataset, monkeypatch):
    whole = do(**FAST, teacher=teacher, dataset=dataset)
    with monkeypatch.context() as patch:

        def stopped(*_, **__):
            raise Stopped

        patch.setattr(Lessons, "_report", stopped)
        run = do(**FAST, teacher=teacher, dataset=dataset)
    assert run.state().state == "stopped"

    def forbidden(*_):
        raise AssertionError("trained anew")

    monkeypatch.setattr(trained, "fit", forbidden)
    launcher.resume(run.id)
    assert run.state().state == "done", run.state()
    assert torch.equal(logits_of(run, "distilled"), logits_of(whole, "distilled"))
    assert run.result().students[0].train_s > 0


def test_finished_arms_are_kept_and_the_teachers_time_with_them(do, launcher, teacher, dataset):
    run = do(**FAST, teacher=teacher, dataset=dataset, arms="distilled,scratch")
    result = run.result()
    marked = result.students[0].model_copy(update={"accuracy": 0.123})
    run.set_result(result.model_copy(update={"students": (marked,)}))
    run.set_state(state="lost")
    again = launcher.resume(run.id).result()
    assert [student.arm for student in again.students] == ["distilled", "scratch"]
    assert again.students[0].accuracy == 0.123
    assert again.students[1].accuracy == result.students[1].accuracy
    run.set_state(state="lost")  # died after its last arm, before its last word
    last = launcher.resume(run.id).result()
    assert last.students == again.students
    assert last.teacher.latency_ms_p50 == again.teacher.latency_ms_p50 is not None


def test_nothing_but_the_model_is_left_of_a_finished_training(do, teacher, dataset):
    """A checkpoint is three times the model; a class of thirty would fill the disk with them."""
    run = do(**FAST, teacher=teacher, dataset=dataset, arms="distilled,scratch", checkpoint_every_s=0)
    assert not list(run.checkpoint_dir.rglob("*.safetensors"))
    assert (run.model_dir / "config.json").is_file()


def test_the_taught_student_is_saved_in_whatever_order_the_arms_stand(do, teacher, dataset, store):
    run = do(**FAST, teacher=teacher, dataset=dataset, arms="scratch,distilled")
    assert run.state().state == "done", run.state()
    saved = loading.load(parse(f"run:{run.id}"), store)
    texts = catalogue.load(dataset).split("test")["text"].tolist()
    torch.testing.assert_close(says(saved, texts), logits_of(run, "distilled"), rtol=0, atol=1e-5)
    alone = do(**FAST, teacher=teacher, dataset=dataset, arms="scratch")
    assert (alone.model_dir / "config.json").is_file()


def test_a_model_left_by_an_interrupted_try_is_replaced(do, teacher, dataset, store, launcher):
    run = do(**FAST, teacher=teacher, dataset=dataset)
    whole = (run.model_dir / "model.safetensors").read_bytes()
    (run.path / "result.json").unlink()
    (run.model_dir / "model.safetensors").write_bytes(b"half")
    run.set_state(state="lost")
    launcher.resume(run.id)
    assert run.state().state == "done", run.state()
    assert (run.model_dir / "model.safetensors").read_bytes() == whole


def test_the_saved_student_is_a_plain_checkpoint(do, teacher, dataset):
    run = do(**FAST, teacher=teacher, dataset=dataset, hidden=1.0, student_width=8)
    assert run.state().state == "done", run.state()
    config = json.loads((run.model_dir / "config.json").read_text())
    assert config["num_hidden_layers"] == 1
    assert config["hidden_size"] == 8
    assert config["id2label"] == {"0": "negative", "1": "positive"}
    assert {path.suffix for path in run.model_dir.iterdir()} <= {".json", ".safetensors", ".txt"}
    assert not list(run.path.glob(".model*"))


def test_seeds_give_students_of_their_own(do, teacher, dataset):
    result = do(**FAST, teacher=teacher, dataset=dataset, seeds=2, arms="scratch").result()
    assert [(student.arm, student.seed) for student in result.students] == [("scratch", 0), ("scratch", 1)]
    assert result.students[0].kl_to_teacher != result.students[1].kl_to_teacher


# ── one step ─────────────────────────────────────────────────────────────────────────────────────────────────


def make_step(key="bert", **changes):
    teacher, student = (tiny.classifier(families.get(key), layers=n, seed=n) for n in (3, 2))
    encoded = teacher.encode(list(tiny.SENTENCES), 24)
    labels = torch.arange(8) % 2
    logits = evaluate.predict(teacher.model, encoded, CPU)
    spec = DistillSpec(teacher="run:000001-abcdef", student_layers=2, **changes)
    lesson = distillation.Lesson(encoded.answered(labels), TeacherOutputs(logits, None, (), 0.0))
    return (
        distillation.DistillStep(spec.weights, lesson, student, teacher, (0, 2), CPU),
        student,
        teacher,
        encoded,
        labels,
    )


def test_the_total_is_the_weighted_sum_of_the_parts():
    step, student, _, _, _ = make_step(soft=0.3, hard=0.6, hidden=0.2, attention=5.0, relations=0.1)
    loss = step(student.model, [5, 1, 3])
    weights = {"soft": 0.3, "hard": 0.6, "hidden": 0.2, "attention": 5.0, "relations": 0.1}
    assert loss.parts.keys() == weights.keys()
    expected = sum(weights[name] * value.item() for name, value in loss.parts.items())
    assert loss.total.item() == pytest.approx(expected, rel=1e-5)
    step.close()


_DROPOUT = {
    "gpt": {"attn_pdrop": 0.5, "resid_pdrop": 0.0, "embd_pdrop": 0.0},
    "t5": {"dropout_rate": 0.5},
    "xlnet": {"dropout": 0.5},
    "distilbert": {"attention_dropout": 0.5, "dropout": 0.0},
    "bart": {"attention_dropout": 0.5, "dropout": 0.0},
}


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)
def test_dropped_attention_is_not_compared(family):
    """A copy of the teacher attends as the teacher does while it trains: dropout would pull it to flat attention."""
    fields = _DROPOUT.get(family.key, {"attention_probs_dropout_prob": 0.5, "hidden_dropout_prob": 0.0})
    teacher, student = (tiny.classifier(family, layers=2, **fields) for _ in range(2))
    for name, module in student.model.named_modules():  # T5 and XLNet have one rate for everything
        if isinstance(module, nn.Dropout) and family.key in ("t5", "xlnet") and "rel_attn" not in name:
            module.p = 0.0
    encoded = teacher.encode(list(tiny.SENTENCES), 24)
    lesson = distillation.Lesson(encoded, TeacherOutputs(None, None, (), 0.0))
    spec = DistillSpec(teacher="run:000001-abcdef", student_layers=2, soft=0, hard=0, attention=1)
    step = distillation.DistillStep(spec.weights, lesson, student, teacher, (0, 1), CPU)
    student.model.train()
    assert step(student.model, range(8)).total.item() == pytest.approx(0, abs=1e-9)
    step.close()
    for loaded in (student, teacher):
        loaded.model.set_attn_implementation("eager")
    dropped = student.model(**encoded.batch(range(8)), output_attentions=True)
    clear = teacher.model(**encoded.batch(range(8)), output_attentions=True)
    pairs = zip(inner_states.all_attentions(dropped), inner_states.all_attentions(clear), strict=True)
    assert any((one - other).abs().max() > 0.05 for one, other in pairs)  # it was there, and is back


def test_each_text_meets_its_own_teacher_logits():
    """EasyDistill picks them by the number of the step: misaligned after shuffling."""
    step, student, teacher, encoded, _ = make_step(soft=1.0, hard=0.0)
    rows = [6, 0, 3]
    with torch.no_grad():
        s, t = (loaded.model(**encoded.batch(rows)).logits for loaded in (student, teacher))
    expected = 4 * (t.div(2).softmax(-1) * (t.div(2).log_softmax(-1) - s.div(2).log_softmax(-1))).sum(-1).mean()
    assert step(student.model, rows).total.item() == pytest.approx(expected.item(), rel=1e-4)
    step.close()


@pytest.mark.parametrize("key", ["bert", "gpt", "bart"])
def test_closing_leaves_teacher_and_student_as_they_were(key):
    """The kernel that gives attention probabilities is slower: left on, later arms would look faster than they are."""
    step, student, teacher, _, _ = make_step(key, attention=1.0, relations=1.0)
    step(student.model, [0, 1])
    step.close()
    found = {"teacher": teacher.model.config._attn_implementation, "student": student.model.config._attn_implementation}
    fresh = tiny.classifier(families.get(key)).model.config._attn_implementation
    assert found == dict.fromkeys(found, fresh)
    hooks = [
        hook
        for loaded in (teacher, student)
        for module in loaded.model.modules()
        for hook in module._forward_hooks.values()
    ]
    assert not [hook for hook in hooks if "LastVectors" in hook.__qualname__]  # transformers leaves some of its own


def test_xlnet_has_no_relations_to_give():
    with pytest.raises(SpecError, match="no queries"):
        make_step("xlnet", relations=1.0)


def test_a_run_whose_teacher_is_gone_says_so(do, launcher, make_model, dataset):
    ref = make_model("bert")
    run = do(**FAST, teacher=ref, dataset=dataset)
    run.set_state(state="lost")
    shutil.rmtree(ref.removeprefix("path:"))
    state = launcher.resume(run.id).state()
    assert (state.state, state.error_kind) == ("failed", "model")
    assert Ref("path", ref.removeprefix("path:")).name in state.message
