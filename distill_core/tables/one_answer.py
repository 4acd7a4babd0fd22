"""Models that give one answer to all test texts: their accuracy is the share of that class, and shows no learning."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pandas as pd

from distill_core import units
from distill_core.datasets import known_splits
from distill_core.errors import RunError
from distill_core.runs.run import Run
from distill_core.specs import TrainSpec
from distill_core.tables import differences
from distill_core.tables import predictions as tables_predictions


def answered(run: Run) -> dict[str, int]:
    """How many classes each arm (a name in predictions.parquet) chooses among the test texts, by its largest logit.

    Empty without predictions, and where all test texts are of one class: one answer is then the right one. Computed
    once for all who look at the run: do not change it.
    """
    return _answered(run.path, tables_predictions.version(run.predictions_file))


@lru_cache(maxsize=32)
def _answered(path: Path, _: tables_predictions.Version) -> dict[str, int]:
    try:
        frame = tables_predictions.logits_of(Run(path))
    except RunError:
        return {}
    if frame[tables_predictions.LABEL].nunique() < 2:
        return {}
    return {
        arm: len(set(tables_predictions.logits(frame, arm).argmax(-1).tolist()))
        for arm in tables_predictions.arms(frame)
    }


def majority_share(run: Run) -> float | None:
    """What always answering the most frequent class reaches on the run's test texts (0–1): from the labels beside its
    predictions, else from what is known of the whole test split. None where neither is there."""
    right = differences.right_answers(run).get(differences.MAJORITY)
    if right is not None:
        return float(right.mean())
    try:
        spec = run.spec_as(TrainSpec)
    except RunError:
        return None
    return known_splits.majority_share(spec.dataset.key) if spec is not None and not spec.eval_examples else None


def kept(run: Run, teacher_accuracy: float | None) -> float | None:
    """The share of the teacher's accuracy that always answering the most frequent class keeps; None where unknown."""
    share = majority_share(run)
    return share / teacher_accuracy if share is not None and teacher_accuracy else None


def kept_sentence(run: Run, teacher_accuracy: float | None) -> str:
    """`Always answering the most frequent class keeps 60 % of the teacher's accuracy.`; empty where unknown."""
    share = kept(run, teacher_accuracy)
    if share is None:
        return ""
    return f"Always answering the most frequent class keeps {units.percent(share)} of the teacher's accuracy."


def sentences(frame: pd.DataFrame) -> list[str]:
    """Who gives one answer, one sentence a way to learn and training size: `From scratch, 1,000 labels, seeds 0 and 1:
    one answer for all 1,037 texts: …`. `frame`: of `tables.training` or `tables.compare`."""
    silent = frame[(frame["answered"] == 1).fillna(False)]
    groups = ["title", "train_examples"] if "train_examples" in frame.columns else ["title"]
    several = "seed" in frame.columns and frame["seed"].nunique() > 1
    return [_sentence(part, several=several) for _, part in silent.groupby(groups, sort=False)]


def _sentence(rows: pd.DataFrame, *, several: bool) -> str:
    first = rows.iloc[0]
    seeds = [str(seed) for seed in rows["seed"].dropna()] if several else []
    words = [str(first["title"])]
    if "train_examples" in rows.columns:
        words.append(f"{int(first['train_examples']):,} labels")
    if seeds:
        listed = " and ".join(filter(None, [", ".join(seeds[:-1]), seeds[-1]]))
        words.append(f"seed{'s' if len(seeds) > 1 else ''} {listed}")
    return f"{', '.join(words)}: {hover(first)}."


def hover(row: pd.Series) -> str:
    """What to say of a row that gives one answer; empty for the others."""
    if pd.isna(row["answered"]) or row["answered"] != 1:
        return ""
    return f"one answer for all {int(row['n_eval']):,} texts: it has not learned to tell the classes apart"
