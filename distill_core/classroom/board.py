"""The class on one board: who does what and for how long, and what came out, in one table and one picture.

Only runs that a student began after joining count. Shares 0–1, times in seconds and ms, units in the names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from distill_core import arms, model_ref, units
from distill_core.classroom import classes
from distill_core.classroom.classes import Class, Guess, Student
from distill_core.errors import DistillError
from distill_core.results import LIVE, DistillResult, StudentsResult
from distill_core.results.records import Record
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore

TEACHER = "Teacher network"
IDLE_S = 300.0  # without a run, a result or a click: the teacher may want to look
POINT_COLUMNS = (
    *(
        "student",
        "run",
        "label",
        "is_teacher",
        "dataset",
        "accuracy",
        "ci_low",
        "ci_high",
        "latency_ms_p50",
        "busy_cores",
        "params",
    ),
    *("ended_at", "handed_in"),
)
STUDENT_COLUMNS = ("student", "doing", "since_s", "is_stuck", "runs", "best_accuracy", "handed_in", "key")
GUESS_COLUMNS = ("run", "question", "label", "student", "guess", "measured")


@dataclass(frozen=True)
class Board:
    """What the board shows at one moment."""

    students: pd.DataFrame
    points: pd.DataFrame
    guesses: pd.DataFrame


def of(store: RunStore, found: Class, moment: str | None = None) -> Board:
    """The board of a class. `moment`: now, as `units.now`."""
    moment = moment or units.now()
    members = classes.students(store.root, found.code)
    names = shown_names(members, found.is_anonymous)
    runs = runs_of(store, members)
    return Board(
        students=_students(members, names, runs, moment),
        points=_points(members, names, runs, found.frozen_at),
        guesses=_guesses(members, names),
    )


def shown_names(members: Iterable[Student], is_anonymous: bool) -> dict[str, str]:
    """Key of a student → name on the board."""
    return {one.key: f"Student {place}" if is_anonymous else one.nickname for place, one in enumerate(members, start=1)}


def runs_of(store: RunStore, members: Iterable[Student]) -> dict[str, list[Run]]:
    """Key of a student → their runs since they joined, and those of others that answered the same; oldest first."""
    known = {one.key: one for one in members}
    watching = {one.key: set(one.joined_runs) for one in known.values()}
    found: dict[str, list[Run]] = {key: [] for key in known}
    for run in store.list():
        key = classes.key_of(run.owner)
        if key in known and run.state().created_at >= known[key].joined_at:
            found[key].append(run)
        for other, ids in watching.items():
            if run.id in ids and other != key:
                found[other].append(run)
    return found


# ── who does what ────────────────────────────────────────────────────────────────────────────────────────────────


def _students(
    members: list[Student], names: Mapping[str, str], runs: Mapping[str, list[Run]], moment: str
) -> pd.DataFrame:
    rows = [_student(one, names[one.key], runs[one.key], moment) for one in members]
    return pd.DataFrame(rows, columns=list(STUDENT_COLUMNS))


def _student(one: Student, name: str, runs: list[Run], moment: str) -> dict[str, Any]:
    doing, since, is_stuck = _doing(one, runs, moment)
    measured = [point["accuracy"] for run in runs for point in points(run) if not point["is_teacher"]]
    return {
        "student": name,
        "doing": doing,
        "since_s": since,
        "is_stuck": is_stuck and not one.handed_in,
        "runs": len(runs),
        "best_accuracy": max(measured, default=None),
        "handed_in": one.handed_in,
        "key": one.key,
    }


def _doing(one: Student, runs: list[Run], moment: str) -> tuple[str, float | None, bool]:
    """What a student does, for how many seconds, and whether they seem to be stuck."""
    last = runs[-1].state() if runs else None
    if last is not None and last.state in LIVE:
        words = {"queued": "waits in the queue", "paused": "has paused a run"}
        doing = words.get(last.state, f"a run is at {units.percent(last.progress)}")
        return doing, units.seconds_between(last.started_at or last.created_at, moment), False
    ended_at = last.ended_at if last is not None else ""
    idle_s = units.seconds_between(max(one.seen_at, ended_at, one.joined_at), moment)
    is_idle = idle_s is not None and idle_s >= IDLE_S
    if last is not None and last.state != "done":
        return f"a run has {_ENDS.get(last.state, last.state)}", units.seconds_between(ended_at, moment), True
    where = f", is on {one.page}" if one.page else ""
    if last is not None:
        return f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} done{where}", idle_s, is_idle
    return f"has not begun{where}", units.seconds_between(one.joined_at, moment), is_idle


_ENDS = {"failed": "failed", "lost": "been lost", "stopped": "been stopped", "damaged": "been damaged"}


# ── what came out ────────────────────────────────────────────────────────────────────────────────────────────────


def _points(
    members: list[Student], names: Mapping[str, str], runs: Mapping[str, list[Run]], frozen_at: str
) -> pd.DataFrame:
    handed_in = {one.handed_in for one in members}
    rows = [
        {"student": names[one.key], "run": run.id, **point, "ended_at": _ended(run), "handed_in": run.id in handed_in}
        for one in members
        for run in runs[one.key]
        if not frozen_at or _ended(run) <= frozen_at
        for point in points(run)
    ]
    return pd.DataFrame(rows, columns=list(POINT_COLUMNS))


def _ended(run: Run) -> str:
    return run.state().ended_at


def points(run: Run) -> list[dict[str, Any]]:
    """What a finished run has measured, one row a model with an accuracy, means over seeds; empty before its end."""
    result = run.result() if run.state().state == "done" else None
    if result is None:
        return []
    rows = [(_label(row), row) for row in result.measured]
    if isinstance(result, DistillResult | StudentsResult) and result.teacher is not None:
        rows.insert(0, (TEACHER, result.teacher))
    grouped: dict[str, list[Record]] = {}
    for label, row in rows:
        if getattr(row, "accuracy", None) is not None:
            grouped.setdefault(label, []).append(row)
    dataset = _dataset(run)
    return [
        {"label": label, "is_teacher": label == TEACHER, "dataset": dataset, **_mean(found)}
        for label, found in grouped.items()
    ]


def _mean(rows: list[Record]) -> dict[str, Any]:
    """Means over seeds; None where one of them has no value. The interval is that of a single seed alone."""
    mean: dict[str, Any] = {}
    for name in ("accuracy", "latency_ms_p50", "params"):
        values = [value for row in rows if (value := getattr(row, name, None)) is not None]
        mean[name] = sum(values) / len(values) if len(values) == len(rows) else None
    for name in ("ci_low", "ci_high"):
        mean[name] = getattr(rows[0], name, None) if len(rows) == 1 else None
    loads = [load for row in rows if (load := getattr(row, "busy_cores", None)) is not None]
    return {**mean, "busy_cores": max(loads, default=None)}


def _label(row: Record) -> str:
    """What a student calls it: the way to learn, the family, the model."""
    title, arm, model = (str(getattr(row, name, "") or "") for name in ("title", "arm", "model"))
    if title and arm:
        return f"{title}, {_arm(arm)}"
    if arm:
        size = getattr(row, "train_examples", None)
        return f"{_arm(arm)}, {size:,} labels" if size else _arm(arm)
    if model:
        try:
            return model_ref.title(model)
        except DistillError:
            return model
    return "Model"


def _arm(key: str) -> str:
    row = arms.named(key)
    return row.title if row is not None else key


def _dataset(run: Run) -> str:
    """The data set of the run's accuracies."""
    try:
        listed = run.spec().datasets
    except DistillError:
        return ""
    return "own file" if listed and listed[0].is_file else (listed[0].key if listed else "")


def frontier(points: pd.DataFrame, x: str) -> pd.DataFrame:
    """The points that no other one beats in both: less of `x` (latency_ms_p50 or params) and more accuracy; by x.

    The networks that taught them are no results of the class, and stay out.
    """
    own = points[~points["is_teacher"].astype(bool)] if "is_teacher" in points else points
    known = own.dropna(subset=[x, "accuracy"]).sort_values([x, "accuracy"], ascending=[True, False])
    best = known["accuracy"].astype(float).cummax()
    is_new = best > best.shift(fill_value=-1.0)
    return known[is_new]


# ── guesses ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _guesses(members: list[Student], names: Mapping[str, str]) -> pd.DataFrame:
    rows = [_guess(names[one.key], guess) for one in members for guess in one.guesses]
    return pd.DataFrame(rows, columns=list(GUESS_COLUMNS))


def _guess(name: str, guess: Guess) -> dict[str, Any]:
    return {
        "run": guess.run,
        "question": guess.question,
        "label": guess.label,
        "student": name,
        "guess": guess.value,
        "measured": guess.measured,
    }
