"""How long a training run will take here: said on the button before anybody presses it. A guess, and shown as one.

The work of a run stands in `work.py`. How fast this machine does it is told by the trainings of its newest run; without
one, by a measurement on two cores of a server processor, times what this device was measured to do more.
"""

from __future__ import annotations

from functools import singledispatch

from distill_core import arms as arm_table
from distill_core.errors import DistillError
from distill_core.machine import device_defaults
from distill_core.plans import arms, student_plan
from distill_core.plans.work import (
    distill_texts,
    distill_work,
    finetune_work,
    most_texts,
    student_work,
    texts_there,
    work,
)
from distill_core.results import DistillResult, FinetuneResult, StudentsResult
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec, FinetuneSpec, Spec, StudentsSpec, TrainSpec

USUAL_PACE = 1750.0  # layer passes per second: 146 texts/s through a student of 3 layers, two cores
START_S = 8.0  # imports, the data set, the models
_TELLING_S = 4.0  # seconds of training that tell a pace; shorter ones are mostly warming up

Told = tuple[float, float]  # layer passes, and the seconds that they took


def seconds(spec: TrainSpec, store: RunStore, history: list[Run]) -> float:
    """Seconds that this run will take. `history`: finished training runs on this machine, the newest first."""
    return START_S + work(spec, store) / pace(history, store)


def pace(history: list[Run], store: RunStore) -> float:
    """Layer passes per second of the newest run that tells it, else of what is usual on this device."""
    told = next((found for run in history if (found := pace_of(run, store)) is not None), None)
    return told if told is not None else USUAL_PACE * (device_defaults.stored().pace_factor or 1.0)


def pace_of(run: Run, store: RunStore) -> float | None:
    """Layer passes per second of a run's trainings; None where they tell nothing.

    The seconds are those of the optimization, as the result holds them: a pause, a stop with a second try, and what
    else a run does are not among them.
    """
    try:
        spec = run.spec()
    except DistillError:
        return None
    passes, took = _told(spec, run, store)
    return passes / took if took > _TELLING_S and passes else None


@singledispatch
def _told(spec: Spec, run: Run, store: RunStore) -> Told:
    """The trainings of a run, each counted once; a kind without a rule below tells nothing."""
    return 0.0, 0.0


@_told.register
def _of_finetune(spec: FinetuneSpec, run: Run, store: RunStore) -> Told:
    """Each training once, whatever it was tested on; arms without gradient descent tell nothing, nor does one that has
    read other texts before, since its seconds hold that too, nor one of random weights that does not say its steps: it
    is older than their schedule."""
    result = run.result_as(FinetuneResult)
    rows = result.arms if result is not None else ()
    cells = {(row.dataset, row.arm, row.train_examples, row.seed): row for row in rows}
    found = []
    for (dataset, name, n, _), row in cells.items():
        arm = arm_table.finetune(name)
        tells = arm.passes is not None and not arm.reads_targets and not (arm.least_steps and row.steps is None)
        if row.train_s and tells:
            found.append((finetune_work(spec, arm, texts_there(dataset, n), store), row.train_s))
    return _sum(found)


@_told.register
def _of_distill(spec: DistillSpec, run: Run, store: RunStore) -> Told:
    result = run.result_as(DistillResult)
    planned = {(cell.arm, cell.seed): cell for cell in arms.plan(spec, round(distill_texts(spec)))}
    rows = [(planned.get((row.arm, row.seed)), row) for row in (result.students if result is not None else ())]
    told = [(cell, row.train_s) for cell, row in rows if cell and not (cell.starts_at_random and row.steps is None)]
    return _sum([(distill_work(spec, cell, store), took) for cell, took in told])


@_told.register
def _of_students(spec: StudentsSpec, run: Run, store: RunStore) -> Told:
    result = run.result_as(StudentsResult)
    if result is None:
        return 0.0, 0.0
    n, took = result.train_texts or 0, {(row.student, row.arm, row.seed): row.train_s for row in result.rows}
    cells = [(cell, took.get((str(cell.student), cell.arm, cell.seed))) for cell in student_plan.plan(spec, n)]
    passes, seconds = _sum([(student_work(cell, n, 0, store), s) for cell, s in cells if s])
    return passes, seconds / _side_by_side(run)


def _sum(told: list[Told]) -> Told:
    return sum(passes for passes, _ in told), sum(took for _, took in told)


def _side_by_side(run: Run) -> int:
    """How many students learned at once: one a thread, where no accelerator learned."""
    environment = run.environment()
    return environment.threads if environment is not None and environment.device == "cpu" else 1


# ── sizes that a form offers ─────────────────────────────────────────────────────────────────────────────────────


def offered_sizes(dataset: str, train_size: int | None = None) -> tuple[int, ...]:
    """Numbers of labeled texts that a form offers: those that the training split can give.

    With `train_size`, the exact number of training texts, all of them are offered too.
    """
    most = train_size or most_texts(dataset)
    sizes = [size for size in (50, 100, 200, 500, 1000, 2000, 4000, 8000, 16000) if size <= most]
    return tuple(dict.fromkeys([*sizes, *([train_size] if train_size else [])]))
