"""Speed and memory of a model: against numpy's quantiles and torch's own timer, for all ten families."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace

import numpy as np
import pytest
import tiny
import torch
from torch.utils.benchmark import Timer

from distill_core import families
from distill_core.errors import ModelError
from distill_core.jobs.isolation import run_isolated
from distill_core.machine import devices
from distill_core.measure import benchmark
from distill_core.measure.memory import PeakMemory

CPU = devices.Device(torch.device("cpu"), "float32", 1)
BF16 = devices.Device(torch.device("cpu"), "bfloat16", 1)
each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)


def fake(call, family="bert"):
    """A model that is this function."""
    model = torch.nn.Module()
    model.config = tiny.classifier(families.get(family)).model.config
    model.forward = lambda **inputs: call(inputs)
    return replace(tiny.classifier(families.get(family)), model=model)


# ── statistics ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("n", [1, 2, 3, 10, 11, 100, 997])
def test_quantiles_are_numpys(n):
    values = sorted(np.random.default_rng(n).gamma(2, 1, n).tolist())
    for share in (0, 0.25, 0.5, 0.9, 0.95, 0.99, 1):
        assert benchmark.quantile(values, share) == pytest.approx(np.quantile(values, share), rel=1e-12)


def test_a_timing_is_in_milliseconds_of_a_whole_batch():
    timing = benchmark.timing_of([0.010, 0.020, 0.030], 8, 0.5, 12.0, 0.25)
    assert timing.latency_ms_p50 == pytest.approx(20)
    assert timing.latency_ms_p90 == pytest.approx(28)
    assert timing.latency_ms_p95 == pytest.approx(29)
    assert timing.latency_ms_p99 == pytest.approx(29.8)
    assert timing.examples_per_s == pytest.approx(400)
    assert timing.first_forward_ms == 500
    assert (timing.n_iterations, timing.peak_memory_mib, timing.busy_cores) == (3, 12.0, 0.25)


def test_small_cells_come_first():
    assert list(benchmark.cells((8, 1), (128, 32))) == [(1, 32), (1, 128), (8, 32), (8, 128)]


# ── inputs ───────────────────────────────────────────────────────────────────────────────────────────────────


@each_family
@pytest.mark.parametrize("headless", [True, False])
def test_inputs_are_full_texts_without_special_tokens_inside(family, headless):
    loaded = tiny.classifier(family)
    config = loaded.model.config
    inputs = benchmark.random_inputs(family, config, 16, 100)
    ids = inputs["input_ids"]
    assert ids.shape == inputs["attention_mask"].shape == (16, 100)
    assert inputs["attention_mask"].all()
    assert ids.min() >= 0
    assert ids.max() < config.vocab_size
    assert (ids != config.pad_token_id).all()
    if family.pooled_token == "eos":
        assert (ids[:, -1] == config.eos_token_id).all()
        ids = ids[:, :-1]
    if config.eos_token_id is not None:
        assert (ids != config.eos_token_id).all()
    assert torch.equal(benchmark.random_inputs(family, config, 16, 100)["input_ids"], inputs["input_ids"])


def test_more_tokens_than_positions_are_refused():
    with pytest.raises(ModelError, match="512 positions"):
        benchmark.measure(tiny.classifier(families.get("bert")), 1, 513, 0.01, CPU)


# ── measuring ────────────────────────────────────────────────────────────────────────────────────────────────


@each_family
@pytest.mark.parametrize("here", [CPU, BF16], ids=["float32", "bfloat16"])
def test_each_family_can_be_measured_bare_and_with_a_head(family, here, quick):
    headed = tiny.classifier(family)
    bare = replace(headed, model=tiny.backbone(family), tokenizer=None, label_names=None, weights="random")
    for loaded in (headed, bare):
        timing = benchmark.measure(loaded, 2, 12, 0.001, here)
        assert 0 < timing.latency_ms_p50 <= timing.latency_ms_p90 <= timing.latency_ms_p95 <= timing.latency_ms_p99
        assert timing.examples_per_s == pytest.approx(2000 / timing.latency_ms_p50)
        assert timing.n_iterations >= 10
        assert timing.peak_memory_mib is None


def test_bfloat16_computes_in_bfloat16(quick):
    kinds = set()

    def call(inputs):
        kinds.add((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)

    benchmark.measure(fake(call), 1, 8, 0.001, BF16)
    assert kinds == {torch.bfloat16}
    kinds.clear()
    benchmark.measure(fake(call), 1, 8, 0.001, CPU)
    assert kinds == {torch.float32}


def test_nothing_is_kept_for_a_gradient(quick):
    modes = []
    benchmark.measure(fake(lambda inputs: modes.append(torch.is_inference_mode_enabled())), 1, 8, 0.001, CPU)
    assert all(modes)


def test_the_median_is_that_of_torchs_own_timer():
    loaded = tiny.classifier(families.get("bert"), width=64)
    inputs = benchmark.random_inputs(loaded.family, loaded.model.config, 4, 64)
    pairs = []
    for _ in range(8):  # other programs share this machine
        ours = benchmark.measure(loaded, 4, 64, 0.2, CPU).latency_ms_p50
        with torch.inference_mode():
            timer = Timer("model(**inputs)", globals={"model": loaded.model, "inputs": inputs}, num_threads=1)
            theirs = timer.blocked_autorange(min_run_time=0.2).median * 1000
        pairs.append((ours, theirs))
        if abs(ours - theirs) <= 0.25 * theirs:
            return
    pytest.fail(f"ours and torch's, ms: {pairs}")


def test_known_durations_are_measured_as_such(clock):
    durations = itertools.chain([0.5], itertools.repeat(0.004))
    timing = benchmark.measure(fake(lambda inputs: clock.pass_by(next(durations))), 4, 8, 0.1, CPU)
    assert timing.first_forward_ms == pytest.approx(500)
    assert timing.latency_ms_p50 == timing.latency_ms_p99 == pytest.approx(4)
    assert timing.examples_per_s == pytest.approx(1000)
    assert timing.n_iterations in range(25, 31)


def test_the_shortest_time_and_ten_calls_are_kept(clock):
    assert benchmark.measure(fake(lambda inputs: clock.pass_by(0.001)), 1, 8, 0.2, CPU).n_iterations in range(200, 206)
    assert benchmark.measure(fake(lambda inputs: clock.pass_by(0.5)), 1, 8, 0.2, CPU).n_iterations == 10


def test_a_slow_cell_is_timed_with_fewer_calls(clock):
    timing = benchmark.measure(fake(lambda inputs: clock.pass_by(50)), 1, 8, 1, CPU)
    assert 1 <= timing.n_iterations < 10
    assert timing.latency_ms_p50 == pytest.approx(50_000)


def test_a_slow_model_is_warmed_up_for_about_a_second(clock):
    calls = []
    benchmark.warm_up(lambda: (calls.append(1), clock.pass_by(0.4)), CPU)
    assert len(calls) == 4


def test_warming_up_goes_on_until_the_time_is_stable(monkeypatch):
    monkeypatch.setattr(benchmark, "WARM_UP_LIMIT_S", 60)
    falling = itertools.chain([9, 8, 7, 6, 5, 4, 3, 2, 1, 1], itertools.repeat(1))
    drawn = []

    def timed(call, here, n):
        drawn.extend(itertools.islice(falling, n))
        return drawn[-n:]

    monkeypatch.setattr(benchmark, "time_calls", timed)
    assert benchmark.warm_up(lambda: None, CPU) == 1
    assert len(drawn) == 16  # the last five are 1, and so is the middle one of 3, 2, 1, 1, 1


# ── memory ───────────────────────────────────────────────────────────────────────────────────────────────────


def peaks(sizes):
    """In a process of its own: the peak of holding so many MiB beside 64 MiB of weights."""
    peak = PeakMemory(CPU)
    weights = torch.ones(64 * 2**18)
    for mib in sizes:
        peak.reset()
        torch.ones(mib * 2**18).sum()
        yield peak.read()
    del weights


def test_peak_memory_is_that_of_weights_and_the_call_alone():
    small, large, small_again = run_isolated(peaks, (16, 256, 16))
    assert small == pytest.approx(64 + 16, abs=12)
    assert large == pytest.approx(64 + 256, abs=12)
    assert small_again == pytest.approx(small, abs=12)  # the peak before does not count


def measured_peaks(cells):
    torch.set_num_threads(1)
    benchmark.WARM_UP_LIMIT_S, benchmark.MIN_CALLS = 0.0, 1
    peak = PeakMemory(CPU)
    loaded = tiny.classifier(families.get("bert"), width=128)
    for batch_size, seq_len in cells:
        yield benchmark.measure(loaded, batch_size, seq_len, 0.001, CPU, peak).peak_memory_mib


def test_peak_memory_grows_with_the_batch():
    small, medium, large = run_isolated(measured_peaks, [(1, 64), (16, 256), (64, 256)])
    assert 0 < small < medium < large
    hidden = 48 * 256 * 128 * 4 / 2**20  # MiB of the hidden states that the largest batch has more
    assert large - medium > 2 * hidden


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("MPS backend out of memory"),
    ],
)
def test_too_little_memory_is_said_with_the_size(error):
    def call(inputs):
        raise error

    with pytest.raises(ModelError, match="Not enough memory for 64 × 128 tokens") as caught:
        benchmark.measure(fake(call), 64, 128, 0.01, CPU)
    assert "smaller batch" in caught.value.hint


def test_a_real_lack_of_memory_is_recognized():
    with pytest.raises(ModelError, match="Not enough memory"):
        benchmark.measure(fake(lambda inputs: torch.empty(2**50)), 1, 8, 0.01, CPU)


def test_another_error_is_not_taken_for_a_lack_of_memory():
    def call(inputs):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        benchmark.measure(fake(call), 1, 8, 0.01, CPU)


def test_a_timing_has_the_names_of_a_row():
    from distill_core.results import BenchmarkRow

    assert asdict(benchmark.timing_of([1.0], 1, 1.0, None, 0.0)).keys() <= BenchmarkRow.model_fields.keys()
