"""Twins: one normal form, together in one split whatever the source, and counted where two data sets meet."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from distill_core.assets import shelf
from distill_core.datasets import catalogue, splits, twins, uploads
from distill_core.settings import settings

CASES = Path(__file__).resolve().parent.parent / "cases"
OFFLINE = ("movies", "amazon", "nyt", "tweets", "topics")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What a FILM!!", "what a film"),
        ("caf\u00e9", "cafe\u0301"),
        ("CAFE\u0301", "caf\u00e9"),
        ("gro\u00df", "GROSS"),
        ("a\u200bb\u00adc", "abc"),
        ("\uff46\uff49lm", "film"),
        ("one  two\n three", "one, two; three"),
        ("so $ good", "so good"),
        ("\U0001f44d\ufe0f ok", "\U0001f44d ok"),
    ],
)
def test_one_form(one: str, other: str) -> None:
    assert twins.form(one) == twins.form(other) == twins.form(twins.form(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("9 of 10", "8 of 10"),
        ("caf\u00e9", "cafe"),
        ("good", "goods"),
        ("\U0001f600", "\U0001f4a9"),
        ("\U0001f600", "\U0001f600\U0001f600"),
        (":)", ":("),
        ("?", "!"),
        ("\u0915\u093e", "\u0915\u0940"),  # two syllables of Hindi that differ in a vowel sign
    ],
)
def test_other_forms(one: str, other: str) -> None:
    assert twins.form(one) != twins.form(other)


def test_the_earlier_split_gives_way() -> None:
    texts = ["a b", "A, b", "A b!", "alone", "c", "C."]
    split = ["train", "validation", "test", "train", "train", "validation"]
    assert twins.held_back(texts, split) == [True, True, False, False, True, False]
    assert twins.held_back(["a", "A"], ["train", "train"]) == [False, False]


def test_long_texts_are_copies_with_a_sentence_more() -> None:
    words = [f"word{number}" for number in range(100)]
    whole, longer = " ".join(words), " ".join([*words, "and", "much", "more", "of", "this"])
    half = " ".join([*words[:50], *(f"other{number}" for number in range(50))])
    texts, split = [longer, half, "too short", whole, "TOO short"], ["train", "train", "train", "test", "train"]
    assert twins.held_back(texts, split, long=True) == [True, False, False, False, False]
    assert twins.held_back(texts, split) == [False] * 5


def test_told_counts_test_texts() -> None:
    assert twins.told(["A film!", "a film", "other", ""], ["a  FILM", "x"]) == 2
    assert twins.told([], ["a"]) == 0


def test_both_spellings_of_an_accent_stand_in_one_split() -> None:
    frame = uploads.read_csv(CASES / "twins-nfc-nfd.csv").frame
    spellings = frame["text"].map(lambda text: unicodedata.normalize("NFC", text))
    assert len(frame) == 120
    assert spellings.nunique() == 60
    assert (frame["split"].groupby(spellings).nunique() == 1).all()
    parts = {name: frame.loc[frame["split"] == name, "text"] for name in splits.SPLITS}
    assert min(map(len, parts.values())) > 0
    assert twins.told(parts["test"], parts["train"]) == twins.told(parts["validation"], parts["train"]) == 0


def test_emoji_are_texts_of_their_own() -> None:
    frame = uploads.read_csv(CASES / "emoji-only.csv").frame
    assert len(set(frame["text"].map(twins.form))) == len(frame) == 60


def test_a_built_in_set_keeps_its_test_and_drops_its_twins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text goes where its own hash says, and the twin in the earlier split is dropped: no test text is lost."""
    plain = [f"Text number {row} of the source" for row in range(300)]
    lines = [f"{row}\t{2 * (-1) ** row}\t{text}" for row, text in enumerate(plain)]
    monkeypatch.setattr(shelf, "ensure", lambda name, on_progress=None: tmp_path)
    file = tmp_path / catalogue.info("movies").file
    file.write_text("\n".join(lines), encoding="utf-8")
    alone = catalogue.load("movies")
    copied = [f"{300 + row}\t{2 * (-1) ** row}\t{text}!" for row, text in enumerate(plain)]
    file.write_text("\n".join([*lines, *copied]), encoding="utf-8")
    for cached in (settings().cache_dir / "datasets").glob("*.parquet"):
        cached.unlink()
    both = catalogue.load("movies")
    assert set(alone.split("test")["text"]) <= set(both.split("test")["text"])
    forms = both.frame["text"].map(twins.form)
    assert (both.frame["split"].groupby(forms).nunique() == 1).all()
    dropped = 600 - len(both.frame)
    assert dropped > 50
    assert any("were dropped because a text with the same words" in note for note in both.notes)


# ── one rule for all data ────────────────────────────────────────────────────────────────────────────────────────


def test_a_test_text_is_one_in_every_file() -> None:
    keys = [f"text {row}" for row in range(3000)]
    by_hash = dict(zip(keys, splits.by_hash(keys), strict=True))
    for size in (30, 200, 3000):
        part = keys[:size]
        own = splits.by_hash_in_classes(part, [row % 3 for row in range(size)])
        assert {own[row] for row, key in enumerate(part) if by_hash[key] == "test"} == {"test"}
        assert "train" not in {own[row] for row, key in enumerate(part) if by_hash[key] == "validation"}
        assert own.count("test") == pytest.approx(size / 10, abs=3 + size / 50)


@pytest.mark.parametrize(("rows", "least"), [(1, 0), (2, 0), (3, 1), (10, 1), (100, 10)])
def test_each_class_has_its_share(rows: int, least: int) -> None:
    for shift in range(20):
        split = splits.by_hash_in_classes([f"text {shift} {row}" for row in range(rows)], [0] * rows)
        assert min(split.count("test"), split.count("validation")) >= least
        assert split.count("train") >= 1


@pytest.mark.assets
@pytest.mark.parametrize("seed", range(3))
def test_a_file_drawn_from_a_built_in_set_is_split_as_that(seed: int) -> None:
    movies = catalogue.load("movies")
    rows = movies.frame.sample(400, random_state=seed)
    table = pd.DataFrame({"text": rows["text"], "label": [movies.label_names[label] for label in rows["label"]]})
    own = uploads.read_csv(table.to_csv(index=False).encode())
    assert len(own.frame) == 400
    assert twins.told(own.split("test")["text"], movies.split("train")["text"]) == 0
    assert twins.told(movies.split("test")["text"], own.split("train")["text"]) == 0


@pytest.mark.assets
@pytest.mark.parametrize("name", OFFLINE)
def test_no_built_in_test_text_has_a_twin_elsewhere(name: str) -> None:
    frame = catalogue.load(name).frame
    assert (frame["split"].groupby(frame["text"].map(twins.form)).nunique() == 1).all()
    assert not any(twins.held_back(frame["text"].tolist(), frame["split"].tolist(), long=name == "topics"))
