"""One model gives one answer to a text: in its own result, in compare, in predict, on a page, and as a teacher."""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import unicodedata

import numpy as np
import pandas as pd
import pytest
import tiny
import torch

from distill_core import families
from distill_core.cli import commands
from distill_core.machine import devices
from distill_core.measure import inference
from distill_core.model_ref import parse
from distill_core.models import loading
from distill_core.tables import reading
from distill_core.training import teacher_cache

FAST = {"epochs": 1, "batch_size": 8, "threads": 1, "learning_rate": 1e-3}
# peft reads a name that transformers is about to drop
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.fixture
def write(tmp_path):
    """An own file of these texts and labels; its name as a data set."""

    def to(name, rows):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
        return f"file:{tmp_path / name}"

    return to


def fine_tuned(do, model, dataset, **more):
    spec = {"kind": "finetune", "min_steps": 0, "max_length": 24, "train_examples": 24, "seed": 3}
    run = do(**{**FAST, **spec, **more}, model=model, dataset=dataset, arms="pretrained")
    assert run.state().state == "done", run.state()
    return run


def own_logits(run, arm="pretrained"):
    frame = pd.read_parquet(run.predictions_file)
    return frame["text"].tolist(), frame[[f"{arm}: logit {label}" for label in range(2)]].to_numpy()


def marked(n=60):
    """As end-mark-in-text.csv: every fifth text holds the mark of an end."""
    return [
        (
            f"the film {'is a joy' if row % 2 else 'is dull'} {row}{' </s> the end' * (row % 5 == 0)}",
            tiny.LABELS[row % 2],
        )
        for row in range(n)
    ]


def test_a_text_with_an_end_mark_is_taught_across_families_that_share_a_vocabulary(do, make_model, write):
    """RoBERTa and BART share their pieces, so that the student reads the ids that were made for the teacher."""
    dataset = write("marks.csv", marked())
    teacher = fine_tuned(do, make_model("roberta"), dataset)
    given = {**FAST, "dataset": dataset, "teacher": f"run:{teacher.id}", "max_length": 24}
    run = do(**given, kind="distill", student=make_model("bart"), train_examples=40)
    assert run.state().state == "done", run.state()
    assert not run.result().failed


def test_a_stored_text_typed_on_a_page_gets_the_same_answer(do, make_model, write):
    """The file holds decomposed accents; a browser sends composed ones. Bytes tell them apart, so RoBERTa could."""
    rows = [
        (f"a mélodie with a scénario {'dull' if row % 2 else 'warm'} {row}", tiny.LABELS[row % 2]) for row in range(60)
    ]
    dataset = write("accents.csv", [(unicodedata.normalize("NFD", text), label) for text, label in rows])
    run = fine_tuned(do, make_model("roberta"), dataset, max_length=64)
    model, (texts, logits) = inference.load(run), own_logits(run)
    assert any("é" in unicodedata.normalize("NFC", text) for text in texts)
    for text, row in zip(texts, logits, strict=True):
        np.testing.assert_allclose(inference.logits(model, unicodedata.normalize("NFC", text)), row, atol=1e-5)


LENGTHS = (24, 140)  # less and more than where a model of unknown training is cut


def long(n=60):
    """As verdict-after-150-tokens.csv: what tells the class stands late, after as many tokens as 24 and 128 cut off."""
    filler = "we saw it in the hall by the sea and sat there for an hour . " * 2
    return [(f"{row} {filler}{'joy' if row % 2 else 'dull'} {filler}", tiny.LABELS[row % 2]) for row in range(n)]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("is_old", [False, True], ids=["saved with the model", "of a run that did not save it"])
def test_a_model_reads_as_much_of_a_text_as_when_it_was_trained(do, make_model, write, store, tmp_path, length, is_old):
    dataset = write("long.csv", long())
    run = fine_tuned(do, make_model("bert"), dataset, max_length=length)
    config = run.model_dir / "config.json"
    saved = json.loads(config.read_text(encoding="utf-8"))
    assert saved.pop(loading.LENGTH_FIELD) == length
    if is_old:
        config.write_text(json.dumps(saved), encoding="utf-8")
    texts, logits = own_logits(run)
    model, ref = inference.load(run), f"run:{run.id}"
    np.testing.assert_allclose([inference.logits(model, text) for text in texts], logits, atol=1e-5)
    other = [model.loaded.encode([text], 128) for text in texts]
    assert not np.allclose(np.concatenate([says(model.loaded, one) for one in other]), logits, atol=1e-3)
    said = commands.predict(argparse.Namespace(text=texts[0], model=ref, device="cpu"))
    shares = list(said["probabilities"].values())
    np.testing.assert_allclose(shares, np.exp(logits[0]) / np.exp(logits[0]).sum(), atol=1e-5)
    compared = do(kind="compare", models=(ref,), dataset=dataset, batch_sizes=(1,), seq_lens=(16,), min_time_s=0.01)
    assert compared.result().rows[0].accuracy == run.result().arms[0].accuracy
    taught = do(**FAST, kind="distill", dataset=dataset, teacher=ref, max_length=64, student_layers=1)
    np.testing.assert_allclose(own_logits(taught, "teacher")[1], logits, atol=1e-5)
    assert taught.result().teacher.accuracy == run.result().arms[0].accuracy
    assert (taught.result().teacher.max_length, taught.result().students[0].max_length) == (length, 64)
    assert str(length) in reading.sentence(taught)
    student = inference.load(taught)
    np.testing.assert_allclose(
        [inference.logits(student, text) for text in texts], own_logits(taught, "distilled")[1], atol=1e-5
    )
    if not is_old:
        shutil.copytree(run.model_dir, tmp_path / "taken away")
        assert loading.load(parse(f"path:{tmp_path / 'taken away'}"), store).reads() == length


def says(loaded, encoded):
    with torch.inference_mode():
        return loaded.model(**encoded.batch([0])).logits.numpy()


@pytest.mark.parametrize("length", LENGTHS)
def test_ten_students_have_a_teacher_that_reads_as_it_was_trained(do, make_model, write, length):
    dataset = write("long.csv", long())
    run = fine_tuned(do, make_model("bert"), dataset, max_length=length)
    given = {**FAST, "dataset": dataset, "teacher": f"run:{run.id}", "max_length": 64, "labels": 20}
    ten = do(**given, kind="students", students=(make_model("gpt"),), arms="labels,taught")
    assert ten.state().state == "done", ten.state()
    np.testing.assert_allclose(own_logits(ten, "teacher")[1], own_logits(run)[1], atol=1e-5)
    assert ten.result().teacher.max_length == length
    assert "read 64" in reading.sentence(ten)


def test_states_of_tokens_are_not_compared_where_teacher_and_student_read_other_tokens(do, make_model, write):
    dataset = write("long.csv", long())
    run = fine_tuned(do, make_model("bert"), dataset, max_length=24)
    given = {**FAST, "kind": "distill", "dataset": dataset, "teacher": f"run:{run.id}", "student_layers": 1}
    refused = do(**given, max_length=64, cosine=1.0)
    assert refused.state().state == "failed"
    assert "cut at 24 tokens" in refused.state().message
    assert "max_length to 24" in refused.state().hint
    same = do(**given, max_length=24, cosine=1.0)
    assert same.state().state == "done", same.state()
    assert reading.sentence(same) == ""


def test_texts_that_nobody_cuts_are_compared_token_by_token_at_any_length(do, make_model, dataset):
    run = fine_tuned(do, make_model("bert"), dataset, max_length=140)
    given = {**FAST, "kind": "distill", "dataset": dataset, "teacher": f"run:{run.id}", "student_layers": 1}
    assert do(**given, max_length=128, cosine=1.0).state().state == "done"


def test_the_cache_of_teachers_tells_lengths_apart(write):
    loaded = tiny.classifier(families.get("bert"))
    texts = [text for text, _ in long(4)]
    cpu = devices.Device(torch.device("cpu"), "float32", 1)
    short, whole = (
        teacher_cache.outputs(loaded.model, loaded.encode(texts, length), cpu, keep_hidden=False).logits
        for length in LENGTHS
    )
    assert not torch.allclose(short, whole)
    again = teacher_cache.outputs(loaded.model, loaded.encode(texts, LENGTHS[0]), cpu, keep_hidden=False)
    assert again.seconds == 0
    assert torch.equal(again.logits, short)
