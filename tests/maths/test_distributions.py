"""Soft labels against torch and its autograd, hand arithmetic, and the limits of temperature."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from distill_core.errors import DataError, SpecError
from distill_core.maths import distributions
from distill_core.training import losses

TEACHER = np.array([5.0, 0.5, 2.5, -1.0, 3.0])
STUDENT = np.array([0.2, 1.4, -0.7, 3.0, 0.1])
TEMPERATURES = (0.5, 1.0, 2.0, 4.0, 7.5, 20.0)


def many(seed: int, classes: int = 5, n: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 4, (n, classes))


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_softmax_and_entropy_are_torchs(temperature: float) -> None:
    logits = many(0)
    expected = torch.tensor(logits).div(temperature).softmax(-1)
    shares = distributions.softmax(logits, temperature)
    np.testing.assert_allclose(shares, expected, atol=1e-12)
    wanted = torch.distributions.Categorical(probs=expected).entropy()
    np.testing.assert_allclose(distributions.entropy(shares), wanted, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 5, 50])
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_loss_terms_and_gradients_are_those_of_training(temperature: float, classes: int) -> None:
    for row, (teacher, student) in enumerate(zip(many(1, classes), many(2, classes), strict=True)):
        label = row % classes
        z = torch.tensor(student, requires_grad=True)
        soft = losses.soft_target_loss(z[None], torch.tensor(teacher)[None], temperature)
        hard = losses.hard_label_loss(z[None], torch.tensor([label]))
        (soft_grad,) = torch.autograd.grad(soft, z)
        (hard_grad,) = torch.autograd.grad(hard, z)
        assert distributions.soft_loss(student, teacher, temperature) == pytest.approx(float(soft.detach()), abs=1e-6)
        assert distributions.hard_loss(student, label) == pytest.approx(float(hard.detach()), abs=1e-6)
        np.testing.assert_allclose(distributions.soft_gradient(student, teacher, temperature), soft_grad, atol=1e-6)
        np.testing.assert_allclose(distributions.hard_gradient(student, label), hard_grad, atol=1e-6)


def test_without_the_square_the_gradient_is_that_of_the_plain_kl() -> None:
    z = torch.tensor(STUDENT, requires_grad=True)
    log_p = torch.tensor(TEACHER / 4).log_softmax(-1)
    kl = F.kl_div((z / 4).log_softmax(-1), log_p, log_target=True, reduction="sum")
    (wanted,) = torch.autograd.grad(kl, z)
    found = distributions.soft_gradient(STUDENT, TEACHER, 4.0, scaled=False)
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    np.testing.assert_allclose(distributions.soft_gradient(STUDENT, TEACHER, 4.0), 16 * found, atol=1e-12)


def test_a_high_temperature_gives_every_class_the_same() -> None:
    np.testing.assert_allclose(distributions.softmax(TEACHER, 1e9), np.full(5, 0.2), atol=1e-8)
    assert distributions.entropy(distributions.softmax(TEACHER, 1e9)) == pytest.approx(math.log(5))


def test_a_low_temperature_gives_the_hard_label() -> None:
    for temperature in (1e-3, 1e-300):
        np.testing.assert_allclose(distributions.softmax(TEACHER, temperature), [1, 0, 0, 0, 0], atol=1e-12)
    assert float(distributions.entropy(distributions.softmax(TEACHER, 1e-6))) == 0


def test_the_square_keeps_the_gradients_scale() -> None:
    """Hinton's limit: (z_student − z_teacher) / N for centered logits, whatever the temperature."""
    center = [logits - logits.mean() for logits in (STUDENT, TEACHER)]
    limit = (center[0] - center[1]) / 5
    np.testing.assert_allclose(distributions.soft_gradient(STUDENT, TEACHER, 1e5), limit, atol=1e-4)
    sizes = [float(distributions.gradient_size(distributions.soft_gradient(STUDENT, TEACHER, t))) for t in (50, 500)]
    plain = [
        float(distributions.gradient_size(distributions.soft_gradient(STUDENT, TEACHER, t, scaled=False)))
        for t in (50, 500)
    ]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)
    assert plain[1] == pytest.approx(plain[0] / 100, rel=0.02)


def test_hand_arithmetic_for_two_classes() -> None:
    shares = distributions.softmax([math.log(3), 0.0])
    np.testing.assert_allclose(shares, [0.75, 0.25])
    assert float(distributions.entropy([0.5, 0.5])) / distributions.NATS_PER_BIT == pytest.approx(1)
    assert float(distributions.hard_loss([0.0, 0.0], 1)) == pytest.approx(math.log(2))
    np.testing.assert_allclose(distributions.hard_gradient([0.0, 0.0], 1), [0.5, -0.5])


def test_gradients_of_a_student_that_says_the_same_are_zero() -> None:
    np.testing.assert_allclose(distributions.soft_gradient(TEACHER, TEACHER, 3.0), np.zeros(5))
    assert float(distributions.soft_loss(TEACHER, TEACHER + 7, 3.0)) == pytest.approx(0, abs=1e-12)


def test_every_gradient_sums_to_zero_over_the_classes() -> None:
    assert distributions.soft_gradient(STUDENT, TEACHER, 4.0).sum() == pytest.approx(0, abs=1e-12)
    assert distributions.hard_gradient(STUDENT, 2).sum() == pytest.approx(0, abs=1e-12)


def test_imaginary_students() -> None:
    np.testing.assert_allclose(distributions.softmax(distributions.ignorant(5)), np.full(5, 0.2))
    np.testing.assert_allclose(
        distributions.softmax(distributions.sure_of(3, 5, 0.9)), [0.025, 0.025, 0.025, 0.9, 0.025], atol=1e-12
    )
    assert distributions.wrong_class(TEACHER, 0) == 4
    assert distributions.wrong_class(TEACHER, 1) == 0
    assert distributions.wrong_class([2.0, 1.0], 0) == 1


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_a_temperature_that_softens_nothing_is_refused(temperature: float) -> None:
    with pytest.raises(SpecError, match=r"temperature must be > 0.*Typical: 1–10"):
        distributions.softmax(TEACHER, temperature)


def test_bad_logits_and_labels_are_refused() -> None:
    with pytest.raises(DataError, match="not a number"):
        distributions.softmax([1.0, math.nan])
    with pytest.raises(DataError, match="two classes"):
        distributions.softmax([1.0])
    with pytest.raises(DataError, match="not one of 5 classes"):
        distributions.hard_loss(STUDENT, 5)
    with pytest.raises(SpecError, match="different classes apart: 2 and 5"):
        distributions.soft_loss(STUDENT, [1.0, 2.0], 2.0)
    with pytest.raises(SpecError, match="between 0 and 1"):
        distributions.sure_of(0, 5, 1.0)


def test_the_page_gets_no_torch_with_it() -> None:
    import subprocess
    import sys
    from pathlib import Path

    code = "import sys; from distill_core.maths import distributions; print('torch' in sys.modules)"
    root = Path(distributions.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
