"""Sweeps → DataFrames: which temperature and weight is best, how deep a student must be, what a shared teacher saves.

Fractions are 0–1. What is missing is NA: a planned setting has its row before it is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distill_core import families
from distill_core.maths import intervals, paired
from distill_core.plans import arms
from distill_core.plans.arms import DistillCell
from distill_core.results import DistillResult, StudentReport
from distill_core.runs.run import Run
from distill_core.tables import differences
from distill_core.tables import families as tables_families
from distill_core.tables import frames as tables_frames
from distill_core.tables import sources as tables_sources
from distill_core.tables.ablation import asked, mean, right_answers
from distill_core.terms import BY_KEY, LossWeights

_COUNTS = ("layers", "seeds", "n_eval", "params")
_MEASURES = (
    "temperature",
    "soft",
    "hard",
    "accuracy",
    "ci_low",
    "ci_high",
    "retained",
    "retained_low",
    "retained_high",
    "behind_points",
    "behind_low_points",
    "behind_high_points",
    "behind_p",
    "validation",
    "agreement",
    "kl_to_teacher",
    "params_share",
    "time_share",
    "time_low",
    "time_high",
    "busy_cores",
    "latency_ms_p50",
    "train_s",
)
SWEEP_COLUMNS = ("arm", "setting", *_COUNTS, *_MEASURES, "source")


def sweep_frame(run: Run) -> pd.DataFrame:
    """One row a planned setting (SWEEP_COLUMNS), its measures as means over the finished seeds.

    `ci_*` is the mean of the seeds' Wilson intervals; `retained` = accuracy / teacher's, with the interval of
    `differences.ratio`, paired by text where the run has kept the answers; `params_share` and `time_share` = student /
    teacher; `time_low` and `time_high` are the means of the seeds' intervals, NA where one has none, and `busy_cores`
    is the busiest seed's. `validation` is the last accuracy on the validation texts. `behind_points` is the difference
    to the setting of `chosen`, with its 95 % interval and p value over seeds and test texts, paired by text; NA for
    that setting.
    Raises RunError for a run that is no distillation.
    """
    spec, result = asked(run)
    source = tables_sources.source_text(run)
    planned = {cell.arm: cell for cell in reversed(arms.plan(spec))}
    records = [{**_sweep_row(planned[name], result), "source": source} for name in reversed(planned)]
    _add_validation(records, run)
    _add_retained(records, run)
    _compare_with_best(records, run)
    return tables_frames.typed(records, SWEEP_COLUMNS, _COUNTS, _MEASURES)


def chosen(rows: pd.DataFrame) -> pd.Series:
    """The most accurate setting: on the validation texts where all finished ones have such a value, else on the test
    texts. `rows`: of `sweep_frame`, one at least with an accuracy."""
    known = rows.dropna(subset=["accuracy"])
    name = "validation" if is_validated(rows) else "accuracy"
    return known.iloc[int(known[name].to_numpy(dtype=float).argmax())]


def is_validated(rows: pd.DataFrame) -> bool:
    """Whether `chosen` goes by the validation texts."""
    return bool(rows.loc[rows["accuracy"].notna(), "validation"].notna().all())


def _add_validation(records: list[dict[str, Any]], run: Run) -> None:
    """The last look at the validation texts, mean over seeds."""
    spec, _ = asked(run)
    points, _ = run.read_metrics()
    last = {one.arm: one.value for one in points if (one.split, one.name) == ("validation", "accuracy")}
    for record in records:
        keys = [cell.key for cell in arms.plan(spec) if cell.arm == record["arm"]]
        if "accuracy" in record and all(key in last for key in keys[: record["seeds"]]):
            record["validation"] = mean([last[key] for key in keys[: record["seeds"]]])


def _add_retained(records: list[dict[str, Any]], run: Run) -> None:
    """The paired interval of what is retained, in place of the one that takes the texts as different ones."""
    teacher, right = differences.right_answers(run).get("teacher"), _right_by_setting(run)
    for record in records:
        found = differences.ratio(right[record["arm"]].mean(0), teacher) if record["arm"] in right else None
        if found is not None and "accuracy" in record:
            record["retained_low"], record["retained_high"] = found


def _compare_with_best(records: list[dict[str, Any]], run: Run) -> None:
    """Add how far each setting lies behind the best: single intervals hide that all students read the same texts."""
    done = [record for record in records if "accuracy" in record]
    if not done:
        return
    best = str(chosen(tables_frames.typed(done, SWEEP_COLUMNS, _COUNTS, _MEASURES))["arm"])
    right, accuracy = _right_by_setting(run), next(record["accuracy"] for record in done if record["arm"] == best)
    for record in done:
        if record["arm"] == best:
            continue
        record["behind_points"] = 100 * (record["accuracy"] - accuracy)
        if {record["arm"], best} <= right.keys():
            own, other = right[record["arm"]], right[best]
            seeds = min(len(own), len(other))
            found = paired.compare(own[:seeds] - other[:seeds])
            if found is not None:
                record["behind_low_points"], record["behind_high_points"] = (100 * end for end in found.interval)
                record["behind_p"] = found.p


def _right_by_setting(run: Run) -> dict[str, NDArray[np.float64]]:
    """For each setting which test texts its seeds get right. Shape: (seeds, texts)."""
    found: dict[str, list[NDArray[np.float64]]] = {}
    for (name, _), right in right_answers(run).items():
        found.setdefault(name, []).append(right)
    return {name: np.stack(answers) for name, answers in found.items()}


def _sweep_row(cell: DistillCell, result: DistillResult | None) -> dict[str, Any]:
    spec = cell.spec
    found = [student for student in (result.students if result else ()) if student.arm == cell.arm]
    row: dict[str, Any] = {
        "arm": cell.arm,
        "setting": f"τ = {spec.temperature:g}, soft weight {spec.weights['soft']:g}",
        "seeds": len(found),
        "layers": spec.student_layers,
        "temperature": spec.temperature,
        "soft": spec.weights["soft"],
        "hard": spec.weights["hard"],
    }
    teacher = result.teacher if result else None
    if not found or teacher is None:
        return row
    row |= {
        name: mean([getattr(one, name) for one in found])
        for name in ("accuracy", "ci_low", "ci_high", "retained", "agreement", "kl_to_teacher", "train_s")
    }
    own = (row["accuracy"], row["ci_low"], row["ci_high"])
    low, high = intervals.ratio_interval(own, (teacher.accuracy, teacher.ci_low, teacher.ci_high))
    return row | {
        "retained_low": low,
        "retained_high": high,
        "n_eval": found[0].n_eval,
        "params": found[0].params,
        "params_share": found[0].params / teacher.params,
        **_times([one for one in found if one.latency_ms_p50 is not None and one.speedup]),
    }


def _times(timed: list[StudentReport]) -> dict[str, Any]:
    """Time and share of the teacher's time, as means over the seeds."""
    if not timed:
        return {}
    busy = [one.busy_cores for one in timed if one.busy_cores is not None]
    return {
        "latency_ms_p50": mean([one.latency_ms_p50 or 0.0 for one in timed]),
        "time_share": _mean_inverse([one.speedup for one in timed]),
        "time_low": _mean_inverse([one.speedup_high for one in timed]),
        "time_high": _mean_inverse([one.speedup_low for one in timed]),
        "busy_cores": max(busy) if busy else None,
    }


def _mean_inverse(speedups: list[float | None]) -> float | None:
    shares = [1 / speedup for speedup in speedups if speedup]
    return mean(shares) if len(shares) == len(speedups) else None


def depth_frame(run: Run) -> pd.DataFrame:
    """`sweep_frame` of a sweep over depths, the shallowest student first; empty where no depths were swept."""
    frame = sweep_frame(run)
    swept = bool(asked(run)[0].sweep_layers)
    return frame[[swept] * len(frame)].sort_values("layers", kind="stable").reset_index(drop=True)


@dataclass(frozen=True)
class Reference:
    """DistilBERT beside BERT, from the paper's own tables: shares of size, time and GLUE score, 0–1."""

    params_share: float
    time_share: float
    retained: float
    source: str = "arXiv:1910.01108v4, Tables 1 and 3"


def distilbert() -> Reference:
    """66/110 M parameters, 410/668 s, 77.0/79.5 points of GLUE, from data/published.csv."""
    size, time, score = (
        _paper_number("distilbert", metric) / _paper_number("bert", metric)
        for metric in ("params", "inference speed", "GLUE avg")
    )
    return Reference(size, time, score)


def _paper_number(family: str, metric: str) -> float:
    row = families.get(family)
    frame = tables_families.published_frame(row)
    of_paper = frame["source"].str.startswith("arXiv:1910.01108v4") & (frame["variant"] == f"{row.title}-base")
    return float(frame.loc[of_paper & (frame["metric"] == metric), "value"].to_numpy(dtype=float)[0])


# ── what the shared teacher outputs save ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Sharing:
    """Students that learn from the cached teacher outputs, and the teacher passes that they would have needed.

    `pass_s` is what the one pass took: 0 when the outputs lay on disk already, and then nobody knows `saved_s`.
    """

    students: int
    passes: int
    pass_s: float
    saved_s: float | None


def sharing(run: Run) -> Sharing | None:
    """None where nothing was shared: no student yet, or general distillation, whose teacher runs beside each student.

    Losses on labels alone need no teacher; losses on inner states run it beside the student: neither is counted.
    """
    spec, result = asked(run)
    if result is None or result.teacher_pass_s is None:
        return None
    weights = [LossWeights({key: float(one.ingredients.get(key) or 0) for key in BY_KEY}) for one in result.students]
    users = [one for one in weights if one.asks_the_teacher and not one.needs_live_teacher]
    if not users:
        return None
    passes = len(users) * spec.epochs
    saved = (passes - 1) * result.teacher_pass_s if result.teacher_pass_s > 0 else None
    return Sharing(len(users), passes, result.teacher_pass_s, saved)
