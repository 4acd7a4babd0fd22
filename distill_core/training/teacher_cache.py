"""Teacher outputs, computed once and shared by every student of the same teacher on this machine.

A file holds the logits of one teacher over one list of encoded texts, and the last hidden states where a loss needs
them. Its key is a digest of all they depend on: the teacher's config and weights, the token ids, and which outputs are
kept; an example keeps its own place, so that shuffling cannot misalign it. Files are safetensors, written whole or not
at all; one that does not read is made again. The oldest files go when the folder grows past its limit.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from distill_core.files.turns import turn
from distill_core.machine.devices import Device
from distill_core.models.tokens import Encoded, sorted_batches
from distill_core.settings import settings
from distill_core.training.speed import fast

LIMIT_BYTES = 4 * 1024**3
BATCH = 64
_NAMES = {"_name_or_path", "transformers_version", "id2label", "label2id"}  # of a config: these compute nothing


@dataclass(frozen=True)
class TeacherOutputs:
    """What a teacher says about each text. `logits` (texts, classes); `hidden` (all tokens, width) with the tokens of
    text i in rows offsets[i] … offsets[i + 1], or None. `seconds` is what the teacher pass cost; 0 when it was cached.
    """

    logits: Tensor
    hidden: Tensor | None
    offsets: tuple[int, ...]
    seconds: float

    def padded_hidden(self, indices: list[int], length: int, padding_side: str) -> Tensor:
        """Hidden states of these texts, padded with 0. Shape: (batch, length, width)."""
        if self.hidden is None:
            raise ValueError("hidden states were not kept")
        out = torch.zeros(len(indices), length, self.hidden.shape[-1], dtype=self.hidden.dtype)
        for row, index in enumerate(indices):
            states = self.hidden[self.offsets[index] : self.offsets[index + 1]]
            place = slice(0, len(states)) if padding_side == "right" else slice(length - len(states), length)
            out[row, place] = states
        return out


def outputs(
    teacher: nn.Module,
    encoded: Encoded,
    device: Device,
    *,
    keep_hidden: bool,
    check: Callable[[], None] = lambda: None,
) -> TeacherOutputs:
    """The teacher's outputs for these texts: from disk where they are known, else computed and kept."""
    folder = settings().cache_dir / "teacher"
    path = folder / f"{_key(teacher, encoded, keep_hidden)}.safetensors"
    with turn(path, check):  # a second run of the same teacher waits, then reads
        tensors, seconds = _read(path, len(encoded)), 0.0
        if tensors is None:
            start = time.perf_counter()
            tensors = _compute(teacher, encoded, device, keep_hidden, check)
            seconds = time.perf_counter() - start
            _write(path, tensors)
    offsets = [0]
    for length in encoded.lengths:
        offsets.append(offsets[-1] + length)
    return TeacherOutputs(tensors["logits"], tensors.get("hidden"), tuple(offsets), seconds)


def _key(teacher: nn.Module, encoded: Encoded, keep_hidden: bool) -> str:
    digest = hashlib.sha256(b"v2 hidden" if keep_hidden else b"v2 logits")
    config = getattr(teacher, "config", None)  # the same weights in four heads or in two are two functions
    fields = config.to_dict() if config is not None else {}
    digest.update(
        json.dumps({k: v for k, v in fields.items() if k not in _NAMES}, sort_keys=True, default=str).encode()
    )
    for name, tensor in sorted(teacher.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    for ids in encoded.ids:
        digest.update(ids.numpy().tobytes() + b"|")
    return digest.hexdigest()


def _read(path: Path, n: int) -> dict[str, Tensor] | None:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError):
        return None
    if "logits" not in tensors or len(tensors["logits"]) != n:
        return None
    path.touch()
    return tensors


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    """Keep the outputs; a full disk costs the cache, not the run."""
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        save_file(tensors, hidden)
        hidden.replace(path)
    except (OSError, SafetensorError):
        hidden.unlink(missing_ok=True)
        return
    _drop_oldest(path)


def _drop_oldest(newest: Path) -> None:
    """Keep the folder within its limit. Another run may be doing the same, or have a file open (Windows)."""
    found = []
    for file in newest.parent.glob("*.safetensors"):
        with contextlib.suppress(OSError):
            stat = file.stat()
            found.append((stat.st_mtime, stat.st_size, file))
    total = 0
    for _, size, file in sorted(found, reverse=True):
        total += size
        if total > LIMIT_BYTES and file != newest:
            with contextlib.suppress(OSError):
                file.unlink()


def _compute(
    teacher: nn.Module, encoded: Encoded, device: Device, keep_hidden: bool, check: Callable[[], None]
) -> dict[str, Tensor]:
    teacher.eval()
    rows: list[Tensor | None] = [None] * len(encoded)
    states: list[Tensor | None] = [None] * len(encoded)
    shortened = contextlib.nullcontext() if keep_hidden else fast.logits_alone(teacher)
    with torch.inference_mode(), shortened, fast.products(teacher):
        for indices in sorted_batches(encoded.lengths, BATCH):
            check()
            batch = encoded.batch(indices, device.torch_device)
            out = teacher(**batch, output_hidden_states=keep_hidden)
            logits, mask = out.logits.float().cpu(), batch["attention_mask"].bool().cpu()
            hidden = last_hidden(out).float().cpu() if keep_hidden else None
            for row, index in enumerate(indices):
                rows[index] = logits[row]
                if hidden is not None:
                    states[index] = hidden[row][mask[row]]
    tensors = {"logits": torch.stack([row for row in rows if row is not None])}
    if keep_hidden:
        tensors["hidden"] = torch.cat([state for state in states if state is not None])
    return {name: tensor.clone() for name, tensor in tensors.items()}


def last_hidden(output: object) -> Tensor:
    """The last hidden states of a model's output; the decoder's where there are two stacks. (batch, seq, width)."""
    states = getattr(output, "hidden_states", None) or output.decoder_hidden_states  # type: ignore[attr-defined]
    last: Tensor = states[-1]
    return last
