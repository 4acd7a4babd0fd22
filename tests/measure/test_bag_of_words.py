"""The reference without a network: what it is in scikit-learn, and the classes it has never seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from distill_core.errors import DataError
from distill_core.measure import bag_of_words

TEXTS = ["a warm and funny film", "dull and far too long", "warm at heart", "long and dull", "funny", "old jokes"]
LABELS = [1, 0, 1, 0, 1, 0]
NEW = ["a funny long film", "dull jokes", "nothing known 🙂", ""]


def test_it_is_tf_idf_of_words_and_pairs_into_logistic_regression():
    words = TfidfVectorizer(ngram_range=(1, 2))
    by_hand = LogisticRegression(max_iter=1000).fit(words.fit_transform(TEXTS), LABELS)
    model = bag_of_words.fit(TEXTS, LABELS)
    np.testing.assert_allclose(
        bag_of_words.logits(model, NEW, 2).numpy(), by_hand.predict_log_proba(words.transform(NEW)), rtol=1e-5
    )


def test_tf_idf_itself_by_hand():
    """One cell: smoothed idf = ln((1 + n) / (1 + df)) + 1, the row scaled to length 1 (scikit-learn's defaults)."""
    words = bag_of_words.fit(TEXTS, LABELS)[0]
    row = words.transform(["funny film"]).toarray()[0]
    idf = {"funny": np.log(7 / 3) + 1, "film": np.log(7 / 2) + 1, "funny film": np.log(7 / 2) + 1}
    length = np.sqrt(sum(value**2 for value in idf.values()))
    for word, value in idf.items():
        assert row[words.vocabulary_[word]] == pytest.approx(value / length)


def test_logits_are_log_probabilities_in_the_order_of_the_classes():
    table = bag_of_words.logits(bag_of_words.fit(TEXTS, LABELS), NEW, 2)
    assert (table.dtype, tuple(table.shape)) == (torch.float32, (4, 2))
    torch.testing.assert_close(table.exp().sum(-1), torch.ones(4))
    assert table[1].argmax() == 0
    assert table[0, 1] > table[1, 1]


def test_a_class_without_a_training_text_is_never_said():
    table = bag_of_words.logits(bag_of_words.fit(TEXTS, [3 if label else 1 for label in LABELS]), NEW, 5)
    assert table.shape == (4, 5)
    assert set(table.argmax(-1).tolist()) <= {1, 3}
    assert torch.isfinite(table).all()
    assert table[:, [0, 2, 4]].softmax(-1).isfinite().all()
    assert table.softmax(-1)[:, [0, 2, 4]].max() == 0


def test_the_probe_standardizes_by_the_training_texts_alone():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(3, 5, (40, 6)), rng.integers(0, 2, 40)
    features[labels == 1, 2] += 4
    new = rng.normal(-1, 2, (7, 6))
    mean, scale = features.mean(0), features.std(0)
    by_hand = LogisticRegression(max_iter=2000, C=0.1).fit((features - mean) / scale, labels)
    model = bag_of_words.linear_probe().fit(features, labels)
    np.testing.assert_allclose(
        bag_of_words.logits(model, new, 2).numpy(), by_hand.predict_log_proba((new - mean) / scale), rtol=1e-4
    )
    assert isinstance(model[0], StandardScaler)


def test_a_feature_that_never_changes_is_no_problem():
    features = np.column_stack([np.ones(20), np.arange(20.0)])
    model = bag_of_words.linear_probe().fit(features, (np.arange(20) >= 10).astype(int))
    assert torch.isfinite(bag_of_words.logits(model, features, 2)).all()


def test_texts_without_a_word():
    with pytest.raises(DataError, match="No training text holds a word"):
        bag_of_words.fit(["!!!", "a", "🙂", ""], [0, 1, 0, 1])


def test_another_wrong_use_is_not_hidden():
    with pytest.raises(ValueError, match="class"):
        bag_of_words.fit(TEXTS, [0] * 6)


def test_the_same_seed_gives_the_same_model():
    first, second = (bag_of_words.fit(TEXTS, LABELS, seed=4) for _ in range(2))
    assert np.array_equal(first[-1].coef_, second[-1].coef_)
