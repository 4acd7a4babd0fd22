"""Texts and labels to learn from: the movie sentences where the offline assets lie in the cache, else made-up ones."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.card.plan import Plan
from distill_core.assets import shelf
from distill_core.datasets import catalogue
from distill_core.jobs.supervised import labels_of
from distill_core.settings import settings

LABELS = ("negative", "positive")
_WORDS = (
    ("dull", "loud", "thin", "tired", "clumsy", "cold", "empty", "boring", "flat", "hollow"),
    ("warm", "funny", "moving", "bright", "honest", "clever", "lovely", "great", "rich", "tender"),
)
_FILLERS = ("the film", "this story", "a plot", "the cast", "its ending", "every scene", "the music", "one joke")


@dataclass(frozen=True)
class Lesson:
    """What is learned, by which model, and where it comes from. Labels have the shape (texts,)."""

    source: str
    model: str
    learning_rate: float
    label_names: tuple[str, ...]
    texts: list[str]
    labels: Tensor
    test_texts: list[str]
    test_labels: Tensor


def lesson(plan: Plan) -> Lesson:
    """MiniLM and the movie sentences, or BERT's mini and made-up sentences."""
    if plan.small or not all(shelf.is_complete(shelf.asset(name)) for name in ("minilm", "sentiment")):
        return made_up(plan.train_texts)
    dataset = catalogue.load("movies")
    train, test = dataset.sample_train(plan.train_texts, 0), dataset.split("test")
    return Lesson(
        "movie sentences of the offline assets, MiniLM",
        "minilm",
        1e-4,
        dataset.label_names,
        train["text"].tolist(),
        labels_of(train),
        test["text"].tolist(),
        labels_of(test),
    )


def made_up(n: int) -> Lesson:
    """Sentences of one to four judging words, of which most are of the label's kind; a tenth of the labels is wrong."""
    rng = random.Random(0)
    rows = [_sentence(rng, place % 2) for place in range(2 * n)]
    texts = [text for text, _ in rows]
    labels = torch.tensor([label for _, label in rows])
    source = "made-up sentences, BERT's mini: the offline assets are not in the cache, or little is measured"
    return Lesson(source, "bert@mini", 5e-4, LABELS, texts[:n], labels[:n], texts[n:], labels[n:])


def _sentence(rng: random.Random, label: int) -> tuple[str, int]:
    kinds = [label] * rng.choice((1, 2, 3)) + [1 - label] * rng.choice((0, 0, 1))
    rng.shuffle(kinds)
    clauses = [f"{rng.choice(_FILLERS)} is {rng.choice(_WORDS[kind])}" for kind in kinds]
    return " and ".join(clauses), 1 - label if rng.random() < 0.1 else label


@contextlib.contextmanager
def empty_cache(folder: Path) -> Iterator[None]:
    """Within this block the cache folder is this one: nothing of an earlier training is found."""
    before = os.environ.get("DISTILL_CACHE_DIR")
    os.environ["DISTILL_CACHE_DIR"] = str(folder)
    settings.cache_clear()
    try:
        yield
    finally:
        if before is None:
            del os.environ["DISTILL_CACHE_DIR"]
        else:
            os.environ["DISTILL_CACHE_DIR"] = before
        settings.cache_clear()
