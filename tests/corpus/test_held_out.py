"""What counts as a validation or test text inside another text."""

from __future__ import annotations

import pytest

from distill_core.corpus.held_out import HeldOut, words

TEXTS = (
    "A gorgeous, witty, seductive movie.",
    "great product",
    "It broke after a week of use. I want my money back now!",
    ":-)",
)


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return HeldOut(TEXTS)


@pytest.mark.parametrize(
    "text",
    [
        "A gorgeous, witty, seductive movie.",
        "a GORGEOUS ,  witty seductive movie",
        "He called it “a gorgeous, witty, seductive movie” and left.",
        "Great product!",
        "it broke after a week of use",
        "They said: it broke after a week of use, and so on.",
        "I want my money back now.",
        ":-)",
    ],
)
def test_is_in(held_out: HeldOut, text: str) -> None:
    assert held_out.is_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It is a great product for children.",  # two words alone say nothing
        "A gorgeous, witty and seductive movie.",
        "agorgeous witty seductive movie",
        "gorgeous, witty, seductive",
        ":-(",
    ],
)
def test_is_not_in(held_out: HeldOut, text: str) -> None:
    assert not held_out.is_in(text)


def test_near(held_out: HeldOut) -> None:
    assert held_out.is_near("it broke after a week of use , i want a refund")
    assert held_out.is_near("A gorgeous, witty, seductive movie, mostly.")
    assert not held_out.is_near("it broke after some days in the sun and nobody helped me")
    assert not held_out.is_near("great product")  # no sequence of three words
    assert not held_out.is_near("")


def test_words_are_those_of_the_splits_without_signs() -> None:
    assert words("  Groß—ARTIG, don’t_stop 5x!") == ("gross", "artig", "don", "t", "stop", "5x")
    assert len(HeldOut(TEXTS)) == 4
