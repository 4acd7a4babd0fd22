"""Memory kept between training steps: fewer page faults inside, everything given back after."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from distill_core.settings import PROJECT
from distill_core.training.speed import allocator
from distill_core.training.speed.allocator import kept_memory

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back in this way")
MIB = 2**20


# In a process of its own: what earlier tests left in the heap would be reused here.
PROGRAM = """
import resource, psutil, torch
from distill_core.training.speed.allocator import kept_memory

def page_faults(rounds=6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.ones(48 * 2**20 // 4)  # freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

page_faults()
outside, rss = page_faults(), psutil.Process().memory_info().rss
with kept_memory():
    page_faults()  # the heap grows to its size
    inside = page_faults()
    torch.ones(256 * 2**20 // 4)
kept = psutil.Process().memory_info().rss - rss
print(outside, inside, page_faults(), kept)
"""


@glibc
def test_a_large_block_is_asked_for_once_and_goes_back_at_the_end():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=PROJECT, check=True)
    outside, inside, after, kept_bytes = map(int, done.stdout.split())
    assert outside > 6 * 1000
    assert inside < outside / 2
    assert after > 6 * 1000  # as before
    assert kept_bytes < 64 * MIB


def test_it_does_nothing_where_there_is_no_glibc(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    with kept_memory():
        assert allocator._function("mallopt") is None
    monkeypatch.setattr(allocator.sys, "platform", "linux")
    assert allocator._function("no_such_function") is None
