"""Numbers as people read them: two or three significant digits, the unit beside them, "n/a" where there is none."""

from __future__ import annotations

import math
from datetime import UTC, datetime

MISSING = "n/a"


def is_missing(value: object) -> bool:
    """True for None, NaN and pandas' NA, which must not be compared: `NA != NA` is NA."""
    return value is None or str(value) in {"nan", "<NA>", "NaT"}


def significant(value: float | None, digits: int = 3) -> str:
    """`109482240 → 109,000,000`, `58.31 → 58.3`, `0.01234 → 0.0123`; integers up to 999 stay whole."""
    if value is None or is_missing(value) or math.isinf(value):
        return MISSING
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    shown = f"{rounded:,.{max(0, decimals)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def millions(count: float | None) -> str:
    """A number of parameters: `109482240 → 109 M`."""
    return MISSING if count is None or is_missing(count) else f"{significant(count / 1e6)} M"


def milliseconds(value: float | None) -> str:
    """`58.31 → 58.3 ms`."""
    return MISSING if value is None or is_missing(value) else f"{significant(value)} ms"


def mebibytes(value: float | None) -> str:
    """`431.2 → 431 MiB`."""
    return MISSING if value is None or is_missing(value) else f"{significant(value)} MiB"


def percent(fraction: float | None, digits: int = 2) -> str:
    """`0.394 → 39 %`; three digits from 99.5 % on, so that 99.7 % does not read as 100 %; above, whole ones: 106 %."""
    if fraction is None or is_missing(fraction):
        return MISSING
    if 0.995 <= fraction < 1 or 1 < fraction < 1.005:
        digits = 3 if fraction < 1 else 4
    elif 1.005 <= fraction < math.inf:
        digits = max(digits, len(str(round(fraction * 100))))
    return f"{significant(fraction * 100, digits)} %"


def times(ratio: float | None) -> str:
    """`1.894 → 1.9 ×`, `2 → 2.0 ×`, `0.107 → 0.11 ×`: a rounded ratio keeps its zero."""
    if ratio is None or is_missing(ratio):
        return MISSING
    return f"{ratio:.1f} ×" if 0.95 <= ratio < 9.95 else f"{significant(ratio, 2)} ×"


def as_fast(ratio: float | None) -> str:
    """A ratio of speeds, to go before "as …": `2 → 2.0 × as fast`, `0.8 → 1.2 × as slow`, `1.02 → as fast`.

    "n/a" for what is no ratio of speeds: missing, zero, negative or infinite.
    """
    if ratio is None or is_missing(ratio) or ratio <= 0 or math.isinf(ratio):
        return MISSING
    larger = max(ratio, 1 / ratio)
    if larger < 1.05:
        return "as fast"
    return f"{times(larger)} as {'fast' if ratio > 1 else 'slow'}"


Limits = tuple[float | None, float | None]
ONE_TIMING = "single measurement"
NOTABLE_CORES = 0.25  # others' load from which on a measurement is called disturbed
_ABOUT = 1.25  # an interval within 1 / 1.25 … 1.25 says "about as fast"; a wider one around 1 says nothing


def measured_as_fast(ratio: float | None, limits: Limits = (None, None), other: str = "", at: str = "") -> str:
    """`as_fast` of a measured ratio with its 95 % interval: `2.0 × as fast as BERT at 1 × 128 tokens`.

    A ratio whose interval holds 1 is never stated: `about as fast as BERT`, or `no clear difference in speed from BERT`
    where the interval is wide. One without interval is marked: `2.0 × as fast as BERT (single measurement)`.
    """
    words, (low, high) = as_fast(ratio), limits
    if words == MISSING:
        return MISSING
    known = not (low is None or high is None or is_missing(low) or is_missing(high))
    joint, mark = "as", "" if known else f" ({ONE_TIMING})"
    if low is not None and high is not None and known and low <= 1 <= high:
        words = "about as fast"
        if low < 1 / _ABOUT or high > _ABOUT:
            words, joint = "no clear difference in speed", "from"
    beside, place = f" {joint} {other}" if other else "", f" at {at}" if at else ""
    return f"{words}{beside}{place}{mark}"


def others_load(cores: float | None, *, most: bool = False) -> str:
    """`measured while other programs used 1.3 cores`; nothing where that was too little to tell, or is not known.

    With `most` it is the highest of several measurements: `… used up to 1.3 cores`.
    """
    if cores is None or is_missing(cores) or cores < NOTABLE_CORES:
        return ""
    shown = significant(cores, 2)
    return f"measured while other programs used {'up to ' if most else ''}{shown} core{'' if shown == '1' else 's'}"


def duration(seconds: float | None) -> str:
    """`42 → 40 s`, `130 → 2 min`: a rough wait, not a measurement."""
    if seconds is None or is_missing(seconds):
        return MISSING
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{significant(seconds / 3600, 2)} h"


def seconds_between(start: str, end: str) -> float | None:
    """Seconds from one ISO time to another, never below 0; None where one cannot be read. Without a zone it is UTC."""
    try:
        moments = [datetime.fromisoformat(iso) for iso in (start, end)]
    except ValueError:
        return None
    first, last = (moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments)
    return max(0.0, (last - first).total_seconds())


def day(iso: str) -> str:
    """`2025-11-22T07:55:00.000+00:00 → 22 Nov 2025`; an unreadable time gives the empty string."""
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return ""
    return f"{moment.day} {moment:%b %Y}"


def in_sentence(title: str) -> str:
    """A title inside a sentence: `Frozen` becomes `frozen`; a name with a capital further in, as LoRA, stays."""
    return title if title.split(" ")[0][1:] != title.split(" ")[0][1:].lower() else title[:1].lower() + title[1:]


def now() -> str:
    """The time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
