"""The experiments of the Transfer lab on the page: the figure that answers, the guess beside it, the numbers behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from distill_core.datasets import known_splits
from distill_core.figures import domain_gain, domain_matrix, learning_curve, unfreeze
from distill_core.figures.learning_curve import X_TITLES, View
from distill_core.runs.run import Run
from distill_core.specs import FinetuneSpec
from distill_core.tables import training as tables_training
from distill_core.tables import transfer as tables_transfer
from pages.parts.finetune.view import warn_of_failures
from pages.parts.shared import downloads, page, provenance, stored_runs
from pages.parts.transfer import mismatch
from pages.parts.transfer.guess import Guess, again
from pages.parts.transfer.words import TABS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_NUMBER = st.column_config.NumberColumn
_MEASURED: page.Columns = {
    "accuracy": _NUMBER("accuracy", format="percent"),
    "ci_low": _NUMBER("95 % from", format="percent"),
    "ci_high": _NUMBER("95 % to", format="percent"),
    "seeds": _NUMBER("seeds", format="%d"),
    "seed_low": _NUMBER("lowest seed", format="percent"),
    "seed_high": _NUMBER("highest seed", format="percent"),
    "train_s": _NUMBER("training (s)", format="%.3g"),
    "train_tflop": _NUMBER("compute (TFLOP)", format="%.3g"),
    "n_eval": _NUMBER("test texts", format="localized"),
    "source": "source",
}
_TEXTS = {"train_examples": _NUMBER("labeled texts", format="localized")}
COLUMNS: dict[str, page.Columns] = {
    "curves": {"title": st.column_config.TextColumn("way to learn", pinned=True), **_TEXTS, **_MEASURED},
    "unfreeze": {
        "label": st.column_config.TextColumn("what learns", pinned=True),
        "params_trained": _NUMBER("trained parameters", format="localized"),
        "share_trained": _NUMBER("of all", format="percent"),
        **_TEXTS,
        **_MEASURED,
    },
    "domains": {
        "title": st.column_config.TextColumn("way to learn", pinned=True),
        "train": "trained on",
        "test": "tested on",
        "accuracy": _MEASURED["accuracy"],
        "against_home_points": _NUMBER("against a model from home (points)", format="%+.1f"),
        "majority": _NUMBER("most frequent class", format="percent"),
        **_TEXTS,
        **_MEASURED,
    },
}


def curves(run: Run, guess: Guess) -> None:
    """Accuracy over labeled texts, seconds or computation."""
    frame = _uncovered(tables_transfer.curve_frame(run), guess)
    x = _axis() if len(frame) else "train_examples"
    marks, spec = guess.graded(frame), run.spec()
    majority = known_splits.majority_share(spec.dataset) if isinstance(spec, FinetuneSpec) else None

    def draw(*, dark: bool = False) -> Figure:
        return learning_curve.draw(frame, marks, View(x, majority, dark))

    page.chart(draw(dark=page.is_dark()), "tl_fig_curves")
    lead = tables_transfer.lead(frame)
    if lead is not None:
        st.caption(learning_curve.interval_sentence(lead))
    _behind(run, frame, guess, [draw])


def unfreezing(run: Run, guess: Guess) -> None:
    """Accuracy over trained parameters, with other decays of the same run where there are some."""
    others = [*stored_runs.recorded_of("finetune"), *stored_runs.own_of("finetune")]
    frame = _uncovered(tables_transfer.with_other_decays(run, others), guess)
    marks = guess.graded(frame[frame["decay"] == frame["decay"].max()])

    def draw(*, dark: bool = False) -> Figure:
        return unfreeze.draw(frame, marks, dark=dark)

    page.chart(draw(dark=page.is_dark()), "tl_fig_unfreeze")
    _behind(run, frame, guess, [draw])


def domains(run: Run, guess: Guess) -> None:
    """The matrix of one arm, and what reading the target's texts first changes."""
    frame = _uncovered(tables_transfer.domain_frame(run), guess)
    marks, gain = guess.graded(frame), tables_transfer.gain_frame(frame)
    arm = _arm(frame, guess)

    def draw(*, dark: bool = False) -> Figure:
        return domain_matrix.draw(frame, arm, marks, dark=dark)

    def draw_gain(*, dark: bool = False) -> Figure:
        return domain_gain.draw(gain, dark=dark)

    page.chart(draw(dark=page.is_dark()), "tl_fig_domains")
    if len(frame):
        st.caption(
            "Accuracy in percent. **Bold**: at home. ▼ and a frame: below the most frequent class. ○ your guess."
        )
    if len(gain):
        page.chart(draw_gain(dark=page.is_dark()), "tl_fig_gain")
        st.caption(
            "Percentage points; **bold** where the 95 % interval does not reach 0. The adapted model has read "
            "unlabeled training texts of all other domains."
        )
    if len(frame):
        mismatch.show(run, frame, arm)
    _behind(run, frame, guess, [draw, draw_gain] if len(gain) else [draw])


VIEWS: dict[str, Callable[[Run, Guess], None]] = {"curves": curves, "unfreeze": unfreezing, "domains": domains}


def show(run: Run, guess: Guess) -> None:
    """The experiment that the guess is about."""
    VIEWS[guess.experiment](run, guess)


def _uncovered(frame: pd.DataFrame, guess: Guess) -> pd.DataFrame:
    """The numbers, or none of them while the student still guesses."""
    return frame if guess.is_open else frame.head(0)


def _axis() -> learning_curve.XAxis:
    short = {"train_examples": "labeled texts", "train_s": "seconds", "train_tflop": "compute"}
    return st.segmented_control(
        "Along the axis",
        list(X_TITLES),
        default="train_examples",
        required=True,
        format_func=short.__getitem__,
        key="tl_x",
        bind="query-params",
        label_visibility="collapsed",
    )


def _arm(frame: pd.DataFrame, guess: Guess) -> str:
    """Whose matrix is shown: a question only where there are several."""
    arms = [str(arm) for arm in dict.fromkeys(frame["arm"])] or [one.arm for one in guess.asked[:1]]
    if len(arms) < 2:
        return arms[0] if arms else ""
    first = next((one.arm for one in guess.asked if one.arm in arms), arms[0])
    return st.segmented_control(
        "Way to learn",
        arms,
        default=first,
        required=True,
        format_func=tables_training.arm_title,
        key="tl_arm",
        bind="query-params",
        wrap=True,
        label_visibility="collapsed",
    )


def _behind(run: Run, frame: pd.DataFrame, guess: Guess, figures: Sequence[Callable[[], Figure]]) -> None:
    """Where the numbers come from, how far off the guess was, and the numbers to take away."""
    if run.environment() is not None:
        provenance.caption(provenance.measured(run, stored_runs.is_recorded(run)))
    if not guess.is_open:
        return
    guess.verdict(frame)
    warn_of_failures(tables_training.finetune_frame(run))
    if frame.empty:
        return
    columns = COLUMNS[guess.experiment]
    with st.expander("The numbers", icon=":material/table:"):
        st.dataframe(
            frame,
            hide_index=True,
            column_order=list(columns),
            column_config=columns,
            placeholder="n/a",
            key="tl_table",
            alt=f"{TABS[guess.experiment]}: accuracy with its intervals, seeds and cost",
        )
        name = TABS[guess.experiment].lower().replace(" ", "-")
        downloads.show(run, frame, figures, name=name, key="tl")
    again(run, guess)
