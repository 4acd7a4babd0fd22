"""Soft labels: an imaginary teacher, a real one's words, typed texts, students, the link to Distill, and mistakes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sample_ablation
import sample_predictions as sample
import sample_training
import tiny
import torch
from streamlit.testing.v1 import AppTest
from training_pages import open_page, own, recorded, texts

from distill_core import families
from distill_core.errors import ModelError
from distill_core.measure import shared_models
from distill_core.measure.inference import load
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from pages.parts.shared import inference

__all__ = ["recorded"]
PAGE = "pages/soft_labels.py"
LIMIT_S = 0.15


def figures(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def link(app: AppTest) -> Any:
    return next(one.proto for one in app.get("page_link") if one.proto.label == "Distill with these settings")


@pytest.fixture
def teacher() -> Run:
    return sample.topics_teacher(own())


@pytest.fixture
def reader(tmp_path: Path) -> Run:
    """A fine-tuning whose saved model is a tiny BERT, without predictions."""
    run = sample_training.finetune_run(own())
    tiny.save(tiny.classifier(families.get("bert")), run.model_dir)
    return run


# ── no teacher yet ───────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_teacher_one_is_set_by_hand() -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "No model has been fine-tuned here yet" in texts(app)
    assert app.selectbox(key="sl_teacher").value == "By hand: an imaginary teacher"
    assert "At τ = 4 the teacher gives 50 % to the other classes, most to tech" in texts(app)
    assert "set by hand" in texts(app)
    assert len(figures(app)) == 4


def test_logits_set_by_hand_move_the_figures() -> None:
    app = open_page(PAGE)
    app.slider(key="sl_logit_sports").set_value(10.0).run()
    assert "to sports, though the label is business" in texts(app)
    app.selectbox(key="sl_label").set_value("sports").run()
    assert "to the other classes, most to business" in texts(app)


# ── a teacher's words ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_teachers_words_on_test_texts(teacher: Run) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert app.selectbox(key="sl_teacher").value == f"minilm on topics · {teacher.id}"
    assert "Story" in texts(app)
    assert "measured" in texts(app)
    first = texts(app)
    app.number_input(key="sl_no").set_value(2).run()
    assert texts(app) != first
    app.segmented_control(key="sl_texts").set_value("Wrong").run()
    assert not app.exception
    assert "though the label is" in texts(app)


def test_a_number_from_a_longer_list_is_brought_back(teacher: Run) -> None:
    app = open_page(PAGE)
    app.number_input(key="sl_no").set_value(20).run()
    app.segmented_control(key="sl_texts").set_value("Wrong").run()
    assert not app.exception
    assert app.number_input(key="sl_no").value == app.number_input(key="sl_no").max == 5


def test_the_address_keeps_the_state(teacher: Run) -> None:
    app = open_page(PAGE, sl_tau="10", sl_texts="Undecided", sl_no="3", sl_soft="0.8")
    assert "At τ = 10 the teacher gives" in texts(app)
    assert app.segmented_control(key="sl_texts").value == "Undecided"
    assert app.number_input(key="sl_no").value == 3
    assert app.slider(key="sl_soft").value == 0.8


def test_the_sliders_move_the_loss_and_the_formula(teacher: Run) -> None:
    app = open_page(PAGE)
    app.slider(key="sl_soft").set_value(0.0).run()
    assert "The soft targets make up 0 % of a loss of 0.805 nats" in texts(app)
    assert r"0.5\,\mathrm{CE}(y, q_1)" in app.latex[0].value
    app.slider(key="sl_hard").set_value(0.0).run()
    assert not app.exception
    assert "Both weights are 0: nothing would be learned" in texts(app)
    assert "Nothing pulls at the student" in texts(app)


def test_the_link_to_distill_carries_everything(teacher: Run) -> None:
    app = open_page(PAGE)
    app.select_slider(key="sl_tau").set_value(8.0)
    app.slider(key="sl_soft").set_value(0.9).run()
    assert link(app).page == "distill"
    assert link(app).query_string == f"d_tau=8.0&d_soft=0.9&d_hard=0.5&teacher=run%3A{teacher.id}"


def test_a_temperature_beyond_distills_own_is_cut(teacher: Run) -> None:
    app = open_page(PAGE, sl_tau="20")
    (cut,) = [one.proto for one in app.get("page_link") if "Distill with" in one.proto.label]
    assert cut.label == "Distill with these settings (τ = 10 at most)"
    assert "d_tau=10.0" in cut.query_string


def test_students_of_this_teacher_can_be_chosen(teacher: Run) -> None:
    students = sample.topics_students(own(), teacher)
    app = open_page(PAGE)
    box = app.selectbox(key="sl_student")
    assert box.options[:2] == [f"Distilled · {students.id}", f"From scratch · {students.id}"]
    before = texts(app)
    box.set_value("By hand: sure but wrong").run()
    assert not app.exception
    assert texts(app) != before
    app.slider(key="sl_sure").set_value(60).run()
    assert not app.exception


def test_a_recorded_ablation_gives_way_to_a_plain_distillation(recorded: RunStore) -> None:
    sample_ablation.ablation(recorded)
    plain = sample_ablation.sample_run(recorded, arms=("distilled",))
    app = open_page(PAGE)
    assert not app.exception
    assert app.selectbox(key="sl_teacher").value == f"Teacher of {plain.id} on movies"


def test_a_recorded_teacher_comes_first_and_needs_no_texts(recorded: RunStore, teacher: Run) -> None:
    run = sample.topics_teacher(recorded, texts=False)
    app = open_page(PAGE)
    assert app.selectbox(key="sl_teacher").value == f"minilm on topics · {run.id}"
    assert "recorded" in texts(app)
    assert "Test text" in texts(app)
    assert "may not be passed on" in texts(app)


# ── a typed text ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_model_reads_a_typed_text(reader: Run) -> None:
    app = open_page(PAGE)
    assert not app.exception
    app.text_area(key="sl_text").set_value("one of the best films\0 of the year").run()
    assert not app.exception
    assert "on one CPU thread" in texts(app)
    assert "the hard label 0 %" in texts(app)
    assert "No model has been fine-tuned" not in texts(app)


def test_a_model_that_a_run_writes_anew_is_read_anew(reader: Run) -> None:
    """At once, and with times, sizes and places that tell nothing."""
    run, text = reader, tiny.SENTENCES[0]
    before = inference.logits(run, text)
    weights = run.model_dir / "model.safetensors"
    stat = weights.stat()
    other = tiny.classifier(families.get("bert"), seed=5)
    tiny.save(other, run.path / "other")
    with weights.open("r+b") as file:
        file.write((run.path / "other/model.safetensors").read_bytes())
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (weights.stat().st_size, weights.stat().st_ino) == (stat.st_size, stat.st_ino)
    with torch.inference_mode():
        wanted = other.model(**other.encode([text], 64).batch([0])).logits[0].numpy()
    np.testing.assert_allclose(inference.logits(run, text), wanted, atol=1e-5)
    assert not np.allclose(before, wanted, atol=1e-3)


def test_models_that_nobody_asks_any_more_are_let_go(reader: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def model() -> Any:
        return inference._model(reader, inference._held(reader)).loaded.model

    shelf = shared_models.SharedModels(2 * shared_models.size_bytes(load(reader)))
    monkeypatch.setattr(shared_models, "shared", lambda: shelf)
    first = weakref.ref(model())
    assert first() is model()
    for seed in (5, 6):
        tiny.save(tiny.classifier(families.get("bert"), seed=seed), reader.model_dir)
        model()
    assert first() is None


def test_two_runs_with_the_same_weights_share_one_model(reader: Run) -> None:
    other = sample_training.finetune_run(own())
    shutil.copytree(reader.model_dir, other.model_dir, dirs_exist_ok=True)
    models = [inference._model(run, inference._held(run)) for run in (reader, other)]
    assert models[0] is models[1]
    tiny.save(tiny.classifier(families.get("bert"), seed=5), other.model_dir)
    assert inference._model(other, inference._held(other)) is not models[0]


def test_a_model_written_while_it_is_read_is_not_kept(reader: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    held = iter(["before", "after"])
    monkeypatch.setattr(inference, "_held", lambda run: next(held, "after"))
    with pytest.raises(ModelError, match="written anew while it was read"):
        inference.logits(reader, tiny.SENTENCES[0])
    assert np.isfinite(inference.logits(reader, tiny.SENTENCES[0])).all()


def test_an_empty_text_says_what_to_do(reader: Run) -> None:
    app = open_page(PAGE)
    app.text_area(key="sl_text").set_value(" \0 ").run()
    assert not app.exception
    assert "There is no text yet." in texts(app)
    assert app.text_area(key="sl_text")
    app.text_area(key="sl_text").set_value("a dull film").run()
    assert len(figures(app)) == 4


def test_a_damaged_model_leaves_the_pickers(reader: Run) -> None:
    (reader.model_dir / "model.safetensors").write_bytes(b"broken")
    app = open_page(PAGE)
    assert not app.exception
    assert "holds no weights: it is not a safetensors file" in texts(app)
    app.selectbox(key="sl_teacher").set_value("By hand: an imaginary teacher").run()
    assert len(figures(app)) == 4


def test_damaged_predictions_are_explained(teacher: Run) -> None:
    open_page(PAGE)
    frame = sample.keep(teacher, {"pretrained": np.full((sample.N, 5), np.nan)})
    assert len(frame)
    app = open_page(PAGE)
    assert not app.exception
    assert "A logit is not a number." in texts(app)


# ── speed ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_slider_answers_at_once(teacher: Run) -> None:
    app = open_page(PAGE)
    took = []
    for tau in (1.0, 2.0, 8.0, 20.0, 0.5):
        app.select_slider(key="sl_tau").set_value(tau)
        start = time.process_time()  # the work done, whatever else this machine does meanwhile
        app.run()
        took.append(time.process_time() - start)
    assert min(took) < LIMIT_S


def test_texts_of_the_data_set_need_no_torch(teacher: Run) -> None:
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=60).run().switch_page('pages/soft_labels.py').run()\n"
        "assert not app.exception and len(app.get('plotly_chart')) == 4\n"
        "print('torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
