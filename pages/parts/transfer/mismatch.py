"""Where a foreign domain hurts: texts that a model from home gets right and a model from elsewhere gets wrong."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from distill_core.errors import DistillError
from distill_core.runs.run import Run
from distill_core.tables import mismatch as tables_mismatch
from distill_core.tables import transfer as tables_transfer
from distill_core.tables.mismatch import Counts, Pair
from pages.parts.shared import columns, page, stored_runs

COLUMNS = columns.of(
    "text", ("label", "true_label"), "home_share", "foreign_share", "foreign_says", pinned=0, widths={"text": 250}
)
_SLICES = {name: columns.of(("slice", name), "texts", "lost_points") for name in ("length", "word")}


def show(run: Run, frame: pd.DataFrame, arm: str) -> None:
    """Folded below the matrix; `frame`: `tables.transfer.domain_frame`. Without predictions the reason stands here."""
    folded = st.expander(
        "Where the mismatch hurts", icon=":material/troubleshoot:", key="tl_mismatch", bind="query-params"
    )
    if not folded.open:
        return
    with folded:
        if not stored_runs.may_read_texts(run):
            st.caption(stored_runs.NOT_YOUR_TEXTS)
            return
        try:
            pair = _pair(run, frame, arm)
            if pair is None:
                st.caption("No model is tested away from home yet.")
                return
            _texts(run, arm, pair)
            _slices(run, arm, pair)
        except DistillError as error:
            st.caption(f"{page.plain(error.message)} {page.plain(error.hint)}")


def _pair(run: Run, frame: pd.DataFrame, arm: str) -> Pair | None:
    """The cell to look into, the one that loses most first."""
    known_cells = frame[frame["arm"] == arm].dropna(subset=["against_home_points"])
    places = zip(known_cells["train"], known_cells["test"], strict=True)
    lost = dict(zip(places, known_cells["against_home_points"].astype(float), strict=True))
    names = tables_transfer.domain_titles(run)
    found = {(names[pair.train], names[pair.test]): pair for pair in tables_mismatch.pairs(run, arm)}
    known = {f"{train} → {test}": (train, test) for train, test in found if (train, test) in lost}
    offered = sorted(known, key=lambda title: lost[known[title]])
    if not offered:
        return None
    if st.session_state.get("tl_pair") not in offered:
        st.session_state.pop("tl_pair", None)  # chosen for another run, which has other domains

    def label(title: str) -> str:
        return f"{title}: {lost[known[title]]:+.1f} points".replace("-", "−")

    chosen = st.selectbox("Learned from → tested on", offered, format_func=label, key="tl_pair", bind="query-params")
    return found[known[chosen]]


def _texts(run: Run, arm: str, pair: Pair) -> None:
    counts, texts = tables_mismatch.counts(run, arm, pair), tables_mismatch.texts_frame(run, arm, pair)
    names = tables_transfer.domain_titles(run)
    st.markdown(f"##### {page.plain(headline(counts, names[pair.train], names[pair.test]))}")
    st.caption(
        f"Both models are right on {counts.both:,}, both wrong on {counts.none:,}; the foreign one alone is right on "
        f"{counts.only_foreign:,}. The columns tell how much each gives to the right label."
    )
    st.dataframe(  # rows of more than 64 px wrap their text
        texts,
        hide_index=True,
        column_order=list(COLUMNS),
        column_config=COLUMNS,
        height=380,
        row_height=72,
        placeholder="n/a",
        key="tl_mismatch_texts",
        alt="Test texts that only the model from home gets right",
    )


def headline(counts: Counts, foreign: str, home: str) -> str:
    """How many texts are lost, in one sentence; `foreign` and `home` are where the two models learned."""
    n = counts.both + counts.only_home + counts.only_foreign + counts.none
    return f"{counts.only_home:,} of {n:,} texts of {home} need a model from home: the one from {foreign} errs"


def _slices(run: Run, arm: str, pair: Pair) -> None:
    lengths, words = (make(run, arm, pair) for make in (tables_mismatch.lengths_frame, tables_mismatch.words_frame))
    left, right = st.columns(2, gap="large")
    for place, name, frame in ((left, "length", lengths), (right, "word", words)):
        with place:
            st.dataframe(
                frame,
                hide_index=True,
                column_order=list(_SLICES[name]),
                key=f"tl_mismatch_{name}",
                column_config=_SLICES[name],
                alt=f"Accuracy of both models by {name}",
            )
    st.caption(
        f"Lost: how far the foreign model is behind the one from home. Words of {tables_mismatch.MIN_TEXTS} texts or "
        "more that cost more than the average; with so few texts they are hints."
    )
