"""What docs/deploy.md and the Dockerfile say: the script is run, the arithmetic is done again, the files exist."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import subprocess
import sys

import pytest
import tiny
import torch
from safetensors.torch import load_file

from distill_core import families
from distill_core.settings import PROJECT, Settings

DEPLOY = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
NOISE = "key.bias"  # its gradient is rounding noise, which Adam blows up to full steps


@pytest.mark.slow
def test_the_script_ends_with_the_same_losses_and_weights_in_two_processes(tmp_path):
    (tmp_path / "spread.py").write_text(re.search(r"```python\n(.*?)```", DEPLOY, re.DOTALL).group(1))
    with (tmp_path / "own.csv").open("w", encoding="utf-8", newline="") as file:
        texts = [
            (f"{text} {n}", tiny.LABELS[(n + place) % 2])
            for n in range(12)
            for place, text in enumerate(tiny.SENTENCES)
        ]
        csv.writer(file).writerows([("text", "label"), *texts])
    calm = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    tiny.save(tiny.classifier(families.get("bert"), labels=("a", "b"), **calm), tmp_path / "bert")
    told, weights = [], []
    for n in (1, 2):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={n}"),
                *("--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"),
                *("spread.py", f"path:{tmp_path / 'bert'}", f"file:{tmp_path / 'own.csv'}", str(tmp_path / f"out-{n}")),
            ],
            env={
                **os.environ,
                "PYTHONPATH": str(PROJECT),
                "DISTILL_THREADS": "1",
                "OMP_NUM_THREADS": "1",
                "GLOO_SOCKET_IFNAME": "lo",
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout.split()[1]))  # of step 1
        weights.append(load_file(tmp_path / f"out-{n}" / "model.safetensors"))
    assert told[0] == pytest.approx(told[1], abs=1e-5)
    for name, tensor in weights[0].items():
        if not name.endswith(NOISE):
            torch.testing.assert_close(weights[1][name], tensor, rtol=0, atol=1e-5, msg=name)


def test_the_arithmetic_of_a_thousand_visitors():
    rows = re.findall(r"^\| ([\d,]+) \| (\d+) \| (\d+) MB \| (\d+) \|$", DEPLOY, re.MULTILINE)
    assert len(rows) == 4
    for row in rows:
        visitors, servers, memory_mb, slots = (int(number.replace(",", "")) for number in row)
        assert servers == math.ceil(visitors / 4 / 40)
        assert memory_mb == round(70 * servers + 0.3 * visitors, -1 if visitors > 40 else 0)
        assert slots == math.ceil(visitors * 3 / 45)


@pytest.mark.parametrize("text", [DEPLOY, DOCKERFILE], ids=["docs", "Dockerfile"])
def test_every_setting_that_is_named_exists(text):
    known = {f"DISTILL_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"DISTILL_[A-Z_]+", text)) <= known


def test_the_image_keeps_what_must_be_kept_and_hides_no_failure():
    folders = re.search(r"DISTILL_CACHE_DIR=(\S+) DISTILL_RUNS_DIR=(\S+)", DOCKERFILE).groups()
    assert set(json.loads(re.search(r"^VOLUME (.*)$", DOCKERFILE, re.MULTILINE).group(1))) == set(folders)
    assert "|| true" not in DOCKERFILE
    assert "whl/cpu" in DOCKERFILE
    for command in (DOCKERFILE.split("FROM")[0], DEPLOY):
        assert re.search(r"docker run .*--memory \d+g", command)
        assert all(f":{folder}" in command for folder in folders)
