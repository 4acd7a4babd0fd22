"""How long a comparison will take here: said on the button before anybody presses it. A guess, and shown as one.

A run costs its start, and each model its loading and that of the baseline plus, for each batch size and length, the
warm-up of both and their turns (`measure/turns.py`). The latency behind it comes from an earlier run (same model, else
the middle of all), in proportion to the tokens; how far that run's own time was off corrects this one.
"""

from __future__ import annotations

from statistics import median

from distill_core.data_ref import NONE
from distill_core.results import CompareResult
from distill_core.runs.run import Run
from distill_core.specs import CompareSpec
from distill_core.units import seconds_between

START_S = 5.0  # a new process that loads torch and transformers
LOAD_S = 0.7  # a base-size model from its configuration, or from disk
CALLS_BEFORE = 3  # the first call, the one that measures memory, and one to warm up
WARM_UP_CALLS, WARM_UP_S = 15, 1.0  # at most so many calls of a fast model, so many seconds of a slow one
TURNS, TURN_S, TURN_CALLS = 10, 0.05, 25  # a turn is as many calls as take so long, and not more than 25
MS_PER_TOKEN = 0.5  # a base-size model on two cores of a server processor: 60 ms for 128 tokens
EVAL_TOKENS = 32  # a usual text of the offline data sets, padding included
PACE_LIMITS = (0.5, 4.0)

Speeds = dict[str, float]


def compare_seconds(spec: CompareSpec, earlier: Run | None = None) -> float:
    """Seconds that this comparison will take. `earlier`: a comparison that was finished on this machine."""
    if earlier is None:
        return _seconds(spec, {})
    speeds = _ms_per_token(earlier)
    return _seconds(spec, speeds) * _pace(earlier, speeds)


def _seconds(spec: CompareSpec, speeds: Speeds) -> float:
    usual = median(speeds.values()) if speeds else MS_PER_TOKEN
    total, base = START_S, speeds.get(str(spec.timed_against), usual) / 1000
    for ref in spec.models:
        speed = speeds.get(str(ref), usual) / 1000
        alone = ref == spec.timed_against
        total += LOAD_S if alone else 2 * LOAD_S
        for batch_size in spec.batch_sizes:
            for seq_len in spec.seq_lens:
                calls = [one * batch_size * seq_len for one in ((speed,) if alone else (speed, base))]
                before = sum(CALLS_BEFORE * call + min(WARM_UP_S, WARM_UP_CALLS * call) for call in calls)
                turn = sum(call if alone else max(call, min(TURN_S, TURN_CALLS * call)) for call in calls)
                total += before + max(spec.min_time_s, TURNS * turn)
        if spec.dataset != NONE and ref.source != "structure":
            total += (spec.eval_examples or 5000) * EVAL_TOKENS * speed
    return total


def _ms_per_token(run: Run) -> Speeds:
    """Milliseconds a token by model, from the largest measured batch of each."""
    result = run.result_as(CompareResult)
    speeds: Speeds = {}
    for row in sorted(result.rows if result is not None else (), key=lambda row: row.batch_size * row.seq_len):
        if row.latency_ms_p50 is not None:
            speeds[row.model] = row.latency_ms_p50 / (row.batch_size * row.seq_len)
    return speeds


def _pace(run: Run, speeds: Speeds) -> float:
    """How many times longer the earlier run took than this estimate says of it; 1 where its times are unknown."""
    spec, state = run.spec_as(CompareSpec), run.state()
    if spec is None:
        return 1.0
    took = seconds_between(state.started_at, state.ended_at)
    if took is None:
        return 1.0
    low, high = PACE_LIMITS
    return min(high, max(low, took / _seconds(spec, speeds)))
