"""Which class is positive: a wrong order would turn 92 % into 8 % without any error."""

from __future__ import annotations

import csv

import pytest

from distill_core.families import FAMILIES
from distill_core.hub import check_labels, dataset_order, text_labels
from distill_core.settings import DATA

NAMELESS = {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}


@pytest.mark.parametrize("family", [row for row in FAMILIES if row.sst2_hub_id], ids=lambda row: row.key)
def test_every_fine_tuned_checkpoint_of_the_table_has_an_order_or_answer_words(family) -> None:
    repo = family.sst2_hub_id
    words = text_labels(repo)
    if words is not None:
        assert (words.prefix, words.words) == ("sst2 sentence: ", ("negative", "positive"))
    else:
        assert check_labels(repo, NAMELESS).names == ("negative", "positive")
        assert dataset_order(repo, NAMELESS) == (0, 1)


def test_what_is_not_checked_says_so() -> None:
    assert "not a checked one" in check_labels("ModelTC/bart-base-sst2", NAMELESS).note
    assert "documented" in check_labels("textattack/bert-base-uncased-SST-2", NAMELESS).note


@pytest.mark.parametrize(
    ("names", "order"),
    [(("NEGATIVE", "POSITIVE"), (0, 1)), (("POSITIVE", "NEGATIVE"), (1, 0)), (("pos", "neg"), (1, 0))],
)
def test_names_that_say_it_are_believed_even_against_the_table(names: tuple[str, str], order: tuple[int, int]) -> None:
    config = {"id2label": dict(enumerate(names))}
    for repo in ("someone/else", "textattack/bert-base-uncased-SST-2"):
        labels = check_labels(repo, config)
        assert (labels.names, labels.order) == (names, order)
        assert bool(labels.note) == (order == (1, 0))


@pytest.mark.parametrize("names", [("LABEL_0", "LABEL_1"), ("0", "1")])
def test_an_unknown_repository_without_names_has_no_order(names: tuple[str, str]) -> None:
    labels = check_labels("someone/else", {"id2label": dict(enumerate(names))})
    assert (labels.names, labels.order) == (names, None)
    assert "the order is unknown" in labels.note


@pytest.mark.parametrize(
    "names", [("World", "Sports", "Business"), ("entailment", "contradiction"), ("negative", "neutral", "positive")]
)
def test_other_classes_are_no_sentiment(names: tuple[str, ...]) -> None:
    labels = check_labels("textattack/bert-base-uncased-SST-2", {"id2label": dict(enumerate(names))})
    assert (labels.names, labels.order, labels.note) == (names, None, "")


def test_a_config_without_names_counts_as_nameless() -> None:
    assert dataset_order("textattack/bert-base-uncased-SST-2", {}) == (0, 1)
    assert dataset_order("someone/else", {}) is None


def test_a_checkpoint_known_to_be_broken_has_no_order() -> None:
    assert dataset_order("textattack/xlnet-large-cased-SST-2", NAMELESS) is None


def test_no_repository_is_listed_twice_with_different_orders() -> None:
    with (DATA / "finetuned.csv").open(encoding="utf-8", newline="") as file:
        repos = [row["hub_id"] for row in csv.DictReader(file) if not row["hub_id"].startswith("(")]
    assert len(repos) == len(set(repos))
