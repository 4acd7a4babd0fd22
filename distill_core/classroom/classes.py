"""A class: opened by the teacher, joined with a code, deleted with everything that its students told when it closes.

    .classroom/CODE/class.json            title, task, deadline, how the board is shown
    .classroom/CODE/students/HASH.json    one student: nickname, when seen where, guesses, the run that was handed in

Each file has one writer at a time, under a lock beside it; a reader sees it whole. A student is known by a hash of the
visitor's name, and by nothing else.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from distill_core.classroom import nicknames, passcode, roster
from distill_core.errors import LaunchError, RunError
from distill_core.files import turns
from distill_core.files.json_files import read_json, write_json
from distill_core.units import now

CODE_LENGTH = 6  # 30 bits: with the limit on tries, a stranger needs centuries
MOST_CLASSES = 20
MOST_STUDENTS = 200
MOST_GUESSES = 100
MOST_JOINED = 40
_CODE = re.compile(rf"[2-9A-HJ-NP-Z]{{{CODE_LENGTH}}}")
_WAIT_S = 5.0


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


K = TypeVar("K", bound=_Kept)


class Task(_Kept):
    """What the class does: a page of the dashboard with its controls set, some of them fixed."""

    title: str = Field("", max_length=120)
    page: str = Field("", max_length=60)  # its address, such as `distill`
    controls: dict[str, str] = {}  # parameter of the address → value
    fixed: tuple[str, ...] = ()  # of these parameters


class Class(_Kept):
    """An open class. `frozen_at`: results that came later are not on the board; empty: it is live."""

    code: str
    title: str = Field("", max_length=120)
    created_at: str = ""
    task: Task = Task()
    deadline: str = ""
    is_anonymous: bool = False
    frozen_at: str = ""

    def is_over(self, moment: str | None = None) -> bool:
        """Whether the deadline has passed (`moment`: as `units.now`)."""
        return bool(self.deadline) and (moment or now()) > self.deadline


class Guess(_Kept):
    """A guess before a result was shown: which question of which run, shares 0–1."""

    run: str
    question: str
    label: str
    value: float = Field(ge=0, le=1)
    measured: float | None = None


class Student(_Kept):
    """One student of a class, and what the board shows of them."""

    key: str  # hash of the visitor's name
    nickname: str
    joined_at: str = ""
    seen_at: str = ""
    page: str = ""
    handed_in: str = ""  # a run's id
    handed_in_at: str = ""
    guesses: tuple[Guess, ...] = ()
    joined_runs: tuple[str, ...] = ()  # others' runs that answered the same question


def key_of(visitor: str) -> str:
    """How a visitor is known in classes; empty for nobody."""
    return hashlib.sha256(f"student:{visitor}".encode()).hexdigest()[:24] if visitor else ""


# ── the teacher's side ───────────────────────────────────────────────────────────────────────────────────────────


def open_class(root: Path, title: str, task: Task | None = None, deadline: str = "") -> Class:
    """A new class with a code of its own. Raises LaunchError for too many, RunError where nothing can be written."""
    if len(listed(root)) >= MOST_CLASSES:
        raise LaunchError(f"{MOST_CLASSES} classes are open already.", "Close one of them first.")
    code = passcode.drawn(CODE_LENGTH)
    short = " ".join(title.split())[:120]
    made = Class(code=code, title=short, created_at=now(), task=task or Task(), deadline=deadline)
    try:
        (_folder(root, code) / "students").mkdir(parents=True)
    except OSError as error:
        raise RunError(f"The class cannot be stored: {error.strerror}.", "Check the runs folder.") from error
    write_json(_folder(root, code) / "class.json", made.model_dump())
    return made


def listed(root: Path) -> list[Class]:
    """All open classes, the newest first."""
    folders = roster.folder(root).glob("*/class.json")
    found = [one for path in folders if (one := _kept(path, Class)) is not None]
    return sorted(found, key=lambda one: one.created_at, reverse=True)


def change(root: Path, code: str, **changes: Any) -> Class:
    """Change some fields of a class. Raises RunError for an unknown one."""
    with _turn(_folder(root, code) / "class.json"):
        changed = get(root, code).model_copy(update=changes)
        write_json(_folder(root, code) / "class.json", changed.model_dump())
    return changed


def close(root: Path, code: str) -> None:
    """Delete the class with all that its students told. Their runs stay theirs. Raises RunError."""
    folder = _folder(root, get(root, code).code)
    (folder / "class.json").unlink(missing_ok=True)  # from here on nobody finds it
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise RunError("Some files of the class could not be deleted.", f"Delete the folder {folder}.")


def kick(root: Path, code: str, key: str) -> None:
    """Take a student off the class. Who has the code may join again."""
    _student_file(root, code, key).unlink(missing_ok=True)


def students(root: Path, code: str) -> list[Student]:
    """All students of a class, in the order in which they came."""
    folder = _folder(root, code) / "students"
    found = [one for path in folder.glob("*.json") if (one := _kept(path, Student)) is not None]
    return sorted(found, key=lambda one: (one.joined_at, one.key))


# ── a student's side ─────────────────────────────────────────────────────────────────────────────────────────────


def get(root: Path, code: str) -> Class:
    """The class of this code. Raises RunError for a code that is none."""
    tidy = passcode.tidy(code)
    found = _kept(_folder(root, tidy) / "class.json", Class) if _CODE.fullmatch(tidy) else None
    if found is None:
        raise RunError("There is no open class with this code.", "Look at it once more: six letters and digits.")
    return found


def join(root: Path, code: str, visitor: str, nickname: str) -> Student:
    """Enter a class; the same visitor comes back as the same student. Raises RunError, DataError, LaunchError."""
    found, key = get(root, code), key_of(visitor)
    with _turn(_folder(root, found.code) / "join"):
        there = students(root, found.code)
        before = next((one for one in there if one.key == key), None)
        if before is None and len(there) >= MOST_STUDENTS:
            raise LaunchError(f"The class is full: {MOST_STUDENTS} students are in it.", "Ask the teacher.")
        name = nicknames.told_apart(nicknames.clean(nickname), [one.nickname for one in there if one.key != key])
        known = before or Student(key=key, nickname=name, joined_at=now())
        student = known.model_copy(update={"nickname": name, "seen_at": now()})
        write_json(_student_file(root, found.code, key), student.model_dump())
    return student


def of_visitor(root: Path, visitor: str) -> tuple[Class, Student] | None:
    """The class that a visitor is in, the newest one; None where there is none."""
    key = key_of(visitor)
    for one in listed(root) if key else ():
        student = _kept(_student_file(root, one.code, key), Student)
        if student is not None:
            return one, student
    return None


def leave(root: Path, code: str, visitor: str) -> None:
    """Leave a class, with all that was told there."""
    kick(root, code, key_of(visitor))


def update(root: Path, code: str, key: str, **changes: Any) -> None:
    """Change some fields of a student; nothing happens to one who has left."""
    path = _student_file(root, code, key)
    if not path.is_file():
        return
    with _turn(path):
        student = _kept(path, Student)
        if student is not None:
            write_json(path, student.model_copy(update=changes).model_dump())


def add_guesses(root: Path, code: str, key: str, new: list[Guess]) -> None:
    """Keep guesses; the first one of a question counts, since a second is no guess any more. What was measured may
    come later."""
    path = _student_file(root, code, key)
    if not path.is_file():
        return
    with _turn(path):
        student = _kept(path, Student)
        if student is None:
            return
        known = {(one.run, one.question): one for one in student.guesses}
        for one in new:
            first = known.get((one.run, one.question), one)
            measured = one.measured if first.measured is None else first.measured
            known[one.run, one.question] = first.model_copy(update={"measured": measured})
        kept = tuple(known.values())[-MOST_GUESSES:]
        if kept != student.guesses:
            write_json(path, student.model_copy(update={"guesses": kept}).model_dump())


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _folder(root: Path, code: str) -> Path:
    if not _CODE.fullmatch(code):
        raise RunError("There is no open class with this code.", "Look at it once more: six letters and digits.")
    return roster.folder(root) / code


def _student_file(root: Path, code: str, key: str) -> Path:
    if not re.fullmatch(r"[0-9a-f]{24}", key):
        raise RunError("There is no such student.", "Reload the page.")
    return _folder(root, code) / "students" / f"{key}.json"


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    try:
        lock = turns.locked(path.with_name(f".{path.name}.lock"), _WAIT_S)
    except TimeoutError as error:
        raise LaunchError("The class is busy.", "Try again in a moment.") from error
    except OSError as error:
        raise RunError(f"The class cannot be written: {error.strerror}.", "Check the runs folder.") from error
    with lock:
        yield


def _kept(path: Path, kind: type[K]) -> K | None:
    """What a file holds; None where there is none, or where it is damaged."""
    try:
        stat = path.stat()
    except OSError:
        return None
    found = _read(path, kind, (stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return found if isinstance(found, kind) else None


@lru_cache(maxsize=1024)
def _read(path: Path, kind: type[_Kept], version: tuple[int, int, int]) -> _Kept | None:
    try:
        return kind.model_validate(read_json(path))
    except ValidationError:
        return None
