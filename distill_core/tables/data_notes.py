"""What must be known behind a run's numbers, in sentences: texts met before, texts that were cut, and arms that learned
in other steps or at another rate than the others."""

from __future__ import annotations

from distill_core import units
from distill_core.errors import DistillError
from distill_core.results import Cut, DistillResult, FinetuneResult, Overlap, Result
from distill_core.runs.run import Run
from distill_core.specs import dataset_name
from distill_core.tables.training import arm_title


def sentences(run: Run) -> tuple[str, ...]:
    """One sentence a fact; none for a run without a result, and for one that was made before they were kept."""
    try:
        result = run.result()
    except DistillError:
        return ()
    if result is None:
        return ()
    return (*map(_overlap, result.overlaps), *filter(None, (*map(_cut, result.cut), _schedules(result))))


def _overlap(one: Overlap) -> str:
    trained, tested = dataset_name(one.trained_on), dataset_name(one.tested_on)
    if one.texts is None:
        return (
            f"A model here has learned from {trained}, which is not there as it was: how many test texts of {tested} "
            "it has met is not known."
        )
    return f"{one.texts:,} of {one.of:,} test texts of {tested} stand in the training texts of {trained}."


def _cut(one: Cut) -> str:
    shares = [
        f"{units.percent(share)} of the {name} texts"
        for name, share in (("training", one.train), ("test", one.test))
        if share
    ]
    if not shares:
        return ""
    whose = f"{dataset_name(one.dataset)}: " if one.dataset else ""
    return f"{whose}{' and '.join(shares)} are longer than {one.max_length:,} tokens; what stands behind is not read."


def _schedules(result: Result) -> str:
    """Steps and rate of each arm that learned by gradient descent, where they differ; of several sizes the largest."""
    if isinstance(result, FinetuneResult):
        most = max((row.train_examples for row in result.arms), default=0)
        rows = [(row.arm, row.steps, row.learning_rate) for row in result.arms if row.train_examples == most]
    elif isinstance(result, DistillResult):
        rows = [(row.arm, row.steps, row.learning_rate) for row in result.students]
    else:
        return ""
    known = {arm: (steps, rate) for arm, steps, rate in rows if steps is not None and rate is not None}
    if len(set(known.values())) < 2:
        return ""
    told = [f"{units.in_sentence(arm_title(arm))} {steps:,} at {rate:g}" for arm, (steps, rate) in known.items()]
    return f"Steps, and highest learning rate: {', '.join(told)}."
