"""Where a foreign domain hurts: counted and sorted here by hand, from logits that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sample_transfer as sample

from distill_core.errors import RunError
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.tables import mismatch as tables_mismatch
from distill_core.tables.mismatch import Counts, Pair

PAIR = Pair("movies", "tweets")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def run(store: RunStore) -> Run:
    run = sample.domains_run(store, arms=("pretrained", "bow"))
    sample.keep_answers(run)
    return run


def test_each_text_belongs_to_one_of_four_groups(run: Run) -> None:
    # 0–9 hold "odd"; 10–27 are right for both; 28 for the foreign model alone; 29 for none
    assert tables_mismatch.counts(run, "pretrained", PAIR) == Counts(both=18, only_home=10, only_foreign=1, none=1)


def test_the_texts_are_those_of_the_home_model_alone_the_widest_gap_first(run: Run) -> None:
    frame = tables_mismatch.texts_frame(run, "pretrained", PAIR)
    assert tuple(frame.columns) == tables_mismatch.COLUMNS
    size = 2 + np.arange(9, -1, -1) / 10  # the logits grow with the number of the text
    assert [text.split()[1] for text in frame["text"]] == [f"<b>{i}</b>" for i in range(9, -1, -1)]
    right = 1 / (1 + np.exp(-2 * size))
    np.testing.assert_allclose(frame["home_share"].to_numpy(float), right)
    np.testing.assert_allclose(frame["foreign_share"].to_numpy(float), 1 - right)
    assert frame["label"].tolist() == ["positive" if i % 3 == 0 else "negative" for i in range(9, -1, -1)]
    assert (frame["label"] != frame["foreign_says"]).all()


def test_slices_by_length_and_by_word(run: Run) -> None:
    lengths = tables_mismatch.lengths_frame(run, "pretrained", PAIR)
    assert lengths["slice"].tolist() == ["3 words", "14 words"]
    assert lengths["texts"].tolist() == [20, 10]
    assert lengths["foreign"].tolist() == pytest.approx([19 / 20, 0])
    assert lengths["lost_points"].tolist() == pytest.approx([-5, 100])
    words = tables_mismatch.words_frame(run, "pretrained", PAIR)
    assert words["slice"].tolist() == ["odd", "words"]  # "tweets" stands in all texts and loses no more than they do
    assert words["texts"].tolist() == [10, 10]
    assert (words["home"].tolist(), words["foreign"].tolist()) == ([1, 1], [0, 0])


def test_a_rare_word_that_costs_much_stands_before_a_frequent_one_that_costs_little(store: RunStore) -> None:
    run = sample.domains_run(store, arms=("pretrained",))
    frame = sample.keep_answers(run)
    frame["text"] = ["often rare" if i % 30 < 10 else "often" if i % 30 < 29 else "other" for i in range(len(frame))]
    frame.to_parquet(run.domain_predictions_file, index=False)
    found = tables_mismatch.words_frame(run, "pretrained", PAIR)
    # all texts: 28 − 19 of 30 lost; "often": 28 − 19 of 29; "rare": 10 of 10
    assert found["slice"].tolist() == ["rare", "often"]
    assert found["lost_points"].tolist() == pytest.approx([100, 100 * 9 / 29])


def test_words_of_other_scripts_and_marks_of_tweets_are_words(store: RunStore) -> None:
    run = sample.domains_run(store, arms=("pretrained",))
    frame = sample.keep_answers(run)
    frame["text"] = ["Ach @du süße #Zeit https://x.y" if i % 30 < 10 else "plain" for i in range(len(frame))]
    frame.to_parquet(run.domain_predictions_file, index=False)
    words = set(tables_mismatch.words_frame(run, "pretrained", PAIR)["slice"])
    assert words == {"ach", "@", "süße", "#", "https"}


def test_every_cell_away_from_home_can_be_looked_into(run: Run) -> None:
    found = tables_mismatch.pairs(run, "pretrained")
    assert len(found) == 12
    assert all(pair.train != pair.test for pair in found)
    assert tables_mismatch.pairs(run, "bow") == []  # no answers were kept


def test_of_several_seeds_the_first_is_shown(store: RunStore) -> None:
    run = sample.run_with(
        store, [], domains=sample.DOMAINS, arms=("pretrained",), train_examples=(50, 2000), seeds=2, seed=3
    )
    frame = sample.keep_answers(run)
    frame = frame.rename(columns={name: name.replace(": ", "-2000-3: ") for name in frame.columns if ": " in name})
    frame.to_parquet(run.domain_predictions_file, index=False)
    assert tables_mismatch.counts(run, "pretrained", PAIR).only_home == 10


def test_a_model_that_is_not_tested_yet(run: Run) -> None:
    frame = pd.read_parquet(run.domain_predictions_file)
    frame.loc[frame["domain"] == "tweets", [name for name in frame.columns if "movies: " in name]] = np.nan
    frame.to_parquet(run.domain_predictions_file, index=False)
    with pytest.raises(RunError, match="movies → tweets is not tested yet"):
        tables_mismatch.counts(run, "pretrained", PAIR)
    assert tables_mismatch.counts(run, "pretrained", Pair("nyt", "tweets")).only_home == 10


def test_an_older_run_has_kept_nothing_and_a_damaged_file_says_so(store: RunStore) -> None:
    run = sample.domains_run(store)
    with pytest.raises(RunError, match="kept no predictions"):
        tables_mismatch.pairs(run, "pretrained")
    run.domain_predictions_file.write_bytes(b"nonsense")
    with pytest.raises(RunError, match="damaged"):
        tables_mismatch.pairs(run, "pretrained")
    pd.DataFrame({"text": ["a"], "label": [0], "bow: logit 0": [1.0]}).to_parquet(run.domain_predictions_file)
    with pytest.raises(RunError, match="tell no domain"):
        tables_mismatch.pairs(run, "pretrained")
