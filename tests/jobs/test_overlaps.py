"""What a result says of its texts: met before in another data set, cut at the length, and how many were really used."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import tiny

from distill_core import model_ref
from distill_core.datasets import catalogue, splits
from distill_core.jobs import overlaps
from distill_core.results import Overlap
from distill_core.tables import data_notes, training, transfer

CASES = Path(__file__).resolve().parent.parent / "cases"


def write(path: Path, rows: list[tuple[str, str]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return f"file:{path}"


@pytest.fixture
def pair(make_csv, tmp_path) -> tuple[str, str, int]:
    """A data set, and a second one whose test holds `met` training texts of the first, in capitals."""
    first = make_csv(200)
    data = catalogue.load(first)
    train = data.split(splits.TRAIN)
    rows = [
        (f"{text.upper()}!!", data.label_names[label])
        for text, label in zip(train["text"], train["label"], strict=True)
    ]
    rows += [(f"another text number {row}", tiny.LABELS[row % 2]) for row in range(200)]
    second = write(tmp_path / "second.csv", rows)
    known = {text.casefold() for text in train["text"]}
    met = sum(text.casefold().rstrip("!") in known for text in catalogue.load(second).split(splits.TEST)["text"])
    assert met > 0
    return first, second, met


def test_two_domains_in_one_result(do, pair) -> None:
    first, second, met = pair
    run = do(kind="finetune", domains=f"{first},{second}", arms="bow", train_examples=1000)
    of = len(catalogue.load(second).split(splits.TEST))
    assert Overlap(trained_on=first, tested_on=second, texts=met, of=of) in run.result().overlaps
    assert any(
        note.startswith(f"{met} of {of} test texts of an own file stand in") for note in data_notes.sentences(run)
    )
    used = {row.dataset: row.train_texts for row in run.result().arms}
    assert used == {first: catalogue.load(first).train_size, second: catalogue.load(second).train_size}


@pytest.mark.assets
def test_every_row_tells_the_texts_that_were_used(do) -> None:
    """4,000 were asked for where a newspaper has 2,234 texts and a small file some forty."""
    own = f"file:{CASES / 'polarity-50-rows.csv'}"
    run = do(kind="finetune", domains=f"nyt,{own}", arms="bow", train_examples=4000)
    used = {(row.dataset, row.train_texts) for row in run.result().arms}
    assert used == {("nyt", 2234), (own, catalogue.load(own).train_size)}
    assert set(transfer.domain_frame(run)["train_examples"]) == {number for _, number in used}
    assert set(training.finetune_frame(run)["train_examples"]) == {number for _, number in used}


def test_a_further_test_set(do, pair) -> None:
    first, second, met = pair
    run = do(kind="finetune", dataset=first, test_datasets=second, arms="bow", train_examples=50)
    assert [one.texts for one in run.result().overlaps] == [met]
    alone = do(kind="finetune", dataset=first, arms="bow", train_examples=50)
    assert alone.result().overlaps == ()


def test_a_teacher_of_another_set_and_its_student(do, make_model, pair, store) -> None:
    first, second, met = pair
    taught = {"epochs": 1, "batch_size": 16, "max_length": 16}
    teacher = do(kind="finetune", dataset=first, model=make_model(), train_examples=50, **taught)
    run = do(kind="distill", teacher=f"run:{teacher.id}", dataset=second, student_layers=1, train_examples=50, **taught)
    assert run.state().state == "done", run.state()
    assert [(one.trained_on, one.texts) for one in run.result().overlaps] == [(first, met)]
    student = do(kind="compare", models=f"run:{run.id}", dataset=second, seq_lens=8, min_time_s=0.01)
    assert [(one.trained_on, one.texts) for one in student.result().overlaps] == [(first, met)]
    home = do(kind="compare", models=f"run:{teacher.id}", dataset=first, seq_lens=8, min_time_s=0.01)
    assert home.result().overlaps == ()


def test_a_teacher_whose_file_has_changed(do, make_model, pair, store) -> None:
    first, _, _ = pair
    teacher = do(kind="finetune", dataset=first, model=make_model(), train_examples=50, epochs=1, max_length=16)
    path = Path(first.removeprefix("file:"))
    path.write_text(path.read_text(encoding="utf-8").replace("film", "movie"), encoding="utf-8")
    tested = {first: catalogue.load(first)}
    found = overlaps.of_models([model_ref.parse(f"run:{teacher.id}")], tested, store)
    assert [one.texts for one in found] == [None]


def test_texts_that_are_cut_are_counted(do, make_model, tmp_path) -> None:
    """Every second text has three words more than fit."""
    rows = [
        (" ".join([f"w{row}", *["film"] * (1 if row % 2 else 12)]), tiny.LABELS[row // 2 % 2]) for row in range(120)
    ]
    name = write(tmp_path / "long.csv", rows)
    run = do(kind="finetune", dataset=name, model=make_model(), train_examples=40, epochs=1, max_length=10)
    (cut,) = run.result().cut
    test = catalogue.load(name).split(splits.TEST)["text"]
    assert cut.test == pytest.approx(sum(len(text.split()) > 8 for text in test) / len(test))
    assert 0.3 < cut.train < 0.7
    assert any("are longer than 10 tokens" in note for note in data_notes.sentences(run))
    whole = do(kind="finetune", dataset=name, model=make_model(), train_examples=40, epochs=1, max_length=64)
    assert (whole.result().cut[0].train, whole.result().cut[0].test) == (0, 0)
    assert data_notes.sentences(whole) == ()
