"""Whether a folder with a model can be loaded here, told before it is: within two seconds and without the memory.

config.json    numbers, names and depth within limits, before transformers believes them (hub/claims.py)
parameters     counted on the meta device; the weights hold as many, and the memory takes them
tokenizer      sizes of its files and numbers of entries
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, PretrainedConfig
from transformers.initialization import no_init_weights

from distill_core.errors import ModelError
from distill_core.hub import claims
from distill_core.machine import capacity

BYTES_PER_NUMBER = 4  # float32
MOST_BUFFER_NUMBERS = 2**25  # masks and positions: 262,144 for the first GPT
MOST_ENTRIES = 2_000_000  # separators in a file of a vocabulary; LaBSE, with half a million words, has half of it
MOST_ADDED_TOKENS = 10_000
_SPARE = 4_000_000  # a pooler or a head that the weights lack, of a small model
_SPARE_SHARE = 0.2
_OTHER = "Choose another model."


def check_folder(folder: Path) -> None:
    """Raises ModelError for files that are too large, and for a config.json that says what no model has."""
    claims.check_file_sizes(claims.folder_sizes(folder), folder.name)
    claims.check_config(claims.read_config(folder / "config.json", folder.name), folder.name)


def check_memory(folder: Path, config: PretrainedConfig) -> None:
    """Raises ModelError where the config describes far more than the weights hold, or more than the memory takes."""
    described = _described(folder, config)
    held = claims.held_parameters(folder)
    if described > held * (1 + _SPARE_SHARE) + _SPARE:
        raise ModelError(
            f"The config.json of {folder.name} describes {described:,} parameters, its weights hold {held:,}.", _OTHER
        )
    needed, free = BYTES_PER_NUMBER * max(described, held), capacity.available_bytes()
    if needed > free:
        raise ModelError(
            f"{folder.name} needs {needed / 2**30:.1f} GiB of memory, {free / 2**30:.1f} GiB are free.",
            "Choose a smaller model, or close other programs.",
        )


def _described(folder: Path, config: PretrainedConfig) -> int:
    """Parameters of the bare model that the config describes."""
    try:
        with torch.device("meta"), no_init_weights():
            model = AutoModel.from_config(config)
    except Exception as error:
        raise ModelError(
            f"The config.json of {folder.name} describes no model: {type(error).__name__}.", "Check config.json."
        ) from error
    if sum(buffer.numel() for buffer in model.buffers()) > MOST_BUFFER_NUMBERS:
        raise ModelError(f"The config.json of {folder.name} asks for too many positions.", _OTHER)
    return sum(parameter.numel() for parameter in model.parameters())


def check_tokenizer(folder: Path) -> None:
    """Raises ModelError for a vocabulary with more entries than any of the families has."""
    for name in ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt"):
        path = folder / name
        if not path.is_file():
            continue
        content = path.read_bytes()
        entries = content.count(b"," if name.endswith(".json") else b"\n")
        if entries > MOST_ENTRIES:
            raise ModelError(
                f"{name} of {folder.name} has more than {entries:,} entries; {MOST_ENTRIES:,} are allowed.", _OTHER
            )
    added = [_object(folder / "tokenizer.json").get("added_tokens")]
    added.append(_object(folder / "tokenizer_config.json").get("added_tokens_decoder"))
    added.append(_object(folder / "added_tokens.json"))
    if any(isinstance(tokens, list | dict) and len(tokens) > MOST_ADDED_TOKENS for tokens in added):
        raise ModelError(f"The tokenizer of {folder.name} adds more than {MOST_ADDED_TOKENS:,} words.", _OTHER)


def _object(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):  # the library says what is wrong with it
        return {}
    return data if isinstance(data, dict) else {}
