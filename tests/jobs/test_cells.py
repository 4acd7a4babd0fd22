"""The runner of cells: results as they come, an error of one cell alone, what ends the run, and what is dropped."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from distill_core.errors import DataError, DistillError
from distill_core.jobs import cells
from distill_core.jobs.isolation import Outcome, attempt
from distill_core.plans.cells import Cell
from distill_core.runs.control import Stopped


class Context:
    def __init__(self, folder: Path) -> None:
        self.run = SimpleNamespace(checkpoint_dir=folder)
        self.written: list[list[object]] = []

    def set_result(self, result: list[object]) -> None:
        self.written.append(list(result))


class Reporter:
    def __init__(self) -> None:
        self.done = 0.0

    def arm_done(self, cost: float) -> None:
        self.done += cost


@dataclass
class Sums:
    """A job that adds numbers."""

    context: Context
    reporter: Reporter = field(default_factory=Reporter)
    rows: list[object] = field(default_factory=list)

    def keep(self, cell: Cell, found: int) -> None:
        self.rows.append((cell.seed, found))

    def failed(self, cell: Cell, error: DistillError) -> None:
        self.rows.append((cell.seed, error.kind))

    def cost(self, cell: Cell) -> float:
        return cell.seed / 10

    def result(self) -> list[object]:
        return self.rows


def numbered(*seeds: int) -> list[Cell]:
    return [Cell("sum", seed, f"sum-{seed}", str(seed)) for seed in seeds]


def add(cell: Cell) -> int:
    if cell.seed == 2:
        raise DataError("Two is not a number here.", "Take three.")
    if cell.seed == 3:
        raise ZeroDivisionError("by nothing")
    return cell.seed + 100


def test_every_cell_is_written_at_once_and_an_error_is_its_own(tmp_path):
    job = Sums(Context(tmp_path))
    for cell in numbered(1, 2, 5):
        cells.checkpoint_dir(job.context, cell).mkdir()
    cells.finish(job, cells.in_turn(add, numbered(1, 2, 3, 4)))
    assert job.rows == [(1, 101), (2, "data"), (3, "model"), (4, 104)]
    assert job.context.written == [job.rows[: n + 1] for n in range(4)]
    assert job.reporter.done == pytest.approx(1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["5"]  # what is not done keeps its checkpoint


@pytest.mark.parametrize("end", [Stopped(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_stop_and_a_full_disk_end_the_run_with_what_is_there(tmp_path, end):
    def work(cell: Cell) -> int:
        if cell.seed == 2:
            raise end
        return cell.seed

    job = Sums(Context(tmp_path))
    (tmp_path / "2").mkdir()
    with pytest.raises(type(end)):
        cells.finish(job, cells.in_turn(work, numbered(1, 2, 3)))
    assert job.rows == [(1, 1)]
    assert job.context.written == [[(1, 1)]]
    assert (tmp_path / "2").is_dir()


def test_a_cell_that_cannot_be_kept_ends_the_run(tmp_path):
    """What fails while a result is written is no cell's fault."""
    job = Sums(Context(tmp_path))
    job.keep = lambda cell, found: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        cells.finish(job, [Outcome(*numbered(1), 1)])
    assert not job.context.written


def test_an_attempt_keeps_no_traceback():
    outcome = attempt("key", lambda: add(*numbered(3)))
    assert outcome.error is not None
    assert outcome.error.__traceback__ is None
    assert "ZeroDivisionError: by nothing" in str(outcome.error)
