"""The numbers behind the figures of Take apart. An ablation has the form of the DistilBERT paper's Table 4."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from distill_core.tables.ablation import Question
from pages.parts.shared import columns

ABLATION = columns.of(
    ("title", "left_out"),
    "difference_points",
    "seeds_low_points",
    "seeds_high_points",
    "texts_low_points",
    "texts_high_points",
    "published_points",
    "accuracy",
    "full_accuracy",
    "seeds",
    "n_eval",
    "published_source",
    "source",
)
_MEASURED = (
    *("accuracy", "ci_low", "ci_high"),
    *("behind_points", "behind_low_points", "behind_high_points"),
    *("agreement", "kl_to_teacher"),
    *("retained", "retained_low", "retained_high"),
    *("params", "params_share", "latency_ms_p50", "time_share"),
    *("train_s", "seeds", "n_eval", "source"),
)
_KEPT = ("retained", "retained_low", "retained_high", "params_share", "time_share")  # of a depth these come first
_FORMS = {
    "ingredients": ABLATION,
    "weights": columns.of("temperature", "soft", *_MEASURED, pinned=2),
    "layers": columns.of("layers", *dict.fromkeys((*_KEPT, *_MEASURED))),
}


def show(question: Question, frame: pd.DataFrame) -> None:
    """All rows, the planned ones too: they fill as their students are tested."""
    shown = _FORMS[question]
    st.markdown("##### The numbers")
    st.dataframe(
        frame,
        hide_index=True,
        column_order=list(shown),
        column_config=shown,
        placeholder="n/a",
        key="ta_table",
        alt="Every number of this ablation or sweep, with its source",
    )
