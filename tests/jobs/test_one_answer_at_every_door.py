"""One model gives one answer to a text: in its own result, in compare, in predict, on a page, and as a teacher."""

from __future__ import annotations

import csv
import unicodedata

import numpy as np
import pandas as pd
import pytest
import tiny

from distill_core.measure import inference

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
