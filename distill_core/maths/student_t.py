"""Student's t at whole degrees of freedom: scipy takes a second to import, and its sums are finite."""

from __future__ import annotations

import math
from functools import lru_cache

_MOST = 2000  # degrees of freedom: beyond, the quantile differs from the normal one by less than 0.0013


def two_sided(t: float, freedom: int) -> float:
    """P(|T| ≥ |t|), by the finite sums of Abramowitz and Stegun (1964, 26.7.3 and 26.7.4).

    With θ = atan(t / √ν): for odd ν 1 − 2/π (θ + sin θ (cos θ + 2/3 cos³ θ + …)), for even ν
    1 − sin θ (1 + 1/2 cos² θ + 1·3/(2·4) cos⁴ θ + …), the last power being ν − 2.
    """
    freedom = min(freedom, _MOST)
    angle = math.atan(abs(t) / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = freedom % 2
    term, total = (cosine, 0.0) if is_odd else (1.0, 0.0)
    for power in range(is_odd, freedom - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * cosine**2
    within = 2 / math.pi * (angle + sine * total) if is_odd else sine * total
    return min(1.0, max(0.0, 1 - within))


@lru_cache(maxsize=512)
def quantile_975(freedom: int) -> float:
    """The t with P(|T| ≥ t) = 5 %, by bisection: 12.7 at one degree of freedom, 1.96 at many."""
    low, high = 1.9, 13.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, freedom) > 0.05 else (low, middle)
    return (low + high) / 2
