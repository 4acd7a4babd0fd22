"""What two added arms (`tests/toy_arms.py`) reach without any other change. `tests/test_arms.py` runs this in a process
of its own: `python -m pytest -p toy_arms tests/jobs/added_arms.py`."""

from __future__ import annotations

import argparse

import pytest
import sample_training as sample
import torch
from toy_arms import COIN, HOT
from training_pages import open_page, own

from distill_core import kinds
from distill_core.cli import flags
from distill_core.datasets import catalogue
from distill_core.figures import arm_style, lines
from distill_core.figures import arms as arms_figure
from distill_core.jobs import learners
from distill_core.jobs.workshop import Assignment, Learned, Workshop
from distill_core.plans import arms as plan
from distill_core.plans import training_cost, transfer_cells, work
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec, FinetuneSpec
from distill_core.tables import training as tables


def toss(given: Assignment, workshop: Workshop) -> Learned:
    """The one function that the added arm needs."""
    n_classes = len(given.dataset.label_names)
    return Learned(lambda texts: torch.zeros(len(texts), n_classes), 0.0, 0.0, 1, 0)


@pytest.fixture(autouse=True)
def with_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(learners.LEARNERS, COIN.key, toss)


@pytest.mark.parametrize(("kind", "row"), [("finetune", COIN), ("distill", HOT)])
def test_specs_and_the_command_line_know_it(kind, row):
    given = {"kind": kind, "arms": row.key} | ({"teacher": "minilm"} if kind == "distill" else {})
    assert kinds.parse_spec(given).arms == (row.key,)
    parser = argparse.ArgumentParser()
    flags.add_spec_flags(parser, kind)
    described = next(action for action in parser._actions if action.dest == "arms").help
    assert row.key in described


def test_plans_and_costs_know_it():
    store = RunStore(own().root)
    finetune = FinetuneSpec(arms=f"pretrained,{COIN.key}")
    assert [cell.arm for cell in transfer_cells.plan(finetune)] == ["pretrained", COIN.key]
    alone = training_cost.seconds(FinetuneSpec(), store, [])
    assert training_cost.seconds(finetune, store, []) == alone  # no pass through the network
    distill = DistillSpec(teacher="minilm", arms=f"distilled,{HOT.key}")
    assert [arm.spec.temperature for arm in plan.plan(distill)] == [2.0, 8.0]
    one = DistillSpec(teacher="minilm")
    both = work.work(distill, store)
    assert both > 1.5 * work.work(one, store)


@pytest.mark.parametrize("row", [COIN, HOT])
def test_tables_and_figures_know_it(row):
    assert tables.arm_title(row.key) == row.title
    assert [arm_style.color(row.key, dark) for dark in (False, True)] == list(row.color)
    assert lines.arm_of(f"{row.key}-100-2") == lines.Arm(row.key, 100, 2)


def test_a_run_learns_with_it_and_its_row_is_drawn(do, make_model, dataset):
    run = do(
        kind="finetune", model=make_model("bert"), dataset=dataset, train_examples=24, max_length=24, arms=COIN.key
    )
    assert run.state().state == "done", run.state()
    (row,) = run.result().arms
    shares = catalogue.load(dataset).split("test")["label"].value_counts(normalize=True)
    assert row.accuracy in shares.to_list()  # a tie goes to one class for all texts
    frame = tables.finetune_frame(run)
    assert list(frame["title"]) == ["Coin"]
    figure = arms_figure.draw(frame)
    assert COIN.color[0] in figure.to_json()
    assert "Coin" in figure.to_json()


def test_the_forms_offer_it():
    app = open_page("pages/finetune.py")
    assert not app.exception
    pills = app.get_by_key("ft_arms")
    assert COIN.title in pills.options
    assert f"**{COIN.title}**: {COIN.sentence}" in pills.help
    sample.finetune_run(own(), arms=("pretrained",))
    app = open_page("pages/distill.py")
    assert not app.exception
    assert HOT.title in app.get_by_key("d_arms").options
