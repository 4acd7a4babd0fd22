"""The results of one comparison: pickers, figures, table, downloads. Rows appear while the run is at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from distill_core.figures import accuracy, latency, memory_use, parameters, tradeoff
from distill_core.files import source_code
from distill_core.results import CompareResult
from distill_core.runs.run import Run
from distill_core.tables import compare as tables_compare
from pages.parts.compare import table
from pages.parts.finetune.view import say_one_answer
from pages.parts.shared import downloads, minis, once, page, provenance, run_panel, stored_runs

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SEEN = (
    "Each mark is a model: left is faster, low is smaller. With a data set, high is more accurate and a larger mark "
    "has more parameters. No other model beats the ones on the dotted line in both at once. "
    "Each model is timed in turns with the baseline, so that other programs disturb both alike. "
    "Circles are encoders, triangles decoders, squares encoder–decoders; hollow marks are distilled."
)
FORMULA = (
    r"\text{speedup} = \text{median over turns of } \frac{\text{time of the baseline}}{\text{time of the model}} \qquad"
    + (r"\text{retained} = \frac{\text{accuracy of the model}}{\text{accuracy of the baseline}}")
)
CODE = source_code.definitions("tables/compare:relative_to", "tables/compare:pareto", "maths/ratios:paired_speedup")


@dataclass(frozen=True)
class Places:
    """Where on the page the parts go: the row of pickers, the main figure, everything below it."""

    pickers: DeltaGenerator
    main: DeltaGenerator
    below: DeltaGenerator


@dataclass(frozen=True)
class View:
    """What the pickers say: batch size and length, the reference of the baseline, and how to show the numbers."""

    cell: tuple[int, int]
    baseline: str
    relative: bool
    dark: bool


_frame = once.per_result(tables_compare.compare_frame)


@once.per_result
def _rows(run: Run, view: View) -> pd.DataFrame:
    """The rows of one batch size and length with their relative columns."""
    return tables_compare.relative_to(tables_compare.at_cell(_frame(run), view.cell), view.baseline)


def show(run: Run, places: Places) -> None:
    """State, figures and table of a run, again and again while it is live."""
    run_panel.live(run.id, lambda live_run: _draw(live_run, places))


def _draw(run: Run, places: Places) -> None:
    frame = _frame(run)
    if frame.empty:
        with places.main:
            page.chart(tradeoff.draw(frame), "cmp_tradeoff")
        places.pickers.empty()  # a fragment may write later only into places it has written to from the start
        places.below.empty()
        return
    with places.pickers:
        view = _pickers(run, frame)
    with places.main:
        _main_figure(run, view)
    with places.below:
        _failures(frame)
        _bars(run, view)
        _table(run, view.baseline)
        downloads.show(run, _rows(run, view), _figures(run, view))
        page.explanation(SEEN, FORMULA, CODE)


@once.per_result
def _main_figure(run: Run, view: View) -> None:
    rows = _rows(run, view)
    page.chart(tradeoff.draw(rows, relative=view.relative, dark=view.dark), "cmp_tradeoff")
    left_out = tradeoff.left_out(rows)
    if left_out:
        st.caption(f"Without an accuracy, so not in this figure: {page.plain(', '.join(left_out))}.")
    provenance.caption(provenance.measured(run, stored_runs.is_recorded(run)), f"sizes {provenance.EXACT}")
    minis.caption(rows["model"])


def _pickers(run: Run, frame: pd.DataFrame) -> View:
    """The pickers. They are drawn once there are rows: a picker that was empty would stay without a choice."""
    result = run.result_as(CompareResult)
    first = result.baseline if result is not None else ""
    labels = dict(zip(frame["model"], frame["label"], strict=True))
    names = list(frame.loc[frame["error"].isna(), "label"].unique())
    cells = {f"{batch} × {length}": (batch, length) for batch, length in tables_compare.cells(frame)}
    if names:
        start = names.index(labels[first]) if labels.get(first) in names else 0
        st.selectbox("Baseline", names, index=start, key="cmp_baseline", bind="query-params")
    cell = st.selectbox("Texts × tokens", list(cells), key="cmp_cell", bind="query-params")
    relative = st.toggle("Relative to baseline", key="cmp_relative", bind="query-params")
    shown = cells.get(cell) or next(iter(cells.values()))
    return View(shown, _baseline_ref(frame), relative, page.is_dark())


def _baseline_ref(frame: pd.DataFrame) -> str:
    chosen = st.session_state.get("cmp_baseline")
    found = frame.loc[frame["label"] == chosen, "model"]
    return str(found.iloc[0]) if len(found) else ""


def _failures(frame: pd.DataFrame) -> None:
    for name, message, hint in tables_compare.failures(frame):
        st.warning(f"{page.plain(message)} {page.plain(hint)}", title=f"{page.plain(name)} could not be measured")


def _figures(run: Run, view: View) -> list[Callable[[], Figure]]:
    drawn = (tradeoff.draw, parameters.draw, latency.draw, memory_use.draw, accuracy.draw)
    return [partial(draw, _rows(run, view), relative=view.relative) for draw in drawn]


@once.per_result
def _bars(run: Run, view: View) -> None:
    shown = [("cmp_size", parameters.draw), ("cmp_latency", latency.draw), ("cmp_memory", memory_use.draw)]
    shown.append(("cmp_accuracy", accuracy.draw))
    grid = st.grid(2, min_column_width=360, gap="medium")
    for key, draw in shown:
        with grid.cell():
            page.chart(draw(_rows(run, view), relative=view.relative, dark=view.dark), key)
    say_one_answer(_rows(run, view))


@once.per_result
def _table(run: Run, baseline: str) -> None:
    table.show(tables_compare.relative_to(_frame(run), baseline))
