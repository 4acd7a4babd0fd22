"""Each reader against a small file of its format, written here byte by byte."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from distill_core.corpus import formats, readers
from distill_core.corpus.sentence_rules import clean
from distill_core.errors import DataError


def read(reader: str, path: Path) -> list[list[str]]:
    """The documents with clean paragraphs; empty paragraphs are of no interest."""
    return [[text for text in map(clean, document) if text] for document in readers.READERS[reader](path)]


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_plain(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "One line\nand the next.\n \nA new paragraph.\n")
    assert read("plain", path) == [["One line and the next.", "A new paragraph."]]


PAGE = """<html><body><script>var p = "<p>";</script><h1>Title</h1><div class="nav"><a>Next</a></div>
<p>The <code class="x">copy()</code> function &amp; its <em>friends</em>.<a class="ulink" href="#a">¶</a></p>
<pre>code = "not prose"</pre><p class="t">Options are:</p><dl><dt>name</dt><dd><p>Says <b>who</b>
it is.</p></dd></dl><p><span class="versionmodified added">New in version 3.2: </span>It is faster now.</p>
<p>Outside.<table><tr><td>cell</td></tr></table></body></html>"""


def test_web_page(tmp_path: Path) -> None:
    assert read("html", written(tmp_path, "a.html", PAGE)) == [
        ["The copy() function & its friends.", "Options are:", "Says who it is.", "It is faster now.", "Outside."]
    ]


def test_wordnet(tmp_path: Path) -> None:
    lines = [
        "  1 This software and database is being provided | to you",
        '00001740 02 r 02 a_cappella 0 001 \\ 02260096 a 0202 | without musical accompaniment; "they sang it so"  ',
        '00002029 02 a 01 able 0 000 | (usually followed by `to\') having means; skilled; "able to swim; to run"; '
        '"a man"- John Doe ',
        "00003000 02 n 01 thing 0 000 | a definition alone",
    ]
    assert read("wordnet", written(tmp_path, "data.adv", "\n".join(lines) + "\n")) == [
        ["without musical accompaniment", "they sang it so"],
        ["(usually followed by `to') having means; skilled", "able to swim; to run", "a man"],
        ["a definition alone"],
    ]


def test_speeches(tmp_path: Path) -> None:
    first = '"1999","It costs \u00c2\u00a38 billion, he said.\nNo less.","Lab"'
    table = f'"date","text","party"\n{first}\n"2000","A pound is £1.","Con"\n'
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("en.csv", table)
    assert read("speeches", tmp_path / "a.zip") == [["It costs £8 billion, he said. No less."], ["A pound is £1."]]


# ── R ────────────────────────────────────────────────────────────────────────────────────────────────────────


def r_entry(texts: list[str | None], kind: int = 16, version: int = 3) -> bytes:
    """One entry of a lazy-load data base, as R 3.5 and later write a vector of texts."""
    raw = b"X\n" + struct.pack(">3i", version, 0x040201, 0x030500) + struct.pack(">i", 5) + b"UTF-8"
    raw += struct.pack(">2i", kind, len(texts))
    for text in texts:
        content = b"" if text is None else text.encode()
        raw += struct.pack(">2i", 0x40009, -1 if text is None else len(content)) + content
    return struct.pack(">I", len(raw)) + zlib.compress(raw)


def test_novels_in_r(tmp_path: Path) -> None:
    emma = [
        "EMMA",
        "",
        "CHAPTER I",
        "",
        "Emma Woodhouse, handsome,",
        "and rich.",
        "",
        "She was _it_.",
        "CHAPTER II",
        "End.",
    ]
    path = written(tmp_path, "Rdata.rdb", r_entry([*emma]) + r_entry(["Chapter 1", None, "Élan."]))
    assert formats.r_texts(path) == [emma, ["Chapter 1", "", "Élan."]]
    assert [document for document in read("r_lines", path) if document] == [
        ["EMMA"],
        ["Emma Woodhouse, handsome, and rich.", "She was it."],
        ["End."],
        ["Élan."],
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"\0\0\0\5not zlib",
        r_entry(["text"])[:-9],
        r_entry(["text"], kind=13),
        r_entry(["text"], version=2),
        r_entry(["text"]) + b"\0",
        struct.pack(">I", 9) + zlib.compress(b"X\n\0\0"),
    ],
)
def test_another_r_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"Rdata\.rdb cannot be read"):
        formats.r_texts(written(tmp_path, "Rdata.rdb", content))


# ── SWORD ────────────────────────────────────────────────────────────────────────────────────────────────────

BOOK = (
    '<div type="book" osisID="Mark"/><title>Mark</title><div sID="g1" type="x-p"/><chapter n="1" sID="Mark.1"/>'
    '<w lemma="G1">In</w> <w lemma="G2">him</w><note type="x"><reference>1:2 </reference>“him”, a note.</note>, '
    'was <w>life</w>.<div eID="g1" type="x-p"/><div sID="g2" type="x-p"/>Again it is written,<lg sID="l1"/>'
    '<l level="1" sID="l2"/>“Make ready<l eID="l2"/><l level="2" sID="l3"/>the way!”<l eID="l3"/>'
    '<div eID="g2" type="x-p"/><chapter eID="Mark.1"/>'
    '<chapter n="2" sID="Mark.2"/><div sID="g3" type="x-p"/>Weeds<note>n</note>also &amp; grass.'
)


def test_bible(tmp_path: Path) -> None:
    packed = [zlib.compress(text.encode()) for text in (BOOK, BOOK[:5])]
    written(tmp_path, "nt.bzz", b"".join(packed))
    index = struct.pack("<9I", 0, len(packed[0]), len(BOOK), 0, 0, 0, len(packed[0]), len(packed[1]), 5)
    path = written(tmp_path, "nt.bzs", index)
    assert formats.sword_books(path) == [BOOK, BOOK[:5]]
    assert [document for document in read("sword", path) if document] == [
        ["In him, was life.", "Again it is written, “Make ready the way!”"],
        ["Weeds also & grass."],
    ]


@pytest.mark.parametrize(("index", "text"), [(struct.pack("<3I", 0, 9, 9), b"not zlib!"), (b"odd", b"")])
def test_another_bible(tmp_path: Path, index: bytes, text: bytes) -> None:
    written(tmp_path, "nt.bzz", text)
    with pytest.raises(DataError, match=r"nt\.bzs cannot be read"):
        formats.sword_books(written(tmp_path, "nt.bzs", index))
