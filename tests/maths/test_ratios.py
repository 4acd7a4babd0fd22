"""Ratios of speeds: against scipy's binomial quantiles and against many draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from distill_core.maths import ratios


@pytest.mark.parametrize("n", [6, 7, 10, 15, 20, 33, 100, 201, 3000])
def test_the_limits_are_those_of_the_sign_test(n: int) -> None:
    k = int(stats.binom.ppf(0.025, n, 0.5))  # the smallest k with P(X ≤ k) ≥ 0.025, so P(X < k) < 0.025
    values = list(np.random.default_rng(n).permutation(n).astype(float))
    assert ratios.median_interval(values) == (k - 1, n - k)


def test_too_few_pairs_have_no_interval() -> None:
    assert ratios.median_interval([1.0] * 5) is None
    assert ratios.median_interval([]) is None
    assert ratios.median_interval([1, 2, 3, 4, 5, 6]) == (1, 6)


def test_the_interval_of_a_median_holds_it_in_95_of_100_draws() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(2000):
        low, high = ratios.median_interval(list(rng.lognormal(math.log(2), 0.5, 15))) or (0, 0)
        held += low <= 2 <= high
    assert 0.95 <= held / 2000 <= 0.98  # exact: 96.5 % for fifteen


def test_a_load_that_meets_both_of_a_pair_cancels() -> None:
    """The machine is three times slower from the middle on: the ratio of medians may be off, that of pairs is not."""
    slow = [1.0] * 7 + [3.0] * 8
    assert ratios.paired_speedup([(0.2 * load, 0.1 * load) for load in slow]) == (
        pytest.approx(2),
        pytest.approx((2, 2)),
    )


def test_one_disturbed_pair_is_not_believed() -> None:
    value, interval = ratios.paired_speedup([*[(0.2, 0.1)] * 14, (0.2, 0.7)])
    assert (value, interval) == (pytest.approx(2), pytest.approx((2, 2)))


def test_a_ratio_of_two_ratios_by_hand() -> None:
    value, low, high = ratios.over((4, 3.6, 4.4), (2, 1.9, 2.1))
    assert value == 2
    assert low == pytest.approx(math.exp(math.log(2) - math.hypot(math.log(4 / 3.6), math.log(2.1 / 2))))
    assert high == pytest.approx(math.exp(math.log(2) + math.hypot(math.log(4.4 / 4), math.log(2 / 1.9))))
    assert ratios.over((4, 3.6, 4.4), (1, 1, 1)) == pytest.approx((4, 3.6, 4.4))


def test_turning_a_ratio_of_ratios_round_turns_its_limits_round() -> None:
    there, back = ratios.over((4, 3, 6), (2, 1.5, 2.2)), ratios.over((2, 1.5, 2.2), (4, 3, 6))
    assert back == pytest.approx((1 / there[0], 1 / there[2], 1 / there[1]))
