"""An ablation or a sweep on the page: the answer as a figure, the numbers, the errors, and how to run it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from distill_core import units
from distill_core.figures import ablation, curves, depth_curve, sweep_map
from distill_core.files import source_code
from distill_core.plans import command_text
from distill_core.results import LIVE
from distill_core.runs.run import Run
from distill_core.tables import ablation as tables_ablation
from distill_core.tables import one_answer
from distill_core.tables import sweep as tables_sweep
from distill_core.tables import training as tables_training
from pages.parts.finetune.view import say_one_answer
from pages.parts.shared import downloads, once, page, provenance, run_panel, stored_runs
from pages.parts.take_apart import errors, tables

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SEEN = {
    "ingredients": (
        "Each bar is a student that was taught without one ingredient: the points of accuracy that it loses against "
        "the full recipe, seed by seed. Whiskers tell how far other seeds would move that, the gray band how far other "
        "test texts would. One interval in twenty misses, so that of many bars one may look sure by chance: the title "
        "counts both kinds of chance and corrects for the number of bars (Holm's method)."
    ),
    "weights": (
        "Each cell is one student; all of them learned from the same teacher outputs, in the same order. Look for a "
        "region, not for one cell: with so many cells compared at once, only what is beyond chance after Holm's "
        "correction is counted. The title says on which texts the best cell was chosen; a number from the texts that "
        "chose it is a little too good."
    ),
    "layers": (
        "Each point is a student with so many of the teacher's layers. The embeddings stay whole, so that half of the "
        "layers are more than half of the parameters. The depth in the title was chosen on these test texts. The "
        "hollow diamond is DistilBERT's published point, for its own task and machine."
    ),
}
FORMULA = {
    "ingredients": r"\Delta = \frac{1}{S}\sum_{s=1}^{S} \left(a_s^{\text{without}} - a_s^{\text{all}}\right) \;\pm\; "
    r"t_{S-1}\,\frac{\mathrm{sd}(\Delta_s)}{\sqrt{S}}",
    "weights": r"\mathcal{L} = \alpha\,\tau^2\,\mathrm{KL}(p_T^\tau \,\|\, p_S^\tau) + (1-\alpha)\,\mathrm{CE}(y, p_S)",
    "layers": r"\text{kept} = \frac{a_S}{a_T}",
}
CODE = {
    "ingredients": source_code.definitions("maths/paired:over_seeds"),
    "weights": source_code.definitions("training/losses:soft_target_loss", "training/losses:hard_label_loss"),
    "layers": source_code.definitions("maths/intervals:ratio_interval"),
}


@dataclass(frozen=True)
class MapChoice:
    """The quantity of the map, and the depth of its students where there are several."""

    quantity: sweep_map.Quantity
    layers: int | None = None


Choice = MapChoice | depth_curve.Share | None  # what the page's pickers say, by the question of the run
_ablation = once.per_result(tables_ablation.ablation_frame)
_sweep = once.per_result(tables_sweep.sweep_frame)
_depth = once.per_result(tables_sweep.depth_frame)


def show(run: Run) -> None:
    """All that is known of the run so far. Called again and again while it is live."""
    is_live, choice = run.state().state in LIVE, _choice(run)
    _answer(run, choice, page.is_dark())
    if is_live:
        _curves(run, page.is_dark())
    _numbers(run, choice)
    if is_live:
        return
    errors.show(run)
    st.markdown("##### Take it away")
    frame, draw = _drawn(run, choice)
    downloads.show(run, frame, [lambda: draw(False)], name="take-apart", key="ta")
    _command(run)


@once.per_result
def _answer(run: Run, choice: Choice, dark: bool) -> None:
    frame, draw = _drawn(run, choice)
    page.chart(draw(dark), "ta_fig")
    _captions(run, frame)


@once.per_point
def _curves(run: Run, dark: bool) -> None:
    page.chart(curves.draw(run_panel.curves(run), curves.View(dark=dark)), "ta_fig_curves")


@once.per_result
def _numbers(run: Run, choice: Choice) -> None:
    tables.show(_question(run), _drawn(run, choice)[0])


def _question(run: Run) -> tables_ablation.Question:
    return tables_ablation.question(run.spec()) or "ingredients"


Drawn = tuple[pd.DataFrame, Callable[[bool], "Figure"]]


def _drawn(run: Run, choice: Choice) -> Drawn:
    """The table that answers, and its figure in light or dark."""
    if isinstance(choice, MapChoice):
        frame = _sweep(run)
        if choice.layers is not None:
            part: pd.DataFrame = frame[frame["layers"] == choice.layers]
            frame = part.reset_index(drop=True)
        return frame, lambda dark: sweep_map.draw(frame, choice.quantity, dark=dark)
    if choice is not None:
        depths, reference = _depth(run), tables_sweep.distilbert()
        return depths, lambda dark: depth_curve.draw(depths, reference, choice, dark=dark)
    left_out = _ablation(run)
    return left_out, lambda dark: ablation.draw(left_out, dark=dark)


def _choice(run: Run) -> Choice:
    """The pickers of the run's question."""
    asked = _question(run)
    if asked == "weights":
        return _map_choice(run)
    return _axis() if asked == "layers" else None


def _map_choice(run: Run) -> MapChoice:
    """What the map shows; at which depth, where several were swept."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        quantity = st.segmented_control(
            "Quantity",
            list(sweep_map.TITLES),
            default="accuracy",
            required=True,
            format_func=sweep_map.TITLES.__getitem__,
            key="ta_quantity",
            bind="query-params",
            label_visibility="collapsed",
            wrap=True,
        )
        layers = sorted(int(value) for value in _sweep(run)["layers"].unique())
        if len(layers) < 2:
            return MapChoice(quantity)
        chosen = st.selectbox("Layers of the student", layers, key="ta_part_layers", bind="query-params")
    return MapChoice(quantity, chosen)


def _axis() -> depth_curve.Share:
    """Against what a depth is drawn."""
    titles: dict[depth_curve.Share, str] = {"params_share": "Size", "time_share": "Time a text"}
    return st.segmented_control(
        "Against",
        list(titles),
        default="params_share",
        required=True,
        key="ta_x",
        format_func=titles.__getitem__,
        bind="query-params",
        label_visibility="collapsed",
    )


def _captions(run: Run, frame: pd.DataFrame) -> None:
    """Where the numbers come from, what other texts would change, and what the shared teacher saved."""
    if run.environment() is not None:
        published = [] if _question(run) == "weights" else [f"{provenance.PUBLISHED}: ◇"]
        provenance.caption(provenance.measured(run, stored_runs.is_recorded(run)), *published)
    found = []
    if _question(run) == "ingredients":
        half = tables_ablation.texts_half_width(frame)
        found += [f"Other test texts would move a difference by about ±{half:.1f} points."] if half else []
    if _question(run) == "layers":
        found.append(
            one_answer.kept_sentence(run, tables_training.teacher_accuracy(tables_training.students_frame(run)))
        )
    shared = tables_sweep.sharing(run)
    if shared is not None:
        found.append(_saving(shared))
    if found:
        st.caption(" ".join(filter(None, found)))
    say_one_answer(tables_training.students_frame(run))


def _saving(shared: tables_sweep.Sharing) -> str:
    if shared.saved_s is None:
        return "The teacher's outputs were on disk already: no student waited for it."
    passes = f"{shared.students} students would have needed {shared.passes} passes"
    return (
        f"The teacher read the texts once ({units.duration(shared.pass_s)}); without its cache {passes}, "
        f"{units.duration(shared.saved_s)} more."
    )


def _command(run: Run) -> None:
    """The same run on the command line."""
    with st.expander("Run this again as a command", icon=":material/terminal:"):
        st.code(command_text.command(run.spec()), language="bash", wrap_lines=True)
        if stored_runs.is_recorded(run):
            st.caption(
                "The teacher is a run of the machine that recorded this: put a teacher of your own in its place."
            )
