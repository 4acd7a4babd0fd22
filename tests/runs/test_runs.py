"""Run directories: whole or not at all, readable whatever happens to their files, and never outside their folder."""

from __future__ import annotations

import errno
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from distill_core.errors import RunError
from distill_core.files import locks
from distill_core.files.json_files import read_json, write_json
from distill_core.results import CompareResult, Metric
from distill_core.runs import store as store_module
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec, FinetuneSpec

SPEC = CompareSpec(models="bert@structure,distilbert@structure", title="émoji 🎓")


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture
def run(store):
    return store.create(SPEC)


def point(step):
    return Metric(step=step, epoch=0, split="train", name="loss", value=1 / step)


def test_a_file_is_parsed_once_for_each_version(run):
    run.set_result(CompareResult(dataset="none", baseline="bert@structure"))
    first, version = run.result(), run.version()
    assert run.result() is first
    assert run.spec() is run.spec()
    run.set_state(progress=0.5)
    assert run.version() == version
    run.set_result(CompareResult(dataset="none", baseline="distilbert@structure"))
    assert run.result().baseline == "distilbert@structure"
    assert run.version() != version
    version = run.version()
    run.set_state(state="done")
    assert run.version() != version
    (run.path / "result.json").unlink()
    assert run.result() is None


def test_a_new_run_holds_what_was_asked(run):
    assert run.spec() == SPEC
    assert run.state().state == "queued"
    assert run.state().created_at
    assert run.result() is None
    assert run.environment() is None
    assert run.read_metrics() == ([], 0)
    assert run.log_tail() == ""
    assert run.control() == (None, 0)
    assert not run.is_alive()


def test_runs_are_listed_in_the_order_of_their_creation(store):
    runs = [store.create(SPEC) for _ in range(3)]
    (store.root / "recorded-distill").mkdir()
    (store.root / "recorded-distill" / "spec.json").write_text("{}")
    (store.root / "1000000-abcdef").mkdir()
    (store.root / ".new-000009-abcdef").mkdir()
    (store.root / "a file").touch()
    ids = [run.id for run in store.list()]
    assert ids == ["recorded-distill", *(run.id for run in runs), "1000000-abcdef"]
    assert store.create(SPEC).id.startswith("1000001-")


def test_runs_created_at_once_are_all_there(store):
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: store.create(SPEC), range(16)))
    assert len(set(runs)) == len(store.list()) == 16


def test_a_run_that_cannot_be_written_leaves_nothing(store, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="The disk is full"):
        store.create(SPEC)
    assert list(store.root.iterdir()) == []


def test_half_files_are_damage_of_this_run_alone(run):
    for text in ('{"state": "runn', "", "\0\0\0", "[1]", '{"state": "flying"}', "null"):
        (run.path / "state.json").write_text(text)
        assert run.state().state == "damaged"
    for text in ('{"kind": "comp', "\0", '{"kind": "compare", "models": []}', '{"kind": "unknown"}'):
        (run.path / "spec.json").write_text(text)
        with pytest.raises(RunError, match="is damaged"):
            run.spec()
    for text in ('{"kind": "compare"', '{"kind": "compare"}', '{"kind": "other"}'):
        (run.path / "result.json").write_text(text)
        assert run.result() is None
    (run.path / "env.json").write_text("{}")
    assert run.environment() is None
    assert run.set_state(state="running").state == "running"


@pytest.mark.parametrize("tail", [b'{"step": 3, "ep', b"\0\0\0\0", b"\xff\xfe", b'{"step": "x"}'])
def test_a_damaged_tail_costs_one_point(run, tail):
    run.add_metrics([point(1), point(2)])
    _, offset = run.read_metrics()
    with (run.path / "metrics.jsonl").open("ab") as file:
        file.write(tail)
    assert run.read_metrics(offset) == ([], offset)
    run.add_metrics([point(4)])
    points, end = run.read_metrics(offset)
    assert points == [point(4)]
    assert run.read_metrics(end) == ([], end)
    assert [metric.step for metric in run.read_metrics()[0]] == [1, 2, 4]


def test_readers_go_on_where_they_were(run):
    run.add_metrics([point(1)])
    first, offset = run.read_metrics()
    run.add_metrics([point(2), point(3)])
    second, _ = run.read_metrics(offset)
    assert (first, second) == ([point(1)], [point(2), point(3)])


def test_state_changes_keep_the_rest(run):
    created = run.state().created_at
    run.set_state(state="running", pid=1, progress=0.5)
    state = run.set_state(message="half")
    assert (state.created_at, state.pid, state.progress, state.message) == (created, 1, 0.5, "half")
    with pytest.raises(ValueError, match="state"):
        run.set_state(state="flying")


def test_commands_are_numbered(run):
    run.command("step")
    run.command("step")
    assert run.control() == ("step", 2)
    run.clear_control()
    run.clear_control()
    assert run.control() == (None, 0)


@pytest.mark.parametrize(
    "run_id", ["", "..", "../x", "/etc", "a/b", "a\0b", ".new-000001-abcdef", "x" * 200, "000001-abcdef\n", "A b"]
)
def test_no_id_leads_out_of_the_folder(store, run, run_id):
    with pytest.raises(RunError, match="is not a run id"):
        store.get(run_id)


def test_links_are_no_runs(store, run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (store.root / "000007-abcdef").symlink_to(tmp_path / "elsewhere")
    assert store.list() == [run]
    with pytest.raises(RunError, match="There is no run"):
        store.get("000007-abcdef")


def test_only_ended_runs_are_removed(store, run):
    with pytest.raises(RunError, match="is queued"):
        store.remove(run.id)
    run.set_state(state="done")
    life = locks.take(run.lock_file)
    with pytest.raises(RunError, match="still at work"):
        store.remove(run.id)
    life.release()
    store.remove(run.id)
    assert list(store.root.iterdir()) == []
    with pytest.raises(RunError, match="There is no run"):
        store.remove(run.id)


def test_the_log_is_shown_from_its_end(run):
    run.log_file.write_bytes(b"a" * 50 + b"\0\xff end")
    assert run.log_tail(8) == "aa\ufffd end"


def test_life_is_the_lock(run):
    assert not run.is_alive()
    life = locks.take(run.lock_file)
    assert run.is_alive()
    assert run.is_alive()
    assert locks.take(run.lock_file, wait_s=0.02) is None
    life.release()
    assert not run.is_alive()


def test_json_is_whole_or_not_there(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]
    with pytest.raises(RunError, match=r"Cannot write y.json"):
        write_json(tmp_path / "missing" / "y.json", {})


def test_results_survive_a_round_trip(run):
    result = CompareResult(baseline="bert@structure", dataset="none")
    run.set_result(result)
    assert run.result() == result
    data = json.loads((run.path / "result.json").read_text())
    (run.path / "result.json").write_text(json.dumps({**data, "a field of later": 1}))
    assert run.result() == result


def test_what_an_earlier_version_listed_twice_is_read_once(store):
    run = store.create(FinetuneSpec(train_examples="100,200", arms="bow,frozen"))
    data = json.loads((run.path / "spec.json").read_text())
    (run.path / "spec.json").write_text(json.dumps({**data, "train_examples": [100, 200, 100], "arms": ["bow", "bow"]}))
    spec = run.spec_as(FinetuneSpec)
    assert (spec.train_examples, spec.arms) == ((100, 200), ("bow",))


def test_a_run_appears_with_its_owner_or_not_at_all(store, monkeypatch):
    run = store.create(SPEC, {"owner": "v1"})
    assert run.owner == "v1"
    real = store_module.write_json

    def full(path, data):
        if path.name == "launch.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, data)

    monkeypatch.setattr(store_module, "write_json", full)
    with pytest.raises(RunError, match="The disk is full"):
        store.create(SPEC, {"owner": "v1"})
    assert [found.id for found in store.list()] == [run.id]


@pytest.mark.parametrize("kept", [None, {}, {"owner": 3}, {"owner": None}])
def test_a_run_without_a_named_owner_is_the_machines_own(store, kept):
    assert store.create(SPEC, kept).owner == ""
