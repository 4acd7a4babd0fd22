"""Figures of Soft labels: values, computed titles, units, texts from outside, and the empty case."""

from __future__ import annotations

import numpy as np
import pytest

from distill_core.figures import gradient_scale, logit_pulls, loss_weights, soft_labels
from distill_core.tables import soft_labels as tables_soft_labels
from distill_core.tables.soft_labels import Scene

NAMES = ("business", "entertainment", "politics", "sports", "tech")
TEACHER = np.array([7.0, -1.0, 2.0, -2.0, 4.0])


def scene(**more: object) -> Scene:
    values = {"label_names": NAMES, "label": 0, "teacher": TEACHER, "student": np.zeros(5), "temperature": 4.0}
    return Scene(**{**values, **more})  # type: ignore[arg-type]


def drawn_labels(one: Scene, **more: bool) -> object:
    return soft_labels.draw(tables_soft_labels.distributions(one), one.temperature, **more)


# ── distributions ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dark", [False, True])
def test_three_panels_show_percent_and_bits(dark: bool) -> None:
    figure = drawn_labels(scene(), dark=dark)
    shares = tables_soft_labels.distributions(scene())
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [list(bar.x) for bar in bars] == [
        pytest.approx((shares[column] * 100).tolist()) for column in ("hard", "tau_1", "softened")
    ]
    heads = [note.text for note in figure.layout.annotations]
    assert heads == ["<b>Hard label</b><br>0 bits", "<b>τ = 1</b><br>0.33 bits", "<b>τ = 4</b><br>1.88 bits"]
    assert figure.layout.xaxis2.title.text == "share (%), above it the entropy"
    assert figure.layout.xaxis.range == figure.layout.xaxis3.range == (0, 122)
    assert figure.data[0].y[0] == "<b>business</b>"
    assert "entropy 1.9 bits = 1.3 nats" in bars[2].hovertext[4]


def test_the_title_is_computed() -> None:
    frame = tables_soft_labels.distributions(scene())
    hidden = frame.loc[~frame["is_label"], "softened"].sum()
    assert round(hidden * 100) == 50
    assert soft_labels.title(frame, 4.0) == "At τ = 4 the teacher gives 50 % to the other classes, most to tech"


def test_the_title_says_when_the_teacher_contradicts_the_label() -> None:
    frame = tables_soft_labels.distributions(scene(label=4))
    assert soft_labels.title(frame, 4.0) == "At τ = 4 the teacher gives 50 % to business, though the label is tech"


def test_the_title_for_two_classes() -> None:
    two = scene(label_names=("negative", "positive"), teacher=np.array([3.0, 0.0]), student=np.zeros(2))
    frame = tables_soft_labels.distributions(two)
    assert soft_labels.title(frame, 4.0) == "At τ = 4 the teacher gives 32 % to positive, the hard label 0 %"


def test_entropies_come_in_both_units() -> None:
    sentence = soft_labels.entropy_sentence(tables_soft_labels.distributions(scene()), 4.0)
    assert "hard label: 0 bits (0 nats); τ = 1: 0.33 bits (0.23 nats); τ = 4: 1.88 bits (1.30 nats)" in sentence
    assert "5 classes allow 2.32 bits at most" in sentence


def test_tiny_shares_are_not_called_nothing() -> None:
    assert soft_labels.share_text(0.0) == "0 %"
    assert soft_labels.share_text(1e-6) == "&lt; 0.1 %"
    assert soft_labels.share_text(1 - 1e-6) == "&gt; 99.9 %"
    assert soft_labels.share_text(1.0) == "100 %"
    assert soft_labels.share_text(0.0472) == "4.7 %"


def test_class_names_from_outside_are_text_and_short() -> None:
    names = ("<b>bold</b>", "a class with a very long name indeed", *NAMES[2:])
    figure = drawn_labels(scene(label_names=names))
    assert figure.data[0].y[0] == "<b>&lt;b&gt;bold&lt;/b&gt;</b>"
    assert figure.data[0].y[1] == "a class with a ve…"
    assert "<b>bold" not in soft_labels.title(tables_soft_labels.distributions(scene(label_names=names, label=4)), 4.0)


def test_long_bars_carry_their_text_inside() -> None:
    figure = drawn_labels(scene())
    text = figure.data[1]
    assert text.textposition[0] == "middle left"
    assert text.textposition[1] == "middle right"


def test_fifty_classes_stay_readable() -> None:
    many = tuple(f"class {index}" for index in range(50))
    figure = drawn_labels(scene(label_names=many, teacher=np.linspace(0, 8, 50), student=np.zeros(50)))
    assert len(figure.data[0].y) == tables_soft_labels.MOST_ROWS
    assert figure.data[0].y[-1] == "41 others"
    assert figure.layout.height < 500


def test_no_text_is_an_empty_figure_with_a_hint() -> None:
    frame = tables_soft_labels.distributions(scene()).head(0)
    figure = soft_labels.draw(frame, 4.0)
    assert figure.layout.title.text == "No text yet"
    assert not figure.data


# ── the loss ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_weight_fills_its_term_and_the_sum_is_stacked() -> None:
    one = scene(soft=0.25, hard=1.0)
    terms = tables_soft_labels.terms(one).set_index("term")
    figure = loss_weights.draw(tables_soft_labels.terms(one))
    outline, soft, hard, ends = figure.data
    assert list(outline.y) == ["Soft targets", "Labels", "Cosine", "Sum"]
    assert outline.x[0] == pytest.approx(terms.loc["soft", "value"])
    assert outline.x[2] is None
    assert soft.x[0] == pytest.approx(terms.loc["soft", "value"] / 4)
    assert list(hard.base) == [0, pytest.approx(soft.x[0])]
    assert hard.base[1] + hard.x[1] == pytest.approx(terms.loc["loss", "value"])
    assert ends.text[0] == " 0.25 × 4.9 = <b>1.23</b>"
    assert ends.text[2] == " needs hidden states, not on this page"
    assert figure.layout.xaxis.title.text == "loss on this text (nats)"
    assert figure.layout.xaxis.range[0] == 0
    assert loss_weights.title(tables_soft_labels.terms(one)) == "The soft targets make up 43 % of a loss of 2.83 nats"


def test_without_weights_there_is_nothing_to_learn() -> None:
    figure = loss_weights.draw(tables_soft_labels.terms(scene(soft=0.0, hard=0.0)))
    assert figure.layout.title.text == "Both weights are 0: nothing would be learned"
    assert not figure.data


def test_a_student_that_agrees_has_no_loss() -> None:
    terms = tables_soft_labels.terms(scene(student=TEACHER, hard=0.0))
    assert "this text has no loss" in loss_weights.title(terms)
    assert loss_weights.draw(terms).layout.xaxis.range[1] > 0


# ── pulls ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_pulls_are_negative_gradients_on_one_scale() -> None:
    frame = tables_soft_labels.gradients(scene())
    figure = logit_pulls.draw(frame)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [list(bar.x) for bar in bars] == [
        pytest.approx((-frame[name]).tolist()) for name in ("soft", "hard", "loss")
    ]
    assert figure.layout.xaxis.range == figure.layout.xaxis2.range == figure.layout.xaxis3.range
    assert figure.layout.xaxis2.title.text == "pull on the logit, −∂L/∂z (nats per unit)"
    assert "raise the logit of tech" in bars[0].hovertext[4]
    assert "the hard label gives 0 %, the student 20 %" in bars[1].hovertext[4]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, "The label lowers every class but business; the soft targets raise tech"),
        ({"soft": 0.0}, "The label alone raises business and lowers every other class"),
        ({"hard": 0.0}, "The soft targets alone raise business and tech"),
        ({"student": np.array([20.0, 0, 0, 0, 0]), "hard": 0.0}, "entertainment, politics, sports and 1 more"),
        (
            {"label_names": ("no", "yes"), "teacher": np.array([2.0, 0.0]), "student": np.zeros(2)},
            "Soft targets and label agree: both raise no",
        ),
    ],
)
def test_the_title_tells_where_the_terms_disagree(changes: dict[str, object], wanted: str) -> None:
    assert wanted in logit_pulls.title(tables_soft_labels.gradients(scene(**changes)))


def test_a_student_surer_than_its_teacher_is_turned_to_the_other_class() -> None:
    two = scene(label_names=("no", "yes"), teacher=np.array([1.0, 0.0]), student=np.array([1.5, 0.0]), temperature=1.0)
    title = logit_pulls.title(tables_soft_labels.gradients(two))
    assert title == "The label lowers every class but no; the soft targets raise yes"


def test_no_pull_is_an_empty_figure() -> None:
    figure = logit_pulls.draw(tables_soft_labels.gradients(scene(soft=0.0, hard=0.0)))
    assert figure.layout.title.text == "Nothing pulls at the student"
    assert not figure.data


# ── the factor τ² ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_factor_is_drawn_over_the_temperature() -> None:
    frame = tables_soft_labels.scale(scene())
    figure = gradient_scale.draw(frame, 4.0)
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.yaxis.title.text == "length of the gradient, ‖∂L/∂z‖"
    assert figure.layout.yaxis.range[0] == 0
    scaled, plain = figure.data[3].y
    assert scaled == pytest.approx(16 * plain)
    assert {note.text for note in figure.layout.annotations} == {"With × τ²", "Without", "Label"}
    assert list(figure.data[0].y)[-1] == pytest.approx(frame["with_square"].iloc[-1])


@pytest.mark.parametrize(
    ("temperature", "wanted"),
    [
        (4.0, "At τ = 4 the factor τ² makes the soft targets pull 16 times as hard"),
        (0.5, "At τ = 0.5 the factor τ² makes the soft targets pull 0.25 times as hard"),
        (1.0, "At τ = 1 the factor τ² changes nothing"),
    ],
)
def test_the_title_says_what_the_factor_is_worth(temperature: float, wanted: str) -> None:
    assert wanted in gradient_scale.title(tables_soft_labels.scale(scene(temperature=temperature)), temperature)


def test_the_title_when_both_agree() -> None:
    frame = tables_soft_labels.scale(scene(student=TEACHER))
    assert gradient_scale.title(frame, 4.0).startswith("Teacher and student agree")


def test_no_student_is_an_empty_figure() -> None:
    figure = gradient_scale.draw(tables_soft_labels.scale(scene()).head(0), 4.0)
    assert figure.layout.title.text == "No student yet"
