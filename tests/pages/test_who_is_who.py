"""Two visitors and a teacher on one server: what is one's own, what can be watched, and what nobody else touches."""

from __future__ import annotations

import json

import pytest
import sample_training as sample
import sample_transfer
from streamlit.testing.v1 import AppTest
from training_pages import inline, open_page, own, recorded, texts

from distill_core import kinds
from distill_core.classroom import roster
from distill_core.classroom.visitors import OWNER, Visitor
from distill_core.datasets import upload_names, uploads
from distill_core.errors import DataError, RunError, SpecError
from distill_core.launch.launchers import get_launcher
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from pages.parts.shared import run_panel, stored_runs, visitor

__all__ = ["inline", "recorded"]
ME, OTHER, TEACHER = Visitor("a" * 32), Visitor("b" * 32), Visitor("c" * 32, "teacher")
CSV = "text,label\n" + "".join(f"a {word} secret {i},{word}\n" for i in range(40) for word in ("good", "bad"))


def as_(who: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "now", lambda: who)


def owned(run: Run, who: Visitor) -> Run:
    run.set_launch_info({"owner": who.id})
    return run


def ids(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["id"]) if app.dataframe else []


def test_each_finds_what_is_theirs_and_the_teachers(monkeypatch: pytest.MonkeyPatch, recorded: RunStore) -> None:
    roster.add_teacher(settings().runs_dir, TEACHER.id)
    runs = {who: owned(sample.finetune_run(own()), who) for who in (ME, OTHER, TEACHER, OWNER)}
    shown = {
        ME: {ME, TEACHER, OWNER},
        OTHER: {OTHER, TEACHER, OWNER},
        TEACHER: {*runs},
        OWNER: {*runs},
    }
    for who, wanted in shown.items():
        as_(who, monkeypatch)
        assert set(ids(open_page("pages/runs.py"))) == {runs[one].id for one in wanted}
        assert {run.id for run in stored_runs.own_of("finetune")} == {runs[one].id for one in wanted}


@pytest.mark.parametrize("state", ["running", "queued", "stopped", "done"])
def test_another_visitors_run_is_watched_and_nothing_more(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    run = owned(sample.finetune_run(own(), state=state), OTHER)
    run.log_file.write_text("a secret of the log")
    as_(ME, monkeypatch)
    for page, name in (("pages/runs.py", "r_run"), ("pages/finetune.py", "ft_run")):
        app = open_page(page, **{name: run.id})
        assert not app.exception
        keys = {button.key for button in app.button}
        assert not keys & {f"{action}_{run.id}" for action in ("pause", "unpause", "step", "stop", "resume")}
        assert "r_delete" not in keys
        assert "a secret of the log" not in texts(app)


@pytest.mark.parametrize("action", ["stop", "pause", "unpause", "step", "resume"])
def test_an_order_that_no_button_shows_is_refused_too(monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """A raw websocket can call back what it likes: the callback itself asks whose run it is."""
    run = owned(sample.finetune_run(own(), state="running"), OTHER)
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    as_(ME, monkeypatch)
    called: list[str] = []
    monkeypatch.setattr(type(get_launcher()), action, lambda self, run_id: called.append(run_id))
    kept: dict[str, object] = {}
    monkeypatch.setattr(run_panel.st, "session_state", kept)
    run_panel._steer(action, run.id)
    assert called == []
    assert "another visitor" in str(kept[run_panel._PROBLEM])
    assert before == {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    as_(OTHER, monkeypatch)
    run_panel._steer(action, run.id)
    assert called == [run.id]


def test_another_visitor_cannot_delete_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.parts.runs import detail

    run = owned(sample.finetune_run(own()), OTHER)
    as_(ME, monkeypatch)
    monkeypatch.setattr(detail.st, "session_state", {})
    detail._delete(run.id)
    assert [one.id for one in own().list()] == [run.id]
    as_(TEACHER, monkeypatch)
    app = open_page("pages/runs.py", r_run=run.id)
    app.button(key="r_delete").click().run()
    assert own().list() == []


def test_a_run_belongs_to_whoever_starts_it(monkeypatch: pytest.MonkeyPatch, inline: object) -> None:
    as_(ME, monkeypatch)
    monkeypatch.setattr(run_panel.st, "session_state", {})
    run_id = run_panel.submit({"kind": "compare", "models": "bert@structure", "dataset": "none"})
    assert own().get(str(run_id)).owner == ME.id


def test_an_upload_is_its_visitors_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    name = uploads.keep(CSV.encode(), ME.id)
    digest = name.rpartition("/")[2].partition(".")[0]
    assert uploads.is_kept(name, ME.id)
    assert not uploads.is_kept(name, OTHER.id)
    for who, reads in ((ME, True), (OTHER, False), (OWNER, True)):
        as_(who, monkeypatch)
        app = open_page("pages/finetune.py", ft_dataset="Own file", ft_file=digest)
        assert not app.exception
        tables = "".join(frame.value.to_csv() for frame in app.dataframe)
        assert ("secret" in tables) is reads, who
    uploads.keep(CSV.encode(), OTHER.id)  # who has the file may read it
    assert uploads.is_kept(name, OTHER.id)


def test_a_request_cannot_name_anothers_file_or_model(monkeypatch: pytest.MonkeyPatch, inline: object) -> None:
    from distill_core.plans import preflight

    name = uploads.keep(CSV.encode(), OTHER.id)
    asked = {"kind": "finetune", "model": "bert@mini", "dataset": f"{name}#text=text,label=label"}
    with pytest.raises(SpecError, match="not uploaded here"):
        preflight.check_from_page(kinds.parse_spec(asked), own(), ME.id)
    run = owned(sample.finetune_run(own()), OTHER)
    as_(ME, monkeypatch)
    with pytest.raises(RunError, match="belongs to another visitor"):
        stored_runs.check_models(kinds.parse_spec({"kind": "distill", "teacher": f"run:{run.id}"}))
    as_(OTHER, monkeypatch)
    stored_runs.check_models(kinds.parse_spec({"kind": "distill", "teacher": f"run:{run.id}"}))


def test_texts_of_anothers_file_are_not_shown_beside_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    name = uploads.keep(CSV.encode(), OTHER.id)
    run = owned(sample.finetune_run(own(), dataset=f"{name}#text=text,label=label"), OTHER)
    for who, reads in ((OTHER, True), (ME, False), (TEACHER, True)):
        as_(who, monkeypatch)
        assert stored_runs.may_read_texts(run) is reads
        app = open_page("pages/runs.py", r_run=run.id)
        assert not app.exception
        assert (name.rpartition("/")[2][:16] in texts(app)) is reads
        assert bool(app.get("download_button")) is reads


def test_a_names_list_is_ones_own() -> None:
    name = uploads.keep(CSV.encode(), ME.id)
    uploads.keep(CSV.encode(), OTHER.id)
    upload_names.keep_as("films", name, ME.id)
    upload_names.keep_as("films", name, OTHER.id)
    assert [one.owner for one in upload_names.kept(ME.id)] == [ME.id]
    upload_names.forget("films", OTHER.id)
    assert upload_names.kept(OTHER.id) == []
    assert [one.name for one in upload_names.kept(ME.id)] == ["films"]


def test_one_visitor_cannot_fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILL_UPLOAD_MIB_VISITOR", "1")
    settings.cache_clear()
    big = [CSV + "".join(f"a long line {n} {i} {'x' * 80},good\n" for i in range(9000)) for n in range(3)]
    uploads.keep(big[0].encode(), ME.id)
    uploads.keep(big[0].encode(), ME.id)  # the same again takes no room
    uploads.keep(CSV.encode(), ME.id)
    with pytest.raises(DataError, match="more than 1 MiB"):
        uploads.keep(big[1].encode(), ME.id)
    uploads.keep(big[1].encode(), OTHER.id)


def test_a_file_that_cannot_be_read_is_not_kept() -> None:
    with pytest.raises(DataError):
        uploads.keep(b"PK\x03\x04 a workbook", ME.id)
    assert list((settings().cache_dir / "uploads").glob("*.csv")) == []


def test_the_passcode_makes_a_teacher_and_too_many_tries_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from pydantic import SecretStr

    monkeypatch.setenv("DISTILL_TEACHER_PASSCODE", "blue-horse")
    settings.cache_clear()
    visitor.teacher_passcode.cache_clear()
    visitor._tries.clear()
    assert "blue-horse" not in json.dumps(str(settings()))
    assert isinstance(settings().teacher_passcode, SecretStr)
    as_(ME, monkeypatch)
    for _ in range(7):
        with pytest.raises(Exception, match="not the teacher's passcode"):
            visitor.become_teacher("wrong")
    visitor.become_teacher("Blue Horse")
    assert roster.is_teacher(settings().runs_dir, ME.id)
    with pytest.raises(Exception, match="too many"):
        visitor.become_teacher("blue-horse")
    visitor.teacher_passcode.cache_clear()
    visitor._tries.clear()


def test_a_server_for_this_machine_alone_says_nothing_of_passcodes(monkeypatch: pytest.MonkeyPatch) -> None:
    visitor.teacher_passcode.cache_clear()
    assert visitor.announce("127.0.0.1") == ""
    assert visitor.teacher_passcode() in visitor.announce(None)
    monkeypatch.setenv("DISTILL_SHARED", "1")
    settings.cache_clear()
    assert visitor.teacher_passcode() in visitor.announce("127.0.0.1")


def test_mismatch_texts_need_the_right_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    run = owned(sample_transfer.domains_run(own()), OTHER)
    as_(ME, monkeypatch)
    assert stored_runs.may_read_texts(run)  # domains are public data sets
