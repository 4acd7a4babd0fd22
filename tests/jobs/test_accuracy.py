"""The accuracy of a model on a data set: on which texts, in which columns, and when there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tiny
import torch

from distill_core import families
from distill_core.datasets import catalogue
from distill_core.errors import DataError
from distill_core.jobs import accuracy
from distill_core.machine import devices
from distill_core.specs import CompareSpec

CPU = devices.Device(torch.device("cpu"), "float32", 1)


@pytest.fixture
def own(make_csv):
    return catalogue.load(make_csv(200))


def test_a_sample_of_the_test_is_the_same_for_every_model(own):
    texts, labels = accuracy.test_texts(own, 0)
    frame = own.split("test")
    assert texts == frame["text"].tolist()
    assert labels.tolist() == frame["label"].tolist()
    first, second = accuracy.test_texts(own, 7), accuracy.test_texts(own, 7)
    assert len(first[0]) == 7
    assert first[0] == second[0]
    label_of = dict(zip(texts, labels.tolist(), strict=True))
    assert first[1].tolist() == [label_of[text] for text in first[0]]
    assert accuracy.test_texts(own, 10**6)[0] == texts


def test_no_test_texts_is_a_data_error(own):
    empty = replace(own, frame=own.frame[own.frame["split"] != "test"])
    with pytest.raises(DataError, match="no test texts"):
        accuracy.test_texts(empty, 0)


@pytest.mark.parametrize(
    ("model", "data", "columns"),
    [
        (("negative", "positive"), ("negative", "positive"), [0, 1]),
        (("POSITIVE", "Negative"), ("negative", "positive"), [1, 0]),
        (("a", "b", "c"), ("c", "a", "b"), [2, 0, 1]),
        (("Good", "bad", "good"), ("bad", "good", "Good"), [1, 2, 0]),
        (("Good", "good"), ("good", "Good"), [1, 0]),
        (("Good", "good"), ("GOOD", "good"), None),
        (("Good", "good", "bad"), ("good", "bad", "BAD"), None),
        (("Good", "good"), ("good", "bad"), None),
        (("LABEL_0", "LABEL_1"), ("negative", "positive"), None),
        (("negative", "positive", "neutral"), ("negative", "positive"), None),
        (("negative",), ("negative", "positive"), None),
        (None, ("negative", "positive"), None),
    ],
)
def test_columns_are_matched_by_name(own, model, data, columns):
    loaded = replace(tiny.classifier(families.get("bert")), label_names=model)
    assert accuracy.class_columns(loaded, replace(own, label_names=data)) == columns


def test_the_accuracy_is_that_of_the_matched_columns(own):
    loaded = tiny.classifier(families.get("bert"), seed=3)
    found, note = accuracy.of_model(loaded, own, 0, CPU)
    turned = replace(loaded, label_names=loaded.label_names[::-1])
    other, _ = accuracy.of_model(turned, own, 0, CPU)
    assert note == "Test split of own.csv."
    assert found.accuracy + other.accuracy == pytest.approx(1)
    assert found.accuracy != 0.5


def test_without_an_accuracy_there_is_a_reason(own):
    loaded = tiny.classifier(families.get("bert"))
    reasons = {
        "No data set": (loaded, None),
        "Random weights": (replace(loaded, weights="random"), own),
        "No classification head": (replace(loaded, label_names=None), own),
        "other classes": (replace(loaded, label_names=("x", "y")), own),
    }
    for words, (model, dataset) in reasons.items():
        found, note = accuracy.of_model(model, dataset, 0, CPU)
        assert found is None
        assert words in note


def test_texts_for_the_tokenizer_come_from_the_data_set(own):
    assert accuracy.sample_texts(None) == []
    texts = accuracy.sample_texts(own)
    assert set(texts) <= set(own.split("test")["text"])
    loaded = tiny.classifier(families.get("bert"))
    assert accuracy.tokenize_ms(loaded, texts, 4, 16) > 0
    assert accuracy.tokenize_ms(loaded, [], 4, 16) is None
    assert accuracy.tokenize_ms(replace(loaded, tokenizer=None), texts, 4, 16) is None


def test_no_data_set_is_none(make_csv):
    assert accuracy.load_dataset(CompareSpec(models="bert@structure")) is None
    spec = CompareSpec(models="bert@structure", dataset=make_csv(), text_column="text")
    assert accuracy.load_dataset(spec).label_names == tiny.LABELS
