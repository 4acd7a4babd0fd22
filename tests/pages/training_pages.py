"""What the tests of the training pages share: the app at one page, a launcher in this process, and a fake job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sample_training as sample
import streamlit as st
from streamlit.testing.v1 import AppTest

from distill_core import kinds
from distill_core.errors import RunError
from distill_core.results import FinetuneResult
from distill_core.runs.control import JobContext
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.specs import FinetuneSpec

APP = str(Path(__file__).parents[2] / "app.py")


def own() -> RunStore:
    """The runs of this test."""
    return RunStore(settings().runs_dir)


def open_page(path: str, **query: object) -> AppTest:
    """The app at this page."""
    app = AppTest.from_file(APP, default_timeout=20).run()
    for name, value in query.items():
        app.query_params[name] = value
    return app.switch_page(path).run()


def texts(app: AppTest) -> str:
    """What a reader sees, without the backslashes that keep it from being Markdown."""
    shown = [*app.markdown, *app.caption, *app.error, *app.warning, *app.info, *app.code]
    titles = [alert.proto.title for alert in [*app.error, *app.warning, *app.info]]
    return "\n".join([*(str(element.value) for element in shown), *titles]).replace("\\", "")


def finetune_job(spec: FinetuneSpec, context: JobContext) -> FinetuneResult:
    """A fine-tuning that is done at once."""
    context.set_environment(sample.ENVIRONMENT)
    arms = tuple(sample.arm_result(arm, n) for arm in spec.arms for n in spec.train_examples)
    for arm in spec.arms:
        context.metrics(sample.metrics(arm, sample.ACCURACY[arm]))
    return FinetuneResult(model=str(spec.model), dataset=spec.dataset.key, arms=arms)


def failing_job(spec: FinetuneSpec, context: JobContext) -> FinetuneResult:
    """A fine-tuning that fails."""
    context.log("something in the log")
    raise RunError("The loss is no longer a number at step 3.", "Lower the learning rate.")


@pytest.fixture(scope="module")
def nothing_left_behind() -> Iterator[None]:
    """What the pages keep for all visitors ends with the module: the next one may have other assets at hand."""
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], None]:
    """Runs happen in this process; the result sets the job of a kind."""
    monkeypatch.setenv("DISTILL_LAUNCHER", "inline")
    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", "0")
    settings.cache_clear()
    return lambda kind, job: monkeypatch.setitem(kinds.KINDS, kind, replace(kinds.KINDS[kind], job=job))


@pytest.fixture(autouse=True)
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """No recorded runs but the test's own, no probe of the machine, and a queue that stands still."""
    from pages.parts.shared import device_badge, run_panel, stored_runs

    store = RunStore(tmp_path / "recorded")
    monkeypatch.setattr(stored_runs, "RECORDED", store)
    monkeypatch.setattr(device_badge, "show", lambda: None)
    monkeypatch.setattr(run_panel, "tick", lambda: None)
    return store
