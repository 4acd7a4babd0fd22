"""The numbers behind the figures of Compare, with units, intervals and provenance."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from distill_core.units import MISSING
from pages.parts.shared import columns

COLUMNS = columns.of(
    ("label", "model"),
    "weights",
    "batch_size",
    "seq_len",
    "params",
    "params_ratio",
    "latency_ms_p50",
    "latency_ms_p95",
    ("speedup", "over_baseline"),
    "speedup_low",
    "speedup_high",
    "baseline_ms",
    "busy_cores",
    "n_iterations",
    "examples_per_s",
    "peak_memory_mib",
    "memory_ratio",
    "tokenize_ms",
    "accuracy",
    "ci_low",
    "ci_high",
    "n_eval",
    "majority",
    "balanced_accuracy",
    "recalls",
    "answered",
    "accuracy_ratio",
    "ratio_low",
    "ratio_high",
    "accuracy_note",
    "source",
)


def show(frame: pd.DataFrame) -> None:
    """All measured rows. `frame`: `tables.relative_to(...)`."""
    st.markdown("##### The numbers")
    st.dataframe(
        frame,
        hide_index=True,
        column_order=columns.known(frame, COLUMNS),
        column_config=COLUMNS,
        placeholder=MISSING,
        key="cmp_table",
        alt="Every measured number of this comparison, with its source",
    )
