"""What a page shows of a run is computed once for all visitors, and again when a file of the run has changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sample_training as sample
from streamlit.testing.v1 import AppTest
from training_pages import APP, nothing_left_behind, own

from app import PAGES
from distill_core.errors import RunError
from distill_core.figures import theme
from distill_core.results import FinetuneResult
from distill_core.runs.run import Run
from pages.parts.shared import device_badge, once, run_panel

__all__ = ["nothing_left_behind"]
pytestmark = pytest.mark.usefixtures("nothing_left_behind")
CALLS: list[tuple[str, ...]] = []


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is kept yet; no probe of the machine, and a queue that stands still."""
    monkeypatch.setattr(device_badge, "show", lambda: None)
    monkeypatch.setattr(run_panel, "tick", lambda: None)
    CALLS.clear()
    once._kept.clear()
    yield
    once._kept.clear()


@once.per_result
def arms(run: Run, *choices: str) -> int:
    CALLS.append(("arms", *choices))
    result = run.result()
    return len(result.arms) if isinstance(result, FinetuneResult) else 0


@once.per_point
def points(run: Run) -> int:
    CALLS.append(("points",))
    return len(run_panel.curves(run))


@once.per_result
def fails(run: Run) -> None:
    CALLS.append(("fails",))
    raise RunError("No.")


def test_a_value_is_computed_again_for_new_results_another_choice_or_another_run() -> None:
    run, other = sample.finetune_run(own()), sample.finetune_run(own(), arms=("pretrained", "bow"))
    assert [arms(run), arms(run), arms(other)] == [1, 1, 2]
    assert [arms(run, "dark"), arms(run, "dark")] == [1, 1]
    assert CALLS == [("arms",), ("arms",), ("arms", "dark")]
    run.set_result(FinetuneResult(model="minilm", dataset="movies"))
    assert arms(run) == 0
    run.set_state(state="failed")
    assert arms(run) == 0
    assert len(CALLS) == 5


def test_a_new_point_concerns_the_curves_alone_and_progress_nobody() -> None:
    run = sample.finetune_run(own(), state="running")
    before = points(run)
    arms(run)
    run.set_state(progress=0.7)
    assert points(run) == before
    run.add_metrics(sample.metrics("bow", 0.8)[:2])
    assert points(run) > before
    arms(run)
    assert CALLS == [("points",), ("arms",), ("points",)]


def test_a_failure_is_not_kept() -> None:
    run = sample.finetune_run(own())
    for _ in range(2):
        with pytest.raises(RunError):
            fails(run)
    assert CALLS == [("fails",), ("fails",)]


def script(path: str) -> None:
    """A page that draws inside its own containers, between widgets."""
    from pathlib import Path

    import streamlit as st
    import test_once

    from distill_core.runs.run import Run

    with st.container():
        st.button("before")
        test_once.drawn(Run(Path(path)))
        st.button("after")


@once.per_result
def drawn(run: Run) -> None:
    import streamlit as st

    CALLS.append(("drawn",))
    left, right = st.columns(2)
    left.markdown(f"left of {run.id}")
    with right:
        st.caption("right")
        st.dataframe({"a": [1, 2]}, key="numbers")


def test_what_was_drawn_is_sent_again_to_another_visitor_in_its_place() -> None:
    run = sample.finetune_run(own())
    visitors = [AppTest.from_function(script, args=(str(run.path),), default_timeout=20).run() for _ in range(2)]
    visitors.append(visitors[0].run())
    assert CALLS == [("drawn",)]
    for app in visitors:
        assert not app.exception
        assert app.columns[0].markdown[0].value == f"left of {run.id}"
        assert app.columns[1].caption[0].value == "right"
        assert list(app.columns[1].dataframe[0].value["a"]) == [1, 2]
        assert [button.label for button in app.button] == ["before", "after"]


@pytest.mark.parametrize("file", [entry[0] for entries in PAGES.values() for entry in entries])
def test_a_page_draws_no_figure_twice(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded runs as they ship: a click builds no figure, and another visitor's page none either."""
    built: list[str] = []
    original = theme.figure

    def figure(data: list[dict[str, object]], title: str, **more: object) -> object:
        built.append(title)
        return original(data, title, **more)

    monkeypatch.setattr(theme, "figure", figure)
    first = _page(file)
    assert not first.exception
    assert len(built) >= len(first.get("plotly_chart"))
    built.clear()
    assert len(first.run().get("plotly_chart")) == len(_page(file).get("plotly_chart"))
    assert built == []


@pytest.mark.parametrize(("kind", "all_curves"), [("finetune", 2), ("distill", 4)])
def test_a_point_of_the_training_draws_its_loss_alone_again(
    kind: str, all_curves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = sample.finetune_run(own())
    run = sample.distill_run(own(), f"run:{teacher.id}", state="running")
    if kind == "finetune":
        run = sample.finetune_run(own(), state="running", arms=("pretrained",))
    app = AppTest.from_file(APP, default_timeout=60).run()
    app.query_params[{"finetune": "ft_run", "distill": "d_run"}[kind]] = run.id
    app.switch_page(f"pages/{kind}.py").run()
    built: list[str] = []
    original = theme.figure

    def figure(data: list[dict[str, object]], title: str, **more: object) -> object:
        built.append(title)
        return original(data, title, **more)

    monkeypatch.setattr(theme, "figure", figure)
    last = [point for point in run.read_metrics()[0] if point.name == "loss"][-1]
    run.add_metrics([last.model_copy(update={"step": last.step + 1, "value": 0.123})])
    assert not app.run().exception
    assert len(built) == 1
    assert built[0].endswith("to 0.12")
    built.clear()
    tested = {"step": last.step + 1, "split": "validation", "name": "accuracy", "value": 0.876}
    run.add_metrics([last.model_copy(update=tested)])
    assert not app.run().exception
    assert len(built) == all_curves
    assert any("right on 88 %" in title for title in built), built


def _page(file: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60).run()
    return app.switch_page(f"pages/{file}.py").run()
