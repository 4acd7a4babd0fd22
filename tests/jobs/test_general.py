"""General distillation: a smaller model of words from raw text, without labels."""

from __future__ import annotations

import math

import pytest
import tiny
import torch

from distill_core import families
from distill_core.model_ref import parse
from distill_core.models import loading
from distill_core.models.tokens import IGNORED
from distill_core.terms import LossWeights
from distill_core.training import term_functions

FAST = {
    "kind": "distill",
    "mode": "general",
    "student_layers": 1,
    "epochs": 1,
    "batch_size": 16,
    "max_length": 24,
    "threads": 1,
    "learning_rate": 1e-3,
}


@pytest.fixture
def teacher(tmp_path):
    return f"path:{tiny.save_masked_lm(families.get('bert'), tmp_path / 'teacher')}"


@pytest.mark.parametrize(
    "key",
    ["bert", "albert", *(pytest.param(key, marks=pytest.mark.slow) for key in ("roberta", "distilbert", "electra"))],
)
def test_a_smaller_model_of_words_comes_out(do, tmp_path, dataset, store, key):
    ref = f"path:{tiny.save_masked_lm(families.get(key), tmp_path / key)}"
    run = do(**FAST, teacher=ref, dataset=dataset, cosine=1, arms="distilled,scratch")
    if run.state().state == "failed":  # an untrained teacher may guess no word at all: then it is said
        assert "right on none" in run.state().message
        return
    assert run.state().state == "done", run.state()
    result = run.result()
    assert result.label_names == ()
    assert [student.arm for student in result.students] == ["distilled", "scratch"]
    assert all(student.layers == 1 and student.n_eval > 0 for student in result.students)
    assert result.teacher.latency_ms_p50 > 0
    saved = loading.load(parse(f"run:{run.id}"), store, label_names=tiny.LABELS)
    assert saved.weights == "pretrained"
    assert saved.family is families.get(key)


def sure_teacher(tmp_path):
    """A teacher whose every guess is the letter e: right now and then."""
    folder = tiny.save_masked_lm(families.get("bert"), tmp_path / "sure")
    loaded = loading.load_masked_lm(parse(f"path:{folder}"), None)
    with torch.no_grad():
        loaded.model.cls.predictions.bias[loaded.tokenizer.convert_tokens_to_ids("##m")] = 50.0
    loaded.model.save_pretrained(folder)
    return f"path:{folder}"


def test_the_student_comes_nearer_to_its_teacher(do, tmp_path, make_csv):
    ref, dataset = sure_teacher(tmp_path), make_csv(200)
    far = do(**{**FAST, "learning_rate": 1e-12}, teacher=ref, dataset=dataset, init="random").result().students[0]
    near = do(**{**FAST, "epochs": 6, "learning_rate": 1e-2}, teacher=ref, dataset=dataset, init="random").result()
    assert near.students[0].kl_to_teacher < 0.5 * far.kl_to_teacher
    assert near.teacher.accuracy > 0


def test_a_student_with_all_layers_starts_as_its_teacher(do, tmp_path, make_csv):
    run = do(
        **{**FAST, "learning_rate": 1e-12, "student_layers": 3}, teacher=sure_teacher(tmp_path), dataset=make_csv(200)
    )
    (student,) = run.result().students
    assert student.agreement == 1
    assert student.kl_to_teacher == pytest.approx(0, abs=1e-6)
    assert student.retained == 1


def test_a_second_try_keeps_what_was_measured_and_no_checkpoints(do, launcher, tmp_path, make_csv):
    run = do(
        **{**FAST, "checkpoint_every_s": 0},
        teacher=sure_teacher(tmp_path),
        dataset=make_csv(200),
        arms="distilled,scratch",
    )
    result = run.result()
    assert not list(run.checkpoint_dir.rglob("*.safetensors"))
    run.set_state(state="lost")
    again = launcher.resume(run.id).result()
    assert again.students == result.students
    assert again.teacher.latency_ms_p50 == result.teacher.latency_ms_p50 is not None


@pytest.mark.parametrize("at", [2, 7])
def test_a_stopped_run_ends_as_an_undisturbed_one(do, launcher, tmp_path, make_csv, stop_at, at):
    """The gaps are drawn anew at every step: resuming must go on in the same sequence."""
    values = {
        **FAST,
        "teacher": sure_teacher(tmp_path),
        "dataset": make_csv(200),
        "checkpoint_every_s": 0,
        "cosine": 1.0,
    }
    whole = do(**values)
    stop_at(at)
    run = do(**values)
    assert run.state().state == "stopped"
    launcher.resume(run.id)
    assert run.state().state == "done"
    name = "model.safetensors"
    assert (run.model_dir / name).read_bytes() == (whole.model_dir / name).read_bytes()


def test_every_term_teaches_masked_words_too(do, tmp_path, make_csv):
    """The teacher reads the same gaps beside the student, so that all of it can be compared."""
    inner = {"cosine": 1, "hidden": 1, "attention": 1, "relations": 1}
    values = {**FAST, "epochs": 8, "student_layers": 2, "learning_rate": 5e-3, "init": "random", **inner}
    run = do(**values, soft=0, hard=0, teacher=sure_teacher(tmp_path), dataset=make_csv(200))
    assert run.state().state == "done", run.state()
    for name in inner:
        curve = [m.value for m in run.read_metrics()[0] if m.name == name and m.split == "train"]
        assert 0 < curve[-1] < 0.9 * curve[0], name


def test_a_teacher_that_guesses_no_word_is_refused(do, tmp_path, dataset):
    folder = tiny.save_masked_lm(families.get("bert"), tmp_path / "wrong")
    loaded = loading.load_masked_lm(parse(f"path:{folder}"), None)
    with torch.no_grad():
        loaded.model.cls.predictions.bias[loaded.tokenizer.pad_token_id] = 1e4
        loaded.model.cls.predictions.decoder.bias = loaded.model.cls.predictions.bias
    loaded.model.save_pretrained(folder)
    state = do(**FAST, teacher=f"path:{folder}", dataset=dataset).state()
    assert (state.state, state.error_kind) == ("failed", "data")
    assert "right on none" in state.message


def test_a_classifier_cannot_teach_words(do, make_model, dataset):
    state = do(**FAST, teacher=make_model("bert"), dataset=dataset).state()
    assert (state.state, state.error_kind) == ("failed", "model")
    assert "no head for masked words" in state.message


def test_texts_without_a_gap_are_not_measured_as_0(do, tmp_path):
    """So few and so short test texts that no word of them is hidden."""
    rows = "".join(f"{'a' if n % 2 else 'i'}{n},{tiny.LABELS[n % 2]}\n" for n in range(12))
    (tmp_path / "short.csv").write_text(f"text,label\n{rows}")
    values = {**FAST, "max_length": 4, "eval_examples": 1}
    state = do(**values, teacher=sure_teacher(tmp_path), dataset=f"file:{tmp_path / 'short.csv'}").state()
    assert (state.state, state.error_kind) == ("failed", "data")
    assert "right on none of the 0 hidden words" in state.message


def test_a_batch_without_a_gap_teaches_nothing_and_breaks_nothing():
    empty = torch.zeros(0, 7, requires_grad=True)
    batch = term_functions.Compared(
        weights=LossWeights({"soft": 0.5, "hard": 0.5}),
        attention_mask=torch.ones(2, 3),
        targets=torch.zeros(0, dtype=torch.long),
        logits=empty,
        teacher_logits=torch.zeros(0, 7),
    )
    for term in (term_functions.soft_targets, term_functions.labels):
        loss = term(batch)
        assert loss.item() == 0
        loss.backward()


def test_where_no_answer_is_known_the_labels_teach_nothing_and_the_teacher_does():
    logits, answers = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 1.0], [0.0, 2.0]])
    batch = term_functions.Compared(
        weights=LossWeights({"soft": 1.0, "hard": 1.0}, temperature=1.0),
        attention_mask=torch.ones(2, 3),
        targets=torch.tensor([IGNORED, IGNORED]),
        logits=logits,
        teacher_logits=answers,
    )
    assert term_functions.labels(batch).item() == 0
    # the first text alone differs: KL of (q, p) against (p, q) is (p − q) log(p / q), and log(p / q) = 1
    assert term_functions.soft_targets(batch).item() == pytest.approx(0.5 * math.tanh(0.5), rel=1e-5)
