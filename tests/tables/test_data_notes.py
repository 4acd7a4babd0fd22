"""What must be known behind a run's numbers: arms that learned otherwise than the others say so."""

from __future__ import annotations

from pathlib import Path

import pytest
import sample_training as sample

from distill_core.results import DistillResult
from distill_core.runs.store import RunStore
from distill_core.tables import data_notes


@pytest.mark.parametrize(
    ("schedules", "note"),
    [
        ({"distilled": (250, 1e-4), "scratch": (500, 5e-4)}, "distilled 250 at 0.0001, from scratch 500 at 0.0005"),
        ({"distilled": (1250, 1e-4), "scratch": (1250, 5e-4)}, "distilled 1,250 at 0.0001, from scratch 1,250 at"),
        ({"distilled": (250, 1e-4), "scratch": (250, 1e-4)}, ""),
        ({"distilled": (None, None), "scratch": (500, 5e-4)}, ""),
    ],
)
def test_schedules_are_told_where_they_differ(
    tmp_path: Path, schedules: dict[str, tuple[int | None, float | None]], note: str
) -> None:
    run = sample.distill_run(RunStore(tmp_path / "runs"), "minilm")
    result = run.result_as(DistillResult)
    assert result is not None
    one = result.students[0]
    rows = [
        one.model_copy(update={"arm": arm, "steps": steps, "learning_rate": rate})
        for arm, (steps, rate) in schedules.items()
    ]
    run.set_result(result.model_copy(update={"students": tuple(rows)}))
    told = [said for said in data_notes.sentences(run) if said.startswith("Steps")]
    assert [note in said for said in told] == ([True] if note else [])
