"""A class: its code, its students, its task and time, and that nothing is left when it closes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from distill_core.classroom import classes, nicknames, roster
from distill_core.classroom.classes import Guess, Task
from distill_core.errors import DataError, LaunchError, RunError

A, B = "a" * 32, "b" * 32


def test_codes_are_told_aloud_and_drawn_anew(tmp_path):
    codes = {classes.open_class(tmp_path, f"class {n}").code for n in range(10)}
    assert len(codes) == 10
    assert all(len(code) == 6 and not set(code) & set("01OI") for code in codes)
    code = codes.pop()
    assert classes.get(tmp_path, f" {code[:3].lower()}-{code[3:]} ").code == code


@pytest.mark.parametrize("code", ["", "ABCDEF", "../..", "/etc", "A" * 7, "ABCDE\x00", "ＡＢＣＤＥＦ", "ABCDE1"])
def test_a_wrong_code_says_so_and_names_no_file(tmp_path, code):
    classes.open_class(tmp_path, "x")
    with pytest.raises(RunError, match="no open class"):
        classes.get(tmp_path, code)
    with pytest.raises(RunError, match="no open class"):
        classes.join(tmp_path, code, A, "Ada")


def test_the_same_browser_comes_back_as_the_same_student(tmp_path):
    code = classes.open_class(tmp_path, "x").code
    first = classes.join(tmp_path, code, A, "Fox")
    again = classes.join(tmp_path, code, A, "Fox")
    renamed = classes.join(tmp_path, code, A, "Owl")
    assert first.key == again.key == renamed.key
    assert [one.nickname for one in classes.students(tmp_path, code)] == ["Owl"]
    assert renamed.joined_at == first.joined_at
    found = classes.of_visitor(tmp_path, A)
    assert found is not None
    assert found[0].code == code
    assert classes.of_visitor(tmp_path, B) is None
    assert classes.of_visitor(tmp_path, "") is None


def test_forty_join_in_the_same_moment_and_none_is_lost_or_mistaken(tmp_path):
    code = classes.open_class(tmp_path, "x").code
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: classes.join(tmp_path, code, f"{n:032x}", "fox" if n % 2 else "FOX"), range(40)))
    names = [one.nickname for one in classes.students(tmp_path, code)]
    assert len(names) == 40
    assert len({name.casefold() for name in names}) == 40


def test_a_kicked_student_may_come_back_and_one_who_left_is_forgotten(tmp_path):
    code = classes.open_class(tmp_path, "x").code
    student = classes.join(tmp_path, code, A, "Fox")
    classes.kick(tmp_path, code, student.key)
    assert classes.of_visitor(tmp_path, A) is None
    classes.update(tmp_path, code, student.key, page="Distill")  # a click that was on its way
    assert classes.students(tmp_path, code) == []
    assert classes.join(tmp_path, code, A, "Fox").nickname == "Fox"
    classes.leave(tmp_path, code, A)
    assert classes.students(tmp_path, code) == []


def test_closing_deletes_everything_and_nothing_names_a_visitor(tmp_path):
    made = classes.open_class(tmp_path, "Group <b>2</b>", Task(title="t", page="distill"))
    student = classes.join(tmp_path, made.code, A, "Füchsin 🦊")
    classes.add_guesses(tmp_path, made.code, student.key, [Guess(run="r", question="q", label="l", value=0.4)])
    kept = "".join(path.read_text() for path in roster.folder(tmp_path).rglob("*.json"))
    assert A not in kept
    classes.close(tmp_path, made.code)
    left = [path for path in roster.folder(tmp_path).rglob("*") if path.is_file()]
    assert left == []
    with pytest.raises(RunError):
        classes.get(tmp_path, made.code)


def test_the_first_guess_counts_and_what_was_measured_comes_later(tmp_path):
    code = classes.open_class(tmp_path, "x").code
    key = classes.join(tmp_path, code, A, "Fox").key
    guess = Guess(run="r", question="q", label="l", value=0.4)
    for one in (guess, guess.model_copy(update={"value": 0.9, "measured": 0.8}), guess):
        classes.add_guesses(tmp_path, code, key, [one])
    (kept,) = classes.students(tmp_path, code)[0].guesses
    assert (kept.value, kept.measured) == (0.4, 0.8)


@pytest.mark.parametrize("data", ["", "{", "[]", '{"code": 3}', "\x00" * 10, '{"nickname": null}'])
def test_a_damaged_file_is_passed_over(tmp_path, data):
    code = classes.open_class(tmp_path, "x").code
    key = classes.join(tmp_path, code, A, "Fox").key
    folder = roster.folder(tmp_path) / code
    (folder / "students" / f"{key}.json").write_text(data)
    assert classes.students(tmp_path, code) == []
    assert classes.join(tmp_path, code, A, "Fox").nickname == "Fox"
    (folder / "class.json").write_text(data)
    assert classes.listed(tmp_path) == []


def test_a_server_has_only_so_many_classes_and_a_class_so_many_students(tmp_path, monkeypatch):
    monkeypatch.setattr(classes, "MOST_CLASSES", 2)
    monkeypatch.setattr(classes, "MOST_STUDENTS", 2)
    code, _ = (classes.open_class(tmp_path, "x").code for _ in range(2))
    with pytest.raises(LaunchError, match="Close one"):
        classes.open_class(tmp_path, "x")
    for name in (A, B, A):
        classes.join(tmp_path, code, name, "Fox")
    with pytest.raises(LaunchError, match="full"):
        classes.join(tmp_path, code, "c" * 32, "Fox")


def test_time_runs_out(tmp_path):
    code = classes.open_class(tmp_path, "x").code
    found = classes.change(tmp_path, code, deadline="2026-11-27T10:00:00.000+00:00")
    assert not found.is_over("2026-11-27T09:59:59.999+00:00")
    assert found.is_over("2026-11-27T10:00:00.001+00:00")
    assert not classes.change(tmp_path, code, deadline="").is_over()


@pytest.mark.skipif(os.name != "posix", reason="rights of folders")
def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(RunError, match="Permission denied"):
        classes.open_class(tmp_path, "x")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  Fox \t Two ", "Fox Two"),
        ("Zoë", "Zoë"),
        ("Zoe\u0308", "Zo\u00eb"),  # a letter and its accent become one
        ("小狐狸", "小狐狸"),
        ("ثعلب", "ثعلب"),
        ("👩‍🔬", "👩‍🔬"),  # joined emoji stay one
        ("<b>Fox</b>", "<b>Fox</b>"),  # text, shown as it is
        ("a\u202eb\u200b\x00c\ud800", "abc?"),  # no reversed, hidden or half characters
        ("Z" + "\u0301" * 20 + "o", "\u0179" + "\u0301" * 3 + "o"),
    ],
)
def test_nicknames_of_any_script(typed, shown):
    assert nicknames.clean(typed) == shown


@pytest.mark.parametrize("typed", ["", "   ", "\u200b\u200d", "\u202e", "x" * 25])
def test_names_that_nobody_can_see_or_read_are_refused(typed):
    with pytest.raises(DataError):
        nicknames.clean(typed)


def test_two_of_one_name_are_told_apart():
    assert nicknames.told_apart("Fox", ["Owl"]) == "Fox"
    assert nicknames.told_apart("Fox", ["fox", "FOX 2"]) == "Fox 3"
    assert nicknames.told_apart("ﬁx", ["fix"]) == "ﬁx 2"
