"""The anatomy that every page shares: title and question, figures with their titles, problems, the explanation."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import streamlit as st

from distill_core.errors import DistillError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CHART_CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~$:-])")


def header(title: str, question: str) -> None:
    """The page's title and the question that it answers."""
    st.title(title, anchor=False)
    st.markdown(question)


def is_dark() -> bool:
    """Whether the browser shows the dark theme; figures need it for the family colors."""
    return st.context.theme.type == "dark"


def plain(text: object) -> str:
    """Text from outside for a Markdown field: nothing in it is markup, and no half character breaks the page."""
    clean = str(text).encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return _MARKDOWN.sub(r"\\\1", clean)


def chart(figure: Figure, key: str) -> None:
    """A figure with its title above it as text: that wraps on a phone, and a screen reader finds it."""
    title = html.unescape(figure.layout.title.text or "")
    st.markdown(f"##### {plain(title)}")
    if figure.layout.title.subtitle.text:
        st.caption(plain(figure.layout.title.subtitle.text))
    if not figure.data:
        st.caption(plain(" ".join(note.text for note in figure.layout.annotations)))
        return
    figure.layout.title = None
    figure.layout.margin.t = _top(figure)
    st.plotly_chart(figure, key=key, config=CHART_CONFIG, alt=title)


def _top(figure: Figure) -> int:
    """Room above the plot, in pixels: for a line of names, and for those that are moved up from it."""
    notes = figure.layout.annotations
    up = max((int(note.yshift or 0) for note in notes if note.yref == "paper"), default=0)
    return 24 + max(0, up) if notes else 8


def problem(error: DistillError) -> None:
    """A problem in the user's terms, with the next step."""
    st.error(plain(error.hint) or "Nothing else on this page is affected.", title=plain(error.message))


@contextmanager
def problems_shown() -> Iterator[None]:
    """Show a DistillError of this part of the page; the rest of the page lives."""
    try:
        yield
    except DistillError as error:
        problem(error)


def explanation(sentences: str, formula: str = "", code: str = "") -> None:
    """What you see, folded; with the formula and its code where there is one."""
    with st.expander("What you see", icon=":material/help:"):
        st.markdown(sentences)
        if formula:
            st.latex(formula)
        if code:
            st.code(code, language="python")
