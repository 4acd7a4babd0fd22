"""Runs of ten students made by hand for tests: the numbers are invented, and never leave the tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import sample_training

from distill_core import families
from distill_core.measure.evaluate import wilson
from distill_core.model_ref import parse
from distill_core.plans import student_plan
from distill_core.results import ErrorInfo, StudentRow, StudentsResult, TeacherOfTen
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import StudentsSpec

N = 200  # test texts
TEACHER_RIGHT = 160
ARMS = ("labels", "taught", "random", "all-labels")
# Texts that a student gets right in each arm: the first so many; the family's place in the list is added.
RIGHT = {"random": 120, "labels": 136, "taught": 148, "all-labels": 152, "random-taught": 130}
LABELS = tuple(text % 2 for text in range(N))


def right(arm: str, place: int = 0, seed: int = 0) -> int:
    """How many of the N texts are right."""
    return RIGHT[arm] + place + 2 * seed


def said(n_right: int) -> np.ndarray:
    """Logits that are right on the first so many texts. Shape: (N, 2)."""
    values = np.zeros((N, 2), dtype="float32")
    for text, label in enumerate(LABELS):
        values[text, label if text < n_right else 1 - label] = 2.0
    return values


def teacher(**more: object) -> TeacherOfTen:
    """MiniLM, right on 160 of 200."""
    values = {
        "ref": "run:ten-students",
        "title": "MiniLM",
        "family": "bert",
        "labels": 1000,
        "train_s": 60.0,
        "params": 22_713_986,
        "layers": 6,
        "latency_ms_p50": 12.0,
        "latency_ms_p95": 13.0,
        **wilson(TEACHER_RIGHT, N).model_dump(),
    }
    return TeacherOfTen.model_validate({**values, **more})


def row(student: str, arm: str, place: int = 0, seed: int = 0, **more: object) -> StudentRow:
    """A trained student; each family a little slower and more accurate than the one before."""
    ref = parse(student)
    count, ms = right(arm, place, seed), 2.0 + 0.2 * place
    taught = arm in ("taught", "random-taught")
    values = {
        "student": student,
        "title": ref.title,
        "family": ref.family.key if ref.family else "",
        "arm": arm,
        "seed": seed,
        "weights": "random" if arm.startswith("random") else "pretrained",
        "params": 1_500_000,
        "layers": 2,
        "latency_ms_p50": ms,
        "latency_ms_p95": ms * 1.1,
        "speedup": 12.0 / ms,
        "speedup_low": 11.8 / ms,
        "speedup_high": 12.2 / ms,
        "baseline_ms": 12.0,
        "busy_cores": 0.02,
        "n_iterations": 200,
        "train_texts": 7984 if taught or arm == "all-labels" else 1000,
        "labels": 7984 if arm == "all-labels" else 1000,
        "epochs": 3,
        "train_s": 20.0,
        "retained": count / TEACHER_RIGHT,
        "agreement": 0.9,
        "kl_to_teacher": 0.1,
        "inherited_errors": 20,
        "new_errors": 12,
        "repaired_errors": 8,
        **wilson(count, N).model_dump(),
    }
    return StudentRow.model_validate({**values, **more})


def failed(student: str, arm: str) -> StudentRow:
    """A student that does not load."""
    error = ErrorInfo(kind="model", message="The weights in gpt do not load.", hint="Delete the folder.")
    ref = parse(student)
    return StudentRow(student=student, title=ref.title, family="gpt", arm=arm, error=error)


def pending(student: str, arm: str, place: int = 0) -> StudentRow:
    """A student that is measured and has not learned yet."""
    known = row(student, arm, place)
    return StudentRow(
        **known.model_dump(
            include={
                "student",
                "title",
                "family",
                "arm",
                "params",
                "layers",
                "latency_ms_p50",
                "latency_ms_p95",
                "speedup",
                "speedup_low",
                "speedup_high",
                "baseline_ms",
                "busy_cores",
                "n_iterations",
            }
        )
    )


def ten(arms: tuple[str, ...] = ARMS, seeds: int = 1) -> tuple[StudentRow, ...]:
    """All ten minis in these arms."""
    return tuple(
        row(f"{key}@mini", arm, place, seed)
        for seed in range(seeds)
        for arm in arms
        for place, key in enumerate(families.BY_KEY)
    )


def students_run(
    store: RunStore,
    rows: tuple[StudentRow, ...] | None = None,
    state: str = "done",
    *,
    predictions: bool = True,
    **spec: object,
) -> Run:
    """A run of ten students with these rows and the predictions behind them."""
    rows = ten() if rows is None else rows
    asked = {
        "students": tuple(dict.fromkeys(one.student for one in rows)) or ("bert@mini",),
        "arms": tuple(dict.fromkeys(one.arm for one in rows)) or ARMS,
    }
    run = store.create(StudentsSpec.model_validate({**asked, **spec}))
    run.set_environment(sample_training.ENVIRONMENT)
    run.add_metrics(sample_training.metrics("teacher", 0.8))
    run.set_result(
        StudentsResult(
            dataset="movies",
            label_names=("negative", "positive"),
            train_texts=7984,
            labels=1000,
            seq_len=64,
            teacher=teacher(),
            teacher_pass_s=30.0,
            rows=rows,
        )
    )
    if predictions:
        keep(run, rows)
    run.set_state(
        state=state,
        progress=1.0 if state == "done" else 0.4,
        started_at=sample_training.STARTED,
        ended_at=sample_training.ENDED if state == "done" else "",
    )
    return run


def keep(run: Run, rows: tuple[StudentRow, ...]) -> None:
    """predictions.parquet of these rows."""
    spec = run.spec()
    assert isinstance(spec, StudentsSpec)
    columns: dict[str, np.ndarray] = {"teacher": said(TEACHER_RIGHT)}
    for one in rows:
        if one.accuracy is not None:
            columns[student_plan.key(spec, one.student, one.arm, one.seed)] = said(round(one.accuracy * N))
    frame = pd.DataFrame({"text": [f"Text {text}." for text in range(N)], "label": list(LABELS)})
    logits = {f"{arm}: logit {label}": values[:, label] for arm, values in columns.items() for label in range(2)}
    pd.concat([frame, pd.DataFrame(logits)], axis=1).to_parquet(run.predictions_file, index=False)
