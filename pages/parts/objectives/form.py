"""The controls of Objectives: the visitor's text and the number of the draw, both in the page's address."""

from __future__ import annotations

import streamlit as st

from distill_core.results.scenes import Scene
from pages.parts.shared import address

MAX_CHARS = 1000  # it stands in the page's address; the core checks its own limit again
MOST_DRAWS = 9999
EXAMPLE = (
    "The Golden Gate Bridge joins San Francisco to the hills in the north. Before it opened, people crossed the bay on "
    "a ferry boat. A ferry boat still runs today, and it carries more visitors than workers."
)


def text_and_draw() -> tuple[str, int]:
    """The text, and which draw of it."""
    text = st.text_area(
        "Your sentences",
        EXAMPLE,
        height=130,
        max_chars=MAX_CHARS,
        key="obj_text",
        bind="query-params",
        help="Two or three sentences show most. Names and repeated pairs of words become units for ERNIE.",
    )
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        draw = address.whole_number(
            "Draw", (1, MOST_DRAWS, 1), "obj_draw", width=130, help="The same number gives the same draw."
        )
    row.button("New draw", on_click=_next, icon=":material/casino:", type="primary", key="obj_new")
    return text, draw


def _next() -> None:
    st.session_state["obj_draw"] = float(st.session_state["obj_draw"] % MOST_DRAWS + 1)


@st.cache_data(max_entries=256, show_spinner="The ten objectives read the text; the first time it takes some seconds")
def scenes(text: str, draw: int) -> tuple[Scene, ...]:
    """The text through all ten objectives. Raises DataError."""
    from distill_core.objectives import scenes as objective_scenes

    return objective_scenes.scenes(text, draw)
