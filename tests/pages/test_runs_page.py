"""Runs: the list with damaged runs, one run in full, delete with confirmation, export."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sample_pretrain
import sample_runs
import sample_students
import sample_training as sample
from training_pages import inline, open_page, own, recorded, texts

from distill_core.runs.run import Run
from distill_core.runs.store import RunStore

__all__ = ["inline", "recorded"]
PAGE = "pages/runs.py"


def test_no_run_yet() -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "No run here yet" in texts(app)


def test_all_runs_newest_first_and_recorded_last(recorded: RunStore) -> None:
    first = sample.finetune_run(own())
    second = sample.distill_run(own(), f"run:{first.id}")
    shipped = sample.finetune_run(recorded)
    app = open_page(PAGE)
    assert not app.exception
    assert list(app.dataframe[0].value["id"]) == [second.id, first.id, shipped.id]
    app.get_by_key("r_kind").set_value(["distill"]).run()
    assert list(app.dataframe[0].value["id"]) == [second.id]


def test_one_run_in_full() -> None:
    run = sample.finetune_run(own(), arms=("pretrained",), title="Mine <b>x</b> ![i](http://a/b.png)")
    app = open_page(PAGE, r_run=run.id)
    assert not app.exception
    shown = texts(app)
    assert "Fine-tune: Mine <b>x</b> ![i](http://a/b.png)" in shown
    assert r"\!\[i\]" in "\n".join(element.value for element in app.markdown)  # escaped: no image is loaded
    assert "took 3 min" in shown
    assert '"kind": "finetune"' in shown
    assert '"title": "Mine' in shown
    assert app.get("download_button")


@pytest.mark.parametrize("file", ["spec.json", "state.json"])
def test_a_damaged_run_is_listed_and_can_only_be_deleted(file: str) -> None:
    run = sample.finetune_run(own())
    (run.path / file).write_text("{half")
    app = open_page(PAGE, r_run=run.id)
    assert not app.exception
    assert list(app.dataframe[0].value["state"]) == ["damaged"]
    assert f"{file} cannot be read" in texts(app)
    with pytest.raises(KeyError):
        app.button(key=f"resume_{run.id}")


def test_delete_asks_first() -> None:
    run = sample.finetune_run(own())
    app = open_page(PAGE, r_run=run.id)
    assert "This cannot be undone." in texts(app)
    app.button(key="r_delete").click().run()
    assert not app.exception
    assert own().list() == []
    assert "r_run" not in app.query_params


def test_a_live_run_cannot_be_deleted_but_stopped() -> None:
    run = sample.finetune_run(own(), state="running")
    app = open_page(PAGE, r_run=run.id)
    assert not app.exception
    with pytest.raises(KeyError):
        app.button(key="r_delete")
    assert app.button(key=f"stop_{run.id}")


def test_a_failed_run_shows_its_log() -> None:
    run = sample.finetune_run(own(), state="failed")
    run.log_file.write_text("Traceback: <b>boom</b>")
    app = open_page(PAGE, r_run=run.id)
    assert not app.exception
    assert "The loss is no longer a number at step 61. Lower the learning rate." in texts(app)
    assert any("Traceback: <b>boom</b>" in code.value for code in app.code)


@pytest.mark.parametrize(
    ("make", "results"),
    [
        (lambda store: sample_runs.compare_run(store), "10 results so far."),
        (lambda store: sample.finetune_run(store, arms=("pretrained", "bow")), "2 results so far."),
        (lambda store: sample.distill_run(store, f"run:{sample.finetune_run(store).id}"), "1 result so far."),
        (lambda store: sample_students.students_run(store), " results so far."),
        (lambda store: sample_pretrain.pretrain_run(store), "1 result so far."),
    ],
    ids=["compare", "finetune", "distill", "students", "pretrain"],
)
def test_a_run_of_every_kind_shows_its_result_and_the_way_to_its_page(
    make: Callable[[RunStore], Run], results: str
) -> None:
    run = make(own())
    app = open_page(PAGE, r_run=run.id)
    app.session_state["r_tabs"] = "Result"
    app.run()
    assert not app.exception
    assert results in texts(app)
    assert any(link.proto.query_string.endswith(f"_run={run.id}") for link in app.get("page_link"))
