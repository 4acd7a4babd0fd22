"""Own CSV files: every encoding, delimiter and mistake that a student's file can hold, and bytes that are no file."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

import pandas as pd
import pytest

from distill_core.datasets import catalogue, csv_files, dataset, splits, uploads
from distill_core.errors import DataError, SpecError
from distill_core.settings import settings

CASES = Path(__file__).resolve().parent.parent / "cases"


def rows(count: int = 20, labels: tuple[str, ...] = ("no", "yes")) -> list[tuple[str, str]]:
    return [(f"ein schöner Text Nummer {row} 🙂", labels[row % len(labels)]) for row in range(count)]


def csv(pairs: list[tuple[str, str]], header: str = "text,label") -> str:
    return "\n".join([header, *(f'"{text}",{label}' for text, label in pairs)]) + "\n"


def read(text: str) -> dataset.Dataset:
    return uploads.read_csv(text.encode())


def has_note(data: dataset.Dataset, part: str) -> bool:
    return any(part in note for note in data.notes)


# ── what is accepted ─────────────────────────────────────────────────────────────────────────────────────────


def test_plain_file() -> None:
    data = read(csv(rows()))
    assert data.label_names == ("no", "yes")
    assert list(data.frame.columns) == ["id", "text", "label", "split"]
    assert str(data.frame["label"].dtype) == "int64"
    assert data.frame["text"].iloc[1] == "ein schöner Text Nummer 1 🙂"
    assert data.frame["id"].iloc[0] == "line-2"
    assert {name: len(data.split(name)) >= 2 for name in splits.SPLITS} == dict.fromkeys(splits.SPLITS, True)
    assert data.split("test")["label"].nunique() == 2
    assert has_note(data, "Read as UTF-8, cells separated by comma")
    assert read(csv(rows())).frame.equals(data.frame)


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1", "utf-8"]
)
def test_encodings(encoding: str) -> None:
    text = csv([(text.replace(" 🙂", ""), label) for text, label in rows()])
    data = uploads.read_csv(text.encode(encoding))
    assert data.frame["text"].iloc[0] == "ein schöner Text Nummer 0"
    assert has_note(data, "Check a text with accents") == (encoding in ("cp1252", "latin-1"))


@pytest.mark.parametrize(("delimiter", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(delimiter: str, name: str, newline: str) -> None:
    lines = [f"label{delimiter}text", *(f'{row % 2}{delimiter}"one; two, | {row}"' for row in range(12))]
    data = uploads.read_csv(newline.join(lines).encode())
    assert data.frame["text"].iloc[3] == "one; two, | 3"
    assert has_note(data, f"separated by {name}")


def test_tab_separated_texts_with_bare_quotes() -> None:
    lines = ["text\tlabel", *(f'"so" he said {row}\t{row % 2}' for row in range(12))]
    assert read("\n".join(lines)).frame["text"].iloc[0] == '"so" he said 0'


def test_quoted_line_breaks_and_other_columns() -> None:
    lines = ["id,label,text", *(f'{row},{row % 2},"first\nsecond ""{row}"""' for row in range(12))]
    data = read("\n".join(lines))
    assert data.frame["text"].iloc[2] == 'first\nsecond "2"'


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("10", "9"), ("9", "10")),
        (("1.0", "0.0"), ("0", "1")),
        (("4.5", "-1"), ("-1", "4.5")),
        (("b", "A"), ("A", "b")),
    ],
)
def test_label_names_are_sorted(labels: tuple[str, str], expected: tuple[str, str]) -> None:
    assert read(csv(rows(labels=labels))).label_names == expected


def test_right_to_left_combining_marks_and_html_pass() -> None:
    odd = ["שלום עולם", "مرحبا", "e\u0301te\u0301", "<script>alert(1)</script>", "javascript:alert(1)", "=1+1"]
    data = read(csv([*((text, "a") for text in odd), *rows()]))
    assert data.frame["text"].tolist()[:6] == odd


def test_rows_without_text_or_label_are_dropped_with_a_note() -> None:
    data = read(csv([*rows(), ("", "no"), ("  ", "no"), ("text", "")]) + "\n\nonly\n")
    assert len(data.frame) == 20
    assert has_note(data, "4 of 24 rows without a text or a label were dropped")


@pytest.mark.parametrize("name", ["None", "NA", "null", "nan", "N/A"])
def test_only_an_empty_cell_is_missing(name: str) -> None:
    """Namibia, North America and the French for a draw are classes like others; a note names what may be meant."""
    data = read(csv([*rows(40, (name, "some", "zz")), ("NULL", "some")]))
    assert set(data.label_names) == {name, "some", "zz"}
    assert len(data.frame) == 41
    assert has_note(data, f"Kept: the class {name!r}, texts that say only nan, null or the like (1)") == (
        name != "None"
    )
    assert not any("Kept" in note for note in read(csv(rows(labels=("None", "some")))).notes)


def test_a_file_with_the_class_na() -> None:
    data = uploads.read_csv(CASES / "class-na.csv")
    assert data.label_names == ("AS", "EU", "NA")
    assert data.frame["label"].value_counts().tolist() == [20, 20, 20]


@pytest.mark.parametrize(
    ("twins", "shown"),
    [
        (("Good", "good"), "'Good' and 'good'"),
        (("TRUE", "True", "true"), "'TRUE' and 'True' and 'true'"),
        (("very good", "very  good"), "'very  good' and 'very good'"),
        (("very good", "very\u00a0good"), r"'very good' and 'very\xa0good'"),
        (("good", "good\u200b"), r"'good' and 'good\u200b'"),
        (("caf\u00e9", "cafe\u0301"), r"'cafe\u0301' and 'caf\xe9'"),
        (("\uff21", "A"), "'A' and '\uff21'"),
        (("1", "01", "1.0"), "'01' and '1' and '1.0'"),
        (("0.50", "0.5"), "'0.5' and '0.50'"),
    ],
)
def test_labels_that_look_alike_are_named_and_stay_apart(twins: tuple[str, ...], shown: str) -> None:
    data = read(csv(rows(60, (*twins, "other"))))
    assert has_note(data, f"are classes of their own: {shown}. Write them alike")
    assert set(data.label_names) == {*twins, "other"}


@pytest.mark.parametrize("labels", [("good", "goods"), ("1", "10"), ("1", "-1"), ("a b", "ab"), ("e", "\u00e9")])
def test_labels_that_differ_in_letters_are_no_twins(labels: tuple[str, ...]) -> None:
    assert not has_note(read(csv(rows(labels=labels))), "classes of their own")


def test_a_file_of_label_twins() -> None:
    named = next(note for note in uploads.read_csv(CASES / "label-twins.csv").notes if "classes of their own" in note)
    for group in (
        "'01' and '1' and '1.0'",
        "'TRUE' and 'true'",
        r"'good' and 'good\u200b'",
        r"'cafe\u0301' and 'caf\xe9'",
    ):
        assert group in named
    assert "'bad'" not in named


def test_several_labels_in_a_cell_are_noted() -> None:
    data = read(
        csv(rows(60, ("sports", "politics", "sports;politics"))).replace("sports;politics", '"sports;politics"')
    )
    assert has_note(data, "Cells with several labels are classes of their own: 'sports;politics'. A text has one label")
    assert set(data.label_names) == {"sports", "politics", "sports;politics"}
    alone = read(csv(rows(60, ("a|b", "b|c", "a|c"))))
    assert has_note(alone, "classes of their own: 'a|b', 'a|c', 'b|c'.")


@pytest.mark.parametrize(
    "labels", [("Sci/Tech", "World"), ("A&E", "ER"), ("C++", "C"), ("a;", "a"), ("good", "not good")]
)
def test_a_sign_in_a_label_is_no_second_label(labels: tuple[str, str]) -> None:
    assert not has_note(read(csv([(text, f'"{label}"') for text, label in rows(labels=labels)])), "several labels")


def test_too_many_combinations_of_labels_are_refused_as_such() -> None:
    many = [f"topic{row // 10};topic{row % 10}" for row in range(100)]
    with pytest.raises(DataError) as caught:
        read(csv([(f"text {row}", f'"{label}"') for row, label in enumerate(many)]))
    assert caught.value.hint.startswith("Cells with several labels are classes of their own")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("title", ["My film reviews", "My film reviews{0}{0}", '"Autumn 2026"{0}', "-----\nTitle"])
def test_a_title_above_the_header_is_passed_over(title: str, delimiter: str) -> None:
    body = "\n".join(["text" + delimiter + "label", *(f"one {row}{delimiter}{row % 2}" for row in range(20))])
    plain, titled = read(body), read(f"{title.format(delimiter)}\n{body}")
    assert titled.frame.drop(columns="id").equals(plain.frame.drop(columns="id"))
    assert has_note(titled, "was passed over as a title")
    assert titled.frame["id"][0] == f"line-{3 + title.count(chr(10))}"
    found = uploads.columns(f"{title.format(delimiter)}\n{body}".encode())
    assert (found.text, found.label) == ("text", "label")


def test_a_header_is_not_taken_for_a_title() -> None:
    with pytest.raises(DataError) as caught:
        read("text\nwell, fine\nyes, good\n")
    assert caught.value.message == "Line 2 has 2 cells, but the header has 1."
    assert not has_note(read(csv(rows())), "title")


@pytest.mark.parametrize("rule", ["---", "---,---", "====,====", ":---,---:", "-----,"])
def test_a_line_that_draws_a_line_is_passed_over(rule: str) -> None:
    lines = csv(rows()).splitlines()
    data = read("\n".join([lines[0], rule, *lines[1:]]))
    assert has_note(data, "nothing but dashes and the like were passed over: 1.")
    assert data.frame["text"].tolist() == read(csv(rows())).frame["text"].tolist()
    assert data.label_names == ("no", "yes")


def test_a_text_of_dashes_with_a_label_stays() -> None:
    assert "---" in set(read(csv([*rows(), ("---", "no")])).frame["text"])


def test_nul_and_surrogates_are_cleaned() -> None:
    raw = csv(rows()).replace("Nummer 0", "Nu\0mmer \ud800").encode("utf-8", "surrogatepass")
    data = uploads.read_csv(raw)
    assert data.frame["text"].iloc[0] == "ein schöner Text Nummer \N{REPLACEMENT CHARACTER} 🙂"
    assert has_note(data, "2 characters that are no text")
    data.frame["text"].str.encode("utf-8")


def test_duplicates_and_conflicts_are_noted_and_stay_in_one_split() -> None:
    data = read(csv([*rows(40), *((text.upper(), "no") for text, _ in rows(40))]))
    assert has_note(data, "40 rows repeat an earlier text; 20 texts stand there with different labels")
    assert (data.frame["split"].groupby(data.frame["text"].str.lower()).nunique() == 1).all()


def test_rare_class_is_noted() -> None:
    data = read(csv([*rows(), ("one", "rare"), ("two", "rare")]))
    assert has_note(data, "Fewer than 3 rows: rare.")
    assert "rare" not in {data.label_names[label] for label in data.split("test")["label"]}


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────

REFUSED = {
    "empty": ("", "The file is empty"),
    "white space": (" \n\n ", "The file is empty"),
    "only commas": (",,\n,,\n", "The file is empty"),
    "header only": ("text,label\n", "a header line and no rows"),
    "one class": (csv(rows(labels=("no",))), "All labels are 'no'"),
    "nothing left": (csv([("", "a"), ("b", "")]), "No row has both a text and a label"),
    "too few": (csv(rows(8)), "8 different texts, too few"),
    "all rare": (csv([(f"t{row}", str(row // 2)) for row in range(20)]), "No class has 3 different texts"),
    "regression": (csv([(f"t{row}", f"{row / 7:.3f}") for row in range(100)]), "has 100 different labels"),
    "id": (csv([(f"t{row}", f"user{row}") for row in range(100)]), "has 100 different labels"),
    "long label": (csv(rows(labels=("x" * 101, "y"))), "A label has 101 characters"),
    "ragged": ("text,label\nwell, well,yes\n", "Line 2 has 3 cells, but the header has 2"),
    "quotes": ('text,label\n"open,yes\n', "quotation marks do not match"),
    "doubled column": ("text,label,label\na,b,c\n", "names the column 'label' twice"),
    "long text": (csv([("x" * 100_001, "no"), *rows()]), "1 texts are longer than 100,000 characters (line 2)"),
    "a megabyte in a cell": (csv([("x" * 2**20, "no"), *rows()]), "longer than 100,000"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_hint(case: str) -> None:
    content, message = REFUSED[case]
    with pytest.raises(DataError) as caught:
        read(content)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("magic", [b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"%PDF-1.7", b"\xd0\xcf\x11\xe0"])
def test_binary_files_are_named(magic: bytes) -> None:
    with pytest.raises(DataError, match="not a CSV file"):
        uploads.read_csv(magic + b"\0\1\2" * 50)


def test_missing_columns_are_listed_and_guessed() -> None:
    with pytest.raises(DataError) as caught:
        read(csv(rows(), header="Review,stars"))
    assert caught.value.message == "The file has no column 'text'. Its columns: 'Review', 'stars'."
    assert "text seems to be in 'Review' and the label in 'stars'" in caught.value.hint
    with pytest.raises(DataError) as caught:
        uploads.read_csv(csv(rows(), header="text,lable").encode())
    assert "Did you mean 'lable'?" in caught.value.hint
    with pytest.raises(DataError, match="are the same column"):
        uploads.read_csv(csv(rows()).encode(), "text", "text")
    with pytest.raises(DataError) as caught:
        read("just a sentence\nand another\n")
    assert "Only one column was found" in caught.value.hint


def test_a_first_line_of_data_is_named() -> None:
    """Whether the columns are the usual ones or a form has taken them from that line."""
    raw = (CASES / "no-header.csv").read_bytes()
    with pytest.raises(DataError) as caught:
        uploads.read_csv(raw)
    assert caught.value.hint == (
        "The first line looks like data: put a line with the names above it, for instance text,label."
    )
    found = uploads.columns(raw)
    data = uploads.read_csv(raw, found.text, found.label)
    assert has_note(data, "The first line looks like data, and was read as the names of the columns.")
    assert len(uploads.read_csv(b"text,label\n" + raw).frame) == 60


@pytest.mark.parametrize("labels", [("no", "yes"), ("labels", "texts")])
def test_a_header_is_not_taken_for_data(labels: tuple[str, str]) -> None:
    assert not has_note(read(csv([*rows(labels=labels), ("text", labels[0])])), "looks like data")


def test_a_file_of_two_texts_a_class_is_told_that_no_class_has_three() -> None:
    with pytest.raises(DataError) as caught:
        uploads.read_csv(CASES / "two-texts-a-class.csv")
    assert caught.value.message == "No class has 3 different texts: one each for training, validation and test."
    assert "100 different texts in 50 classes" in caught.value.hint


def test_columns_for_a_form() -> None:
    found = uploads.columns(csv([(f"{text} long", label) for text, label in rows()], header="q17,kind").encode())
    assert (found.names, found.text, found.label) == (("q17", "kind"), "q17", "kind")


def test_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILL_MAX_UPLOAD_ROWS", "19")
    settings.cache_clear()
    with pytest.raises(DataError, match="more than 19 rows"):
        read(csv(rows()))
    monkeypatch.setenv("DISTILL_MAX_UPLOAD_ROWS", "20")
    settings.cache_clear()
    assert len(read(csv(rows())).frame) == 20


def test_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(200 * 2**20)  # sparse: it takes no space
    with pytest.raises(DataError, match="200 MiB; 100 MiB are accepted"):
        uploads.read_csv(path)


@pytest.mark.parametrize(
    "name", ["", "x", "missing.csv", "../x.bin", "a\0.csv", "\ud800.csv", "x" * 5000 + ".csv", "/"]
)
def test_bad_paths(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((DataError, SpecError)):
        catalogue.load(f"file:{name}")


@pytest.mark.skipif(os.name == "nt", reason="devices and pipes are a matter of POSIX")
def test_folders_pipes_and_devices_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    for name in ("folder.csv", "pipe.csv", "device.csv", "loop.csv"):
        with pytest.raises(DataError):
            uploads.read_csv(tmp_path / name)


def test_file_name_as_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.csv").write_text(csv(rows(), header="review,stars"), encoding="utf-8")
    data = catalogue.load("file:own.csv#text=review,label=stars")
    assert (data.name, data.title, len(data.frame)) == ("file:own.csv", "own.csv", 20)


def test_kept_upload_can_be_loaded_by_name() -> None:
    name = uploads.keep(csv(rows()).encode())
    assert name == uploads.keep(csv(rows()).encode())
    assert len(catalogue.load(name).frame) == 20
    assert len(list((settings().cache_dir / "uploads").iterdir())) == 1


def test_fuzz_raises_nothing_but_data_errors() -> None:
    dice = random.Random(7)
    alphabet = [
        b",",
        b'"',
        b"\n",
        b"\r",
        b"\0",
        b"\xff",
        b"\xfe",
        b"text",
        b"label",
        b";",
        b"\t",
        b"\xed\xa0\x80",
        b"a",
    ]
    messages = []
    for round_ in range(600):
        size = dice.randrange(0, 200)
        noise = dice.randbytes(size) if round_ % 2 else b"".join(dice.choice(alphabet) for _ in range(size))
        for raw in (noise, b"text,label\n" + noise, csv(rows()).encode()[: size * 3] + noise):
            for use in (uploads.read_csv, uploads.columns):
                try:
                    use(raw)
                except DataError as error:
                    messages.append(error.message)
    assert len(messages) > 600
    assert all(messages)


# ── export ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_export_disarms_formulas_and_keeps_numbers() -> None:
    texts = ["=1+1", "+cmd", "-2+3", "@sum", "\tx", "\rx", "fine", "-5", "+1.5e3", None]
    frame = pd.DataFrame({"=head": texts, "value": [-1.5] * 10, "n": range(10)})
    out = uploads.safe_csv(frame)
    back = pd.read_csv(io.StringIO(out), dtype=str, keep_default_na=False, lineterminator="\n")
    assert list(back.columns) == ["'=head", "value", "n"]
    assert back["'=head"].tolist()[:5] == ["'=1+1", "'+cmd", "'-2+3", "'@sum", "'\tx"]
    assert back["'=head"].tolist()[6:] == ["fine", "-5", "+1.5e3", ""]
    assert set(back["value"]) == {"-1.5"}
    assert back["n"].iloc[9] == "9"
    assert csv_files.safe_csv(pd.DataFrame()) == "\n"
