"""The training loop: against a loop written by hand, interrupted at any step, over two processes."""

from __future__ import annotations

import copy
import json
import multiprocessing
import socket
from dataclasses import replace

import pytest
import tiny
import torch
import train_in_two
from interruption import Interrupted, interrupt_at
from safetensors.torch import load_file
from torch import nn
from transformers import get_linear_schedule_with_warmup

from distill_core import families
from distill_core.errors import RunError
from distill_core.jobs import isolation
from distill_core.machine import devices
from distill_core.models.tokens import bucketed_batches
from distill_core.training import loop
from distill_core.training.loop import Hooks, TrainSettings, fit
from distill_core.training.losses import Loss, hard_label_loss

CPU = devices.Device(torch.device("cpu"), "float32", 1)
TEXTS = [*tiny.SENTENCES, *(f"{text}, {text}" for text in tiny.SENTENCES), "good"]  # 17
LABELS = torch.arange(len(TEXTS)) % 2
SETTINGS = TrainSettings(epochs=3, batch_size=4, learning_rate=1e-3)
STEPS = 15  # three epochs of five steps
# What attention does not see, a shift of all keys or of all positions, has a gradient of rounding noise, which Adam
# blows up to full steps.
NOISE = ("key.bias", "rel_attn.r")


def setup(key="bert", seed=0):
    loaded = tiny.classifier(families.get(key), seed=seed)
    encoded = loaded.encode(TEXTS, 32)

    def step(model, rows):
        loss = hard_label_loss(model(**encoded.batch(rows)).logits, LABELS[list(rows)])
        return Loss(loss, {"hard": loss})

    return loaded.model, encoded.lengths, step


def train(key="bert", settings=SETTINGS, seed=7, **hooks):
    model, lengths, step = setup(key)
    torch.manual_seed(seed)  # dropout
    report = fit(model, lengths, step, settings, CPU, Hooks(**hooks))
    return model, report


def same_weights(first, second):
    other = second.state_dict()
    return all(torch.equal(tensor, other[name]) for name, tensor in first.state_dict().items())


# ── resuming ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("at", [0, 4, 5, 14])
def test_a_resumed_training_ends_as_the_undisturbed_one(tmp_path, at):
    whole, report = train()
    with pytest.raises(Interrupted):
        train(check=interrupt_at(at), checkpoint_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    resumed, second = train(seed=12345, checkpoint_dir=tmp_path)  # the checkpoint restores dropout's own state
    assert (second.steps, second.examples) == (report.steps, report.examples) == (STEPS, 3 * len(TEXTS))
    assert same_weights(resumed, whole)


@pytest.mark.parametrize("key", ["gpt", "t5", "xlnet", "albert", "bart"])
def test_resuming_is_bitwise_for_every_kind_of_model(tmp_path, key):
    whole, _ = train(key)
    with pytest.raises(Interrupted):
        train(key, check=interrupt_at(6), checkpoint_dir=tmp_path)
    resumed, _ = train(key, seed=12345, checkpoint_dir=tmp_path)
    assert same_weights(resumed, whole)


def test_dropout_is_at_work_in_these_tests():
    assert not same_weights(train(seed=1)[0], train(seed=2)[0])


def test_evaluating_checkpointing_and_listening_change_nothing(tmp_path):
    whole, _ = train()
    heard = []

    def evaluate(model):
        model.eval()  # the loop must go back to training by itself
        return {"accuracy": 0.5}

    every_step = TrainSettings(epochs=3, batch_size=4, learning_rate=1e-3, checkpoint_every_s=0)
    watched, _ = train(settings=every_step, checkpoint_dir=tmp_path, evaluate=evaluate, on_event=heard.append)
    assert same_weights(watched, whole)
    assert len(list(tmp_path.iterdir())) == 2
    assert len(heard) > STEPS / 2


def test_interrupted_again_and_again(tmp_path):
    whole, _ = train()
    for seed in (7, 1, 2, 3):
        with pytest.raises(Interrupted):
            train(seed=seed, check=interrupt_at(3), checkpoint_dir=tmp_path)
    assert same_weights(train(seed=4, checkpoint_dir=tmp_path)[0], whole)


def test_a_truncated_newest_checkpoint_costs_its_steps_alone(tmp_path):
    whole, _ = train()
    every_step = TrainSettings(epochs=3, batch_size=4, learning_rate=1e-3, checkpoint_every_s=0)
    with pytest.raises(Interrupted):
        train(settings=every_step, check=interrupt_at(9), checkpoint_dir=tmp_path)
    newest = max(tmp_path.iterdir()) / "model.safetensors"
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    checks = []
    resumed, _ = train(seed=5, checkpoint_dir=tmp_path, check=lambda: checks.append(1))
    assert len(checks) == STEPS - 8  # step 9 was lost
    assert same_weights(resumed, whole)


def test_a_changed_plan_starts_anew(tmp_path):
    with pytest.raises(Interrupted):
        train(check=interrupt_at(6), checkpoint_dir=tmp_path)
    longer = TrainSettings(epochs=4, batch_size=4, learning_rate=1e-3)
    assert same_weights(train(settings=longer, checkpoint_dir=tmp_path)[0], train(settings=longer)[0])


# ── against other implementations ────────────────────────────────────────────────────────────────────────────


def test_the_loop_is_adamw_with_clipping_as_written_by_hand():
    model, lengths, step = setup()
    settings = TrainSettings(
        epochs=2, batch_size=4, learning_rate=3e-3, warmup_fraction=0.3, weight_decay=0.1, max_grad_norm=0.5, seed=3
    )
    by_hand = copy.deepcopy(model)
    torch.manual_seed(1)
    fit(model, lengths, step, settings, CPU, Hooks())

    torch.manual_seed(1)
    by_hand.train()
    parameters = [p for p in by_hand.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=3e-3, foreach=False)
    factors = [1 / 3, 2 / 3, 1, 1, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7]  # 3 of 10 steps rise, 7 fall
    for epoch in range(2):
        for number, rows in enumerate(bucketed_batches(lengths, 4, seed=3, epoch=epoch)):
            for group in optimizer.param_groups:
                group["lr"] = 3e-3 * factors[5 * epoch + number]
            step(by_hand, rows).total.backward()
            norm = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]).norm()
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad *= min(1, 0.5 / (norm + 1e-6))
            optimizer.step()
            optimizer.zero_grad()
    for name, tensor in by_hand.state_dict().items():
        if not name.endswith(NOISE):
            torch.testing.assert_close(model.state_dict()[name], tensor, rtol=0, atol=2e-6, msg=name)


@pytest.mark.parametrize("warmup_fraction", [0, 0.1, 0.5, 0.9])
def test_rates_are_those_of_transformers_schedule(warmup_fraction):
    """While it warms up, this loop is one step ahead: transformers spends its first step at a rate of 0."""
    lengths = [5] * 120
    settings = TrainSettings(epochs=2, batch_size=3, learning_rate=2e-4, warmup_fraction=warmup_fraction)
    trainer = loop._Trainer(nn.Linear(1, 1), lengths, settings, CPU, Hooks())
    ours = []
    for number in range(80):
        trainer.step_number = number
        trainer._set_learning_rate()
        ours += {group["lr"] for group in trainer.optimizer.param_groups}
    warmup = round(warmup_fraction * 80)
    optimizer = torch.optim.AdamW(nn.Linear(1, 1).parameters(), lr=2e-4)
    schedule = get_linear_schedule_with_warmup(optimizer, warmup, 80)
    theirs = []
    for _ in range(81):
        theirs += schedule.get_last_lr()
        optimizer.step()
        schedule.step()
    assert ours == pytest.approx(theirs[1 : warmup + 1] + theirs[warmup:80])
    assert max(ours) == pytest.approx(2e-4)
    assert min(ours) > 0


def in_two_processes(target, what, folder):
    """Run `target` in two processes; both must end well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(isolation.PRELOAD)
    processes = [context.Process(target=target, args=(2, rank, port, what, folder)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        process.kill()
    assert [process.exitcode for process in processes] == [0, 0]


@pytest.mark.parametrize(
    "what", ["bert", *(pytest.param(name, marks=pytest.mark.slow) for name in ("xlnet", "narrow"))]
)
def test_two_processes_end_with_the_weights_and_losses_of_one(tmp_path, what, monkeypatch):
    """Shares of unequal size weigh by their texts. XLNet has weights that classification does not use; a narrow student
    has a projection beside it, which learns as well."""
    monkeypatch.setattr(loop, "FLUSH_EVERY_S", 0)
    alone = train_in_two.train(what, tmp_path / "alone.safetensors")
    in_two_processes(train_in_two.one_of, what, tmp_path)
    first, second = (load_file(tmp_path / f"{rank}.safetensors") for rank in range(2))
    for name, tensor in load_file(tmp_path / "alone.safetensors").items():
        assert torch.equal(first[name], second[name]), name
        if not name.endswith(NOISE):
            torch.testing.assert_close(first[name], tensor, rtol=0, atol=1e-5, msg=name)
    told = json.loads((tmp_path / "0.told").read_text())
    assert list(told) == [str(step) for step in range(1, 9)]
    for step, values in alone.items():
        assert told[str(step)] == pytest.approx(values, rel=1e-5, abs=1e-5)
    assert (tmp_path / "1.told").read_text() == "{}"  # one process speaks


@pytest.mark.slow
def test_a_stop_that_reaches_one_process_stops_both_before_the_same_step(tmp_path):
    """Else one would wait for the other's gradients until the time is out."""
    in_two_processes(train_in_two.stopped, "bert", tmp_path)
    assert [(tmp_path / f"{rank}.stopped").read_text() for rank in range(2)] == ["4", "4"]
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-00000003"]


# ── what can go wrong, what is told ──────────────────────────────────────────────────────────────────────────


def test_a_loss_that_is_no_number_ends_the_run_with_advice(tmp_path):
    model, lengths, step = setup()
    calls = iter(range(100))

    def broken(network, rows):
        loss = step(network, rows).total
        return Loss(loss * float("nan") if next(calls) >= 3 else loss, {})

    every_step = TrainSettings(epochs=3, batch_size=4, learning_rate=1e-3, checkpoint_every_s=0)
    with pytest.raises(RunError, match="no longer a number") as caught:
        fit(model, lengths, broken, every_step, CPU, Hooks(checkpoint_dir=tmp_path))
    assert "learning rate (now 0.001)" in caught.value.hint
    for folder in tmp_path.iterdir():  # resuming must not start from ruins
        weights = load_file(folder / "model.safetensors")
        assert all(torch.isfinite(tensor).all() for tensor in weights.values() if tensor.is_floating_point())


def test_an_overflowing_loss_is_caught_as_well():
    model, lengths, step = setup()
    with pytest.raises(RunError, match="no longer a number"):
        fit(model, lengths, lambda net, rows: Loss(step(net, rows).total * float("inf"), {}), SETTINGS, CPU, Hooks())


def test_what_is_told_adds_up():
    told = []
    _, report = train(on_event=told.append, evaluate=lambda model: {"accuracy": 0.25})
    learning = [progress for progress in told if progress.split == "train"]
    assert learning[0].step == 1
    assert learning[-1].step == report.steps == STEPS
    assert learning[-1].epoch == 3
    assert learning[-1].examples == report.examples == 51
    assert all(progress.total_steps == STEPS for progress in told)
    assert all({"loss", "hard", "grad_norm"} == progress.values.keys() for progress in learning)
    assert all(progress.values["loss"] == pytest.approx(progress.values["hard"]) for progress in learning)
    assert report.train_s == learning[-1].elapsed_s > 0
    tested = [progress.step for progress in told if progress.split == "validation"]
    assert tested == list(range(1, STEPS + 1))  # four a epoch of five steps: at each step
    assert all(progress.values == {"accuracy": 0.25} for progress in told if progress.split == "validation")


def test_many_short_epochs_are_not_followed_at_every_step():
    told = []
    settings = replace(SETTINGS, epochs=41)  # 205 steps
    train(settings=settings, on_event=told.append, evaluate=lambda model: {"accuracy": 0.25})
    assert [progress.step for progress in told if progress.split == "validation"] == [*range(20, 205, 20), 205]


def test_a_curve_holds_the_mean_since_its_last_point(monkeypatch):
    monkeypatch.setattr(loop, "FLUSH_EVERY_S", 1e9)
    losses, told = [], []
    model, lengths, step = setup()

    def noted(network, rows):
        loss = step(network, rows)
        losses.append(loss.total.item())
        return loss

    fit(model, lengths, noted, SETTINGS, CPU, Hooks(on_event=told.append))
    assert [progress.step for progress in told] == [1, STEPS]
    assert told[0].values["loss"] == pytest.approx(losses[0])
    assert told[1].values["loss"] == pytest.approx(sum(losses[1:]) / (STEPS - 1))


def test_what_is_frozen_stays():
    model, lengths, step = setup()
    for parameter in model.base_model.parameters():
        parameter.requires_grad_(False)
    before = copy.deepcopy(model)
    fit(model, lengths, step, SETTINGS, CPU, Hooks())
    assert same_weights(model.base_model, before.base_model)
    assert not same_weights(model.classifier, before.classifier)


def test_training_time_leaves_out_evaluation_and_pauses(monkeypatch):
    clock, told = tiny.Clock(), []
    monkeypatch.setattr(loop, "time", clock)
    model, lengths, step = setup()

    def timed(network, rows):
        clock.pass_by(0.25)
        return step(network, rows)

    def evaluate(network):
        clock.pass_by(1000)
        return {"accuracy": 0.5}

    hooks = Hooks(on_event=told.append, evaluate=evaluate, check=lambda: clock.pass_by(100))
    report = fit(model, lengths, timed, SETTINGS, CPU, hooks)
    assert report.train_s == told[-1].elapsed_s == pytest.approx(0.25 * STEPS)


def test_training_time_counts_the_work_that_is_waited_for(monkeypatch):
    """An accelerator takes steps as orders; reading the loss waits until they are done."""
    clock, told = tiny.Clock(), []
    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(loop, "FLUSH_EVERY_S", 1e9)  # read after the first step and at the end
    model, lengths, step = setup()
    original = torch.Tensor.__float__

    def waited(tensor):
        clock.pass_by(3)
        return original(tensor)

    monkeypatch.setattr(torch.Tensor, "__float__", waited)
    report = fit(model, lengths, step, SETTINGS, CPU, Hooks(on_event=told.append))
    reads = len(told[0].values) + len(told[-1].values)
    assert report.train_s == told[-1].elapsed_s == pytest.approx(3 * reads)


BF16 = devices.Device(torch.device("cpu"), "bfloat16", 1)


def test_bfloat16_trains_on_a_cpu_with_weights_in_float32():
    """Computed in bfloat16, or the losses would be the same; kept in float32, or small updates would be lost."""
    losses = {}
    for here in (CPU, BF16):
        model, lengths, step = setup()
        before = copy.deepcopy(model)
        losses[here.dtype] = []

        def noted(network, rows, step=step, kept=losses[here.dtype]):
            loss = step(network, rows)
            kept.append(loss.total.item())
            return loss

        torch.manual_seed(7)
        fit(model, lengths, noted, SETTINGS, here, Hooks())
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
        assert not same_weights(model, before)
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], abs=0.1)


def test_a_trained_model_is_the_plain_model_again():
    """accelerate wraps a model's forward: left on, a copy would compute with the original's weights, in bfloat16."""
    model, lengths, step = setup()
    fit(model, lengths, step, SETTINGS, BF16, Hooks())
    fresh, _, _ = setup()
    fresh.load_state_dict(model.state_dict())
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    batch = tiny.classifier(families.get("bert")).encode(TEXTS, 32).batch([0, 1, 2])
    with torch.inference_mode():
        assert torch.equal(copied.eval()(**batch).logits, fresh.eval()(**batch).logits)
