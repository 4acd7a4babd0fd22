"""The numbers behind the figures of Compare, with units, intervals and provenance."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from distill_core.units import MISSING
from pages.parts.shared.page import Columns

_NUMBER = st.column_config.NumberColumn
COLUMNS: Columns = {
    "label": st.column_config.TextColumn("model", pinned=True),
    "weights": "weights",
    "batch_size": _NUMBER("texts", format="%d"),
    "seq_len": _NUMBER("tokens", format="%d"),
    "params": _NUMBER("parameters (exact)", format="localized"),
    "params_ratio": _NUMBER("× baseline", format="%.2f ×"),
    "latency_ms_p50": _NUMBER("p50 (ms)", format="%.3g"),
    "latency_ms_p95": _NUMBER("p95 (ms)", format="%.3g"),
    "speedup": _NUMBER("faster than baseline", format="%.2f ×"),
    "examples_per_s": _NUMBER("texts / s", format="%.3g"),
    "peak_memory_mib": _NUMBER("peak memory (MiB)", format="%.0f"),
    "memory_ratio": _NUMBER("× baseline", format="%.2f ×"),
    "tokenize_ms": _NUMBER("tokenize (ms)", format="%.3g"),
    "accuracy": _NUMBER("accuracy", format="percent"),
    "ci_low": _NUMBER("95 % from", format="percent"),
    "ci_high": _NUMBER("95 % to", format="percent"),
    "n_eval": _NUMBER("test texts", format="localized"),
    "accuracy_ratio": _NUMBER("% of baseline", format="percent"),
    "ratio_low": _NUMBER("95 % from", format="percent"),
    "ratio_high": _NUMBER("95 % to", format="percent"),
    "accuracy_note": "about the accuracy",
    "source": "source",
}


def show(frame: pd.DataFrame) -> None:
    """All measured rows. `frame`: `tables.relative_to(...)`."""
    st.markdown("##### The numbers")
    st.dataframe(
        frame,
        hide_index=True,
        column_order=list(COLUMNS),
        column_config=COLUMNS,
        placeholder=MISSING,
        key="cmp_table",
        alt="Every measured number of this comparison, with its source",
    )
