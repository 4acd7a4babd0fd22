"""The figure of signals: values in percent, the computed title, and the empty case."""

from __future__ import annotations

import pytest

from distill_core.figures import signals
from distill_core.results.scenes import Scene
from distill_core.tables import objectives as tables_objectives


def frame(**counts: int):
    return tables_objectives.signals([Scene(key, "words", (), 40, n) for key, n in counts.items()])


@pytest.mark.parametrize("dark", [False, True])
def test_bars_in_percent_with_counts_in_the_hover(dark):
    figure = signals.draw(frame(bert=6, gpt=39, electra=40), dark=dark)
    assert list(figure.data[0].y) == ["ELECTRA", "GPT", "BERT"]
    assert list(figure.data[0].x) == pytest.approx([100, 97.5, 15])
    assert figure.data[0].hovertext[2] == "BERT: 6 of 40 tokens give a signal, counted in this draw"
    assert figure.layout.xaxis.title.text == "tokens that give a signal (%)"
    assert figure.layout.xaxis.range[0] == 0


def test_the_title_is_counted():
    title = signals.draw(frame(bert=6, xlnet=7, gpt=39, electra=40)).layout.title.text
    assert title == "2 of 4 objectives ask about almost every token, the others about 15–18 %"
    assert signals.draw(frame(bert=6, ernie=6, gpt=39)).layout.title.text.endswith("the others about 15 %")
    assert signals.draw(frame(gpt=39)).layout.title.text == "Every objective asks about almost every token of this text"
    assert signals.draw(frame(bert=6)).layout.title.text == (
        "0 of 1 objectives ask about almost every token, the others about 15 %"
    )


def test_without_a_text():
    figure = signals.draw(frame())
    assert not figure.data
    assert figure.layout.title.text == "No text yet"
