"""How sure is a difference between two models? Two sources of chance, two intervals, kept apart.

Other seeds train other models; other texts test them otherwise. Both compare in pairs: the same seed, the same text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from distill_core.maths.intervals import Z95, Interval

FEWEST_SEEDS = 3  # two differences tell next to nothing: t of one degree of freedom is 12.7
_DRAWS_AT_ONCE = 500  # their counts of 2,000 texts take 8 MB
# The 97.5 % quantile of Student's t at 2, 3, … 19 degrees of freedom: scipy takes a second to import.
_T975 = (
    4.302653,
    3.182446,
    2.776445,
    2.570582,
    2.446912,
    2.364624,
    2.306004,
    2.262157,
    2.228139,
    2.200985,
    2.178813,
    2.160369,
    2.144787,
    2.131450,
    2.119905,
    2.109816,
    2.100922,
    2.093024,
)


def over_seeds(differences: Sequence[float]) -> Interval | None:
    """95 % interval of the mean difference over seeds: mean ± t · s / √n. None below FEWEST_SEEDS.

    It holds for these test texts; the seeds are what varies. Beyond 20 seeds t is taken as that of 20.
    """
    n = len(differences)
    if n < FEWEST_SEEDS:
        return None
    mean = sum(differences) / n
    deviation = math.sqrt(sum((value - mean) ** 2 for value in differences) / (n - 1))
    half = _T975[min(n, 20) - FEWEST_SEEDS] * deviation / math.sqrt(n)
    return mean - half, mean + half


def over_texts(differences: NDArray[np.float64]) -> Interval | None:
    """95 % interval of the mean difference over test texts. Shape: (texts,), each −1 … 1. None without texts.

    For one pair of models a difference is 1 (only the first is right), −1 or 0, and this is `agresti_min`. With several
    seeds the differences are means over seeds, and the same four half texts are added.
    """
    return _with_four_half_texts(float(differences.sum()), float(np.square(differences).sum()), len(differences))


def agresti_min(only_first: int, only_second: int, n: int) -> Interval | None:
    """95 % interval of the difference of two models' accuracies on the same `n` texts. None where n = 0.

    The adjusted Wald interval for matched pairs of Agresti and Min (2005, Stat. Med. 24:729): half a text is added to
    each of the four cells of the 2 × 2 table, so that models without any disagreement do not get an interval of no
    width. `only_first` and `only_second`: texts that only this model has right.
    """
    return _with_four_half_texts(only_first - only_second, only_first + only_second, n)


def _with_four_half_texts(total: float, total_of_squares: float, texts: int) -> Interval | None:
    if texts == 0:
        return None
    n = texts + 2
    mean = total / n
    variance = (total_of_squares + 1) / n - mean**2
    half = Z95 * math.sqrt(variance / n)
    return max(-1.0, mean - half), min(1.0, mean + half)


def over_seeds_and_texts(
    differences: NDArray[np.float64], rng: np.random.Generator, draws: int = 10_000
) -> Interval | None:
    """95 % bootstrap interval of the mean difference over other seeds and other test texts. Shape: (seeds, texts).

    Each draw takes seeds and, apart from them, texts, both with replacement: the pigeonhole bootstrap (Owen 2007, Ann.
    Appl. Stat. 1:386), of which the 2.5 % and 97.5 % quantiles are the limits. Known error: few seeds spread too little
    (by about (S − 1) / S in variance), and what is neither of seed nor of text counts up to three times. None where
    there is nothing to draw from: fewer than FEWEST_SEEDS seeds, no texts, or no two differences that differ.
    """
    seeds, texts = differences.shape
    if seeds < FEWEST_SEEDS or texts == 0 or np.all(differences == differences.flat[0]):
        return None
    means = [
        _drawn_means(differences, rng, min(_DRAWS_AT_ONCE, draws - done)) for done in range(0, draws, _DRAWS_AT_ONCE)
    ]
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


def _drawn_means(differences: NDArray[np.float64], rng: np.random.Generator, draws: int) -> NDArray[np.float64]:
    seeds, texts = differences.shape
    of_seed = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws)  # how often each is drawn: (draws, seeds)
    of_text = rng.multinomial(texts, np.full(texts, 1 / texts), size=draws)  # (draws, texts)
    means: NDArray[np.float64] = ((of_seed @ differences) * of_text).sum(-1) / (seeds * texts)
    return means


# ── tests ────────────────────────────────────────────────────────────────────────────────────────────────────────


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """The two-sided p value of "both models are as accurate", from the texts that only one of them has right.

    Among these b + c texts each model would win half: p = 2 · P(X ≤ min(b, c)), X ~ Bin(b + c, ½), at most 1 (McNemar
    1947, Psychometrika 12:153; the exact conditional form). Without disagreement p = 1.
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    ways = term = 1  # Σ C(n, i) for i ≤ fewer, in whole numbers
    for i in range(fewer):
        term = term * (n - i) // (i + 1)
        ways += term
    return min(1.0, 2 * ways / (1 << n))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """p values of m comparisons made at once, adjusted so that one false alarm among all has the chance of one.

    The i-th smallest is multiplied by m − i + 1, and is at least as large as the one before (Holm 1979, Scand. J. Stat.
    6:65). In the order given; at most 1.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return tuple(adjusted)
