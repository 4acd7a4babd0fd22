"""The rules against sentences that a person has split."""

from __future__ import annotations

import pytest

from distill_core.corpus import sentence_rules
from distill_core.corpus.sentence_rules import clean, fault, split

SPLIT_BY_HAND = [
    (["It rained all day.", "We stayed in!", "Why not?", "Then it stopped."],),
    (["Mr. Bennet made no answer.", "Dr. J. Smith of the U.S. Navy did."],),
    (["The hon. Member for St. Ives spoke at 5 p.m.", "The House rose."],),
    (["I said no.", "He did not hear."],),
    (["See No. 5 and Fig. 2 for the rest."],),
    (['"Who is there?" he asked.', '"It is I."', "“Come in!”", "(She waited.)", "He came."],),
    (["Version 3.11 costs 4.50 dollars.", "12 were sold…", "Then none."],),
    (["The so-called e.g. and i.e. are Latin."],),
    (["It was I.", "You know it."],),
    (["no capital follows. so the rules see one sentence."],),
]


@pytest.mark.parametrize("sentences", [case[0] for case in SPLIT_BY_HAND], ids=lambda case: case[0])
def test_split_as_a_person_would(sentences: list[str]) -> None:
    assert split(" ".join(sentences)) == sentences


def test_a_dash_between_two_sentences_belongs_to_neither() -> None:
    assert split(clean("It was late.--Miss Taylor had married.")) == ["It was late.", "Miss Taylor had married."]


def test_nothing_has_no_sentences() -> None:
    assert split("") == []
    assert split(clean(" \n\t\u200b")) == []


def test_a_long_sentence_is_cut_at_its_semicolons() -> None:
    clause = " ".join(["word"] * 35)
    assert split(f"{clause}; {clause}.") == [f"{clause};", f"{clause}."]
    short = "one clause here; and another one there."
    assert split(short) == [short]


def test_no_letter_is_lost() -> None:
    text = clean('A. B said: "Go!" Then Mr. C went... Where? ' * 20)
    assert "".join("".join(split(text)).split()) == "".join(text.split())


def test_clean() -> None:
    assert clean("cafe\u0301  and\nsoft\u00adware\u200b") == "café and software"
    assert clean("it was _very_ good, snake_case_name is code") == "it was very good, snake_case_name is code"
    assert clean("We did it. [Laughter] Thank you. [Applause]") == "We did it. Thank you."
    assert clean("a quote [of mine] stays") == "a quote [of mine] stays"
    assert clean("came--a sorrow — and went; use --option here") == "came — a sorrow — and went; use --option here"


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("one two three four", "short"),
        ("one two three four five", None),
        (" ".join(["word"] * 60), None),
        (" ".join(["word"] * 61), "long"),
        ("1 2 3 4 5 6 seven", "symbols"),
        ("| --- | --- | a b c |", "symbols"),
        ("Größe zählt für viele Öfen.", None),
    ],
)
def test_fault(sentence: str, expected: str | None) -> None:
    assert fault(sentence) == expected


def test_the_bounds_are_those_of_the_notes() -> None:
    assert (sentence_rules.MIN_WORDS, sentence_rules.MAX_WORDS) == (5, 60)
