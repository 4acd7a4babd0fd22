"""Checks of an own data set, each against a frame made by hand; and own files under a name."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from distill_core.datasets import data_checks, upload_names, uploads
from distill_core.errors import DataError

NAMES = ("bad", "good")


def frame_of(rows: list[tuple[str, int, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["text", "label", "split"])


def clean(n: int = 400) -> pd.DataFrame:
    splits = ["train"] * 8 + ["validation", "test"]
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
    return frame_of(
        [(f"{words[i % 10]} {words[i // 10 % 10]} {words[i // 100]} tale", i % 2, splits[i % 10]) for i in range(n)]
    )


def test_a_sound_file_passes_all_but_the_size_of_its_test() -> None:
    found = {one.key: one for one in data_checks.check(clean(), NAMES, 64)}
    assert {key for key, one in found.items() if one.level == "warning"} == {"test_size"}
    assert found["test_size"].title == "40 test texts"
    assert found["leakage"].title == "No text stands in two splits"
    assert "“bad” is right on 50 %" in found["balance"].detail or "“good” is right on 50 %" in found["balance"].detail


def test_equal_texts_in_two_splits_are_leakage() -> None:
    frame = frame_of([("A  Film", 0, "train"), ("a film", 0, "test"), ("another one", 1, "train")])
    found = data_checks.leakage(frame)
    assert (found.level, found.title, found.examples) == ("warning", "1 text in two splits", ("a film",))


def test_the_reader_never_makes_such_a_leak() -> None:
    rows = "".join(f"Text {i % 30} here,{'ab'[i % 2]}\n" for i in range(120))
    dataset = uploads.read_csv(f"text,label\n{rows}".encode())
    assert data_checks.leakage(dataset.frame).level == "good"


def test_near_copies_differ_in_digits_and_signs_alone() -> None:
    frame = frame_of([("Order 17 is late!", 0, "train"), ("order 18 is late", 0, "test"), ("fine thing", 1, "test")])
    found = data_checks.near_leakage(frame)
    assert found.title == "1 text of the test nearly copied"
    assert found.examples == ("order 18 is late",)
    assert data_checks.near_leakage(frame_of([("17", 0, "train"), ("18", 0, "test")])).level == "good"


@pytest.mark.parametrize(("large", "level"), [(4, "good"), (5, "warning")])
def test_imbalance_begins_above_four_to_one(large: int, level: str) -> None:
    found = data_checks.balance(frame_of([("x", 1, "train")] * large + [("y", 0, "train")]), NAMES)
    assert found.level == level
    assert f"“good” is right on {100 * large / (large + 1):.0f} %" in found.detail


def test_conflicts_short_texts_and_long_ones() -> None:
    frame = frame_of(
        [
            ("Same text", 0, "train"),
            ("same  TEXT", 1, "train"),
            ("ok", 1, "train"),
            ("…", 0, "train"),
            ("one, two; three", 1, "test"),
        ]
    )
    assert data_checks.conflicts(frame).title == "1 text with two labels"
    assert data_checks.near_empty(frame).title == "2 texts of fewer than 2 words"
    # three words, two signs and a token at each end
    assert data_checks.too_long(frame, 6).title == "1 text longer than 6 tokens (20 %)"
    assert data_checks.too_long(frame, 7).level == "good"


def test_what_the_test_can_tell() -> None:
    found = data_checks.size_of_test(frame_of([("x", 0, "test")] * 400))
    assert (found.level, found.title) == ("good", "400 test texts")
    assert "± 3.9 points" in found.detail  # 1.96 · √(0.8 · 0.2 / 400)


def test_the_table_of_the_classes() -> None:
    frame = frame_of([("a", 0, "train"), ("b", 1, "train"), ("c", 1, "test"), ("d", 1, "test")])
    table = data_checks.balance_frame(frame, NAMES)
    assert list(table["label"]) == ["bad", "good"]
    assert table[["train", "validation", "test"]].to_numpy().tolist() == [[1, 0, 0], [1, 0, 2]]
    assert list(table["share"]) == [0.25, 0.75]


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────

CSV = b"text,label\n" + b"".join(f"film {i} was {w},{w}\n".encode() for i in range(12) for w in ("bad", "good"))


def test_a_file_is_found_again_by_its_name() -> None:
    dataset = uploads.keep(CSV)
    one = upload_names.keep_as("  Film   reviews ", dataset)
    assert one.name == "Film reviews"
    assert upload_names.kept() == [one]
    assert str(one.dataset) == dataset
    other = f"{uploads.keep(CSV + b'more film,good')}#text=label,label=text"
    upload_names.keep_as("Film reviews", other)
    assert [str(kept.dataset) for kept in upload_names.kept()] == [other]
    upload_names.forget("Film reviews")
    upload_names.forget("never kept")
    assert upload_names.kept() == []


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "bell\a"])
def test_names_that_nobody_can_read_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="1 to 60 characters"):
        upload_names.keep_as(name, uploads.keep(CSV))


def test_only_uploads_get_a_name() -> None:
    with pytest.raises(DataError, match="not stored here"):
        upload_names.keep_as("secrets", "file:/etc/passwd")


def test_damaged_entries_and_lost_files_are_passed_over() -> None:
    one = upload_names.keep_as("a", uploads.keep(CSV))
    path = next(upload_names._names().glob("*.json"))
    path.with_name("0123456789abcdef.json").write_text(
        '{"name": "b", "digest": "../../x", "text_column": "t", "label_column": "l"}'
    )
    path.with_name("broken.json").write_text("{")
    no_column = {"name": "c", "digest": one.digest, "text_column": "", "label_column": "l"}
    upload_names._path("c").write_text(json.dumps(no_column))
    assert upload_names.kept() == [one]
    upload_names._uploads().joinpath(f"{one.digest}.csv").unlink()
    assert upload_names.kept() == []


def test_there_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_names, "MAX_NAMES", 1)
    dataset = uploads.keep(CSV)
    upload_names.keep_as("a", dataset)
    upload_names.keep_as("a", dataset)
    with pytest.raises(DataError, match="names are kept already"):
        upload_names.keep_as("b", dataset)
