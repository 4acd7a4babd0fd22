"""The room above a plot holds the names that stand there, whatever lies above the figure."""

from __future__ import annotations

import pytest

from distill_core.figures import theme
from pages.parts.shared import page


@pytest.mark.parametrize(
    ("notes", "room"),
    [
        ([], 8),
        ([{"text": "a", "yref": "paper"}], 24),
        ([{"text": "a", "yref": "paper", "yshift": 12}, {"text": "b", "yref": "paper"}], 36),
        ([{"text": "a", "yref": "y", "yshift": 20}], 24),
        ([{"text": "a", "yref": "paper", "yshift": -9}], 24),
    ],
)
def test_names_above_a_plot_are_not_cut(notes: list[dict[str, object]], room: int) -> None:
    assert page._top(theme.figure([], "title", annotations=notes)) == room
