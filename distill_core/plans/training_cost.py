"""How long a training run will take here: said on the button before anybody presses it. A guess, and shown as one.

The work of a run stands in `work.py`. How fast this machine does it is told by the trainings of its newest run; without
one, by a measurement on two cores of a server processor.
"""

from __future__ import annotations

from distill_core import arms as arm_table
from distill_core.errors import DistillError
from distill_core.plans import arms, student_plan
from distill_core.plans.work import TrainingSpec, cell_work, distill_work, finetune_work, most_texts, texts_there, work
from distill_core.results import DistillResult, FinetuneResult, StudentsResult
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec, FinetuneSpec, StudentsSpec

USUAL_PACE = 1750.0  # layer passes per second: 146 texts/s through a student of 3 layers, two cores
START_S = 8.0  # imports, the data set, the models
_TELLING_S = 4.0  # seconds of training that tell a pace; shorter ones are mostly warming up

Told = tuple[float, float]  # layer passes, and the seconds that they took


def seconds(spec: TrainingSpec, store: RunStore, history: list[Run]) -> float:
    """Seconds that this run will take. `history`: finished training runs on this machine, the newest first."""
    return START_S + work(spec, store) / pace(history, store)


def pace(history: list[Run], store: RunStore) -> float:
    """Layer passes per second of the newest run that tells it."""
    return next((found for run in history if (found := pace_of(run, store)) is not None), USUAL_PACE)


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


def _told(spec: object, run: Run, store: RunStore) -> Told:
    result = run.result()
    if isinstance(spec, FinetuneSpec) and isinstance(result, FinetuneResult):
        return _sum(_of_finetune(spec, result, store))
    if isinstance(spec, DistillSpec) and isinstance(result, DistillResult):
        return _sum(_of_distill(spec, result, store))
    if isinstance(spec, StudentsSpec) and isinstance(result, StudentsResult):
        passes, took = _sum(_of_students(spec, result, store))
        return passes, took / _side_by_side(run)
    return 0.0, 0.0


def _sum(told: list[Told]) -> Told:
    return sum(passes for passes, _ in told), sum(took for _, took in told)


def _of_finetune(spec: FinetuneSpec, result: FinetuneResult, store: RunStore) -> list[Told]:
    """Each training once, whatever it was tested on; arms without gradient descent tell nothing."""
    cells = {(row.dataset, row.arm, row.train_examples, row.seed): row.train_s for row in result.arms}
    found = []
    for (dataset, name, n, _), took in cells.items():
        arm = arm_table.finetune(name)
        if took and arm.passes is not None:
            found.append((finetune_work(spec, arm, texts_there(dataset, n), store), took))
    return found


def _of_distill(spec: DistillSpec, result: DistillResult, store: RunStore) -> list[Told]:
    planned = {(arm.name, arm.seed): arm for arm in arms.plan(spec)}
    rows = [(planned.get((row.arm, row.seed)), row.train_s) for row in result.students]
    return [(distill_work(spec, arm, store), took) for arm, took in rows if arm is not None]


def _of_students(spec: StudentsSpec, result: StudentsResult, store: RunStore) -> list[Told]:
    took = {(row.student, row.arm, row.seed): row.train_s for row in result.rows}
    cells = [(cell, took.get((str(cell.student), cell.arm, cell.seed))) for cell in student_plan.plan(spec)]
    n = result.train_texts or 0
    return [(cell_work(spec, cell, n, 0, store), s) for cell, s in cells if s]


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
