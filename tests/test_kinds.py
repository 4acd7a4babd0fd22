"""A kind of run is a row, a job and a page: a toy kind that stands in this file alone works wherever runs do."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest
from streamlit.testing.v1 import AppTest

from distill_core import kinds
from distill_core.cli.main import main
from distill_core.errors import SpecError
from distill_core.kinds import KINDS, Kind
from distill_core.launch.inline import InlineLauncher
from distill_core.plans import command_text
from distill_core.results import BenchmarkRow, CompareResult, ErrorInfo, Record, Result
from distill_core.runs import run_list
from distill_core.runs.control import JobContext
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import DATA, PROJECT, settings
from distill_core.specs import Spec, TrainSpec
from distill_core.specs.base import field
from pages.parts.shared import links

RECORDED = RunStore(DATA / "recorded").list()
PAGE = """
import streamlit as st
from pages.parts.shared import run_panel

st.title("Echo")
st.text(" ".join(row.word for row in run_panel.chosen("e_run").result().rows))
"""


class EchoSpec(Spec):
    kind: Literal["echo"] = "echo"
    word: str = field("hello", "The word to say.", max_length=40)
    times: int = field(1, "How often to say it.", unit="times", ge=1, le=9)

    @property
    def summary(self) -> str:
        return f"{self.word} × {self.times}"


class Said(Record):
    word: str


class EchoResult(Result):
    kind: Literal["echo"] = "echo"
    rows: tuple[Said, ...] = ()

    @property
    def measured(self) -> Sequence[Record]:
        return self.rows


def echo(spec: EchoSpec, context: JobContext) -> EchoResult:
    return EchoResult(rows=(Said(word=spec.word),) * spec.times)


ROW = Kind("echo", "Echo", "Say a word again and again.", EchoSpec, EchoResult, f"{__name__}:echo", "echo", "e_run")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    """The runs of an installation that knows one kind more, and does its runs in this process."""
    before = dict(os.environ)
    monkeypatch.setitem(KINDS, "echo", ROW)
    monkeypatch.setenv("DISTILL_LAUNCHER", "inline")
    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", "0")
    settings.cache_clear()
    yield RunStore(settings().runs_dir)
    os.environ.clear()  # what a command has set in this process; monkeypatch takes back its own afterwards
    os.environ.update(before)


def test_it_is_read_from_json_and_refused_with_a_sentence(store: RunStore) -> None:
    spec = kinds.parse_spec(json.loads('{"kind": "echo", "word": "ah", "times": 3, "seed": 7}'))
    assert spec == EchoSpec(word="ah", times=3, seed=7)
    assert kinds.parse_spec(spec.model_dump(mode="json")) == spec
    with pytest.raises(SpecError, match="times must be ≤ 9, got 10"):
        kinds.parse_spec({"kind": "echo", "times": 10})
    with pytest.raises(SpecError, match="wrd is not a setting of echo"):
        kinds.parse_spec({"kind": "echo", "wrd": "ah"})
    with pytest.raises(SpecError) as caught:
        kinds.parse_spec({"kind": "ech"})
    assert caught.value.hint.endswith("pretrain, echo.")


def test_a_launcher_does_it_and_its_result_is_read_back(store: RunStore) -> None:
    run = InlineLauncher(store).submit(EchoSpec(word="ah", times=2))
    assert run.state().state == "done", run.state()
    assert run.result() == EchoResult(rows=(Said(word="ah"), Said(word="ah")))
    assert run.result_as(EchoResult) == run.result()
    assert run.spec_as(EchoSpec) == EchoSpec(word="ah", times=2)
    assert run.spec_as(TrainSpec) is None


def test_the_command_line_has_it(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*words: str) -> dict[str, object]:
        assert main([*words, "--json"]) == 0
        document: dict[str, object] = json.loads(capsys.readouterr().out)
        return document

    with pytest.raises(SystemExit):
        main(["echo", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "Say a word again and again." in shown
    assert "--times … How often to say it. [times] (default: 1)" in shown
    done = call("echo", "--word", "ah", "--times", "2")
    assert done["rows"] == [{"word": "ah"}, {"word": "ah"}]
    run = store.get(str(done["run"]))
    (listed,) = call("runs", "list")["runs"]  # type: ignore[misc]
    assert (listed["id"], listed["kind"], listed["state"]) == (run.id, "echo", "done")
    assert call("run", str(run.path / "spec.json"))["rows"] == done["rows"]
    assert command_text.command(run.spec()) == "python -m distill_core echo --word ah --times 2"


def test_lists_name_it(store: RunStore) -> None:
    launcher = InlineLauncher(store)
    runs = [launcher.submit(EchoSpec(word="ah", times=2)), launcher.submit(EchoSpec(title="Mine"))]
    frame = run_list.runs_frame(runs)
    assert list(frame["title"]) == ["ah × 2", "Mine"]
    assert list(frame["kind"]) == ["Echo", "Echo"]
    assert run_list.changes(EchoSpec(word="oh"), EchoSpec(word="ah")) == ["word ah → oh"]


def test_the_runs_page_opens_it_and_leads_to_its_page(store: RunStore, tmp_path: Path) -> None:
    """The application with one script more in pages/."""
    shutil.copy(PROJECT / "app.py", tmp_path)
    shutil.copytree(PROJECT / "pages", tmp_path / "pages", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pages" / "echo.py").write_text(PAGE, encoding="utf-8")
    run = InlineLauncher(store).submit(EchoSpec(word="ah", times=2))
    app = AppTest.from_file(str(tmp_path / "app.py"), default_timeout=20).run()
    app.query_params["r_run"] = run.id
    app.switch_page("pages/runs.py").run()
    assert not app.exception
    assert app.get_by_key("r_kind").options[-1] == "Echo"
    assert app.dataframe[0].value["title"][0] == "ah × 2"
    assert r"### Echo\: ah × 2" in [element.value for element in app.markdown]
    (link,) = [element for element in app.page_link if element.label == "Open on its page"]
    assert (link.proto.page, link.proto.query_string) == ("echo", f"e_run={run.id}")
    app.query_params["e_run"] = run.id
    app.switch_page("pages/echo.py").run()
    assert not app.exception
    assert [element.value for element in app.text] == ["ah ah"]


def test_without_its_row_its_runs_are_listed_as_damaged(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = InlineLauncher(store).submit(EchoSpec())
    monkeypatch.delitem(KINDS, "echo")
    run = Run(shutil.copytree(known.path, tmp_path / known.id))  # this process has not read it yet
    assert list(run_list.runs_frame([run])["state"]) == ["damaged"]
    assert run.result() is None


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_row_is_whole(kind: Kind) -> None:
    assert kind.spec.model_fields["kind"].default == kind.key
    assert kind.result.model_fields["kind"].default == kind.key
    assert kind.load_job().__module__ == f"distill_core.jobs.{kind.key}"
    script = (PROJECT / "pages" / f"{kind.page}.py").read_text(encoding="utf-8")
    pages = {name: page for name, page in vars(links).items() if isinstance(page, links.Page)}
    (name,) = (name for name, page in pages.items() if (page.script, page.run) == (kind.page, kind.parameter))
    assert f"links.{name}" in script  # by which it reads the parameter
    assert len({other.parameter for other in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize("run", RECORDED, ids=lambda run: run.id)
def test_each_recorded_run_is_read_as_its_row_says(run: Run) -> None:
    row, spec, result = KINDS[run.spec().kind], run.spec(), run.result()
    assert (type(spec), type(result)) == (row.spec, row.result)
    assert result is not None
    assert result.failure is None
    stored = json.loads((run.path / "result.json").read_text(encoding="utf-8"))
    lists = [stored[name] for name in ("rows", "arms", "students") if name in stored]
    assert len(result.measured) == (len(lists[0]) if lists else 1)  # a pre-training makes one model
    assert json.loads(json.dumps(result.as_json(run.id)))


def test_a_result_has_failed_where_every_row_has() -> None:
    errors = [ErrorInfo(kind="model", message="first"), ErrorInfo(kind="data", message="second")]
    rows = [BenchmarkRow(model="m", title="M", family="bert", batch_size=1, seq_len=8, error=error) for error in errors]
    good = rows[0].model_copy(update={"error": None})
    for found, failure in ((rows, errors[0]), ([*rows, good], None), ([good], None), ([], None)):
        assert CompareResult(baseline="m", dataset="none", rows=tuple(found)).failure == failure
