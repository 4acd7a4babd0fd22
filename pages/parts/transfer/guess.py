"""Predict before you see: the sliders of a guess, and the button that uncovers the result. Kept for this session."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from distill_core import units
from distill_core.classroom import classes
from distill_core.runs.run import Run
from distill_core.tables import guesses
from distill_core.tables.guesses import Question
from pages.parts.classroom import membership
from pages.parts.shared.page import plain


@dataclass(frozen=True)
class Guess:
    """What was asked and guessed (shares 0–1), and whether the result may be shown."""

    experiment: str
    run: str = ""
    asked: list[Question] = field(default_factory=list)
    said: dict[str, float] = field(default_factory=dict)
    is_open: bool = True

    def graded(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The guesses beside what `frame`, the experiment's table, holds of them."""
        return guesses.graded(self.asked, self.said, guesses.measured(frame, self.experiment))

    def verdict(self, frame: pd.DataFrame) -> None:
        """How far off the guesses were, on the page."""
        graded = self.graded(frame)
        if self.said:
            membership.tell_guesses(_told(self.run, graded))
        words = guesses.verdict(graded, similarity=self.experiment == "moved")
        if words:
            st.info(plain(words), title="Your guess (○) against the measurement")


def _told(run: str, graded: pd.DataFrame) -> list[classes.Guess]:
    """The guesses as the board of a class keeps them."""
    said = graded.dropna(subset=["guess"])
    columns = (said[name].tolist() for name in ("key", "label", "guess", "measured"))
    return [
        classes.Guess(
            run=run,
            question=key,
            label=label,
            value=min(1.0, max(0.0, guess)),
            measured=None if units.is_missing(measured) else measured,
        )
        for key, label, guess, measured in zip(*columns, strict=True)
    ]


def gate(run: Run, experiment: str) -> Guess:
    """Ask first; once uncovered, a run stays uncovered for this session."""
    asked = guesses.questions(run, experiment)
    place = f"{experiment}_{run.id}"
    if not asked:
        return Guess(experiment)
    if st.session_state.get(f"tl_shown_{place}"):
        return Guess(experiment, run.id, asked, st.session_state.get(f"tl_said_{place}", {}))
    with st.container(border=True, gap="xsmall"):
        top = st.container(horizontal=True, vertical_alignment="center")
        with st.grid(4 if len(asked) == 4 else 3, min_column_width=110 if len(asked) == 4 else 150, gap="small"):
            said = {one.key: _slider(one, place, experiment) for one in asked}
        with top:
            st.markdown("**Guess first**", help="Move the sliders to where you expect the result, then uncover it.")
            st.button(
                "Show the result",
                type="primary",
                icon=":material/visibility:",
                key=f"tl_reveal_{place}",
                on_click=_uncover,
                args=(place, said),
            )
            st.button(
                "Show without guessing", type="tertiary", key=f"tl_skip_{place}", on_click=_uncover, args=(place, {})
            )
    return Guess(experiment, run.id, asked, said, is_open=False)


def again(run: Run, guess: Guess) -> None:
    """Cover the result once more, for the next student at this screen."""
    if guess.asked:
        st.button(
            "Hide the result and guess",
            type="tertiary",
            icon=":material/visibility_off:",
            key=f"tl_hide_{guess.experiment}_{run.id}",
            on_click=_cover,
            args=(f"{guess.experiment}_{run.id}",),
        )


def _slider(question: Question, place: str, experiment: str) -> float:
    key = f"tl_guess_{place}_{question.key}"
    if experiment == "moved":
        return st.slider(question.label, 0.0, 1.0, 0.5, 0.01, key=key, persist_state="session")
    return guesses.share(st.slider(question.label, 0, 100, 50, 1, "%d %%", key=key, persist_state="session"))


def _uncover(place: str, said: dict[str, float]) -> None:
    st.session_state[f"tl_shown_{place}"] = True
    st.session_state[f"tl_said_{place}"] = said


def _cover(place: str) -> None:
    st.session_state.pop(f"tl_shown_{place}", None)
