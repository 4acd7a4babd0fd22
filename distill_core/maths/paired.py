"""How sure is a difference between two models? Two sources of chance: other seeds, and other test texts.

Other seeds train other models; other texts test them otherwise. Both compare in pairs: the same seed, the same text.
`compare` counts both at once, `over_seeds` and `over_texts` one of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill_core.maths import student_t
from distill_core.maths.intervals import Z95, Interval

FEWEST_SEEDS = 3  # two differences tell next to nothing: t of one degree of freedom is 12.7
ALPHA = 0.05  # the chance of a false alarm


@dataclass(frozen=True)
class Difference:
    """How much more one model gets right than another: `mean` is the difference of their accuracies (−1 … 1), with its
    95 % interval; `p` is the two-sided p value of "no difference"."""

    mean: float
    interval: Interval
    p: float
    seeds: int

    @property
    def is_sure(self) -> bool:
        """Whether it is beyond chance, where it is the only comparison."""
        return self.p < ALPHA


def compare(differences: NDArray[np.float64]) -> Difference | None:
    """Two models by their answers to the same texts, seed by seed. Shape: (seeds, texts), each −1 … 1. None without
    seeds or texts.

    Texts and seeds are both samples. With one seed the interval is `over_texts`, and p the larger one of its own and of
    McNemar's exact test: chance of texts alone. With several the squared standard error is s²(means of seeds) / S +
    s²(means of texts) / n, the two-way variance of crossed random effects (Owen 2007, Ann. Appl. Stat. 1:386), and t
    has the degrees of freedom of Satterthwaite (1946, Biometrics 2:110), rounded down. Known error: what belongs to
    neither a seed nor a text counts twice, so that it errs on the careful side.
    """
    seeds, texts = differences.shape
    if seeds == 0 or texts == 0:
        return None
    of_text, mean = differences.mean(0), float(differences.mean())
    center, from_texts = _center_and_variance(float(of_text.sum()), float(np.square(of_text).sum()), texts)
    if seeds == 1:
        half, wald = Z95 * math.sqrt(from_texts), math.erfc(abs(center) / math.sqrt(2 * from_texts))
        exact = mcnemar_exact(int((of_text > 0).sum()), int((of_text < 0).sum()))
        return Difference(mean, (center - half, center + half), max(wald, exact), 1)
    from_seeds = float(differences.mean(1).var(ddof=1)) / seeds
    error = math.sqrt(from_texts + from_seeds)
    parts = from_texts**2 / max(1, texts - 1) + from_seeds**2 / (seeds - 1)
    freedom = max(1, math.floor(error**4 / parts))
    half = student_t.quantile_975(freedom) * error
    return Difference(mean, (center - half, center + half), student_t.two_sided(center / error, freedom), seeds)


def compare_seeds(differences: Sequence[float]) -> Difference | None:
    """As `compare`, where only the accuracies are known: the interval of `over_seeds`, for these test texts alone, and
    the p value of its t. None below FEWEST_SEEDS."""
    interval = over_seeds(differences)
    if interval is None:
        return None
    low, high = interval
    n, center = len(differences), (low + high) / 2
    error = (high - low) / 2 / student_t.quantile_975(n - 1)
    p = student_t.two_sided(center / error, n - 1) if error > 0 else float(center == 0)
    return Difference(center, interval, p, n)


def beyond_chance(p_values: Sequence[float | None]) -> tuple[bool | None, ...]:
    """Which of the differences that one figure shows are beyond chance: by Holm's correction over all of them, at 5 %.
    In the order given; None, where nothing is known, stays None."""
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return tuple(None if p is None else next(adjusted) < ALPHA for p in p_values)


# ── one source of chance ─────────────────────────────────────────────────────────────────────────────────────────


def over_seeds(differences: Sequence[float]) -> Interval | None:
    """95 % interval of the mean difference over seeds: mean ± t · s / √n. None below FEWEST_SEEDS.

    It holds for these test texts; the seeds are what varies.
    """
    n = len(differences)
    if n < FEWEST_SEEDS:
        return None
    mean = sum(differences) / n
    deviation = math.sqrt(sum((value - mean) ** 2 for value in differences) / (n - 1))
    half = student_t.quantile_975(n - 1) * deviation / math.sqrt(n)
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
    center, variance = _center_and_variance(total, total_of_squares, texts)
    half = Z95 * math.sqrt(variance)
    return max(-1.0, center - half), min(1.0, center + half)


def _center_and_variance(total: float, total_of_squares: float, texts: int) -> tuple[float, float]:
    """The middle of the interval over texts, and the squared standard error."""
    n = texts + 2
    center = total / n
    return center, ((total_of_squares + 1) / n - center**2) / n


def ratio_over_texts(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """95 % interval of the ratio of two models' accuracies on the same texts. Shapes: (texts,), each 0 … 1.

    Fieller (1954, J. R. Stat. Soc. B 16:175): the ratios r for which zero lies within mean(first − r · second) ± z
    times its standard error. As in `agresti_min` half a text is added to each cell. Without limits where the second
    accuracy may be 0, and without texts.
    """
    n = len(first) + 2
    x, y = (float(first.sum()) + 1) / n, (float(second.sum()) + 1) / n
    scale = Z95**2 / n
    of_x = x**2 - scale * ((float(np.square(first).sum()) + 1) / n - x**2)
    of_y = y**2 - scale * ((float(np.square(second).sum()) + 1) / n - y**2)
    both = x * y - scale * ((float(first @ second) + 0.5) / n - x * y)
    if len(first) == 0 or of_y <= 0:
        return None, None
    root = math.sqrt(max(0.0, both**2 - of_x * of_y))
    return max(0.0, (both - root) / of_y), (both + root) / of_y


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
