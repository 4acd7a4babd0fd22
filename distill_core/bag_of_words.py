"""The reference that a pre-trained model must beat: TF-IDF of words and word pairs into logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline


def bag_of_words(seed: int = 0) -> Pipeline:
    """TF-IDF over 1–2-grams into logistic regression, with scikit-learn's defaults."""
    return make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000, random_state=seed))


def fit_and_predict(
    texts: Sequence[str], labels: Sequence[int], test_texts: Sequence[str], seed: int = 0
) -> tuple[Any, int]:
    """Predicted classes of the test texts, shape (texts,), and how many weights were trained."""
    model = bag_of_words(seed).fit(list(texts), list(labels))
    return model.predict(list(test_texts)), int(model[-1].coef_.size + model[-1].intercept_.size)


def probe(features: Any, labels: Sequence[int], test_features: Any, seed: int = 0) -> tuple[Any, int]:
    """A linear probe: logistic regression on frozen features (texts, width). As `fit_and_predict`."""
    mean, scale = features.mean(0), features.std(0) + 1e-6
    model = LogisticRegression(max_iter=2000, C=0.1, random_state=seed)
    model.fit((features - mean) / scale, np.asarray(labels))
    return model.predict((test_features - mean) / scale), int(model.coef_.size + model.intercept_.size)
