"""All runs as one table, and a run in words: what it took, how a request differs from it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from distill_core.data_ref import FILE_PREFIX
from distill_core.errors import RunError
from distill_core.kinds import KINDS
from distill_core.results import LIVE
from distill_core.runs.run import Run
from distill_core.specs import Spec
from distill_core.units import now, seconds_between

COLUMNS = ("id", "title", "kind", "state", "created", "started", "duration_s", "device", "message")
_NAMELESS = ("title", "kind")


def runs_frame(runs: list[Run]) -> pd.DataFrame:
    """One row a run (COLUMNS), in the order given. Damaged runs are rows too: state "damaged"."""
    frame = pd.DataFrame([_row(run) for run in runs], columns=list(COLUMNS))
    for name in ("created", "started"):
        frame[name] = pd.to_datetime(frame[name], utc=True, errors="coerce")
    return frame.astype({"duration_s": "Float64", **dict.fromkeys(("id", "title", "kind", "state"), "string")})


def _row(run: Run) -> dict[str, Any]:
    state, environment = run.state(), run.environment()
    row = {
        "id": run.id,
        "title": "",
        "kind": "",
        "state": state.state,
        "message": state.message,
        "created": state.created_at,
        "started": state.started_at or None,
        "duration_s": duration_s(run),
        "device": environment.device_name or environment.device if environment else "",
    }
    try:
        spec = run.spec()
    except RunError as error:
        return {**row, "state": "damaged", "message": error.message}
    return {**row, "title": spec.heading, "kind": KINDS[spec.kind].title}


def duration_s(run: Run) -> float | None:
    """Seconds from its start to its end, or until now while it is live; None for one that never began."""
    state = run.state()
    end = state.ended_at or (now() if state.state in LIVE else "")
    return seconds_between(state.started_at, end)


def changes(asked: Spec, done: Spec) -> list[str]:
    """What a request changes against a run of the same kind: `temperature 2.0 → 4.0`; empty when nothing."""
    before, after = done.model_dump(mode="json"), asked.model_dump(mode="json")
    return [
        f"{name.replace('_', ' ')} {_words(before.get(name))} → {_words(value)}"
        for name, value in after.items()
        if name not in _NAMELESS and before.get(name) != value
    ]


def _words(value: Any) -> str:
    if value is None:
        return "automatic"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value) or "none"
    if isinstance(value, str) and value.startswith(FILE_PREFIX):
        return "own file"
    return str(value)
