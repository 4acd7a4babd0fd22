"""The side-by-side measurement: its sums by hand, and one small run of what needs no other toolkit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import PAGES
from benchmarks import busy_ratio, distillation, pages, record, summary
from distill_core.results import Metric
from distill_core.runs.store import RunStore
from distill_core.settings import DATA

PROJECT = Path(__file__).resolve().parent.parent
OWN = ("trainer", "ours-first", "ours-second", "ours-whole", "ours-uncached", "no-teacher")


def row(contender, repeat, seconds, **more):
    return {
        "contender": contender,
        "repeat": repeat,
        "seconds": seconds,
        "cpu_seconds": 2 * seconds,
        "samples_per_s": 60 / seconds,
        "peak_memory_mib": 900.0,
        "others_cores": 0.0,
        "padding_factor": 1.1,
        "steps": 6,
        "held_out_loss": 0.5,
        "accuracy": 0.75,
        "ci_low": 0.7,
        "ci_high": 0.8,
        **more,
    }


def test_ratios_compare_runs_of_the_same_repeat():
    rows = [
        row("textbrewer", 0, 10),
        row("ours-first", 0, 2),
        row("textbrewer", 1, 40),
        row("ours-first", 1, 10),
        row("textbrewer", 2, 9),
        row("ours-first", 2, 3),
    ]
    assert summary.ratio(rows, "ours-first", "textbrewer") == pytest.approx(4)  # of 5, 4, 3
    assert summary.ratio(rows, "ours-first", "trainer") is None
    first = summary.summarize(rows)[1]
    assert first["seconds"] == 3
    assert first["over_textbrewer"] == pytest.approx(4)
    assert first["repeats"] == 3


def test_targets_are_met_missed_or_not_measured():
    rows = [row("textbrewer", 0, 10), row("ours-first", 0, 2.5), row("trainer", 0, 4)]
    lines = summary.target_lines(summary.targets(rows)).splitlines()
    assert lines == [
        "ours-first / textbrewer ≥ 2.8: 4.00, met",
        "ours-second / textbrewer ≥ 3.5: not measured",
        "ours-first / trainer ≥ 2.0: 1.60, missed",
        "ours-second / no-teacher ≥ 0.95: not measured",
    ]


def test_a_toolkit_that_is_not_there_is_named_and_not_invented():
    rows = [row("ours-first", 0, 2), {"contender": "textbrewer", "repeat": 0, "error": "No module named 'textbrewer'"}]
    shown = summary.table(summary.summarize(rows)).splitlines()
    assert shown[2].startswith("| ours-first | 30.0 | n/a | n/a | n/a | 1.10 | 6 | 900 |")
    assert shown[3].startswith("| textbrewer | not measured: No module named 'textbrewer'")
    assert len({line.count("|") for line in shown}) == 1


def test_an_unknown_contender_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as stopped:
        distillation.main(["--contenders", "ours-first,theirs"])
    assert stopped.value.code == 2
    assert "unknown contender 'theirs'" in capsys.readouterr().err


def test_the_names_are_the_contenders():
    pytest.importorskip("torch")
    from benchmarks.contenders import CONTENDERS

    assert tuple(CONTENDERS) == distillation.NAMES


@pytest.mark.slow
@pytest.mark.assets
def test_a_small_run_does_equal_work():
    command = [
        sys.executable,
        "-m",
        "benchmarks.distillation",
        "--examples",
        "40",
        "--epochs",
        "2",
        "--json",
        "--contenders",
        ",".join(OWN),
    ]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    found = {line["contender"]: line for line in report["summary"]}
    assert tuple(found) == OWN
    for line in found.values():
        assert "error" not in line, line
        assert line["steps"] == 4  # two epochs of 32 + 8 texts
        assert line["samples"] == 80
        assert 1 <= line["padding_factor"] < 2.5
        assert line["ci_low"] <= line["accuracy"] <= line["ci_high"]
    # the same batches, the same dropout: the cache changes nothing that is learned
    assert found["ours-whole"]["held_out_loss"] == pytest.approx(found["ours-uncached"]["held_out_loss"], rel=1e-3)
    assert found["ours-first"]["held_out_loss"] == found["ours-second"]["held_out_loss"]
    assert report["busy_core"] is None


def test_a_recorded_curve_keeps_its_shape_its_end_and_few_points():
    metrics = [
        Metric(arm=arm, step=step, epoch=0, split="train", name="loss", value=step)
        for step in range(1, 101)
        for arm in ("a", "b")
    ]
    lonely = Metric(arm="c", step=1, epoch=0, split="test", name="latency_ms_p50", value=3)
    found = record.thinned([*metrics, lonely], most=10)
    for arm in ("a", "b"):
        steps = [metric.step for metric in found if metric.arm == arm]
        assert steps == [1, 11, 21, 31, 41, 51, 61, 71, 81, 91, 100]
    assert found[-1] == lonely
    assert record.thinned([]) == []


def test_a_page_is_measured_in_a_process_of_its_own():
    command = [sys.executable, "-m", "benchmarks.pages", "--only", "Runs,Fine", "--repeats", "1", "--json"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = {row["page"]: row for row in json.loads(done.stdout)}
    assert set(rows) == {"empty page", "Runs", "Fine-tune"}
    assert all(row[name] > 0 for row in rows.values() for name in ("first", "visitor", "rerun"))
    assert rows["Fine-tune"]["live"] > 0
    assert rows["Runs"]["live"] is None


def test_every_page_has_a_row():
    measured = {case.address for case in pages.cases()}
    assert measured == {"" if entry[0] == "start" else entry[3] for entries in PAGES.values() for entry in entries}
    recorded = {run.id for run in RunStore(DATA / "recorded").list()}
    assert {case.run for case in pages.cases() if case.run} <= recorded


# ── ratios beside a busy core ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_busy_core_leaves_a_ratio_of_speeds_within_a_tenth():
    """Networks of 12 and 6 layers. Quiet and busy blocks alternate in one process; other programs may disturb a try."""
    command = [sys.executable, "-m", "benchmarks.busy_ratio", "--small", "--json"]
    tries = []
    for _ in range(3):
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, check=False)
        found = json.loads(done.stdout)
        tries.append(found)
        if done.returncode == 0:
            assert abs(found["change"]) <= 0.1
            assert 1.5 < found["quiet"] < 2.2  # twice the layers
            return
    pytest.fail(f"{tries}")


def test_ratios_of_blocks_are_compared_by_their_medians():
    def block(speedup, cores, ms):
        timing = SimpleNamespace(latency_ms_p50=ms, busy_cores=cores)
        return SimpleNamespace(speedup=speedup, baseline_ms=ms * speedup, timing=timing)

    quiet = [block(2.0, 0.1, 80), block(2.1, 0.0, 81), block(1.9, 0.2, 79)]
    busy = [block(2.2, 1.1, 120), block(1.8, 1.0, 130), block(2.06, 1.2, 110)]
    found = busy_ratio._compared(quiet, busy)
    assert (found["quiet"], found["busy"]) == (2.0, 2.06)
    assert found["change"] == pytest.approx(0.03)
    assert found["one_after_the_other"] == pytest.approx(160 / 120)  # what Compare said before it took turns
    assert (found["quiet_cores"], found["busy_cores"]) == (0.1, 1.1)
