"""README's table "Numbers" holds what the recorded runs say, rounded half away from zero."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from benchmarks import readme
from distill_core.errors import RunError
from distill_core.settings import DATA, PROJECT

TEXT = (PROJECT / "README.md").read_text(encoding="utf-8")


def recorded(name: str, file: str = "result") -> Any:
    return json.loads((DATA / "recorded" / name / f"{file}.json").read_text(encoding="utf-8"))


def row(command: str) -> str:
    return next(line for line in TEXT.split("\n") if line.endswith(f"| {command} |"))


def exact_percent(rows: list[dict[str, Any]]) -> str:
    """The mean accuracy from whole numbers of right answers, as fractions: no binary digit is rounded."""
    right = [Fraction(round(one["accuracy"] * one["n_eval"]), one["n_eval"]) for one in rows]
    tenths = int(sum(right) / len(right) * 1000 + Fraction(1, 2))
    return f"{tenths // 10}.{tenths % 10}"


def test_the_readme_holds_what_the_runs_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert readme.main([]) == 0, capsys.readouterr().out


def test_the_learning_curve_by_whole_numbers_of_right_answers() -> None:
    arms = recorded("transfer-curves")["arms"]
    lines = [
        ", ".join(
            exact_percent([one for one in arms if one["arm"] == arm and one["train_examples"] == size])
            for size in (50, 200, 1000, 4000)
        )
        for arm in ("pretrained", "frozen", "scratch", "bow")
    ]
    line = row("`finetune --arms pretrained,frozen,scratch,bow --train-examples 50,200,1000,4000 --seeds 3`")
    assert f"| {'; '.join(lines)} %; from scratch with 1,000 labels, 2 of 3 seeds" in line


def test_students_by_whole_numbers_of_right_answers() -> None:
    distilled = recorded("distill-movies-three-seeds")["students"]
    means = [exact_percent([one for one in distilled if one["arm"] == arm]) for arm in ("distilled", "scratch")]
    line = row("`distill --teacher run:ID --student-layers 3 --arms distilled,init-only,scratch --seeds 3`")
    assert f"| {means[0]}, " in line
    assert f", {means[1]} % (means)" in line
    rows = recorded("ten-students")["rows"]
    names = {one["student"] for one in rows}
    for arm in ("random", "labels", "taught", "all-labels"):
        each = [exact_percent([one for one in rows if (one["student"], one["arm"]) == (name, arm)]) for name in names]
        assert f" {min(each)} to {max(each)} %" in row("`students --labels 1000 --seeds 3`")


def test_the_seconds_of_the_comparison() -> None:
    state = recorded("compare-ten-families", "state")
    minutes = [int(state[name][14:16]) * 60 + float(state[name][17:23]) for name in ("started_at", "ended_at")]
    seconds = f"{int(minutes[1] - minutes[0] + 0.5)} s in all"
    assert seconds in row("`compare --models bert@structure,… --batch-sizes 1 --seq-lens 128`")


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0.25, 1, "0.3"),
        (-0.25, 1, "−0.3"),
        (2.675, 2, "2.68"),
        (65.44519447, 1, "65.4"),
        (66.006, 0, "66"),
        (84, 1, "84.0"),
    ],
)
def test_one_rule_of_rounding(value: float, digits: int, shown: str) -> None:
    assert readme.rounded(value, digits) == shown


def test_a_wrong_figure_is_told_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "README.md"
    file.write_text(TEXT.replace(" s in all", "0 s in all"), encoding="utf-8")
    assert readme.main([], file) == 1
    assert "ten families" in capsys.readouterr().out
    assert readme.main(["--write"], file) == 0
    assert file.read_text(encoding="utf-8") == TEXT


def test_a_row_that_is_gone_is_noticed() -> None:
    with pytest.raises(RunError, match="0 rows of"):
        readme.renewed("no table")
