"""Objectives: ten cards of one text, a new draw, and texts that nobody should type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from training_pages import open_page, recorded, texts

from distill_core import families, objective_facts
from distill_core.errors import DataError
from distill_core.objectives import scenes, shown_tokens

__all__ = ["recorded"]
PAGE = "pages/objectives.py"


@pytest.fixture(autouse=True)
def without_minis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tokenizer of a mini, so that every family reads whole words, whatever ships with the product."""
    monkeypatch.setattr(shown_tokens, "DATA", tmp_path)
    st.cache_data.clear()  # other modules draw this page with the minis


def shown(app: AppTest) -> str:
    """The page's text, the raw headings of the cards among it."""
    headings = [element.proto.body for element in app.get("html")]
    return "\n".join([texts(app), *headings])


def signals(app: AppTest) -> list[str]:
    return [line for line in texts(app).splitlines() if "give a signal (" in line]


def test_ten_cards_and_their_figure() -> None:
    app = open_page(PAGE)
    assert not app.exception
    page = shown(app)
    for row in objective_facts.OBJECTIVES:
        assert row.family.title in page
        assert row.idea in page
        assert row.scored in page
    assert len(signals(app)) == 10
    assert "**41 of 42 tokens give a signal (98 %)**: every token but the first." in signals(app)[1]
    assert "whole words, since the WordPiece of this family is not on this machine" in page
    (figure,) = (json.loads(chart.proto.spec) for chart in app.get("plotly_chart"))
    assert sorted(figure["data"][0]["y"]) == sorted(row.title for row in families.FAMILIES)
    assert "objectives ask about almost every token, the others about" in page
    assert "san francisco" not in page
    assert "San Francisco: name" in page
    assert "ferry boat: phrase" in page


def test_a_new_draw_changes_the_gaps_and_its_number_brings_them_back() -> None:
    app = open_page(PAGE)
    first = texts(app)
    app.button(key="obj_new").click().run()
    assert app.number_input(key="obj_draw").value == 2
    second = texts(app)
    assert second != first
    app.number_input(key="obj_draw").set_value(1).run()
    assert texts(app) == first
    assert texts(open_page(PAGE, obj_draw="2")) == second


def test_the_last_draw_is_followed_by_the_first() -> None:
    app = open_page(PAGE, obj_draw="9999")
    app.button(key="obj_new").click().run()
    assert app.number_input(key="obj_draw").value == 1


def test_two_families_side_by_side() -> None:
    app = open_page(PAGE, obj_show=["BERT", "ELECTRA"])
    assert len(signals(app)) == 2
    (figure,) = (json.loads(chart.proto.spec) for chart in app.get("plotly_chart"))
    assert len(figure["data"][0]["y"]) == 10


def test_one_family_in_depth() -> None:
    app = open_page(PAGE, obj_family="T5")
    assert "arXiv:1910.10683, §3.1.4 and §3.3.4" in texts(app)
    assert "def draw_spans" in texts(app)
    link = next(one.proto for one in app.get("page_link") if "zoo" in one.proto.label)
    assert link.label == "Open T5 in the model zoo"


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200d"])
def test_an_empty_text_says_so_and_the_page_lives(text: str) -> None:
    app = open_page(PAGE)
    app.text_area(key="obj_text").set_value(text).run()
    assert not app.exception
    assert "There is no text yet" in texts(app)
    app.text_area(key="obj_text").set_value("A cat sat.").run()
    assert len(signals(app)) == 10


def test_a_megabyte_is_cut_to_what_an_address_can_hold() -> None:
    """Streamlit's server cuts a text at the field's limit; the core refuses one that comes another way."""
    app = open_page(PAGE)
    app.text_area(key="obj_text").set_value("word " * 200_000).run()
    assert not app.exception
    assert len(app.text_area(key="obj_text").value) == 1000
    assert len(signals(app)) == 10
    with pytest.raises(DataError, match="1,000,000 characters; 100,000 are accepted"):
        scenes.scenes("word " * 200_000, 1)


@pytest.mark.parametrize(
    "text",
    [
        "😀 🇩🇪 👩‍👩‍👧",
        "مرحبا بالعالم. هذا نص قصير.",
        "漢字かな交じり文。二つ目の文。",
        "…",
        "[MASK] </s> [CLS]",
        "# *bold* `code` [link](http://x) :smile: $x$ <b>html</b>\n\n- one",
        "x" * 900,
    ],
    ids=["emoji", "right to left", "japanese", "dots", "special tokens", "markup", "one long word"],
)
def test_odd_texts(text: str) -> None:
    app = open_page(PAGE)
    app.text_area(key="obj_text").set_value(text).run()
    assert not app.exception
    assert not app.error
    assert len(signals(app)) == 10


def test_what_is_typed_is_never_markup() -> None:
    app = open_page(PAGE)
    app.text_area(key="obj_text").set_value("The **bold** <b>film</b> :red[is] `long`.").run()
    raw = "\n".join(str(element.value) for element in app.markdown)
    for mark in ("**bold", "<b>", ":red[", "`long"):
        assert mark not in raw.replace("**39", "")
    assert "\\*" in raw
