"""docs/security.md: each threat names a module and a test, and both are there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from distill_core.settings import PROJECT

CELLS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (PROJECT / "docs/security.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| threat")
]
NAMED = re.compile(r"`((?:tests)/[\w/]+\.py):(test_\w+)`")
FILE = re.compile(r"`((?:distill_core|pages|\.streamlit)/[\w./]+|requirements\.txt)`")
WHAT_MUST_STAND = (
    *("CSRF", "DNS rebinding", "cookie", "session", "path:", "upload", "formula", "HTML", "Markdown", "Pickle"),
    *("code of its own", "tokenizer", "header of weights", "SSRF", "passcode", "queue", "disk", "memory", "medium"),
    *("Secrets", "eval", "message without end"),
)


@cache
def functions(path: str) -> frozenset[str]:
    """The functions of a file of tests."""
    body = ast.parse((PROJECT / path).read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("cells", CELLS, ids=[cells[0][:50] for cells in CELLS])
def test_the_module_and_the_test_of_a_threat_exist(cells: list[str]) -> None:
    threat, stops, test, left = (*cells, "", "", "")[:4]
    assert len(cells) == 4, threat
    named = NAMED.fullmatch(test)
    assert named is not None, test
    assert named[2] in functions(named[1]), test
    files = FILE.findall(stops)
    assert files or "Streamlit" in stops, stops
    assert [file for file in files if not (PROJECT / file).is_file()] == []
    assert left.rstrip("|").strip()


def test_no_kind_of_threat_is_forgotten() -> None:
    text = "\n".join(" ".join(cells) for cells in CELLS)
    assert [word for word in WHAT_MUST_STAND if word not in text] == []


def test_no_test_stands_for_two_threats() -> None:
    tests = [cells[2] for cells in CELLS]
    assert sorted(set(tests)) == sorted(tests)
