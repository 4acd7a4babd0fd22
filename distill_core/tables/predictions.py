"""What teachers and students said about each test text: predictions.parquet as a checked frame, and texts to look at.

Columns of the file: text, label, "<arm>: logit 0", "<arm>: logit 1", …. A recorded run whose texts may not be passed on
comes without them: they are then read from the data set on this machine, where it has been fetched.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from distill_core.arms import SAVED
from distill_core.assets import shelf
from distill_core.datasets import catalogue
from distill_core.errors import DistillError, RunError
from distill_core.maths import distributions
from distill_core.maths.distributions import Array
from distill_core.runs.run import Run
from distill_core.specs import TrainSpec

Group = Literal["sure", "undecided", "wrong"]
TEXT, LABEL, HERE = "text", "label", "text_is_here"
TEACHERS = ("teacher", SAVED)
_SIZED = re.compile(rf"{SAVED}-(?P<n>\d+)-\d+")
_COLUMN = re.compile(r"(?P<arm>.+): logit (?P<label>\d{1,3})")
Version = tuple[int, int]


def version(path: Path) -> Version:
    """What changes when a file is written anew; zeros where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def logits_of(run: Run) -> pd.DataFrame:
    """One row a test text: text, label, text_is_here, and a column "<arm>: logit k" for each arm and class.

    The frame is read once and shared: do not change it. A text that is not on this machine has a number instead.

    Raises:
        RunError: the run has kept no predictions, or the file is damaged.
    """
    return _read(run.path, version(run.predictions_file))


@lru_cache(maxsize=16)
def _read(path: Path, _: Version) -> pd.DataFrame:
    run = Run(path)
    frame = checked(run, run.predictions_file)
    columns = [name for name in frame.columns if _COLUMN.fullmatch(str(name))]
    texts = _texts(frame, run)
    here = texts.notna()
    numbered = pd.Series([f"Test text {row + 1:,}" for row in range(len(frame))], dtype="str")
    kept = {TEXT: texts.where(here, numbered), LABEL: frame[LABEL], HERE: here}
    return pd.concat([pd.DataFrame(kept), frame[columns]], axis=1)


def checked(run: Run, file: Path) -> pd.DataFrame:
    """The frame of a file of predictions, with logits and a class for every label. Raises RunError."""
    try:
        frame: pd.DataFrame = pq.read_table(file).to_pandas()
    except FileNotFoundError as error:
        raise RunError(f"The run {run.id} has kept no predictions.", "Train once more: new runs keep them.") from error
    except (OSError, pa.ArrowException, ValueError) as error:
        raise RunError(f"The predictions of run {run.id} are damaged.", "Delete the run and train again.") from error
    if LABEL not in frame.columns or not arms(frame) or frame.empty:
        raise RunError(f"The predictions of run {run.id} hold no logits.", "Delete the run and train again.")
    if not frame[LABEL].isin(range(logits(frame, arms(frame)[0]).shape[1])).all():
        raise RunError(f"The predictions of run {run.id} hold a label without a class.", "Delete it and train again.")
    return frame


def class_names(run: Run, n: int) -> list[str]:
    """The names of `n` classes; by their number where the run does not know them."""
    result = run.result()
    known = result.classes if result is not None else ()
    return [known[code] if code < len(known) else f"class {code}" for code in range(n)]


def _texts(frame: pd.DataFrame, run: Run) -> pd.Series[str]:
    if TEXT in frame.columns and frame[TEXT].notna().all():
        return frame[TEXT].astype("str")
    found = _fetched(frame[LABEL].tolist(), run)
    return pd.Series(found if found is not None else pd.NA, index=frame.index, dtype="str")


def _fetched(labels: list[int], run: Run) -> list[str] | None:
    """The test texts of the run's data set, if they lie on this machine and are those that the run saw."""
    try:
        spec = run.spec_as(TrainSpec)
        if spec is None or not _is_here(spec.dataset):
            return None
        test = catalogue.load(spec.dataset, text_column=spec.text_column, label_column=spec.label_column).split("test")
    except DistillError:
        return None
    if 0 < spec.eval_examples < len(test):
        test = test.sample(spec.eval_examples, random_state=0).sort_index()  # as jobs.accuracy.test_texts
    return list(test["text"]) if test["label"].tolist() == labels else None


def _is_here(dataset: str) -> bool:
    """Whether the data set can be read without fetching anything: a page must not wait for a download."""
    asset = catalogue.TABLE[dataset].asset if dataset in catalogue.TABLE else ""
    return any(row.name == asset and row.present for row in shelf.status())


# ── arms and texts ───────────────────────────────────────────────────────────────────────────────────────────────


def arms(frame: pd.DataFrame) -> tuple[str, ...]:
    """Who spoke: "teacher", "distilled", "pretrained", …, in the order of the columns."""
    return arms_among(list(frame.columns))


def arms_among(columns: list[str]) -> tuple[str, ...]:
    """As `arms`, from the names of the columns alone."""
    found = (_COLUMN.fullmatch(str(name)) for name in columns)
    return tuple(dict.fromkeys(match["arm"] for match in found if match))


def teacher_arm(names: tuple[str, ...]) -> str | None:
    """The arm that teaches: the teacher of a distillation, the pre-trained arm of a fine-tuning; of several sizes the
    one with the most labeled texts, of several seeds the first, whose model the run has saved."""
    exact = [name for name in TEACHERS if name in names]
    sized = [match for match in map(_SIZED.fullmatch, names) if match is not None]
    sized.sort(key=lambda match: -int(match["n"]))  # stable: the first seed stays first
    return next(iter([*exact, *(match[0] for match in sized)]), None)


def logits(frame: pd.DataFrame, arm: str) -> Array:
    """The logits of one arm. Shape: (texts, classes). Raises RunError for an arm that is not there."""
    names = sorted(
        (name for name in frame.columns if name.startswith(f"{arm}: logit ")),
        key=lambda name: int(name.rpartition(" ")[2]),
    )
    if not names:
        raise RunError(f"There are no predictions of {arm[:60]!r}.", f"Known: {', '.join(arms(frame))}.")
    return frame[names].to_numpy(dtype=float)


def find(frame: pd.DataFrame, text: str) -> int | None:
    """The row of a text; None where the run has not seen it."""
    rows = frame.index[frame[TEXT] == text]
    return int(rows[0]) if len(rows) else None


def examples(frame: pd.DataFrame, arm: str, group: Group, limit: int = 40) -> list[int]:
    """Rows worth a look, the most telling first, the classes in turn.

    "sure": right, with the least entropy; "undecided": with the most; "wrong": the surest of the wrong answers.
    """
    said = logits(frame, arm)
    shares = distributions.softmax(said)
    wrong = said.argmax(-1) != frame[LABEL].to_numpy()
    doubt = distributions.entropy(shares)
    order = -doubt if group == "undecided" else doubt
    keep = {"sure": ~wrong, "undecided": wrong | ~wrong, "wrong": wrong}[group]
    rows = pd.DataFrame({"label": frame[LABEL], "order": order})[keep].sort_values("order", kind="stable")
    rows["turn"] = rows.groupby("label").cumcount()
    return [int(row) for row in rows.sort_values(["turn", "label"], kind="stable").index[:limit]]
