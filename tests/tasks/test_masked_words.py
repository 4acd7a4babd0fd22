"""Masked words as a task: gaps that are drawn anew, gaps that stay, and answers at the gaps alone."""

from __future__ import annotations

import pandas as pd
import pytest
import tiny
import torch

from distill_core import families
from distill_core.datasets.dataset import Dataset
from distill_core.errors import DataError
from distill_core.machine import devices
from distill_core.measure import evaluate
from distill_core.model_ref import Ref
from distill_core.models.gaps import mask_tokens
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import IGNORED
from distill_core.tasks.masked_words import TASK

CPU = devices.Device(torch.device("cpu"), "float32", 1)
FRAME = pd.DataFrame({"text": [*tiny.SENTENCES, "", "a warm film"]})


@pytest.fixture
def model():
    family = families.get("bert")
    return LoadedModel(Ref("path", "bert"), family, tiny.masked_lm(family).eval(), tiny.tokenizer(family), "pretrained")


def test_gaps_come_from_the_global_generator_and_are_those_of_mask_tokens(model):
    text = TASK.encode(model, FRAME, 24)
    rows = [3, 0, 5]
    torch.manual_seed(7)
    batch = text.ask(rows)
    plain = text.batch(rows)
    special = torch.isin(plain["input_ids"], torch.tensor(model.tokenizer.all_special_ids))
    torch.manual_seed(7)
    expected = mask_tokens(
        plain["input_ids"],
        plain["attention_mask"].bool() & ~special,
        model.tokenizer.mask_token_id,
        len(model.tokenizer),
    )
    assert torch.equal(batch.inputs["input_ids"], expected.input_ids)
    assert torch.equal(batch.places, expected.labels != IGNORED)
    assert torch.equal(batch.targets, plain["input_ids"][batch.places])
    assert batch.counts == tuple(batch.places.sum(-1).tolist())
    assert not torch.equal(text.ask(rows).places, batch.places)  # anew
    assert text.token_ids is None


def test_a_probe_hides_the_same_words_for_every_model(model):
    torch.manual_seed(1)
    probe = TASK.probe(model, FRAME, 24)
    torch.manual_seed(2)
    again = TASK.probe(model, FRAME, 24)
    assert len(probe) == len(FRAME)
    assert probe.lengths == sorted(probe.lengths)
    for one, other in ((probe.ids, again.ids), (probe.targets, again.targets)):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    words = sum(len(row) - 2 for row in TASK.encode(model, FRAME, 24).ids)
    assert 0.05 * words < probe.n_known < 0.3 * words


def test_answers_at_the_gaps_are_those_of_the_whole_model(model):
    probe = TASK.probe(model, FRAME, 24)
    logits, targets = evaluate.answers(TASK, model.model, probe, CPU)
    rows = range(len(probe))
    batch = probe.ask(rows)
    with torch.inference_mode():
        whole = model.model(**batch.inputs).logits[batch.places]
    torch.testing.assert_close(logits, whole, rtol=0, atol=1e-5)
    assert torch.equal(targets, batch.targets)
    (score,) = TASK.scores(logits, targets)
    assert (score.value, score.n) == (float((whole.argmax(-1) == targets).double().mean()), len(targets))
    assert score.low <= score.value <= score.high


def test_where_nothing_is_asked_nothing_is_claimed():
    assert TASK.scores(torch.zeros(0, 7), torch.zeros(0, dtype=torch.long)) == ()
    assert TASK.scores(torch.zeros(2, 7), torch.tensor([IGNORED, IGNORED])) == ()


def test_the_first_test_texts_are_taken_and_none_are_refused():
    frame = pd.DataFrame({"id": list("abcd"), "text": list("wxyz"), "label": 0, "split": ["test"] * 3 + ["train"]})
    dataset = Dataset("toy", "Toy", frame, ("one",), "", "")
    assert TASK.test_rows(dataset, 2)["text"].tolist() == ["w", "x"]
    assert TASK.test_rows(dataset, 0)["text"].tolist() == ["w", "x", "y"]
    with pytest.raises(DataError, match="no test texts"):
        TASK.test_rows(Dataset("toy", "Toy", frame.iloc[3:], ("one",), "", ""), 0)
