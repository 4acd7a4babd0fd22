"""Training state on disk: whole or passed over, bitwise, and bounded in number."""

from __future__ import annotations

import json
import logging

import pytest
import torch
from torch import nn

from distill_core.training import checkpoints


class Net(nn.Module):
    """A tied weight, a buffer, an empty tensor and a frozen parameter: what a model may hold."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.embed = nn.Embedding(7, 4)
        self.norm = nn.BatchNorm1d(4)
        self.out = nn.Linear(4, 7, bias=False)
        self.out.weight = self.embed.weight
        self.frozen = nn.Parameter(torch.randn(3), requires_grad=False)
        self.register_buffer("nothing", torch.empty(0))

    def forward(self, ids):
        return self.out(self.norm(self.embed(ids)))


def make(seed=0, steps=3):
    net = Net(seed)
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(steps):
        learn(net, optimizer)
    return net, optimizer


def learn(net, optimizer):
    ids = torch.randint(7, (5,))
    nn.functional.cross_entropy(net(ids), ids).backward()
    optimizer.step()
    optimizer.zero_grad()


def position(step, total=100):
    return {"step": step, "examples": 5 * step, "train_s": 0.5, "total_steps": total, "seed": 0}


def test_everything_the_next_step_depends_on_comes_back(tmp_path):
    net, optimizer = make()
    checkpoints.save(tmp_path, net, optimizer, position(3))
    learn(net, optimizer)
    drawn = torch.rand(3)
    other, other_optimizer = make(seed=9, steps=1)
    found = checkpoints.load(tmp_path, other, other_optimizer, 100)
    assert (found["step"], found["examples"], found["train_s"]) == (3, 15, 0.5)
    learn(other, other_optimizer)
    assert torch.equal(torch.rand(3), drawn)
    for name, tensor in net.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    assert other.out.weight is other.embed.weight
    state, other_state = optimizer.state_dict()["state"], other_optimizer.state_dict()["state"]
    assert state.keys() == other_state.keys()
    for index, values in state.items():
        assert all(torch.equal(values[name], other_state[index][name]) for name in values)


def test_the_newest_two_are_kept(tmp_path):
    net, optimizer = make()
    for step in (1, 2, 10, 100_000_000):
        checkpoints.save(tmp_path, net, optimizer, position(step, 2 * 10**8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010", "step-100000000"]
    assert checkpoints.load(tmp_path, net, optimizer, 2 * 10**8)["step"] == 100_000_000


def test_saving_a_step_again_replaces_it(tmp_path):
    net, optimizer = make()
    checkpoints.save(tmp_path, net, optimizer, position(3))
    learn(net, optimizer)
    checkpoints.save(tmp_path, net, optimizer, position(3))
    other, other_optimizer = make(seed=9)
    checkpoints.load(tmp_path, other, other_optimizer, 100)
    assert torch.equal(other.embed.weight, net.embed.weight)
    assert len(list(tmp_path.iterdir())) == 1


def truncate(path):
    path.write_bytes(path.read_bytes()[:-10])


def flip(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "half of the weights": lambda folder: truncate(folder / "model.safetensors"),
    "a flipped bit": lambda folder: flip(folder / "optimizer.safetensors"),
    "a missing file": lambda folder: (folder / "rng.safetensors").unlink(),
    "an empty file": lambda folder: (folder / "model.safetensors").write_bytes(b""),
    "half of the position": lambda folder: truncate(folder / "position.json"),
    "no position": lambda folder: (folder / "position.json").unlink(),
    "another JSON": lambda folder: (folder / "position.json").write_text("[1]"),
    "a position without its step": lambda folder: (folder / "position.json").write_text('{"files": {}}'),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, damage, caplog):
    net, optimizer = make()
    checkpoints.save(tmp_path, net, optimizer, position(3))
    before = net.embed.weight.detach().clone()
    learn(net, optimizer)
    newest = checkpoints.save(tmp_path, net, optimizer, position(4))
    damage(newest)
    other, other_optimizer = make(seed=9)
    with caplog.at_level(logging.WARNING):
        found = checkpoints.load(tmp_path, other, other_optimizer, 100)
    assert found["step"] == 3
    assert torch.equal(other.embed.weight, before)
    assert "step-00000004 is damaged" in caplog.text


def test_nothing_to_restore(tmp_path):
    net, optimizer = make()
    assert checkpoints.load(tmp_path / "none", net, optimizer, 100) is None
    (tmp_path / "step-00000001").mkdir()
    assert checkpoints.load(tmp_path, net, optimizer, 100) is None


def test_a_checkpoint_of_another_plan_is_left_alone(tmp_path):
    net, optimizer = make()
    checkpoints.save(tmp_path, net, optimizer, position(3, total=50))
    other, other_optimizer = make(seed=9)
    before = other.embed.weight.detach().clone()
    assert checkpoints.load(tmp_path, other, other_optimizer, 100) is None
    assert torch.equal(other.embed.weight, before)


def test_a_full_disk_leaves_the_old_checkpoint_and_no_litter(tmp_path, monkeypatch):
    net, optimizer = make()
    checkpoints.save(tmp_path, net, optimizer, position(3))

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(tmp_path, net, optimizer, position(4))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003"]


def test_no_pickle_lies_in_a_checkpoint(tmp_path):
    net, optimizer = make()
    folder = checkpoints.save(tmp_path, net, optimizer, position(3))
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json"}
    assert set(json.loads((folder / "position.json").read_text())["files"]) == {
        "model.safetensors",
        "optimizer.safetensors",
        "rng.safetensors",
    }


def test_the_random_state_of_an_accelerator_that_is_gone_is_no_problem(tmp_path):
    states = checkpoints._rng_states() | {"cuda.5": torch.zeros(16, dtype=torch.uint8)}
    checkpoints._restore_rng(states)
