"""A typed text through the model of a run: torch comes in with the first text, and visitors share one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from distill_core.datasets.typed_text import clean
from distill_core.errors import ModelError
from distill_core.files import content
from distill_core.runs.run import Run

if TYPE_CHECKING:
    from distill_core.maths.distributions import Array
    from distill_core.measure.inference import TextModel

MAX_CHARS = 1000  # it stands in the page's address; the core checks its own limit again


def logits(run: Run, text: str) -> Array:
    """What the run's model says about the text. Shape: (classes,). Raises DataError, ModelError, RunError.

    Sliders draw the page again and again, so that answers are kept, each with what the model's files held: a run that
    is at work may write its model anew.
    """
    return _logits(str(run.path), _held(run), clean(text))


def _held(run: Run) -> str:
    try:
        return content.of_folder(run.model_dir)
    except OSError as error:
        raise ModelError(f"The model of run {run.id} cannot be read: {error.strerror}.", "Ask again.") from error


@st.cache_data(max_entries=512, show_spinner="The model reads the text; the first time it takes some seconds")
def _logits(path: str, held: str, text: str) -> Array:
    from distill_core.measure import inference

    return inference.logits(_model(path, held), text)


@st.cache_resource(max_entries=2, show_spinner=False)
def _model(path: str, held: str) -> TextModel:
    """At most two models at once: a teacher and a student. Each has a lock of its own; one that nobody reads any more
    is let go with its place here."""
    from distill_core.measure import inference

    run = Run(Path(path))
    found = inference.load(run)
    if _held(run) != held:
        raise ModelError(f"The model of run {run.id} was written anew while it was read.", "Ask again.")
    return found
