"""The ten families on the card, with torch and transformers alone: counted, timed, and compared with the CPU."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from benchmarks.card.budget import Deadline, reason, released, synchronize
from benchmarks.card.plan import Plan
from distill_core import families
from distill_core.families import Family
from distill_core.measure import parity
from distill_core.places import DATA

_FEWEST_CALLS, _MOST_CALLS, _WARM_UP = 5, 100, 3
Row = dict[str, Any]

transformers.logging.set_verbosity_error()  # a fresh head is expected
transformers.logging.disable_progress_bar()


# ── counted and timed ────────────────────────────────────────────────────────────────────────────────────────────


def timings(plan: Plan, deadline: Deadline) -> dict[str, Any]:
    """A row for each family, number format and batch size. A row that fails holds its error, and the next goes on."""
    rows: list[Row] = []
    counts = []
    for family in plan.families:
        try:
            deadline.check()
            model = _bare(family, plan)
            counts.append(_count(family, model, plan))
            model.to(plan.device)
        except Exception as error:  # noqa: BLE001 - one family's failure is its own entry
            counts.append({"family": family.key, "error": reason(error)})
            continue
        for dtype in plan.dtypes:
            for batch_size in plan.timed_batch_sizes:
                rows.append(
                    {**_cell(family, dtype, batch_size), **_timed_row(model, family, dtype, batch_size, plan, deadline)}
                )
        del model
        released(plan.device)
    return {
        "how": f"{plan.seq_len} tokens, weights in float32, other formats under autocast, medians; `wall_ms` is the "
        "mean of the same calls by the wall clock, with one synchronization at their end",
        "holds": all(row.get("as_expected", False) for row in counts),
        "counts": counts,
        "rows": rows,
    }


def _bare(family: Family, plan: Plan) -> Any:
    """The family's bare model with random weights."""
    config = getattr(transformers, family.config_class)(**plan.config_fields(family))
    if config.pad_token_id is None:
        config.pad_token_id = 0
    config.use_cache = False
    torch.manual_seed(0)
    return AutoModel.from_config(config).eval()


def _count(family: Family, model: Any, plan: Plan) -> Row:
    """Parameters, beside those of data/parameters.csv; a small model is only asked to have some."""
    params = sum(parameter.numel() for parameter in model.parameters())
    expected = None if plan.small else sum(families.exact_parameters()[family.key].values())
    as_expected = params > 0 if expected is None else params == expected
    return {"family": family.key, "params": params, "expected": expected, "as_expected": as_expected}


def _cell(family: Family, dtype: torch.dtype, batch_size: int) -> Row:
    return {"family": family.key, "dtype": str(dtype).removeprefix("torch."), "batch_size": batch_size}


def _timed_row(model: Any, family: Family, dtype: torch.dtype, batch_size: int, plan: Plan, deadline: Deadline) -> Row:
    try:
        deadline.check()
        inputs = {name: ids.to(plan.device) for name, ids in random_ids(family, model.config, batch_size, plan).items()}
        autocast = torch.autocast(plan.device.type, dtype=dtype, enabled=dtype != torch.float32)
        with torch.inference_mode(), autocast:
            found = timed(lambda: model(**inputs), plan.device, plan.least_s)
    except Exception as error:  # noqa: BLE001 - out of memory, for instance: this row's error
        found = {"error": reason(error)}
    if "error" in found:
        released(plan.device)
        return found
    return {**found, "tokens_per_s": batch_size * plan.seq_len / (found["wall_ms"] / 1000)}


def random_ids(family: Family, config: Any, batch_size: int, plan: Plan) -> dict[str, torch.Tensor]:
    """Full batches of random tokens; an encoder-decoder reads them on both sides. Shape: (batch, seq)."""
    generator = torch.Generator().manual_seed(0)
    shape = (batch_size, plan.seq_len)
    ids = torch.randint(config.vocab_size // 2, config.vocab_size - 1, shape, generator=generator)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return {**inputs, "decoder_input_ids": ids} if family.architecture == "encoder-decoder" else inputs


def timed(call: Callable[[], object], device: torch.device, least_s: float) -> Row:
    """Milliseconds of a call: between CUDA's events (None elsewhere), and by the wall clock around all of them."""
    for _ in range(_WARM_UP):
        call()
    synchronize(device)
    start = time.perf_counter()
    call()
    synchronize(device)
    once = time.perf_counter() - start
    n = min(_MOST_CALLS, max(_FEWEST_CALLS, math.ceil(least_s / max(once, 1e-6))))
    events = [torch.cuda.Event(enable_timing=True) for _ in range(n + 1)] if device.type == "cuda" else []
    start = time.perf_counter()
    for event in events[:1]:
        event.record()
    for number in range(n):
        call()
        if events:
            events[number + 1].record()
    synchronize(device)
    wall_ms = (time.perf_counter() - start) * 1000 / n
    between = [a.elapsed_time(b) for a, b in pairwise(events)]
    return {
        "calls": n,
        "event_ms": statistics.median(between) if between else None,
        "event_mean_ms": statistics.fmean(between) if between else None,
        "wall_ms": wall_ms,
        "wall_over_events": wall_ms / statistics.fmean(between) if between else None,
    }


# ── compared with the CPU ────────────────────────────────────────────────────────────────────────────────────────


def parities(plan: Plan, deadline: Deadline) -> dict[str, Any]:
    """The minis of data/minis with a head that is always the same, at batch 1, 8, 9 and 40 (measure/parity.py)."""
    rows: list[Row] = []
    for family in plan.families:
        for dtype in plan.dtypes:
            row: Row = {"family": family.key, "dtype": str(dtype).removeprefix("torch.")}
            try:
                deadline.check()
                model = _mini_classifier(family)
                texts = parity.random_texts(family, model.config)
                found = parity.gaps(model, texts, plan.device, dtype)
                row |= {"within": all(gap.is_within for gap in found), "gaps": [finite(asdict(gap)) for gap in found]}
            except Exception as error:  # noqa: BLE001 - one family's failure is its own row
                row["error"] = reason(error)
            rows.append(row)
    return {
        "how": "largest difference of a logit from the CPU's in float32, in standard deviations over 40 texts",
        "holds": all(row.get("within", False) for row in rows),
        "rows": rows,
    }


def _mini_classifier(family: Family) -> Any:
    folder = DATA / "minis" / family.key
    config = AutoConfig.from_pretrained(folder, num_labels=2)
    if config.pad_token_id is None:
        config.pad_token_id = 0
    config.use_cache = False
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_pretrained(folder, config=config, dtype=torch.float32)


def finite(row: Row) -> Row:
    """JSON has no word for a gap that is no number."""
    return {name: value if math.isfinite(value) else None for name, value in row.items()}
