"""A typed text: what is cleaned, what is refused, and that the answer is the model's own, on one thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sample_training
import tiny
import torch

from distill_core import families
from distill_core.datasets import typed_text
from distill_core.errors import DataError, DistillError, ModelError
from distill_core.measure import inference
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    """Reading a text takes the process down to one thread, for good: not in the tests that follow."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A fine-tuning whose saved model is a tiny BERT."""
    run = sample_training.finetune_run(RunStore(tmp_path / "runs"))
    tiny.save(tiny.classifier(families.get("bert")), run.model_dir)
    return run


def test_the_answer_is_the_models(run: Run) -> None:
    model = inference.load(run)
    assert model.label_names == tiny.LABELS
    assert model.loaded.reads() == 64
    text = tiny.SENTENCES[0]
    batch = model.loaded.encode([text], 64).batch([0])
    with torch.inference_mode():
        wanted = model.loaded.model(**batch).logits[0].double().numpy()
    np.testing.assert_allclose(inference.logits(model, text), wanted, atol=1e-6)
    assert torch.get_num_threads() == 1


def test_ten_readers_at_once_get_their_own_answers(run: Run) -> None:
    model = inference.load(run)
    wanted = {text: inference.logits(model, text) for text in tiny.SENTENCES}
    found: dict[str, np.ndarray] = {}
    readers = [
        threading.Thread(target=lambda text=text: found.update({text: inference.logits(model, text)}))
        for text in tiny.SENTENCES
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(timeout=30)
    for text, values in wanted.items():
        np.testing.assert_allclose(found[text], values, atol=1e-6)


def test_a_long_text_is_cut_at_what_the_model_was_trained_on(run: Run) -> None:
    model = inference.load(run)
    assert len(model.loaded.encode(["the film " * 500], model.loaded.reads()).ids[0]) == 64
    assert np.isfinite(inference.logits(model, "the film " * 500)).all()


def test_a_run_without_a_model_or_with_a_damaged_one_says_so(run: Run) -> None:
    (run.model_dir / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="holds no weights"):
        inference.load(run)
    (run.model_dir / "config.json").unlink()
    with pytest.raises(DistillError, match="saved no model"):
        inference.load(run)


def test_a_model_without_a_head_cannot_answer(run: Run) -> None:
    config = json.loads((run.model_dir / "config.json").read_text())
    (run.model_dir / "config.json").write_text(json.dumps({**config, "architectures": ["BertModel"]}))
    with pytest.raises(ModelError, match="no classification head"):
        inference.load(run)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  a good film \n", "a good film"),
        ("half\ud83d a character", "half a character"),
        ("nul\0 and bell\a", "nul and bell"),
        ("cafe\u0301", "café"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("מצוין 👍🏽", "מצוין 👍🏽"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_typed_texts_are_cleaned(typed: str, kept: str) -> None:
    assert typed_text.clean(typed) == kept


@pytest.mark.parametrize("empty", ["", "   \n\t", "\0", "\ud83d", "\u200b\u200b"])
def test_a_text_without_a_character_is_refused(empty: str) -> None:
    with pytest.raises(DataError, match="There is no text yet"):
        typed_text.clean(empty)


def test_a_text_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILL_MAX_TEXT_CHARS", "20")
    settings.cache_clear()
    assert typed_text.clean("a" * 20) == "a" * 20
    with pytest.raises(DataError, match="21 characters; 20 are accepted"):
        typed_text.clean("a" * 21)
