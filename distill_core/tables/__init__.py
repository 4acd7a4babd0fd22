"""Runs and tables of facts → DataFrames. Units stand in the column names, fractions are 0–1, what is missing is NA.

Pages draw and show these frames; every number that is computed from others is computed here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import pandas as pd

from distill_core import families, units
from distill_core.results import CompareResult, Environment
from distill_core.runs import Run
from distill_core.settings import DATA

_COUNTS = ("params", "batch_size", "seq_len", "threads", "n_eval", "n_iterations")
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
    "commit",
    "provenance",
    "source",
    "error",
    "error_hint",
)
COMPARE_COLUMNS = (*_TEXTS[:5], *_COUNTS, *_MEASURES, *_TEXTS[5:])


def source_text(run: Run) -> str:
    """Where a run's numbers come from: `measured 22 Nov 2025 on AMD EPYC 7763, 2 threads (run 000012-1a2b3c)`."""
    environment = run.environment()
    if environment is None:
        return f"measured (run {run.id})"
    return f"measured {machine_text(environment)} (run {run.id})"


def machine_text(environment: Environment) -> str:
    """Day, machine and threads of a measurement, in words."""
    on = environment.cpu if environment.device == "cpu" else environment.device_name
    threads = f"{environment.threads} thread{'s' if environment.threads != 1 else ''}"
    where = f"{on or environment.machine}, {threads}" if environment.device == "cpu" else on
    day = units.day(environment.started_at)
    return f"{day} on {where}" if day else f"on {where}"


def compare_frame(run: Run) -> pd.DataFrame:
    """One row for each model, batch size and length of a compare run so far; empty while there is none.

    Columns: COMPARE_COLUMNS. `label` is the title, with the reference added where two models share a title.
    """
    result = run.result()
    rows = result.rows if isinstance(result, CompareResult) else ()
    titles = {row.model: row.title for row in rows}
    records = []
    for row in rows:
        record = row.model_dump(exclude={"params_by_part", "error"})
        twins = sum(title == row.title for title in titles.values())
        record["label"] = row.title if twins == 1 else f"{row.title} ({row.model})"
        record["error"] = row.error.message if row.error else None
        record["error_hint"] = row.error.hint if row.error else None
        records.append(record)
    columns = tuple(name for name in COMPARE_COLUMNS if name != "source")
    frame = typed(records, columns, _COUNTS, _MEASURES)
    return frame.assign(source=source_text(run))[list(COMPARE_COLUMNS)].astype({"source": "string"})


def typed(
    records: Sequence[Mapping[Any, Any]], columns: Sequence[str], counts: Iterable[str], measures: Iterable[str]
) -> pd.DataFrame:
    """The records with whole numbers, numbers and texts as what they are; what is missing is NA."""
    kinds = {**dict.fromkeys(counts, "Int64"), **dict.fromkeys(measures, "Float64")}
    frame = pd.DataFrame(records, columns=list(columns))
    return frame.astype({name: kinds.get(name, "string") for name in columns})


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


def ratio_interval(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float | None, float | None]:
    """The 95 % interval of first / second, from (share, low, high) of each (fractions 0–1).

    MOVER-R of Donner and Zou (2012, Stat. Methods Med. Res. 21:347, eq. 9), which combines the two Wilson
    intervals; no limit where the second share may be 0. It takes the samples as independent. Here both models
    read the same texts, which makes the true interval narrower: this one errs on the careful side.
    """
    (p1, low1, high1), (p2, low2, high2) = first, second
    if low2 <= 0:
        return None, None
    product = p1 * p2
    low_root = max(0.0, product**2 - low1 * high2 * (2 * p1 - low1) * (2 * p2 - high2))
    high_root = max(0.0, product**2 - high1 * low2 * (2 * p1 - high1) * (2 * p2 - low2))
    if high2 * (2 * p2 - high2) <= 0 or low2 * (2 * p2 - low2) <= 0:
        return None, None
    low = (product - low_root**0.5) / (high2 * (2 * p2 - high2))
    high = (product + high_root**0.5) / (low2 * (2 * p2 - low2))
    return max(0.0, low), high


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


# ── the ten families ─────────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=1)
def _families_frame() -> pd.DataFrame:
    sizes = families.exact_parameters()
    return pd.DataFrame(
        {
            "family": row.key,
            "title": row.title,
            "year": row.year,
            "published": _paper_date(row)[0],
            "published_text": _paper_date(row)[1],
            "architecture": row.architecture,
            "distilled": row.distilled,
            "params": sum(sizes[row.key].values()),
            **sizes[row.key],
            "tokenizer": row.tokenizer_kind,
            "idea": row.facts["one_line_key_idea"],
        }
        for row in families.FAMILIES
    )


def families_frame() -> pd.DataFrame:
    """The ten families: key, title, year, architecture, exact parameters by part, tokenizer, idea in one line.

    `published` is the date of the paper in years (2018.79 is October 2018), `published_text` the same in words.
    """
    return _families_frame().copy()


def _paper_date(family: families.Family) -> tuple[float, str]:
    """Month of the paper's first arXiv version, read off its number (YYMM.nnnnn); mid-year where it has none."""
    number = re.match(r"(\d\d)(\d\d)\.\d", family.facts["arxiv_id"])
    if number is None:
        return family.year + 0.5, f"{family.year} (no arXiv number, so no month)"
    month = date(2000 + int(number[1]), int(number[2]), 1)
    return month.year + (month.month - 0.5) / 12, f"{month:%B %Y}"


@lru_cache(maxsize=1)
def _published() -> pd.DataFrame:
    with (DATA / "published.csv").open(encoding="utf-8", newline="") as file:
        frame = pd.DataFrame(list(csv.DictReader(file)))
    return frame.assign(value=pd.to_numeric(frame["value"], errors="coerce"))


def published_frame(family: families.Family) -> pd.DataFrame:
    """Published figures of a family, each with paper and table; never mixed with what was measured here."""
    frame = _published()
    columns = ["variant", "metric", "split", "value", "unit", "source", "note", "confidence"]
    return frame.loc[frame["family"] == family.title, columns].reset_index(drop=True)


def family_facts(family: families.Family) -> dict[str, str]:
    """The facts of data/families.csv in reading order, under the names that a page shows."""
    facts = family.facts
    shown = {
        "Paper": f"{facts['paper_title']}, {facts['year']}",
        "Authors": facts["authors_org"],
        "Learned by": facts["pretraining_objective"],
        "Learned from": f"{facts['pretraining_corpus']}: {facts['corpus_size']}",
        "Tokenizer": f"{facts['tokenizer_kind']}, vocabulary {facts['vocab_size']}",
        "Shape": f"{facts['layers']} layers × {facts['hidden_size']} wide, {facts['heads']} heads, "
        f"feed-forward {facts['ffn_size']}",
        "Positions": facts["position_encoding"],
        "Shared weights": facts["weight_sharing"],
        "Size in the paper": facts["params_paper"],
        "Checkpoint": f"{family.hub_id} (license: {facts['hub_license']})",
    }
    return {name: text for name, text in shown.items() if text.strip()}
