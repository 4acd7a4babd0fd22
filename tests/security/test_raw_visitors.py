"""Two visitors on the real server, one of whom speaks its protocol by hand and knows the other's ids."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import sample_training as sample
from filelock import FileLock
from raw_visitor import XSRF, Visitor, words
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from app import FOLDER, PAGES
from benchmarks.load import server as page_server
from distill_core.classroom import classes
from distill_core.classroom.visitors import COOKIE
from distill_core.datasets import uploads
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from pages.parts.shared.session_door import MOST_FILES

pytestmark = pytest.mark.slow

SECRET = "tiger-forty-seven"
CSV = "text,label\n" + "".join(f"a {word} {SECRET} {n},{word}\n" for n in range(40) for word in ("good", "bad"))
PATHS = ["" if file == "start" else path for entries in PAGES.values() for file, _, _, path, _ in entries]
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.rglob("*.py")))
# every parameter of an address that names a model, a data set or a file
NAMES = sorted(
    set(re.findall(r'"([a-z]{1,3}_(?:model|models|dataset|data|domains|students|teacher|file)|teacher)"', SOURCES))
)


@dataclass(frozen=True)
class Place:
    """A running server, and where its things lie."""

    port: int
    runs: Path
    cache: Path
    log: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_SHARED", "1")
        patch.setenv("DISTILL_CACHE_DIR", str(folder / "cache"))
        patch.setenv("DISTILL_TEACHER_PASSCODE", "blue-horse")
        with page_server.started(folder / "runs", folder / "log") as server:
            yield Place(server.port, folder / "runs", folder / "cache", folder / "log")


@pytest.fixture(autouse=True)
def same_folders(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILL_RUNS_DIR", str(place.runs))
    monkeypatch.setenv("DISTILL_CACHE_DIR", str(place.cache))
    settings.cache_clear()


@pytest.fixture
def mine(place: Place) -> Visitor:
    return Visitor(place.port)


@pytest.fixture
def other(place: Place) -> Visitor:
    return Visitor(place.port)


def run_of(who: Visitor, place: Place, **changes: str) -> Run:
    run = sample.finetune_run(RunStore(place.runs), **changes)  # type: ignore[arg-type]
    run.set_launch_info({"owner": who.name, "launcher": "local"})
    run.log_file.write_text(f"the log says {SECRET}")
    return run


@pytest.mark.parametrize("label", ["Stop", "Pause"])
def test_buttons_of_anothers_running_run_do_nothing(mine: Visitor, other: Visitor, place: Place, label: str) -> None:
    run = run_of(mine, place, state="running")
    with FileLock(run.lock_file):
        with mine.open("finetune", f"ft_run={run.id}") as wire:
            button = wire.ask().buttons[label]
            with other.open("finetune", f"ft_run={run.id}") as foreign:
                seen = foreign.ask()
                assert label not in seen.buttons
                assert not foreign.ask(clicks=(button,)).exceptions
                assert run.control()[0] is None
            wire.ask(clicks=(button,))
        assert run.control()[0] == label.lower()
    RunStore(place.runs).get(run.id).set_state(state="stopped")


def test_anothers_run_is_not_deleted_and_its_log_not_read(mine: Visitor, other: Visitor, place: Place) -> None:
    run = run_of(mine, place, state="failed")
    with mine.open("runs", f"r_run={run.id}") as wire:
        shown = wire.ask()
        assert SECRET.encode() in shown.data
        button = shown.buttons["Yes, delete it"]
        with other.open("runs", f"r_run={run.id}") as foreign:
            seen = foreign.ask()
            assert SECRET.encode() not in seen.data + foreign.ask(clicks=(button,)).data
        assert run.path.is_dir()
        wire.ask(clicks=(button,))
        assert not run.path.exists()


def test_anothers_upload_is_not_read_by_its_hash(mine: Visitor, other: Visitor) -> None:
    digest = Path(uploads.keep(CSV.encode(), mine.name)).stem
    query = f"ft_dataset=Own+file&ft_file={digest}"
    for who, reads in ((mine, True), (other, False)):
        with who.open("finetune", query) as wire:
            assert (SECRET.encode() in wire.ask().data) is reads


def test_an_address_reads_no_folder_and_no_file_and_does_not_tell_whether_they_exist(
    other: Visitor, tmp_path: Path
) -> None:
    assert len(NAMES) > 10
    (tmp_path / "q7there").mkdir()
    (tmp_path / "q7there/config.json").write_text(
        f'{{"model_type": "bert", "num_hidden_layers": 23, "architectures": ["{SECRET}"]}}'
    )
    (tmp_path / "q7there.csv").write_text(CSV)
    told: dict[str, list[str]] = {}
    for path in PATHS:
        for name in ("q7first", "q7gonee", "q7there"):  # as long as each other; the first drawing fills caches
            for value in (f"path:{tmp_path}/{name}", f"file:{tmp_path}/{name}.csv#text=text,label=label"):
                query = "&".join(f"{parameter}={quote(value, safe='')}" for parameter in NAMES)
                with other.open(path, query) as wire:
                    seen = wire.ask()
                assert not seen.exceptions
                assert SECRET.encode() not in seen.data
                told.setdefault(f"{path} {value[:5]}", []).append(words(seen.text, name))
    for where, (_, missing, there) in told.items():
        differs = set(missing.splitlines()) ^ set(there.splitlines())
        assert differs == set(), where


# ── the session ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_session_is_resumed_by_its_own_browser_alone(mine: Visitor, other: Visitor, place: Place) -> None:
    with mine.open("start") as wire:
        session = wire.ask().session
        with other.open("start", session=session) as foreign:  # while it is open …
            assert foreign.ask().session != session
        assert wire.ask().session == session  # … and it stays open
    for who in (other, Visitor(place.port, {"distill_visitor": f"{mine.name}.{'0' * 64}"})):
        with who.open("start", session=session) as foreign:
            assert foreign.ask().session != session
    with other.open("start", session=session, x_distill_visitor=mine.name) as foreign:
        assert foreign.ask().session != session
    with mine.open("start", session=session) as wire:
        assert wire.ask().session == session


def test_without_a_cookie_no_session_is_resumed(place: Place) -> None:
    nobody = Visitor(place.port)
    nobody.cookies.clear()
    with nobody.open("start") as wire:
        session = wire.ask().session
    with nobody.open("start", session=session) as wire:
        assert wire.ask().session != session


def test_a_file_for_anothers_session_is_refused(mine: Visitor, other: Visitor) -> None:
    with mine.open("finetune", "ft_dataset=Own+file") as wire:
        session = wire.ask().session
        assert other.upload(session, CSV.encode()) == 404
        assert other.upload(session, b"", "DELETE") == 404
        assert mine.upload(session, CSV.encode()) == 204
        mine.cookies[XSRF] = "forged"
        assert mine.upload(session, CSV.encode()) == 403
    assert other.upload(session, CSV.encode()) == 400  # nobody is there any more


def test_a_large_file_is_refused_before_it_is_kept(mine: Visitor) -> None:
    with mine.open("finetune", "ft_dataset=Own+file") as wire:
        assert mine.upload(wire.ask().session, b"x" * (12 * 2**20)) == 413


def test_a_session_holds_so_many_files(mine: Visitor, other: Visitor) -> None:
    with mine.open("finetune", "ft_dataset=Own+file") as wire, other.open("finetune") as neighbour:
        session = wire.ask().session
        assert [mine.upload(session, b"x") for _ in range(MOST_FILES + 1)] == [204] * MOST_FILES + [413]
        assert other.upload(neighbour.ask().session, b"x") == 204


def test_a_message_without_end_closes_its_own_connection_alone(mine: Visitor, other: Visitor) -> None:
    with mine.open("start") as wire, other.open("start") as neighbour:
        with pytest.raises(ConnectionClosed):
            wire.ask(clicks=("x" * 6_000_000,))
        assert neighbour.ask().session


# ── where the connection comes from ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:1", "null", "http://127.0.0.1.evil.example"]
)
def test_a_page_of_another_site_gets_no_connection(mine: Visitor, origin: str) -> None:
    with pytest.raises(InvalidStatus), mine.open("start", origin=origin):
        pass


def test_a_foreign_name_of_the_server_gets_no_connection(mine: Visitor, place: Place) -> None:
    wire = socket.create_connection(("127.0.0.1", place.port))
    host = f"evil.example:{place.port}"
    with pytest.raises(InvalidStatus):
        connect(f"ws://{host}/_stcore/stream", sock=wire, origin=f"http://{host}", proxy=None)  # type: ignore[arg-type]
    wire.close()


@pytest.mark.parametrize(
    "path", ["/_stcore/metrics", "/_stcore/agent/interact", "//_stcore/metrics", "/%5fstcore/metrics"]
)
def test_what_is_for_nobody_is_not_there(mine: Visitor, path: str) -> None:
    status, text = mine.request("GET", path)
    assert status in (400, 404)
    assert "visitor" not in text
    assert "session" not in text


@pytest.mark.parametrize(
    "path", ["/app/static/../../app.py", "/static/..%2f..%2f..%2fapp.py", "/media/../app.py", "/media/%2e%2e/x"]
)
def test_no_path_leads_out_of_what_is_served(mine: Visitor, path: str) -> None:
    _, text = mine.request("GET", path)
    assert "distill_core" not in text


# ── what all share ───────────────────────────────────────────────────────────────────────────────────────────────


def test_guessing_the_passcode_ends_and_no_order_starts_it_anew(other: Visitor) -> None:
    """The count of tries lies in Streamlit's cache, which `clear_cache` empties for all."""
    with other.open("classroom") as wire:
        form = wire.ask()
        enter, field = form.buttons["Enter"], form.inputs["Passcode"]
        for n in range(8):
            assert b"not the teacher" in wire.ask(clicks=(enter,), **{field: f"wrong {n}"}).data
        assert b"too many" in wire.ask(clicks=(enter,), **{field: "blue-horse"}).data
        for padding in (0, 400):
            order = BackMsg(clear_cache=True).SerializeToString()
            wire.send(
                order
                + (b"\xfa\x3f" + bytes((padding % 128 | 128, padding // 128)) + b"x" * padding if padding else b"")
            )
        assert b"too many" in wire.ask(clicks=(enter,), **{field: "blue-horse"}).data


def test_guessing_the_code_of_a_class_ends(other: Visitor, place: Place) -> None:
    made = classes.open_class(place.runs, "A class of the test")
    with other.open("classroom") as wire:
        form = wire.ask()
        join, code, name = form.buttons["Join"], form.inputs["Code of the class"], form.inputs["Nickname"]
        for _ in range(12):
            assert b"no open class" in wire.ask(clicks=(join,), **{code: "ZZZZZZ", name: "Ann"}).data
        assert b"too many codes" in wire.ask(clicks=(join,), **{code: made.code, name: "Ann"}).data
    assert classes.students(place.runs, made.code) == []


def test_a_medium_lies_under_a_name_that_nobody_guesses(mine: Visitor, other: Visitor) -> None:
    """Streamlit asks nobody who fetches a medium: its address is a hash of its content."""
    with mine.open("start") as wire:
        found = re.findall(rb"/media/([0-9a-z]+)\.", wire.ask().data)
        assert found
        assert min(map(len, found)) >= 32
    assert other.request("GET", f"/media/{'0' * 56}.png")[0] == 404


def test_a_table_offers_no_file_of_its_own_that_would_hold_formulas(mine: Visitor) -> None:
    """Streamlit writes a table's cells as they are; the downloads of the pages disarm them."""
    with mine.open("runs") as wire:
        assert not wire.ask().exports


def test_the_servers_log_holds_no_passcode_and_no_cookie(mine: Visitor, other: Visitor, place: Place) -> None:
    with mine.open("classroom") as wire:
        form = wire.ask()
        seen = wire.ask(clicks=(form.buttons["Enter"],), **{form.inputs["Passcode"]: "guess-of-mine"})
        with pytest.raises(InvalidStatus), other.open("start", origin="http://evil.example"):
            pass
    log = place.log.read_text(errors="replace")
    assert "Distill Lab" in log or "Streamlit" in log or "URL" in log
    for secret in ("blue-horse", "guess-of-mine", mine.cookies[COOKIE], other.cookies[COOKIE]):
        assert secret not in log
        assert secret.encode() not in seen.data
