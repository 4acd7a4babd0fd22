"""The figures of Pre-train: values, titles, axes, and the empty case."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest
import sample_pretrain as sample

from distill_core import families
from distill_core.figures import pretrain_loss, signal_worth, theme
from distill_core.runs.store import RunStore
from distill_core.runs.tail import COLUMNS, Tail
from distill_core.settings import settings
from distill_core.tables import pretrain as tables_pretrain


@pytest.fixture
def drawn():
    """Looks, points and result of a run."""

    def make(key="bert", state="done"):
        run = sample.pretrain_run(RunStore(settings().runs_dir), key, state=state)
        points = Tail(run).frame()
        return tables_pretrain.looks_frame(run, points), points, run.result()

    return make


def test_the_loss_beside_word_counts(drawn):
    figure = pretrain_loss.draw(*drawn())
    thin, thick = figure.data
    assert list(thick.x) == [0, 640, 1280, 1920, 2560]
    assert list(thick.y) == pytest.approx([9.0, 8.4, 7.8, 7.2, 6.6])
    assert list(thin.y) == pytest.approx([8.5, 7.9, 7.3, 6.7])
    assert figure.layout.shapes[0].y0 == 6.9
    assert figure.layout.title.text == (
        "BERT: the loss on unread text went from 9 to 6.6, below the 6.9 of word counts alone"
    )
    assert figure.layout.yaxis.title.text == "loss: hidden tokens (nats)"
    assert figure.layout.yaxis.range[0] == 0
    assert figure.layout.xaxis.title.text == "texts read"
    assert "1,000,000 tokens" in thick.hovertext[-1]


def test_half_way_it_says_so(drawn):
    assert "not yet below the 6.9" in pretrain_loss.draw(*drawn(state="running")).layout.title.text


def test_no_line_where_frequencies_are_no_reference(drawn):
    figure = pretrain_loss.draw(*drawn("t5"))
    assert not figure.layout.shapes
    assert figure.layout.title.text == "T5: the loss on unread text went from 9 to 6.6"


def test_electra_beside_its_base_rate(drawn):
    figure = pretrain_loss.draw(*drawn("electra", state="running"))
    assert figure.layout.shapes[0].y0 == sample.BASE_RATE
    assert figure.layout.title.text.endswith("went from 9 to 7.8, not yet below the 7 of its base rate")


def test_before_the_first_look(drawn):
    looks, points, result = drawn()
    figure = pretrain_loss.draw(looks[:1], points[:0], result)
    assert figure.layout.title.text == "BERT: the loss on unread text is 9 before the first step"
    empty = pretrain_loss.draw(looks[:0], pd.DataFrame(columns=list(COLUMNS)), None)
    assert not empty.data
    assert empty.layout.title.text == "No loss yet"


def test_families_against_tokens_and_against_signals(drawn):
    curves = {key: drawn(key)[0] for key in ("bert", "electra")}
    figure = signal_worth.draw(curves, dark=True)
    assert [trace.xaxis for trace in figure.data] == ["x", "x", "x2", "x2"]
    bert, electra, bert_signals, electra_signals = figure.data
    assert bert.x[-1] == electra.x[-1] == electra_signals.x[-1] == 1_000_000
    assert bert_signals.x[-1] == 150_000
    assert bert.y[-1] == pytest.approx(100 * 6.6 / 9)
    assert figure.layout.title.text == "For 100 tokens ELECTRA receives 100 signals, BERT 15"
    assert (figure.layout.xaxis.title.text, figure.layout.xaxis2.title.text) == ("tokens read", "signals received")
    assert figure.layout.yaxis.title.text == "loss on unread text (% of its start)"
    assert bert.line.color == families.get("bert").color_dark == theme.color("bert", True)


def test_all_ten_families_keep_their_names(drawn):
    """Side by side they need more height; a name outside the axis would not be drawn."""
    figure = signal_worth.draw({family.key: drawn(family.key)[0] for family in families.FAMILIES})
    names = {note.text.partition("<br>")[0]: note.y for note in figure.layout.annotations}
    assert names.keys() == {family.title for family in families.FAMILIES}
    low, high = figure.layout.yaxis.range
    plot_px = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    places = sorted((at - low) / (high - low) * plot_px for at in names.values())
    assert 0 < places[0] < places[-1] < plot_px
    assert min(b - a for a, b in itertools.pairwise(places)) > 30  # two lines of text


def test_one_family_and_none(drawn):
    assert signal_worth.draw({"bert": drawn()[0]}).layout.title.text == "BERT receives 15 signals for 100 tokens"
    empty = signal_worth.draw({"bert": drawn()[0][:1]})
    assert not empty.data
    assert empty.layout.title.text == "Nothing to compare yet"
