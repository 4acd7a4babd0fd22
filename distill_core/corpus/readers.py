"""How to read each source: files → documents, each a list of paragraphs of raw text. One reader a format."""

from __future__ import annotations

import csv
import html
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from distill_core.corpus import formats

Document = list[str]
Reader = Callable[[Path], Iterable[Document]]

_BLOCK = re.compile(
    r"(</?(?:p|div|dl|dt|dd|ul|ol|li|table|tr|td|th|pre|blockquote|h[1-6]|section|body)\b[^>]*>)",
    re.IGNORECASE,
)
_NO_TEXT = re.compile(r'<(script|style)\b.*?</\1>|<span class="versionmodified[^>]*>.*?</span>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>|§|¶")  # also the signs that stand for links
_CHAPTER = re.compile(r"\s*(?:chapter|volume)\s+[ivxlc\d]+\.?\s*", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]*)"')


def plain(path: Path) -> Iterator[Document]:
    """A file is a document, empty lines end a paragraph."""
    yield re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))


def web_page(path: Path) -> Iterator[Document]:
    """The paragraphs of a page: what stands right behind a <p>. Tables, programs and headings are left out."""
    pieces = _BLOCK.split(_NO_TEXT.sub("", path.read_text(encoding="utf-8")))
    tags, texts = pieces[1::2], pieces[2::2]
    yield [
        html.unescape(_TAG.sub("", text))
        for tag, text in zip(tags, texts, strict=True)
        if re.match(r"<p[\s>]", tag, re.IGNORECASE)
    ]


def wordnet(path: Path) -> Iterator[Document]:
    """A set of synonyms is a document: its definition, then its examples (wndb(5WN): the gloss stands behind a bar)."""
    for line in path.read_text(encoding="utf-8").splitlines():
        entry, bar, gloss = line.partition(" | ")
        if bar and entry[:1].isdigit():
            definition = "; ".join(part for part in map(_part, _QUOTED.sub("", gloss).split(";")) if part)
            yield [definition, *_QUOTED.findall(gloss)]


def _part(text: str) -> str:
    """One part of a definition; "" for the name behind a quotation ("- Shakespeare")."""
    text = text.strip(" ,:")
    return "" if text.startswith("-") else text


def speeches(path: Path) -> Iterator[Document]:
    """A speech is a document: the column `text` of the table in an archive."""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            table = io.TextIOWrapper(archive.open(name), encoding="utf-8", newline="")
            for row in csv.DictReader(table):
                yield [_decoded_once_more(row["text"])]


def _decoded_once_more(text: str) -> str:
    """Some of the speeches were encoded twice: a pound sign stands there as two letters."""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def r_lines(path: Path) -> Iterator[Document]:
    """Novels as vectors of lines: a chapter is a document, empty lines end a paragraph."""
    for lines in formats.r_texts(path):
        chapter: list[str] = []
        for line in [*lines, "CHAPTER I"]:
            if _CHAPTER.fullmatch(line):
                yield re.split(r"\n\s*\n", "\n".join(chapter))
                chapter = []
            else:
                chapter.append(line)


def sword(path: Path) -> Iterator[Document]:
    """A chapter is a document; notes and headings are left out, verses of one paragraph stay together."""
    for book in formats.sword_books(path):
        text = re.sub(r"<(note|title)\b.*?</\1>", " ", book, flags=re.DOTALL)
        for chapter in re.split(r"<chapter\b[^>]*>", text)[1:]:
            paragraphs = re.split(r"<div\b[^>]*sID[^>]*/>", chapter)
            plain_text = (html.unescape(_TAG.sub("", re.sub(r"<l\b[^>]*>", " ", part))) for part in paragraphs)
            yield [re.sub(r"\s+(?=[,.;:!?])", "", part) for part in plain_text]  # spaces that notes leave behind


READERS: dict[str, Reader] = {
    "plain": plain,
    "html": web_page,
    "wordnet": wordnet,
    "speeches": speeches,
    "r_lines": r_lines,
    "sword": sword,
}
