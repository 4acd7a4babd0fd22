"""Accuracy, its interval, and what a student shares with its teacher: against tables and counting by hand."""

from __future__ import annotations

import math
import random

import pytest
import tiny
import torch

from distill_core import families
from distill_core.machine import devices
from distill_core.measure import evaluate

CPU = devices.Device(torch.device("cpu"), "float32", 1)


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
        (1, 1, 0.2065, 1.0),
        (0, 1, 0.0, 0.7935),
        (81, 263, 0.2553, 0.3662),  # Newcombe (1998, Statist. Med. 17:857, Table I), score method
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(correct, n, low, high):
    found = evaluate.wilson(correct, n)
    assert found.accuracy == correct / n
    assert (round(found.ci_low, 4), round(found.ci_high, 4)) == (low, high)
    assert found.n_eval == n


def test_wilson_limits_solve_the_equation_that_defines_them():
    """The score interval holds the shares p with |correct/n − p| ≤ z √(p (1 − p) / n): at its ends they are equal."""
    for correct, n in ((1, 7), (33, 40), (987, 1000), (5, 100_000)):
        found = evaluate.wilson(correct, n)
        for p in (found.ci_low, found.ci_high):
            assert math.isclose(abs(correct / n - p), 1.959963984540054 * math.sqrt(p * (1 - p) / n), rel_tol=1e-9)


def test_wilson_never_leaves_0_to_1_nor_its_own_share():
    for n in (1, 2, 3, 17, 1000, 123_457):
        for correct in {0, 1, n // 2, n - 1, n}:
            found = evaluate.wilson(correct, n)
            assert 0 <= found.ci_low <= found.accuracy <= found.ci_high <= 1


def test_accuracy_is_the_share_of_the_most_likely_class():
    logits = torch.tensor([[0.1, 0.9, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 5.0], [1.0, 3.0, 2.0]])
    found = evaluate.accuracy(logits, torch.tensor([1, 0, 1, 1]))
    assert (found.accuracy, found.n_eval) == (0.75, 4)


def test_agreement_equals_counting_one_by_one():
    random.seed(1)
    generator = torch.Generator().manual_seed(1)
    student, teacher = (torch.randn(200, 3, generator=generator) for _ in range(2))
    labels = torch.tensor([random.randrange(3) for _ in range(200)])
    counts = dict.fromkeys(("same", "inherited", "new", "repaired"), 0)
    kl = 0.0
    for row in range(200):
        s, t, label = int(student[row].argmax()), int(teacher[row].argmax()), int(labels[row])
        counts["same"] += s == t
        counts["inherited"] += s != label and t != label
        counts["new"] += s != label and t == label
        counts["repaired"] += s == label and t != label
        p, q = ([math.exp(x) for x in side[row].tolist()] for side in (teacher, student))
        p, q = [x / sum(p) for x in p], [x / sum(q) for x in q]
        kl += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) / 200
    found = evaluate.compare_with_teacher(student, teacher, labels)
    assert found.agreement == counts["same"] / 200
    assert (found.inherited_errors, found.new_errors, found.repaired_errors) == (
        counts["inherited"],
        counts["new"],
        counts["repaired"],
    )
    assert found.kl_to_teacher == pytest.approx(kl, rel=1e-5)


def test_a_student_that_is_its_teacher_agrees_in_everything():
    logits = torch.randn(20, 2, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(20) % 2
    found = evaluate.compare_with_teacher(logits, logits, labels)
    assert (found.agreement, found.new_errors, found.repaired_errors) == (1.0, 0, 0)
    assert found.kl_to_teacher == pytest.approx(0, abs=1e-7)
    assert found.inherited_errors == int((logits.argmax(-1) != labels).sum())


def test_predict_keeps_the_order_of_the_texts_and_the_mode_of_the_model():
    loaded = tiny.classifier(families.get("bert"))
    texts = [*tiny.SENTENCES, ""] * 3
    encoded = loaded.encode(texts, 64)
    with torch.inference_mode():
        one_by_one = torch.cat([loaded.model(**encoded.batch([row])).logits for row in range(len(texts))])
    loaded.model.train()
    calls = []
    found = evaluate.predict(loaded.model, encoded, CPU, batch_size=4, check=lambda: calls.append(1))
    torch.testing.assert_close(found, one_by_one, rtol=0, atol=1e-5)
    assert loaded.model.training
    assert len(calls) == math.ceil(len(texts) / 4)
    assert not found.is_inference()  # else a later loss on it would fail


def test_predict_of_no_text_is_empty():
    loaded = tiny.classifier(families.get("bert"))
    assert evaluate.predict(loaded.model, loaded.encode([], 64), CPU).numel() == 0
