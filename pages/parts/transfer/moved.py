"""What moved: layers and texts before and after fine-tuning, of any run that has compared them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from distill_core.figures import moved_cka, moved_plane, theme
from distill_core.runs.run import Run
from distill_core.tables import moved as tables_moved
from pages.parts.shared import columns, downloads, links, once, page, provenance, stored_runs
from pages.parts.transfer import guess as guesses
from pages.parts.transfer.guess import Guess
from pages.parts.transfer.words import WORDS, go_to

_COLUMNS = columns.of("layer", "cka", "source", pinned=0)


def show() -> None:
    """The tab."""
    words = WORDS["moved"]
    st.markdown(words.question)
    found = {_label(run): run for run in _runs()}
    if not found:
        hint = "It is measured with the first fine-tuned model of a run, for instance of a learning curve."
        page.chart(theme.empty(words.empty, hint), "tl_none_moved")
        page.explanation(words.seen, words.formula, words.code)
        go_to(*words.following)
        return
    chosen = st.selectbox("Run", list(found), key="tl_moved", bind="query-params")
    run = found[chosen]
    with page.problems_shown():
        _figures(run)
    page.explanation(words.seen, words.formula, words.code)
    if run.model_dir.is_dir() and not stored_runs.is_recorded(run):
        links.to(links.DISTILL, "Distill this model into a smaller one", teacher=f"run:{run.id}")
    else:
        go_to(*words.following)


def _runs() -> list[Run]:
    """Recorded runs first, then the newest of this installation."""
    runs = (*stored_runs.recorded_of("finetune"), *stored_runs.own_of("finetune"))
    return [run for run in runs if _has_moved(str(run.path))]


@st.cache_data(max_entries=2000, show_spinner=False, ttl="10s")
def _has_moved(path: str) -> bool:
    """Every result is read at most once in ten seconds, for all sessions."""
    return tables_moved.moved_of(Run(Path(path))) is not None


def _label(run: Run) -> str:
    """Its name in the list and in the page's address."""
    return f"{run.spec().heading} · {run.id}"


_layers = once.per_result(tables_moved.cka_frame)
_texts = once.per_result(tables_moved.plane_frame)


def _figures(run: Run) -> None:
    guess = guesses.gate(run, "moved")
    below = st.container()
    if not guess.is_open:
        with below:
            _similarity(run, guess, page.is_dark())
        return
    with below:
        left, right = st.columns([1, 1.5], gap="large")
    with left:
        _similarity(run, guess, page.is_dark())
    with right:
        _planes(run, page.is_dark())
    provenance.caption(provenance.measured(run, stored_runs.is_recorded(run)))
    guess.verdict(_layers(run))
    with st.expander("The numbers", icon=":material/table:"):
        _numbers(run)
        downloads.show(
            run,
            _layers(run),
            [lambda: moved_cka.draw(_layers(run)), lambda: moved_plane.draw(_texts(run))],
            name="what-moved",
            key="tl_m",
        )
    guesses.again(run, guess)


@once.per_result
def _similarity(run: Run, guess: Guess, dark: bool) -> None:
    """Layer by layer; while the student still guesses, the guess alone."""
    shown = _layers(run) if guess.is_open else _layers(run).head(0)
    page.chart(moved_cka.draw(shown, guess.graded(shown), dark=dark), "tl_fig_cka")


@once.per_result
def _planes(run: Run, dark: bool) -> None:
    page.chart(moved_plane.draw(_texts(run), dark=dark), "tl_fig_plane")


@once.per_result
def _numbers(run: Run) -> None:
    st.dataframe(
        _layers(run),
        hide_index=True,
        column_config=_COLUMNS,
        key="tl_table_moved",
        alt="Similarity of each layer before and after",
    )
