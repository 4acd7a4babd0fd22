"""Models side by side → DataFrames: each model at each batch size and length, in relation to one, and the frontier.

Units stand in the column names, fractions are 0–1, what is missing is NA.
"""

from __future__ import annotations

import pandas as pd

from distill_core import units
from distill_core.maths.intervals import ratio_interval
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
    "accuracy_note",
    "majority_label",
    "recalls",
    "commit",
    "provenance",
    "source",
    "error",
    "error_hint",
)
COMPARE_COLUMNS = (*_TEXTS[:5], *_COUNTS, *_MEASURES, *_TEXTS[5:])


def compare_frame(run: Run) -> pd.DataFrame:
    """One row for each model, batch size and length of a compare run so far; empty while there is none.

    Columns: COMPARE_COLUMNS. `label` is the title, with the reference added where two models share a title.
    """
    result = run.result_as(CompareResult)
    rows = result.rows if result is not None else ()
    titles = {row.model: row.title for row in rows}
    records = []
    for row in rows:
        record = row.model_dump(exclude={"params_by_part", "error", "class_counts", "recalls"})
        record |= balance.columns_of(row.class_counts, row.recalls)
        twins = sum(title == row.title for title in titles.values())
        record["label"] = row.title if twins == 1 else f"{row.title} ({row.model})"
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

    Adds `is_baseline`, `params_ratio`, `latency_ratio` and `memory_ratio` (model / baseline), `speedup`
    (baseline p50 / model p50) and `accuracy_ratio` with `ratio_low` and `ratio_high`. Everything is NA where the
    baseline has no such number; the baseline's own ratio is 1 and has no interval.
    """
    cell = ["batch_size", "seq_len"]
    names = ["params", "latency_ms_p50", "peak_memory_mib", "accuracy", "ci_low", "ci_high"]
    base = frame.loc[frame["model"] == baseline, [*cell, *names]].drop_duplicates(cell)
    merged = frame.merge(base, on=cell, how="left", suffixes=("", "_base"))
    out = frame.reset_index(drop=True).copy()
    out["is_baseline"] = (out["model"] == baseline).astype(bool)
    out["params_ratio"] = (merged["params"] / merged["params_base"]).astype("Float64")
    out["latency_ratio"] = merged["latency_ms_p50"] / merged["latency_ms_p50_base"]
    out["speedup"] = merged["latency_ms_p50_base"] / merged["latency_ms_p50"]
    out["memory_ratio"] = merged["peak_memory_mib"] / merged["peak_memory_mib_base"]
    out["accuracy_ratio"] = (merged["accuracy"] / merged["accuracy_base"]).where(merged["accuracy_base"] > 0)
    limits = [_ratio_limits(row) for row in merged.itertuples()]
    for index, name in enumerate(("ratio_low", "ratio_high")):
        values = pd.Series([limit[index] for limit in limits], index=out.index, dtype="Float64")
        out[name] = values.mask(out["is_baseline"])
    return out


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
