"""What a finished ablation or sweep recommends: the recipe to go on with, in words and as values of a DistillSpec."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from distill_core.runs.run import Run
from distill_core.tables import sweep as tables_sweep
from distill_core.tables.ablation import Question, asked
from distill_core.terms import TERMS


@dataclass(frozen=True)
class Recipe:
    """`words` finish the sentence "distill with …"; `values` are fields of a DistillSpec."""

    words: str
    values: dict[str, float | int]


def best(run: Run, question: Question) -> Recipe:
    """The full recipe of an ablation; the most accurate cell of a map; the depth that is enough."""
    spec, _ = asked(run)
    names = ("temperature", *(term.key for term in TERMS if not term.is_live), "student_layers")
    values: dict[str, float | int] = {name: getattr(spec, name) for name in names}
    if question == "weights":
        cells = tables_sweep.sweep_frame(run).dropna(subset=["accuracy"])
        if len(cells):
            cell = tables_sweep.chosen(cells)
            values |= {name: float(cell[name]) for name in ("temperature", "soft", "hard")}
            words = f"τ = {values['temperature']:g} and soft weight {values['soft']:g}"
            return Recipe(words, {**values, "student_layers": int(cell["layers"])})
    if question == "layers":
        row = enough(tables_sweep.depth_frame(run))
        if row is not None:
            n = int(row["layers"])
            return Recipe(f"{n} layer{'s' if n != 1 else ''}", {**values, "student_layers": n})
    return Recipe("this recipe", values)


def enough(depths: pd.DataFrame) -> pd.Series | None:
    """The shallowest student that keeps as much as DistilBERT claims, else the one that keeps most."""
    rows = depths.dropna(subset=["retained"])
    if rows.empty:
        return None
    kept = rows[rows["retained"] >= tables_sweep.distilbert().retained]
    return (kept.sort_values("layers") if len(kept) else rows.sort_values("retained", ascending=False)).iloc[0]
