"""The official checkpoints of all ten families, from the Hub to an answer: the same as the model that was saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from fakehub import FakeHub, Repo
from official_checkpoints import TEXTS, Checkpoint

from distill_core import hub, model_ref
from distill_core.errors import DistillError, ModelError
from distill_core.families import FAMILIES, Family
from distill_core.models import loading
from distill_core.runs.store import RunStore

FINE_TUNED = [family for family in FAMILIES if family.sst2_hub_id is not None]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def same_weights(loaded: Any, saved: Any) -> bool:
    ours, theirs = loaded.state_dict(), saved.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.key)
def test_the_official_checkpoint_loads(
    official_hub: FakeHub, official: dict[str, Checkpoint], store: RunStore, family: Family
) -> None:
    loaded = loading.load(model_ref.parse(f"{family.key}@hub"), store)
    assert loaded.commit == official_hub.repos[family.hub_id].commit
    assert loaded.family is family
    assert loaded.weights == "pretrained"
    assert same_weights(loaded.model, official[family.hub_id].model)
    asked = len(official_hub.requests)
    again = loading.load(model_ref.parse(f"hub:{family.hub_id}"), store, label_names=("negative", "positive"))
    assert len(official_hub.requests) == asked
    with torch.inference_mode():
        batch = again.encode(TEXTS, 32).batch(range(len(TEXTS)))
        assert again.model.eval()(**batch).logits.shape == (len(TEXTS), 2)


@pytest.mark.parametrize("family", FINE_TUNED, ids=lambda family: family.key)
def test_the_fine_tuned_checkpoint_answers_as_the_saved_model(
    official_hub: FakeHub, official: dict[str, Checkpoint], store: RunStore, family: Family
) -> None:
    repo = family.sst2_hub_id or ""
    loaded = loading.load(model_ref.parse(f"{family.key}@sst2"), store)
    assert loaded.commit == official_hub.repos[repo].commit
    assert loaded.weights == "fine-tuned"
    assert loaded.label_names == ("negative", "positive")
    batch = loaded.encode(TEXTS, 48).batch(range(len(TEXTS)))
    saved = official[repo].model
    with torch.inference_mode():
        logits = loaded.model.eval()(**batch).logits
        expected = _answers(saved, loaded.tokenizer, batch) if family.key == "t5" else saved(**batch).logits
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    assert hub.check_labels(repo, saved.config).order == (0, 1) or family.key == "t5"


def _answers(model: Any, tokenizer: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Log-likelihood of "negative" and of "positive" for each text, one at a time. Shape: (batch, 2)."""
    rows = []
    for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
        text = ids[mask.bool()].unsqueeze(0)
        scores = []
        for word in ("negative", "positive"):
            answer = torch.tensor([tokenizer(word).input_ids])
            scores.append(-model(input_ids=text, labels=answer).loss * answer.shape[1])  # the loss is a mean
        rows.append(torch.stack(scores))
    return torch.stack(rows)


def test_t5_is_asked_in_its_own_words(official_hub: FakeHub, store: RunStore) -> None:
    loaded = loading.load(model_ref.parse("t5@sst2"), store)
    assert loaded.label_names == ("negative", "positive")
    asked = loaded.encode(["a fine film"], 32).ids[0].tolist()
    assert asked == loaded.tokenizer("sst2 sentence: a fine film").input_ids


@pytest.mark.parametrize("family", ["gpt", "ernie"])
def test_where_no_fine_tuned_checkpoint_is_known_it_is_said(store: RunStore, family: str) -> None:
    with pytest.raises(ModelError, match="No public fine-tuned checkpoint"):
        loading.load(model_ref.parse(f"{family}@sst2"), store)


def test_a_checkpoint_with_code_of_its_own_loads_without_it(official_hub: FakeHub, store: RunStore) -> None:
    files = official_hub.repos["google-bert/bert-base-uncased"].files
    config = {**json.loads(files["config.json"]), "auto_map": {"AutoModel": "evil.Evil", "AutoConfig": "evil.Config"}}
    evil = {**files, "config.json": json.dumps(config).encode(), "evil.py": b"raise SystemExit('code was run')"}
    official_hub.repos["org/evil"] = Repo(evil)
    loaded = loading.load(model_ref.parse("hub:org/evil"), store)
    assert type(loaded.model).__name__ == "BertModel"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tokenizer.json": None}, "has no tokenizer"),
        ({"model.safetensors": None, "pytorch_model.bin": b"pickled"}, "pickled weights are never loaded"),
        ({"config.json": b'{"model_type": "llama"}'}, "not one of the ten families"),
        pytest.param({"config.json": b'{"model_type": "bert", "hidden_size": "many"}'}, "config"),
        ({"tokenizer.json": b"{}"}, "tokenizer"),
    ],
)
def test_a_broken_checkpoint_is_one_sentence(
    official_hub: FakeHub, store: RunStore, change: dict[str, bytes | None], words: str
) -> None:
    files = {**official_hub.repos["google-bert/bert-base-uncased"].files, **change}
    official_hub.repos["org/broken"] = Repo({name: data for name, data in files.items() if data is not None})
    with pytest.raises(DistillError, match=words):
        loading.load(model_ref.parse("hub:org/broken"), store)
