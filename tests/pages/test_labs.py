"""What the pages that train have in common: the button that is named is there, and a run is shown with its origin."""

from __future__ import annotations

import pytest
from training_pages import inline, open_page, recorded, texts

from distill_core.runs.store import RunStore
from distill_core.settings import DATA
from pages.parts.shared import links, stored_runs
from pages.parts.shared.links import Page

__all__ = ["inline", "recorded"]
RECORDED = RunStore(DATA / "recorded")  # what ships with the product
LABS = [
    (links.PRETRAIN, {}, "pt", "Pre-train here"),
    (links.FINETUNE, {}, "ft", "Fine-tune here"),
    (links.DISTILL, {}, "d", "Distill here"),
    (links.STUDENTS, {}, "ts", "Teach them here"),
    (links.TAKE_APART, {}, "ta", "Leave out one at a time"),
    (links.TAKE_APART, {"ta_question": "Temperature and weight"}, "ta", "Try all settings"),
    (links.TAKE_APART, {"ta_question": "Depth"}, "ta", "Try all depths"),
]
each_lab = pytest.mark.parametrize(("page", "query", "prefix", "button"), LABS)


@each_lab
def test_without_a_run_the_page_names_its_button(page: Page, query: dict[str, str], prefix: str, button: str):
    app = open_page(page.path, **query)
    assert not app.exception
    assert f"Press {button}: " in texts(app)
    assert app.button(key=f"{prefix}_start").label.startswith(button)
    assert "What you see" in [folded.label for folded in app.expander]
    assert not app.error


@pytest.mark.parametrize(
    ("page", "run", "origin"),
    [
        (links.PRETRAIN, "pretrain-bert", "Recorded elsewhere. Press Pre-train here to make it your own."),
        (links.DISTILL, "distill-movies-three-seeds", "Recorded elsewhere. Press Distill here to make it your own."),
        (links.STUDENTS, "ten-students", "Recorded elsewhere. Press Teach them here to make it your own."),
        (
            links.TAKE_APART,
            "distill-ablation",
            "Recorded elsewhere. Press Leave out one at a time to make it your own.",
        ),
    ],
)
def test_a_recorded_run_says_so(page: Page, run: str, origin: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stored_runs, "RECORDED", RECORDED)
    app = open_page(page.path, **{page.run: run})
    assert not app.exception
    assert origin in texts(app)
    assert "Settings changed since this run" not in texts(app)


@pytest.mark.parametrize(
    ("page", "query", "who"),
    [
        (links.TAKE_APART, {"ta_run": "distill-ablation"}, "Random start, seeds 0 and 2"),
        (links.FINETUNE, {"ft_run": "transfer-curves"}, "From scratch, 1,000 labels, seeds 0 and 1"),
    ],
)
def test_one_answer_for_all_texts_is_said(
    page: Page, query: dict[str, str], who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_runs, "RECORDED", RECORDED)
    app = open_page(page.path, **query)
    assert not app.exception
    assert f"{who}: one answer for all 1,037 texts" in texts(app)


def test_transfer_says_it_once_the_guess_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_runs, "RECORDED", RECORDED)
    app = open_page(links.TRANSFER.path, tl_curves_run="transfer-curves")
    assert "one answer for all" not in texts(app)
    app.button(key="tl_skip_curves_transfer-curves").click().run()
    assert not app.exception
    assert "From scratch, 1,000 labels, seeds 0 and 1: one answer for all 1,037 texts" in texts(app)


def test_a_recorded_fine_tuning_can_be_repeated_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stored_runs, "RECORDED", RECORDED)
    app = open_page(links.FINETUNE.path)
    assert not app.exception
    assert app.button(key="ft_again").label.startswith("Recorded elsewhere: run the same here · about ")
