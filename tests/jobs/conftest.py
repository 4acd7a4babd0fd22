"""Jobs as they run in earnest, with models of a few thousand weights and own files of a few dozen texts."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny

from distill_core import families, kinds
from distill_core.corpus.types import Corpus, SourceText, text_digest
from distill_core.datasets import catalogue
from distill_core.launch.inline import InlineLauncher
from distill_core.runs.control import JobContext, Stopped
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings

GOOD = ("warm", "funny", "moving", "great", "honest", "joy")
BAD = ("dull", "bad", "thin", "old", "loud", "long")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILL_THREADS", "1")
    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", "0")  # the disk of the test machine is none of its business
    settings.cache_clear()


@pytest.fixture
def store() -> RunStore:
    return RunStore(settings().runs_dir)


@pytest.fixture
def launcher(store: RunStore) -> InlineLauncher:
    return InlineLauncher(store)


@pytest.fixture
def make_csv(tmp_path: Path) -> Callable[..., str]:
    """An own file whose label is told by its words; its name as a data set."""

    def make(n: int = 80, labels: tuple[str, ...] = tiny.LABELS, name: str = "own.csv") -> str:
        rng = random.Random(0)
        words = (BAD, GOOD, ("story", "family", "sea"))
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            for row in range(n):
                label = row % len(labels)
                drawn = [rng.choice(words[label]) for _ in range(rng.randint(1, 6))]
                writer.writerow([f"the film {' and '.join(drawn)} {row}", labels[label]])
        return f"{catalogue.FILE_PREFIX}{tmp_path / name}"

    return make


@pytest.fixture
def dataset(make_csv: Callable[..., str]) -> str:
    return make_csv()


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., str]:
    """A saved model by family; its reference."""

    def make(key: str = "bert", name: str = "", **more: Any) -> str:
        loaded = tiny.classifier(families.get(key), **more)
        return f"path:{tiny.save(loaded, tmp_path / (name or key))}"

    return make


@pytest.fixture
def do(launcher: InlineLauncher) -> Callable[..., Run]:
    """Run a spec to its end."""
    return lambda **values: launcher.submit(kinds.parse_spec(values))


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The user stops the run when the job looks for the nth time; afterwards nobody does."""

    def plan(number: int) -> None:
        calls = iter(range(10**9))
        check = JobContext.check

        def checked(self: JobContext) -> None:
            if next(calls) == number:
                monkeypatch.setattr(JobContext, "check", check)
                raise Stopped
            check(self)

        monkeypatch.setattr(JobContext, "check", checked)

    return plan


@pytest.fixture
def small_corpus() -> Corpus:
    """Some hundred sentences that say little, in documents of four."""
    rng = random.Random(0)
    sentences = [f"the film is {rng.choice(GOOD + BAD)} and number {n} is {rng.choice(GOOD + BAD)}" for n in range(240)]
    documents = tuple(tuple(sentences[start : start + 4]) for start in range(0, len(sentences), 4))
    source = SourceText("films", "Films", "CC0", True, False, len(documents), len(sentences), 8 * len(sentences))
    names = ("films",) * len(documents)
    return Corpus((source,), documents, names, (), text_digest(names, documents))
