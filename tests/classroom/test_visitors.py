"""Who is who: signed names, whose run is whose, the teacher's passcode, and which browser sits at this machine."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from distill_core.classroom import passcode, roster, visitors
from distill_core.classroom.visitors import OWNER, Signer, Visitor, is_own_machine
from distill_core.errors import RunError


def test_a_name_is_signed_as_the_standard_library_signs_it():
    name, _, signature = Signer(b"k" * 32).new().partition(".")
    assert len(name) == 32
    assert signature == hmac.new(b"k" * 32, f"visitor:{name}".encode(), hashlib.sha256).hexdigest()
    assert Signer(b"k" * 32).name(f"{name}.{signature}") == name


@pytest.mark.parametrize("change", [str.upper, lambda s: s[:-1], lambda s: s + "0", lambda s: "x" + s, lambda s: ""])
def test_a_name_that_was_not_signed_here_is_none(change):
    signed = Signer(b"k" * 32).new()
    assert Signer(b"k" * 32).name(change(signed)) == ""
    assert Signer(b"l" * 32).name(signed) == ""


@pytest.mark.parametrize("cookie", [".", "a.", ".b", "é.\udc80", "\x00.\x00", "a" * 10_000])
def test_hostile_cookies_name_nobody(cookie):
    assert Signer(b"k" * 32).name(cookie) == ""


def test_the_key_is_made_once_for_all_servers_and_for_no_other_user(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: visitors.signer.__wrapped__(tmp_path).key, range(8)))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "visitors.key").stat().st_mode) == 0o600


def test_whose_is_whose():
    mine, other, teacher = Visitor("a"), Visitor("b"), Visitor("c", "teacher")
    assert mine.owns("a")
    assert not mine.owns("b")
    assert not mine.owns("")  # the machine's own user's
    assert not Visitor("").owns("")  # a visitor without a name owns nothing
    assert all(who.owns(owner) for who in (OWNER, teacher) for owner in ("a", "b", ""))
    with pytest.raises(RunError, match="The run 7 belongs to another visitor"):
        other.check_owns("a", "The run 7")


@pytest.mark.parametrize(
    ("ip", "host", "origin", "forwarded", "own"),
    [
        (None, "localhost:8501", "http://localhost:8501", False, True),
        ("127.0.0.1", "127.0.0.1:8501", "", False, True),
        ("::1", "[::1]:8501", "http://[::1]:8501", False, True),
        (None, "", "", False, True),  # a test without a connection
        ("192.168.1.7", "localhost:8501", "http://localhost:8501", False, False),  # the name alone proves nothing
        (None, "class.example.org", "https://class.example.org", False, False),  # a proxy that hands the name on …
        (None, "127.0.0.1:8501", "https://class.example.org", False, False),  # … one that does not …
        (None, "127.0.0.1:8501", "http://127.0.0.1:8501", True, False),  # … and one that tells of itself
        (None, "evil.example", "http://evil.example", False, False),  # a foreign name turned to this address
    ],
)
def test_who_sits_at_this_machine(ip, host, origin, forwarded, own):
    assert is_own_machine(ip, host, origin, forwarded) is own


def test_a_teacher_is_known_on_every_server_and_by_no_name_that_stands_in_a_file(tmp_path):
    assert not roster.is_teacher(tmp_path, "a" * 32)
    roster.add_teacher(tmp_path, "a" * 32)
    assert roster.is_teacher(tmp_path, "a" * 32)
    assert not roster.is_teacher(tmp_path, "b" * 32)
    assert not roster.is_teacher(tmp_path, "")
    assert "a" * 32 not in (roster.folder(tmp_path) / "teachers.json").read_text()
    roster.remove_teacher(tmp_path, "a" * 32)
    assert not roster.is_teacher(tmp_path, "a" * 32)


@pytest.mark.parametrize("text", ["", "[]", '{"teachers": 3}', '{"teachers": [3, null]}', "\x00"])
def test_a_damaged_roster_names_no_teacher(tmp_path, text):
    roster.folder(tmp_path).mkdir(parents=True)
    (roster.folder(tmp_path) / "teachers.json").write_text(text)
    assert not roster.is_teacher(tmp_path, "a" * 32)
    roster.add_teacher(tmp_path, "a" * 32)
    assert roster.is_teacher(tmp_path, "a" * 32)


def test_passcodes_are_long_random_and_forgiving():
    drawn = {passcode.drawn() for _ in range(100)}
    assert len(drawn) == 100
    assert all(len(code) == 10 and not set(code) & set("01OI") for code in drawn)
    assert passcode.same(passcode.tidy(" abc-d ef"), "ABCDEF")
    assert not passcode.same("ABCDEG", "ABCDEF")
    assert not passcode.same("", "")
    assert not passcode.same("\udc80", "ABC")


def test_guessing_is_slow_for_one_visitor_and_for_many_names():
    tries = passcode.Tries(most=3, most_of_all=5, within_s=60)
    assert [tries.allows("a", 0) for _ in range(4)] == [True, True, True, False]
    assert [tries.allows(name, 1) for name in "bcde"] == [True, True, False, False]  # five of all
    assert tries.allows("a", 60.5)  # those of the first second are forgotten
    assert tries.allows("e", 62)


def test_a_sealed_text_is_for_one_visitor_of_this_installation():
    mine, other = Signer(b"k" * 32), Signer(b"o" * 32)
    sealed = mine.sealed("ada", "000001-abc~0.5")
    assert mine.unsealed("ada", sealed) == "000001-abc~0.5"
    assert mine.unsealed("", mine.sealed("", "text")) == "text"  # the machine's own user has no name
    assert mine.unsealed("bob", sealed) == mine.unsealed("", sealed) == other.unsealed("ada", sealed) == ""
    assert mine.unsealed("ada", sealed.replace("0.5", "0.6")) == ""
    assert mine.name(mine.sealed("", "ada")) == ""  # no seal is a cookie, and no cookie a seal
    assert mine.unsealed("", mine.signed("ada")) == ""
    for hostile in ("", ".", "a.b", "é.\ud800", "\x00" * 9999):
        assert mine.unsealed("ada", hostile) == ""
