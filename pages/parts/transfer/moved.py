"""What moved: layers and texts before and after fine-tuning, of any run that has compared them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from distill_core.figures import moved_cka, moved_plane, theme
from distill_core.runs.run import Run
from distill_core.tables import moved as tables_moved
from pages.parts.shared import columns, downloads, links, page, provenance, stored_runs
from pages.parts.transfer import guess as guesses
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


def _figures(run: Run) -> None:
    guess = guesses.gate(run, "moved")
    layers, dark = tables_moved.cka_frame(run), page.is_dark()
    shown = layers if guess.is_open else layers.head(0)
    marks = guess.graded(shown)
    below = st.container()
    if not guess.is_open:
        with below:
            page.chart(moved_cka.draw(shown, marks, dark=dark), "tl_fig_cka")
        return
    texts = tables_moved.plane_frame(run)
    with below:
        left, right = st.columns([1, 1.5], gap="large")
    with left:
        page.chart(moved_cka.draw(shown, marks, dark=dark), "tl_fig_cka")
    with right:
        page.chart(moved_plane.draw(texts, dark=dark), "tl_fig_plane")
    provenance.caption(provenance.measured(run, stored_runs.is_recorded(run)))
    guess.verdict(shown)
    with st.expander("The numbers", icon=":material/table:"):
        st.dataframe(
            layers,
            hide_index=True,
            column_config=_COLUMNS,
            key="tl_table_moved",
            alt="Similarity of each layer before and after",
        )
        downloads.show(
            run,
            layers,
            [lambda: moved_cka.draw(layers), lambda: moved_plane.draw(texts)],
            name="what-moved",
            key="tl_m",
        )
    guesses.again(run, guess)
