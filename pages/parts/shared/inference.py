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
    held, cleaned = _held(run), clean(text)
    return _logits(held, cleaned, str(run.path))


def _held(run: Run) -> str:
    try:
        return content.of_folder(run.model_dir)
    except OSError as error:
        raise ModelError(f"The model of run {run.id} cannot be read: {error.strerror}.", "Ask again.") from error


@st.cache_data(max_entries=512, show_spinner="The model reads the text; the first time it takes some seconds")
def _logits(held: str, text: str, _path: str) -> Array:
    """By what the model holds: two runs with the same weights give the same answer."""
    from distill_core.measure import inference

    return inference.logits(_model(Run(Path(_path)), held), text)


def _model(run: Run, held: str) -> TextModel:
    """The model that all visitors share; not in a cache of Streamlit's, which any browser may empty."""
    from distill_core.measure import inference, shared_models

    def load() -> TextModel:
        found = inference.load(run)
        if _held(run) != held:
            raise ModelError(f"The model of run {run.id} was written anew while it was read.", "Ask again.")
        return found

    return shared_models.shared().get(held, _file_bytes(run), load)


def _file_bytes(run: Run) -> int:
    try:
        return sum(path.stat().st_size for path in run.model_dir.glob("*.safetensors"))
    except OSError:  # written anew this moment: loading tells
        return 0
