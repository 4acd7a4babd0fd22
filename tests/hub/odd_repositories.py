"""What else can lie on a Hub than official checkpoints: tiny, pickled, gated, broken, hostile repositories."""

from __future__ import annotations

import io
import json
import struct

import pyarrow as pa
import pyarrow.parquet as pq
from fakehub import Repo


def safetensors(values: int = 4) -> bytes:
    """A file of one tensor, written by hand."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * values)


def tiny(**config: object) -> dict[str, bytes]:
    """The files of the smallest repository that is one."""
    return {
        "config.json": json.dumps({"model_type": "bert", **config}).encode(),
        "tokenizer.json": b"{}",
        "model.safetensors": safetensors(),
        "README.md": b"# a card",
        "pytorch_model.bin": b"pickled",
        "modeling_evil.py": b"raise SystemExit",
    }


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"sentence": ["a fine film", "a dull film"], "label": [1, 0]}), out)
    return out.getvalue()


def odd_repositories() -> dict[str, Repo]:
    """Everything that is not an official checkpoint."""
    pickled = {name: data for name, data in tiny().items() if not name.endswith(".safetensors")}
    sharded = {name: data for name, data in tiny().items() if not name.endswith(".safetensors")}
    shards = {f"model-0000{n}-of-00002.safetensors": safetensors(n) for n in (1, 2)}
    index = json.dumps({"weight_map": {f"w{n}": name for n, name in enumerate(shards)}}).encode()
    big = tiny()
    return {
        "org/tiny": Repo(tiny()),
        "org/large": Repo({**tiny(), "model.safetensors": safetensors(500_000)}),
        "org/pickled": Repo(pickled),
        "org/converted": Repo(pickled, pulls={3: Repo({**pickled, "model.safetensors": safetensors()})}),
        "org/converted-by-a-stranger": Repo(
            pickled, pulls={1: Repo({**pickled, "model.safetensors": safetensors(8)})}, pull_author="stranger"
        ),
        "org/sharded": Repo({**sharded, **shards, "model.safetensors.index.json": index}),
        "org/gated": Repo(tiny(), gated=True),
        "org/private": Repo(tiny(), private=True),
        "org/huge": Repo(big, claimed={"model.safetensors": 40 * 2**30}),
        "org/remote-code": Repo(tiny(auto_map={"AutoModel": "modeling_evil.Evil"})),
        "org/own-code": Repo(tiny(model_type="evil", auto_map={"AutoModel": "modeling_evil.Evil"})),
        "org/llama": Repo(tiny(model_type="llama")),
        "org/endless": Repo(tiny(num_hidden_layers=10**9)),
        "org/too-wide": Repo(tiny(hidden_size=16_000, num_hidden_layers=100, vocab_size=30_000)),
        "org/deep": Repo({**tiny(), "config.json": b'{"model_type": "bert", "x": ' + b"[" * 400 + b"]" * 400 + b"}"}),
        "org/bomb": Repo(tiny(), claimed={"tokenizer.json": 2**30}),
        "org/no-config": Repo({"model.safetensors": safetensors(), "README.md": b"x"}),
        "org/no-tokenizer": Repo({name: data for name, data in tiny().items() if name != "tokenizer.json"}),
        "org/bad-config": Repo({**tiny(), "config.json": b"{broken"}),
        "org/not-tensors": Repo({**tiny(), "model.safetensors": b"\x80\x04 this is a pickle in disguise"}),
        "org/truncated-upload": Repo({**tiny(), "model.safetensors": safetensors(64)[:-8]}),
        "org/reviews": Repo(
            {"data/train-00000-of-00001.parquet": _parquet(), "data/test.parquet": _parquet(), "load.py": b"evil"},
            kind="dataset",
        ),
    }
