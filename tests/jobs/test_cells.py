"""The runner of cells: results as they come, an error of one cell alone, what ends the run, and what is dropped."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from distill_core.errors import DataError, DistillError
from distill_core.jobs import cells
from distill_core.jobs.isolation import Outcome, attempt
from distill_core.runs.control import Stopped


class Context:
    def __init__(self) -> None:
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

    folder: Path
    context: Context = field(default_factory=Context)
    reporter: Reporter = field(default_factory=Reporter)
    rows: list[object] = field(default_factory=list)

    def keep(self, cell: int, found: int) -> None:
        self.rows.append((cell, found))

    def failed(self, cell: int, error: DistillError) -> None:
        self.rows.append((cell, error.kind))

    def cost(self, cell: int) -> float:
        return cell / 10

    def checkpoint_dir(self, cell: int) -> Path:
        return self.folder / str(cell)

    def result(self) -> list[object]:
        return self.rows


def add(cell: int) -> int:
    if cell == 2:
        raise DataError("Two is not a number here.", "Take three.")
    if cell == 3:
        raise ZeroDivisionError("by nothing")
    return cell + 100


def test_every_cell_is_written_at_once_and_an_error_is_its_own(tmp_path):
    job = Sums(tmp_path)
    for cell in (1, 2, 5):
        job.checkpoint_dir(cell).mkdir()
    cells.finish(job, cells.in_turn(add, [1, 2, 3, 4]))
    assert job.rows == [(1, 101), (2, "data"), (3, "model"), (4, 104)]
    assert job.context.written == [job.rows[: n + 1] for n in range(4)]
    assert job.reporter.done == pytest.approx(1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["5"]  # what is not done keeps its checkpoint


@pytest.mark.parametrize("end", [Stopped(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_stop_and_a_full_disk_end_the_run_with_what_is_there(tmp_path, end):
    def work(cell: int) -> int:
        if cell == 2:
            raise end
        return cell

    job = Sums(tmp_path)
    job.checkpoint_dir(2).mkdir()
    with pytest.raises(type(end)):
        cells.finish(job, cells.in_turn(work, [1, 2, 3]))
    assert job.rows == [(1, 1)]
    assert job.context.written == [[(1, 1)]]
    assert job.checkpoint_dir(2).is_dir()


def test_a_cell_that_cannot_be_kept_ends_the_run(tmp_path):
    """What fails while a result is written is no cell's fault."""
    job = Sums(tmp_path)
    job.keep = lambda cell, found: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        cells.finish(job, [Outcome(1, 1)])
    assert not job.context.written


def test_an_attempt_keeps_no_traceback():
    outcome = attempt("key", lambda: add(3))
    assert outcome.error is not None
    assert outcome.error.__traceback__ is None
    assert "ZeroDivisionError: by nothing" in str(outcome.error)
