"""The runs that a page can show: this installation's own, and the recorded ones that ship with the product.

A visitor finds in lists what is theirs, what the machine's own user or a teacher made, and what is recorded; another
visitor's run by its link alone, to watch.
"""

from __future__ import annotations

from distill_core.classroom import roster
from distill_core.classroom.visitors import Visitor
from distill_core.datasets import uploads
from distill_core.errors import RunError
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import DATA, settings
from distill_core.specs import PretrainSpec, Spec
from distill_core.tables import transfer as tables_transfer
from pages.parts.shared import visitor

RECORDED = RunStore(DATA / "recorded")
NOT_YOUR_TEXTS = "The run reads another visitor's file: its texts are for them, and for the teacher."
SHOWN = 50  # the newest runs that a list offers; the Runs page has them all


def own() -> RunStore:
    """The runs of this installation."""
    return RunStore(settings().runs_dir.absolute())


def listed() -> list[Run]:
    """The own runs that this visitor finds in lists, oldest first."""
    who = visitor.now()
    runs = own().list()
    return runs if who.sees_all else [run for run in runs if _is_listed(run, who)]


def _is_listed(run: Run, who: Visitor) -> bool:
    if who.owns(run.owner):
        return True
    is_shown_to_all = not run.owner or roster.is_teacher(settings().runs_dir, run.owner)
    return is_shown_to_all and not _has_own_texts(run)


def _has_own_texts(run: Run) -> bool:
    """Whether a run reads a file that somebody uploaded, or that lies on the server; True for a damaged one."""
    try:
        return any(dataset.is_file for dataset in run.spec().datasets)
    except RunError:
        return True


def _has_the_same_files(run: Run, who: Visitor) -> bool:
    """Whether the visitor has uploaded the run's own files too."""
    try:
        files = [dataset for dataset in run.spec().datasets if dataset.is_file]
    except RunError:
        return False
    return bool(who.id) and all(uploads.is_kept(dataset, who.id) for dataset in files)


def may_change(run: Run) -> bool:
    """Whether this visitor may steer, rename and delete the run, and read its log."""
    return not is_recorded(run) and visitor.now().owns(run.owner)


def may_read_texts(run: Run) -> bool:
    """Whether this visitor may read the texts that the run was tested on: not those of another's own file."""
    who = visitor.now()
    return is_recorded(run) or who.owns(run.owner) or not _has_own_texts(run) or _has_the_same_files(run, who)


def check_may_change(run_id: str) -> None:
    """Raises RunError for an unknown run, and for another visitor's."""
    visitor.now().check_owns(own().get(run_id).owner, f"The run {run_id}")


def check_models(spec: Spec) -> None:
    """A request may build on the models of runs that its visitor finds in lists. Raises RunError."""
    who = visitor.now()
    for ref in spec.refs:
        if ref.source == "run" and not who.sees_all and not _is_listed(own().get(ref.name), who):
            raise RunError(
                f"The run {ref.name} belongs to another visitor.", "Choose a model of your own, or of the class."
            )


def find(run_id: str) -> Run:
    """An own or a recorded run. Raises RunError for an id that is neither."""
    try:
        return own().get(run_id)
    except RunError:
        if run_id in {run.id for run in RECORDED.list()}:
            return RECORDED.get(run_id)
        raise


def is_recorded(run: Run) -> bool:
    """Whether the run ships with the product."""
    return run.path.parent == RECORDED.root


def kind(run: Run) -> str:
    """What the run does; empty for a damaged one."""
    try:
        return run.spec().kind
    except RunError:
        return ""


def recorded_of(wanted: str) -> list[Run]:
    """Recorded runs of one kind."""
    return [run for run in RECORDED.list() if kind(run) == wanted]


def recorded_side_by_side() -> list[Run]:
    """Recorded fine-tunings that put ways to learn side by side; the experiments of the Transfer lab are left out."""
    return [run for run in recorded_of("finetune") if tables_transfer.experiment_of(run) is None]


def recorded_pretraining(family: str) -> Run | None:
    """The recorded pre-training of this family, else of any."""
    runs = recorded_of("pretrain")
    of_family = (run for run in runs if (spec := run.spec_as(PretrainSpec)) and spec.family == family)
    return next(of_family, runs[0] if runs else None)


def own_of(*wanted: str) -> list[Run]:
    """The newest own runs of these kinds, newest first."""
    return [run for run in reversed(listed()) if kind(run) in wanted][:SHOWN]


def finished_comparison() -> Run | None:
    """The newest comparison that was finished on this machine: the ground of cost estimates."""
    return next((run for run in own_of("compare") if run.state().state == "done"), None)


def ten_students() -> Run | None:
    """Ten families side by side in size, speed and accuracy: the recorded run of ten students, else the newest that has
    been finished here."""
    recorded = recorded_of("students")
    own = (run for run in own_of("students") if run.state().state == "done")
    return recorded[-1] if recorded else next(own, None)


def first_comparison() -> Run | None:
    """The comparison that Start shows: the recorded one, else the newest that has been finished here."""
    recorded = recorded_of("compare")
    return recorded[0] if recorded else finished_comparison()
