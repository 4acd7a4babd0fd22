"""The reference that a pre-trained model must beat: TF-IDF of words and word pairs into logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from distill_core.errors import DataError


def bag_of_words(seed: int = 0) -> Pipeline:
    """TF-IDF over 1–2-grams into logistic regression, with scikit-learn's defaults."""
    return make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000, random_state=seed))


def fit(texts: list[str], labels: list[int], seed: int = 0) -> Pipeline:
    """The reference after training. Raises DataError when no text holds a word."""
    try:
        return bag_of_words(seed).fit(texts, labels)
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        raise DataError(
            "No training text holds a word of two letters or more: a bag of words has nothing to count.",
            "Leave out the bow arm.",
        ) from error


def linear_probe(seed: int = 0) -> Pipeline:
    """Logistic regression on standardized features: a linear probe of a frozen network."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, C=0.1, random_state=seed))


def logits(model: Pipeline, inputs: Any, n_classes: int) -> Tensor:
    """Log-probabilities, shape (texts, classes); a class that had no training text gets −inf-like ones."""
    known = model.predict_log_proba(inputs)
    table = np.full((len(known), n_classes), -1e9)
    table[:, model.classes_] = known
    return torch.tensor(table, dtype=torch.float32)
