"""Paired comparisons against scipy, hand arithmetic, brute force, and the coverage that they promise."""

from __future__ import annotations

import itertools

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


@pytest.mark.parametrize(("b", "c", "n"), [(0, 0, 1), (10, 3, 100), (5, 0, 5), (0, 7, 20)])
def test_the_counts_give_what_the_texts_give(b: int, c: int, n: int) -> None:
    differences = np.array([1.0] * b + [-1.0] * c + [0.0] * (n - b - c))
    assert paired.agresti_min(b, c, n) == paired.over_texts(differences)


def test_no_texts_no_interval() -> None:
    assert paired.agresti_min(0, 0, 0) is None


def test_agresti_and_mins_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Over all tables of 40 texts: each model alone is right on 15 % and on 5 % of them."""
    n, first, second = 40, 0.15, 0.05
    chance = 0.0
    for b, c in itertools.product(range(n + 1), repeat=2):
        low, high = paired.agresti_min(b, c, n) or (0, 0)
        if b + c <= n and low <= first - second <= high:
            chance += stats.multinomial.pmf([b, c, n - b - c], n, [first, second, 1 - first - second])
    assert 0.94 < chance < 0.97


# ── seeds and texts together ─────────────────────────────────────────────────────────────────────────────────────


def drawn(seed: int, seeds: int = 10, texts: int = 150) -> np.ndarray:
    """A gain of 0.05 that varies by 0.03 between seeds and by 0.2 between texts."""
    rng = np.random.default_rng(seed)
    return 0.05 + rng.normal(0, 0.03, (seeds, 1)) + rng.normal(0, 0.2, (1, texts)) + rng.normal(0, 0.1, (seeds, texts))


def test_the_bootstrap_holds_the_truth_about_as_often_as_it_says() -> None:
    limits = [paired.over_seeds_and_texts(drawn(i), np.random.default_rng(i), 400) or (1, 0) for i in range(200)]
    assert 0.89 < np.mean([low <= 0.05 <= high for low, high in limits]) < 0.99


def test_the_bootstraps_spread_is_that_of_seeds_and_of_texts() -> None:
    """Var = s² / S · (S − 1) / S for an effect of seeds alone, and the same with texts for one of texts alone."""
    rng = np.random.default_rng(0)
    effect = rng.normal(0, 1, 12)
    expected = 2 * 1.959964 * effect.std() / 12**0.5
    for differences in (np.tile(effect[:, None], (1, 12)), np.tile(effect, (12, 1))):
        low, high = paired.over_seeds_and_texts(differences, rng) or (0, 0)
        assert high - low == pytest.approx(expected, rel=0.05)


def test_the_bootstrap_is_that_of_its_generator() -> None:
    one, same, other = (paired.over_seeds_and_texts(drawn(0), np.random.default_rng(seed), 700) for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("shape", [(0, 50), (1, 50), (2, 50), (3, 0)])
def test_without_seeds_or_texts_to_draw_from_there_is_no_bootstrap(shape: tuple[int, int]) -> None:
    differences = np.random.default_rng(0).normal(size=shape)
    assert paired.over_seeds_and_texts(differences, np.random.default_rng(0)) is None


def test_equal_differences_are_no_certainty() -> None:
    assert paired.over_seeds_and_texts(np.zeros((5, 50)), np.random.default_rng(0)) is None


# ── tests ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (0, 5), (6, 16), (8, 8), (30, 12), (400, 470), (3000, 2900)])
def test_mcnemars_test_is_scipys_binomial_test(b: int, c: int) -> None:
    expected = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert paired.mcnemar_exact(b, c) == pytest.approx(expected, rel=1e-9)


def test_mcnemars_test_by_hand() -> None:
    assert paired.mcnemar_exact(5, 0) == 2 / 32
    assert paired.mcnemar_exact(1, 4) == 2 * (1 + 5) / 32


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_the_closed_test_by_bonferroni(seed: int) -> None:
    """A comparison stands where every set of comparisons that holds it stands: brute force over all sets."""
    p_values = np.random.default_rng(seed).uniform(0, 0.4, 5).tolist()
    sets = [chosen for size in range(1, 6) for chosen in itertools.combinations(range(5), size)]
    bonferroni = {chosen: min(1, len(chosen) * min(p_values[i] for i in chosen)) for chosen in sets}
    expected = [max(p for chosen, p in bonferroni.items() if index in chosen) for index in range(5)]
    assert paired.holm(p_values) == pytest.approx(expected)


def test_holm_of_equal_ones_of_one_and_of_none() -> None:
    assert paired.holm([0.02, 0.02, 0.02]) == pytest.approx((0.06, 0.06, 0.06))
    assert paired.holm([0.04]) == (0.04,)
    assert paired.holm([0.9, 0.8]) == (1.0, 1.0)
    assert paired.holm([]) == ()
