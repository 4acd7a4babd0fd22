"""Which errors a student has from its teacher, which are its own, and which of the teacher's it repairs: the texts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from distill_core.maths import distributions
from distill_core.plans import arms
from distill_core.plans.arms import DistillCell
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec
from distill_core.tables import predictions as tables_predictions
from distill_core.tables.predictions import HERE, LABEL, TEXT
from distill_core.tables.training import arm_title

GROUPS = {
    "new": "wrong where the teacher is right",
    "inherited": "wrong, and so is the teacher",
    "repaired": "right where the teacher is wrong",
}
_SHARES = ("student_share", "teacher_share")
COLUMNS = ("group", "text", "label", "student_says", "student_share", "teacher_says", "teacher_share")


def student_keys(run: Run) -> dict[str, str]:
    """Arm key → its name in words, for the students whose answers the run has kept, in the order of training."""
    spec = run.spec_as(DistillSpec)
    if spec is None:
        return {}
    there = tables_predictions.arms(tables_predictions.logits_of(run))
    return {cell.key: _name(cell) for cell in arms.plan(spec) if cell.key in there}


def _name(cell: DistillCell) -> str:
    """The student in words: `Without soft targets`, `τ = 2, soft weight 0.5`, `1 layer, seed 3`."""
    spec, parts = cell.spec, []
    if spec.sweep_temperatures or spec.sweep_soft:
        parts.append(f"τ = {spec.temperature:g}, soft weight {spec.weights['soft']:g}")
    if spec.sweep_layers:
        parts.append(f"{spec.student_layers} layer{'s' if spec.student_layers != 1 else ''}")
    seed = [f"seed {cell.seed}"] if spec.seeds > 1 else []
    return ", ".join([*(parts or [arm_title(cell.arm)]), *seed])


def row_of(students: pd.DataFrame, run: Run, key: str) -> pd.DataFrame:
    """The rows of `tables.training.students_frame` that belong to this key, under its name: one, or none."""
    spec = run.spec_as(DistillSpec)
    planned = {cell.key: cell for cell in arms.plan(spec)} if spec is not None else {}
    if key not in planned:
        return students.iloc[:0]
    cell = planned[key]
    own = students[(students["arm"] == cell.arm) & (students["seed"] == cell.seed)].reset_index(drop=True)
    return own.assign(title=pd.Series([_name(cell)] * len(own), dtype="string"))


def error_slices(run: Run, arm: str) -> pd.DataFrame:
    """One row a test text that the student, its teacher or both get wrong (COLUMNS); `arm` is a key of `student_keys`.

    `student_share` and `teacher_share` are the shares (0–1, at τ = 1) that each gives to its own answer. In each group
    the student's surest answers come first. Texts are from outside: show them as text alone.

    Raises:
        RunError: the run has kept no predictions, or none of this arm.
    """
    frame = tables_predictions.logits_of(run)
    student, teacher = (distributions.softmax(tables_predictions.logits(frame, name)) for name in (arm, "teacher"))
    student_answers, teacher_answers, label = student.argmax(-1), teacher.argmax(-1), frame[LABEL].to_numpy()
    names = tables_predictions.class_names(run, student.shape[-1])
    wrong, teacher_wrong = student_answers != label, teacher_answers != label
    group = np.select([wrong & ~teacher_wrong, wrong & teacher_wrong, ~wrong & teacher_wrong], list(GROUPS), "")
    rows = pd.DataFrame(
        {
            "group": group,
            "text": frame[TEXT],
            "label": [names[code] for code in label],
            "student_says": [names[code] for code in student_answers],
            "student_share": student.max(-1),
            "teacher_says": [names[code] for code in teacher_answers],
            "teacher_share": teacher.max(-1),
        }
    )
    kinds = {name: "Float64" if name in _SHARES else "string" for name in COLUMNS}
    rows = rows[rows["group"] != ""].sort_values("student_share", ascending=False, kind="stable")
    return rows.astype(kinds).reset_index(drop=True)


def counts(slices: pd.DataFrame) -> dict[str, int]:
    """Texts a group, in the order of GROUPS."""
    return {name: int((slices["group"] == name).sum()) for name in GROUPS}


def texts_are_here(run: Run) -> bool:
    """Whether the texts themselves are on this machine: a recorded run may have come without them."""
    return bool(tables_predictions.logits_of(run)[HERE].all())
