"""Rows of single runs → medians, ratios, targets, and the table that is printed."""

from __future__ import annotations

import statistics
from typing import Any

Row = dict[str, Any]
# (contender, reference, least ratio): what this project sets itself
TARGETS = (
    ("ours-first", "textbrewer", 2.8),
    ("ours-second", "textbrewer", 3.5),
    ("ours-first", "trainer", 2.0),
    ("ours-second", "no-teacher", 0.95),
)


def ratio(rows: list[Row], name: str, reference: str, of: str = "seconds") -> float | None:
    """Median over the repeats of how many times as fast as `reference` `name` was in the same repeat.

    `of="cpu_seconds"` compares processor time, which other programs on the machine hardly change.
    """
    speeds = {(row["contender"], row["repeat"]): 1 / row[of] for row in rows if "error" not in row}
    pairs = [
        speeds[name, repeat] / speeds[reference, repeat]
        for repeat in sorted({repeat for _, repeat in speeds})
        if (name, repeat) in speeds and (reference, repeat) in speeds
    ]
    return statistics.median(pairs) if pairs else None


def summarize(rows: list[Row]) -> list[Row]:
    """One row a contender: medians of its repeats, ratios, and the first repeat's student."""
    found = []
    for name in dict.fromkeys(row["contender"] for row in rows):
        mine = [row for row in rows if row["contender"] == name]
        good = [row for row in mine if "error" not in row]
        if not good:
            found.append(mine[0])
            continue
        middle = {
            key: statistics.median(row[key] for row in good)
            for key in ("samples_per_s", "seconds", "cpu_seconds", "peak_memory_mib", "others_cores")
        }
        ratios = {f"over_{other}": ratio(rows, name, other) for other in ("textbrewer", "trainer", "no-teacher")}
        cpu = {"cpu_over_textbrewer": ratio(rows, name, "textbrewer", "cpu_seconds")}
        found.append({**good[0], **middle, **ratios, **cpu, "repeats": len(good)})
    return found


def targets(rows: list[Row]) -> list[Row]:
    """Each target with the ratio that was measured; None where a contender is missing."""
    return [
        {"contender": name, "reference": reference, "target": target, "measured": ratio(rows, name, reference)}
        for name, reference, target in TARGETS
    ]


def table(summary: list[Row]) -> str:
    """The rows as Markdown."""
    lines = [
        "| contender | samples/s | × TextBrewer | × Trainer | × TextBrewer, CPU time | padding | steps | peak MiB "
        "| held-out loss | accuracy (95 % interval) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in summary:
        if "error" in row:
            lines.append(f"| {row['contender']} | not measured: {row['error']} |" + " |" * 8)
            continue
        accuracy = f"{row['accuracy']:.3f} ({row['ci_low']:.3f}–{row['ci_high']:.3f})"
        lines.append(
            f"| {row['contender']} | {row['samples_per_s']:.1f} | {_times(row['over_textbrewer'])} "
            f"| {_times(row['over_trainer'])} | {_times(row['cpu_over_textbrewer'])} | {row['padding_factor']:.2f} "
            f"| {row['steps']} | {row['peak_memory_mib']:.0f} | {row['held_out_loss']:.4f} | {accuracy} |"
        )
    return "\n".join(lines)


def target_lines(found: list[Row]) -> str:
    """One line a target."""
    words = []
    for row in found:
        if row["measured"] is None:
            verdict = "not measured"
        else:
            verdict = f"{row['measured']:.2f}, {'met' if row['measured'] >= row['target'] else 'missed'}"
        words.append(f"{row['contender']} / {row['reference']} ≥ {row['target']}: {verdict}")
    return "\n".join(words)


def _times(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"
