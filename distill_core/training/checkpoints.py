"""Training state on disk, without pickles: tensors as safetensors, numbers as JSON.

    checkpoint/step-00000120/{model,optimizer,rng}.safetensors + position.json

A checkpoint is there whole or not at all. position.json holds the sha256 of each file: one that the disk has damaged
since is passed over for the one before.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from distill_core.files.whole import whole_folder

KEEP = 2
_FILES = {"model.safetensors", "optimizer.safetensors", "rng.safetensors"}
_NUMBERS = {"step", "examples", "train_s", "total_steps"}
_log = logging.getLogger(__name__)


def save(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, position: dict[str, Any]) -> Path:
    """Write one checkpoint and drop all but the newest two. Raises OSError when the disk does not take it."""
    final = folder / f"step-{int(position['step']):08d}"
    with whole_folder(final) as new:
        save_file(_unshared(model.state_dict()), new / "model.safetensors")
        save_file(_optimizer_tensors(optimizer), new / "optimizer.safetensors")
        save_file(_rng_states(), new / "rng.safetensors")
        digests = {path.name: _digest(path) for path in sorted(new.glob("*.safetensors"))}
        (new / "position.json").write_text(json.dumps({**position, "files": digests}), encoding="utf-8")
    for old in _newest_first(folder)[KEEP:]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def load(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, total_steps: int) -> dict[str, Any] | None:
    """Restore the newest whole checkpoint of a training of `total_steps`; its position, or None when there is none."""
    for path in _newest_first(folder):
        position = _whole(path)
        if position is None:
            _log.warning("The checkpoint %s is damaged; going back to the one before.", path.name)
            continue
        state = load_file(path / "optimizer.safetensors")
        if position["total_steps"] != total_steps or not _fits(optimizer, state):
            continue
        model.load_state_dict(load_file(path / "model.safetensors"), strict=False)
        _restore_optimizer(optimizer, state)
        _restore_rng(load_file(path / "rng.safetensors"))
        return position
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"), reverse=True) if folder.is_dir() else []


def _whole(path: Path) -> dict[str, Any] | None:
    try:
        position: dict[str, Any] = json.loads((path / "position.json").read_text(encoding="utf-8"))
        files = position["files"]
        whole = files.keys() == _FILES and position.keys() >= _NUMBERS
        whole = whole and all(_digest(path / name) == digest for name, digest in files.items())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # no JSON, or JSON of another form
        return None
    return position if whole else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unshared(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each storage once: safetensors refuses tied weights, and one copy restores them all."""
    seen: set[int] = set()
    kept = {}
    for name, tensor in state.items():
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            seen.add(tensor.data_ptr())
            kept[name] = tensor.contiguous()
    return kept


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    tensors = {}
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"{index}.{name}"] = torch.as_tensor(value).contiguous()
    return tensors


def _fits(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> bool:
    """Whether a state is one of these parameters: of other texts, other rows of the embedding table learn."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    places = {key: int(key.partition(".")[0]) for key in tensors}
    return all(
        places[key] < len(parameters) and tensor.shape in (parameters[places[key]].shape, torch.Size())
        for key, tensor in tensors.items()
    )


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _rng_states() -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states |= {f"cuda.{index}": state for index, state in enumerate(torch.cuda.get_rng_state_all())}
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def _restore_rng(states: dict[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    for name, state in states.items():
        device, _, index = name.partition(".")
        if device == "cuda" and int(index) < torch.cuda.device_count():
            torch.cuda.set_rng_state(state, int(index))
        if device == "mps" and torch.backends.mps.is_available():
            torch.mps.set_rng_state(state)
