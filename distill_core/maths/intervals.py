"""Confidence intervals. Shares are fractions 0–1, an interval is 95 % unless it says otherwise."""

from __future__ import annotations

import math

Z95 = 1.959963984540054


def wilson(correct: int, n: int) -> tuple[float, float, float]:
    """A share with its 95 % Wilson score interval (Wilson 1927): (share, low, high). `n` must be at least 1."""
    share = correct / n
    denominator = 1 + Z95**2 / n
    center = (share + Z95**2 / (2 * n)) / denominator
    half = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / denominator
    # At 0 and n right answers the limit is exact: rounding must not push the interval past the share itself.
    return share, 0.0 if correct == 0 else center - half, 1.0 if correct == n else center + half


def ratio_interval(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float | None, float | None]:
    """The 95 % interval of first / second, from (share, low, high) of each (fractions 0–1).

    MOVER-R of Donner and Zou (2012, Stat. Methods Med. Res. 21:347, eq. 9), which combines the two Wilson
    intervals; no limit where the second share may be 0. It takes the samples as independent. Here both models
    read the same texts, which makes the true interval narrower: this one errs on the careful side.
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
