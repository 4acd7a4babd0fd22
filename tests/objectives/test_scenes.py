"""The scenes of the page Objectives: every token is there, answers fit their gaps, each kind of tokenizer is read."""

from __future__ import annotations

from pathlib import Path

import pytest
import sample_objectives as sample

from distill_core import families, objective_facts
from distill_core.errors import DataError, SpecError
from distill_core.objectives import scenes, shown_tokens
from distill_core.objectives.table import OBJECTIVES
from distill_core.results.scenes import Scene
from distill_core.tables import objectives as tables_objectives

TEXT = "The film is dull. The best of the story is one funny joke! It is too long."
each = pytest.mark.parametrize("key", OBJECTIVES)
GAPS = ("masked", "random", "same", "hidden")


@pytest.fixture(params=["words", "minis"])
def tokenizers(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Without any tokenizer, and with one of each family's own kind in the place of the minis'."""
    monkeypatch.setattr(shown_tokens, "DATA", tmp_path)
    shown_tokens._from_files.cache_clear()
    if request.param == "minis":
        for key in OBJECTIVES:
            sample.tokenizer(key).save_pretrained(tmp_path / "minis" / key)
    return str(request.param)


def read(key: str, text: str = TEXT) -> shown_tokens.Reader:
    return shown_tokens.reader(families.get(key), text)


def tokens(key: str, text: str = TEXT) -> list[str]:
    """The text's tokens as the page shows them."""
    reader = read(key, text)
    return [reader.pieces[token] for sentence in reader.sentences(text) for token in sentence]


def chips(scene: Scene, *kinds: str) -> list[str]:
    return [chip.text for passage in scene.passages for chip in passage.chips if chip.kind in kinds]


@each
@pytest.mark.parametrize("draw", [1, 2])
def test_every_gap_has_its_answer(tokenizers: str, key: str, draw: int) -> None:
    """The text is whole again when each numbered gap is filled with the answer of its number."""
    scene = scenes.scene(key, TEXT, draw)
    own = tokens(key)
    if key == "gpt":
        assert chips(scene, "text") == own
        assert chips(scene, "answer") == own[1:]
    elif key == "bart":
        assert chips(scene, "answer") == own
    elif key == "t5":
        assert sorted(chips(scene, "text", "answer")) == sorted(own)
    elif key == "electra":
        generator, discriminator = (passage.chips for passage in scene.passages[:2])
        assert [chip.number for chip in generator] == [chip.number for chip in discriminator]
        kept = [chip.text for chip in discriminator if chip.kind in ("text", "same")]
        assert len(kept) == len(own) - len([chip for chip in discriminator if chip.kind == "replaced"])
    else:
        answers = {chip.number: chip.text for one in scene.passages for chip in one.chips if chip.kind == "answer"}
        rows = [one.chips for one in scene.passages if any(chip.kind == "special" for chip in one.chips)]
        filled = [
            answers[chip.number] if chip.kind in GAPS else chip.text
            for row in rows
            for chip in row
            if chip.kind != "special"
        ]
        if key == "albert":  # swapped parts: the same tokens in another order
            assert sorted(filled) == sorted(own)
        elif key != "bert":
            assert filled == own
        else:  # random second parts stand between
            assert [token for token in filled if token in own][: len(own)][0] == own[0]
            assert len(filled) == scene.n_tokens >= len(own)
        assert len(answers) == (scene.n_signal if key != "distilbert" else len(answers))
    assert 0 < scene.n_signal <= scene.n_tokens


@each
def test_the_same_draw_comes_back(tokenizers: str, key: str) -> None:
    first, again, *others = (scenes.scene(key, TEXT, draw) for draw in (3, 3, 4, 5, 6))
    assert first == again
    assert all(first == other for other in others) == (key == "gpt")


def test_the_tokenizer_is_named(tokenizers: str) -> None:
    title = scenes.scene("bart", TEXT, 1).tokenizer
    assert title == (
        "byte-level BPE of its mini"
        if tokenizers == "minis"
        else "whole words, since the byte-level BPE of this family is not on this machine"
    )


@each
def test_special_tokens_that_are_typed_are_no_special_tokens(tokenizers: str, key: str) -> None:
    """A typed "[MASK]" would look like a gap without an answer."""
    text = "the [MASK] film </s> is <extra_id_0> dull [SEP] <mask> <cls>"
    reader = read(key, text)
    row = reader.vocabulary
    ids = [token for sentence in reader.sentences(text) for token in sentence]
    assert not {row.mask, row.first, row.last, *row.sentinels} - {None} & set(ids)
    assert scenes.scene(key, text, 1).n_tokens >= len(ids)


@pytest.mark.parametrize(
    ("piece", "kind", "expected"),
    [
        ("Ġfilm", "byte-bpe", "film"),
        ("Ã©t", "byte-bpe", "ét"),
        ("ðŁĺ", "byte-bpe", "F0 9F 98"),
        ("<mask>", "byte-bpe", "<mask>"),
        ("Ġ", "byte-bpe", "␣"),
        ("##age", "wordpiece", "age"),
        ("▁the", "unigram", "the"),
        ("▁", "unigram", "␣"),
        ("film</w>", "bpe", "film"),
    ],
)
def test_pieces_are_shown_as_characters(piece: str, kind: str, expected: str) -> None:
    assert shown_tokens._shown(piece, kind) == expected


@each
def test_pieces_of_one_word_are_joined(tokenizers: str, key: str) -> None:
    """As the tokenizer's own word numbers say. (The tiny byte-level one marks no space at the very beginning.)"""
    text = "a funny film with heart"
    joined = [chip.joined for chip in scenes._texts(read(key, text), read(key, text).encode(text))]
    if tokenizers == "words":
        assert joined == [False] * 5
        return
    numbers = sample.tokenizer(key)(text, add_special_tokens=False).word_ids()
    expected = [place > 0 and number == numbers[place - 1] for place, number in enumerate(numbers)]
    assert joined[1:] == expected[1:]
    assert 1 < joined.count(False) < len(joined)


def test_names_and_phrases_of_the_text_are_ernies_units(tokenizers: str) -> None:
    text = "The sea film is dull. The best sea film is too long. We met near Lake Victoria in summer."
    scene = scenes.scene("ernie", text, 1)
    found = [(chip.text.replace("·", ""), chip.remark) for one in scene.passages for chip in one.chips if chip.remark]
    assert ("lake victoria", "name") in [(name.lower(), kind) for name, kind in found]
    assert ("sea film", "phrase") in found


def test_a_long_text_is_cut(tokenizers: str) -> None:
    scene = scenes.scene("gpt", "film " * 2000, 1)
    assert (scene.n_signal, scene.n_tokens) == (119, 120)


def test_no_word_is_an_error(tokenizers: str) -> None:
    with pytest.raises(DataError, match="no text"):
        scenes.scenes(" \n", 1)


def test_the_frame_of_the_figure() -> None:
    found = [Scene(key, "words", (), 40, signal) for key, signal in (("bert", 6), ("gpt", 39), ("electra", 40))]
    frame = tables_objectives.signals(found)
    assert frame["title"].tolist() == ["ELECTRA", "GPT", "BERT"]
    assert frame["share"].tolist() == [1.0, 0.975, 0.15]
    assert tables_objectives.signals([]).empty


# ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_facts_are_those_of_the_ten() -> None:
    assert tuple(objective_facts.BY_KEY) == tuple(OBJECTIVES)
    assert "arXiv:1810.04805, §3.1" in objective_facts.BY_KEY["bert"].paper
    assert "OpenAI technical report, §3.1" in objective_facts.BY_KEY["gpt"].paper
    assert "Knowledge Integration (1.0), arXiv:1904.09223, §3.2" in objective_facts.BY_KEY["ernie"].paper


@each
def test_the_code_that_is_shown_is_there(key: str) -> None:
    assert len(objective_facts.BY_KEY[key].source()) > 100


def test_code_that_is_gone_is_noticed() -> None:
    row = objective_facts.BY_KEY["bert"]
    gone = objective_facts.ObjectiveFacts(**{**vars(row), "code": ("objectives/masking", "no_such_thing")})
    with pytest.raises(SpecError, match="no_such_thing"):
        gone.source()


@each
def test_the_shares_are_those_of_a_long_text(key: str) -> None:
    """What the facts promise, against a count over 40,000 tokens."""
    documents = sample.long_documents(40_000)
    found = OBJECTIVES[key].corrupt(documents, sample.wide_vocabulary(), 128, sample.generator())
    assert found.n_signal / found.n_tokens == pytest.approx(objective_facts.BY_KEY[key].share, abs=0.015)
