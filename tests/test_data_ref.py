"""The one text form of a data set: what reads, what it means, and what is refused."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from distill_core.data_ref import MAX_CHARS, DataRef, Ref, of_file, parse, split_list
from distill_core.errors import SpecError


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("movies", Ref("named", "movies")),
        (" topics ", Ref("named", "topics")),
        ("none", Ref("named", "none")),
        ("questions:nyt", Ref("named", "questions:nyt")),
        ("file:own.csv", Ref("file", "own.csv")),
        ("file:/data/a 'b'.csv", Ref("file", "/data/a 'b'.csv")),
        ("file:C:\\data\\a.csv", Ref("file", "C:\\data\\a.csv")),
        ("file:a.csv#text=review,label=stars", Ref("file", "a.csv", "review", "stars")),
        ("file:a.csv#text=review", Ref("file", "a.csv", "review")),
        ("file:a.csv#label=stars", Ref("file", "a.csv", "text", "stars")),
        ("file:a%23b%2Cc.csv#text=a%2C b", Ref("file", "a#b,c.csv", "a, b")),
        ("file:a.csv#text=how = good?", Ref("file", "a.csv", "how = good?")),
    ],
)
def test_each_form_reads_and_prints_itself(text: str, ref: Ref) -> None:
    assert parse(text) == ref
    assert str(ref) == text.strip()


@pytest.mark.parametrize(
    "path",
    ["/a/50%.csv", "/a/100%25.csv", "/a/x%2cy.csv", "/a,b#c.csv", "/a#text=b,label=c.csv", "/a%2523", "ä 漢.csv"],
)
@pytest.mark.parametrize("column", ["text", "a,b", "a#label=b", "50 %", "%2C", " x ", "ä=漢", "#", "\t"])
def test_whatever_a_file_and_its_columns_are_called_survives(path: str, column: str) -> None:
    ref = of_file(path, column, f"{column}2")
    assert parse(str(ref)) == ref
    assert parse(json.loads(json.dumps(str(ref)))) == ref


@pytest.mark.parametrize("path", ["/a/50%.csv", "/a%20b.csv", "/a#b.csv", "/a,b.csv", "/100%zz.csv"])
def test_an_older_reference_means_the_same_file(path: str) -> None:
    """Before there were columns in a reference, the path stood there as it is."""
    assert parse(f"file:{path}") == Ref("file", path)


def test_a_list_with_commas_is_split_between_references_alone() -> None:
    refs = [of_file("/a,b.csv", "x,y", "label=z"), parse("movies"), of_file("c.csv", label_column="z"), parse("topics")]
    assert [parse(part) for part in split_list(" , ".join(map(str, refs)))] == refs
    assert [parse(part) for part in split_list(",".join(map(str, refs)))] == refs
    assert split_list(" ") == []


def test_results_name_a_file_without_its_columns() -> None:
    assert of_file("/a#b.csv", "review", "stars").key == "file:/a#b.csv"
    assert parse("movies").key == "movies"


def test_only_a_file_has_columns_to_choose() -> None:
    assert parse("movies").with_columns("a", "b") == parse("movies")
    assert parse("file:a.csv#text=c").with_columns("a", "b") == Ref("file", "a.csv", "a", "b")
    assert [parse(text).is_file for text in ("movies", "file:a.csv")] == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file:", "names no file"),
        ("file:#text=a", "names no file"),
        ("file:a.csv#text=", "name of a column has 0 characters"),
        (f"file:a.csv#label={'x' * 201}", "name of a column has 201 characters"),
        ("file:a.csv#text=a,title=b", "Unknown column 'title=b'"),
        ("file:a.csv#text=a,b", "Unknown column 'b'"),
        ("a" * (MAX_CHARS + 1), "has 1,025 characters"),
        ("file:a\0.csv", "zero byte"),
    ],
)
def test_what_is_refused_says_why_and_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        parse(text)
    assert caught.value.hint


def test_a_field_takes_text_and_gives_text() -> None:
    class Request(BaseModel):
        dataset: DataRef

    request = Request(dataset="file:a.csv#text=review")
    assert request.dataset == Ref("file", "a.csv", "review")
    assert request.model_dump(mode="json") == {"dataset": "file:a.csv#text=review"}
    assert Request(dataset=request.dataset) == request
    assert Request.model_json_schema()["properties"]["dataset"]["type"] == "string"
