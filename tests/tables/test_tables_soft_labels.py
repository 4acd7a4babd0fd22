"""Frames of one text between teacher and student: hand arithmetic, sums, folding, and the scale of τ²."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from distill_core.errors import SpecError
from distill_core.maths import distributions
from distill_core.tables import soft_labels as tables_soft_labels
from distill_core.tables.soft_labels import Scene

NAMES = ("business", "sports", "tech")
TEACHER = np.array([4.0, -2.0, 2.0])


def scene(**more: object) -> Scene:
    values = {"label_names": NAMES, "label": 0, "teacher": TEACHER, "student": np.zeros(3), "temperature": 2.0}
    return Scene(**{**values, **more})  # type: ignore[arg-type]


def test_distributions_hold_three_views_of_one_text() -> None:
    frame = tables_soft_labels.distributions(scene())
    assert frame["class"].tolist() == list(NAMES)
    assert frame["is_label"].tolist() == [True, False, False]
    np.testing.assert_allclose(frame["hard"], [1, 0, 0])
    np.testing.assert_allclose(frame["student"], [1 / 3] * 3)
    parts = np.exp([2.0, -1.0, 1.0])  # the logits over τ = 2
    np.testing.assert_allclose(frame["softened"], parts / parts.sum())
    np.testing.assert_allclose(frame[["hard", "tau_1", "softened", "student"]].sum(), 1)


def test_entropy_is_in_bits() -> None:
    assert tables_soft_labels.entropy_bits(pd.Series([0.25] * 4)) == pytest.approx(2)
    assert tables_soft_labels.entropy_bits(pd.Series([1.0, 0.0])) == 0


def test_terms_add_up_under_their_weights() -> None:
    frame = tables_soft_labels.terms(scene(soft=0.3, hard=0.7)).set_index("term")
    assert frame.index.tolist() == ["soft", "hard", "cosine", "loss"]
    assert frame.loc["hard", "value"] == pytest.approx(math.log(3))
    assert frame.loc["soft", "value"] == pytest.approx(float(distributions.soft_loss(np.zeros(3), TEACHER, 2.0)))
    assert frame.loc["soft", "weighted"] == pytest.approx(0.3 * frame.loc["soft", "value"])
    assert frame.loc["loss", "value"] == pytest.approx(frame.loc[["soft", "hard"], "weighted"].sum())
    assert frame.loc["cosine"].isna().all()  # not known here, hence neither 0 nor a guess


@pytest.mark.parametrize(("soft", "hard"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (0.4, 0.6)])
def test_gradients_are_weighted_and_sum_to_zero(soft: float, hard: float) -> None:
    frame = tables_soft_labels.gradients(scene(soft=soft, hard=hard))
    np.testing.assert_allclose(frame["loss"], frame["soft"] + frame["hard"])
    np.testing.assert_allclose(frame["hard"], hard * np.array([-2 / 3, 1 / 3, 1 / 3]))
    np.testing.assert_allclose(frame[["soft", "hard", "loss"]].sum(), 0, atol=1e-12)
    wanted = soft * 2.0 * (frame["student_share"] - frame["teacher_share"])
    np.testing.assert_allclose(frame["soft"], wanted)


def test_the_scale_has_the_chosen_temperature_and_the_factor() -> None:
    frame = tables_soft_labels.scale(scene(temperature=3.3))
    assert 3.3 in frame["temperature"].tolist()
    assert frame["temperature"].is_monotonic_increasing
    np.testing.assert_allclose(frame["with_square"], frame["without_square"] * frame["temperature"] ** 2)
    assert frame["label"].nunique() == 1
    assert frame["label"].iloc[0] == pytest.approx(math.sqrt(4 / 9 + 1 / 9 + 1 / 9))


def test_the_table_names_the_temperature_and_the_units() -> None:
    frame = tables_soft_labels.numbers(scene(temperature=2.5))
    assert "teacher_share_tau_2.5" in frame.columns
    assert "gradient_sum_nats_per_logit" in frame.columns
    assert len(frame) == 3


def test_many_classes_fold_into_one_row() -> None:
    names = tuple(f"class {index}" for index in range(30))
    teacher = np.arange(30.0) / 3
    full = tables_soft_labels.distributions(scene(label_names=names, label=2, teacher=teacher, student=np.zeros(30)))
    frame = tables_soft_labels.folded(full, "softened", limit=8)
    assert len(frame) == 8
    assert frame["class"].tolist() == ["class 2", *(f"class {index}" for index in range(24, 30)), "23 others"]
    np.testing.assert_allclose(frame["softened"].sum(), 1)
    assert tables_soft_labels.folded(full.head(5), "softened", limit=8) is not None
    assert len(tables_soft_labels.folded(full.head(5), "softened", limit=8)) == 5


def test_teacher_and_student_of_other_classes_are_refused() -> None:
    with pytest.raises(SpecError, match="The student has 2 logits for 3 classes"):
        scene(student=np.zeros(2))
