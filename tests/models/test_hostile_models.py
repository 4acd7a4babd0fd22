"""Folders and repositories that lie: each ends in one sentence, soon, and before the memory is taken."""

from __future__ import annotations

import json
import os
import re
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import tiny

from distill_core import families, model_ref
from distill_core.errors import DistillError, ModelError
from distill_core.hub import claims
from distill_core.machine import capacity
from distill_core.models import limits, loading
from distill_core.runs.store import RunStore

SECONDS, MIB = 2.0, 200
DEEP = "[" * 400 + "]" * 400


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """A whole small classifier of a family whose config says something else."""

    def make(key: str = "bert", **changes: Any) -> Path:
        folder = tiny.save(tiny.classifier(families.get(key)), tmp_path / key)
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
        return folder

    return make


def refused(folder: Path, store: RunStore) -> str:
    """The sentence; measured in seconds and in memory."""
    process = psutil.Process()
    before, began = process.memory_info().rss, time.monotonic()
    with pytest.raises(ModelError) as caught:
        loading.load(model_ref.parse(f"path:{folder}"), store)
    assert time.monotonic() - began < SECONDS
    assert process.memory_info().rss - before < MIB * 2**20
    assert str(folder.parent) not in str(caught.value)
    assert "\n" not in caught.value.message
    assert len(str(caught.value)) < 500
    return str(caught.value)


CONFIGS: list[tuple[str, dict[str, Any], str]] = [
    ("bert", {"id2label": {"0": "a", "2": "b"}}, "a name for each class"),
    ("bert", {"id2label": {"0": "a", "1": ["b"]}}, "a name for each class"),
    ("bert", {"id2label": "negative,positive"}, "a name for each class"),
    ("bert", {"num_labels": 10**9}, "num_labels"),
    ("bert", {"architectures": "BertForSequenceClassification"}, "architectures"),
    ("bert", {"architectures": 7}, "architectures"),
    ("bert", {"quantization_config": "int8"}, "quantized"),
    ("bert", {"num_hidden_layers": 10**9}, "num_hidden_layers"),
    ("bert", {"num_hidden_layers": -1}, "num_hidden_layers"),
    ("bert", {"num_hidden_layers": 120}, "are not whole"),
    ("bert", {"hidden_size": 10**9}, "hidden_size"),
    ("bert", {"hidden_size": 16_000, "num_attention_heads": 16}, "parameters, its weights hold"),
    ("bert", {"vocab_size": 10**7}, "parameters, its weights hold"),
    ("bert", {"max_position_embeddings": 10**6}, "parameters, its weights hold"),
    ("bert", {"type_vocab_size": 10**6}, "parameters, its weights hold"),
    ("bert", {"intermediate_size": 10**30}, "intermediate_size"),
    ("bert", {"num_attention_heads": 0}, "config"),
    ("bert", {"hidden_act": "evil"}, "config"),
    ("bert", {"dtype": "evil"}, "config"),
    ("bert", {"model_type": ["bert"]}, "config"),
    ("albert", {"num_hidden_groups": 10**6}, "num_hidden_groups"),
    ("albert", {"num_hidden_groups": 100, "inner_group_num": 100}, "num_hidden_groups"),
    ("albert", {"inner_group_num": 128, "num_hidden_groups": 1, "intermediate_size": 8192}, "its weights hold"),
    ("gpt", {"n_positions": 10**6}, "positions|its weights hold"),
    ("t5", {"num_heads": 10**6, "d_kv": 64}, "its weights hold"),
]


@pytest.mark.parametrize(("key", "changes", "words"), CONFIGS, ids=lambda value: str(value)[:40])
def test_a_config_that_lies(
    make: Callable[..., Path], store: RunStore, key: str, changes: dict[str, Any], words: str
) -> None:
    assert re.search(words, refused(make(key, **changes), store))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", '{"model_type": "bert", "x": ' + DEEP + "}"),
        ("config.json", '{"model_type": "bert", "x": ' + "[" * 10**5 + "]" * 10**5 + "}"),
        ("config.json", "[]"),
        ("config.json", '{"model_type": "bert", "layer_norm_eps": Infinity}'),
        ("config.json", '{"model_type": "bert", "vocab_size": ' + "9" * 5000 + "}"),
        ("tokenizer.json", DEEP),
        ("tokenizer.json", '{"version": "1.0", "model": {"type": "WordPiece", "vocab": "all"}}'),
        ("tokenizer.json", "\0\0\0"),
        ("tokenizer_config.json", '{"tokenizer_class": ["Bert"]}'),
        ("model.safetensors", "\x80\x04 a pickle in disguise"),
    ],
    ids=lambda value: value[:30],
)
def test_a_file_that_is_none(make: Callable[..., Path], store: RunStore, name: str, content: str) -> None:
    folder = make()
    (folder / name).write_text(content)
    refused(folder, store)


@pytest.mark.parametrize("name", sorted(claims.FILE_BYTES))
def test_a_file_of_a_gigabyte(make: Callable[..., Path], store: RunStore, name: str) -> None:
    folder = make()
    with (folder / name).open("wb") as file:
        file.truncate(2**30)
    assert "MiB are allowed" in refused(folder, store)


def test_a_vocabulary_of_millions(make: Callable[..., Path], store: RunStore) -> None:
    folder = make()
    (folder / "tokenizer.json").write_text('{"model": [' + "0," * 3_000_000 + "0]}")
    assert "entries" in refused(folder, store)


def test_a_tokenizer_that_adds_a_hundred_thousand_words(make: Callable[..., Path], store: RunStore) -> None:
    folder = make()
    data = json.loads((folder / "tokenizer.json").read_text())
    one = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    data["added_tokens"] = [{"id": n, "content": f"w{n}", **one} for n in range(60_000)]
    (folder / "tokenizer.json").write_text(json.dumps(data))
    assert "words" in refused(folder, store)


def test_a_device_in_place_of_a_file(make: Callable[..., Path], store: RunStore) -> None:
    folder = make()
    (folder / "tokenizer_config.json").unlink()
    os.symlink("/dev/zero", folder / "tokenizer_config.json")
    assert "is no file" in refused(folder, store)


def test_weights_larger_than_the_memory(make: Callable[..., Path], store: RunStore) -> None:
    """The file is a hole of four terabytes: its header is all there is."""
    folder, values = make(), 10**12
    header = json.dumps({"w": {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}}).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 4 * values)
    assert "GiB of memory" in refused(folder, store)


def test_too_little_memory_is_told_with_numbers(
    make: Callable[..., Path], store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "available_bytes", lambda: 1000)
    assert "0.0 GiB are free" in refused(make(), store)


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)
def test_honest_folders_pass(make: Callable[..., Path], store: RunStore, family: families.Family) -> None:
    folder = make(family.key)
    config = claims.read_config(folder / "config.json", "x")
    assert 0 < claims.least_parameters(config) <= claims.held_parameters(folder)
    assert loading.load(model_ref.parse(f"path:{folder}"), store).label_names == tiny.LABELS
    limits.check_tokenizer(folder)


def test_the_official_sizes_pass() -> None:
    for family in families.FAMILIES:
        config = getattr(__import__("transformers"), family.config_class)(**family.official).to_dict()
        claims.check_config(config, family.key)


def test_a_promise_is_read_without_torch() -> None:
    config = {"model_type": "bert", "hidden_size": 8192, "num_hidden_layers": 100}
    with pytest.raises(DistillError, match="describes at least"):
        claims.check_promise(config, 10**6, "org/x")
    claims.check_promise({"model_type": "bert"}, 10, "org/x")
