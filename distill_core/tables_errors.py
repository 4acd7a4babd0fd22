"""Which errors a student has from its teacher, which are its own, and which of the teacher's it repairs: the texts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from distill_core import arms, soft_labels, tables_predictions
from distill_core.results import DistillResult
from distill_core.runs import Run
from distill_core.specs import DistillSpec
from distill_core.tables_predictions import HERE, LABEL, TEXT
from distill_core.tables_training import arm_title

GROUPS = {
    "new": "wrong where the teacher is right",
    "inherited": "wrong, and so is the teacher",
    "repaired": "right where the teacher is wrong",
}
_SHARES = ("student_share", "teacher_share")
COLUMNS = ("group", "text", "label", "student_says", "student_share", "teacher_says", "teacher_share")


def student_keys(run: Run) -> dict[str, str]:
    """Arm key → its name in words, for the students whose answers the run has kept, in the order of training."""
    spec = run.spec()
    if not isinstance(spec, DistillSpec):
        return {}
    there = tables_predictions.arms(tables_predictions.logits_of(run))
    several = spec.seeds > 1
    return {
        arm.key: f"{arm_title(arm.name)}, seed {arm.seed}" if several else arm_title(arm.name)
        for arm in arms.plan(spec)
        if arm.key in there
    }


def error_slices(run: Run, arm: str) -> pd.DataFrame:
    """One row a test text that the student, its teacher or both get wrong (COLUMNS); `arm` is a key of `student_keys`.

    `student_share` and `teacher_share` are the shares (0–1, at τ = 1) that each gives to its own answer. In each group
    the student's surest answers come first. Texts are from outside: show them as text alone.

    Raises:
        RunError: the run has kept no predictions, or none of this arm.
    """
    frame = tables_predictions.logits_of(run)
    student, teacher = (soft_labels.softmax(tables_predictions.logits(frame, name)) for name in (arm, "teacher"))
    said, taught, label = student.argmax(-1), teacher.argmax(-1), frame[LABEL].to_numpy()
    names = _class_names(run, student.shape[-1])
    wrong, teacher_wrong = said != label, taught != label
    group = np.select([wrong & ~teacher_wrong, wrong & teacher_wrong, ~wrong & teacher_wrong], list(GROUPS), "")
    rows = pd.DataFrame(
        {
            "group": group, "text": frame[TEXT], "label": [names[code] for code in label],
            "student_says": [names[code] for code in said], "student_share": student.max(-1),
            "teacher_says": [names[code] for code in taught], "teacher_share": teacher.max(-1),
        }
    )  # fmt: skip
    kinds = {name: "Float64" if name in _SHARES else "string" for name in COLUMNS}
    rows = rows[rows["group"] != ""].sort_values("student_share", ascending=False, kind="stable")
    return rows.astype(kinds).reset_index(drop=True)


def counts(slices: pd.DataFrame) -> dict[str, int]:
    """Texts a group, in the order of GROUPS."""
    return {name: int((slices["group"] == name).sum()) for name in GROUPS}


def texts_are_here(run: Run) -> bool:
    """Whether the texts themselves are on this machine: a recorded run may have come without them."""
    return bool(tables_predictions.logits_of(run)[HERE].all())


def _class_names(run: Run, n: int) -> list[str]:
    result = run.result()
    known = result.label_names if isinstance(result, DistillResult) else ()
    return [known[code] if code < len(known) else f"class {code}" for code in range(n)]
