"""The Class and Board pages: what the teacher and a student see and do, and what a task holds in place."""

from __future__ import annotations

import pytest
import sample_training as sample
from streamlit.testing.v1 import AppTest
from training_pages import inline, open_page, own, texts

from distill_core.classroom import classes, roster
from distill_core.classroom.classes import Class, Task
from distill_core.classroom.visitors import OWNER, Visitor
from distill_core.runs.run import Run
from distill_core.settings import settings
from pages.parts.classroom import membership, student, teacher
from pages.parts.shared import visitor

__all__ = ["inline"]
ME, OTHER = Visitor("a" * 32), Visitor("b" * 32)
CLASS, BOARD = "pages/classroom.py", "pages/board.py"


@pytest.fixture(autouse=True)
def fresh() -> None:
    student._tries.clear()


@pytest.fixture
def found() -> Class:
    return classes.open_class(settings().runs_dir, "Group 2")


def as_(who: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "now", lambda: who)


def mine(run: Run, who: Visitor = ME) -> Run:
    run.set_launch_info({"owner": who.id})
    run.set_state(created_at="2999-01-01T00:00:00.000+00:00")
    return run


def join(app: AppTest, code: str, nickname: str) -> AppTest:
    app.text_input(key="class").set_value(code)
    app.text_input(key="class_nickname").set_value(nickname)
    return app.button[0].click().run()


def test_the_teacher_opens_a_class_sets_a_task_and_closes_it() -> None:
    app = open_page(CLASS)
    app.text_input(key="class_title").set_value("Group <b>2</b>")
    app.button[0].click().run()
    assert not app.exception
    (made,) = classes.listed(settings().runs_dir)
    assert made.title == "Group <b>2</b>"
    assert made.code in texts(app)
    app.get_by_key("class_task_fixed").set_value(["d_layers"]).run()
    app.button(key="class_task_set").click().run()
    assert classes.get(settings().runs_dir, made.code).task.fixed == ("d_layers",)
    app.toggle(key="class_anonymous").set_value(True).run()
    app.toggle(key="class_frozen").set_value(True).run()
    changed = classes.get(settings().runs_dir, made.code)
    assert changed.is_anonymous
    assert changed.frozen_at
    app.button(key="class_time_set").click().run()
    assert not classes.get(settings().runs_dir, made.code).is_over()
    assert "left" in texts(app)
    app.button(key="class_close").click().run()
    assert not app.exception
    assert classes.listed(settings().runs_dir) == []


def test_a_student_joins_hands_in_and_leaves(monkeypatch: pytest.MonkeyPatch, found: Class) -> None:
    as_(ME, monkeypatch)
    app = join(open_page(CLASS), found.code.lower(), " Fox ")
    assert not app.exception
    assert "You are Fox" in texts(app).replace("**", "")
    run = mine(sample.finetune_run(own()))
    app = open_page(CLASS)
    app.button(key=f"class_hand_in_{run.id}").click().run()
    assert classes.students(settings().runs_dir, found.code)[0].handed_in == run.id
    app.button(key="class_leave").click().run()
    assert classes.students(settings().runs_dir, found.code) == []
    assert own().get(run.id).owner == ME.id


def test_a_wrong_code_is_told_and_not_for_ever(monkeypatch: pytest.MonkeyPatch, found: Class) -> None:
    as_(ME, monkeypatch)
    app = join(open_page(CLASS), "ZZZZZZ", "Fox")
    assert "There is no open class with this code" in texts(app)
    for _ in range(12):
        app = join(app, "ZZZZZZ", "Fox")
    assert "too many codes" in texts(app)
    app = join(app, found.code, "Fox")
    assert "too many codes" in texts(app)  # the right one is not told from a wrong one


def test_a_student_cannot_do_what_the_teacher_does(monkeypatch: pytest.MonkeyPatch, found: Class) -> None:
    as_(ME, monkeypatch)
    classes.join(settings().runs_dir, found.code, ME.id, "Fox")
    keys = {element.key for page in (CLASS, BOARD) for element in open_page(page).main}
    assert not keys & {"class_close", "class_kick", "class_anonymous", "class_frozen", "class_title", "board_reveal"}
    teacher._close(found.code)
    assert classes.get(settings().runs_dir, found.code)


def test_nothing_can_be_handed_in_or_run_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch, found: Class, inline: object
) -> None:
    as_(ME, monkeypatch)
    classes.join(settings().runs_dir, found.code, ME.id, "Fox")
    run = mine(sample.finetune_run(own()))
    classes.change(settings().runs_dir, found.code, deadline="2000-01-01T00:00:00.000+00:00")
    app = open_page(CLASS)
    assert app.button(key=f"class_hand_in_{run.id}").disabled
    monkeypatch.setattr(student.st, "session_state", {})
    student._hand_in(found.code, classes.key_of(ME.id), run.id)
    assert classes.students(settings().runs_dir, found.code)[0].handed_in == ""
    with pytest.raises(Exception, match="time of your class is over"):
        membership.check_time()


def test_a_student_hands_in_no_run_of_another(monkeypatch: pytest.MonkeyPatch, found: Class) -> None:
    as_(ME, monkeypatch)
    classes.join(settings().runs_dir, found.code, ME.id, "Fox")
    run = mine(sample.finetune_run(own()), OTHER)
    monkeypatch.setattr(student.st, "session_state", {})
    student._hand_in(found.code, classes.key_of(ME.id), run.id)
    assert classes.students(settings().runs_dir, found.code)[0].handed_in == ""
    membership.tell_run(run.id)  # it has answered the same question
    student._hand_in(found.code, classes.key_of(ME.id), run.id)
    assert classes.students(settings().runs_dir, found.code)[0].handed_in == run.id


def test_an_answer_that_another_made_stands_on_the_board_for_both(
    monkeypatch: pytest.MonkeyPatch, found: Class
) -> None:
    for who, name in ((ME, "Fox"), (OTHER, "Owl")):
        classes.join(settings().runs_dir, found.code, who.id, name)
    run = mine(sample.finetune_run(own()), OTHER)
    as_(ME, monkeypatch)
    membership.tell_run(run.id)
    app = open_page(BOARD)
    assert not app.exception
    assert "2 in the class" in texts(app)
    assert set(app.dataframe[0].value["student"]) == {"Fox", "Owl"}


def a_page() -> None:
    """What app.py does around each page; AppTest runs a page's script alone once it has switched to it."""
    import streamlit as st

    from pages.parts.classroom import membership

    page = st.Page(lambda: None, title="Distill", url_path=st.query_params.get("at", "distill"))
    with membership.on_page(page):
        st.slider("Temperature", 0.5, 10.0, 2.0, 0.5, key="d_tau", bind="query-params")
        st.slider("Layers", 1, 12, 6, key="d_layers", bind="query-params")


def test_fixed_controls_are_put_back(monkeypatch: pytest.MonkeyPatch, found: Class) -> None:
    as_(ME, monkeypatch)
    classes.join(settings().runs_dir, found.code, ME.id, "Fox")
    task = Task(title="t", page="distill", controls={"d_tau": "4.0", "d_layers": "3"}, fixed=("d_tau",))
    classes.change(settings().runs_dir, found.code, task=task)
    app = AppTest.from_function(a_page)
    app.query_params["d_tau"] = "4.0"  # from another address it is led here: tests/browser/test_class_journey.py
    app.run()
    assert not app.exception
    assert app.slider(key="d_tau").value == 4.0
    app.slider(key="d_tau").set_value(8.0).run()
    assert app.slider(key="d_tau").value == 4.0
    app.slider(key="d_layers").set_value(5).run()
    assert app.slider(key="d_layers").value == 5  # what is not fixed is free
    assert "fixed by your teacher" in texts(app)
    elsewhere = AppTest.from_function(a_page)
    elsewhere.query_params["at"] = "compare"
    assert "fixed by your teacher" not in texts(elsewhere.run())


def test_the_board_hears_where_students_are_but_not_at_every_click(
    monkeypatch: pytest.MonkeyPatch, found: Class
) -> None:
    as_(ME, monkeypatch)
    classes.join(settings().runs_dir, found.code, ME.id, "Fox")
    app = AppTest.from_function(a_page).run()
    (one,) = classes.students(settings().runs_dir, found.code)
    assert one.page == "Distill"
    app.run()
    assert classes.students(settings().runs_dir, found.code)[0].seen_at == one.seen_at


@pytest.mark.parametrize(
    ("address", "page", "controls"),
    [
        ("http://192.168.1.2:8501/distill?d_tau=4.0&d_layers=3", "distill", {"d_tau": "4.0", "d_layers": "3"}),
        ("/take-apart?ta_run=000001-abcdef&ta_seed=2", "take-apart", {"ta_seed": "2"}),
        ("finetune?ft_file=0123456789abcdef", "finetune", {}),
        ("javascript:alert(1)", "alert(1)", {}),
        ("", "", {}),
        ("http://x/distill?a b=1&__x__=2", "distill", {"__x__": "2"}),
    ],
)
def test_a_task_is_read_from_an_address(address: str, page: str, controls: dict[str, str]) -> None:
    assert teacher.read_address(address) == (page, controls)


def test_only_a_page_of_the_dashboard_is_a_task(monkeypatch: pytest.MonkeyPatch, found: Class) -> None:
    state = {"class_task_address": "http://x/admin?x=1", "class_task_title": "t"}
    monkeypatch.setattr(teacher.st, "session_state", state)
    with pytest.raises(Exception, match="no page of this dashboard"):
        teacher._set_task(found.code, teacher.OWN_TASK, [])


def test_without_a_class_both_pages_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    as_(ME, monkeypatch)
    assert "No class is open" in texts(open_page(BOARD))
    assert not open_page(CLASS).exception
    as_(OWNER, monkeypatch)
    assert "No class is open" in texts(open_page(BOARD))
    assert not roster.is_teacher(settings().runs_dir, ME.id)
