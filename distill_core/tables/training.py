"""Training runs → DataFrames: arms of a fine-tuning, teacher and students of a distillation, and published claims.

Units stand in the column names, fractions are 0–1, what is missing is NA. Every number that is computed from others is
computed here; figures and pages only show it.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from distill_core import arms, families
from distill_core.maths import intervals
from distill_core.plans import arms as plans_arms
from distill_core.plans import transfer_cells
from distill_core.results import DistillResult, FinetuneArmResult, FinetuneResult, ModelReport, StudentReport
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec, FinetuneSpec
from distill_core.tables import balance, differences, one_answer, transfer_answers
from distill_core.tables import families as tables_families
from distill_core.tables import frames as tables_frames
from distill_core.tables import sources as tables_sources
from distill_core.terms import TERMS

TERM_TITLES = {"loss": "Sum", **{term.key: term.title for term in TERMS}}
_FINETUNE_COUNTS = ("train_examples", "seed", "n_eval", "answered", "params", "params_trained")
_FINETUNE_MEASURES = ("accuracy", "ci_low", "ci_high", "train_s", "lead_is_sure")
FINETUNE_COLUMNS = (
    *("arm", "title", *_FINETUNE_COUNTS, *_FINETUNE_MEASURES),
    *(*balance.COLUMNS, "error", "error_hint", "source"),
)
_STUDENT_COUNTS = (
    "seed",
    "layers",
    "params",
    "train_texts",
    "labels",
    "n_eval",
    "answered",
    "inherited_errors",
    "new_errors",
    "repaired_errors",
    "batch_size",
    "seq_len",
    "n_iterations",
)
_STUDENT_MEASURES = (
    "params_saved",
    "accuracy",
    "ci_low",
    "ci_high",
    "retained",
    "retained_low",
    "retained_high",
    "speedup",
    "speedup_low",
    "speedup_high",
    "latency_ms_p50",
    "latency_ms_p95",
    "teacher_ms",
    "busy_cores",
    "agreement",
    "kl_to_teacher",
    "train_s",
    "majority_retained",
)
STUDENT_COLUMNS = (
    *("arm", "title", "label", "curve", *_STUDENT_COUNTS, *_STUDENT_MEASURES),
    *(*balance.COLUMNS, "source"),
)
_CLAIM_COUNTS = ("batch_size", "seq_len")
_CLAIM_MEASURES = ("measured", "low", "high", "published", "majority", "busy_cores")
CLAIM_COLUMNS = ("key", "title", *_CLAIM_MEASURES, *_CLAIM_COUNTS, "claim", "published_source", "source")


def finetune_frame(run: Run) -> pd.DataFrame:
    """One row an arm, training size and seed of a fine-tuning so far (FINETUNE_COLUMNS); empty while there is none.

    `train_examples`: the texts that were really used.
    `answered`: how many classes it chooses among the test texts; NA without predictions and for several data sets.
    `lead_is_sure`: 1 where the best arm is beyond chance more accurate than its rival (`rivals`), on the same texts,
    else 0; the same in all rows, NA without predictions.
    """
    result, spec = run.result_as(FinetuneResult), run.spec_as(FinetuneSpec)
    answered = one_answer.answered(run)
    records = [
        {
            **row.model_dump(exclude={"error"}),
            **balance.columns(run, _finetune_key(spec, row)),
            "title": arm_title(row.arm),
            "train_examples": row.train_texts or row.train_examples,
            "answered": answered.get(_finetune_key(spec, row)),
            "error": row.error.message if row.error else None,
            "error_hint": row.error.hint if row.error else None,
            "source": tables_sources.source_text(run),
        }
        for row in (result.arms if result is not None else ())
    ]
    measures = (*_FINETUNE_MEASURES, *balance.MEASURES)
    frame = tables_frames.typed(records, FINETUNE_COLUMNS, _FINETUNE_COUNTS, measures)
    return frame.assign(lead_is_sure=pd.array([_lead_is_sure(frame, run)] * len(frame), dtype="Float64"))


def rivals(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series | None, int]:
    """The best arm at the largest size with a number, its rival there, and how many seeds: from scratch where that is
    not the best itself, else the runner-up. Means over seeds. `rows`: `finetune_frame`, not all without a number."""
    known = rows.dropna(subset=["accuracy"])
    largest = known[known["train_examples"] == known["train_examples"].max()]
    names = ["accuracy", "ci_low", "ci_high", "n_eval"]
    means = largest.groupby(["arm", "title"], sort=False)[names].mean().reset_index()
    ranked = means.sort_values("accuracy", ascending=False, kind="stable")
    others = ranked.iloc[1:]
    scratch = others[others["arm"] == "scratch"]
    other = (scratch if len(scratch) else others).iloc[0] if len(others) else None
    return ranked.iloc[0], other, int(largest["seed"].nunique())


def _lead_is_sure(frame: pd.DataFrame, run: Run) -> float | None:
    if frame["accuracy"].isna().all():
        return None
    first, other, _ = rivals(frame)
    if other is None:
        return None
    size = int(frame.dropna(subset=["accuracy"])["train_examples"].max())
    right = [transfer_answers.of(run, str(one["arm"]), size) for one in (first, other)]
    seeds = sorted(right[0].keys() & right[1].keys())
    found = differences.between(*([one[seed] for seed in seeds] for one in right))
    return None if found is None else float(found.is_sure and found.mean > 0)


def _finetune_key(spec: FinetuneSpec | None, row: FinetuneArmResult) -> str:
    """The name of its predictions."""
    if spec is None:
        return row.arm
    return transfer_cells.cell(spec, row.arm, row.seed, spec.dataset.key, row.train_examples).key


def students_frame(run: Run) -> pd.DataFrame:
    """The teacher's row, then one row a student (STUDENT_COLUMNS); empty while the teacher is not measured yet.

    `retained_low` to `retained_high`: 95 % over test texts, paired by text where the run has kept the answers;
    `majority_retained`: what always answering the most frequent class keeps. `label` tells seeds apart; `curve` is the
    student's name among the run's points; `answered` as in `finetune_frame`.
    """
    result, measures = run.result_as(DistillResult), (*_STUDENT_MEASURES, *balance.MEASURES)
    if result is None or result.teacher is None:
        return tables_frames.typed([], STUDENT_COLUMNS, _STUDENT_COUNTS, measures)
    source, answered, keys = tables_sources.source_text(run), one_answer.answered(run), _student_keys(run)
    name = arm_title("teacher")
    first = {"arm": "teacher", "title": name, "label": name, "answered": answered.get("teacher"), "source": source}
    timed = {"batch_size": 1, "seq_len": result.teacher.seq_len or _tokens(run)}
    records = [{**_report(result.teacher), **balance.columns(run, "teacher"), **first, **timed}]
    several = len({student.seed for student in result.students}) > 1
    right, majority = differences.right_answers(run), one_answer.kept(run, result.teacher.accuracy)
    for student in result.students:
        title, key = arm_title(student.arm), keys.get((student.arm, student.seed), "")
        own = right.get(key)
        low, high = differences.ratio(own, right.get("teacher")) or intervals.ratio_interval(
            _interval(student), _interval(result.teacher)
        )
        records.append(
            {
                **_report(student),
                **balance.columns(run, key),
                **timed,
                "teacher_ms": student.baseline_ms,
                "title": title,
                "label": f"{title}, seed {student.seed}" if several else title,
                "curve": f"{student.arm}-{student.seed}" if several else student.arm,
                "answered": answered.get(key),
                "retained_low": low,
                "retained_high": high,
                "majority_retained": majority,
                "source": source,
            }
        )
    return tables_frames.typed(records, STUDENT_COLUMNS, _STUDENT_COUNTS, measures)


def _tokens(run: Run) -> int | None:
    """Tokens at which teacher and students were timed, in a run that does not say."""
    spec = run.spec_as(DistillSpec)
    return min(spec.max_length, 128) if spec is not None else None


def _student_keys(run: Run) -> dict[tuple[str, int], str]:
    """Arm and seed → the name of its predictions."""
    spec = run.spec_as(DistillSpec)
    return {(cell.arm, cell.seed): cell.key for cell in (plans_arms.plan(spec) if spec is not None else ())}


def arm_title(arm: str) -> str:
    """The arm in words: `no soft` of an ablation is "Without soft targets"; an arm of a sweep is its own name."""
    row = arms.named(arm)
    if row is not None:
        return row.title
    term = TERM_TITLES.get(arm.removeprefix("no ")) if arm.startswith("no ") else None
    return f"Without {term.lower()}" if term is not None else arm[:1].upper() + arm[1:]


def _report(report: ModelReport) -> dict[str, Any]:
    return report.model_dump(exclude={"params_by_part"})


def _interval(report: ModelReport | StudentReport) -> tuple[float, float, float]:
    return report.accuracy, report.ci_low, report.ci_high


def students(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of `students_frame` without the teacher's."""
    return frame[frame["arm"] != "teacher"].reset_index(drop=True)


def teacher_accuracy(frame: pd.DataFrame) -> float | None:
    """The teacher's share of right answers on the test texts; None while it is not measured."""
    found = frame.loc[frame["arm"] == "teacher", "accuracy"].dropna()
    return float(found.iloc[0]) if len(found) else None


# ── DistilBERT's published claims ────────────────────────────────────────────────────────────────────────────────

_PAPER = "arXiv:1910.01108v4"


def claims_frame(frame: pd.DataFrame, label: str) -> pd.DataFrame:
    """Three claims of the DistilBERT paper beside what one student of `students_frame` reached (CLAIM_COLUMNS).

    `measured` and `published` are a share saved, a ratio of speeds and a share kept. The published numbers are computed
    from the paper's own tables in data/published.csv: 66/110 M parameters, 668/410 s, 77.0/79.5 GLUE points.
    """
    row = students(frame)[lambda rows: rows["label"] == label]
    if row.empty:
        return tables_frames.typed([], CLAIM_COLUMNS, _CLAIM_COUNTS, _CLAIM_MEASURES)
    student = row.iloc[0]
    shared = {name: student[name] for name in ("source", "batch_size", "seq_len", "busy_cores")}
    records = [{**claim, **shared} for claim in _claims(student)]
    return tables_frames.typed(records, CLAIM_COLUMNS, _CLAIM_COUNTS, _CLAIM_MEASURES)


def _claims(student: pd.Series) -> list[dict[str, Any]]:
    """What the paper claims, and what this student reached."""
    small, large = _paper("DistilBERT", "params"), _paper("BERT", "params")
    fast, slow = _paper("DistilBERT", "inference speed"), _paper("BERT", "inference speed")
    kept, full = _paper("DistilBERT", "GLUE avg"), _paper("BERT", "GLUE avg")
    return [
        {
            "key": "size",
            "title": "fewer parameters",
            "measured": student["params_saved"],
            "published": 1 - small / large,
            "claim": "40 % fewer parameters",
            "published_source": f"{_PAPER}, Table 3",
        },
        {
            "key": "speed",
            "title": "times as fast as the teacher",
            "measured": student["speedup"],
            "low": student["speedup_low"],
            "high": student["speedup_high"],
            "published": slow / fast,
            "claim": "60 % faster",
            "published_source": f"{_PAPER}, Table 3",
        },
        {
            "key": "accuracy",
            "title": "of the accuracy kept",
            "measured": student["retained"],
            "low": student["retained_low"],
            "high": student["retained_high"],
            "published": kept / full,
            "majority": student["majority_retained"],
            "claim": "97 % of the performance kept",
            "published_source": f"{_PAPER}, Table 1",
        },
    ]


def _paper(title: str, metric: str) -> float:
    """A number of the DistilBERT paper, from data/published.csv."""
    key = {"DistilBERT": "distilbert", "BERT": "bert"}[title]
    frame = tables_families.published_frame(families.get(key))
    found = frame[
        frame["source"].str.startswith(_PAPER) & (frame["metric"] == metric) & (frame["variant"] == f"{title}-base")
    ]
    return float(found["value"].to_numpy(dtype=float)[0])


# ── soft targets ─────────────────────────────────────────────────────────────────────────────────────────────────


def softened(share: float, temperature: float) -> float:
    """What a distribution over two classes with `share` (0–1) for one of them becomes at this temperature.

    softmax(z / τ) of the logits z = log p (Hinton et al., arXiv:1503.02531 §2): p^(1/τ) / (p^(1/τ) + (1 − p)^(1/τ)).
    """
    first, second = math.pow(share, 1 / temperature), math.pow(1 - share, 1 / temperature)
    return first / (first + second)
