"""The experiments of the Transfer lab on the page: the figure that answers, the guess beside it, the numbers behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from distill_core.datasets import known_splits
from distill_core.figures import domain_gain, domain_matrix, learning_curve, unfreeze
from distill_core.figures.learning_curve import X_TITLES, View
from distill_core.runs.run import Run
from distill_core.specs import FinetuneSpec
from distill_core.tables import domain_answers, transfer_leads, transfer_trends
from distill_core.tables import training as tables_training
from distill_core.tables import transfer as tables_transfer
from pages.parts.finetune.view import say_one_answer, warn_of_failures
from pages.parts.shared import columns, downloads, once, page, provenance, stored_runs
from pages.parts.transfer import mismatch
from pages.parts.transfer.guess import Guess, again
from pages.parts.transfer.words import TABS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_MEASURED = (
    *("train_examples", "accuracy", "ci_low", "ci_high", "seeds", "seed_low", "seed_high"),
    *("train_s", "train_tflop", "n_eval", "source"),
)
COLUMNS = {
    "curves": columns.of(("title", "way_to_learn"), *_MEASURED),
    "unfreeze": columns.of(("label", "what_learns"), "params_trained", "share_trained", *_MEASURED),
    "domains": columns.of(
        ("title", "way_to_learn"),
        ("train", "trained_on"),
        ("test", "tested_on"),
        "accuracy",
        "against_home_points",
        "majority",
        *(name for name in _MEASURED if name != "accuracy"),
    ),
}


_curve_frame = once.per_result(tables_transfer.curve_frame)
_domain_frame = once.per_result(tables_transfer.domain_frame)


@once.per_result
def _gain_frame(run: Run) -> pd.DataFrame:
    return transfer_leads.gain_frame(_domain_frame(run), run)


def curves(run: Run, guess: Guess) -> None:
    """Accuracy over labeled texts, seconds or computation."""
    frame = _uncovered(_curve_frame(run), guess)
    x = _axis() if len(frame) else "train_examples"
    draw = partial(_draw_curves, run, guess, x)
    _shown_curves(run, guess, x, page.is_dark())
    _behind(run, frame, guess, [draw])


def _draw_curves(run: Run, guess: Guess, x: learning_curve.XAxis, *, dark: bool = False) -> Figure:
    frame, spec = _uncovered(_curve_frame(run), guess), run.spec_as(FinetuneSpec)
    majority = known_splits.majority_share(str(spec.dataset)) if spec is not None else None
    view = View(x, majority, dark, transfer_leads.lead(frame, run))
    return learning_curve.draw(frame, guess.graded(frame), view)


@once.per_result
def _shown_curves(run: Run, guess: Guess, x: learning_curve.XAxis, dark: bool) -> None:
    page.chart(_draw_curves(run, guess, x, dark=dark), "tl_fig_curves")
    lead = transfer_leads.lead(_uncovered(_curve_frame(run), guess), run)
    if lead is not None:
        st.caption(learning_curve.interval_sentence(lead))
    for sentence in transfer_trends.trend_sentences(transfer_trends.trends(_uncovered(_curve_frame(run), guess), run)):
        st.caption(sentence)


def unfreezing(run: Run, guess: Guess) -> None:
    """Accuracy over trained parameters, with other decays of the same run where there are some."""
    others = [*stored_runs.recorded_of("finetune"), *stored_runs.own_of("finetune")]
    versions = [(one.path, one.version()) for one in (run, *others)]
    found = once.same(partial(tables_transfer.with_other_decays, run, others), "pages.unfreezing", versions)
    frame = _uncovered(found, guess)

    dark = page.is_dark()

    def draw(*, dark: bool = False) -> Figure:
        marks = guess.graded(frame[frame["decay"] == frame["decay"].max()])
        return unfreeze.draw(frame, marks, dark=dark)

    once.same(lambda: page.chart(draw(dark=dark), "tl_fig_unfreeze"), "pages.unfreezing.figure", versions, guess, dark)
    if len(frame):
        _steps(run)
    _behind(run, frame, guess, [draw])


@once.per_result
def _steps(run: Run) -> None:
    """What each further depth adds, and on what the depth of the title was chosen."""
    sentence = transfer_trends.step_sentence(tables_transfer.unfreeze_frame(run), run)
    if sentence:
        st.caption(
            f"{sentence} With so many steps at once each must be surer than one alone (Holm's method). The depth in "
            "the title was chosen on these test texts, so its number is a little too good."
        )


def domains(run: Run, guess: Guess) -> None:
    """The matrix of one arm, and what reading the target's texts first changes."""
    frame = _uncovered(_domain_frame(run), guess)
    arm = _arm(frame, guess)
    _shown_domains(run, guess, arm, page.is_dark())
    if len(frame):
        mismatch.show(run, frame, arm)
    draw = partial(_draw_domains, run, guess, arm)
    gain = _uncovered(_gain_frame(run), guess)
    _behind(run, frame, guess, [draw, partial(domain_gain.draw, gain)] if len(gain) else [draw])


def _draw_domains(run: Run, guess: Guess, arm: str, *, dark: bool = False) -> Figure:
    frame = _uncovered(_domain_frame(run), guess)
    return domain_matrix.draw(frame, arm, guess.graded(frame), dark=dark)


@once.per_result
def _shown_domains(run: Run, guess: Guess, arm: str, dark: bool) -> None:
    page.chart(_draw_domains(run, guess, arm, dark=dark), "tl_fig_domains")
    if not guess.is_open:
        return
    if len(_domain_frame(run)):
        st.caption(
            "Accuracy in percent. **Bold**: at home. ▼ and a frame: below the most frequent class. ○ your guess."
        )
    gain = _gain_frame(run)
    if len(gain):
        page.chart(domain_gain.draw(gain, dark=dark), "tl_fig_gain")
        st.caption(
            "Percentage points; **bold** where the change is beyond chance on the same test texts, with so many cells "
            "compared at once (Holm's method). The adapted model has read unlabeled training texts of all other "
            "domains."
        )


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
    _failures(run)
    if frame.empty:
        return
    with st.expander("The numbers", icon=":material/table:"):
        _numbers(run, guess.experiment, frame)
        name = TABS[guess.experiment].lower().replace(" ", "-")
        downloads.show(run, frame, figures, name=name, key="tl")
    again(run, guess)


@once.per_result
def _failures(run: Run) -> None:
    frame = tables_training.finetune_frame(run)
    warn_of_failures(frame)
    say_one_answer(frame)
    say_one_answer(domain_answers.frame(run))


def _numbers(run: Run, experiment: str, frame: pd.DataFrame) -> None:
    shown = COLUMNS[experiment]
    st.dataframe(
        frame,
        hide_index=True,
        column_order=list(shown),
        column_config=shown,
        placeholder="n/a",
        key="tl_table",
        alt=f"{TABS[experiment]}: accuracy with its intervals, seeds and cost",
    )
