"""Run directories that are not as the product writes them: each is shown as damaged, and takes nothing else down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sample_training as sample

from distill_core.cli.main import main
from distill_core.errors import RunError
from distill_core.results import Metric
from distill_core.runs import run_list
from distill_core.runs.store import RunStore
from distill_core.specs import FinetuneSpec
from distill_core.units import seconds_between

BAD = {
    "deep": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nan": b'{"accuracy": NaN, "created_at": NaN}',
    "surrogate": b'{"title": "\\ud800", "message": "\\ud800"}',
    "huge": b'{"progress": 1e999, "seed": 1e999, "train_s": 1e999}',
    "bytes": bytes(range(256)),
}


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.mark.parametrize("name", ["spec.json", "state.json", "env.json", "result.json", "launch.json", "control.json"])
@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_bad_file_takes_nothing_else_down(
    store: RunStore, name: str, content: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = sample.distill_run(store, "minilm"), sample.distill_run(store, "minilm")
    (bad.path / name).write_bytes(content)
    frame = run_list.runs_frame(store.list())
    assert list(frame["id"]) == [good.id, bad.id]
    assert good.result() is not None
    bad.state(), bad.environment(), bad.launch_info(), bad.control()
    monkeypatch.setenv("DISTILL_RUNS_DIR", str(store.root))
    for command in (["runs", "list"], ["runs", "show", bad.id]):
        assert main([*command, "--json"]) in (0, 1, 2)
        json.loads(capsys.readouterr().out, parse_constant=lambda found: pytest.fail(f"{found} in the output"))


@pytest.mark.parametrize("value", ["1e999", "NaN", "Infinity", "null", '"\\ud800"'])
def test_a_point_that_is_no_number_is_left_out(store: RunStore, value: str) -> None:
    run = store.create(FinetuneSpec())
    point = Metric(step=1, epoch=0.1, split="train", name="loss", value=0.5)
    run.add_metrics([point])
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write(point.model_dump_json().replace('"value":0.5', f'"value":{value}') + "\n")
    run.add_metrics([point.model_copy(update={"step": 2})])
    assert [metric.step for metric in run.read_metrics()[0]] == [1, 2]


def test_a_folder_that_is_no_run_is_not_listed_and_not_deleted(store: RunStore) -> None:
    run = store.create(FinetuneSpec())
    for name in ("photos", "202611-abcdef"):
        (store.root / name).mkdir()
        (store.root / name / "picture.jpg").write_bytes(b"1")
        with pytest.raises(RunError, match="There is no run"):
            store.remove(name)
        assert (store.root / name / "picture.jpg").exists()
    assert [one.id for one in store.list()] == [run.id]


def test_a_run_that_lost_its_files_can_be_deleted(store: RunStore) -> None:
    run = store.create(FinetuneSpec())
    for file in list(run.path.iterdir()):
        file.unlink()
    assert [one.state().state for one in store.list()] == ["damaged"]
    store.remove(run.id)
    assert store.list() == []


def test_times_with_and_without_a_zone() -> None:
    assert seconds_between("2026-01-01T00:00:00", "2026-01-01T00:00:05+00:00") == 5
    assert seconds_between("2026-01-01T00:00:05", "2026-01-01T00:00:00") == 0
    assert seconds_between("", "2026-01-01T00:00:00") is None
    assert seconds_between("yesterday", "today") is None


def test_an_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from distill_core.settings import PROJECT, Settings

    monkeypatch.setenv("DISTILL_RUNS_DIR", "")
    assert Settings().runs_dir == PROJECT / "runs"
