"""How many times as fast? A ratio from pairs of neighbouring measurements, and the ratio of two such ratios.

A change of the machine's load meets both of a pair alike, so that it cancels in their ratio and not in that of two
medians that were taken at different times.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from distill_core.maths.intervals import Interval, WithLimits

FEWEST_PAIRS = 6  # of five pairs all are on one side of the median with a chance of 6 %


def median_interval(values: Sequence[float]) -> Interval | None:
    """95 % interval of the median between two of the values, without a distribution assumed. None below FEWEST_PAIRS.

    The k-th smallest and the k-th largest, with the largest k for which 2 · P(X < k) ≤ 0.05, X ~ Bin(n, ½): the sign
    test turned round (Conover 1999, Practical Nonparametric Statistics, §3.2). Known error: neighbours in time share
    their disturbance, and then the values count as more than they are.
    """
    n, ordered = len(values), sorted(values)
    if n < FEWEST_PAIRS:
        return None
    k, below = 0, 1  # Σ C(n, i) for i ≤ k, in whole numbers
    while 40 * below <= 1 << n:
        k += 1
        below += math.comb(n, k)
    return ordered[k - 1], ordered[n - k]


def paired_speedup(pairs: Sequence[tuple[float, float]]) -> tuple[float, Interval | None]:
    """How many times as fast the second of each pair (seconds, seconds) is: median of the ratios, 95 % interval."""
    ratios = [first / second for first, second in pairs]
    return statistics.median(ratios), median_interval(ratios)


def over(first: WithLimits, second: WithLimits) -> WithLimits:
    """first / second, two positive ratios to the same third thing, measured at different times.

    The limits are combined as logarithms: MOVER of the difference log p1 − log p2 (Zou and Donner 2008, Stat. Med.
    27:1693), which takes the two as independent.
    """
    (p1, low1, high1), (p2, low2, high2) = first, second
    gap = math.log(p1 / p2)
    low = gap - math.hypot(math.log(p1 / low1), math.log(high2 / p2))
    high = gap + math.hypot(math.log(high1 / p1), math.log(p2 / low2))
    return p1 / p2, math.exp(low), math.exp(high)
