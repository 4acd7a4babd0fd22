"""The same question is found again: what counts as the same, what does not, and that 500 runs cost no time."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sample_training

from distill_core import __version__
from distill_core.machine import device_defaults
from distill_core.runs import same
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.specs import CompareSpec, DistillSpec, FinetuneSpec

HERE = sample_training.ENVIRONMENT.model_copy(
    update={"versions": {"distill_core": __version__, "torch": same._torch_version()}}
)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def done(store: RunStore, spec, environment=HERE, state: str = "done") -> Run:
    run = store.create(spec)
    if environment is not None:
        run.set_environment(environment)
    run.set_state(state=state)
    return run


def with_model(run: Run, weights: str) -> Run:
    run.model_dir.mkdir()
    (run.model_dir / "model.safetensors").write_text(weights)
    return run


def test_all_but_the_title_counts(store):
    assert same.find(FinetuneSpec(), store) is None
    run = done(store, FinetuneSpec(title="mine"))
    assert same.find(FinetuneSpec(title="yours"), store) == run
    for other in (FinetuneSpec(seed=1), FinetuneSpec(epochs=3), FinetuneSpec(threads=1), CompareSpec(models="minilm")):
        assert same.find(other, store) is None


def test_the_newest_that_is_done_goes_before_one_that_is_live(store):
    live = done(store, FinetuneSpec(), None, "queued")
    assert same.find(FinetuneSpec(), store) == live
    done(store, FinetuneSpec())
    newest = done(store, FinetuneSpec())
    done(store, FinetuneSpec(), None, "running")
    assert same.find(FinetuneSpec(), store) == newest


@pytest.mark.parametrize("state", ["failed", "lost", "stopped", "damaged"])
def test_a_run_that_ended_badly_answers_nothing(store, state):
    run = done(store, FinetuneSpec(), state=state)
    assert same.find(FinetuneSpec(), store) is None
    (run.path / "spec.json").write_text("{")
    assert same.find(FinetuneSpec(), store) is None


@pytest.mark.parametrize(
    "changed",
    [{"device": "cuda"}, {"versions": {}}, {"versions": {**HERE.versions, "torch": "1.0"}}],
)
def test_another_device_or_program_computes_other_bits(store, changed):
    done(store, FinetuneSpec(), HERE.model_copy(update=changed))
    assert same.find(FinetuneSpec(), store) is None
    done(store, FinetuneSpec(), environment=None)  # an old run that does not say
    assert same.find(FinetuneSpec(), store) is None


def test_the_device_is_the_one_that_a_new_run_would_take(store):
    run = done(store, FinetuneSpec(), HERE.model_copy(update={"device": "cuda"}))
    device_defaults.remember({"device": "cuda"})
    assert same.find(FinetuneSpec(), store) == run
    assert same.find(FinetuneSpec(device="cpu"), store) is None


def test_a_teacher_counts_by_what_it_holds_and_not_by_its_name(store):
    teachers = [with_model(done(store, FinetuneSpec(seed=seed)), text) for seed, text in enumerate(("A", "A", "B"))]
    specs = [DistillSpec(teacher=f"run:{teacher.id}") for teacher in teachers]
    run = done(store, specs[0])
    assert [same.find(spec, store) for spec in specs] == [run, run, None]
    store.remove(teachers[0].id)  # nobody can tell any more what it held
    assert same.find(specs[1], store) is None


def test_a_file_counts_while_it_is_unchanged_and_an_upload_by_its_name(store, tmp_path):
    file, folder = tmp_path / "own.csv", settings().cache_dir / "uploads"
    folder.mkdir(parents=True)
    for path in (file, folder / "abc.csv"):
        path.write_text("text,label\n")
    early = datetime.now(UTC) - timedelta(hours=1)
    os.utime(file, (early.timestamp(), early.timestamp()))
    own, upload = FinetuneSpec(dataset=f"file:{file}"), FinetuneSpec(dataset=f"file:{folder / 'abc.csv'}")
    runs = [done(store, own), done(store, upload)]
    late = (datetime.now(UTC) + timedelta(hours=1)).timestamp()
    os.utime(folder / "abc.csv", (late, late))
    assert [same.find(own, store), same.find(upload, store)] == runs
    os.utime(file, (late, late))
    assert same.find(own, store) is None
    file.unlink()
    assert same.find(own, store) is None


def test_a_model_in_a_folder_is_never_the_same(store):
    spec = FinetuneSpec(model="path:/models/bert")
    done(store, spec)
    assert same.find(spec, store) is None


def test_recorded_runs_count_where_the_request_is_equal(tmp_path):
    recorded = RunStore(tmp_path / "recorded")
    run = done(recorded, FinetuneSpec(), environment=None)
    done(recorded, DistillSpec(teacher="run:000001-abcdef"))
    assert same.find_recorded(FinetuneSpec(title="mine"), recorded) == run
    assert same.find_recorded(FinetuneSpec(seed=1), recorded) is None
    assert same.find_recorded(DistillSpec(teacher="run:000001-abcdef"), recorded) is None


def test_a_token_is_one_for_all_until_a_run_of_it_has_come(store):
    token = same.token(FinetuneSpec(), store)
    assert same.token(FinetuneSpec(title="other"), store) == token
    assert same.token(FinetuneSpec(seed=1), store) != token
    failed = done(store, FinetuneSpec(), state="failed")
    assert same.token(FinetuneSpec(), store) != token
    assert failed.id in same.token(FinetuneSpec(), store)


def test_with_500_runs_it_takes_less_than_5_ms(store):
    for seed in range(500):
        store.create(FinetuneSpec(seed=seed))
    wanted = done(store, FinetuneSpec(epochs=3))
    assert same.find(FinetuneSpec(epochs=3), store) == wanted
    took = []
    for _ in range(20):
        began = time.perf_counter()
        same.find(FinetuneSpec(epochs=3), store)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.005
