"""The Hub when it works, and the cache when it is gone."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from fakehub import FakeHub, Repo
from odd_repositories import safetensors, tiny

from distill_core import hub as the_hub
from distill_core.errors import AssetError, ModelError
from distill_core.hub import names, records
from distill_core.hub.names import Request

# ---- the straight line


def test_fetches_exactly_what_a_model_needs(far_hub: FakeHub) -> None:
    heard: list[tuple[int, int, str]] = []
    snapshot = the_hub.fetch("org/large", on_progress=lambda *said: heard.append(said))
    assert sorted(path.name for path in snapshot.path.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert snapshot.commit == far_hub.repos["org/large"].commit
    assert snapshot.revision == "main"
    total = sum((snapshot.path / name).stat().st_size for name in os.listdir(snapshot.path))
    assert heard[-1] == (total, total, "org/large")
    assert not any(name in request for request in far_hub.requests for name in (".bin", ".py", "README"))


def test_a_second_load_asks_nothing(hub: FakeHub) -> None:
    first = the_hub.fetch("org/tiny")
    recorded = json.loads(names.records_file().read_text(encoding="utf-8"))["snapshots"]["model org/tiny main"]
    assert recorded["commit"] == first.commit
    hub.requests.clear()
    hub.repos["org/tiny"] = Repo(tiny(hidden_size=8))  # the upload moves on; this installation does not
    assert the_hub.fetch("org/tiny") == first
    assert hub.requests == []
    moved = the_hub.fetch("org/tiny", refresh=True)
    assert moved.commit == hub.repos["org/tiny"].commit != first.commit
    assert the_hub.fetch("org/tiny") == moved


def test_a_missing_file_is_fetched_again_at_the_recorded_commit(hub: FakeHub) -> None:
    first = the_hub.fetch("org/tiny")
    old = hub.repos["org/tiny"]
    hub.repos["org/tiny"] = Repo(tiny(hidden_size=8), pulls={9: old})  # the old commit is still known there
    weights = first.path / "model.safetensors"
    weights.resolve().unlink()
    assert the_hub.fetch("org/tiny") == first
    assert weights.read_bytes() == old.files["model.safetensors"]


def test_a_truncated_file_on_disk_is_noticed_and_fetched_again(hub: FakeHub) -> None:
    weights = the_hub.fetch("org/tiny").path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    the_hub.fetch("org/tiny")
    assert weights.read_bytes() == hub.repos["org/tiny"].files["model.safetensors"]


def test_a_commit_or_a_branch_can_be_named(hub: FakeHub) -> None:
    commit = hub.repos["org/tiny"].commit
    assert the_hub.fetch("org/tiny", revision=commit).commit == commit
    with pytest.raises(ModelError, match="has no revision 'v9'"):
        the_hub.fetch("org/tiny", revision="v9")


def test_shards_come_together(hub: FakeHub) -> None:
    path = the_hub.fetch("org/sharded").path
    assert len(list(path.glob("model-*.safetensors"))) == 2
    assert (path / "model.safetensors.index.json").is_file()


def test_the_conversion_of_the_hub_is_used_for_pickled_repositories(hub: FakeHub) -> None:
    snapshot = the_hub.fetch("org/converted")
    assert snapshot.revision == "refs/pr/3"
    assert (snapshot.path / "model.safetensors").read_bytes() == safetensors()
    assert not (snapshot.path / "pytorch_model.bin").exists()


def test_a_data_set_brings_its_parquet_files(hub: FakeHub) -> None:
    snapshot = the_hub.fetch_dataset("org/reviews", ("data/train-*.parquet", "data/test.parquet"))
    found = sorted(path.relative_to(snapshot.path).as_posix() for path in snapshot.path.rglob("*") if path.is_file())
    assert found == ["data/test.parquet", "data/train-00000-of-00001.parquet"]
    hub.requests.clear()
    assert the_hub.fetch_dataset("org/reviews", ("data/test.parquet", "data/train-*.parquet")) == snapshot
    assert hub.requests == []
    with pytest.raises(AssetError, match=r"no Parquet file '\*\.py'"):
        the_hub.fetch_dataset("org/reviews", ("*.py",))


def test_two_runs_at_once_download_once(far_hub: FakeHub) -> None:
    found: list[the_hub.HubSnapshot] = []
    threads = [threading.Thread(target=lambda: found.append(the_hub.fetch("org/tiny"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert sum(request.startswith("GET /api/") for request in far_hub.requests) == 1


def test_the_token_goes_to_the_hub_and_not_beyond(far_hub: FakeHub, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HF_TOKEN", "hf_secret")
    the_hub.fetch("org/tiny")
    assert {token for path, token in far_hub.tokens if path.startswith("/api/")} == {"Bearer hf_secret"}
    assert {token for path, token in far_hub.tokens if path.startswith("/cdn/")} == {""}


# ---- what a repository can be


@pytest.mark.parametrize(
    ("repo", "words"),
    [
        ("org/pickled", "has no safetensors weights; pickled weights are never loaded"),
        ("org/converted-by-a-stranger", "has no safetensors weights"),
        ("org/gated", "is gated"),
        ("org/private", "is not on the Hub, or it is private"),
        ("org/nothing", "is not on the Hub, or it is private"),
        ("org/reviews", "is not on the Hub"),
        ("org/no-config", "has no config.json"),
        ("org/no-tokenizer", "has no tokenizer"),
        ("org/bad-config", "does not read"),
        ("org/llama", "'llama', which is not one of the ten families"),
        ("org/own-code", "code from the Hub is never run"),
        ("org/huge", "has 40 GiB of weights; 6 GiB are allowed"),
        ("org/endless", "num_hidden_layers = 1000000000"),
        ("org/too-wide", "describes at least"),
        ("org/deep", "nested more than"),
        ("org/bomb", "tokenizer.json of org/bomb has 1,024 MiB"),
        ("org/not-tensors", "is not a safetensors file"),
        ("org/truncated-upload", "is not a safetensors file"),
    ],
)
def test_a_repository_that_cannot_be_used_says_why(hub: FakeHub, repo: str, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        the_hub.fetch(repo)
    assert caught.value.hint
    assert records.find(Request("model", repo)) is None
    if "weights" not in words and "safetensors" not in words:
        assert not any("cdn" in request for request in hub.requests), "refused before its weights were fetched"


def test_a_repository_with_code_of_its_own_comes_without_it(hub: FakeHub) -> None:
    path = the_hub.fetch("org/remote-code").path
    assert "auto_map" in json.loads((path / "config.json").read_text(encoding="utf-8"))
    assert not list(path.glob("*.py"))


@pytest.mark.parametrize(
    "name",
    [
        "../../etc",
        "a/../b",
        "a//b",
        "/etc/passwd",
        "a/b/c",
        "https://x/y",
        "a/b\0",
        "",
        "a b/c",
        "..",
        "a/.b",
        "a--b/c",
        "~/x",
        "a\\b",
        "-a/b",
        "a/b\n",
        "é/b",
        "x" * 300,
    ],
)
def test_tricks_in_names_are_refused_at_once(hub: FakeHub, name: str) -> None:
    with pytest.raises(ModelError, match="is not a name on the Hub"):
        the_hub.fetch(name)
    with pytest.raises(AssetError, match="is not a name on the Hub"):
        the_hub.fetch_dataset(name, ("*.parquet",))
    assert hub.requests == []


@pytest.mark.parametrize("revision", ["../x", "a\0", "-x", "a b", "a..b", "/x"])
def test_tricks_in_revisions_are_refused_at_once(hub: FakeHub, revision: str) -> None:
    with pytest.raises(ModelError, match="is not a revision"):
        the_hub.fetch("org/tiny", revision=revision)


def test_tricks_in_file_names_of_a_repository_are_refused(hub: FakeHub) -> None:
    hub.repos["org/trap"] = Repo({"../../trap.parquet": b"x", "/trap.parquet": b"x"}, kind="dataset")
    with pytest.raises(AssetError, match="no Parquet file"):
        the_hub.fetch_dataset("org/trap", ("*.parquet",))


# ---- the Hub is gone, the cache is not


def test_the_cache_works_without_the_hub(hub: FakeHub, environment: pytest.MonkeyPatch) -> None:
    snapshot = the_hub.fetch("org/tiny")
    with hub.fail("500"):
        assert the_hub.fetch("org/tiny") == snapshot
        with pytest.raises(AssetError, match="out of order"):
            the_hub.fetch("org/tiny", refresh=True)
        assert the_hub.fetch("org/tiny") == snapshot
    environment.setenv("HF_HUB_OFFLINE", "1")
    hub.requests.clear()
    assert the_hub.fetch("org/tiny") == snapshot
    with pytest.raises(AssetError, match="org/large is not in the cache, and HF_HUB_OFFLINE forbids the network"):
        the_hub.fetch("org/large")
    assert "HF_HUB_OFFLINE" in (the_hub.available() or "")
    assert hub.requests == []


def test_a_cache_of_other_programs_is_used(far_hub: FakeHub, environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("HF_HOME", str(tmp_path / "theirs"))
    snapshot = the_hub.fetch("org/tiny")
    assert snapshot.path.is_relative_to(tmp_path / "theirs" / "hub")
    names.records_file().unlink()
    (snapshot.path.parent.parent / "refs").mkdir()
    (snapshot.path.parent.parent / "refs" / "main").write_text(snapshot.commit, encoding="utf-8")
    environment.setenv("HF_HUB_OFFLINE", "1")
    assert the_hub.fetch("org/tiny") == snapshot
    names.records_file().unlink()
    weights = (snapshot.path / "model.safetensors").resolve()
    weights.write_bytes(bytes([weights.read_bytes()[0]]) + bytes(weights.stat().st_size - 1))
    with pytest.raises(AssetError, match="is not in the cache"):
        the_hub.fetch("org/tiny")
    environment.delenv("HF_HUB_OFFLINE")
    assert the_hub.fetch("org/tiny") == snapshot, "what is damaged is fetched again"


_ENTRY = '{"snapshots": {"model org/tiny main": {"commit": "%s", "revision": "main", "files": {"%s": 1}}}}'


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"snapshots": []}',
        '{"snapshots": {"model org/tiny main": 3}}',
        _ENTRY % ("../..", "x"),
        _ENTRY % ("a" * 40, "../x"),
    ],
)
def test_a_damaged_record_costs_a_download(hub: FakeHub, content: str) -> None:
    names.records_file().parent.mkdir(parents=True)
    names.records_file().write_text(content, encoding="utf-8")
    assert records.find(Request("model", "org/tiny")) is None
    records.save(Request("model", "org/tiny"), records.Record("a" * 40, "main", {"config.json": 1}))
    assert records.recorded(Request("model", "org/tiny")) == records.Record("a" * 40, "main", {"config.json": 1})
