"""The command `corpus`: list, fetch, prepare."""

from __future__ import annotations

import json
from typing import Any

import pytest
from toy_registry import RATED, Registry

from distill_core.cli.main import main

BOOK = "The first sentence of the book.  The second one is here!"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]):
    def run(*arguments: str) -> dict[str, Any]:
        assert main([*arguments, "--json"]) == 0
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return run


@pytest.fixture
def two_texts(registry: Registry) -> Registry:
    registry.add("book", {"a.txt": BOOK})
    registry.add("gone", {"a.txt": BOOK})
    registry.take_away("gone")
    return registry


def test_list_asks_nobody(two_texts: Registry, cli) -> None:
    rows = {row["name"]: row for row in cli("corpus")["sources"]}
    assert list(rows) == [*RATED, "book", "gone"]
    assert rows["book"] == {
        "name": "book",
        "title": "Book",
        "license": "CC0-1.0",
        "registry": "npm",
        "present": False,
        "mb": 0.0,
        "documents": None,
        "sentences": None,
        "words": None,
    }


def test_fetch_names_what_is_missing(two_texts: Registry, cli) -> None:
    document = cli("corpus", "fetch", "book", "gone")
    assert {row["name"]: row["present"] for row in document["sources"]} == {"book": True, "gone": False}
    (missing,) = document["missing"]
    assert missing["name"] == "gone"
    assert "npm is not installed" in missing["reason"]


def test_prepare_counts(two_texts: Registry, cli) -> None:
    document = cli("corpus", "prepare")
    rows = {row["name"]: row for row in document["sources"]}
    assert (rows["book"]["documents"], rows["book"]["sentences"], rows["book"]["words"]) == (1, 2, 11)
    assert rows["gone"]["sentences"] is None
    assert document["sentences"] == sum(row["sentences"] or 0 for row in rows.values())
    assert len(document["digest"]) == 64
    assert any(note.startswith("Gone was left out. ") for note in document["notes"])


def test_for_people(two_texts: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus", "prepare"]) == 0
    out = capsys.readouterr().out
    assert "- Book: 2 of 2 sentences stay; none was left out." in out
    assert "n/a" in out
