"""What a run may use: the machine's memory and cores, and the limits of a container."""

from __future__ import annotations

import psutil
import pytest

from distill_core.machine import capacity, devices

GIB = 2**30


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    monkeypatch.setattr(capacity, "CGROUP", tmp_path)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    return write


def test_without_a_container_it_is_what_the_system_says(cgroup):
    assert abs(capacity.available_bytes() - psutil.virtual_memory().available) < GIB
    assert capacity.container_cores() is None


def test_a_containers_limit_counts_and_kept_files_are_free(cgroup):
    cgroup(
        memory_dot_max=f"{GIB}\n",
        memory_dot_current=f"{GIB // 2}\n",
        memory_dot_stat=f"anon 5\ninactive_file {GIB // 4}\nactive_file 7\n",
    )
    assert capacity.available_bytes() == GIB // 2 + GIB // 4


def test_the_older_layout_counts_as_well(cgroup):
    cgroup(
        memory__memory_dot_limit_in_bytes=f"{GIB}\n",
        memory__memory_dot_usage_in_bytes=f"{GIB // 2}\n",
        memory__memory_dot_stat="total_inactive_file 0\n",
        cpu__cpu_dot_cfs_quota_us="150000\n",
        cpu__cpu_dot_cfs_period_us="100000\n",
    )
    assert capacity.available_bytes() == GIB // 2
    assert capacity.container_cores() == 2


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("200000 100000\n", 2),
        ("50000 100000\n", 1),
        ("250000 100000\n", 3),
        ("max 100000\n", None),
        ("", None),
    ],
)
def test_a_quota_of_processor_time_in_cores(cgroup, monkeypatch, text, cores):
    cgroup(cpu_dot_max=text)
    assert capacity.container_cores() == cores
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 16)
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: list(range(8)), raising=False)
    assert devices.physical_cores() == (cores or 8)


def test_no_limit_in_words_is_no_limit(cgroup):
    cgroup(memory_dot_max="max\n", memory_dot_current="1\n")
    assert abs(capacity.available_bytes() - psutil.virtual_memory().available) < GIB


def test_the_estimate_is_near_what_a_training_of_minilm_took():
    """Measured: 1,540 MiB at most, 32 texts of up to 64 tokens."""
    assert capacity.training_bytes(22_713_986, 6, 384, 32 * 64) == pytest.approx(1540 * 2**20, rel=0.15)
