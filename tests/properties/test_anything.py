"""Whatever comes from outside, the core answers with a value or with a DistillError: never with another exception.

hypothesis draws the inputs, always the same ones (`derandomize`). What it once found stands beside as an example.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from distill_core import data_ref, kinds, model_ref
from distill_core.datasets import uploads
from distill_core.errors import DistillError, RunError
from distill_core.files.json_files import read_json
from distill_core.hub import claims
from distill_core.launch.local import LocalLauncher
from distill_core.results import State
from distill_core.runs.run import RECORDED_FILES, Run
from distill_core.runs.run_list import runs_frame
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec

FEW = examples(
    derandomize=True,
    deadline=None,
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FIELDS = sorted({name for kind in kinds.KINDS.values() for name in kind.spec.model_fields if name != "kind"})
ODD = st.sampled_from(
    ["", "\0", "\ud800", "NaN", "1e999", "-1", "minilm", "bert@structure", "run:", "path:", "file:x.csv"]
)
LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=20)
    | ODD
)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
REQUEST = st.fixed_dictionaries(
    {"kind": st.sampled_from([*kinds.KINDS, "other"]) | JSON}, optional=dict.fromkeys(FIELDS, JSON)
)
TEXT = st.text(max_size=60) | st.text(alphabet="a:@/.%#=,~\\ \0", max_size=40) | ODD
BYTES = st.binary(max_size=300)


def only_distill_errors(call: Any, *args: Any) -> Any:
    with contextlib.suppress(DistillError):
        return call(*args)
    return None


@FEW
@given(REQUEST)
@example({"kind": ["compare"]})
@example({"kind": "compare", "models": {"a": float("nan")}})
@example({"kind": "finetune", "learning_rate": 10**400})
def test_a_request(data: dict[str, Any]) -> None:
    for read in (kinds.parse_spec, kinds.read_spec):
        spec = only_distill_errors(read, data)
        if spec is not None:
            again = kinds.parse_spec(json.loads(spec.model_dump_json()))
            assert again == spec
            assert spec.heading is not None


@FEW
@given(TEXT)
def test_a_model_s_name(text: str) -> None:
    ref = only_distill_errors(model_ref.parse, text)
    if ref is not None:
        assert model_ref.parse(str(ref)) == ref
        assert ref.title


@FEW
@given(TEXT)
def test_a_data_set_s_name(text: str) -> None:
    ref = only_distill_errors(data_ref.parse, text)
    if ref is not None:
        assert data_ref.parse(str(ref)) == ref
    for part in data_ref.split_list(text):
        only_distill_errors(data_ref.parse, part)


@FEW
@given(st.integers(0, 200), TEXT)
def test_a_wrong_value_is_cut(times: int, text: str) -> None:
    with pytest.raises(DistillError) as caught:
        kinds.parse_spec({"kind": "compare", "models": text * times * 50, f"a{text * times}": 1})
    assert len(caught.value.message) <= 1_001


# ── the files of a run ───────────────────────────────────────────────────────────────────────────────────────────


FILES = (*(name for name in RECORDED_FILES if name.endswith((".json", ".jsonl"))), "launch.json", "control.json")
RECORD = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(State.model_fields, JSON),
        **dict.fromkeys(
            ("kind", "rows", "arms", "students", "teacher", "token", "owner", "starts", "command", "seq"), JSON
        ),
    },
)
CONTENT = BYTES | RECORD.map(lambda data: json.dumps(data).encode()) | JSON.map(lambda data: json.dumps(data).encode())


def read_all(run: Run, store: RunStore) -> None:
    """All that pages and commands read of a run."""
    assert run.state().state
    assert isinstance(run.launch_info(), dict)
    assert isinstance(run.owner, str)
    with contextlib.suppress(RunError):
        run.spec()
    run.environment(), run.result(), run.read_metrics(), run.control(), run.log_tail(), run.version()
    assert [one.id for one in store.list()] == [run.id]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return RunStore(tmp_path / "runs").create(CompareSpec(models="bert@structure"))  # type: ignore[arg-type]


@FEW
@given(st.sampled_from(FILES), CONTENT)
@example("state.json", b'{"state": "running", "started_at": "2026"}')
@example("metrics.jsonl", b'{"step": 1e999}\n\0\0\0')
@example("launch.json", b'{"starts": "many"}')
def test_a_file_of_a_run(run: Run, name: str, content: bytes) -> None:
    before = (run.path / name).read_bytes() if (run.path / name).exists() else None
    (run.path / name).write_bytes(content)
    try:
        store = RunStore(run.path.parent)
        read_all(run, store)
        runs_frame(store.list())
    finally:
        (run.path / name).unlink()
        if before is not None:
            (run.path / name).write_bytes(before)


@FEW
@given(st.sampled_from(["launch.json", "control.json", "state.json"]), CONTENT)
def test_a_tick_over_a_damaged_run(run: Run, name: str, content: bytes) -> None:
    """It starts nothing here: the program of a run is none."""
    (run.path / name).write_bytes(content)
    LocalLauncher(RunStore(run.path.parent), slots=1, command=("/nonexistent",)).tick()


# ── uploads and files of models ──────────────────────────────────────────────────────────────────────────────────


CSV = st.text(alphabet='ab,;\t|"\n\r\0 é\ufeff', max_size=200).map(lambda text: f"text,label\n{text}".encode())


@FEW
@given(BYTES | CSV | st.text(max_size=100).map(lambda text: text.encode("utf-16", "surrogatepass")))
@example(b"text,label\n" + b'"' * 9)
def test_an_upload(data: bytes) -> None:
    only_distill_errors(uploads.columns, data)
    dataset = only_distill_errors(uploads.read_csv, data)
    if dataset is not None:
        assert set(dataset.frame["split"]) <= {"train", "validation", "test"}


@FEW
@given(JSON | st.dictionaries(st.sampled_from(["model_type", "hidden_size", "id2label", "num_hidden_layers"]), JSON))
@example({"model_type": "albert", "num_hidden_groups": None})
def test_a_config(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(data))
    config = only_distill_errors(claims.read_config, path, "x")
    if config is not None:
        only_distill_errors(claims.check_config, config, "x")
        assert claims.least_parameters(config) is not None
    read_json(path)


@FEW
@given(
    BYTES
    | st.tuples(st.integers(0, 300), JSON).map(
        lambda pair: pair[0].to_bytes(8, "little") + json.dumps(pair[1]).encode()
    )
)
def test_a_header_of_weights(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(data)
    only_distill_errors(claims.held_parameters, tmp_path)
