"""Frames against hand arithmetic, the frontier against brute force, ratios against their limits."""

from __future__ import annotations

import random

import pandas as pd
import pytest
import sample_runs

from distill_core import families
from distill_core.maths import ratios
from distill_core.results import BenchmarkRow, ErrorInfo
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.tables import compare as tables_compare
from distill_core.tables import families as tables_families


@pytest.fixture
def store() -> RunStore:
    return RunStore(settings().runs_dir)


def accuracy(share: float, half: float = 0.02) -> dict[str, object]:
    return {"accuracy": share, "ci_low": share - half, "ci_high": share + half, "n_eval": 1000}


def test_compare_frame_has_all_columns_with_types(store: RunStore) -> None:
    frame = tables_compare.compare_frame(sample_runs.compare_run(store))
    assert tuple(frame.columns) == tables_compare.COMPARE_COLUMNS
    assert len(frame) == 10
    assert frame["params"].dtype == "Int64"
    assert frame["latency_ms_p50"].dtype == "Float64"
    assert frame["accuracy"].isna().all()
    assert set(frame["provenance"]) == {"measured"}
    assert "Test CPU 3000, 2 threads" in frame["source"].iloc[0]
    assert "22 Nov 2025" in frame["source"].iloc[0]


def test_compare_frame_of_a_run_without_rows_is_empty_but_typed(store: RunStore) -> None:
    frame = tables_compare.compare_frame(sample_runs.compare_run(store, [], state="queued"))
    assert frame.empty
    assert tuple(frame.columns) == tables_compare.COMPARE_COLUMNS
    assert tables_compare.cells(frame) == []
    assert tables_compare.relative_to(frame, "bert@structure").empty


def test_models_of_one_family_are_told_apart_whatever_their_rows_say(store: RunStore) -> None:
    others = [sample_runs.row("bert", model=ref) for ref in ("bert@hub", "bert@mini")]
    rows = [sample_runs.row("bert"), *others, sample_runs.row("gpt")]
    labels = list(tables_compare.compare_frame(sample_runs.compare_run(store, rows))["label"])
    assert labels == ["BERT", "bert@hub", "BERT mini", "GPT"]


def test_cells_and_rows_of_one_cell(store: RunStore) -> None:
    rows = [sample_runs.row(key, batch, 32) for key in ("bert", "gpt") for batch in (8, 1)]
    frame = tables_compare.compare_frame(sample_runs.compare_run(store, rows))
    assert tables_compare.cells(frame) == [(1, 32), (8, 32)]
    assert list(tables_compare.at_cell(frame, (8, 32))["title"]) == ["BERT", "GPT"]


def test_failures_are_listed_once_a_model(store: RunStore) -> None:
    failed = sample_runs.failed_row("t5")
    rows = [sample_runs.row("bert"), failed, failed.model_copy(update={"batch_size": 8})]
    rows.append(sample_runs.failed_row("gpt").model_copy(update={"error": ErrorInfo(kind="model", message="Gone.")}))
    frame = tables_compare.compare_frame(sample_runs.compare_run(store, rows))
    assert tables_compare.failures(frame) == [
        ("T5", "Not enough memory for 1 × 128 tokens.", "Choose a smaller batch."),
        ("GPT", "Gone.", ""),
    ]


def test_relative_columns_by_hand(store: RunStore) -> None:
    rows = [sample_runs.row("bert", **accuracy(0.9)), sample_runs.row("distilbert", **accuracy(0.88))]
    frame = tables_compare.relative_to(
        tables_compare.compare_frame(sample_runs.compare_run(store, rows)), "bert@structure"
    )
    bert, distilbert = frame.iloc[0], frame.iloc[1]
    assert bert["is_baseline"]
    assert bert["speedup"] == bert["params_ratio"] == bert["accuracy_ratio"] == 1
    assert pd.isna(bert["ratio_low"])
    assert distilbert["params_ratio"] == pytest.approx(66_362_880 / 109_482_240)
    assert distilbert["speedup"] == pytest.approx(58.0 / 29.4)
    assert distilbert["latency_ratio"] == pytest.approx(29.4 / 58.0)
    assert distilbert["accuracy_ratio"] == pytest.approx(0.88 / 0.9)
    assert distilbert["ratio_low"] < 0.88 / 0.9 < distilbert["ratio_high"]


def three_in_turns() -> list[BenchmarkRow]:
    """BERT was slowed down after its own measurement: its p50 says less than the turns that the others took with it."""
    bert, distilbert, albert = (sample_runs.row(key) for key in ("bert", "distilbert", "albert"))
    slowed = bert.model_copy(update={"latency_ms_p50": 80.0})
    return [bert, sample_runs.in_turns(distilbert, slowed, 0.02), sample_runs.in_turns(albert, bert, 0.05)]


def test_speeds_stem_from_the_turns_and_not_from_two_medians(store: RunStore) -> None:
    frame = tables_compare.compare_frame(sample_runs.compare_run(store, three_in_turns(), paired=False))
    relative = tables_compare.relative_to(frame, "bert@structure").set_index("family")
    ratio = 80.0 / 29.4
    found = relative.loc["distilbert", ["speedup", "speedup_low", "speedup_high", "latency_ratio", "baseline_ms"]]
    assert list(found) == pytest.approx([ratio, ratio * 0.98, ratio * 1.02, 1 / ratio, 80.0])
    assert relative.loc["bert", "speedup"] == 1
    assert relative.loc["bert", ["speedup_low", "speedup_high", "baseline_ms"]].isna().all()


def test_another_baseline_is_reached_through_the_one_of_the_turns(store: RunStore) -> None:
    frame = tables_compare.compare_frame(sample_runs.compare_run(store, three_in_turns(), paired=False))
    relative = tables_compare.relative_to(frame, "albert@structure").set_index("family")
    distil, albert = 80.0 / 29.4, 58.0 / 56.0
    expected = ratios.over((distil, distil * 0.98, distil * 1.02), (albert, albert * 0.95, albert * 1.05))
    found = relative.loc["distilbert", ["speedup", "speedup_low", "speedup_high"]]
    assert list(found) == pytest.approx(expected)
    assert relative.loc["bert", "speedup"] == pytest.approx(1 / albert)
    assert relative.loc["bert", "speedup_low"] == pytest.approx(1 / (1.05 * albert))
    assert relative["baseline_ms"].isna().all()  # it took no turns with them


def test_an_older_run_has_ratios_without_interval(store: RunStore) -> None:
    frame = tables_compare.compare_frame(sample_runs.compare_run(store, paired=False))
    relative = tables_compare.relative_to(frame, "bert@structure").set_index("family")
    assert relative.loc["distilbert", "speedup"] == pytest.approx(58.0 / 29.4)
    assert relative[["speedup_low", "speedup_high", "baseline_ms"]].isna().all(axis=None)


def test_relative_to_a_missing_baseline_is_missing(store: RunStore) -> None:
    frame = tables_compare.compare_frame(sample_runs.compare_run(store, [sample_runs.row("bert")]))
    relative = tables_compare.relative_to(frame, "nobody")
    assert relative["speedup"].isna().all()
    assert not relative["is_baseline"].any()


def test_relative_uses_the_baseline_at_the_same_size(store: RunStore) -> None:
    rows = [sample_runs.row(key, batch) for key in ("bert", "distilbert") for batch in (1, 8)]
    rows[1] = rows[1].model_copy(update={"latency_ms_p50": 400.0})
    frame = tables_compare.relative_to(
        tables_compare.compare_frame(sample_runs.compare_run(store, rows)), "bert@structure"
    )
    student = frame[frame["family"] == "distilbert"].set_index("batch_size")["speedup"]
    assert student[1] == pytest.approx(58.0 / 29.4)
    assert student[8] == pytest.approx(400 / (29.4 * 8))


def brute_force(points: list[tuple[float | None, float | None]], sign: int) -> list[bool]:
    known = [(x, y * sign) for x, y in points if x is not None and y is not None]
    out = []
    for x, y in points:
        if x is None or y is None:
            out.append(False)
            continue
        beaten = any(a <= x and b <= y * sign and (a, b) != (x, y * sign) for a, b in known)
        out.append(not beaten)
    return out


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("seed", range(25))
def test_pareto_is_what_brute_force_finds(seed: int, better: str) -> None:
    generator = random.Random(seed)
    values = [*range(6), None]  # few values, so that ties happen
    points = [(generator.choice(values), generator.choice(values)) for _ in range(generator.randint(0, 25))]
    frame = pd.DataFrame(points, columns=["x", "y"], index=range(100, 100 + len(points))).astype("Float64")
    found = tables_compare.pareto(frame, lower="x", other="y", other_is_better_when=better)
    assert list(found) == brute_force(points, 1 if better == "lower" else -1)
    assert list(found.index) == list(frame.index)


def test_families_frame_is_exact() -> None:
    frame = tables_families.families_frame().set_index("family")
    assert len(frame) == 10
    assert frame.loc["bert", "params"] == 109_482_240
    assert (frame[list(families.PARTS)].sum(axis=1) == frame["params"]).all()
    assert frame.loc["bert", "published_text"] == "October 2018"
    assert frame.loc["bert", "published"] == pytest.approx(2018 + 9.5 / 12)
    assert "no month" in frame.loc["gpt", "published_text"]


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda row: row.key)
def test_every_family_has_facts_and_published_figures(family: families.Family) -> None:
    facts = tables_families.family_facts(family)
    assert {"Paper", "Learned by", "Tokenizer", "Shape"} <= set(facts)
    published = tables_families.published_frame(family)
    assert not published.empty
    assert published["source"].str.len().gt(0).all()
