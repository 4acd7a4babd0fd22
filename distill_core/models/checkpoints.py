"""A reference → a folder with config, weights and tokenizer, and what is read from it. Nothing in it is ever run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig

from distill_core.errors import ModelError, RunError
from distill_core.model_ref import Ref, hub_id
from distill_core.models import limits
from distill_core.runs.store import RunStore
from distill_core.settings import DATA

transformers.logging.set_verbosity_error()  # a fresh head is expected; tables of missing weights would alarm
transformers.logging.disable_progress_bar()

_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model")
# Names of weights that make a model what it is: embeddings and layers, in the spelling of all ten families.
BODY = re.compile(r"embed|\b(layer|layers|h|block|albert_layers)\.\d+\.|final_layer_norm")


@dataclass(frozen=True)
class Checkpoint:
    """A folder with config.json, *.safetensors and a tokenizer."""

    path: Path
    commit: str | None = None


def locate(ref: Ref, store: RunStore) -> Checkpoint:
    """The folder of a checkpoint; fetched first where it is not here yet."""
    if ref.source == "minilm":
        from distill_core.assets import shelf

        return Checkpoint(shelf.ensure("minilm"))
    if ref.source in ("hub", "sst2", "hub_repo"):
        from distill_core import hub

        snapshot = hub.fetch(hub_id(ref))
        return Checkpoint(snapshot.path, snapshot.commit)
    if ref.source == "run":
        run = store.get(ref.name)
        if not (run.model_dir / "config.json").is_file():
            raise RunError(
                f"The run {ref.name} has saved no model (state: {run.state().state}).",
                "Choose a finished training run.",
            )
        return Checkpoint(run.model_dir)
    if ref.source == "mini":
        path = DATA / "minis" / ref.name
        if not path.is_dir():
            raise ModelError(f"{ref} is not in data/minis.", "Use minilm or a model of your own run instead.")
        return Checkpoint(path)
    path = Path(ref.name)
    if not (path / "config.json").is_file():
        raise ModelError(
            f"There is no model in {ref.name!r}: config.json is missing.", "Name a save_pretrained folder."
        )
    return Checkpoint(path)


def load_tokenizer(path: Path, config: PretrainedConfig) -> Any:
    """The checkpoint's tokenizer. One without a padding token pads with its unknown token, in the config too.

    Raises ModelError when there is none or it does not read.
    """
    if not any((path / name).is_file() for name in _VOCABULARIES):
        # transformers would make an empty one, to which every word is unknown
        raise ModelError(f"There is no tokenizer in {path.name}.", "Save the tokenizer beside the model.")
    limits.check_tokenizer(path)
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the tokenizers library is no Exception
        raise ModelError(
            f"The tokenizer in {path.name} does not load: {_reason(error, path)}.", "Check its files."
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    config.pad_token_id = tokenizer.pad_token_id
    return tokenizer


def read_config(path: Path) -> PretrainedConfig:
    """The config of a folder with safetensors weights.

    Raises ModelError where there is none, it does not read, or it asks for more than the weights and this machine have.
    """
    if not any(path.glob("*.safetensors")):
        raise ModelError(f"{path.name} has no safetensors weights.", "Pickled weights are never loaded.")
    limits.check_folder(path)
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ModelError(
            f"The config in {path.name} does not load: {_reason(error, path)}.", "Check config.json."
        ) from error
    return config


def read_weights(auto: Any, path: Path, config: PretrainedConfig, *, fresh_head: bool = False) -> Any:
    """The model with all its weights from the files; with `fresh_head` only what lies above the layers may be random.

    transformers fills whatever is missing with random numbers: such a model would answer, and wrongly.
    """
    try:
        model, report = auto.from_pretrained(
            path,
            config=config,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=fresh_head,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:
        raise ModelError(
            f"The weights in {path.name} do not load: {_reason(error, path)}.", "Delete the folder and fetch it again."
        ) from error
    random = {*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])}
    lost = sorted(name for name in random if not fresh_head or BODY.search(name))
    if lost:
        raise ModelError(
            f"The weights in {path.name} are not whole: {len(lost)} tensors are missing or of another size, "
            f"for instance {lost[0]}.",
            "Delete the folder and fetch it again.",
        )
    return model


def _reason(error: BaseException, path: Path) -> str:
    """The first line of an error; the folder's place on this machine is nobody's business."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line.replace(str(path), path.name)[:200].rstrip(".")
