"""The numbers behind the figures of Take apart. An ablation has the form of the DistilBERT paper's Table 4."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from distill_core.tables.ablation import Question
from pages.parts.shared.page import Columns

_NUMBER = st.column_config.NumberColumn
_POINTS = "%+.1f"
ABLATION: Columns = {
    "title": st.column_config.TextColumn("left out", pinned=True),
    "difference_points": _NUMBER("change (points)", format=_POINTS),
    "seeds_low_points": _NUMBER("seeds: from", format=_POINTS, help="95 % interval over seeds; n/a below three"),
    "seeds_high_points": _NUMBER("to", format=_POINTS),
    "texts_low_points": _NUMBER("texts: from", format=_POINTS, help="95 % interval over test texts"),
    "texts_high_points": _NUMBER("to", format=_POINTS),
    "published_points": _NUMBER("published", format="%+.2f", help="DistilBERT's paper: points of the GLUE score"),
    "accuracy": _NUMBER("accuracy", format="percent"),
    "full_accuracy": _NUMBER("with all terms", format="percent"),
    "seeds": _NUMBER("seeds", format="%d"),
    "n_eval": _NUMBER("test texts", format="localized"),
    "published_source": "published in",
    "source": "source",
}
SWEEP: Columns = {
    "accuracy": _NUMBER("accuracy", format="percent"),
    "ci_low": _NUMBER("95 % from", format="percent"),
    "ci_high": _NUMBER("to", format="percent"),
    "behind_points": _NUMBER("behind the best (points)", format=_POINTS, help="paired: both read the same texts"),
    "behind_low_points": _NUMBER("behind from (95 %)", format=_POINTS),
    "behind_high_points": _NUMBER("to", format=_POINTS),
    "agreement": _NUMBER("says as teacher", format="percent"),
    "kl_to_teacher": _NUMBER("KL to teacher (nats)", format="%.3g"),
    "retained": _NUMBER("of teacher's accuracy", format="percent"),
    "retained_low": _NUMBER("of teacher's from (95 %)", format="percent"),
    "retained_high": _NUMBER("to", format="percent"),
    "params": _NUMBER("parameters", format="localized"),
    "params_share": _NUMBER("of teacher's parameters", format="percent"),
    "latency_ms_p50": _NUMBER("p50 (ms)", format="%.3g"),
    "time_share": _NUMBER("of teacher's time", format="percent"),
    "train_s": _NUMBER("training (s)", format="%.3g"),
    "seeds": _NUMBER("seeds", format="%d"),
    "n_eval": _NUMBER("test texts", format="localized"),
    "source": "source",
}
_SETTING = {
    "temperature": _NUMBER("temperature τ", format="%g", pinned=True),
    "soft": _NUMBER("soft weight", format="%g", pinned=True),
}
_KEPT = ("retained", "retained_low", "retained_high", "params_share", "time_share")  # of a depth these come first
_DEPTH = {"layers": _NUMBER("layers", format="%d", pinned=True), **{name: SWEEP[name] for name in _KEPT}}
_FORMS = {"ingredients": ABLATION, "weights": {**_SETTING, **SWEEP}, "layers": {**_DEPTH, **SWEEP}}


def show(question: Question, frame: pd.DataFrame) -> None:
    """All rows, the planned ones too: they fill as their students are tested."""
    columns = _FORMS[question]
    st.markdown("##### The numbers")
    st.dataframe(
        frame,
        hide_index=True,
        column_order=list(columns),
        column_config=columns,
        placeholder="n/a",
        key="ta_table",
        alt="Every number of this ablation or sweep, with its source",
    )
