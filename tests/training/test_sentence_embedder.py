"""Sentence embeddings of a teacher, and first embeddings of a student from them, against the sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
import torch
from sklearn.decomposition import PCA

from distill_core import families
from distill_core.machine import devices
from distill_core.model_ref import Ref
from distill_core.models import loading
from distill_core.models.loading import LoadedModel
from distill_core.training import sentence_embedder, warm_start

TEXTS = list(tiny.SENTENCES)


@pytest.fixture
def teacher():
    family = families.get("bert")
    return LoadedModel(Ref("minilm", "minilm"), family, tiny.backbone(family), tiny.tokenizer(family), "pretrained")


@pytest.fixture
def device():
    return devices.resolve("cpu", threads=1)


def test_an_embedding_is_the_mean_of_its_tokens_states_at_length_one(teacher, device):
    found = sentence_embedder.embeddings(teacher, TEXTS, 128, device)
    for row, text in enumerate(TEXTS):
        ids = torch.tensor([teacher.tokenizer(text)["input_ids"]])
        with torch.no_grad():
            states = teacher.model(input_ids=ids).last_hidden_state[0]
        mean = states.mean(0).numpy()
        np.testing.assert_allclose(found[row].numpy(), mean / np.linalg.norm(mean), atol=1e-5)


def test_pieces_and_their_order_change_nothing(teacher, device, monkeypatch):
    whole = sentence_embedder.embeddings(teacher, TEXTS, 64, device)
    monkeypatch.setattr(sentence_embedder, "PIECE", 3)
    for process in (0, 1, 2):
        monkeypatch.setattr(sentence_embedder.os, "getpid", lambda process=process: process)
        torch.testing.assert_close(sentence_embedder.embeddings(teacher, TEXTS, 64, device), whole, atol=1e-5, rtol=0)


def test_processes_take_the_pieces_in_different_orders(monkeypatch):
    """Else the second would wait for each piece that the first computes, and compute none."""
    starts, orders = list(range(0, 130, 10)), []
    for process in (4000, 4001, 4002):
        monkeypatch.setattr(sentence_embedder.os, "getpid", lambda process=process: process)
        orders.append(tuple(sentence_embedder._own_order(starts)))
        assert sorted(orders[-1]) == starts
    assert len(set(orders)) == 3


def test_a_second_student_costs_no_teacher_pass(teacher, device):
    first = sentence_embedder.embeddings(teacher, TEXTS, 64, device)
    teacher.model.forward = None  # cannot be called any more
    assert torch.equal(sentence_embedder.embeddings(teacher, TEXTS, 64, device), first)


def test_no_texts_give_no_rows(teacher, device):
    assert sentence_embedder.embeddings(teacher, [], 64, device).shape == (0, teacher.model.config.hidden_size)


def test_token_vectors_are_the_principal_components_of_the_teachers_view(teacher, device):
    student = tiny.tokenizer(families.get("roberta"))
    width = 4
    found = warm_start.token_vectors(teacher, student, width, device)
    words = [
        student.convert_tokens_to_string([token]).strip()
        for token in student.convert_ids_to_tokens(range(len(student)))
    ]
    used = [i for i, word in enumerate(words) if word and i not in student.all_special_ids]
    views = sentence_embedder.embeddings(teacher, [words[i] for i in used], 16, device).numpy()
    wanted = PCA(width, svd_solver="full").fit_transform(views)
    mine = found[used].numpy()
    for axis in range(width):  # an axis may point either way
        correlation = np.corrcoef(mine[:, axis], wanted[:, axis])[0, 1]
        assert abs(correlation) == pytest.approx(1, abs=1e-3)
    assert mine.std() == pytest.approx(1, abs=1e-2)
    assert not found[student.all_special_ids].any()


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)
def test_a_warm_start_keeps_the_scale_and_leaves_special_tokens(family):
    model = loading.build_classifier(loading.build_config(family, tiny.fields(family)), tiny.LABELS)
    table = model.get_input_embeddings().weight
    before = table.detach().clone()
    vectors = torch.randn(*before.shape, generator=torch.Generator().manual_seed(0))
    vectors[:2] = 0
    warm_start.warm_up(model, vectors)
    assert torch.equal(table[:2], before[:2])
    torch.testing.assert_close(table[2:], vectors[2:] * before.std(), atol=1e-6, rtol=1e-5)
