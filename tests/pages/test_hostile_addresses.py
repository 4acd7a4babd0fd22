"""Whatever stands in a page's address, the page is drawn: values that are no numbers, and runs of another kind."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest
from training_pages import APP, nothing_left_behind, texts

from app import FOLDER, PAGES
from distill_core import kinds
from distill_core.runs.store import RunStore
from distill_core.settings import DATA
from pages.parts.shared import device_badge, links, run_panel

__all__ = ["nothing_left_behind"]
pytestmark = pytest.mark.usefixtures("nothing_left_behind")
FILES = [entry[0] for entries in PAGES.values() for entry in entries]
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.rglob("*.py")))
NAMES = set(re.findall(r'"([a-z]{1,3}_\w+|teacher|cmp_\w+|zoo_\w+|obj_\w+)"', SOURCES))
HOSTILE = ("inf", "9" * 400, "nan", "-1e999", "0x10", "../../etc/passwd", "<script>alert(1)</script>", "file:/dev/zero")
NUMBERS = {"distill": "d_seed", "finetune": "ft_seed", "pretrain": "pt_seed", "objectives": "obj_draw"}
RECORDED = {run.spec().kind: run.id for run in RunStore(DATA / "recorded").list()}
RUN_PAGES = {
    page.script: page.run
    for page in vars(links).values()
    if isinstance(page, links.Page) and page.run not in ("", "r_run")
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_badge, "show", lambda: None)
    monkeypatch.setattr(run_panel, "tick", lambda: None)


def opened(file: str, query: dict[str, str]) -> AppTest:
    """The page as somebody sees it who types this address."""
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    return app.switch_page(f"pages/{file}.py").run()


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("value", HOSTILE[:2])
def test_every_number_of_every_page(file: str, value: str) -> None:
    app = opened(file, {name: value for name in NAMES if not name.endswith("_tab")})
    assert not app.exception
    assert app.title


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("value", HOSTILE[2:])
def test_every_name_of_every_page(file: str, value: str) -> None:
    app = opened(file, dict.fromkeys(NAMES, value))
    assert not app.exception
    assert app.title


@pytest.mark.parametrize(("file", "key"), NUMBERS.items())
def test_a_number_without_end_gives_the_start_and_another_one_is_taken(file: str, key: str) -> None:
    start = opened(file, {}).number_input(key=key).value
    assert opened(file, {key: "inf"}).number_input(key=key).value == start
    assert opened(file, {key: "7"}).number_input(key=key).value == 7


@pytest.mark.parametrize(("file", "name"), RUN_PAGES.items())
def test_a_run_of_another_kind_is_told_in_a_sentence(file: str, name: str) -> None:
    mine = {kind for kind in RECORDED if links.of_kind(kind).script == file}
    mine |= {"students"} if file == "compare" else set()
    mine |= {"distill"} if file == "take_apart" else set()
    for kind in RECORDED.keys() - mine:
        app = opened(file, {name: RECORDED[kind]})
        assert not app.exception
        assert f"{RECORDED[kind]} is of another kind" in texts(app), kind


@pytest.mark.parametrize("experiment", ["curves", "unfreeze", "domains"])
def test_a_run_of_another_kind_in_the_transfer_lab(experiment: str) -> None:
    tabs = {"curves": "Learning curves", "unfreeze": "Unfreezing", "domains": "Domains"}
    for kind in RECORDED.keys() - {"finetune"}:
        app = opened("transfer", {f"tl_{experiment}_run": RECORDED[kind], "tl_tab": tabs[experiment]})
        assert not app.exception
        if any(tab.label == tabs[experiment] for tab in app.tabs):
            assert f"{RECORDED[kind]} is of another kind" in texts(app), kind


def test_there_is_a_recorded_run_of_every_kind() -> None:
    assert RECORDED.keys() == kinds.KINDS.keys()
