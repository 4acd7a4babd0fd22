"""Who is more accurate on the same test texts, and is that more than chance? All tables compare models here.

Answers come from predictions.parquet, and for several domains from domain_predictions.parquet. Where a run has kept
none, the difference has no paired interval: then it is None, and the sentence says that it stays open.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distill_core.errors import RunError
from distill_core.maths import paired
from distill_core.maths.intervals import Interval
from distill_core.maths.paired import Difference
from distill_core.runs.run import Run
from distill_core.tables import predictions as tables_predictions
from distill_core.tables.predictions import Version

Right = NDArray[np.float64]
"""1 where a model is right on a test text, else 0. Shape: (texts,)."""
DOMAIN = "domain"
MAJORITY = ""  # the name of one who always says the most frequent class


def right_answers(run: Run) -> dict[str, Right]:
    """Right answers by the model's name in predictions.parquet, and by MAJORITY; empty without predictions. Shared by
    all who look at the run: do not change the arrays."""
    return _right_answers(run.path, tables_predictions.version(run.predictions_file))


@lru_cache(maxsize=32)
def _right_answers(path: Path, _: Version) -> dict[str, Right]:
    try:
        return _by_name(tables_predictions.logits_of(Run(path)))
    except RunError:
        return {}


def right_in_domains(run: Run) -> dict[str, dict[str, Right]]:
    """`right_answers` for each test domain, by the key of its data set; empty without. Shared: do not change them."""
    return _right_in_domains(run.path, tables_predictions.version(run.domain_predictions_file))


@lru_cache(maxsize=16)
def _right_in_domains(path: Path, _: Version) -> dict[str, dict[str, Right]]:
    run = Run(path)
    try:
        frame = tables_predictions.checked(run, run.domain_predictions_file)
    except RunError:
        return {}
    if DOMAIN not in frame.columns:
        return {}
    return {str(domain): _by_name(part) for domain, part in frame.groupby(DOMAIN, sort=False)}


def _by_name(frame: pd.DataFrame) -> dict[str, Right]:
    labels = frame[tables_predictions.LABEL].to_numpy()
    found = {MAJORITY: (labels == np.bincount(labels).argmax()).astype(float)}
    for name in tables_predictions.arms(frame):
        said = tables_predictions.logits(frame, name)
        if not np.isnan(said).any():  # not tested on this domain
            found[name] = (said.argmax(-1) == labels).astype(float)
    return found


def between(first: Sequence[Right | None], second: Sequence[Right | None]) -> Difference | None:
    """first − second, seed by seed on the same texts. None where an answer is missing, or no seed is there."""
    known = [
        one - other
        for one, other in zip(first, second, strict=True)
        if one is not None and other is not None and len(one) == len(other)
    ]
    return paired.compare(np.stack(known)) if known and len(known) == len(first) else None


def ratio(first: Right | None, second: Right | None) -> Interval | None:
    """95 % interval over test texts of first accuracy / second accuracy; None where it is not known."""
    if first is None or second is None or len(first) != len(second):
        return None
    low, high = paired.ratio_over_texts(first, second)
    return None if low is None or high is None else (low, high)


def mean(right: Sequence[Right | None]) -> Right | None:
    """The share of the seeds that are right on each text; None where one is missing."""
    known = [one for one in right if one is not None]
    return np.mean(known, axis=0) if known and len(known) == len(right) else None
