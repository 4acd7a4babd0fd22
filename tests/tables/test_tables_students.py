"""Ten students, one teacher: the frames against numbers worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import sample_students as sample

from distill_core.maths import paired
from distill_core.measure.evaluate import wilson
from distill_core.runs.store import RunStore
from distill_core.tables import student_gains
from distill_core.tables import students as tables_students


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def agresti_min(n: int, only_first: int, only_second: int) -> tuple[float, float]:
    """Agresti and Min (2005): half a text more in each cell of the 2 × 2 table, then Wald for matched pairs."""
    total, b, c = n + 2, only_first + 0.5, only_second + 0.5
    gain = (b - c) / total
    half = 1.959963984540054 * math.sqrt((b + c) - (b - c) ** 2 / total) / total
    return gain - half, gain + half


def test_rows_carry_size_time_accuracy_and_source(store: RunStore) -> None:
    frame = tables_students.rows_frame(sample.students_run(store))
    assert tuple(frame.columns) == tables_students.ROW_COLUMNS
    assert len(frame) == 40
    first = frame.iloc[0]
    assert (first["label"], first["title"], first["arm_title"]) == ("BERT mini", "BERT mini", "Labels alone")
    assert first["accuracy"] == 136 / 200
    assert first["ci_low"] == wilson(136, 200).ci_low
    assert first["retained"] == 136 / 160
    assert 0 < first["retained_low"] < first["retained"] < first["retained_high"]
    assert (first["batch_size"], first["seq_len"], first["labels"]) == (1, 64, 1000)
    assert "22 Nov 2025 on Test CPU 3000, 2 threads" in first["source"]


def test_what_is_missing_is_na(store: RunStore) -> None:
    rows = (sample.row("bert@mini", "taught"), sample.failed("gpt@mini", "taught"), sample.pending("t5@mini", "taught"))
    frame = tables_students.rows_frame(sample.students_run(store, rows))
    assert frame["accuracy"].isna().tolist() == [False, True, True]
    assert frame["latency_ms_p50"].isna().tolist() == [False, True, False]
    assert frame["retained_low"].isna().tolist() == [False, True, True]
    assert tables_students.failures(frame) == [("GPT mini", "The weights in gpt do not load.", "Delete the folder.")]
    assert tables_students.means_frame(frame)["student"].tolist() == ["bert@mini"]
    assert tables_students.arms(frame) == ["taught"]


def test_without_a_result_the_frames_are_empty(store: RunStore) -> None:
    run = sample.students_run(store, ())
    (run.path / "result.json").unlink()
    frame = tables_students.rows_frame(run)
    assert frame.empty
    assert tables_students.means_frame(frame).empty
    assert student_gains.gains_frame(run).empty
    assert student_gains.claim(run) is None
    assert tables_students.teacher_of(run) is None


def test_two_students_of_one_family_are_told_apart(store: RunStore) -> None:
    rows = (sample.row("bert@mini", "taught"), sample.row("bert@hub", "taught"))
    assert tables_students.rows_frame(sample.students_run(store, rows))["label"].tolist() == ["BERT mini", "bert@hub"]
    rows = (sample.row("bert@mini", "taught"), sample.row("path:a/b", "taught"))
    frame = tables_students.rows_frame(sample.students_run(store, rows))
    assert frame["label"].tolist() == ["BERT mini", "path:a/b"]


def test_a_mini_is_called_mini_whatever_an_old_row_says(store: RunStore) -> None:
    rows = (
        sample.row("bert@mini", "taught", title="BERT"),
        sample.row("distilbert@mini", "taught", title="DistilBERT"),
    )
    frame = tables_students.rows_frame(sample.students_run(store, rows))
    assert frame["label"].tolist() == ["BERT mini", "DistilBERT mini"]
    assert frame["title"].tolist() == ["BERT mini", "DistilBERT mini"]


def test_means_over_seeds(store: RunStore) -> None:
    run = sample.students_run(store, sample.ten(("taught",), seeds=3), seeds=3)
    means = tables_students.means_frame(tables_students.rows_frame(run))
    assert tuple(means.columns) == tables_students.MEAN_COLUMNS
    assert len(means) == 10
    assert means["seeds"].tolist() == [3] * 10
    assert means.loc[0, "accuracy"] == pytest.approx((148 + 150 + 152) / 600)
    ends = [wilson(count, 200).ci_low for count in (148, 150, 152)]
    assert means.loc[0, "ci_low"] == pytest.approx(sum(ends) / 3)
    assert means.loc[1, "latency_ms_p50"] == pytest.approx(2.2)


def test_a_gain_is_paired_over_test_texts(store: RunStore) -> None:
    """Labels alone are right on the first 136 texts, taught on the first 148: 12 gained, none lost."""
    gains = student_gains.gains_frame(sample.students_run(store))
    assert tuple(gains.columns) == student_gains.GAIN_COLUMNS
    assert gains["label"].tolist()[:2] == ["BERT mini", "GPT mini"]
    assert gains.loc[0, "gain"] == pytest.approx(12 / 200)
    low, high = agresti_min(200, 12, 0)
    assert gains.loc[0, "gain_low"] == pytest.approx(low)
    assert gains.loc[0, "gain_high"] == pytest.approx(high)
    back = student_gains.gains_frame(sample.students_run(store), better="labels", worse="taught")
    assert back.loc[0, "gain_high"] == pytest.approx(-low)


def test_the_claim_counts_who_is_better_and_by_more_than_the_interval(store: RunStore) -> None:
    def pair(student: str, labels: int, taught: int) -> tuple[sample.StudentRow, ...]:
        counts = {"labels": labels, "taught": taught}
        return tuple(sample.row(student, arm, **wilson(n, 200).model_dump()) for arm, n in counts.items())

    rows = (
        *pair("bert@mini", 130, 150),
        *pair("gpt@mini", 140, 141),
        *pair("t5@mini", 140, 140),
        *pair("bart@mini", 150, 140),
        sample.failed("xlnet@mini", "taught"),
    )
    claim = student_gains.claim(sample.students_run(store, rows))
    assert claim is not None
    assert (claim.n, claim.better, claim.worse) == (4, 1, 1)
    assert agresti_min(200, 20, 0)[0] > 0 > agresti_min(200, 1, 0)[0]
    assert 3 * paired.mcnemar_exact(0, 10) < 0.05  # of four the second surest
    assert claim.mean == pytest.approx((20 + 1 + 0 - 10) / 800)
    # texts 130–139: +1 for BERT; 140: +1 BERT, +1 GPT, −1 BART; 141–149: +1 BERT, −1 BART; of four students
    differences = [0.25] * 10 + [0.25] + [0.0] * 9 + [0.0] * 180
    expected = paired.over_texts(sample.np.array(differences))
    assert claim.interval == pytest.approx(expected)


def test_several_seeds_are_paired_with_their_own_kind(store: RunStore) -> None:
    run = sample.students_run(store, sample.ten(("labels", "taught"), seeds=2), seeds=2)
    gains = student_gains.gains_frame(run)
    assert gains["seeds"].tolist() == [2] * 10
    assert gains.loc[0, "gain"] == pytest.approx(12 / 200)
    # texts 136, 137: the first seed alone gains; 138–147 both; 148, 149 the second alone
    first, second = ([1.0 if start <= text < start + 12 else 0.0 for text in range(200)] for start in (136, 138))
    found = paired.compare(sample.np.array([first, second]))
    assert found is not None
    assert (gains.loc[0, "gain_low"], gains.loc[0, "gain_high"]) == pytest.approx(found.interval)


def test_without_predictions_a_gain_has_no_interval(store: RunStore) -> None:
    run = sample.students_run(store, predictions=False)
    gains = student_gains.gains_frame(run)
    assert gains.loc[0, "gain"] == pytest.approx(12 / 200)
    assert gains["gain_low"].isna().all()
    claim = student_gains.claim(run)
    assert claim is not None
    assert (claim.n, claim.better, claim.worse, claim.interval) == (10, None, None, None)
