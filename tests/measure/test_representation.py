"""What training moved: alignment of representations against its definition, and the plane against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
import torch
from sklearn.decomposition import PCA

from distill_core import families
from distill_core.machine import devices
from distill_core.measure import representation

CPU = devices.Device(torch.device("cpu"), "float32", 1)
each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)


def draw(n=30, width=8, seed=0):
    return np.random.default_rng(seed).normal(1, 2, (n, width))


def test_cka_is_the_alignment_of_centered_gram_matrices():
    """Kornblith et al., eq. 4: HSIC(K, L) / √(HSIC(K, K) · HSIC(L, L)) with linear kernels."""
    x, y = draw(seed=1), draw(width=5, seed=2)
    center = np.eye(30) - 1 / 30
    k, m = center @ (x @ x.T) @ center, center @ (y @ y.T) @ center
    expected = (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())
    assert representation.linear_cka(x, y) == pytest.approx(expected)


def test_cka_ignores_rotation_scale_and_shift_and_sees_the_rest():
    x = draw()
    rotation, _ = np.linalg.qr(draw(8, 8, seed=3))
    assert representation.linear_cka(x, 3 * x @ rotation + 7) == pytest.approx(1)
    assert representation.linear_cka(x, draw(seed=4)) < 0.5
    assert representation.linear_cka(x, np.ones((30, 4))) == 1.0  # nothing varies: nothing to compare


def test_the_plane_is_the_two_main_axes():
    features = draw(50, 6) @ np.diag([5, 3, 1, 1, 1, 1])
    found, expected = representation.plane(features), PCA(2).fit_transform(features)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-8)
    np.testing.assert_allclose(representation.plane(features), found)


@pytest.mark.parametrize("shape", [(2, 4), (5, 2)])
def test_few_texts_still_have_a_place(shape):
    assert representation.plane(draw(*shape)).shape == (shape[0], 2)


@each_family
def test_states_are_means_over_the_real_tokens_of_each_text(family):
    loaded = tiny.classifier(family)
    encoded = loaded.encode([*tiny.SENTENCES, ""], 24)
    layers = representation.layer_states(loaded.model, encoded, CPU, lambda: None)
    assert len(layers) == tiny.LAYERS + 1
    for row in (0, 3, 8):
        ids = encoded.ids[row][None]
        extra = {"decoder_input_ids": ids} if loaded.model.config.is_encoder_decoder else {}
        with torch.inference_mode():
            out = loaded.model.base_model(input_ids=ids, output_hidden_states=True, **extra)
        states = getattr(out, "hidden_states", None) or out.decoder_hidden_states
        for layer, hidden in zip(layers, states, strict=True):
            np.testing.assert_allclose(layer[row], hidden[0].mean(0).numpy(), atol=1e-4)


def test_an_untouched_network_has_not_moved():
    loaded = tiny.classifier(families.get("bert"))
    encoded = loaded.encode(list(tiny.SENTENCES), 24)
    states = representation.layer_states(loaded.model, encoded, CPU, lambda: None)
    moved = representation.movement(states, states, [0, 1] * 4)
    assert moved.layers == ("embeddings", "layer 1", "layer 2", "layer 3")
    assert moved.cka == pytest.approx([1] * 4)
    assert moved.before == moved.after
    assert moved.labels == (0, 1) * 4
