"""Predict before you see: the sliders of a guess, and the button that uncovers the result.

What was uncovered is kept for the session, and sealed in the page's address, so that a reload, a lost connection or a
restart of the server covers nothing again. The seal counts for this visitor alone: a class that opens the teacher's
address guesses first, and nobody brings another's guesses to the board.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from distill_core import units
from distill_core.classroom import classes
from distill_core.runs.run import Run
from distill_core.tables import guesses
from distill_core.tables.guesses import Question
from pages.parts.classroom import membership
from pages.parts.shared import visitor
from pages.parts.shared.page import plain

_NOTHING = "none"  # shown without a guess


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
    """Ask first; once uncovered, a run stays uncovered for this visitor."""
    asked = guesses.questions(run, experiment)
    place = f"{experiment}_{run.id}"
    if not asked:
        return Guess(experiment)
    before = _before(run, experiment, asked)
    if before is not None:
        return Guess(experiment, run.id, asked, before)
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
                args=(run, experiment, said),
            )
            st.button(
                "Show without guessing",
                type="tertiary",
                key=f"tl_skip_{place}",
                on_click=_uncover,
                args=(run, experiment, {}),
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
            args=(run, guess.experiment),
        )


def _slider(question: Question, place: str, experiment: str) -> float:
    kept: Any = {"key": f"tl_guess_{place}_{question.key}", "persist_state": "session", "bind": "query-params"}
    if experiment == "moved":
        return st.slider(question.label, 0.0, 1.0, 0.5, 0.01, **kept)
    return guesses.share(st.slider(question.label, 0, 100, 50, 1, "%d %%", **kept))


# ── what this visitor has uncovered ──────────────────────────────────────────────────────────────────────────────


def _before(run: Run, experiment: str, asked: list[Question]) -> dict[str, float] | None:
    """What was guessed of this run (empty: shown without a guess); None while it is covered."""
    kept = st.session_state.get(_key(run, experiment))
    address = st.query_params.get(_parameter(experiment), "")
    if kept is None:
        kept = _read(visitor.unsealed(address), run, asked)
        if kept is not None:
            st.session_state[_key(run, experiment)] = kept
    elif not address:
        _tell_address(run, experiment, kept)  # the visitor comes from another page
    return kept


def _uncover(run: Run, experiment: str, said: dict[str, float]) -> None:
    st.session_state[_key(run, experiment)] = said
    _tell_address(run, experiment, said)


def _cover(run: Run, experiment: str) -> None:
    st.session_state.pop(_key(run, experiment), None)
    st.query_params.pop(_parameter(experiment), None)


def _tell_address(run: Run, experiment: str, said: dict[str, float]) -> None:
    shares = "~".join(f"{share:g}" for share in said.values()) or _NOTHING
    if sealed := visitor.sealed(f"{run.id}~{shares}"):
        st.query_params[_parameter(experiment)] = sealed


def _read(text: str, run: Run, asked: list[Question]) -> dict[str, float] | None:
    """The guesses of `RUN~0.9~0.5`, one for each question; None where they are of another run or other questions."""
    run_id, _, shares = text.partition("~")
    if run_id != run.id:
        return None
    if shares == _NOTHING:
        return {}
    values = [float(share) for share in shares.split("~")]  # sealed, so it is what _tell_address wrote
    return dict(zip((one.key for one in asked), values, strict=True)) if len(values) == len(asked) else None


def _key(run: Run, experiment: str) -> str:
    return f"tl_said_{experiment}_{run.id}"


def _parameter(experiment: str) -> str:
    return f"tl_seen_{experiment}"
