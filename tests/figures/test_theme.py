"""Figures as visitors get them are those that plotly has checked in the tests."""

from __future__ import annotations

import json

import pytest

from distill_core.figures import curves, loss_terms, plane, theme
from distill_core.runs.store import RunStore
from distill_core.runs.tail import Tail
from distill_core.settings import DATA


def test_the_tests_refuse_a_property_that_plotly_does_not_know() -> None:
    with pytest.raises(ValueError, match="colour"):
        theme.figure([{"type": "scatter", "colour": "red"}], "A title")
    with pytest.raises(ValueError, match="heigth"):
        theme.figure([], "A title", heigth=220)


def test_a_figure_is_the_same_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    points = Tail(RunStore(DATA / "recorded").get("distill-movies-three-seeds")).frame()

    def drawn() -> list[object]:
        figures = curves.draw(points, curves.View()), plane.draw(points), loss_terms.draw(points, {}), theme.empty("A")
        found = [json.loads(figure.to_json()) for figure in figures]
        for figure in found:  # plotly drops an empty list
            figure["layout"] = {name: value for name, value in figure["layout"].items() if value != []}
        return found

    checked = drawn()
    monkeypatch.setattr(theme, "CHECKED", False)
    assert drawn() == checked
