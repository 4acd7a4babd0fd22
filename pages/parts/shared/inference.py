"""A typed text through the model of a run: torch comes in with the first text, and visitors share one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from distill_core.datasets.typed_text import clean
from distill_core.runs.run import Run

if TYPE_CHECKING:
    from distill_core.maths.distributions import Array
    from distill_core.measure.inference import TextModel

MAX_CHARS = 1000  # it stands in the page's address; the core checks its own limit again


def logits(run: Run, text: str) -> Array:
    """What the run's model says about the text. Shape: (classes,). Raises DataError, ModelError, RunError.

    Sliders draw the page again and again, so that answers are kept.
    """
    return _logits(str(run.path), clean(text))


@st.cache_data(max_entries=512, show_spinner="The model reads the text; the first time it takes some seconds")
def _logits(path: str, text: str) -> Array:
    from distill_core.measure import inference

    return inference.logits(_model(path), text)


@st.cache_resource(max_entries=2, show_spinner=False)
def _model(path: str) -> TextModel:
    """At most two models at once: a teacher and a student. Each has a lock of its own."""
    from distill_core.measure import inference

    return inference.load(Run(Path(path)))
