"""The one text form of a model: what reads, what it means, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from distill_core import families
from distill_core.errors import SpecError
from distill_core.model_ref import ModelRef, Ref, parse

ADAPTER = TypeAdapter(ModelRef)


@pytest.mark.parametrize(
    ("text", "source", "name"),
    [
        ("bert@structure", "structure", "bert"),
        ("gpt@mini", "mini", "gpt"),
        ("t5@hub", "hub", "t5"),
        ("distilbert@sst2", "sst2", "distilbert"),
        ("minilm", "minilm", "minilm"),
        ("  minilm ", "minilm", "minilm"),
        ("run:000012-a1b2c3", "run", "000012-a1b2c3"),
        ("hub:google-bert/bert-base-uncased", "hub_repo", "google-bert/bert-base-uncased"),
        ("hub:gpt2", "hub_repo", "gpt2"),
        ("path:models/my model", "path", "models/my model"),
        ("path:C:\\models\\a", "path", "C:\\models\\a"),
    ],
)
def test_each_form_reads_and_prints_itself(text, source, name):
    ref = parse(text)
    assert ref == Ref(source, name)
    assert str(ref) == text.strip()
    assert parse(str(ref)) == ref


def test_every_family_has_the_four_sources():
    for family in families.FAMILIES:
        for source in ("structure", "mini", "hub", "sst2"):
            ref = parse(f"{family.key}@{source}")
            assert ref.family is family
            assert str(ref) == f"{family.key}@{source}"


def test_short_names():
    named = {"bert@structure": "BERT", "distilbert@mini": "DistilBERT mini", "minilm": "MiniLM", "gpt@hub": "gpt@hub"}
    assert {text: parse(text).title for text in named} == named
    assert parse("path:models/a").title == "path:models/a"


def test_only_a_reference_that_names_a_family_has_one():
    assert parse("minilm").family is families.get("bert")
    for text in ("run:000012-a1b2c3", "hub:org/bert", "path:bert"):
        assert parse(text).family is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "bert",
        "BERT@structure",
        "bert@",
        "@structure",
        "bert@pickle",
        "bert@structure@mini",
        "gpt2@hub",
        "run:",
        "run:../../etc",
        "run:a/b",
        "run:..",
        "run:a\0b",
        "run:-rf",
        "run:" + "a" * 200,
        "hub:",
        "hub:../x",
        "hub:a/../b",
        "hub:a/b/c",
        "hub:/etc/passwd",
        "hub:a b",
        "hub:https://x.org/m",
        "path:",
        "path:a\0b",
        "file:x",
        "minilm2",
        "\0",
        "🤖@structure",
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(text):
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert caught.value.hint
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("text", ["{}", "{}@hub", "bert@{}", "run:{}"])
def test_a_huge_name_is_not_thrown_back_in_full(text):
    with pytest.raises(SpecError) as caught:
        parse(text.format("x" * 10**6))
    assert len(str(caught.value)) < 600


def test_in_json_a_reference_is_its_text():
    ref = ADAPTER.validate_python("bert@structure")
    assert isinstance(ref, Ref)
    assert ADAPTER.validate_python(ref) is ref
    assert ADAPTER.dump_json(ref) == b'"bert@structure"'
    assert ADAPTER.json_schema()["type"] == "string"
