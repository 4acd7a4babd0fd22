"""An ablation → DataFrame: what each ingredient of a distillation was worth, beside what the DistilBERT paper found.

Columns that end in `_points` are percentage points, as in the paper's table (arXiv:1910.01108 Table 4). What is missing
is NA: a planned arm has its row before it is trained. Means are taken over the seeds that are finished.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distill_core import families, units
from distill_core.errors import RunError
from distill_core.maths import paired
from distill_core.plans import arms
from distill_core.results import DistillResult, StudentReport
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec
from distill_core.tables import differences
from distill_core.tables import families as tables_families
from distill_core.tables import frames as tables_frames
from distill_core.tables import sources as tables_sources
from distill_core.tables.training import arm_title

Question = Literal["ingredients", "weights", "layers"]
FULL = "all"
NO_MLM = "no masked words"
GENERAL_TITLES = {"no hard": "Without masked words"}
_ABLATION_COUNTS = ("seeds", "seeds_planned", "n_eval")
_ABLATION_MEASURES = (
    "accuracy",
    "full_accuracy",
    "difference_points",
    "seeds_low_points",
    "seeds_high_points",
    "texts_low_points",
    "texts_high_points",
    "low_points",
    "high_points",
    "p",
    "published_points",
)
ABLATION_COLUMNS = ("arm", "title", *_ABLATION_COUNTS, *_ABLATION_MEASURES, "published_source", "source")


def question(spec: object) -> Question | None:
    """What a run takes apart; None for one that does not. A sweep goes before an ablation, as in `arms.plan`."""
    if not isinstance(spec, DistillSpec):
        return None
    if spec.sweep_temperatures or spec.sweep_soft:
        return "weights"
    if spec.sweep_layers:
        return "layers"
    return "ingredients" if spec.ablation else None


def asked(run: Run) -> tuple[DistillSpec, DistillResult | None]:
    """What was asked and what is there so far. Raises RunError for a run that is no distillation."""
    spec = run.spec_as(DistillSpec)
    if spec is None:
        raise RunError(f"The run {run.id} is no distillation.", "Choose a run of the kind distill.")
    return spec, run.result_as(DistillResult)


# ── one ingredient left out at a time ────────────────────────────────────────────────────────────────────────────


def ablation_frame(run: Run) -> pd.DataFrame:
    """One row an ingredient left out (ABLATION_COLUMNS): what the student loses against the full recipe, in points.

    `difference_points` is the mean of the differences of the same seed. `seeds_*` is its 95 % interval over seeds (from
    three on), `texts_*` the one over test texts. `low_points` to `high_points` counts both, with its p value; where the
    run has kept no predictions it is the one over seeds. `published_points` is the paper's, for a score and a task of
    its own: rows that only the paper has stand last, with nothing measured. Raises RunError for a run that is no
    distillation.
    """
    spec, result = asked(run)
    by_arm: dict[str, dict[int, StudentReport]] = {}
    for student in result.students if result else ():
        by_arm.setdefault(student.arm, {})[student.seed] = student
    published = _published(spec.mode)
    planned = [name for name in dict.fromkeys(cell.arm for cell in arms.plan(spec)) if name != FULL]
    right, source = right_answers(run), tables_sources.source_text(run)
    records = [
        {
            **_ablation_row(name, spec, by_arm, right),
            **published.get(name, {}),
            "title": _title(name, spec),
            "source": source,
        }
        for name in dict.fromkeys([*planned, *published])
    ]
    return tables_frames.typed(records, ABLATION_COLUMNS, _ABLATION_COUNTS, _ABLATION_MEASURES)


def _title(arm: str, spec: DistillSpec) -> str:
    if arm == NO_MLM:
        return "Without masked words"
    return GENERAL_TITLES.get(arm, arm_title(arm)) if spec.mode == "general" else arm_title(arm)


def _ablation_row(
    name: str, spec: DistillSpec, by_arm: dict[str, dict[int, StudentReport]], right: dict[tuple[str, int], Any]
) -> dict[str, Any]:
    own, full = by_arm.get(name, {}), by_arm.get(FULL, {})
    seeds = sorted(own.keys() & full.keys())
    row: dict[str, Any] = {"arm": name, "seeds": len(seeds), "seeds_planned": spec.seeds}
    if not seeds:
        return row
    gaps = [own[seed].accuracy - full[seed].accuracy for seed in seeds]
    row |= {
        "n_eval": own[seeds[0]].n_eval,
        "accuracy": mean([own[seed].accuracy for seed in seeds]),
        "full_accuracy": mean([full[seed].accuracy for seed in seeds]),
        "difference_points": 100 * mean(gaps),
    }
    pairs = [right[name, seed] - right[FULL, seed] for seed in seeds if {(name, seed), (FULL, seed)} <= right.keys()]
    texts = paired.over_texts(np.mean(pairs, axis=0)) if len(pairs) == len(seeds) else None
    for prefix, interval in (("seeds", paired.over_seeds(gaps)), ("texts", texts)):
        if interval is not None:
            row |= {f"{prefix}_low_points": 100 * interval[0], f"{prefix}_high_points": 100 * interval[1]}
    found = paired.compare(np.stack(pairs)) if len(pairs) == len(seeds) else paired.compare_seeds(gaps)
    if found is not None:
        row |= {"low_points": 100 * found.interval[0], "high_points": 100 * found.interval[1], "p": found.p}
    return row


def mean(values: list[float]) -> float:
    """The mean of at least one value."""
    return sum(values) / len(values)


def right_answers(run: Run) -> dict[tuple[str, int], NDArray[np.float64]]:
    """For each arm and seed 1 where its answer to a test text is right, else 0; empty without predictions.

    Shared by all who look at the run: do not change the arrays.
    """
    right = differences.right_answers(run)
    return {(cell.arm, cell.seed): right[cell.key] for cell in arms.plan(asked(run)[0]) if cell.key in right}


_PAPER_ROWS = {  # what the row of Table 4 says was removed
    "no soft": "Lce removed",
    "no cosine": "Lcos removed",
    NO_MLM: "Lmlm removed",
    "random init": "random weight initialisation",
}


@lru_cache(maxsize=2)
def _published(mode: str) -> dict[str, dict[str, Any]]:
    """Arm → the paper's change of the GLUE score in points. In general distillation `hard` is the masked words."""
    frame = tables_families.published_frame(families.get("distilbert"))
    frame = frame[frame["metric"] == "GLUE avg change"]
    found = {}
    for arm, words in _PAPER_ROWS.items():
        row = frame[frame["variant"].str.contains(words, regex=False)].iloc[0]
        key = "no hard" if arm == NO_MLM and mode == "general" else arm
        found[key] = {"published_points": float(row["value"]), "published_source": row["source"]}
    return found


def verdicts(frame: pd.DataFrame) -> pd.DataFrame:
    """The measured rows of `ablation_frame`, the largest loss first, with `is_sure`: whether the difference is beyond
    chance, by Holm's correction over all measured rows; NA without predictions, unless there are three seeds."""
    rows = frame.dropna(subset=["difference_points"]).sort_values("difference_points", kind="stable")
    sure = paired.beyond_chance([None if units.is_missing(p) else float(p) for p in rows["p"]])
    return rows.assign(is_sure=pd.Series(sure, index=rows.index, dtype="boolean")).reset_index(drop=True)


def texts_half_width(frame: pd.DataFrame) -> float | None:
    """By how many points other test texts would move a difference: half the mean interval over texts."""
    widths = (frame["texts_high_points"] - frame["texts_low_points"]).dropna()
    return float(widths.mean()) / 2 if len(widths) else None
