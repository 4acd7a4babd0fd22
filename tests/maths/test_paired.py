"""Paired comparisons against scipy, hand arithmetic, brute force, and the coverage that they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from distill_core.maths import paired


@pytest.mark.parametrize("n", range(3, 21))
def test_the_interval_over_seeds_is_scipys(n: int) -> None:
    values = np.random.default_rng(n).normal(-0.01, 0.02, n)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert paired.over_seeds(values.tolist()) == pytest.approx(tuple(expected), abs=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_two_seeds_tell_nothing(n: int) -> None:
    assert paired.over_seeds([-0.01] * n) is None


def test_the_interval_over_texts_is_agresti_and_mins() -> None:
    """100 texts, 3 right only before, 10 right only after: (10.5 − 3.5) / 102, and its variance by hand."""
    differences = np.array([1.0] * 10 + [-1.0] * 3 + [0.0] * 87)
    middle = 7 / 102
    half = 1.959964 * ((14 - 49 / 102) / 102**2) ** 0.5
    assert paired.over_texts(differences) == pytest.approx((middle - half, middle + half), abs=1e-6)


def test_models_that_never_disagree_are_not_surely_equal() -> None:
    low, high = paired.over_texts(np.zeros(100)) or (0, 0)
    assert low == pytest.approx(-high)
    assert 0.01 < high < 0.03


def test_the_interval_over_texts_stays_within_the_possible() -> None:
    assert paired.over_texts(np.zeros(0)) is None
    low, high = paired.over_texts(np.ones(1)) or (0, 0)
    assert -1 <= low < high <= 1
