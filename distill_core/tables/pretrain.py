"""Pre-training runs → DataFrames: the loss on unread text, the answers at the gaps, families side by side.

Units stand in the column names, fractions are 0–1, what is missing is NA.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from distill_core import families, units
from distill_core.errors import DistillError
from distill_core.plans import pretrain_scale
from distill_core.results import ClozeLook, PretrainResult
from distill_core.runs.run import Run
from distill_core.specs import PretrainSpec
from distill_core.tables import frames as tables_frames
from distill_core.tables import sources as tables_sources

# The part of the loss that stands for the objective, and what it asks.
PART_TITLES = {
    "masked": "hidden tokens",
    "causal": "next token",
    "spans": "cut spans",
    "permutation": "tokens in random order",
    "denoising": "the whole text",
    "detection": "original or replaced",
    "cosine": "1 − cosine to MiniLM",
}
BASE_RATE = "base_rate"
UNIGRAM_PARTS = ("masked", "causal", "permutation")  # where word counts alone are a fair reference
LESSON_TITLES = {"objective": "own objective", "embeddings": "MiniLM's embeddings"}
_SAME_TIME = 1.2  # a ratio of two single trainings that is nearer to 1 tells nothing
_LOOK_COUNTS = ("examples", "tokens", "signals")
LOOK_COLUMNS = (*_LOOK_COUNTS, "loss", "share_of_start")
CLOZE_COLUMNS = ("sentence", "wanted", "first", "now", "probability_first", "probability_now")
_RUN_COUNTS = ("texts", "tokens", "signals", "params", "n_eval", "probe_labels")
_RUN_MEASURES = (
    "signal_share",
    "loss_start",
    "loss_end",
    "share_of_start",
    "reference_nats",
    "wanted_start",
    "wanted_end",
    "probe_start",
    "probe_end",
    "probe_low",
    "probe_high",
    "train_s",
    "tokens_per_s",
)
RUN_COLUMNS = ("run", "family", "title", "lesson", "asks", *_RUN_COUNTS, *_RUN_MEASURES, "source")


def main_part(result: PretrainResult) -> str:
    """The part of the loss that stands for the objective."""
    return next((name for name in PART_TITLES if name in result.held_out_before), "loss")


class Reference(NamedTuple):
    """A loss in nats that needs no look at the words around, and whose it is."""

    nats: float
    name: str


def reference(result: PretrainResult, points: pd.DataFrame | None = None) -> Reference | None:
    """What one would reach who knows frequencies alone, where the main part can be compared with it.

    Of the tokens that the loss asks for (`asked_unigram_nats`; older results have none), or for ELECTRA the share of
    replaced ones: that changes with its generator, so the newest look counts, in `points` while the run is live.
    """
    if main_part(result) in UNIGRAM_PARTS:
        return Reference(result.asked_unigram_nats, "Word counts") if result.asked_unigram_nats is not None else None
    found = result.held_out.get(BASE_RATE)
    if found is None and points is not None:
        seen = points.loc[(points["split"] == "validation") & (points["name"] == BASE_RATE), "value"]
        found = float(seen.iloc[-1]) if len(seen) else None
    return Reference(found, "Base rate") if found is not None else None


def kinds_sentence(result: PretrainResult) -> str:
    """The loss on unread text by what became of the asked token, beside word counts; empty where it is not known."""
    known, counts = result.held_out_by_kind, result.asked_unigram_nats
    if not known or counts is None:
        return ""
    titles = {"masked": "hidden", "replaced": "replaced by another", "kept": "left visible"}
    parts = ", ".join(f"{titles[kind]} {units.significant(value)}" for kind, value in known.items() if kind in titles)
    words = f"The loss by what became of the asked token: {parts} nats; word counts alone {units.significant(counts)}."
    if "masked" in known:
        side = "below" if known["masked"] < counts else "not below"
        words += f" On hidden tokens, which cannot be copied, the network is {side} word counts."
    return words


def looks_frame(run: Run, points: pd.DataFrame) -> pd.DataFrame:
    """The loss on unread text at each look (LOOK_COLUMNS), the first before any step. `points`: tail.COLUMNS."""
    result = run.result_as(PretrainResult)
    if result is None or main_part(result) not in result.held_out_before:
        return tables_frames.typed([], LOOK_COLUMNS, _LOOK_COUNTS, ("loss", "share_of_start"))
    part = main_part(result)
    start = result.held_out_before[part]
    records: list[dict[str, Any]] = [{"examples": 0, "tokens": 0, "signals": 0, "loss": start, "share_of_start": 1.0}]
    seen = points[points["split"] == "validation"]
    for step, rows in seen.groupby("step", sort=True):
        values = dict(zip(rows["name"], rows["value"], strict=True))
        if part in values and step:
            records.append(
                {
                    "examples": int(rows["examples"].iloc[0]),
                    "tokens": values.get("tokens"),
                    "signals": values.get("signals"),
                    "loss": values[part],
                    "share_of_start": values[part] / start,
                }
            )
    return tables_frames.typed(records, LOOK_COLUMNS, _LOOK_COUNTS, ("loss", "share_of_start"))


def cloze_frame(result: PretrainResult) -> pd.DataFrame:
    """One row a sentence (CLOZE_COLUMNS): the five likeliest tokens before the first step and at the newest look."""
    records = []
    for sentence in dict.fromkeys(look.sentence for look in result.cloze):
        looks = [look for look in result.cloze if look.sentence == sentence]
        first, now = looks[0], looks[-1]
        records.append(
            {
                "sentence": sentence,
                "wanted": first.wanted,
                "first": guesses_text(first, result.family),
                "now": guesses_text(now, result.family),
                "probability_first": first.probability,
                "probability_now": now.probability,
            }
        )
    return tables_frames.typed(records, CLOZE_COLUMNS, (), ("probability_first", "probability_now"))


def guesses_text(look: ClozeLook, family: str) -> str:
    """`of 31 %, the 12 %, …`: the likeliest tokens. For ELECTRA the tokens most suspected of being replaced."""
    ranked = sorted(look.guesses, key=lambda guess: -guess.probability)[: 3 if family == "electra" else 5]
    return ", ".join(f"{guess.token} {_percent(guess.probability)}" for guess in ranked)


def _percent(share: float) -> str:
    return "<1 %" if share < 0.01 else f"{share:.0%}".replace("%", " %")


def wanted_mean(result: PretrainResult, *, last: bool) -> float | None:
    """The mean probability of the wanted word over the sentences, at the first or the newest look."""
    if not result.cloze:
        return None
    tokens = result.cloze[-1 if last else 0].tokens
    shares = [look.probability for look in result.cloze if look.tokens == tokens]
    return sum(shares) / len(shares)


def comparable(run: Run, others: list[Run]) -> list[Run]:
    """Finished runs with the budget and the texts of this one, the newest of each family and lesson; `others` newest
    first. This run stands for its own family."""
    spec = run.spec_as(PretrainSpec)
    found: dict[tuple[str, str], Run] = {}
    for other in [run, *others]:
        asked = _spec(other)
        if asked is None or spec is None or other.result_as(PretrainResult) is None:
            continue
        same = (asked.tokens, asked.corpus, asked.max_length) == (spec.tokens, spec.corpus, spec.max_length)
        if same and (other.state().state == "done" or other.id == run.id):
            found.setdefault((asked.family, asked.lesson), other)
    order = list(families.BY_KEY)
    return [found[key] for key in sorted(found, key=lambda key: (key[1] != "objective", order.index(key[0])))]


def _spec(run: Run) -> PretrainSpec | None:
    try:
        return run.spec_as(PretrainSpec)
    except DistillError:
        return None


def runs_frame(runs: list[Run]) -> pd.DataFrame:
    """One row a run (RUN_COLUMNS). `signal_share` = signals per token read; `probe_…` are shares of right answers."""
    records = [_record(run, result) for run in runs if isinstance(result := run.result(), PretrainResult)]
    return tables_frames.typed(records, RUN_COLUMNS, _RUN_COUNTS, _RUN_MEASURES)


def sharing_sentence(frame: pd.DataFrame) -> str:
    """What ALBERT's shared layers save beside BERT's own ones, in weights and in time (`frame`: as `runs_frame`); empty
    where one of both was not measured. One training each, so that a difference in time of less than a fifth is none."""
    of = {row["family"]: row for _, row in frame.iterrows() if row["lesson"] == LESSON_TITLES["objective"]}
    if not {"albert", "bert"} <= set(of) or frame[["params", "train_s"]].isna().to_numpy().any():
        return ""
    albert, bert = of["albert"], of["bert"]
    saved, ratio = 1 - albert["params"] / bert["params"], albert["train_s"] / bert["train_s"]
    about = "about as long" if 1 / _SAME_TIME < ratio < _SAME_TIME else "longer" if ratio > 1 else "less long"
    return (
        f"ALBERT's layers share their weights: it has {units.percent(saved)} fewer than BERT here, most of which are "
        f"word embeddings in both. The same tokens took it {about}, {units.duration(albert['train_s'])} and "
        f"{units.duration(bert['train_s'])} (one training each): a shared layer is computed as often as others."
    )


def _record(run: Run, result: PretrainResult) -> dict[str, Any]:
    part, before, after = main_part(result), result.linear_probe_before, result.linear_probe
    start, end = result.held_out_before.get(part), result.held_out.get(part)
    known = reference(result)
    of_tokens = result.lesson == "objective" and result.signals is not None and result.tokens
    return {
        "run": run.id,
        "family": result.family,
        "title": families.get(result.family).title,
        "lesson": LESSON_TITLES[result.lesson],
        "asks": PART_TITLES.get(part, part),
        "texts": result.texts,
        "tokens": result.tokens,
        "signals": result.signals,
        "params": result.params,
        "n_eval": after.n_eval if after else None,
        "probe_labels": result.probe_labels,
        "signal_share": result.signals / result.tokens if of_tokens and result.signals and result.tokens else None,
        "loss_start": start,
        "loss_end": end,
        "share_of_start": end / start if start and end is not None else None,
        "reference_nats": known.nats if known else None,
        "wanted_start": wanted_mean(result, last=False),
        "wanted_end": wanted_mean(result, last=True),
        "probe_start": before.accuracy if before else None,
        "probe_end": after.accuracy if after else None,
        "probe_low": after.ci_low if after else None,
        "probe_high": after.ci_high if after else None,
        "train_s": result.train_s,
        "tokens_per_s": pretrain_scale.tokens_per_s(run),
        "source": tables_sources.source_text(run),
    }
