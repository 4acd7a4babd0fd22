"""The ten minis that ship in data/minis: whole, small, honest about their making, and of use before any label."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from distill_core import families, kinds
from distill_core.cli import minis
from distill_core.corpus import sources
from distill_core.datasets import catalogue
from distill_core.families import FAMILIES
from distill_core.model_ref import Ref
from distill_core.models import loading, parameters
from distill_core.models.tokens import sorted_batches
from distill_core.runs.store import RunStore

MEGABYTE = 10**6
TEXT = "A warm, funny film with a big heart: 日本 🙂"

pytestmark = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.key)


@pytest.fixture
def loaded(family, tmp_path):
    return loading.load(Ref("mini", family.key), RunStore(tmp_path))


def card_of(family):
    return json.loads((minis.FOLDER / family.key / "card.json").read_text(encoding="utf-8"))


def test_it_is_small_and_has_nothing_but_weights_tokenizer_and_card(family):
    files = {path.name: path.stat().st_size for path in (minis.FOLDER / family.key).iterdir()}
    assert files.keys() == {"card.json", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert sum(files.values()) < 6 * MEGABYTE  # ten of them below 60 MB


def test_it_is_of_its_family_and_of_the_common_size(family, loaded):
    assert loaded.family is family
    assert loaded.weights == "pretrained"
    assert family.distilled == ("before" in card_of(family))
    layers = 1 if family.distilled else 2  # half of its teacher's
    assert all(getattr(loaded.model.config, field) == layers for field in family.shape.layers)
    assert all(getattr(loaded.model.config, field) == 128 for field in family.shape.width)
    assert 1 * MEGABYTE < parameters.count(loaded.model) < 4 * MEGABYTE
    assert all(torch.isfinite(weights).all() for weights in loaded.model.parameters())
    assert loaded.model.dtype == torch.float32
    assert len(loaded.tokenizer) == loaded.model.config.vocab_size
    assert len(loaded.encode([TEXT], 64).ids[0]) > 8


def test_its_card_tells_how_it_was_made(family, loaded):
    card = card_of(family)
    result = card["result"]
    assert result["family"] == family.key
    assert result["held_out"]["cosine"] < 0.5 * result["held_out_before"]["cosine"]
    assert result["tokens"] > 5 * MEGABYTE
    assert result["train_s"] > 0
    assert len(result["corpus_sha256"]) == 64
    assert len(result["sources"]) == len(sources.table())
    assert card["environment"]["cpu"]
    assert card["curve"][0]["loss"] > card["curve"][-1]["loss"]
    asked = kinds.parse_spec(card["spec"])
    assert asked.model_copy(update={"start": None}) == minis.request(family.key)
    assert bool(asked.start) == ("before" in card)
    earlier = [kinds.parse_spec(one["spec"]) for one in card.get("before", ())]
    steps = minis.recipe(minis.request(family.key))
    assert len(steps) == len(earlier) + 1
    for step, spec in zip(steps, earlier, strict=False):
        ref = spec.teacher or spec.start
        assert step(ref.name) == spec


@pytest.mark.slow
@pytest.mark.assets
def test_what_it_says_of_a_text_tells_more_than_random_weights_do(family, loaded):
    """A linear probe on the state that a classifier reads: frozen networks, 600 labels, 1,037 test texts."""
    movies = catalogue.load("movies")
    train, test = movies.sample_train(600, 0), movies.split("test")
    torch.manual_seed(0)
    twin = loading.build_classifier(loaded.model.config, movies.label_names).base_model
    found = []
    for network in (loaded.model, twin):
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, C=0.05))
        probe.fit(read(loaded, network, train["text"]), train["label"])
        found.append(probe.score(read(loaded, network, test["text"]), test["label"]))
    assert found[0] > found[1] + 0.05


def read(loaded, network, texts) -> np.ndarray:
    """The last state of the token that the family's classifier reads. Shape: (texts, width)."""
    encoded = loaded.encode(texts.tolist(), 64)
    rows = np.zeros((len(encoded), 128))
    with torch.inference_mode():
        for indices in sorted_batches(encoded.lengths, 64):
            batch = encoded.batch(indices)
            more = {}
            if network.config.is_encoder_decoder:  # the decoder reads the text once more, one token behind
                shifted = batch["input_ids"].roll(1, 1)
                shifted[:, 0] = network.config.decoder_start_token_id
                more = {"decoder_input_ids": shifted}
            hidden = network.eval()(**batch, **more).last_hidden_state
            last = batch["attention_mask"].shape[1] - 1 if loaded.family.padding_side == "left" else None
            ends = torch.full((len(indices),), last) if last is not None else batch["attention_mask"].sum(1) - 1
            place = torch.zeros_like(ends) if loaded.family.pooled_token == "first" else ends
            rows[indices] = hidden[torch.arange(len(indices)), place].numpy()
    return rows


def test_it_can_be_named_like_every_model(family):
    assert str(Ref("mini", family.key)) == f"{family.key}@mini"
    assert families.get(family.key) is family
