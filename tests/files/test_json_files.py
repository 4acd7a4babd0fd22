"""JSON that was written whole, and files that hold what the product never writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill_core.files.json_files import read_json, write_json


def test_what_was_written_is_read(tmp_path: Path) -> None:
    data = {"name": "Grüße 🦊", "numbers": [1, 2.5, None], "nested": {"a": [[]]}}
    write_json(tmp_path / "a.json", data)
    assert read_json(tmp_path / "a.json") == data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"a": 1',
        b"[1, 2]",
        b"null",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": "\\ud83e"}',
        b'{"\\udc00": 1}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xff"}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda content: repr(content[:24]),
)
def test_what_is_never_written_is_damage(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert read_json(tmp_path / "a.json") is None


def test_a_pair_of_surrogates_is_one_character(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"a": "\\ud83e\\udd8a"}')
    assert read_json(tmp_path / "a.json") == {"a": "🦊"}
