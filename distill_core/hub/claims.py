"""What the files of a model claim, read before anything is loaded: a few bytes can ask for all the memory there is.

Sizes of files, the numbers of config.json, the tensors in the headers of safetensors. No torch: the Hub's worker asks
before it fetches weights, `models/limits.py` before it loads them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from distill_core import families
from distill_core.errors import ModelError

MIB = 2**20
FILE_BYTES = {  # the largest of the ten families' files have a tenth of this
    "config.json": MIB,
    "generation_config.json": MIB,
    "special_tokens_map.json": MIB,
    "tokenizer_config.json": 4 * MIB,
    "added_tokens.json": MIB,
    "model.safetensors.index.json": 4 * MIB,
    "tokenizer.json": 16 * MIB,
    "vocab.txt": 16 * MIB,
    "vocab.json": 16 * MIB,
    "merges.txt": 16 * MIB,
    "spiece.model": 16 * MIB,
    "tokenizer.model": 16 * MIB,
}
MOST_LAYERS, MOST_WIDTH, MOST_LABELS, MOST_NUMBER, MOST_DEPTH = 128, 16_384, 10_000, 10_000_000, 12
MAX_HEADER_BYTES = 4 * MIB
_LAYERS = ("num_hidden_groups", "inner_group_num")
_OTHER = "Choose another model."


def check_file_sizes(sizes: Mapping[str, int], name: str) -> None:
    """Raises ModelError for a file that is far larger than any such file is. `sizes`: bytes by file name."""
    for file, most in FILE_BYTES.items():
        if sizes.get(file, 0) > most:
            raise ModelError(
                f"{file} of {name} has {sizes[file] / MIB:,.0f} MiB; {most // MIB} MiB are allowed.", _OTHER
            )


def folder_sizes(folder: Path) -> dict[str, int]:
    """Bytes of the files that have a limit, by name. Raises ModelError for one that is no file, such as a device."""
    sizes = {}
    for name in FILE_BYTES:
        path = folder / name
        if path.exists() and not path.is_file():
            raise ModelError(f"{name} of {folder.name} is no file.", _OTHER)
        if path.exists():
            sizes[name] = path.stat().st_size
    return sizes


def read_config(path: Path, name: str) -> dict[str, Any]:
    """The object in config.json. Raises ModelError where it does not read, or says what no model of the ten is."""
    check_file_sizes({"config.json": path.stat().st_size}, name)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"The config.json of {name} does not read.", _OTHER) from error
    if not isinstance(config, dict):
        raise ModelError(f"The config.json of {name} does not read.", _OTHER)
    return config


def check_config(config: Mapping[str, Any], name: str) -> None:
    """Raises ModelError for values that no model of the ten families has, before a library believes them."""
    for field, value in _values(config, name):
        if isinstance(value, int) and abs(value) > MOST_NUMBER:
            raise _refused(field, value, name, f"at most {MOST_NUMBER:,}")
        if isinstance(value, float) and not math.isfinite(value):
            raise _refused(field, value, name, "a number")
    if config.get("quantization_config"):
        raise ModelError(f"{name} is quantized, which is not read here.", "Choose its weights in full precision.")
    architectures = config.get("architectures") or []
    if not isinstance(architectures, list) or not all(isinstance(entry, str) for entry in architectures):
        raise _refused("architectures", architectures, name, "a list of names")
    _check_sizes(config, name)
    _check_labels(config, name)


def _check_sizes(config: Mapping[str, Any], name: str) -> None:
    family = families.by_model_type(str(config.get("model_type")))
    if family is None:
        return
    limits = dict.fromkeys((*family.shape.layers, *_LAYERS), MOST_LAYERS)
    limits |= dict.fromkeys(family.shape.width, MOST_WIDTH)
    for field, most in limits.items():
        value = config.get(field, 1)
        if value is not None and not (type(value) is int and 1 <= value <= most):
            raise _refused(field, value, name, f"a whole number from 1 to {most:,}")
    groups, inner = (config.get(field) or 1 for field in _LAYERS)
    if groups * inner > MOST_LAYERS:
        raise _refused("num_hidden_groups", groups, name, f"at most {MOST_LAYERS} layers in all")


def _check_labels(config: Mapping[str, Any], name: str) -> None:
    count, names = config.get("num_labels"), config.get("id2label")
    if count is not None and not (type(count) is int and 0 <= count <= MOST_LABELS):
        raise _refused("num_labels", count, name, f"a whole number up to {MOST_LABELS:,}")
    if names is None:
        return
    known = isinstance(names, dict) and len(names) <= MOST_LABELS
    known = known and set(map(str, names)) == set(map(str, range(len(names))))
    if not known or not all(isinstance(label, str) for label in names.values()):
        raise _refused("id2label", names, name, "a name for each class from 0 on")


def _refused(field: str, value: object, name: str, allowed: str) -> ModelError:
    shown = str(value)
    shown = shown if len(shown) <= 60 else f"{shown[:60]} …"
    return ModelError(f"The config.json of {name} says {field} = {shown}; allowed is {allowed}.", _OTHER)


def _values(value: object, name: str, field: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """All values with the name of their field. Raises ModelError for lists in lists without end."""
    if depth > MOST_DEPTH:
        raise ModelError(f"The config.json of {name} is nested more than {MOST_DEPTH} deep.", _OTHER)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _values(inner, name, str(key), depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, name, field, depth + 1)
    else:
        yield field, value


def least_parameters(config: Mapping[str, Any]) -> int:
    """Parameters that a model of this config has at least, as far as it says so itself: half of its weight matrices."""
    family = families.by_model_type(str(config.get("model_type")))
    if family is None:
        return 0

    def number(field: str) -> int:
        value = config.get(field)
        return value if isinstance(value, int) else 0

    width = max(map(number, family.shape.width[:1]))
    layers = 1 if family.shared_layers else sum(map(number, family.shape.layers))
    inner = max(map(number, family.shape.ffn), default=0)
    words = number("vocab_size") * (number("embedding_size") or width)
    return (layers * (4 * width * width + 2 * width * inner) + words) // 2


def check_promise(config: Mapping[str, Any], weight_bytes: int, name: str) -> None:
    """Raises ModelError where the weights are too few bytes for what the config describes, one byte a number."""
    described = least_parameters(config)
    if described > weight_bytes:
        raise ModelError(
            f"The config.json of {name} describes at least {described:,} parameters, its weights are "
            f"{weight_bytes:,} bytes.",
            _OTHER,
        )


def tensor_header(path: Path, repo: str) -> dict[str, Any]:
    """The tensors of a safetensors file by name, from its first bytes.

    Raises ModelError where it is not one: 8 bytes of header length, JSON, then just the tensors.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
                raise ValueError(f"header of {length} bytes in a file of {size}")
            header = json.loads(file.read(length))
        tensors = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
        end = max(tensor["data_offsets"][1] for tensor in tensors.values())
        if end != size - 8 - length:
            raise ValueError(f"tensors end at {end}, the file at {size - 8 - length}")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path.name} of {repo} holds no weights: it is not a safetensors file.",
            "Fetch it again, or choose another.",
        ) from error
    return tensors


def held_parameters(folder: Path) -> int:
    """Numbers in all safetensors files of a folder, from their headers. Raises ModelError as `tensor_header`."""
    held = 0
    for path in sorted(folder.glob("*.safetensors")):
        for tensor in tensor_header(path, folder.name).values():
            held += math.prod(size for size in tensor.get("shape", ()) if type(size) is int)
    return held
