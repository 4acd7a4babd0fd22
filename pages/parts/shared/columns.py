"""The columns of all tables: one heading and one format for each quantity, whichever page shows it.

    COLUMNS = columns.of(("label", "model"), "params", "accuracy", "ci_low", "ci_high", "source")

A column of a frame is looked up by its own name. Where frames use one name for several things (`label`, `title`), a
pair says which of them it is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

_AS = st.column_config
_POINTS = "%+.1f"
_GRADIENT = "∂L/∂z of the weighted term, nats per logit"
_OVER_SEEDS, _OVER_TEXTS = "95 % interval over seeds; n/a below three", "95 % interval over test texts"


def _share(heading: str) -> ColumnConfig:
    return _AS.NumberColumn(heading, format="percent")


def _count(heading: str) -> ColumnConfig:
    return _AS.NumberColumn(heading, format="localized")


def _number(heading: str, form: str = "%.3g", about: str | None = None) -> ColumnConfig:
    return _AS.NumberColumn(heading, format=form, help=about)


def _points(heading: str, about: str | None = None) -> ColumnConfig:
    return _number(heading, _POINTS, about)


_WHERE_KNOWN = frozenset({"majority", "balanced_accuracy", "recalls"})
_WORDS = {
    # what a row is about
    "class": "class",
    "family": "family",
    "left_out": "left out",
    "length": "Length",
    "model": "model",
    "student": "student",
    "way_to_learn": "way to learn",
    "what": "what",
    "what_learns": "what learns",
    "word": "Word in the text",
    # texts, and what is said of them
    "first": "before the first step",
    "foreign_says": "foreign says",
    "likeliest": "likeliest now",
    "looked_for": "looked for",
    "most_suspected": "most suspected now",
    "sentence": "sentence",
    "student_says": "student says",
    "teacher_says": "teacher says",
    "text": "text",
    "true_label": "label",
    "wrong_word": "wrong word",
    # where a number comes from
    "accuracy_note": "about the accuracy",
    "asks": "the loss asks for",
    "confidence": "confidence",
    "lesson": "lesson",
    "metric": "metric",
    "note": "note",
    "published_source": "published in",
    "source": "source",
    "split": "split",
    "tested_on": "tested on",
    "trained_on": "trained on",
    "unit": "unit",
    "value": "value",
    "variant": "variant",
    "weights": "weights",
    # runs
    "device": "device",
    "id": "run",
    "kind": "kind",
    "message": "last word",
    "state": "state",
    # a class
    "doing": "now",
    "since": "for",
}
_SIZE_AND_SPEED = {
    "params": _count("parameters (exact)"),
    "params_ratio": _number("parameters × baseline", "%.2f ×"),
    "params_saved": _share("parameters saved"),
    "params_share": _share("of teacher's parameters"),
    "params_trained": _count("trained parameters"),
    "share_trained": _share("of all parameters"),
    "layers": _number("layers", "%d"),
    "batch_size": _number("texts a batch", "%d"),
    "seq_len": _number("tokens a text", "%d"),
    "latency_ms_p50": _number("p50 (ms)"),
    "latency_ms_p95": _number("p95 (ms)"),
    "time_share": _share("of teacher's time"),
    "over_baseline": _number("times as fast as baseline", "%.2f ×"),
    "over_teacher": _number("times as fast as teacher", "%.2f ×"),
    "speedup_low": _number("times as fast from (95 %)", "%.2f ×"),
    "speedup_high": _number("times as fast to (95 %)", "%.2f ×"),
    "baseline_ms": _number("baseline in the same turns (ms)"),
    "teacher_ms": _number("teacher in the same turns (ms)"),
    "busy_cores": _number("cores used by others", "%.2f", "from 0.25 on the times are disturbed, the ratios less so"),
    "n_iterations": _count("timed calls"),
    "examples_per_s": _number("texts / s"),
    "tokenize_ms": _number("tokenize (ms)"),
    "peak_memory_mib": _number("peak memory (MiB)", "%.0f"),
    "memory_ratio": _number("memory × baseline", "%.2f ×"),
}
_ACCURACY = {
    "accuracy": _share("accuracy"),
    "best_accuracy": _share("best accuracy"),
    "ci_low": _share("accuracy from (95 %)"),
    "ci_high": _share("accuracy to (95 %)"),
    "n_eval": _count("test texts"),
    "answered": _count("classes it answers"),
    "majority": _share("most frequent class"),
    "balanced_accuracy": _share("balanced accuracy"),
    "recalls": _AS.Column("found of each class"),
    "seed_low": _share("lowest seed"),
    "seed_high": _share("highest seed"),
    "full_accuracy": _share("with all terms"),
    "accuracy_ratio": _share("of baseline's accuracy"),
    "ratio_low": _share("of baseline's from (95 %)"),
    "ratio_high": _share("of baseline's to (95 %)"),
    "retained": _share("of teacher's accuracy"),
    "retained_low": _share("of teacher's from (95 %)"),
    "retained_high": _share("of teacher's to (95 %)"),
    "agreement": _share("says the same"),
    "kl_to_teacher": _number("KL to teacher (nats)"),
    "gain": _share("taught against labels alone"),
    "gain_low": _share("gain from (95 %)"),
    "gain_high": _share("gain to (95 %)"),
    "probe_start": _share("linear probe before"),
    "probe_end": _share("linear probe after"),
    "probe_low": _share("probe from (95 %)"),
    "probe_high": _share("probe to (95 %)"),
    "cka": _number("similarity (CKA)", "%.3f"),
}
_DIFFERENCES = {
    "difference_points": _points("change (points)"),
    "seeds_low_points": _points("seeds: from", _OVER_SEEDS),
    "seeds_high_points": _points("seeds: to", _OVER_SEEDS),
    "texts_low_points": _points("texts: from", _OVER_TEXTS),
    "texts_high_points": _points("texts: to", _OVER_TEXTS),
    "published_points": _number("published", "%+.2f", "DistilBERT's paper: points of the GLUE score"),
    "behind_points": _points("behind the best (points)", "paired: both read the same texts"),
    "behind_low_points": _points("behind from (95 %)"),
    "behind_high_points": _points("behind to (95 %)"),
    "against_home_points": _points("against a model from home (points)"),
    "lost_points": _number("lost (points)", "%.0f"),
}
_TRAINING = {
    "train_examples": _count("labeled texts"),
    "labels": _count("labels seen"),
    "train_texts": _count("texts seen"),
    "texts": _count("texts"),
    "epochs": _number("passes", "%d"),
    "seed": _number("seed", "%d"),
    "seeds": _number("seeds", "%d"),
    "train_s": _number("training (s)"),
    "train_tflop": _number("compute (TFLOP)"),
    "temperature": _number("temperature τ", "%g"),
    "soft": _number("soft weight", "%g"),
    "layer": _AS.Column("layer"),
    "tokens": _count("tokens read"),
    "tokens_per_s": _count("tokens/s"),
    "signals": _count("signals"),
    "signal_share": _number("signals per token"),
    "loss_start": _number("loss before"),
    "loss_end": _number("loss after"),
    "share_of_start": _share("of its start"),
    "reference_nats": _number("frequencies alone"),
    "wanted_end": _share("looked-for word, mean probability"),
    "probability": _number("probability", "%.3f"),
    "suspected": _number("suspected", "%.3f"),
    "started": _AS.DatetimeColumn("started", format="D MMM YYYY, HH:mm"),
    "duration_s": _number("took (s)", "%.0f"),
    "runs": _count("runs"),
    "handed_in": _AS.CheckboxColumn("handed in"),
}
_ANSWERS = {
    "home_share": _share("from home"),
    "foreign_share": _share("foreign"),
    "student_share": _share("student, how sure"),
    "teacher_share": _share("teacher, how sure"),
    "train_split": _AS.Column("train"),
    "validation_split": _AS.Column("validation"),
    "test_split": _AS.Column("test"),
    "share": _AS.ProgressColumn("share", format="percent", min_value=0, max_value=1),
    "hard_label": _share("hard label"),
    "teacher_logit": _number("teacher's logit", "%.2f"),
    "teacher_share_tau_1": _share("teacher, τ = 1"),
    "student_logit": _number("student's logit", "%.2f"),
    "student_share_tau_1": _share("student, τ = 1"),
    "gradient_soft_nats_per_logit": _number("∂L/∂z, soft targets", "%.3f", _GRADIENT),
    "gradient_hard_nats_per_logit": _number("∂L/∂z, labels", "%.3f", _GRADIENT),
    "gradient_sum_nats_per_logit": _number("∂L/∂z, sum", "%.3f", _GRADIENT),
}
VOCABULARY: dict[str, ColumnConfig] = {
    **{name: _AS.Column(heading) for name, heading in _WORDS.items()},
    **_SIZE_AND_SPEED,
    **_ACCURACY,
    **_DIFFERENCES,
    **_TRAINING,
    **_ANSWERS,
}


def of(
    *names: str | tuple[str, str], pinned: int = 1, widths: Mapping[str, Any] | None = None
) -> dict[str, ColumnConfig]:
    """The columns of a table in their order; the first `pinned` stay in view. Raises KeyError for an unknown name."""
    found: dict[str, ColumnConfig] = {}
    for place, name in enumerate(names):
        column, meaning = name if isinstance(name, tuple) else (name, name)
        found[column] = {**VOCABULARY[meaning]}
        if place < pinned:
            found[column]["pinned"] = True
        if widths and column in widths:
            found[column]["width"] = widths[column]
    return found


def known(frame: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    """These columns without those about uneven classes where no row has them."""
    return [name for name in columns if name not in _WHERE_KNOWN or frame[name].notna().any()]


def teacher_share(temperature: float) -> dict[str, ColumnConfig]:
    """The teacher's shares at a temperature: the only column whose heading is not known before."""
    return {f"teacher_share_tau_{temperature:g}": _share(f"teacher, τ = {temperature:g}")}
