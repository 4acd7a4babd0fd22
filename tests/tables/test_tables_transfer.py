"""Transfer experiments as frames: which run is which, means and spreads, differences, domains, what moved."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd
import pytest
import sample_training
import sample_transfer as sample

from distill_core.datasets import known_splits
from distill_core.figures import domain_matrix
from distill_core.plans import transfer_plan
from distill_core.results import ErrorInfo, FinetuneArmResult
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec, FinetuneSpec
from distill_core.tables import moved as tables_moved
from distill_core.tables import transfer as tables
from distill_core.tables import transfer_leads


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


# ── which experiment ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spec", "experiment"),
    [
        ({"train_examples": "50,200"}, "curves"),
        ({"arms": "head,top2,pretrained"}, "unfreeze"),
        ({"arms": "lora", "train_examples": "50,200"}, "unfreeze"),
        ({"domains": "movies,tweets"}, "domains"),
        ({"domains": "movies"}, None),
        ({"test_datasets": "tweets", "arms": "bow"}, "domains"),
        ({"arms": "pretrained,scratch,frozen,bow"}, None),
    ],
)
def test_the_spec_tells_the_experiment(store: RunStore, spec: dict[str, object], experiment: str | None) -> None:
    assert tables.experiment_of(store.create(FinetuneSpec.model_validate(spec))) == experiment


def test_other_runs_and_damaged_ones_are_no_experiment(store: RunStore) -> None:
    other = store.create(CompareSpec(models="minilm"))
    assert tables.experiment_of(other) is None
    (other.path / "spec.json").write_text("{")
    assert tables.experiment_of(other) is None


def test_domains_are_called_by_name_and_own_files_show_no_folder(store: RunStore) -> None:
    names = ("movies", "file:/srv/secret/a.csv", "file:/srv/secret/b.csv")
    rows = [sample.cell("bow", 100, dataset=train, test_dataset=test) for train in names for test in names]
    run = sample.run_with(store, rows, domains=names, arms="bow", train_examples=100)
    frame = tables.domain_frame(run)
    assert frame["test"].tolist() == ["movies", "an own file", "an own file 2"] * 3
    assert frame["majority"].isna().tolist() == [False, True, True] * 3
    assert len(domain_matrix.draw(frame, "bow").data)


def test_the_newest_run_of_an_experiment(store: RunStore) -> None:
    curves, domains = sample.curves_run(store), sample.domains_run(store)
    queued = store.create(FinetuneSpec(train_examples="50,200"))
    runs = [queued, domains, curves]
    assert tables.newest(runs, "curves") == curves  # the queued one has nothing to show
    assert tables.newest(runs, "domains") == domains
    assert tables.newest(runs, "moved") == domains
    assert tables.newest(runs, "unfreeze") is None


# ── learning curves ──────────────────────────────────────────────────────────────────────────────────────────────


def test_curves_are_means_over_seeds_with_both_spreads(store: RunStore) -> None:
    rows = [sample.cell("bow", 100, seed, accuracy=value) for seed, value in enumerate((0.6, 0.62, 0.67))]
    frame = tables.curve_frame(sample.run_with(store, rows, train_examples="100,200", arms="bow", seeds=3))
    assert tuple(frame.columns) == tables.CURVE_COLUMNS
    (row,) = frame.to_dict("records")
    assert row["accuracy"] == pytest.approx((0.6 + 0.62 + 0.67) / 3)
    assert (row["seed_low"], row["seed_high"], row["seeds"]) == (0.6, 0.67, 3)
    assert row["ci_low"] == pytest.approx(0.63 - 0.025)
    assert (row["title"], row["n_eval"], row["train_examples"]) == ("Bag of words", 1037, 100)


def test_rows_with_an_error_and_other_test_sets_stay_out_of_the_curve(store: RunStore) -> None:
    error = ErrorInfo(kind="model", message="Out of memory.")
    rows = [
        sample.cell("bow", 100, accuracy=0.6),
        sample.cell("bow", 100, accuracy=0.4, test_dataset="tweets"),
        FinetuneArmResult(arm="scratch", train_examples=100, seed=0, error=error),
    ]
    frame = tables.curve_frame(sample.run_with(store, rows, train_examples="100,200", arms="bow,scratch"))
    assert list(frame["arm"]) == ["bow"]
    assert frame["accuracy"][0] > 0.5


def test_an_older_result_without_names_of_data_sets_still_reads(store: RunStore) -> None:
    run = sample.run_with(store, [sample.cell("bow", 100, dataset="", test_dataset="")], train_examples="100,200")
    assert len(tables.curve_frame(run)) == 1


@pytest.mark.parametrize("build", [tables.curve_frame, tables.unfreeze_frame, tables.domain_frame])
def test_frames_without_a_result_are_empty_and_typed(store: RunStore, build: type) -> None:
    frame = build(store.create(FinetuneSpec(domains="movies,tweets")))
    assert frame.empty
    assert frame["accuracy"].dtype == "Float64"


def test_the_lead_is_taken_at_the_size_nearest_to_200(store: RunStore) -> None:
    frame = tables.curve_frame(sample.curves_run(store, sizes=(25, 150, 4000), seeds=1))
    found = transfer_leads.lead(frame)
    assert found is not None
    assert (found.train_examples, found.first, found.second) == (150, "Fine-tuned", "Bag of words")
    cells = frame.set_index(["arm", "train_examples"])["accuracy"]
    assert found.gap == pytest.approx(cells["pretrained", 150] - cells["bow", 150])
    assert found.low < found.gap < found.high


def test_there_is_no_lead_before_both_arms_have_a_common_size(store: RunStore) -> None:
    rows = [sample.cell("pretrained", 100), sample.cell("bow", 200)]
    assert transfer_leads.lead(tables.curve_frame(sample.run_with(store, rows, train_examples="100,200"))) is None
    assert transfer_leads.lead(pd.DataFrame({"arm": [], "train_examples": []})) is None


# ── unfreezing ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_depths_are_ordered_by_what_they_train(store: RunStore) -> None:
    frame = tables.unfreeze_frame(sample.unfreeze_run(store))
    assert list(frame["arm"]) == ["head", "lora", "top1", "top2", "top4", "pretrained"]
    assert list(frame["title"])[-2:] == ["Top 4 layers", "All layers"]
    assert frame["share_trained"].iloc[0] == pytest.approx(148_610 / 22_713_986)
    assert frame["share_trained"].iloc[-1] == 1


def test_ways_to_learn_that_are_no_depth_stay_out(store: RunStore) -> None:
    rows = [sample.cell("head", 100, accuracy=0.6), sample.cell("bow", 100), sample.cell("frozen", 100)]
    frame = tables.unfreeze_frame(sample.run_with(store, rows, arms="head,bow,frozen"))
    assert list(frame["arm"]) == ["head"]


def test_runs_that_differ_in_the_decay_alone_join_the_picture(store: RunStore) -> None:
    run, slower = sample.unfreeze_run(store), sample.unfreeze_run(store, decay=0.9, lift=0.01)
    other = sample.run_with(store, [sample.cell("head", 500, accuracy=0.7)], arms="head", train_examples="500")
    frame = tables.with_other_decays(run, [other, slower, sample.curves_run(store)])
    assert len(frame) == 12
    assert set(frame["label"]) >= {"All layers", "All layers, decay 0.9"}
    assert sorted(set(frame["decay"])) == [0.9, 1.0]
    assert len(tables.with_other_decays(run, [run])) == 6


# ── domains ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cells_below_the_majority_class_are_told(store: RunStore) -> None:
    frame = tables.domain_frame(sample.domains_run(store)).set_index(["arm", "train", "test"])
    row = frame.loc[("bow", "movies", "tweets")]
    assert row["accuracy"] == pytest.approx(0.78 - 0.18 - 0.06)
    assert row["majority"] == pytest.approx(212 / 325)
    assert row["is_below"]
    assert not frame.loc[("bow", "movies", "movies"), "is_below"]
    assert row["against_home_points"] == pytest.approx(-24)
    assert frame.loc[("bow", "tweets", "tweets"), "against_home_points"] == 0


def test_the_number_of_texts_is_what_the_domain_has(store: RunStore) -> None:
    rows = [sample.cell("bow", 4000, dataset=name, test_dataset=name) for name in ("movies", "amazon")]
    frame = tables.domain_frame(sample.run_with(store, rows, domains="movies,amazon", arms="bow"))
    assert list(frame["train_examples"]) == [4000, 2222]


def test_an_unknown_data_set_has_no_majority_and_no_verdict(store: RunStore) -> None:
    rows = [sample.cell("bow", 100, dataset="sst2", test_dataset="imdb")]
    frame = tables.domain_frame(sample.run_with(store, rows, domains="sst2,imdb", arms="bow"))
    assert frame["majority"].isna().all()
    assert frame["is_below"].isna().all()
    assert frame["against_home_points"].isna().all()


def test_the_gain_of_reading_the_target_first(store: RunStore) -> None:
    frame = tables.domain_frame(sample.domains_run(store))
    gain = transfer_leads.gain_frame(frame)
    assert len(gain) == 16
    assert gain["gain"].to_list() == pytest.approx([0.01] * 16)
    assert gain["low"][0] == pytest.approx(0.01 - math.hypot(0.025, 0.025))
    assert transfer_leads.gain_frame(frame[frame["arm"] != "adapted"]).empty


# ── known splits and plans ───────────────────────────────────────────────────────────────────────────────────────


LEFT_OUT = re.compile(
    r"(?<!of )\b([\d,]+) (?:of [\d,]+ (?:texts with a mean|articles were dropped)|training|validation)"
)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nyt", "Left out of 5,190 texts: 2,402 (46 %) because they are rated near to neutral."),
        ("topics", "Left out of 2,225 texts: 112 because they nearly copy another one."),
    ],
)
def test_what_was_left_out_is_said(name: str, sentence: str) -> None:
    known = known_splits.of(name)
    assert known is not None
    assert known.left_out == sentence


@pytest.mark.assets
@pytest.mark.parametrize("name", ["movies", "amazon", "nyt", "tweets", "topics"])
def test_known_splits_are_those_of_the_data(name: str) -> None:
    from distill_core.datasets import catalogue

    dataset, known = catalogue.load(name), known_splits.of(name)
    assert known is not None
    sizes = [len(dataset.split(part)) for part in ("train", "validation", "test")]
    assert [known.train, known.validation, known.test] == sizes
    assert known.majority_share == pytest.approx(dataset.describe().majority_share)
    left_out = [int(n.replace(",", "")) for note in dataset.notes for n in LEFT_OUT.findall(note)]
    assert known.source_texts - known.neutral - known.copies == len(dataset.frame)
    assert known.neutral + known.copies == sum(left_out)


def test_offered_sizes_end_with_all() -> None:
    assert transfer_plan.sizes("movies") == (25, 50, 100, 200, 500, 1000, 2000, 4000, 7984)
    assert transfer_plan.sizes("amazon")[-1] == 2222
    assert transfer_plan.sizes("file:x.csv", 80) == (25, 50, 80)
    assert max(transfer_plan.sizes("imdb")) == 4000
    assert transfer_plan.usual_sizes((25, 50, 80)) == [25]
    assert transfer_plan.usual_sizes((8,)) == [8]
    assert transfer_plan.usual_size((25, 50, 80)) == 80
    assert transfer_plan.usual_size((4000,)) == 4000


def test_depths_fit_the_model(store: RunStore) -> None:
    assert transfer_plan.depth_arms("minilm", store) == ("head", "top1", "top2", "top4", "pretrained", "lora")
    assert "top8" in transfer_plan.depth_arms("bert@hub", store)
    assert transfer_plan.depth_arms("albert@hub", store) == ("head", "pretrained", "lora")
    assert transfer_plan.depth_arms("no model", store) == ("head", "pretrained", "lora")
    assert transfer_plan.domain_names()[:4] == ("movies", "amazon", "nyt", "tweets")
    assert "topics" not in transfer_plan.domain_names()


# ── what moved ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_layers_and_texts_before_and_after(store: RunStore) -> None:
    run = sample.curves_run(store)
    assert list(tables_moved.cka_frame(run)["layer"])[:2] == ["embeddings", "layer 1"]
    frame = tables_moved.plane_frame(run)
    assert len(frame) == 120
    assert set(frame["label"]) == {"negative", "positive"}
    assert set(frame["text"]) == {""}
    empty = store.create(FinetuneSpec())
    assert tables_moved.cka_frame(empty).empty
    assert tables_moved.plane_frame(empty).empty


def test_texts_come_from_the_predictions_where_they_are_the_same(store: RunStore) -> None:
    run, moved = sample.curves_run(store), sample.movement()
    texts = [f"text {i}" for i in range(60)]
    frame = pd.DataFrame({"text": texts, "label": moved.labels, "bow: logit 0": 0.0, "bow: logit 1": 1.0})
    frame.to_parquet(run.predictions_file, index=False)
    assert tables_moved.plane_frame(run)["text"].tolist() == texts * 2
    frame.assign(label=0).to_parquet(run.predictions_file, index=False)
    assert set(tables_moved.plane_frame(run)["text"]) == {""}


def test_separation_is_the_share_at_the_nearest_center() -> None:
    frame = pd.DataFrame(
        {"phase": "before", "x": [0.0, 1.0, 10.0, 9.0, 8.0], "y": 0.0, "label": ["a", "a", "b", "b", "a"]}
    )
    # centers at 3 and 9.5: the text at 8 is nearer to b
    assert tables_moved.separation(frame, "before") == pytest.approx(4 / 5)
    assert tables_moved.separation(frame, "after") is None


def test_a_run_of_another_kind_has_not_moved(store: RunStore) -> None:
    run = sample_training.distill_run(store, "minilm")
    assert tables_moved.moved_of(run) is None
    assert tables.curve_frame(run).empty
