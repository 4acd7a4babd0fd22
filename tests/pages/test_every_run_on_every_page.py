"""Every run that ships with the product, named in every way on every page and tab: no exception, no traceback.

Pages, tabs, folded parts and the names of the parameters are read from the sources, so that a new one is in.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from training_pages import APP, nothing_left_behind, texts

from app import FOLDER, PAGES
from distill_core.runs.store import RunStore
from distill_core.settings import DATA, settings
from pages.parts.shared import device_badge, run_panel

__all__ = ["nothing_left_behind"]
pytestmark = pytest.mark.usefixtures("nothing_left_behind")
FILES = [entry[0] for entries in PAGES.values() for entry in entries]
CASES = Path(__file__).resolve().parent.parent / "cases"
RECORDED = RunStore(DATA / "recorded").list()
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.rglob("*.py")))
EXPERIMENTS = ("curves", "unfreeze", "domains", "moved")
RUN_NAMES = {*re.findall(r'"([a-z]+_run)"', SOURCES), *(f"tl_{name}_run" for name in EXPERIMENTS)}
MODEL_NAMES = set(re.findall(r'"((?:[a-z]+_)?(?:models?|teacher|students))"', SOURCES))
TABS = set(re.findall(r'st\.tabs\(.*key="(\w+)"', SOURCES))
FOLDED = set(re.findall(r'st\.expander\([^)]*key="(\w+)", bind="query-params"', SOURCES))


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded runs as they ship, no probe of the machine, and a queue that stands still."""
    monkeypatch.setattr(device_badge, "show", lambda: None)
    monkeypatch.setattr(run_panel, "tick", lambda: None)


def opened(file: str, query: dict[str, str]) -> AppTest:
    """The page at this address, its folded parts open, as a new visitor sees it."""
    app = AppTest.from_file(APP, default_timeout=120).run()
    for key in FOLDED:
        app.session_state[key] = True
    for name, value in query.items():
        app.query_params[name] = value
    return checked(app.switch_page(f"pages/{file}.py").run(), file)


def tabs(app: AppTest, file: str) -> Iterator[AppTest]:
    """The page once with each of its tabs open; a page without tabs as it is."""
    if not app.tabs:
        yield app
    for tab in [tab.label for tab in app.tabs]:
        for key in TABS:
            app.session_state[key] = tab
        yield checked(app.run(), f"{file}: {tab}")


def checked(app: AppTest, where: str) -> AppTest:
    assert not app.exception, where
    assert "Traceback" not in texts(app), where
    assert app.title, where
    return app


def uncover(app: AppTest) -> None:
    """Show what stands behind the guesses of the Transfer lab."""
    while hidden := [button for button in app.button if str(button.key).startswith("tl_skip_")]:
        checked(hidden[0].click().run(), str(hidden[0].key))


def test_the_names_are_found() -> None:
    assert {"cmp_run", "ft_run", "d_run", "ts_run", "ta_run", "pt_run", "r_run", "tl_domains_run"} <= RUN_NAMES
    assert {"cmp_models", "ft_model", "tl_model", "teacher", "d_teacher", "ts_students"} <= MODEL_NAMES
    assert {"tl_tab", "r_tabs"} <= TABS
    assert {"d_learned", "ft_learned", "tl_mismatch"} <= FOLDED
    assert len(RECORDED) >= 18


@pytest.mark.parametrize("run_id", [run.id for run in RECORDED])
def test_every_page_and_tab_that_is_asked_for_a_run(run_id: str) -> None:
    for file in FILES:
        for shown in tabs(opened(file, dict.fromkeys(RUN_NAMES, run_id)), file):
            uncover(shown)


def test_every_page_after_one_run_that_trained_no_network() -> None:
    """A bag of words takes no layer pass, so that it tells no pace: the buttons of all trainings still say a time."""
    shutil.copytree(CASES / "bow-only-run", settings().runs_dir / "000001-aaaaaa")
    told = []
    for file in FILES:
        for shown in tabs(opened(file, dict.fromkeys(RUN_NAMES, "000001-aaaaaa")), file):
            told += [button.label for button in shown.button if " · about " in button.label]
    assert len(told) >= 5
    assert all(re.search(r" · about [\d.]+ (s|min|h)", label) for label in told), told


@pytest.mark.parametrize("file", FILES)
def test_every_form_that_is_asked_for_a_run_as_a_model(file: str) -> None:
    """A recorded run ships without weights, so that no form takes it: which one it is makes no difference."""
    opened(file, dict.fromkeys(MODEL_NAMES, f"run:{RECORDED[-1].id}"))


@pytest.mark.parametrize(("file", "key"), [("soft_labels", "sl_teacher"), ("transfer", "tl_moved")])
def test_every_run_that_can_be_chosen_from_a_list(file: str, key: str) -> None:
    app = opened(file, {"tl_tab": "What moved"})
    choices = app.selectbox(key=key).options
    assert choices
    for choice in choices:
        checked(app.selectbox(key=key).select(choice).run(), choice)
        uncover(app)
        for student in app.selectbox(key="sl_student").options if key == "sl_teacher" else ():
            checked(app.selectbox(key="sl_student").select(student).run(), f"{choice}: {student}")
