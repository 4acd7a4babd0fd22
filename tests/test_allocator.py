"""Memory kept between training steps: fewer page faults inside, everything given back after."""

from __future__ import annotations

import platform

import psutil
import pytest
import torch

from distill_core import allocator
from distill_core.allocator import kept_memory

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back in this way")
MIB = 2**20


def page_faults(rounds=6):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.ones(48 * MIB // 4)  # freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@glibc
def test_a_large_block_is_asked_for_once():
    outside = page_faults()
    with kept_memory():
        page_faults()  # the heap grows to its size
        inside = page_faults()
    assert outside > 6 * 1000
    assert inside < outside / 2
    assert page_faults() > 6 * 1000  # as before


@glibc
def test_kept_memory_goes_back_at_the_end():
    rss = psutil.Process().memory_info().rss
    with kept_memory():
        torch.ones(256 * MIB // 4)
    assert psutil.Process().memory_info().rss < rss + 64 * MIB


def test_it_does_nothing_where_there_is_no_glibc(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    with kept_memory():
        assert allocator._function("mallopt") is None
    monkeypatch.setattr(allocator.sys, "platform", "linux")
    assert allocator._function("no_such_function") is None
