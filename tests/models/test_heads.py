"""The head of a fine-tuned model: kept by the names of its classes, never by their number."""

from __future__ import annotations

import pytest
import tiny
import torch

from distill_core import families
from distill_core.model_ref import parse
from distill_core.models import heads, loading
from distill_core.runs.store import RunStore

each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)
TEXTS = list(tiny.SENTENCES[:4])


@pytest.fixture
def saved(tmp_path):
    """A fine-tuned model of these classes: itself, and how to load it for others."""

    def make(family, labels):
        own = tiny.classifier(family, labels=labels)
        ref = parse(f"path:{tiny.save(own, tmp_path / family.key)}")
        return own, lambda names: loading.load(ref, RunStore(tmp_path), label_names=names)

    return make


def says(loaded):
    loaded.model.eval()
    with torch.inference_mode():
        return loaded.model(**loaded.encode(TEXTS, 32).batch(range(len(TEXTS)))).logits


@each_family
def test_the_head_of_the_same_classes_is_kept(family, saved):
    own, load = saved(family, ("bad", "good"))
    loaded = load(("bad", "good"))
    assert loaded.note == ""
    torch.testing.assert_close(says(loaded), says(own))


@each_family
def test_the_same_classes_in_another_order_keep_their_meaning(family, saved):
    """Files name their classes in sorted order: a model from elsewhere may have them in any."""
    own, load = saved(family, ("c", "a", "b"))
    loaded = load(("a", "b", "c"))
    assert loaded.note == ""
    assert loaded.model.config.id2label == {0: "a", 1: "b", 2: "c"}
    torch.testing.assert_close(says(loaded), says(own)[:, [1, 2, 0]])


@each_family
@pytest.mark.parametrize("names", [("fine", "poor"), ("one", "two", "three")])
def test_other_classes_get_a_fresh_head(family, saved, names):
    """(bad, good) and (fine, poor) are as many, and sorted names would turn good into poor."""
    own, load = saved(family, ("bad", "good"))
    torch.manual_seed(1)
    loaded = load(names)
    body = f"{loaded.model.base_model_prefix}."
    before, after = own.model.state_dict(), dict(loaded.model.named_parameters())
    head = [name for name in after if not name.startswith(body)]
    assert head
    for name, parameter in after.items():
        same = before[name].shape == parameter.shape and torch.equal(before[name], parameter)
        assert same != (name in head), name
    matrices = [after[name] for name in head if after[name].ndim > 1]
    assert all(matrix.std() > 0 for matrix in matrices)
    assert after[head[-1]].shape[0] == len(names)
    assert "bad, good" in loaded.note
    assert ", ".join(names) in loaded.note
    torch.manual_seed(1)
    torch.testing.assert_close(says(load(names)), says(loaded))  # seeded


def test_the_case_of_a_name_is_let_go_as_everywhere(saved):
    own, load = saved(families.get("bert"), ("NEGATIVE", "POSITIVE"))
    torch.testing.assert_close(says(load(("negative", "positive"))), says(own))
    assert heads.columns(("Good", "good"), ("good", "Good")) == [1, 0]
    assert heads.columns(("Good", "good"), ("good", "GOOD")) is None


def test_a_pre_trained_model_has_no_head_to_speak_of(tmp_path):
    folder = tiny.save_masked_lm(families.get("bert"), tmp_path / "mlm")
    loaded = loading.load(parse(f"path:{folder}"), RunStore(tmp_path), label_names=("a", "b"))
    assert (loaded.note, loaded.max_length, loaded.weights) == ("", None, "pretrained")
