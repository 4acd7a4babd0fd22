"""The runner of every job that is a list of cells (`plans/cells.py`; a comparison is a list of models): what is not
finished yet is done, and each cell's rows are written as soon as they are there.

A cell's error is the error of its own rows. A stop and a full disk end the run; its next try does what is left.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from distill_core.errors import DistillError
from distill_core.jobs.isolation import Outcome, attempt
from distill_core.jobs.reporting import Reporter
from distill_core.plans.cells import Cell
from distill_core.results import Result
from distill_core.runs.control import JobContext

Done = TypeVar("Done", contravariant=True)
Found = TypeVar("Found", contravariant=True)
One = TypeVar("One")


class Job(Protocol[Done, Found]):
    """What the cells share, and the rows so far. `Found` is what a cell that went well comes to."""

    context: JobContext
    reporter: Reporter

    def cost(self, cell: Done) -> float:
        """Its share of the bar, in the units of the reporter's whole; unless a job knows better, all count alike."""
        return 1.0

    def keep(self, cell: Done, found: Found) -> None:
        """Add the rows of a cell that went well."""

    def failed(self, cell: Done, error: DistillError) -> None:
        """Write the error into the rows of a cell, and into the log."""

    def result(self) -> Result:
        """The result so far."""


def checkpoint_dir(context: JobContext, cell: Cell) -> Path:
    """Where the training of a cell may be gone on from; of no use once its rows are written."""
    return context.run.checkpoint_dir / cell.folder


def finish(job: Job[Any, Any], outcomes: Iterable[Outcome]) -> None:
    """Write what the cells come to, one after the other, and drop their checkpoints.

    Raises what `outcomes` raises: Stopped, and OSError for a full disk.
    """
    for outcome in outcomes:
        if outcome.error is None:
            job.keep(outcome.key, outcome.result)
        else:
            job.failed(outcome.key, outcome.error)
        job.context.set_result(job.result())
        job.reporter.arm_done(job.cost(outcome.key))
        if isinstance(outcome.key, Cell):
            shutil.rmtree(checkpoint_dir(job.context, outcome.key), ignore_errors=True)


def in_turn(do: Callable[[One], Any], cells: Iterable[One]) -> Iterator[Outcome]:
    """Do one cell after the other in this process. Raises Stopped and OSError."""
    for cell in cells:
        yield attempt(cell, partial(do, cell))
