"""Figures of the Transfer lab: values, computed titles, units, guesses, and the empty case."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import sample_transfer as sample

from distill_core.figures import (
    arm_style,
    domain_gain,
    domain_matrix,
    heat,
    learning_curve,
    moved_cka,
    moved_plane,
    theme,
    unfreeze,
)
from distill_core.figures.learning_curve import View
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import FinetuneSpec
from distill_core.tables import guesses, transfer_leads
from distill_core.tables import moved as tables_moved
from distill_core.tables import transfer as tables


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def nothing(store: RunStore) -> Run:
    return store.create(FinetuneSpec())


def guessed(run: Run, experiment: str, frame: pd.DataFrame, **said: float) -> pd.DataFrame:
    asked = guesses.questions(run, experiment)
    values = {one.key: 0.5 for one in asked} | {key.replace("_", "-"): value for key, value in said.items()}
    return guesses.graded(asked, values, guesses.measured(frame, experiment))


def named(figure: object, name: str) -> object:
    return next(trace for trace in figure.data if trace.name == name)  # type: ignore[attr-defined]


# ── learning curves ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_an_arm_with_whiskers_and_a_band(store: RunStore) -> None:
    frame = tables.curve_frame(sample.curves_run(store))
    figure = learning_curve.draw(frame, view=View(majority=0.519))
    cells = frame.set_index(["arm", "train_examples"])["accuracy"]
    gap = 100 * (cells["pretrained", 200] - cells["bow", 200])
    assert figure.layout.title.text == f"With 200 labels, fine-tuned is {gap:.0f} points ahead of bag of words"
    line = named(figure, "pretrained")
    assert list(line.x) == [25, 200, 1000, 4000]
    assert list(line.y) == pytest.approx([100 * cells["pretrained", n] for n in (25, 200, 1000, 4000)])
    assert list(line.error_y.array) == pytest.approx([2.5] * 4)
    assert "mean of 3 seeds" in line.hovertext[0]
    assert "with 25 labeled texts" in line.hovertext[0]
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert len(bands) == 4  # zero-shot has no seeds to speak of
    assert max(bands[0].y) - max(line.y) == pytest.approx(1)  # one point from the mean to the best seed
    assert named(figure, "zero-shot").line.dash == "dash"
    assert figure.layout.xaxis.type == "log"
    assert list(figure.layout.xaxis.ticktext) == ["25", "200", "1,000", "4,000"]
    assert figure.layout.xaxis.title.text == "labeled texts (logarithmic)"
    assert figure.layout.yaxis.title.text == "accuracy (%), whiskers: 95 %"
    assert figure.layout.shapes[0].y0 == pytest.approx(51.9)


def test_over_seconds_and_computation(store: RunStore) -> None:
    frame = tables.curve_frame(sample.curves_run(store, seeds=1))
    figure = learning_curve.draw(frame, view=View("train_s"))
    assert figure.layout.title.text == (
        "Fine-tuned reaches 83 % after 240 s of training, bag of words reaches 70 % after 0.4 s of training"
    )
    assert list(named(figure, "bow").x) == pytest.approx([0.0025, 0.02, 0.1, 0.4])
    assert figure.layout.xaxis.title.text == "seconds of training (logarithmic)"
    figure = learning_curve.draw(frame, view=View("train_tflop"))
    assert figure.layout.title.text.endswith("bag of words reaches 70 % (compute not counted)")
    assert "not counted for bag of words" in figure.layout.xaxis.title.text
    assert not [trace for trace in figure.data if trace.name == "bow"]


@pytest.mark.parametrize(
    ("gap", "words"),
    [(0.01, "1 point ahead of bag of words, which may be chance"), (-0.1, "10 points behind bag of words")],
)
def test_the_title_says_where_it_may_be_chance(store: RunStore, gap: float, words: str) -> None:
    rows = [sample.cell("pretrained", 200, accuracy=0.7 + gap), sample.cell("bow", 200, accuracy=0.7)]
    frame = tables.curve_frame(sample.run_with(store, rows, train_examples="200,400"))
    assert learning_curve.draw(frame).layout.title.text == f"With 200 labels, fine-tuned is {words}"
    found = transfer_leads.lead(frame)
    assert found is not None
    assert learning_curve.interval_sentence(found).startswith("Fine-tuned minus bag of words with 200 labels: ")


def test_guesses_are_hollow_and_the_result_is_not_there_before(store: RunStore) -> None:
    run = sample.curves_run(store)
    frame = tables.curve_frame(run)
    marks = guessed(run, "curves", frame, pretrained_25=0.6)
    before = learning_curve.draw(frame.head(0), marks, View(dark=True))
    assert before.layout.title.text == "Your guess, before the result is shown"
    assert [trace.name for trace in before.data] == ["guess", "guess"]
    assert list(before.data[0].y) == pytest.approx([60, 50, 50])
    assert before.data[0].marker.color == "#11171D"  # the ground of the dark page
    assert list(before.layout.yaxis.range) == [0, 101]
    after = learning_curve.draw(frame, marks)
    assert len([trace for trace in after.data if trace.name == "guess"]) == 2
    over_seconds = learning_curve.draw(frame, marks, View("train_s"))
    assert not [trace for trace in over_seconds.data if trace.name == "guess"]


def test_a_single_arm_is_told_by_itself(store: RunStore) -> None:
    rows = [sample.cell("scratch", n, accuracy=value) for n, value in ((50, 0.5), (100, 0.6))]
    frame = tables.curve_frame(sample.run_with(store, rows, train_examples="50,100", arms="scratch"))
    assert learning_curve.draw(frame).layout.title.text == "From scratch is right on 60 % with 100 labels"


# ── unfreezing ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_depths_over_their_trained_parameters(store: RunStore) -> None:
    figure = unfreeze.draw(tables.unfreeze_frame(sample.unfreeze_run(store)))
    assert (
        figure.layout.title.text
        == "LoRA: 3.1 % of the weights learn, 0.8 points behind training all, which may be chance"
    )
    assert named(figure, "Head only").x[0] == 148_610
    assert named(figure, "Top 2 layers").y[0] == pytest.approx(80)
    assert "148,610 of 22,713,986 weights learn" in named(figure, "Head only").hovertext[0]
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.title.text == "trained parameters (logarithmic)"
    assert {note.text for note in figure.layout.annotations} == {"Head", "LoRA", "Top 1", "Top 2", "Top 4", "All"}


def test_several_decays_have_marks_of_their_own(store: RunStore) -> None:
    run, other = sample.unfreeze_run(store), sample.unfreeze_run(store, decay=0.9, lift=0.01)
    figure = unfreeze.draw(tables.with_other_decays(run, [other]))
    assert named(figure, "All layers").marker.symbol == "circle"
    assert named(figure, "All layers, decay 0.9").marker.symbol == "square"
    assert figure.layout.annotations[-1].text == "● no decay    ■ decay 0.9"
    assert figure.layout.title.text.startswith("LoRA: 3.1 %")


def test_all_layers_far_ahead_and_runs_without_them(store: RunStore) -> None:
    rows = [sample.cell("head", 100, accuracy=0.6), sample.cell("pretrained", 100, accuracy=0.8)]
    frame = tables.unfreeze_frame(sample.run_with(store, rows, arms="head,pretrained"))
    assert unfreeze.draw(frame).layout.title.text == "All layers are 20 points ahead of head only, the next best"
    frame = tables.unfreeze_frame(sample.run_with(store, rows[:1], arms="head"))
    assert unfreeze.draw(frame).layout.title.text == "Head only is right on 60 % of 1,037 test texts"


def test_guessed_depths(store: RunStore) -> None:
    run = sample.unfreeze_run(store)
    frame = tables.unfreeze_frame(run)
    marks = guessed(run, "unfreeze", frame, head=0.65)
    before = unfreeze.draw(frame.head(0), marks)
    assert list(before.data[0].x) == ["Head only", "Top 2 layers", "All layers", "LoRA"]
    after = named(unfreeze.draw(frame, marks), "guess")
    assert (after.x[0], after.y[0]) == (148_610, pytest.approx(65))


# ── domains ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_matrix_marks_what_is_below_the_most_frequent_class(store: RunStore) -> None:
    frame = tables.domain_frame(sample.domains_run(store))
    figure = domain_matrix.draw(frame, "bow")
    below = frame[(frame["arm"] == "bow") & frame["is_below"]]
    texts = [text for text in figure.data[0].text if text.startswith("▼")]
    assert len(texts) == len(below) == 2
    assert "▼ 54.0" in texts
    assert figure.layout.title.text == (
        "Away from home, bag of words loses 13 points on average; 2 of 12 are below the most frequent class"
    )
    assert sum(shape.line.width == 3 for shape in figure.layout.shapes) == 2
    assert list(figure.layout.yaxis.ticktext) == [*sample.DOMAINS, "most frequent class"]
    assert figure.data[0].text[-1] == "65.2"  # tweets: 212 of 325 are positive
    hover = figure.data[0].hovertext[3]
    assert "24.0 points below a model trained at home" in hover
    assert "95 % interval 51.5 % to 56.5 %" in hover
    assert "▼ below the most frequent class, 65.2 %" in hover


def test_a_matrix_without_negative_transfer_and_with_guesses(store: RunStore) -> None:
    run = sample.domains_run(store)
    frame = tables.domain_frame(run)
    marks = guessed(run, "domains", frame, pretrained_movies_tweets=0.7)
    figure = domain_matrix.draw(frame, "pretrained", marks)
    assert figure.layout.title.text.endswith("none is below the most frequent class")
    assert figure.data[0].text[3] == "66.0<br>○ 70"
    before = domain_matrix.draw(frame.head(0), "pretrained", marks, dark=True)
    assert list(before.data[0].text) == ["○ 50", "○ 70", "○ 50"]
    assert before.layout.title.text == "Your guess, before the result is shown"


def test_one_domain_at_home_and_a_half_filled_matrix(store: RunStore) -> None:
    rows = [sample.cell("bow", 100, accuracy=0.7)]
    frame = tables.domain_frame(sample.run_with(store, rows, domains="movies,tweets", arms="bow"))
    assert domain_matrix.draw(frame, "bow").layout.title.text == "Bag of words is right on 70 % at home"
    rows = [sample.cell("bow", 100, accuracy=0.7, dataset="movies", test_dataset="tweets")]
    frame = tables.domain_frame(sample.run_with(store, rows, domains="movies,tweets", arms="bow"))
    title = domain_matrix.draw(frame, "bow").layout.title.text
    assert title == "Bag of words away from home, 1 tested: none is below the most frequent class"


def test_the_gain_is_told_in_points_with_its_chance(store: RunStore) -> None:
    frame = transfer_leads.gain_frame(tables.domain_frame(sample.domains_run(store)))
    figure = domain_gain.draw(frame)
    assert figure.layout.title.text == (
        "Reading the target's texts first gains 1.0 points away from home; open without predictions whether by chance"
    )
    assert set(figure.data[0].text) == {"+1.0"}
    loss = frame.assign(gain=-0.1, low=-0.15, high=-0.05, is_sure=True, is_paired=True)
    figure = domain_gain.draw(loss)
    assert figure.layout.title.text.endswith("loses 10.0 points away from home; 12 of 12 changes are beyond chance")
    assert figure.data[0].text[0] == "<b>−10.0</b>"


def test_text_stands_out_on_every_ground() -> None:
    assert heat.ink_on((255, 255, 255)) == theme.INK
    assert heat.ink_on((34, 84, 132)) == "#FFFFFF"
    ramp = heat.Ramp((0, 0, 0), (100, 100, 100), (200, 200, 200), (50, 90))
    assert [ramp.at(value) for value in (10, 50, 70, 80, 99)] == [
        (0, 0, 0),
        (0, 0, 0),
        (100, 100, 100),
        (150, 150, 150),
        (200, 200, 200),
    ]


# ── what moved ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_layers_stay_or_move(store: RunStore) -> None:
    frame = tables_moved.cka_frame(sample.curves_run(store))
    figure = moved_cka.draw(frame)
    assert figure.layout.title.text == (
        "Fine-tuning moved layer 6 most, to a similarity of 0.41; the embeddings keep 0.998"
    )
    assert list(figure.data[0].x) == pytest.approx([0.998, 0.99, 0.97, 0.93, 0.84, 0.66, 0.41])
    assert figure.layout.xaxis.range[0] == 0
    assert figure.layout.xaxis.title.text == "linear CKA (1 = nothing moved)"
    still = moved_cka.draw(frame.assign(cka=0.995))
    assert still.layout.title.text == "Fine-tuning moved next to nothing: every layer stays above 0.99"


def test_guessed_similarities(store: RunStore) -> None:
    run = sample.curves_run(store)
    frame = tables_moved.cka_frame(run)
    marks = guessed(run, "moved", frame, embeddings=0.9)
    assert list(named(moved_cka.draw(frame, marks), "guess").x) == pytest.approx([0.9, 0.5])
    before = moved_cka.draw(frame.head(0), marks)
    assert list(before.data[0].y) == ["embeddings", "layer 6"]
    assert before.layout.title.text == "Your guess, before the result is shown"


def test_texts_lie_on_equal_axes_and_carry_marks(store: RunStore) -> None:
    frame = tables_moved.plane_frame(sample.curves_run(store))
    figure = moved_plane.draw(frame)
    before, after = (tables_moved.separation(frame, phase) for phase in ("before", "after"))
    assert after == 1.0
    assert figure.layout.title.text == (
        f"The nearest class center is the right one for {before * 100:.0f} % of the texts before and for 100 % after"
    )
    assert len(figure.data) == 4
    assert {trace.marker.symbol for trace in figure.data} == {"triangle-down", "circle"}
    for phase, x_axis, y_axis in (("before", "xaxis", "yaxis"), ("after", "xaxis2", "yaxis2")):
        most = frame.loc[frame["phase"] == phase, ["x", "y"]].abs().to_numpy().max()
        assert figure.layout[x_axis].range == figure.layout[y_axis].range == pytest.approx((-1.06 * most, 1.06 * most))
    assert figure.layout.yaxis2.scaleanchor == "x2"
    assert "▼ negative" in figure.layout.annotations[-1].text
    many = moved_plane.draw(frame.assign(label=[f"topic {i % 9}" for i in range(len(frame))]))
    assert many.layout.annotations[-1].text.endswith("and 3 more")


def test_words_of_a_text_are_cut_and_safe(store: RunStore) -> None:
    frame = tables_moved.plane_frame(sample.curves_run(store)).assign(text="<b>" + "long " * 60)
    hover = moved_plane.draw(frame).data[0].hovertext[0]
    assert "&lt;b&gt;long" in hover
    assert hover.endswith("…")


def test_empty_figures_say_what_is_missing(nothing: Run) -> None:
    curves, depths, domains = (
        build(nothing) for build in (tables.curve_frame, tables.unfreeze_frame, tables.domain_frame)
    )
    figures = (
        learning_curve.draw(curves),
        unfreeze.draw(depths),
        domain_matrix.draw(domains, "bow"),
        domain_gain.draw(transfer_leads.gain_frame(domains)),
        moved_cka.draw(tables_moved.cka_frame(nothing)),
        moved_plane.draw(tables_moved.plane_frame(nothing)),
    )
    for figure in figures:
        assert not figure.data
        assert figure.layout.title.text
        assert figure.layout.annotations[0].text


def test_arms_of_this_page_have_colors() -> None:
    for arm in ("pretrained", "frozen", "scratch", "bow", "zero-shot", "adapted", "lora", "head", "top2"):
        light, dark = (arm_style.color(arm, is_dark) for is_dark in (False, True))
        assert light != theme.UNKNOWN
        assert light != dark
