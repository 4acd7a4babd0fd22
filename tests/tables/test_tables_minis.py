"""What the minis are, in words: the numbers of the cards that ship, and nothing that these do not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distill_core.families import FAMILIES
from distill_core.tables import minis as tables_minis


def card(**changes: Any) -> dict[str, Any]:
    result = {
        "params": 1_500_000,
        "texts": 99_488,
        "tokens": 8_000_000,
        "lesson": "embeddings",
        "sources": ["Movie reviews"],
    }
    return {"spec": {}, "result": {**result, **changes}}


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, **cards: dict[str, Any]) -> str:
    """The text about these minis; each has two layers, one that was distilled one."""
    layers = {"bert": "num_hidden_layers", "gpt": "n_layer", "distilbert": "n_layers"}
    types = {"bert": "bert", "gpt": "openai-gpt", "distilbert": "distilbert"}
    for key, value in cards.items():
        (folder / key).mkdir()
        (folder / key / "card.json").write_text(json.dumps(value), encoding="utf-8")
        depth = 1 if "before" in value else 2
        config = {"model_type": types[key], layers[key]: depth}
        (folder / key / "config.json").write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setattr(tables_minis, "FOLDER", folder)
    return tables_minis.about()


def test_it_says_what_the_shipped_cards_say() -> None:
    """Against the cards, read here without the code under test."""
    paths = [tables_minis.FOLDER / family.key / "card.json" for family in FAMILIES]
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    results = [one["result"] for one in cards]
    said = tables_minis.about()
    millions = [result["params"] / 1e6 for result in results]
    assert f"{min(millions):.1f}–{max(millions):.1f} M parameters" in said
    assert {result["lesson"] for result in results} == {"embeddings"}
    assert all(one["spec"]["warm_start"] for one in cards)
    assert {result["texts"] for result in results} == {99_488}
    assert "MiniLM's sentence embeddings, not by their family's own objective, from the same 99,488 sentences" in said
    assert all("Movie reviews" in result["sources"] for result in results)
    assert len({result["corpus_sha256"] for result in results}) == 1
    assert "movie training texts without their labels among them" in said
    assert f"{min(result['tokens'] for result in results) / 1e6:.1f}–" in said
    assert ": 2 layers, T5 and BART 2 + 2" in said
    assert len(said) < 640


def test_a_distilled_mini_is_told_from_one_that_only_has_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").mkdir()
    said = written(tmp_path / "one", monkeypatch, bert=card(), distilbert=card())
    assert ": 2 layers, 1.5 M parameters" in said
    assert said.endswith("DistilBERT mini was not distilled from BERT mini.")
    (tmp_path / "two").mkdir()
    before = [{"spec": {"start": "bert@mini"}}, {"spec": {}}]
    distilled = {**card(params=1_300_000), "before": before}
    said = written(tmp_path / "two", monkeypatch, bert=card(), gpt=card(), distilbert=distilled)
    assert ": 2 layers, DistilBERT 1, 1.3–1.5 M parameters" in said
    assert said.endswith(
        "DistilBERT mini was first cut out of BERT mini and taught by it, by DistilBERT's triple loss."
    )


def test_nothing_is_claimed_that_a_card_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").mkdir()
    said = written(tmp_path / "one", monkeypatch, bert=card(), gpt=card(sources=["Moby-Dick"]))
    assert "movie" not in said
    (tmp_path / "two").mkdir()
    said = written(tmp_path / "two", monkeypatch, bert=card(), gpt=card(lesson="objective"))
    assert "MiniLM" not in said
    (tmp_path / "none").mkdir()
    assert written(tmp_path / "none", monkeypatch) == ""


def test_a_mini_of_another_size_than_today_is_named():
    now = json.loads((tables_minis.FOLDER / "bert" / "card.json").read_text())["result"]["params"]
    assert (
        tables_minis.older([("bert@mini", now), ("bert@mini", now + 258), ("minilm", 1), ("bert@structure", 1)]) == ""
    )
    assert tables_minis.older([("bert@mini", 2 * now)]) == (
        f"Measured before a mini was made anew: BERT mini had {2 * now / 1e6:.2f} M parameters."
    )
    assert tables_minis.older([("bert@mini", None)]) == ""
    assert tables_minis.older([]) == ""
