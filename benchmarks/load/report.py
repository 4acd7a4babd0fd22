"""The figures of one level of load, beside the most that they may be."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.load.crowd import Seen

CLICK_MS = 500.0
FRAGMENT_MS = 500.0
FIRST_MS = 1500.0  # arrivals within 20 s …
FIRST_AT_ONCE_MS = 4000.0  # … and all in the same second
MIB_A_SESSION = 2.0


@dataclass(frozen=True)
class Row:
    """A figure and its limit; `value` is None where nothing was measured."""

    name: str
    value: float | None
    limit: float

    @property
    def is_met(self) -> bool:
        return self.value is not None and self.value <= self.limit


@dataclass(frozen=True)
class Report:
    """What a level of load showed."""

    sessions: int
    rows: tuple[Row, ...]
    seen: Seen

    @property
    def is_met(self) -> bool:
        waits = self.seen.waits
        settled = self.seen.settled_s is not None
        return settled and not waits.errors and not waits.shown and all(row.is_met for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """For --json: figures, counts, what the server held (MiB, threads, handles), what the driver needed."""
        seen, waits = self.seen, self.seen.waits
        return {
            "sessions": self.sessions,
            "met": self.is_met,
            "figures": {row.name: {"value": row.value, "limit": row.limit} for row in self.rows},
            "first_ms": _spread(waits.first),
            "click_ms": _spread(waits.click),
            "fragment_ms": _spread(waits.fragment),
            "lost_refreshes": waits.lost,
            "cut": waits.cut,
            "errors": waits.errors[:5],
            "exceptions_shown": sorted(set(waits.shown))[:5],
            "server": {
                "before": asdict(seen.before),
                "most": asdict(seen.most),
                "after": asdict(seen.after),
                "settled_s": seen.settled_s,
                "cpu_share": (seen.after.cpu_s - seen.before.cpu_s) / seen.wall_s,
            },
            "driver": {"cpu_share": seen.driver_cpu_s / seen.wall_s, "late_ms": _spread(seen.lateness_s)},
        }

    def as_text(self) -> str:
        """For people."""
        seen, waits = self.seen, self.seen.waits
        lines = [f"{self.sessions} sessions, {len(waits.click)} clicks, {len(waits.fragment)} refreshes"]
        for row in self.rows:
            value = "n/a" if row.value is None else f"{row.value:,.1f}"
            lines.append(f"  {row.name:<18} {value:>9}   limit {row.limit:,.0f}   {'met' if row.is_met else 'MISSED'}")
        back = "not back in time" if seen.settled_s is None else f"back after {seen.settled_s:.0f} s"
        lines += [
            f"  memory {seen.before.memory_mib:.0f} → {seen.most.memory_mib:.0f} → {seen.after.memory_mib:.0f} MiB, "
            f"threads {seen.before.threads} → {seen.most.threads} → {seen.after.threads}, "
            f"handles {seen.before.handles} → {seen.most.handles} → {seen.after.handles}: {back}",
            f"  server {(seen.after.cpu_s - seen.before.cpu_s) / seen.wall_s:.0%} of a core, "
            f"driver {seen.driver_cpu_s / seen.wall_s:.0%}, "
            f"its clock late by {_percentile(seen.lateness_s, 95)} ms (p95)",
            f"  {waits.cut} cut on purpose, {waits.lost} refreshes lost, {len(waits.errors)} errors, "
            f"{len(waits.shown)} exceptions shown",
            *(f"  {problem}" for problem in [*waits.errors[:5], *sorted(set(waits.shown))[:5]]),
        ]
        return "\n".join(lines)


def of(seen: Seen, options: argparse.Namespace) -> Report:
    """The figures of the issue."""
    waits = seen.waits
    mib = sum(waits.bytes_in) / len(waits.bytes_in) / 2**20 if waits.bytes_in else None
    rows = [
        Row("click_ms_p95", _percentile(waits.click, 95), CLICK_MS),
        Row("first_ms_p50", _percentile(waits.first, 50), FIRST_MS if options.ramp else FIRST_AT_ONCE_MS),
        Row("mib_a_session", mib, MIB_A_SESSION),
    ]
    if not options.no_training:
        rows.insert(1, Row("fragment_ms_p95", _percentile(waits.fragment, 95), FRAGMENT_MS))
    return Report(options.sessions, tuple(rows), seen)


def _percentile(seconds: Sequence[float], percent: int) -> float | None:
    """Milliseconds; None without a measurement."""
    if not seconds:
        return None
    if len(seconds) == 1:
        return round(1000 * seconds[0], 1)
    return round(1000 * statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1], 1)


def _spread(seconds: Sequence[float]) -> dict[str, float | int | None]:
    most = round(1000 * max(seconds), 1) if seconds else None
    return {"n": len(seconds), "p50": _percentile(seconds, 50), "p95": _percentile(seconds, 95), "max": most}
