"""The panel that all pages share: refusals on the page, one clock for all sessions, one reader for a run."""

from __future__ import annotations

import time

import pytest
import sample_training as sample
from streamlit.testing.v1 import AppTest
from training_pages import inline, own, recorded, texts

from distill_core.settings import settings
from pages.parts.shared import run_panel

__all__ = ["inline", "recorded"]


def script(request: dict) -> None:
    """A page that submits at once."""
    import streamlit as st

    from pages.parts.shared import run_panel

    st.text(str(run_panel.submit(request)))


@pytest.mark.parametrize(
    ("request_values", "reason"),
    [
        ({"kind": "finetune", "epochs": 0}, "epochs must be ≥ 1, got 0."),
        ({"kind": "distill", "teacher": "run:000007-abcdef"}, "There is no run 000007-abcdef."),
        ({"kind": "finetune", "dataset": "nowhere"}, "Unknown data set 'nowhere'."),
        ({"kind": "finetune", "model": "<img src=x>"}, "Unknown model '<img src=x>'."),
        ({"kind": "nothing"}, "Unknown kind of run 'nothing'."),
    ],
)
def test_what_cannot_run_is_refused_with_its_reason(request_values: dict, reason: str) -> None:
    app = AppTest.from_function(script, args=(request_values,), default_timeout=20).run()
    assert not app.exception
    assert reason in texts(app)
    assert app.text[0].value == "None"
    assert own().list() == []


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", "999999999")
    settings.cache_clear()
    app = AppTest.from_function(script, args=({"kind": "finetune"},), default_timeout=20).run()
    assert not app.exception
    assert "MiB of disk are free" in texts(app)


def test_the_clock_lets_one_of_many_sessions_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(run_panel.time, "monotonic", lambda: now[0])
    clock = run_panel.Clock()
    assert [clock.is_due() for _ in range(30)].count(True) == 1
    now[0] += run_panel.TICK_S
    assert clock.is_due()
    assert not clock.is_due()


def test_all_sessions_share_one_reader() -> None:
    run = sample.finetune_run(own())
    assert run_panel.curves(run) is run_panel.curves(run)
    assert len(run_panel.curves(run))


def test_a_problem_of_a_button_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from training_pages import open_page

    run = sample.finetune_run(own(), state="running")
    app = open_page("pages/finetune.py", ft_run=run.id)
    pause = app.button(key=f"pause_{run.id}").click()
    run.set_state(state="queued")  # it changed between drawing and click
    pause.run()
    assert not app.exception
    assert "Only a running or paused run can be steered." in texts(app)
    app.run()
    assert "Only a running" not in texts(app)


def test_a_waiting_run_says_its_place_and_when_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    from distill_core.launch.local import LocalLauncher
    from pages.parts.shared import waiting

    waiting.forget()
    first, second = (sample.finetune_run(own(), state="queued") for _ in range(2))
    launcher = LocalLauncher(own(), 1)
    monkeypatch.setattr(waiting, "get_launcher", lambda: launcher)
    assert waiting.words(first) == "Waiting, place 1 of 2, begins soon"
    assert waiting.words(second).startswith("Waiting, place 2 of 2, begins in about ")
    asked: list[int] = []
    plainly = LocalLauncher.expected_starts_s
    monkeypatch.setattr(LocalLauncher, "expected_starts_s", lambda self: asked.append(1) or plainly(self))
    began = time.monotonic()
    for _ in range(40):
        assert waiting.words(second).startswith("Waiting, place 2 of 2, begins in about ")
    assert len(asked) <= 1 + time.monotonic() - began
    monkeypatch.setattr(LocalLauncher, "expected_starts_s", lambda self: {first.id: None, second.id: None})
    waiting.forget()
    assert waiting.words(second) == "Waiting, place 2 of 2"
    third = sample.finetune_run(own(), state="queued")
    assert waiting.words(third) == "About to start"
