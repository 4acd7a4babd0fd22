"""Training runs made by hand for tests: the numbers are invented, and never leave the tests."""

from __future__ import annotations

import json
import math

from distill_core.results import (
    DistillResult,
    Environment,
    FinetuneArmResult,
    FinetuneResult,
    Metric,
    ModelReport,
    StudentReport,
)
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec, FinetuneSpec

ENVIRONMENT = Environment(
    machine="x86_64 Linux, 2 cores, 24 GiB",
    cpu="Test CPU 3000",
    cores=2,
    memory_gib=23.5,
    device="cpu",
    device_name="CPU",
    dtype="float32",
    threads=2,
    omp_wait_policy="passive",
    os="Linux",
    python="3.11.2",
    versions={},
    started_at="2025-11-22T07:55:00.000+00:00",
)
ACCURACY = {"pretrained": 0.842, "frozen": 0.78, "scratch": 0.684, "bow": 0.741}
SAMPLE_TEXTS = ("A warm film with a big heart <b>and wit</b>.", "The plot is thin & the jokes are old.")
STARTED, ENDED = "2025-11-22T07:55:00.000+00:00", "2025-11-22T07:58:20.000+00:00"


def metrics(arm: str, top: float, *, share: float = 1.0, terms: tuple[str, ...] = (), n: int = 2000) -> list[Metric]:
    """A plausible training of `arm` up to `share` of its way: falling losses, rising accuracy."""
    points = []
    for step in range(1, int(120 * share) + 1):
        place = {"arm": arm, "step": step, "epoch": step / 60, "examples": step * n // 60, "elapsed_s": step * 0.5}
        loss = 0.2 + 0.5 * math.exp(-step / 40) + 0.03 * math.sin(step)
        values = {"loss": loss, **{name: loss * (0.7 + 0.3 * i) for i, name in enumerate(terms)}}
        points += [Metric(**place, split="train", name=name, value=value) for name, value in values.items()]
        if step % 15 == 0:
            value = top - (top - 0.5) * math.exp(-step / 30)
            found = {"accuracy": value}
            if terms:
                found |= {"agreement": value + 0.08, "text 0 class 1": value, "text 1 class 0": value - 0.1}
            points += [Metric(**place, split="validation", name=name, value=got) for name, got in found.items()]
    return points


def arm_result(arm: str, n: int = 2000, seed: int = 0, accuracy: float | None = None) -> FinetuneArmResult:
    """One arm's result with an interval of ±2.3 points."""
    value = ACCURACY[arm] if accuracy is None else accuracy
    return FinetuneArmResult(
        arm=arm,
        train_examples=n,
        seed=seed,
        accuracy=value,
        ci_low=value - 0.023,
        ci_high=value + 0.023,
        n_eval=1004,
        train_s=58.0 if arm != "bow" else 0.2,
        params=22_713_986,
        params_trained=770 if arm == "frozen" else 22_713_986,
    )


def finetune_run(store: RunStore, state: str = "done", arms: tuple[str, ...] = ("pretrained",), **spec: object) -> Run:
    """A fine-tuning with these arms; a saved model's config.json lies beside it when it is done."""
    run = store.create(FinetuneSpec.model_validate({"arms": arms, **spec}))
    run.set_environment(ENVIRONMENT)
    done = arms if state == "done" else arms[:-1]
    for arm in arms:
        if arm in ("pretrained", "scratch"):
            run.add_metrics(metrics(arm, ACCURACY[arm], share=1.0 if arm in done else 0.5))
    run.set_result(
        FinetuneResult(
            model="minilm",
            dataset=str(spec.get("dataset", "movies")),
            label_names=("negative", "positive"),
            arms=tuple(arm_result(arm) for arm in done),
        )
    )
    if state == "done":
        save_config(run, layers=6)
    _finish(run, state)
    return run


def save_config(run: Run, layers: int) -> None:
    """The config.json of a saved BERT classifier; no weights."""
    run.model_dir.mkdir()
    config = {
        "model_type": "bert",
        "num_hidden_layers": layers,
        "hidden_size": 384,
        "architectures": ["BertForSequenceClassification"],
    }
    (run.model_dir / "config.json").write_text(json.dumps(config))


def _finish(run: Run, state: str) -> None:
    values: dict[str, object] = {"state": state, "progress": 1.0 if state == "done" else 0.55, "started_at": STARTED}
    if state in ("done", "failed", "stopped", "lost"):
        values["ended_at"] = ENDED
    if state == "failed":
        values |= {"message": "The loss is no longer a number at step 61.", "hint": "Lower the learning rate."}
    if state in ("running", "paused"):
        values |= {"message": "distilled: step 66 of 120", "eta_s": 130.0}
    run.set_state(**values)


def report(**more: object) -> ModelReport:
    """The teacher."""
    values = {
        "params": 22_713_986,
        "layers": 6,
        "accuracy": 0.842,
        "ci_low": 0.818,
        "ci_high": 0.863,
        "n_eval": 1004,
        "latency_ms_p50": 12.4,
        "latency_ms_p95": 13.1,
        "busy_cores": 0.02,
        "n_iterations": 100,
        "seq_len": 128,
    }
    return ModelReport.model_validate({**values, **more})


def student(arm: str = "distilled", accuracy: float = 0.818, **more: object) -> StudentReport:
    """A student of half the layers. The interval of its speed is 3 % wide on each side, whatever the speed."""
    speedup = more.get("speedup", 12.4 / 6.6)
    limits = {}
    if isinstance(speedup, float):
        limits = {"speedup_low": speedup * 0.97, "speedup_high": speedup * 1.03}
    values = {
        "arm": arm,
        "params": 17_390_210,
        "layers": 3,
        "accuracy": accuracy,
        "ci_low": accuracy - 0.025,
        "ci_high": accuracy + 0.023,
        "n_eval": 1004,
        "latency_ms_p50": 6.6,
        "latency_ms_p95": 7.0,
        "params_saved": 1 - 17_390_210 / 22_713_986,
        "retained": accuracy / 0.842,
        "speedup": speedup,
        **limits,
        "baseline_ms": 12.4,
        "busy_cores": 0.02,
        "n_iterations": 200,
        "seq_len": 128,
        "agreement": 0.93,
        "kl_to_teacher": 0.06,
        "inherited_errors": 121,
        "new_errors": 62,
        "repaired_errors": 38,
        "train_s": 61.0,
    }
    return StudentReport.model_validate({**values, **more})


def distill_run(
    store: RunStore,
    teacher: str,
    state: str = "done",
    students: tuple[StudentReport, ...] | None = None,
    **spec: object,
) -> Run:
    """A distillation; while it is live the teacher is measured and the first student is half trained."""
    run = store.create(DistillSpec.model_validate({"teacher": teacher, **spec}))
    run.set_environment(ENVIRONMENT)
    found = (student(),) if students is None else students
    for one in found:
        terms = ("soft", "hard") if one.arm.endswith("distilled") else ()
        share = 1.0 if state == "done" else 0.55
        run.add_metrics(metrics(one.arm, one.accuracy, share=share, terms=terms))
    run.set_result(
        DistillResult(
            dataset="movies",
            teacher_ref=teacher,
            label_names=("negative", "positive"),
            teacher=report(),
            teacher_pass_s=4.2,
            sample_texts=SAMPLE_TEXTS,
            teacher_probabilities=((0.03, 0.97), (0.88, 0.12)),
            students=found if state == "done" else (),
        )
    )
    if state == "done":
        save_config(run, layers=3)
    _finish(run, state)
    return run
