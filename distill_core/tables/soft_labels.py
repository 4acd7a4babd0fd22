"""One text between a teacher and a student, as frames: distributions, loss terms, gradients, and the scale of τ².

Shares are 0–1; entropies and losses are in nats, gradients in nats per logit. Pages and figures only show these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from distill_core.errors import SpecError
from distill_core.maths import distributions as maths_distributions
from distill_core.maths.distributions import NATS_PER_BIT, Array

TEMPERATURES = (0.5, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 14.0, 20.0)  # even steps to the eye
FINE_TEMPERATURES = tuple(float(value) for value in np.geomspace(TEMPERATURES[0], TEMPERATURES[-1], 40))
MOST_ROWS = 10
TERMS = ("soft", "hard", "cosine", "loss")


@dataclass(frozen=True)
class Scene:
    """What the page is about. `teacher` and `student` are logits, shape (classes,); `label` is the true class;
    `soft` and `hard` are the weights of the two loss terms.
    """

    label_names: tuple[str, ...]
    label: int
    teacher: Array
    student: Array
    temperature: float
    soft: float = 0.5
    hard: float = 0.5

    def __post_init__(self) -> None:
        for name, logits in (("teacher", self.teacher), ("student", self.student)):
            if len(logits) != len(self.label_names):
                raise SpecError(
                    f"The {name} has {len(logits)} logits for {len(self.label_names)} classes.",
                    "Choose a teacher and a student of the same data set.",
                )

    @property
    def label_name(self) -> str:
        return self.label_names[self.label]

    @property
    def is_label(self) -> list[bool]:
        return [index == self.label for index in range(len(self.label_names))]


def distributions(scene: Scene) -> pd.DataFrame:
    """One row a class: class, is_label, then shares: hard, tau_1, softened (the teacher at τ), student (at τ = 1)."""
    return pd.DataFrame(
        {
            "class": list(scene.label_names),
            "is_label": scene.is_label,
            "hard": maths_distributions.one_hot(scene.label, len(scene.label_names)),
            "tau_1": maths_distributions.softmax(scene.teacher),
            "softened": maths_distributions.softmax(scene.teacher, scene.temperature),
            "student": maths_distributions.softmax(scene.student),
        }
    )


def entropy_bits(shares: pd.Series[float]) -> float:
    """How undecided a distribution is: 0 bits for one class alone, log2(classes) when all are as likely."""
    return float(maths_distributions.entropy(shares.to_numpy())) / NATS_PER_BIT


def terms(scene: Scene) -> pd.DataFrame:
    """One row a term of TERMS: term, weight, value, weighted (nats). "loss" is the weighted sum; cosine is NA here."""
    soft = float(maths_distributions.soft_loss(scene.student, scene.teacher, scene.temperature))
    hard = float(maths_distributions.hard_loss(scene.student, scene.label))
    total = scene.soft * soft + scene.hard * hard
    rows = [
        ("soft", scene.soft, soft, scene.soft * soft),
        ("hard", scene.hard, hard, scene.hard * hard),
        ("cosine", None, None, None),
        ("loss", None, total, total),
    ]
    frame = pd.DataFrame(rows, columns=["term", "weight", "value", "weighted"])
    return frame.astype({"weight": "Float64", "value": "Float64", "weighted": "Float64"})


def gradients(scene: Scene) -> pd.DataFrame:
    """One row a class: class, is_label, then ∂/∂(student logit) of the weighted terms soft, hard, and of their sum
    ("loss"), and the shares behind them: what teacher and student give the class at τ, and the student at τ = 1.
    """
    soft = scene.soft * maths_distributions.soft_gradient(scene.student, scene.teacher, scene.temperature)
    hard = scene.hard * maths_distributions.hard_gradient(scene.student, scene.label)
    columns = {
        "soft": soft,
        "hard": hard,
        "loss": soft + hard,
        "teacher_share": maths_distributions.softmax(scene.teacher, scene.temperature),
        "student_share": maths_distributions.softmax(scene.student, scene.temperature),
        "student_share_tau_1": maths_distributions.softmax(scene.student),
    }
    return pd.DataFrame({"class": list(scene.label_names), "is_label": scene.is_label, **columns})


def scale(scene: Scene, temperatures: Sequence[float] = FINE_TEMPERATURES) -> pd.DataFrame:
    """How hard the soft targets push at each temperature, with and without the factor τ², and how hard the label does.

    Columns: temperature, with_square, without_square, label: lengths of the gradients of the unweighted terms.
    """
    rows = []
    push = float(maths_distributions.gradient_size(maths_distributions.hard_gradient(scene.student, scene.label)))
    for temperature in sorted({*temperatures, scene.temperature}):
        scaled, plain = (
            maths_distributions.soft_gradient(scene.student, scene.teacher, temperature, scaled=square)
            for square in (True, False)
        )
        sizes = (float(maths_distributions.gradient_size(gradient)) for gradient in (scaled, plain))
        rows.append((temperature, *sizes, push))
    return pd.DataFrame(rows, columns=["temperature", "with_square", "without_square", "label"])


def numbers(scene: Scene) -> pd.DataFrame:
    """Everything a class has on the page in one table, for reading and for taking away; units in the names."""
    shares, pulls = distributions(scene), gradients(scene)
    return pd.DataFrame(
        {
            "class": shares["class"],
            "hard_label": shares["hard"],
            "teacher_logit": scene.teacher,
            "teacher_share_tau_1": shares["tau_1"],
            f"teacher_share_tau_{scene.temperature:g}": shares["softened"],
            "student_logit": scene.student,
            "student_share_tau_1": shares["student"],
            "gradient_soft_nats_per_logit": pulls["soft"],
            "gradient_hard_nats_per_logit": pulls["hard"],
            "gradient_sum_nats_per_logit": pulls["loss"],
        }
    )


def folded(frame: pd.DataFrame, order_by: str, limit: int = MOST_ROWS) -> pd.DataFrame:
    """At most `limit` rows: the label and the largest of `order_by` keep their place, the others are added up in one.

    Shares and gradients may be added: the sum is what the folded classes get together.
    """
    if len(frame) <= limit:
        return frame
    weight = frame[order_by].abs().mask(frame["is_label"], np.inf)
    kept = frame.loc[weight.nlargest(limit - 1).index.sort_values()]
    rest = frame.drop(kept.index)
    values = {name: rest[name].sum() for name in frame.columns if name not in ("class", "is_label")}
    last = pd.DataFrame([{"class": f"{len(rest)} others", "is_label": False, **values}])
    return pd.concat([kept, last], ignore_index=True)
