"""How many times as fast? Models and a baseline of one process, timed in turns: a change of the load meets both alike.

Each turn of a model has a turn of the baseline beside it, and the ratio is the median over these pairs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from distill_core.machine.devices import Device, time_calls
from distill_core.maths import ratios
from distill_core.measure import benchmark
from distill_core.measure.benchmark import Timing, quantile
from distill_core.measure.load import OtherLoad
from distill_core.models.loading import LoadedModel

TURN_S = 0.05  # a turn is as many calls as take so long, and not more than:
MOST_CALLS = 25
TIMES = ("latency_ms_p50", "latency_ms_p95", "busy_cores", "n_iterations")  # what a report says of a time


@dataclass(frozen=True)
class Pace:
    """How long each model is timed with the baseline: so many turns at least, and at least so many seconds. Beyond
    `limit_s` one more turn is the last, and the interval may be missing."""

    turns: int = 20
    min_time_s: float = 0.0
    limit_s: float = benchmark.CELL_LIMIT_S


@dataclass(frozen=True)
class Beside:
    """One model beside the baseline: `speedup` = baseline / model with its 95 % interval, both timed in the same turns.

    `baseline_ms` is the baseline's median in these turns alone.
    """

    timing: Timing
    baseline_ms: float
    speedup: float
    speedup_low: float | None
    speedup_high: float | None

    @property
    def ratio_fields(self) -> dict[str, float | None]:
        """The ratio and what it is made of, as fields of a result."""
        return {
            "speedup": self.speedup,
            "speedup_low": self.speedup_low,
            "speedup_high": self.speedup_high,
            "baseline_ms": self.baseline_ms,
        }

    @property
    def fields(self) -> dict[str, Any]:
        """Time and ratio, as fields of a student's result."""
        return {**time_fields(self.timing), **self.ratio_fields}


def time_fields(timing: Timing) -> dict[str, Any]:
    """A time and its circumstances, as fields of a result."""
    return {name: getattr(timing, name) for name in TIMES}


def in_turns(
    baseline: LoadedModel,
    rivals: Sequence[LoadedModel],
    batch_size: int,
    seq_len: int,
    device: Device,
    pace: Pace | None = None,
) -> tuple[Timing, list[Beside]]:
    """Time each rival in turns with the baseline. The baseline's own timing is over the turns of all rivals.

    Raises ModelError when one of them has too few positions or the device too little memory.
    """
    models = (baseline, *rivals)
    for loaded in models:
        loaded.model.eval().to(device.torch_device)  # not below: weights moved in inference mode cannot be trained
    with benchmark.ready(batch_size, seq_len, device):
        calls = [benchmark.caller(loaded, batch_size, seq_len, device) for loaded in models]
        runners = [_Runner.warmed_up(call, device) for call in calls]
        pairs = [_Pair(runners[0], runner) for runner in runners[1:]]
        load = OtherLoad()
        _take_turns(pairs, pace or Pace())
    busy = load.cores()
    own = sorted(second for pair in pairs for second in pair.baseline_s)
    timing = benchmark.timing_of(own, batch_size, runners[0].first_s, None, busy)
    return timing, [pair.result(batch_size, busy) for pair in pairs]


def _take_turns(pairs: list[_Pair], pace: Pace) -> None:
    """Round after round: every model has had as many turns, spread over the same time."""
    start, rounds = time.monotonic(), 0
    while True:
        for pair in pairs:
            pair.take_turns(baseline_first=rounds % 2 == 0)
        rounds, elapsed = rounds + 1, time.monotonic() - start
        enough = rounds >= pace.turns and elapsed >= pace.min_time_s * len(pairs)
        if enough or elapsed >= pace.limit_s * len(pairs):
            return


@dataclass(frozen=True)
class _Runner:
    """A model with its usual number of calls in a turn."""

    call: Callable[[], object]
    device: Device
    first_s: float
    calls: int

    @classmethod
    def warmed_up(cls, call: Callable[[], object], device: Device) -> _Runner:
        first_s = time_calls(call, device, 1)[0]
        usual_s = benchmark.warm_up(call, device)
        return cls(call, device, first_s, max(1, min(MOST_CALLS, math.ceil(TURN_S / max(usual_s, 1e-9)))))

    def turn(self) -> list[float]:
        return time_calls(self.call, self.device, self.calls)


class _Pair:
    """A model and the baseline, with the seconds of all calls and the mean of each turn: a call so short that it fits
    between two interruptions would have a median that knows nothing of them, and a long call never does."""

    def __init__(self, baseline: _Runner, model: _Runner) -> None:
        self._runners = baseline, model
        self.baseline_s: list[float] = []
        self._model_s: list[float] = []
        self._turns: list[tuple[float, float]] = []

    def take_turns(self, *, baseline_first: bool) -> None:
        """One turn of both. Which of them begins changes from round to round, so that what slowly changes cancels."""
        baseline, model = self._runners
        if baseline_first:
            base_s, model_s = baseline.turn(), model.turn()
        else:
            model_s, base_s = model.turn(), baseline.turn()
        self.baseline_s += base_s
        self._model_s += model_s
        self._turns.append((fmean(base_s), fmean(model_s)))

    def result(self, batch_size: int, busy: float) -> Beside:
        speedup, interval = ratios.paired_speedup(self._turns)
        low, high = interval or (None, None)
        timing = benchmark.timing_of(sorted(self._model_s), batch_size, self._runners[1].first_s, None, busy)
        return Beside(timing, _median(self.baseline_s) * 1000, speedup, low, high)


def _median(seconds: list[float]) -> float:
    return quantile(sorted(seconds), 0.5)
