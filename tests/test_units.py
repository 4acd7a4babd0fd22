"""Numbers in words: significant digits, units, and what is missing."""

from __future__ import annotations

import pandas as pd
import pytest

from distill_core import units


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (109_482_240, 3, "109,000,000"),
        (58.31, 3, "58.3"),
        (0.012345, 3, "0.0123"),
        (7, 3, "7"),
        (999, 3, "999"),
        (99.96, 3, "100"),
        (-3.14159, 2, "-3.1"),
        (0, 3, "0"),
        (1234.5, 2, "1,200"),
        (120.0, 3, "120"),
    ],
)
def test_significant(value: float, digits: int, shown: str) -> None:
    assert units.significant(value, digits) == shown


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf"), pd.NA])
def test_what_is_missing_is_said(missing: object) -> None:
    assert units.significant(missing) == "n/a"  # type: ignore[arg-type]


def test_every_unit_knows_missing() -> None:
    for show in (units.millions, units.milliseconds, units.mebibytes, units.percent, units.times, units.duration):
        assert show(None) == "n/a"


def test_units() -> None:
    assert units.millions(109_482_240) == "109 M"
    assert units.millions(11_683_584) == "11.7 M"
    assert units.milliseconds(5.812) == "5.81 ms"
    assert units.mebibytes(457.6) == "458 MiB"


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0.394, "39 %"), (0.05, "5 %"), (0.9976, "99.8 %"), (1.0, "100 %"), (1.003, "100.3 %"), (1.25, "125 %")],
)
def test_percent_does_not_round_to_certainty(fraction: float, shown: str) -> None:
    assert units.percent(fraction) == shown


@pytest.mark.parametrize("whole", range(101, 115))
def test_more_than_all_of_a_teacher_is_a_whole_percent(whole: int) -> None:
    assert units.percent(whole / 100) == f"{whole} %"
    assert units.percent((whole + 0.4) / 100) == f"{whole} %"


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (2.0, "2.0 × as fast"),
        (19.08, "19 × as fast"),
        (1.06, "1.1 × as fast"),
        (1.04, "as fast"),
        (1.0, "as fast"),
        (0.97, "as fast"),
        (0.8, "1.2 × as slow"),
        (0.5, "2.0 × as slow"),
        (0.01, "100 × as slow"),
        (0.0, "n/a"),
        (-1.0, "n/a"),
        (float("inf"), "n/a"),
        (float("nan"), "n/a"),
        (pd.NA, "n/a"),
        (None, "n/a"),
    ],
)
def test_a_ratio_of_speeds_says_fast_or_slow(ratio: float | None, shown: str) -> None:
    assert units.as_fast(ratio) == shown


@pytest.mark.parametrize(("ratio", "shown"), [(1.894, "1.9 ×"), (2.0, "2.0 ×"), (0.107, "0.11 ×"), (19.08, "19 ×")])
def test_times(ratio: float, shown: str) -> None:
    assert units.times(ratio) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.2, "1 s"), (8.4, "8 s"), (42, "40 s"), (100, "2 min"), (7200, "2 h"), (9000, "2.5 h")]
)
def test_duration_is_rough(seconds: float, shown: str) -> None:
    assert units.duration(seconds) == shown


def test_day() -> None:
    assert units.day("2025-11-02T07:55:00.000+00:00") == "2 Nov 2025"
    assert units.day("yesterday") == ""


@pytest.mark.parametrize(
    ("title", "inside"),
    [
        ("Frozen", "frozen"),
        ("LoRA", "LoRA"),
        ("LoRA, decay 0.9", "LoRA, decay 0.9"),
        ("Bag of words", "bag of words"),
        ("All layers, decay 0.9", "all layers, decay 0.9"),
    ],
)
def test_titles_inside_a_sentence(title: str, inside: str) -> None:
    assert units.in_sentence(title) == inside


@pytest.mark.parametrize(
    ("ratio", "limits", "shown"),
    [
        (2.0, (1.9, 2.1), "2.0 × as fast as BERT"),
        (0.5, (0.45, 0.55), "2.0 × as slow as BERT"),
        (1.1, (0.95, 1.2), "about as fast as BERT"),
        (1.0, (1.0, 1.0), "about as fast as BERT"),
        (1.03, (1.02, 1.04), "as fast as BERT"),
        (1.8, (0.9, 3.0), "no clear difference in speed from BERT"),
        (0.6, (0.2, 1.0), "no clear difference in speed from BERT"),
        (2.0, (None, None), "2.0 × as fast as BERT (single measurement)"),
        (2.0, (pd.NA, pd.NA), "2.0 × as fast as BERT (single measurement)"),
        (None, (None, None), "n/a"),
        (pd.NA, (1.0, 2.0), "n/a"),
    ],
)
def test_a_measured_ratio_is_stated_as_far_as_its_interval_allows(
    ratio: float | None, limits: units.Limits, shown: str
) -> None:
    assert units.measured_as_fast(ratio, limits, "BERT") == shown
    assert units.measured_as_fast(ratio, limits) == shown.replace(" as BERT", "").replace(" from BERT", "")


@pytest.mark.parametrize(
    ("cores", "shown"),
    [
        (1.34, "measured while other programs used 1.3 cores"),
        (1.0, "measured while other programs used 1 core"),
        (0.25, "measured while other programs used 0.25 cores"),
        (0.249, ""),
        (0.0, ""),
        (None, ""),
        (pd.NA, ""),
    ],
)
def test_the_load_of_others_is_said_from_a_quarter_core_on(cores: float | None, shown: str) -> None:
    assert units.others_load(cores) == shown
