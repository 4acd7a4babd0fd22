"""The description of the machine behind a run's numbers."""

from __future__ import annotations

import os
import platform

from distill_core.machine.environment import describe, prepare_process, prepared_process


def test_the_machine_is_described_without_naming_it(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    environment = describe("cpu", "a cpu", "float32", 2)
    assert environment.machine.startswith(f"{platform.machine()} {platform.system()}, {environment.cores} cores, ")
    assert environment.cores >= 1
    assert environment.memory_gib > 0
    assert environment.cpu
    assert environment.omp_wait_policy == "passive"
    assert environment.python == platform.python_version()
    assert {"torch", "transformers", "tokenizers", "streamlit", "distill_core"} <= environment.versions.keys()
    assert platform.node() not in environment.model_dump_json()


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    with prepared_process(None):
        assert os.environ["OMP_WAIT_POLICY"] == "active"
        assert os.environ["OMP_NUM_THREADS"] == "5"
        assert os.environ["TOKENIZERS_PARALLELISM"] == "false"
    assert "TOKENIZERS_PARALLELISM" not in os.environ
    with prepared_process(2):
        prepare_process(3)
        assert os.environ["OMP_NUM_THREADS"] == "3"
    assert os.environ["OMP_NUM_THREADS"] == "5"
