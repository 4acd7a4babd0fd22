"""Transfer experiments: who leads whom, by how much, and is it more than chance? Shares 0–1.

Both models read the same test texts: a difference is compared in pairs (`differences`), over seeds and texts. A run
that has kept no predictions has intervals that take the texts as different ones, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from distill_core.arms import SAVED
from distill_core.maths import intervals, paired
from distill_core.maths.paired import Difference
from distill_core.runs.run import Run
from distill_core.tables import differences
from distill_core.tables import transfer_answers as answers
from distill_core.tables.differences import Right
from distill_core.tables.transfer import domain_titles

GAIN_COLUMNS = ("train", "test", "gain", "low", "high", "is_sure", "is_paired", "is_home", "source")
_KINDS = {
    **dict.fromkeys(("gain", "low", "high"), "Float64"),
    **dict.fromkeys(("is_sure", "is_paired", "is_home"), "boolean"),
}


@dataclass(frozen=True)
class Lead:
    """How far one arm is ahead of another with `train_examples` labeled texts: a share with its 95 % interval, and
    whether that is beyond chance. `is_paired`: both are compared on the same texts."""

    train_examples: int
    first: str
    second: str
    gap: float
    low: float
    high: float
    is_sure: bool
    is_paired: bool


def lead(frame: pd.DataFrame, run: Run | None = None, near: int = 200) -> Lead | None:
    """The pre-trained arm against bag of words (else against the next arm), at the size nearest to `near`. `frame`:
    `transfer.curve_frame` of `run`.

    None while no size has both. Nearest is meant in ratios: 100 and 400 are as far from 200.
    """
    first = SAVED if SAVED in set(frame["arm"]) else next(iter(frame["arm"]), "")
    second = next((arm for arm in ("bow", "scratch", *frame["arm"]) if arm != first and arm in set(frame["arm"])), "")
    cells: dict[tuple[str, int], Any] = {(row.arm, row.train_examples): row for row in frame.itertuples()}  # type: ignore[misc]
    both = [n for arm, n in cells if arm == first and (second, n) in cells]
    if not both:
        return None
    n = min(both, key=lambda size: abs(math.log(size / near)))
    one, other = cells[first, n], cells[second, n]
    found = pair(answers.of(run, first, n), answers.of(run, second, n)) if run is not None else None
    gap, low, high, is_sure = _compared(one, other, found)
    return Lead(n, str(one.title), str(other.title), gap, low, high, is_sure, found is not None)


def pair(first: Mapping[int, Right], second: Mapping[int, Right]) -> Difference | None:
    """first − second, of the seeds that both have."""
    seeds = sorted(first.keys() & second.keys())
    return differences.between([first[seed] for seed in seeds], [second[seed] for seed in seeds])


def _compared(one: Any, other: Any, found: Difference | None) -> tuple[float, float, float, bool]:
    """Gap, low, high, beyond chance: in pairs where known, else by Wilson intervals as of different texts."""
    gap = float(one.accuracy) - float(other.accuracy)
    if found is not None:
        return gap, *found.interval, found.is_sure
    low, high = intervals.difference_interval(_interval(one), _interval(other))
    return gap, low, high, low > 0 or high < 0


def _interval(row: Any) -> tuple[float, float, float]:
    return float(row.accuracy), float(row.ci_low), float(row.ci_high)


# ── domains ──────────────────────────────────────────────────────────────────────────────────────────────────────


def gain_frame(frame: pd.DataFrame, run: Run | None = None, arm: str = "adapted", base: str = SAVED) -> pd.DataFrame:
    """What `arm` changes against `base`, cell by cell of `domain_frame`, with the 95 % interval (GAIN_COLUMNS).

    `is_sure`: beyond chance by Holm's correction over all cells; NA where the cells are not compared in pairs.
    """
    records, p_values = [], []
    right = _by_title(run)
    cells: dict[Any, Any] = {(row.arm, row.train, row.test): row for row in frame.itertuples()}
    for (name, train, test), row in cells.items():
        if name == arm and (base, train, test) in cells:
            found = pair(right.get((arm, train, test), {}), right.get((base, train, test), {}))
            gap, low, high, _ = _compared(row, cells[base, train, test], found)
            p_values.append(found.p if found is not None else None)
            where = {"train": train, "test": test, "is_home": row.is_home, "source": row.source}
            records.append({**where, "gain": gap, "low": low, "high": high, "is_paired": found is not None})
    frame = pd.DataFrame(records).reindex(columns=list(GAIN_COLUMNS))
    frame["is_sure"] = list(paired.beyond_chance(p_values))
    return frame.astype({name: _KINDS.get(name, "string") for name in GAIN_COLUMNS}).reset_index(drop=True)


def _by_title(run: Run | None) -> dict[tuple[str, str, str], dict[int, Right]]:
    """`answers.in_domains` by the titles of the domains."""
    if run is None:
        return {}
    titles = domain_titles(run)
    return {
        (arm, titles.get(train, train), titles.get(test, test)): by_seed
        for (arm, train, test), by_seed in answers.in_domains(run).items()
    }
