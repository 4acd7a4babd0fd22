"""Training runs → DataFrames: arms of a fine-tuning, teacher and students of a distillation, and published claims.

Units stand in the column names, fractions are 0–1, what is missing is NA. Every number that is computed from others is
computed here; figures and pages only show it.
"""

from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd

from distill_core import families
from distill_core.maths import intervals
from distill_core.results import DistillResult, FinetuneResult, ModelReport, StudentReport
from distill_core.runs.run import Run
from distill_core.tables import families as tables_families
from distill_core.tables import frames as tables_frames
from distill_core.tables import sources as tables_sources
from distill_core.terms import TERMS

ARM_TITLES = {
    "pretrained": "Fine-tuned",
    "frozen": "Frozen",
    "scratch": "From scratch",
    "bow": "Bag of words",
    "zero-shot": "Zero-shot",
    "head": "Head only",
    "lora": "LoRA",
    "adapted": "Adapted",
    "distilled": "Distilled",
    "labeled-only": "Labeled texts alone",
    "init-only": "Copied layers",
    "scratch-distilled": "Scratch, distilled",
    "teacher": "Teacher",
    "all": "All terms",
    "random init": "Random start",
    "taught": "Taught",
    "labels": "Labels alone",
    "all-labels": "All labels",
    "random": "Random weights",
    "random-taught": "Random, taught",
}
TERM_TITLES = {"loss": "Sum", **{term.key: term.title for term in TERMS}}
ARM_SENTENCES = {
    "pretrained": "All weights go on learning from the pre-trained ones.",
    "frozen": "The pre-trained network stands still; one linear layer learns on top of it.",
    "scratch": "The same network begins with random weights and sees the labels alone.",
    "bow": "No network: word counts and a logistic regression.",
    "zero-shot": "No training: the label whose words are nearest to the text.",
    "head": "Only the classification head learns, at ten times the rate; the network below stands still.",
    "lora": "Small low-rank matrices learn beside the frozen ones, and the head, at ten times the rate.",
    "adapted": "First it reads unlabeled texts of the other domains, then it is fine-tuned.",
    "distilled": "The student learns from the teacher's soft targets and from the labels.",
    "labeled-only": "The student learns as the distilled one, but it reads the texts with a label alone.",
    "init-only": "The student begins with the teacher's layers and sees the labels alone.",
    "scratch-distilled": "The student begins with random weights and learns from the teacher.",
    "taught": "Each student learns from the teacher's soft targets on all texts, and from the few labels.",
    "labels": "The same students learn from the few labeled texts alone.",
    "all-labels": "The same students learn from every text with its label.",
    "random": "The same networks begin with random weights and see the few labeled texts alone.",
    "random-taught": "The same networks begin with random weights and learn from the teacher.",
}
TOP = re.compile(r"top\d+")
_FINETUNE_COUNTS = ("train_examples", "seed", "n_eval", "params", "params_trained")
_FINETUNE_MEASURES = ("accuracy", "ci_low", "ci_high", "train_s")
FINETUNE_COLUMNS = ("arm", "title", *_FINETUNE_COUNTS, *_FINETUNE_MEASURES, "error", "error_hint", "source")
_STUDENT_COUNTS = ("seed", "layers", "params", "n_eval", "inherited_errors", "new_errors", "repaired_errors")
_STUDENT_MEASURES = (
    "params_saved",
    "accuracy",
    "ci_low",
    "ci_high",
    "retained",
    "retained_low",
    "retained_high",
    "speedup",
    "latency_ms_p50",
    "latency_ms_p95",
    "agreement",
    "kl_to_teacher",
    "train_s",
)
STUDENT_COLUMNS = ("arm", "title", "label", "curve", *_STUDENT_COUNTS, *_STUDENT_MEASURES, "source")
CLAIM_COLUMNS = ("key", "title", "measured", "low", "high", "published", "claim", "published_source", "source")


def finetune_frame(run: Run) -> pd.DataFrame:
    """One row an arm, training size and seed of a fine-tuning so far (FINETUNE_COLUMNS); empty while there is none."""
    result = run.result()
    arms = result.arms if isinstance(result, FinetuneResult) else ()
    records = [
        {
            **arm.model_dump(exclude={"error"}),
            "title": arm_title(arm.arm),
            "error": arm.error.message if arm.error else None,
            "error_hint": arm.error.hint if arm.error else None,
            "source": tables_sources.source_text(run),
        }
        for arm in arms
    ]
    return tables_frames.typed(records, FINETUNE_COLUMNS, _FINETUNE_COUNTS, _FINETUNE_MEASURES)


def students_frame(run: Run) -> pd.DataFrame:
    """The teacher's row, then one row a student (STUDENT_COLUMNS); empty while the teacher is not measured yet.

    `label` tells seeds apart; `curve` is the student's name among the run's points.
    """
    result = run.result()
    if not isinstance(result, DistillResult) or result.teacher is None:
        return tables_frames.typed([], STUDENT_COLUMNS, _STUDENT_COUNTS, _STUDENT_MEASURES)
    source = tables_sources.source_text(run)
    name = ARM_TITLES["teacher"]
    records = [{**_report(result.teacher), "arm": "teacher", "title": name, "label": name, "source": source}]
    several = len({student.seed for student in result.students}) > 1
    for student in result.students:
        low, high = intervals.ratio_interval(_interval(student), _interval(result.teacher))
        title = arm_title(student.arm)
        records.append(
            {
                **_report(student),
                "title": title,
                "label": f"{title}, seed {student.seed}" if several else title,
                "curve": f"{student.arm}-{student.seed}" if several else student.arm,
                "retained_low": low,
                "retained_high": high,
                "source": source,
            }
        )
    return tables_frames.typed(records, STUDENT_COLUMNS, _STUDENT_COUNTS, _STUDENT_MEASURES)


def arm_title(arm: str) -> str:
    """The arm in words: `no soft` of an ablation is "Without soft targets", `top2` of an unfreezing "Top 2 layers"; an
    arm of a sweep is its own name."""
    if TOP.fullmatch(arm):
        return "Top layer" if arm == "top1" else f"Top {arm[3:]} layers"
    term = TERM_TITLES.get(arm.removeprefix("no ")) if arm.startswith("no ") else None
    if term is not None:
        return f"Without {term.lower()}"
    return ARM_TITLES.get(arm, arm[:1].upper() + arm[1:])


def arm_sentence(arm: str) -> str:
    """What an arm does, in one sentence."""
    return ARM_SENTENCES.get(arm, f"The head and the {arm[3:]} highest layers learn; all below stands still.")


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
        return tables_frames.typed([], CLAIM_COLUMNS, (), ("measured", "low", "high", "published"))
    student = row.iloc[0]
    small, large = _paper("DistilBERT", "params"), _paper("BERT", "params")
    fast, slow = _paper("DistilBERT", "inference speed"), _paper("BERT", "inference speed")
    kept, full = _paper("DistilBERT", "GLUE avg"), _paper("BERT", "GLUE avg")
    records = [
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
            "title": "times the teacher's speed",
            "measured": student["speedup"],
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
            "claim": "97 % of the performance kept",
            "published_source": f"{_PAPER}, Table 1",
        },
    ]
    for record in records:
        record["source"] = student["source"]
    return tables_frames.typed(records, CLAIM_COLUMNS, (), ("measured", "low", "high", "published"))


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
