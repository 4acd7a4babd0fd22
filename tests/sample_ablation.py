"""Ablations and sweeps made by hand for tests: which texts each student gets right is invented, all else follows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import sample_training as sample
from numpy.typing import NDArray

from distill_core.plans import arms
from distill_core.plans.arms import DistillCell
from distill_core.results import DistillResult, ModelReport, StudentReport
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec

Right = NDArray[np.bool_]
N = 1000
# share of right answers by arm; every seed moves it a little
ABLATION = {"all": 0.826, "no soft": 0.809, "no hard": 0.825, "no cosine": 0.821, "random init": 0.705}
UNLABELED = {"distilled": 0.82, "labeled-only": 0.795}


def right(share: float, seed: int, n: int = N) -> Right:
    """Which of n texts are answered rightly: hard texts are hard for everybody, the rest is chance."""
    rng = np.random.default_rng(seed)
    ease = np.random.default_rng(99).normal(0, 1, n) + rng.normal(0, 0.55, n)
    return ease >= np.sort(ease)[n - round(share * n)]


def share_of(cell: DistillCell) -> float:
    """A plausible share of right answers: an ablation's arm, or a setting of a sweep."""
    spec, jitter = cell.spec, math.sin(7.0 * cell.seed + len(cell.arm)) * 0.003
    if cell.arm in ABLATION:
        return ABLATION[cell.arm] + jitter
    if cell.arm in UNLABELED:
        return UNLABELED[cell.arm]
    if cell.spec.sweep_layers:
        return 0.842 - 0.11 * math.exp(-0.75 * (spec.student_layers - 1)) + jitter / 2
    return 0.827 - 0.006 * math.log2(spec.temperature / 4) ** 2 - 0.05 * (spec.soft - 0.7) ** 2 + jitter / 2


def student(cell: DistillCell, mine: Right, teacher: Right) -> StudentReport:
    """The report of a student that gets these texts right."""
    accuracy, half = float(mine.mean()), 1.96 * math.sqrt(float(mine.var()) / len(mine))
    layers = cell.spec.student_layers
    params = 12_000_000 + 1_775_000 * layers
    p50 = 0.6 + 1.97 * layers
    return sample.student(
        cell.arm,
        accuracy,
        seed=cell.seed,
        ci_low=accuracy - half,
        ci_high=accuracy + half,
        n_eval=len(mine),
        retained=accuracy / float(teacher.mean()),
        agreement=float((mine == teacher).mean()),
        layers=layers,
        params=params,
        params_saved=1 - params / 22_713_986,
        latency_ms_p50=p50,
        speedup=12.4 / p50,
        kl_to_teacher=0.03 + 0.6 * abs(0.83 - accuracy),
        ingredients=cell.ingredients,
        inherited_errors=int((~mine & ~teacher).sum()),
        new_errors=int((~mine & teacher).sum()),
        repaired_errors=int((mine & ~teacher).sum()),
    )


def run_of(
    store: RunStore,
    spec: DistillSpec,
    rights: dict[str, Right],
    teacher: Right,
    *,
    state: str = "done",
    pass_s: float = 4.2,
) -> Run:
    """A distillation in which the arms with these keys are finished, with its predictions."""
    run = store.create(spec)
    run.set_environment(sample.ENVIRONMENT)
    done = [cell for cell in arms.plan(spec) if cell.key in rights]
    n, share = len(teacher), float(teacher.mean())
    report = ModelReport.model_validate(
        {
            **sample.report().model_dump(),
            "accuracy": share,
            "n_eval": n,
            "ci_low": share - 0.023,
            "ci_high": share + 0.023,
        }
    )
    run.set_result(
        DistillResult(
            dataset=spec.dataset.key,
            teacher_ref=str(spec.teacher),
            label_names=("negative", "positive"),
            teacher=report,
            teacher_pass_s=pass_s,
            students=tuple(student(cell, rights[cell.key], teacher) for cell in done),
        )
    )
    keep(run, {"teacher": teacher, **{cell.key: rights[cell.key] for cell in done}})
    ended = {"ended_at": sample.ENDED} if state == "done" else {"message": "no soft-0: step 66 of 120"}
    run.set_state(state=state, progress=1.0 if state == "done" else 0.4, started_at=sample.STARTED, **ended)
    return run


def keep(run: Run, rights: dict[str, Right]) -> None:
    """predictions.parquet with two classes: labels in turn, logits that are right where the arm is."""
    n = len(next(iter(rights.values())))
    labels = np.arange(n) % 2
    columns: dict[str, object] = {
        "text": [f"Text {i}: <b>a film</b> of *wit* & heart." for i in range(n)],
        "label": labels,
    }
    for place, (arm, mine) in enumerate(rights.items()):
        said = np.where(mine, labels, 1 - labels)
        margin = np.random.default_rng(place).uniform(0.1, 4, n)
        for label in range(2):
            columns[f"{arm}: logit {label}"] = np.where(said == label, margin, 0).astype("float32")
    pd.DataFrame(columns).to_parquet(run.predictions_file, index=False)


def sample_run(store: RunStore, *, teacher: str = "run:none", done: int | None = None, **spec: object) -> Run:
    """A run of this spec whose first `done` arms (all by default) are finished; it is live while some are not."""
    asked = DistillSpec.model_validate({"teacher": teacher, **spec})
    planned = arms.plan(asked)
    finished = planned[:done]
    rights = {cell.key: right(share_of(cell), place + 1) for place, cell in enumerate(finished)}
    state = "done" if len(finished) == len(planned) else "running"
    return run_of(store, asked, rights, right(0.842, 0), state=state)


def ablation(store: RunStore, *, seeds: int = 3, **more: object) -> Run:
    """Soft targets, labels, cosine and the teacher's layers, each left out once, with three seeds."""
    return sample_run(store, **{"ablation": True, "cosine": 1.0, "seeds": seeds, **more})  # type: ignore[arg-type]
