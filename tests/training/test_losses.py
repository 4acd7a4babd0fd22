"""Distillation losses: against a second computation with plain numbers, finite differences, and their limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from distill_core.errors import SpecError
from distill_core.training import losses

MASK = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]])


def draw(*shape, seed=0, scale=2.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def softmax(row):
    powers = [math.exp(x - max(row)) for x in row]
    return [power / sum(powers) for power in powers]


def kl(p_row, q_row):
    return sum(p * math.log(p / q) for p, q in zip(p_row, q_row, strict=True) if p > 0)


def soft_by_hand(student, teacher, temperature):
    rows = zip(student.tolist(), teacher.tolist(), strict=True)
    total = sum(kl(softmax([x / temperature for x in t]), softmax([x / temperature for x in s])) for s, t in rows)
    return temperature**2 * total / len(student)


# ── soft targets ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("temperature", [0.5, 1, 2, 10])
@pytest.mark.parametrize("classes", [2, 5])
def test_soft_targets_equal_hand_arithmetic(temperature, classes):
    student, teacher = draw(7, classes), draw(7, classes, seed=1)
    expected = soft_by_hand(student, teacher, temperature)
    assert losses.soft_target_loss(student, teacher, temperature).item() == pytest.approx(expected, rel=1e-12)
    single = losses.soft_target_loss(student.float(), teacher.float(), temperature).item()
    assert single == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_soft_targets_equal_cross_entropy_less_the_teachers_entropy():
    student, teacher = draw(9, 3), draw(9, 3, seed=1)
    p = torch.softmax(teacher / 2, -1)
    cross_entropy = torch.nn.functional.cross_entropy(student / 2, p)
    entropy = -(p * p.log()).sum(-1).mean()
    torch.testing.assert_close(losses.soft_target_loss(student, teacher, 2), 4 * (cross_entropy - entropy))


def test_soft_targets_are_zero_for_equal_distributions_and_positive_else():
    logits = draw(5, 4)
    assert losses.soft_target_loss(logits, logits, 3).item() == pytest.approx(0, abs=1e-12)
    assert losses.soft_target_loss(logits + 7, logits, 3).item() == pytest.approx(0, abs=1e-12)  # softmax ignores it
    for seed in range(1, 20):
        assert losses.soft_target_loss(draw(5, 4, seed=seed), logits, 3).item() > 0.01


def test_soft_targets_do_not_take_the_arguments_the_other_way_round():
    student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[4.0, 0.0]])
    p = softmax([4.0, 0.0])
    assert losses.soft_target_loss(student, teacher, 1).item() == pytest.approx(kl(p, [0.5, 0.5]), rel=1e-5)
    assert kl(p, [0.5, 0.5]) != pytest.approx(kl([0.5, 0.5], p), rel=0.1)


def test_soft_targets_have_the_right_gradient():
    student, teacher = draw(3, 4).requires_grad_(), draw(3, 4, seed=1)
    for temperature in (0.7, 1.0, 4.0):
        assert gradcheck(lambda x, t=temperature: losses.soft_target_loss(x, teacher, t), student)


def test_soft_targets_become_matching_of_centered_logits_at_high_temperature():
    """Hinton et al. §2.1: with τ → ∞ the gradient, times τ², is ((v − mean v) − (z − mean z)) / (N · classes)."""
    student, teacher = draw(6, 5).requires_grad_(), draw(6, 5, seed=1)
    losses.soft_target_loss(student, teacher, 1e6).backward()
    v, z = student.detach(), teacher
    expected = ((v - v.mean(-1, keepdim=True)) - (z - z.mean(-1, keepdim=True))) / (6 * 5)
    torch.testing.assert_close(student.grad, expected, rtol=1e-4, atol=1e-6)


def test_temperature_hardly_changes_the_gradients_scale():
    """Without τ² it would fall by 10,000 from τ = 1 to τ = 100."""
    norms = []
    for temperature in (1, 100):
        student = draw(50, 3, scale=0.1).requires_grad_()
        losses.soft_target_loss(student, draw(50, 3, seed=1, scale=0.1), temperature).backward()
        norms.append(student.grad.norm().item())
    assert norms[1] == pytest.approx(norms[0], rel=0.05)


def test_sure_teachers_give_finite_losses_and_gradients():
    student = torch.tensor([[500.0, -500.0], [-3e4, 3e4]], requires_grad=True)
    loss = losses.soft_target_loss(student, torch.tensor([[-500.0, 500.0], [3e4, -3e4]]), 1.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("temperature", [0, -1, -0.0])
def test_a_temperature_must_be_positive(temperature):
    with pytest.raises(SpecError, match="temperature must be > 0"):
        losses.soft_target_loss(draw(2, 2), draw(2, 2), temperature)


def test_other_classes_are_refused_with_both_numbers():
    with pytest.raises(SpecError, match="3 and 2"):
        losses.soft_target_loss(draw(4, 2), draw(4, 3), 1)


def test_hard_labels_equal_the_mean_negative_log_likelihood():
    logits, labels = draw(6, 3), torch.tensor([0, 2, 1, 1, 0, 2])
    rows = zip(logits.tolist(), labels.tolist(), strict=True)
    expected = -sum(math.log(softmax(row)[label]) for row, label in rows) / 6
    assert losses.hard_label_loss(logits, labels).item() == pytest.approx(expected, rel=1e-12)
    assert gradcheck(lambda x: losses.hard_label_loss(x, labels), logits.requires_grad_())


# ── standardized soft targets ────────────────────────────────────────────────────────────────────────────────


def test_standardized_soft_targets_equal_hand_arithmetic():
    student, teacher = draw(7, 4), draw(7, 4, seed=1)
    z_student, z_teacher = (
        torch.tensor(np.array([(np.array(row) - np.mean(row)) / np.std(row) for row in side.tolist()]))
        for side in (student, teacher)
    )
    expected = soft_by_hand(z_student, z_teacher, 2)
    assert losses.standardized_soft_loss(student, teacher, 2).item() == pytest.approx(expected, rel=1e-5)
    leaf = draw(3, 4).requires_grad_()
    assert gradcheck(lambda x: losses.standardized_soft_loss(x, draw(3, 4, seed=1), 2.0), leaf)


def test_standardized_soft_targets_ignore_shift_and_scale_and_survive_constant_logits():
    student, teacher = draw(7, 4), draw(7, 4, seed=1)
    loss = losses.standardized_soft_loss(student, teacher, 2)
    torch.testing.assert_close(losses.standardized_soft_loss(3 * student + 5, teacher, 2), loss, rtol=1e-5, atol=1e-9)
    flat = torch.zeros(2, 3, requires_grad=True)
    losses.standardized_soft_loss(flat, torch.randn(2, 3), 2).backward()
    assert torch.isfinite(flat.grad).all()
    with pytest.raises(SpecError, match="two classes"):
        losses.standardized_soft_loss(draw(3, 1), draw(3, 1), 2)


# ── losses on what is inside ─────────────────────────────────────────────────────────────────────────────────


def real_tokens():
    return [(row, place) for row in range(3) for place in range(4) if MASK[row, place]]


def test_cosine_equals_hand_arithmetic_over_the_real_tokens():
    student, teacher = draw(3, 4, 5).numpy(), draw(3, 4, 5, seed=1).numpy()
    cosines = [
        student[i, j] @ teacher[i, j] / np.linalg.norm(student[i, j]) / np.linalg.norm(teacher[i, j])
        for i, j in real_tokens()
    ]
    loss = losses.cosine_hidden_loss(torch.tensor(student), torch.tensor(teacher), MASK)
    assert loss.item() == pytest.approx(1 - sum(cosines) / len(cosines), rel=1e-12)


def test_hidden_mse_equals_hand_arithmetic_over_the_real_tokens():
    student, teacher = draw(3, 4, 5).numpy(), draw(3, 4, 5, seed=1).numpy()
    expected = np.mean([(student[i, j] - teacher[i, j]) ** 2 for i, j in real_tokens()])
    loss = losses.hidden_mse_loss(torch.tensor(student), torch.tensor(teacher), MASK)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def attention(seed, heads=2):
    scores = draw(3, heads, 4, 4, seed=seed).masked_fill(~MASK.bool()[:, None, None, :], -1e9)
    return scores.softmax(-1)


def test_attention_mse_equals_hand_arithmetic_over_pairs_of_real_tokens():
    student, teacher = attention(0), attention(1)
    squares = [
        (student[i, head, j, k] - teacher[i, head, j, k]).item() ** 2
        for i in range(3)
        for head in range(2)
        for j in range(4)
        for k in range(4)
        if MASK[i, j] and MASK[i, k]
    ]
    loss = losses.attention_mse_loss(student, teacher, MASK)
    assert loss.item() == pytest.approx(sum(squares) / len(squares), rel=1e-12)


def test_attention_of_other_heads_is_compared_by_its_mean():
    student, teacher = attention(0, heads=2), attention(1, heads=4)
    means = student.mean(1, keepdim=True), teacher.mean(1, keepdim=True)
    torch.testing.assert_close(
        losses.attention_mse_loss(student, teacher, MASK), losses.attention_mse_loss(*means, MASK)
    )


def relations_by_hand(student, teacher, heads):
    total, count = 0.0, 0
    for i in range(3):
        real = [j for j in range(4) if MASK[i, j]]
        for head in range(heads):
            rows = []
            for side in (student, teacher):
                size = side.shape[-1] // heads
                vectors = side[i, real, head * size : (head + 1) * size]
                rows.append((vectors @ vectors.T / math.sqrt(size)).tolist())
            for s, t in zip(*rows, strict=True):
                total, count = total + kl(softmax(t), softmax(s)), count + 1
    return total / count


@pytest.mark.parametrize(("heads", "width"), [(1, 6), (2, 6), (3, 12)])
def test_relations_equal_hand_arithmetic_also_between_widths(heads, width):
    student, teacher = draw(3, 4, 6, scale=1), draw(3, 4, width, seed=1, scale=1)
    expected = relations_by_hand(student.numpy(), teacher.numpy(), heads)
    assert losses.relation_loss(student, teacher, MASK, heads).item() == pytest.approx(expected, rel=1e-9)


def test_relations_need_a_divisor_of_the_width():
    with pytest.raises(SpecError, match=r"width of 6 .* 4 relation heads"):
        losses.relation_loss(draw(3, 4, 6), draw(3, 4, 6), MASK, 4)


HIDDEN = {
    "cosine": losses.cosine_hidden_loss,
    "hidden": losses.hidden_mse_loss,
    "relations": lambda student, teacher, mask: losses.relation_loss(student, teacher, mask, 2),
}
each_hidden = pytest.mark.parametrize("loss", HIDDEN.values(), ids=HIDDEN)


@each_hidden
def test_equal_states_cost_nothing_and_have_no_gradient(loss):
    states = draw(3, 4, 6)
    leaf = states.clone().requires_grad_()
    value = loss(leaf, states, MASK)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-12)
    assert leaf.grad.abs().max() < 1e-12


@each_hidden
def test_padding_has_no_part_in_a_loss(loss):
    student, teacher = draw(3, 4, 6), draw(3, 4, 6, seed=1)
    value = loss(student, teacher, MASK)
    noise = 1e3 * (1 - MASK).unsqueeze(-1)
    leaf = (student + noise * draw(3, 4, 6, seed=2)).requires_grad_()
    changed = loss(leaf, teacher + noise * draw(3, 4, 6, seed=3), MASK)
    changed.backward()
    torch.testing.assert_close(changed, value)
    assert leaf.grad[MASK == 0].abs().max() == 0
    assert leaf.grad[0, :3].abs().min() > 0  # row 1 has one token, which relates to nothing but itself


@each_hidden
def test_inner_losses_have_the_right_gradient(loss):
    teacher = draw(3, 4, 6, seed=1, scale=1)
    assert gradcheck(lambda x: loss(x, teacher, MASK), draw(3, 4, 6, scale=1).requires_grad_())


@each_hidden
def test_a_batch_without_real_tokens_is_zero_not_a_nan(loss):
    leaf = draw(3, 4, 6).requires_grad_()
    value = loss(leaf, draw(3, 4, 6, seed=1), torch.zeros_like(MASK))
    value.backward()
    assert value.item() == 0
    assert torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("loss", [losses.cosine_hidden_loss, losses.hidden_mse_loss])
def test_other_widths_or_lengths_are_refused(loss):
    for shape in ((3, 4, 7), (3, 5, 6)):
        with pytest.raises(SpecError, match="vocabulary"):
            loss(draw(3, 4, 6), draw(*shape), MASK)


def test_the_cosine_lies_between_0_and_2():
    states = draw(3, 4, 6)
    assert losses.cosine_hidden_loss(-states, states, MASK).item() == pytest.approx(2)
    assert losses.cosine_hidden_loss(5 * states, states, MASK).item() == pytest.approx(0, abs=1e-12)


def test_attention_padding_has_no_part():
    student, teacher = attention(0), attention(1)
    value = losses.attention_mse_loss(student, teacher, MASK)
    pairs = (MASK[:, :, None] * MASK[:, None, :]).unsqueeze(1)
    torch.testing.assert_close(losses.attention_mse_loss(student + 9 * (1 - pairs), teacher, MASK), value)
    leaf = student.clone().requires_grad_()
    assert gradcheck(lambda x: losses.attention_mse_loss(x, teacher, MASK), leaf)


def test_the_embedding_cosine_loss_is_one_minus_the_mean_cosine():
    student, teacher = torch.randn(5, 7, dtype=torch.double), torch.randn(5, 7, dtype=torch.double)
    cosines = [float(a @ b / (a.norm() * b.norm())) for a, b in zip(student, teacher, strict=True)]
    assert float(losses.embedding_cosine_loss(student, teacher)) == pytest.approx(1 - sum(cosines) / 5, abs=1e-9)
    assert float(losses.embedding_cosine_loss(3 * teacher, teacher)) == pytest.approx(0, abs=1e-9)


def test_the_similarity_loss_compares_all_pairs_of_a_batch():
    student, teacher = torch.randn(4, 3, dtype=torch.double), torch.randn(4, 6, dtype=torch.double)

    def cosine(a, b):
        return float(a @ b / (a.norm() * b.norm()))

    pairs = [(i, j) for i in range(4) for j in range(4)]
    wanted = sum((cosine(student[i], student[j]) - cosine(teacher[i], teacher[j])) ** 2 for i, j in pairs) / 16
    assert float(losses.similarity_loss(student, teacher)) == pytest.approx(wanted, abs=1e-9)
    rotation = torch.linalg.qr(torch.randn(6, 6, dtype=torch.double)).Q
    assert float(losses.similarity_loss(teacher @ rotation, teacher)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss", [losses.embedding_cosine_loss, losses.similarity_loss])
def test_gradients_of_the_embedding_losses(loss):
    student = torch.randn(3, 4, dtype=torch.double, requires_grad=True)
    teacher = torch.randn(3, 4, dtype=torch.double)
    assert torch.autograd.gradcheck(lambda value: loss(value, teacher), (student,))
