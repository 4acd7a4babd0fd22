"""How long a comparison will take here: said on the button before anybody presses it. A guess, and shown as one.

A model costs its loading plus, for each batch size and length, the warm-up and the timed calls of benchmark.py. The
latency behind it comes from earlier runs (same model, else the middle of all), in proportion to the tokens.
"""

from __future__ import annotations

import pandas as pd

from distill_core.specs import CompareSpec

LOAD_S = 2.0  # a base-size model from its configuration, or from disk
CALLS_BEFORE = 17  # the first call, the one that measures memory, and about three rounds of five to warm up
CALLS_TIMED = 10
MS_PER_TOKEN = 0.5  # a base-size model on two cores of a server processor: 60 ms for 128 tokens
EVAL_TOKENS = 32  # a usual text of the offline data sets, padding included


def compare_seconds(spec: CompareSpec, history: pd.DataFrame | None = None) -> float:
    """Seconds that this comparison will take. `history`: compare frames of earlier runs on this machine."""
    speeds = _ms_per_token(history)
    usual = float(speeds.median()) if len(speeds) else MS_PER_TOKEN
    total = 0.0
    for ref in spec.models:
        speed = float(speeds.get(str(ref), usual)) / 1000
        total += LOAD_S
        for batch_size in spec.batch_sizes:
            for seq_len in spec.seq_lens:
                call = speed * batch_size * seq_len
                total += CALLS_BEFORE * call + max(spec.min_time_s, CALLS_TIMED * call)
        if spec.dataset != "none" and ref.source != "structure":
            total += (spec.eval_examples or 5000) * EVAL_TOKENS * speed
    return total


def _ms_per_token(history: pd.DataFrame | None) -> pd.Series[float]:
    """Milliseconds a token by model, from the largest measured batch of each."""
    if history is None or history.empty:
        return pd.Series(dtype=float)
    known = history.dropna(subset=["latency_ms_p50"])
    tokens = (known["batch_size"] * known["seq_len"]).astype(float)
    speed = known.assign(tokens=tokens, speed=known["latency_ms_p50"].astype(float) / tokens)
    largest = speed.sort_values("tokens").groupby("model")["speed"].last()
    return largest.astype(float)
