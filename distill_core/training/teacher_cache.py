"""Teacher outputs, computed once and shared by every student of the same teacher on this machine.

A file holds what one teacher answers at the asked positions of one list of encoded texts, under its name (logits of a
task, or sentence vectors), and the last hidden states where a loss needs them. A text may be asked at no, one or many
positions. Its key is a digest of all they depend on: the teacher's config and weights, what is read and asked, and
which outputs are kept; an example keeps its own place, so that shuffling cannot misalign it. Files are safetensors,
written whole or not at all; one that does not read is made again. The oldest files go when the folder grows past its
limit.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from distill_core.files.turns import turn
from distill_core.files.whole import whole_file
from distill_core.machine.devices import Device
from distill_core.models.asking import PLAINLY, Asking
from distill_core.models.loading import LENGTH_FIELD
from distill_core.models.tokens import Encoded, sorted_batches
from distill_core.settings import settings
from distill_core.training.speed import fast

LIMIT_BYTES = 4 * 1024**3
BATCH = 64
PATIENCE_S = 30.0  # a pass that shows no batch for so long is paused: another run then asks the teacher itself
_COUNTS = "positions"  # how many each text has, where that is not one
# Of a config: these compute nothing. Where texts are cut is in the key with their tokens.
_NAMES = {"_name_or_path", "transformers_version", "id2label", "label2id", LENGTH_FIELD}


@dataclass(frozen=True)
class TeacherOutputs:
    """What a teacher says about each text. `logits` (all positions, choices), with the positions of text i in rows
    places[i] … places[i + 1]; None where each text has one. `hidden` (all tokens, width) with the tokens of text i in
    rows offsets[i] … offsets[i + 1], or None. `seconds` is what the teacher pass cost; 0 when it was cached.
    """

    logits: Tensor
    hidden: Tensor | None
    offsets: tuple[int, ...]
    seconds: float
    places: tuple[int, ...] | None = None

    def at(self, indices: list[int]) -> Tensor:
        """The logits at all positions of these texts. Shape: (positions, choices)."""
        if self.places is None:
            return self.logits[indices]
        return torch.cat([self.logits[self.places[index] : self.places[index + 1]] for index in indices])

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
    asking: Asking = PLAINLY,
    keep_hidden: bool,
    check: Callable[[], None] = lambda: None,
) -> TeacherOutputs:
    """The teacher's outputs for these texts: from disk where they are known, else computed and kept."""
    tensors, seconds = answers(teacher, encoded, device, asking, keep_hidden=keep_hidden, check=check)
    counts = tensors.get(_COUNTS)
    places = None if counts is None else tuple(accumulate(counts.tolist(), initial=0))
    offsets = tuple(accumulate(encoded.lengths, initial=0))
    return TeacherOutputs(tensors[asking.name], tensors.get("hidden"), offsets, seconds, places)


def answers(
    teacher: nn.Module,
    encoded: Encoded,
    device: Device,
    asking: Asking,
    *,
    keep_hidden: bool = False,
    check: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Tensor], float]:
    """What is kept of these texts under its name, `hidden` beside it where asked for; and the seconds of the pass."""
    folder = settings().cache_dir / "teacher"
    path = folder / f"{_key(teacher, encoded, asking.name, keep_hidden)}.safetensors"
    with turn(path, check, PATIENCE_S) as check_and_show:  # a second run of the same teacher waits, then reads
        tensors, seconds = _read(path, asking.name, len(encoded)), 0.0
        if tensors is None:
            start = time.perf_counter()
            tensors = _compute(teacher, encoded, device, asking, keep_hidden, check_and_show)
            seconds = time.perf_counter() - start
            _write(path, tensors)
    return tensors, seconds


def _key(teacher: nn.Module, encoded: Encoded, name: str, keep_hidden: bool) -> str:
    digest = hashlib.sha256(b"v2 hidden" if keep_hidden else f"v2 {name}".encode())
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
    for beside, numbers in sorted(encoded.beside.items()):
        digest.update(beside.encode() + b"".join(values.numpy().tobytes() + b"|" for values in numbers.values))
    return digest.hexdigest()


def _read(path: Path, name: str, n: int) -> dict[str, Tensor] | None:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError):
        return None
    counts = tensors.get(_COUNTS, torch.ones(n, dtype=torch.int64))
    if name not in tensors or len(counts) != n or len(tensors[name]) != int(counts.sum()):
        return None
    path.touch()
    return tensors


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    """Keep the outputs; a full disk costs the cache, not the run."""
    try:
        with whole_file(path) as new:
            save_file(tensors, new)
    except (OSError, SafetensorError):
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
    teacher: nn.Module,
    encoded: Encoded,
    device: Device,
    asking: Asking,
    keep_hidden: bool,
    check: Callable[[], None],
) -> dict[str, Tensor]:
    teacher.eval()
    rows: list[Tensor] = [torch.empty(0)] * len(encoded)
    states: list[Tensor] = [torch.empty(0)] * len(encoded)
    shortened = contextlib.nullcontext() if keep_hidden else fast.logits_alone(teacher)
    with torch.inference_mode(), shortened, fast.products(teacher):
        for indices in sorted_batches(encoded.lengths, BATCH):
            check()
            batch = encoded.ask(indices, device.torch_device)
            output = asking.forward(teacher, batch, output_hidden_states=keep_hidden)
            found = batch.by_text(asking.asked(output, batch).float().cpu())
            for index, row in zip(indices, found, strict=True):
                rows[index] = row
            if keep_hidden:
                hidden, mask = last_hidden(output).float().cpu(), batch.inputs["attention_mask"].bool().cpu()
                for row_number, index in enumerate(indices):
                    states[index] = hidden[row_number][mask[row_number]]
    tensors = {asking.name: torch.cat(rows)}
    if any(len(row) != 1 for row in rows):
        tensors[_COUNTS] = torch.tensor([len(row) for row in rows])
    if keep_hidden:
        tensors["hidden"] = torch.cat(states)
    return {name: tensor.clone() for name, tensor in tensors.items()}


def last_hidden(output: object) -> Tensor:
    """The last hidden states of a model's output; the decoder's where there are two stacks. (batch, seq, width)."""
    states = getattr(output, "hidden_states", None) or output.decoder_hidden_states  # type: ignore[attr-defined]
    last: Tensor = states[-1]
    return last
