"""What a learning curve and an unfreezing show, computed from the run: does a lead shrink with more labels, and which
further layers add accuracy? Sentences for the page; points of accuracy, beyond chance by Holm's correction.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from distill_core import units
from distill_core.arms import SAVED
from distill_core.maths import paired
from distill_core.maths.paired import Difference
from distill_core.runs.run import Run
from distill_core.tables import differences, transfer_leads
from distill_core.tables import transfer_answers as answers
from distill_core.tables.training import arm_title

RIVALS = ("scratch", "bow", "frozen")


@dataclass(frozen=True)
class Trend:
    """The lead of the fine-tuned network over another arm at each size (shares), and how much it changes from the
    fewest to the most labels, compared on the same texts; None without predictions."""

    rival: str
    sizes: tuple[int, ...]
    gaps: tuple[float, ...]
    change: Difference | None


def trends(frame: pd.DataFrame, run: Run) -> list[Trend]:
    """One for each rival that has two sizes or more. `frame`: `transfer.curve_frame` of `run`."""
    means = {(str(row.arm), int(row.train_examples)): float(row.accuracy) for row in frame.itertuples()}  # type: ignore[arg-type]
    found = []
    for rival in RIVALS:
        sizes = sorted(n for arm, n in means if arm == rival and (SAVED, n) in means)
        if len(sizes) > 1:
            gaps = tuple(means[SAVED, n] - means[rival, n] for n in sizes)
            found.append(Trend(rival, tuple(sizes), gaps, _change(run, rival, sizes[0], sizes[-1])))
    return found


def _change(run: Run, rival: str, fewest: int, most: int) -> Difference | None:
    """The lead at the most labels minus that at the fewest, seed by seed and text by text."""
    parts = [answers.of(run, arm, n) for n in (most, fewest) for arm in (SAVED, rival)]
    seeds = sorted(set.intersection(*(set(part) for part in parts)))
    rows = [[part[seed] for seed in seeds] for part in parts]
    late = [one - other for one, other in zip(rows[0], rows[1], strict=True)]
    early = [one - other for one, other in zip(rows[2], rows[3], strict=True)]
    return differences.between(late, early)


def trend_sentences(found: Sequence[Trend]) -> list[str]:
    """`Fine-tuned minus from scratch: 12.2, 22.3, 30.0, 16.0 points with 50, 200, 1,000, 4,000 labels. From the fewest
    to the most labels …`"""
    sure = paired.beyond_chance([one.change.p if one.change is not None else None for one in found])
    return [_trend_sentence(one, is_sure) for one, is_sure in zip(found, sure, strict=True)]


def _trend_sentence(one: Trend, is_sure: bool | None) -> str:
    gaps, sizes = (" / ".join(words) for words in ([_points(gap) for gap in one.gaps], [f"{n:,}" for n in one.sizes]))
    start = (
        f"{arm_title(SAVED)} minus {units.in_sentence(arm_title(one.rival))}: {gaps} points with {sizes} labels. "
        "From the fewest to the most labels it"
    )
    change = one.gaps[-1] - one.gaps[0]
    if one.change is None:
        return f"{start} changes by {_points(change)}; open without predictions whether by chance."
    low, high = (_points(end) for end in one.change.interval)
    verb = ("rises" if change > 0 else "falls") if is_sure else "changes"
    interval = f"(95 % interval of the change {low} to {high})"
    return f"{start} {verb} by {_points(abs(change) if is_sure else change)} {interval}" + (
        "." if is_sure else ", which may be chance."
    )


def _points(share: float) -> str:
    shown = f"{100 * share:.1f}"
    return "0.0" if float(shown) == 0 else shown.replace("-", "−")


# ── how much to unfreeze ─────────────────────────────────────────────────────────────────────────────────────────


def step_sentence(frame: pd.DataFrame, run: Run) -> str:
    """What each further depth adds to the one before: `Step by step: head only to top layer +11.2 points (beyond
    chance); …`. Empty for one depth. `frame`: `transfer.unfreeze_frame` of `run`. LoRA is no depth and stays out."""
    depths = frame[frame["arm"] != "lora"].to_dict("records")
    steps = list(itertools.pairwise(depths))
    if not steps:
        return ""
    found = [
        transfer_leads.pair(*(answers.of(run, str(row["arm"]), int(row["train_examples"])) for row in (after, before)))
        for before, after in steps
    ]
    sure = paired.beyond_chance([one.p if one is not None else None for one in found])
    words = [_step(before, after, is_sure) for (before, after), is_sure in zip(steps, sure, strict=True)]
    return f"Step by step: {'; '.join(words)}."


def _step(before: dict[Any, Any], after: dict[Any, Any], is_sure: bool | None) -> str:
    gap = float(after["accuracy"]) - float(before["accuracy"])
    first, second = (units.in_sentence(str(row["title"])) for row in (before, after))
    verdict = {True: "beyond chance", False: "may be chance", None: "open without predictions"}[is_sure]
    return f"{first} to {second} {'+' if gap > 0 else ''}{_points(gap)} points ({verdict})"
