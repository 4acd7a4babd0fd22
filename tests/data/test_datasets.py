"""Named data sets: counts, labels, splits without leaks, nested samples, and a cache that may be damaged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import distill_core
from distill_core.assets import archives, shelf
from distill_core.datasets import catalogue, prepare, splits
from distill_core.datasets.dataset import Dataset
from distill_core.errors import DataError
from distill_core.settings import PROJECT, settings

OFFLINE = ("movies", "amazon", "nyt", "tweets", "topics")


def make(rows: int = 400, positive: float = 0.7, extra: int = 0) -> Dataset:
    """A data set of three classes when `extra` rows of a rare one are wanted, else of two."""
    labels = [int(row < positive * rows) for row in range(rows)] + [2] * extra
    texts = [f"text number {row}" for row in range(len(labels))]
    frame = pd.DataFrame({"id": [str(row) for row in range(len(labels))], "text": texts, "label": labels})
    frame["split"] = splits.by_hash_in_classes(splits.group_keys(texts), labels)
    return Dataset("made", "Made", frame, ("no", "yes", "rare")[: 2 + bool(extra)], "here", "MIT")


# ── splits ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_normalize_sees_the_same_text() -> None:
    assert splits.normalize("  Groß\tE\n FILM ") == splits.normalize("gross e film")


def test_groups_join_parents_and_equal_texts() -> None:
    keys = splits.group_keys(["b", "a", "A ", "d", "e"], ["p1", "p1", "p2", "p2", "p3"])
    assert keys == ["a", "a", "a", "a", "e"]


def test_hash_split_is_stable_and_near_the_shares() -> None:
    keys = [f"text {row}" for row in range(5000)]
    split = splits.by_hash(keys)
    assert split[:6] == splits.by_hash(keys[:6])
    shares = pd.Series(split).value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.8, abs=0.02)
    assert shares["test"] == pytest.approx(0.1, abs=0.02)


# ── samples ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_samples_are_nested_stratified_and_deterministic() -> None:
    data = make()
    big, small = data.sample_train(200, 3), data.sample_train(50, 3)
    assert small.equals(big.head(50))
    assert big.equals(data.sample_train(200, 3))
    assert not big["id"].equals(data.sample_train(200, 4)["id"])
    assert small["label"].mean() == pytest.approx(0.7, abs=0.03)
    assert set(big["split"]) == {"train"}
    assert big["id"].is_unique


def test_sample_does_not_depend_on_the_order_of_the_file() -> None:
    data = make()
    turned = Dataset("made", "Made", data.frame.iloc[::-1].reset_index(drop=True), data.label_names, "here", "MIT")
    assert turned.sample_train(60, 1).equals(data.sample_train(60, 1))


def test_a_rare_class_is_in_the_smallest_sample() -> None:
    assert set(make(extra=4).sample_train(3, 0)["label"]) == {0, 1, 2}


def test_sample_of_all_and_of_too_many() -> None:
    data = make()
    assert len(data.sample_train(0, 0)) == data.train_size == len(data.split("train"))
    assert len(data.sample_train(10**6, 0, clamp=True)) == data.train_size
    with pytest.raises(DataError, match="1,000,000 training texts were asked for") as caught:
        data.sample_train(10**6, 0)
    assert caught.value.hint == f"Ask for 2 to {data.train_size:,}."  # what train_examples and labels take
    with pytest.raises(DataError):
        data.sample_train(-1, 0)


def test_describe_counts() -> None:
    shown = make().describe(examples_per_label=3)
    assert sum(shown.rows.values()) == 400
    assert shown.balance.groupby("split")["share"].sum().round(9).eq(1).all()
    assert shown.majority_share == pytest.approx(0.7, abs=0.02)
    assert (shown.words_p50, shown.words_max) == (3, 3)
    assert shown.examples["label"].value_counts().to_dict() == {"no": 3, "yes": 3}


def test_unknown_split_and_name() -> None:
    with pytest.raises(DataError, match="Unknown split 'dev'"):
        make().split("dev")
    with pytest.raises(DataError, match="Unknown data set 'movie'") as caught:
        catalogue.load("movie")
    assert "Did you mean movies?" in caught.value.hint
    with pytest.raises(DataError, match="Unknown data set"):
        catalogue.info("\0" * 300)


def test_info_is_complete_and_needs_no_torch() -> None:
    assert set(OFFLINE) | {"sst2", "imdb", "ag_news"} == set(catalogue.names())
    for name in catalogue.names():
        info = catalogue.info(name)
        assert all([info.title, info.domain, info.license, info.source, info.rows])
        assert info.needs_hub == (name not in OFFLINE)
    code = (
        "import sys; from distill_core.datasets import catalogue; catalogue.names(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0


# ── preparing, from small made-up sources ────────────────────────────────────────────────────────────────────


@pytest.fixture
def small_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    lines = [
        f"{row // 4}_{row % 4}\t{(row % 5 - 2) * 1.1}\tText number {row} &amp;quot;x&amp;quot;" for row in range(400)
    ]
    lines += ["7_9\t0.5\tdropped, too near to zero", "8_9\t-2\tText NUMBER 1  &quot;x&quot;", "damaged line"]
    (folder / "amazonReviewSnippets_GroundTruth.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.setattr(shelf, "ensure", lambda name, on_progress=None: folder)
    return folder


def test_label_rule_and_entities(small_source: Path) -> None:
    data = catalogue.load("amazon")
    assert len(data.frame) == 321
    assert data.frame["label"].value_counts().to_dict() == {0: 161, 1: 160}
    assert data.frame["text"].iloc[0] == 'Text number 0 "x"'
    assert any(note.startswith("Label = sign of the mean rating") and "81 of 402" in note for note in data.notes)
    assert any("1 texts repeat an earlier one" in note for note in data.notes)


def test_parents_and_equal_texts_stay_together(small_source: Path) -> None:
    frame = catalogue.load("amazon").frame
    parent = frame["id"].str.split("_").str[0]
    assert (frame["split"].groupby(parent).nunique() == 1).all()
    joined = frame[parent.isin(["0", "8"])]  # the copy in document 8 ties it to document 0
    assert joined["split"].nunique() == 1


def test_second_load_needs_no_source(small_source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = catalogue.load("amazon")
    monkeypatch.setattr(shelf, "ensure", None)
    again = catalogue.load("amazon")
    assert again.frame.equals(first.frame)
    assert (again.notes, again.commit) == (first.notes, first.commit)


@pytest.mark.parametrize("damage", ["empty", "half", "bytes", "foreign"])
def test_damaged_cache_is_prepared_again(small_source: Path, damage: str) -> None:
    first = catalogue.load("amazon")
    (path,) = (settings().cache_dir / "datasets").glob("amazon-*.parquet")
    raw = path.read_bytes()
    if damage == "foreign":
        pd.DataFrame({"a": [1]}).to_parquet(path)
    else:
        changed = {"empty": b"", "half": raw[: len(raw) // 2], "bytes": raw[:60] + b"\xff" * 40 + raw[100:]}
        path.write_bytes(changed[damage])
    assert catalogue.load("amazon").frame.equals(first.frame)
    assert path.read_bytes() == raw


def test_full_disk_does_not_stop_a_load(small_source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(prepare.pq, "write_table", full)
    assert len(catalogue.load("amazon").frame) == 321


def test_topics_drop_double_articles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for topic in catalogue.info("topics").label_names:
        (tmp_path / topic).mkdir()
        for number in range(12):
            (tmp_path / topic / f"{number:03}.txt").write_bytes(f"{topic} {number % 10}\n\n\xa3 5".encode("latin-1"))
    monkeypatch.setattr(shelf, "ensure", lambda name, on_progress=None: tmp_path)
    data = catalogue.load("topics")
    assert len(data.frame) == 50
    assert data.notes[0].startswith("10 of 60 articles were dropped")
    assert data.notes[1].startswith("49 more differ in the title alone")
    assert data.frame["split"].nunique() == 1  # all bodies are equal
    assert data.frame["text"].iloc[0].endswith("£ 5")


def test_official_splits_from_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = pd.DataFrame(
        {"sentence": [f"train {row} " for row in range(300)] + ["TEST 1"], "label": [0, 1] * 150 + [1]}
    )
    test = pd.DataFrame({"sentence": ["test 1", "test 2", "no label"], "label": [0, 1, -1]})
    (tmp_path / "data").mkdir()
    for frame, file in zip((train, test), catalogue.info("sst2").hub_files.values(), strict=True):
        frame.to_parquet(tmp_path / file)
    asked = []

    def fetch_dataset(repo: str, files: tuple[str, ...]) -> SimpleNamespace:
        asked.append((repo, files))
        return SimpleNamespace(path=tmp_path, commit="abc")

    fake = SimpleNamespace(fetch_dataset=fetch_dataset)
    monkeypatch.setitem(sys.modules, "distill_core.hub", fake)
    monkeypatch.setattr(distill_core, "hub", fake, raising=False)
    data = catalogue.load("sst2")
    assert asked[0][0] == "stanfordnlp/sst2"
    assert data.commit == "abc"
    assert data.split("test")["text"].tolist() == ["test 1", "test 2"]
    assert data.split("validation").shape[0] == pytest.approx(30, abs=15)
    assert "TEST 1" not in set(data.frame["text"])
    assert any(" texts were dropped because a text with the same words" in note for note in data.notes)
    assert any("1 texts without a label" in note for note in data.notes)
    (tmp_path / "data").rename(tmp_path / "gone")
    assert catalogue.load("sst2").commit == "abc"
    settings().cache_dir.joinpath("datasets").rename(tmp_path / "also-gone")
    with pytest.raises(DataError, match="cannot be read"):
        catalogue.load("sst2")


# ── the real ones: the counts and reference accuracies of the sources ────────────────────────────────────────


@pytest.mark.assets
@pytest.mark.parametrize(
    ("name", "rows", "positive"),
    [("movies", 10_043, 0.496), ("amazon", 2_940, 0.586), ("nyt", 2_788, 0.395), ("tweets", 3_288, 0.687)],
)
def test_real_counts(name: str, rows: int, positive: float) -> None:
    data = catalogue.load(name)
    assert len(data.frame) == catalogue.info(name).rows == rows
    assert data.frame["label"].mean() == pytest.approx(positive, abs=0.001)


@pytest.mark.assets
@pytest.mark.parametrize("name", OFFLINE)
def test_real_data_has_no_leak(name: str) -> None:
    data = catalogue.load(name)
    frame = data.frame
    assert len(frame) == catalogue.info(name).rows
    assert frame["id"].is_unique
    assert (frame["split"].groupby(frame["text"].map(splits.normalize)).nunique() == 1).all()
    shares = frame["split"].value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.8, abs=0.05)
    assert shares["test"] == pytest.approx(0.1, abs=0.03)
    if catalogue.info(name).by_parent:
        assert (frame["split"].groupby(frame["id"].str.split("_").str[0]).nunique() == 1).all()
    assert not frame["text"].str.contains(r"&(?:amp|quot|lt|gt);", regex=True).any()


@pytest.mark.assets
@pytest.mark.parametrize(("name", "accuracy"), [("movies", 0.79), ("amazon", 0.79), ("nyt", 0.68), ("tweets", 0.856)])
def test_real_data_gives_the_reference_accuracy(name: str, accuracy: float) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    data = catalogue.load(name)
    train, test = data.split("train"), data.split("test")
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=1000))
    model.fit(train["text"], train["label"])
    assert model.score(test["text"], test["label"]) == pytest.approx(accuracy, abs=0.03)


@pytest.mark.assets
def test_archive_hash_is_the_provenance() -> None:
    assert catalogue.load("movies").commit == shelf.asset("sentiment").sha256
    assert archives.digest({}) != ""
