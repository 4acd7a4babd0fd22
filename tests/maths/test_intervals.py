"""Intervals of shares against published tables, the equation that defines them, and the limits."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from distill_core.maths import intervals


def with_limits(share: float, n: int) -> tuple[float, float, float]:
    low, high = intervals.wilson(round(share * n), n) or (0, 0)
    return share, low, high


@pytest.mark.parametrize(("correct", "n"), [(0, 10), (10, 10), (1, 1), (50, 100), (81, 263), (5, 100_000)])
def test_wilson_is_scipys(correct: int, n: int) -> None:
    expected = stats.binomtest(correct, n).proportion_ci(0.95, "wilson")
    assert intervals.wilson(correct, n) == pytest.approx(tuple(expected), abs=1e-12)


def test_no_texts_no_interval() -> None:
    assert intervals.wilson(0, 0) is None
    assert intervals.half_width(0.8, 0) is None


def test_the_half_width_by_hand() -> None:
    assert intervals.half_width(0.8, 400) == pytest.approx(1.959964 * 0.02)  # √(0.8 · 0.2 / 400) = 0.02


@pytest.mark.parametrize("n", [5, 20, 100, 1000])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_wilson_holds_what_it_promises_on_average(n: int, share: float) -> None:
    """The exact coverage of a binomial share: it oscillates around 95 % (Brown, Cai and DasGupta 2001)."""
    found = [intervals.wilson(correct, n) or (0, 0) for correct in range(n + 1)]
    inside = [low <= share <= high for low, high in found]
    assert 0.87 < stats.binom.pmf(range(n + 1), n, share)[inside].sum() < 0.99


def test_the_difference_is_newcombes() -> None:
    """Newcombe 1998, table II, first row: 56/70 − 48/80 is 0.2, method 10 gives 0.0524 to 0.3339."""
    first, second = with_limits(56 / 70, 70), with_limits(48 / 80, 80)
    assert intervals.difference_interval(first, second) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert intervals.difference_interval(second, first) == pytest.approx((-0.3339, -0.0524), abs=5e-5)


def test_ratio_interval_agrees_with_the_log_interval_of_large_samples() -> None:
    p1, p2, n = 0.85, 0.9, 1_000_000
    low, high = intervals.ratio_interval(with_limits(p1, n), with_limits(p2, n))
    error = math.sqrt((1 - p1) / (n * p1) + (1 - p2) / (n * p2))  # Katz et al. 1978
    assert low == pytest.approx(p1 / p2 * math.exp(-1.96 * error), rel=1e-5)
    assert high == pytest.approx(p1 / p2 * math.exp(1.96 * error), rel=1e-5)


@pytest.mark.parametrize(("p1", "p2"), [(1.0, 1.0), (0.0, 0.9), (1.0, 0.5), (0.5, 1.0)])
def test_ratio_interval_at_the_limits(p1: float, p2: float) -> None:
    low, high = intervals.ratio_interval(with_limits(p1, 50), with_limits(p2, 50))
    assert low is not None
    assert high is not None
    assert 0 <= low <= p1 / p2 + 1e-9
    assert p1 / p2 - 1e-9 <= high < 10


def test_ratio_to_a_share_that_may_be_zero_has_no_interval() -> None:
    assert intervals.ratio_interval((0.5, 0.4, 0.6), (0.0, 0.0, 0.05)) == (None, None)
