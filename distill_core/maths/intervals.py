"""95 % confidence intervals of shares (fractions 0–1): of one, of the difference and the ratio of two.

Those of two models on the same texts are in `paired.py`.
"""

from __future__ import annotations

import math

Interval = tuple[float, float]
WithLimits = tuple[float, float, float]
"""(share, low, high)"""
Z95 = 1.959963984540054  # the 97.5 % quantile of the normal distribution


def wilson(correct: int, n: int) -> Interval | None:
    """Score interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22:209). None where n = 0.

    The shares p with |correct / n − p| ≤ z √(p (1 − p) / n): never outside 0–1, never without width.
    """
    if n == 0:
        return None
    share = correct / n
    denominator = 1 + Z95**2 / n
    center = (share + Z95**2 / (2 * n)) / denominator
    half = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / denominator
    # At 0 and n right answers the limit is exact: rounding must not push the interval past the share itself.
    return 0.0 if correct == 0 else center - half, 1.0 if correct == n else center + half


def half_width(share: float, n: int) -> float | None:
    """z √(p (1 − p) / n): how far off a share near `share` may be, for a plan. None where n = 0.

    The interval of a measured share is `wilson`: this one has no width at 0 and 1.
    """
    return Z95 * math.sqrt(share * (1 - share) / n) if n else None


def difference_interval(first: WithLimits, second: WithLimits) -> Interval:
    """first − second, from two Wilson intervals (Newcombe 1998, Stat. Med. 17:873, method 10).

    It takes the samples as independent. Where both models read the same texts the true interval is narrower: this one
    errs on the careful side.
    """
    (p1, low1, high1), (p2, low2, high2) = first, second
    gap = p1 - p2
    return gap - math.hypot(p1 - low1, high2 - p2), gap + math.hypot(high1 - p1, p2 - low2)


def ratio_interval(first: WithLimits, second: WithLimits) -> tuple[float | None, float | None]:
    """first / second.

    MOVER-R of Donner and Zou (2012, Stat. Methods Med. Res. 21:347, eq. 9), which combines the two Wilson
    intervals; no limit where the second share may be 0. It takes the samples as independent, as above.
    """
    (p1, low1, high1), (p2, low2, high2) = first, second
    if low2 <= 0:
        return None, None
    product = p1 * p2
    low_root = max(0.0, product**2 - low1 * high2 * (2 * p1 - low1) * (2 * p2 - high2))
    high_root = max(0.0, product**2 - high1 * low2 * (2 * p1 - high1) * (2 * p2 - low2))
    if high2 * (2 * p2 - high2) <= 0 or low2 * (2 * p2 - low2) <= 0:
        return None, None
    low = (product - low_root**0.5) / (high2 * (2 * p2 - high2))
    high = (product + high_root**0.5) / (low2 * (2 * p2 - low2))
    return max(0.0, low), high
