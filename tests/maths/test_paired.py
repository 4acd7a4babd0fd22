"""Paired comparisons against scipy, hand arithmetic, brute force, and the coverage that they promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from distill_core.maths import paired, student_t


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


def test_the_interval_over_both_holds_the_truth_about_as_often_as_it_says() -> None:
    """Three seeds, whose spread is a third of what the texts bring, up to three times as much."""
    for of_seed in (0.005, 0.015, 0.05):
        rng, held = np.random.default_rng(1), []
        for _ in range(1000):
            drawn = 0.05 + rng.normal(0, of_seed, (3, 1)) + rng.normal(0, 0.2, 150) + rng.normal(0, 0.1, (3, 150))
            low, high = paired.compare(drawn).interval  # type: ignore[union-attr]
            held.append(low <= 0.05 <= high)
        assert np.mean(held) > 0.92


def test_no_difference_is_found_beyond_chance_in_one_case_of_twenty_at_most() -> None:
    rng, found = np.random.default_rng(2), []
    for _ in range(600):
        one, other = rng.uniform(size=(2, 3, 200)) < 0.8 + rng.normal(0, 0.02, (2, 3, 1))
        compared = paired.compare(one.astype(float) - other)
        found.append(compared is not None and compared.is_sure)
    assert np.mean(found) < 0.06


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 8, 19, 50, 400, 2000])
def test_t_is_scipys(freedom: int) -> None:
    for t in (0.0, 0.3, -1.0, 2.0, 12.0):
        assert student_t.two_sided(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), abs=1e-9)
    assert student_t.quantile_975(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=1e-6)


def test_the_comparison_over_seeds_and_texts_by_hand() -> None:
    differences = np.random.default_rng(4).choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=(3, 80))
    texts = np.concatenate([differences.mean(0), [0.0, 0.0]])
    middle = texts.sum() / 82
    from_texts = ((np.square(texts).sum() + 1) / 82 - middle**2) / 82
    from_seeds = differences.mean(1).var(ddof=1) / 3
    freedom = int((from_texts + from_seeds) ** 2 / (from_texts**2 / 79 + from_seeds**2 / 2))
    error = (from_texts + from_seeds) ** 0.5
    found = paired.compare(differences)
    assert found is not None
    assert found.mean == pytest.approx(differences.mean())
    assert found.interval == pytest.approx(stats.t.interval(0.95, freedom, middle, error), abs=1e-6)
    assert found.p == pytest.approx(2 * stats.t.sf(middle / error, freedom), abs=1e-9)
    assert found.is_sure == (found.interval[0] > 0)


def test_one_seed_is_compared_by_its_texts() -> None:
    differences = np.array([[1.0] * 30 + [-1.0] * 12 + [0.0] * 58])
    found = paired.compare(differences)
    assert found is not None
    assert found.interval == pytest.approx(paired.agresti_min(30, 12, 100))
    assert found.p >= stats.binomtest(30, 42, 0.5).pvalue


@pytest.mark.parametrize("shape", [(0, 50), (1, 0), (3, 0)])
def test_without_seeds_or_texts_there_is_no_comparison(shape: tuple[int, int]) -> None:
    assert paired.compare(np.zeros(shape)) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (2, 50), (5, 50)])
def test_ties_are_not_sure(shape: tuple[int, int]) -> None:
    found = paired.compare(np.zeros(shape))
    assert found is not None
    assert (found.mean, found.p) == (0, 1)
    assert found.interval[0] < 0 < found.interval[1]


def test_where_accuracies_alone_are_known_seeds_decide() -> None:
    values = [0.03, 0.01, 0.02]
    found = paired.compare_seeds(values)
    assert found is not None
    assert found.interval == paired.over_seeds(values)
    assert found.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=1e-9)
    assert paired.compare_seeds([0.1, 0.1]) is None
    assert [paired.compare_seeds([value] * 3).p for value in (0.0, 0.2)] == [1, 0]  # type: ignore[union-attr]


# ── the ratio of two accuracies ──────────────────────────────────────────────────────────────────────────────────


def test_the_paired_ratio_is_the_ratios_that_no_difference_contradicts() -> None:
    """Brute force: r lies within where 0 lies in mean(x − r y) ± z · its error, half a text added to each cell."""
    rng = np.random.default_rng(3)
    teacher = rng.uniform(size=300) < 0.85
    student = np.where(rng.uniform(size=300) < 0.9, teacher, ~teacher)
    weights = np.r_[np.ones(300), 0.5 * np.ones(4)]
    x, y = np.r_[student, 1, 1, 0, 0], np.r_[teacher, 1, 0, 1, 0]
    within = []
    for r in np.linspace(0.8, 1.2, 4001):
        rest = x - r * y
        middle = (weights * rest).sum() / 302
        variance = ((weights * rest**2).sum() / 302 - middle**2) / 302
        if middle**2 <= 1.959964**2 * variance:
            within.append(r)
    found = paired.ratio_over_texts(student.astype(float), teacher.astype(float))
    assert found == pytest.approx((within[0], within[-1]), abs=2e-4)


def test_the_paired_ratio_holds_the_truth_as_often_as_it_says() -> None:
    rng, held = np.random.default_rng(5), []
    for _ in range(600):
        teacher = rng.uniform(size=250) < 0.8
        student = np.where(teacher, rng.uniform(size=250) < 0.9, rng.uniform(size=250) < 0.2)
        low, high = paired.ratio_over_texts(student.astype(float), teacher.astype(float))
        held.append(low is not None and high is not None and low <= 0.95 <= high)  # (0.72 + 0.04) / 0.8
    assert 0.93 < np.mean(held) < 0.98


def test_the_paired_ratio_at_its_limits() -> None:
    same = np.r_[np.ones(80), np.zeros(20)]
    low, high = paired.ratio_over_texts(same, same)
    assert low is not None
    assert high is not None
    assert low < 1 < high < 1.1  # equal answers are no certainty
    assert paired.ratio_over_texts(same, np.zeros(100)) == (None, None)
    assert paired.ratio_over_texts(np.zeros(0), np.zeros(0)) == (None, None)


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


def test_what_is_unknown_is_no_comparison_and_corrects_nothing() -> None:
    assert paired.beyond_chance([0.03, None, 0.02]) == (True, None, True)
    assert paired.beyond_chance([0.03, 0.9, 0.02]) == (False, False, False)
    assert paired.beyond_chance([]) == ()
