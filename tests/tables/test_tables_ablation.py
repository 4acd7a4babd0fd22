"""Ablation tables against hand calculations, scipy's t and the published Table 4."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sample_ablation as sample

from distill_core.errors import RunError
from distill_core.results import DistillResult
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec, DistillSpec
from distill_core.tables import ablation as tables_ablation


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "crafted")


def row(run: Run, arm: str) -> dict[str, object]:
    frame = tables_ablation.ablation_frame(run)
    return dict(frame[frame["arm"] == arm].iloc[0])


def bits(text: str) -> np.ndarray:
    return np.array([character == "1" for character in text])


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_differences_are_paired_by_seed(store: RunStore) -> None:
    """all: 9, 8, 10 of 10 right; no soft: 7, 7, 8. The differences are −2, −1, −2 texts: −16.7 points on average."""
    spec = DistillSpec.model_validate({"teacher": "run:none", "ablation": True, "seeds": 3, "init": "random"})
    rights = {
        "all-0": bits("1111111110"),
        "all-1": bits("1111111100"),
        "all-2": bits("1111111111"),
        "no soft-0": bits("1111111000"),
        "no soft-1": bits("0111111100"),
        "no soft-2": bits("1111111100"),
        "no hard-0": bits("1111111110"),
        "no hard-1": bits("1111111110"),
        "no hard-2": bits("1111111111"),
    }
    run = sample.run_of(store, spec, rights, bits("1111111111"))
    found = row(run, "no soft")
    assert found["title"] == "Without soft targets"
    assert (found["seeds"], found["n_eval"]) == (3, 10)
    assert (found["accuracy"], found["full_accuracy"]) == (pytest.approx(22 / 30), pytest.approx(27 / 30))
    assert found["difference_points"] == pytest.approx(-100 / 6)
    half = 4.302653 * (1 / 300) ** 0.5 / 3**0.5 * 100  # variance of −0.2, −0.1, −0.2 is 1/300
    assert found["seeds_low_points"] == pytest.approx(-100 / 6 - half, abs=1e-4)
    assert found["seeds_high_points"] == pytest.approx(-100 / 6 + half, abs=1e-4)
    # by text, over three seeds: −1/3 for texts 1, 8, 9 (twice), 10
    by_text = np.array([-1, 0, 0, 0, 0, 0, 0, -1, -2, -1]) / 3
    total, squares = by_text.sum(), np.square(by_text).sum()
    middle = total / 12
    width = 1.959964 * (((squares + 1) / 12 - middle**2) / 12) ** 0.5
    assert found["texts_low_points"] == pytest.approx(100 * (middle - width), abs=1e-4)
    assert found["texts_high_points"] == pytest.approx(100 * (middle + width), abs=1e-4)
    assert row(run, "no hard")["difference_points"] == pytest.approx(100 / 30)


def test_one_seed_has_no_interval_over_seeds_but_one_over_texts(store: RunStore) -> None:
    frame = tables_ablation.ablation_frame(sample.ablation(store, seeds=1)).dropna(subset=["difference_points"])
    assert list(frame["arm"]) == ["no soft", "no hard", "no cosine", "random init"]
    assert frame[["seeds_low_points", "seeds_high_points"]].isna().all(axis=None)
    assert frame[["texts_low_points", "texts_high_points"]].notna().all(axis=None)
    assert frame["seeds"].tolist() == [1] * 4
    assert tables_ablation.verdicts(frame)["is_sure"].notna().all()


def test_published_rows_stand_beside_and_never_in_a_measured_column(store: RunStore) -> None:
    frame = tables_ablation.ablation_frame(sample.ablation(store)).set_index("arm")
    published = frame["published_points"].dropna().to_dict()
    assert published == {"no soft": -2.96, "no cosine": -1.46, "no masked words": -0.31, "random init": -3.69}
    assert frame.loc["no soft", "published_source"] == "arXiv:1910.01108v4 Table 4"
    only_there = frame.loc["no masked words"]
    assert only_there["title"] == "Without masked words"
    assert frame.index[-1] == "no masked words"
    measured = ["accuracy", "difference_points", "seeds_low_points", "texts_low_points", "n_eval"]
    assert only_there[measured].isna().all()


def test_in_general_distillation_the_labels_are_the_masked_words(store: RunStore) -> None:
    run = sample.ablation(store, mode="general")
    run.predictions_file.unlink()
    frame = tables_ablation.ablation_frame(run).set_index("arm")
    assert frame.loc["no hard", "title"] == "Without masked words"
    assert frame.loc["no hard", "published_points"] == -0.31
    assert "no masked words" not in frame.index
    assert frame["texts_low_points"].isna().all()
    assert frame["seeds_low_points"].notna().all()


def test_a_planned_arm_has_its_row_before_it_is_trained(store: RunStore) -> None:
    run = sample.ablation(store, done=2)
    frame = tables_ablation.ablation_frame(run).set_index("arm")
    assert frame["difference_points"].notna().sum() == 1
    assert frame.loc["no soft", "seeds"] == 1
    assert frame.loc["random init", "seeds"] == 0
    assert frame["seeds_planned"].iloc[0] == 3


def test_seeds_that_only_one_of_the_pair_has_do_not_count(store: RunStore) -> None:
    run = sample.ablation(store, done=6)  # the second seed's full recipe is there, its arms are not
    assert row(run, "no soft")["seeds"] == 1


def test_before_the_first_student_nothing_is_measured(store: RunStore) -> None:
    run = sample.ablation(store, done=0)
    assert tables_ablation.ablation_frame(run)["difference_points"].isna().all()
    run.path.joinpath("result.json").unlink()
    assert tables_ablation.ablation_frame(run)["difference_points"].isna().all()


def test_types_are_fixed_even_where_nothing_is_known(store: RunStore) -> None:
    full, none = (tables_ablation.ablation_frame(sample.ablation(store, done=done)) for done in (None, 0))
    assert tuple(full.columns) == tables_ablation.ABLATION_COLUMNS
    assert full.dtypes.equals(none.dtypes)
    assert str(full["difference_points"].dtype) == "Float64"


def test_damaged_predictions_cost_the_interval_over_texts_alone(store: RunStore) -> None:
    run = sample.ablation(store)
    run.predictions_file.write_bytes(b"no parquet")
    frame = tables_ablation.ablation_frame(run)
    assert frame["texts_low_points"].isna().all()
    assert frame["difference_points"].notna().sum() == 4


def test_other_kinds_of_runs_are_refused(store: RunStore) -> None:
    run = store.create(CompareSpec.model_validate({"models": ["minilm"]}))
    with pytest.raises(RunError, match="no distillation"):
        tables_ablation.ablation_frame(run)


def test_what_a_run_takes_apart() -> None:
    def asked(**more: object) -> str | None:
        return tables_ablation.question(DistillSpec.model_validate({"teacher": "minilm", **more}))

    assert asked() is None
    assert asked(ablation=True) == "ingredients"
    assert asked(sweep_layers=[1, 2]) == "layers"
    assert asked(sweep_temperatures=[1, 2], sweep_layers=[1]) == "weights"
    assert asked(ablation=True, sweep_soft=[0, 1]) == "weights"
    assert tables_ablation.question(CompareSpec.model_validate({"models": ["minilm"]})) is None


def test_verdicts_begin_with_the_largest_loss(store: RunStore) -> None:
    run = sample.ablation(store)
    rows = tables_ablation.verdicts(tables_ablation.ablation_frame(run))
    assert rows["arm"].iloc[0] == "random init"
    assert rows["difference_points"].is_monotonic_increasing
    by_p = rows["p"].sort_values()
    steps = [p * (len(rows) - place) < 0.05 for place, p in enumerate(by_p)]
    named = set(by_p.index[: next((place for place, sure in enumerate(steps) if not sure), len(steps))])
    assert rows["is_sure"].tolist() == [index in named for index in rows.index]
    assert 0 < len(named) < len(rows)


def test_without_predictions_three_seeds_decide_and_two_leave_it_open(store: RunStore) -> None:
    for seeds, is_known in ((3, True), (2, False)):
        run = sample.ablation(store, seeds=seeds)
        run.predictions_file.unlink()
        rows = tables_ablation.verdicts(tables_ablation.ablation_frame(run))
        assert rows["is_sure"].notna().all() == rows["p"].notna().all() == is_known
    assert isinstance(run.result(), DistillResult)


def test_what_other_texts_would_change(store: RunStore) -> None:
    frame = tables_ablation.ablation_frame(sample.ablation(store))
    half = tables_ablation.texts_half_width(frame)
    assert half is not None
    assert 0.5 < half < 3
    assert tables_ablation.texts_half_width(frame.iloc[:0]) is None
