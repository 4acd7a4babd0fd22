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

    For one pair of models a difference is 1 (only the first is right), −1 or 0, and this is the adjusted Wald interval
    for matched pairs of Agresti and Min (2005, Stat. Med. 24:729): half a text is added to each of the four cells of
    the 2 × 2 table, so that models without any disagreement do not get an interval of no width. With several seeds the
    differences are means over seeds, and the same four half texts are added.
    """
    if len(differences) == 0:
        return None
    n = len(differences) + 2
    mean = float(differences.sum()) / n
    variance = (float(np.square(differences).sum()) + 1) / n - mean**2
    half = Z95 * math.sqrt(variance / n)
    return max(-1.0, mean - half), min(1.0, mean + half)
