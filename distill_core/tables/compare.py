"""Models side by side → DataFrames: each model at each batch size and length, in relation to one, and the frontier.

Units stand in the column names, fractions are 0–1, what is missing is NA.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from distill_core import model_ref, units
from distill_core.maths import ratios
from distill_core.maths.intervals import WithLimits, ratio_interval
from distill_core.results import CompareResult
from distill_core.runs.run import Run
from distill_core.tables import balance
from distill_core.tables.frames import typed
from distill_core.tables.sources import source_text

_COUNTS = ("params", "batch_size", "seq_len", "threads", "n_eval", "answered", "n_iterations")
_MEASURES = (
    "latency_ms_p50",
    "latency_ms_p90",
    "latency_ms_p95",
    "latency_ms_p99",
    "examples_per_s",
    "peak_memory_mib",
    "tokenize_ms",
    "load_s",
    "first_forward_ms",
    "busy_cores",
    "over_reference",
    "over_reference_low",
    "over_reference_high",
    "reference_ms",
    "accuracy",
    "ci_low",
    "ci_high",
    *balance.MEASURES,
)
_TEXTS = (
    "model",
    "label",
    "title",
    "family",
    "weights",
    "device",
    "dtype",
    "reference",
    "accuracy_note",
    "majority_label",
    "recalls",
    "commit",
    "provenance",
    "source",
    "error",
    "error_hint",
)
_RENAMED = {
    "speedup": "over_reference",
    "speedup_low": "over_reference_low",
    "speedup_high": "over_reference_high",
    "baseline_ms": "reference_ms",
}
COMPARE_COLUMNS = (*_TEXTS[:5], *_COUNTS, *_MEASURES, *_TEXTS[5:])


def compare_frame(run: Run) -> pd.DataFrame:
    """One row for each model, batch size and length of a compare run so far; empty while there is none.

    Columns: COMPARE_COLUMNS. Title and label follow from the reference, so that no two models share one. `reference` is
    the model with which all took turns, the run's baseline, and `over_reference` how many times as fast each is, with
    its 95 % interval; `reference_ms` is the reference's time in these turns.
    """
    result = run.result_as(CompareResult)
    rows = result.rows if result is not None else ()
    records = []
    for row in rows:
        record = row.model_dump(exclude={"params_by_part", "error", "class_counts", "recalls", *_RENAMED})
        record |= balance.columns_of(row.class_counts, row.recalls)
        record |= {name: getattr(row, field) for field, name in _RENAMED.items()}
        record["reference"] = result.baseline if result is not None else None
        record["title"] = record["label"] = model_ref.title(row.model, row.title)
        record["error"] = row.error.message if row.error else None
        record["error_hint"] = row.error.hint if row.error else None
        records.append(record)
    columns = tuple(name for name in COMPARE_COLUMNS if name != "source")
    frame = typed(records, columns, _COUNTS, _MEASURES)
    return frame.assign(source=source_text(run))[list(COMPARE_COLUMNS)].astype({"source": "string"})


def failures(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Model, message and hint of each model that could not be measured, once a message."""
    failed = frame[frame["error"].notna()].fillna({"error_hint": ""})
    return list(dict.fromkeys(zip(failed["label"], failed["error"], failed["error_hint"], strict=True)))


def cells(frame: pd.DataFrame) -> list[tuple[int, int]]:
    """The measured combinations of batch size and length, in order."""
    pairs = frame[["batch_size", "seq_len"]].drop_duplicates()
    return sorted((int(batch), int(length)) for batch, length in pairs.itertuples(index=False))


def at_cell(frame: pd.DataFrame, cell: tuple[int, int]) -> pd.DataFrame:
    """The rows of one batch size and length."""
    return frame[(frame["batch_size"] == cell[0]) & (frame["seq_len"] == cell[1])].reset_index(drop=True)


def relative_to(frame: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """The frame with every number also relative to the model `baseline` at the same batch size and length.

    Adds `is_baseline`, `params_ratio` and `memory_ratio` (model / baseline), `speedup` (how many times as fast as the
    baseline: `speed_over`) with `speedup_low` and `speedup_high`, `latency_ratio` (1 / speedup), `baseline_ms` (its
    time in the model's own turns, where it is the model with which all took turns) and `accuracy_ratio` with
    `ratio_low` and `ratio_high`. Everything is NA where the baseline has no such number; the baseline's own ratio is 1
    and has no interval.
    """
    cell = ["batch_size", "seq_len"]
    names = ["params", "peak_memory_mib", "accuracy", "ci_low", "ci_high"]
    base = frame.loc[frame["model"] == baseline].drop_duplicates(cell)
    merged = frame.merge(base[[*cell, *names]], on=cell, how="left", suffixes=("", "_base"))
    out = frame.reset_index(drop=True).copy()
    out["is_baseline"] = (out["model"] == baseline).astype(bool)
    out["params_ratio"] = (merged["params"] / merged["params_base"]).astype("Float64")
    out["memory_ratio"] = merged["peak_memory_mib"] / merged["peak_memory_mib_base"]
    out["accuracy_ratio"] = (merged["accuracy"] / merged["accuracy_base"]).where(merged["accuracy_base"] > 0)
    _set(out, ("ratio_low", "ratio_high"), [_ratio_limits(row) for row in merged.itertuples()])
    at = {(row["batch_size"], row["seq_len"]): row for _, row in base.iterrows()}
    rows = [(row, at.get((row["batch_size"], row["seq_len"]))) for _, row in out.iterrows()]
    speeds = [_flat(speed_over(row, other)) if other is not None else (None, None, None) for row, other in rows]
    _set(out, ("speedup", "speedup_low", "speedup_high"), speeds)
    out["latency_ratio"] = 1 / out["speedup"]
    out["baseline_ms"] = out["reference_ms"].where(out["reference"] == baseline)
    for name in ("ratio_low", "ratio_high", "speedup_low", "speedup_high"):
        out[name] = out[name].mask(out["is_baseline"])
    return out


def _set(frame: pd.DataFrame, names: tuple[str, ...], rows: Sequence[tuple[float | None, ...]]) -> None:
    for place, name in enumerate(names):
        frame[name] = pd.Series([row[place] for row in rows], index=frame.index, dtype="Float64")


Speed = tuple[float | None, units.Limits]
"""(how many times as fast, its 95 % interval)"""


def speed_over(model: pd.Series[Any], other: pd.Series[Any]) -> Speed:
    """How many times as fast one model of a comparison is as another, at one batch size and length.

    From turns: of both with the reference, `ratios.over`. Where one of them took none, as in older runs, it is the
    ratio of two medians that were taken at different times, and has no interval. None without times.
    """
    own, others = _over_reference(model), _over_reference(other)
    if own is None or others is None:
        p50s = other["latency_ms_p50"], model["latency_ms_p50"]
        known = not any(units.is_missing(p50) for p50 in p50s)
        return (float(p50s[0] / p50s[1]) if known else None), (None, None)
    if model["model"] == other["model"]:
        return 1.0, (1.0, 1.0)
    ratio, low, high = ratios.over(own, others)
    return ratio, (low, high)


def _over_reference(row: pd.Series[Any]) -> WithLimits | None:
    """The ratio to the reference with its limits; None where it has none."""
    if not units.is_missing(row["reference"]) and row["model"] == row["reference"]:
        return 1.0, 1.0, 1.0
    values = [row[name] for name in ("over_reference", "over_reference_low", "over_reference_high")]
    if any(units.is_missing(value) for value in values):
        return None
    ratio, low, high = (float(value) for value in values)
    return ratio, low, high


def _flat(speed: Speed) -> tuple[float | None, float | None, float | None]:
    return speed[0], *speed[1]


def _ratio_limits(row: object) -> tuple[float | None, float | None]:
    values = [getattr(row, f"{name}{end}") for end in ("", "_base") for name in ("accuracy", "ci_low", "ci_high")]
    if any(units.is_missing(value) for value in values):
        return None, None
    return ratio_interval((values[0], values[1], values[2]), (values[3], values[4], values[5]))


def pareto(frame: pd.DataFrame, *, lower: str, other: str, other_is_better_when: str = "lower") -> pd.Series[bool]:
    """True for the rows that no other row beats: at most as much `lower`, at least as good in `other`, better in one.

    A row in which one of the two is missing is never on the frontier; equal rows stand on it together.
    """
    sign = 1.0 if other_is_better_when == "lower" else -1.0
    points = pd.DataFrame({"x": frame[lower].astype("Float64"), "y": frame[other].astype("Float64") * sign})
    known = points.dropna().astype(float)
    best = known.groupby("x")["y"].min().sort_index()  # best y at each x
    reached = best.cummin().shift(fill_value=float("inf"))  # best y at any smaller x
    on = (known["y"] == known["x"].map(best)) & (known["y"] < known["x"].map(reached))
    return on.reindex(frame.index, fill_value=False).astype(bool)
