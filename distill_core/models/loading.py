"""ModelRef → model and tokenizer. The architectures are transformers' own; no code from a checkpoint is ever run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import transformers
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
)

from distill_core import families
from distill_core.datasets.typed_text import normal
from distill_core.errors import ModelError
from distill_core.families import Family
from distill_core.model_ref import Ref, hub_id
from distill_core.models import heads, limits
from distill_core.models.checkpoints import Checkpoint, load_tokenizer, locate, read_config, read_weights
from distill_core.models.text_classifier import TextClassifier
from distill_core.models.tokens import Encoded, encode
from distill_core.runs.store import RunStore
from distill_core.specs import TrainSpec

Weights = Literal["random", "pretrained", "fine-tuned"]
USUAL_LENGTH = 128  # tokens, where no one says at how many a model was trained: longer than nearly every offline text
LENGTH_FIELD = "trained_max_length"  # of config.json


@dataclass(frozen=True)
class LoadedModel:
    """A model with all that is needed to feed it and to name it.

    `tokenizer` is None for a structure of random weights. `label_names` is None for a bare model (no head).
    `commit` is the resolved commit of a checkpoint from the Hub. `max_length`: at how many tokens texts were cut when
    it was fine-tuned, where that is known and it is not to learn anew. `note` says that its head was replaced.
    """

    ref: Ref
    family: Family
    model: Any
    tokenizer: Any
    weights: Weights
    label_names: tuple[str, ...] | None = None
    commit: str | None = None
    prompt: str = ""
    max_length: int | None = None
    note: str = ""

    def reads(self, otherwise: int = USUAL_LENGTH) -> int:
        """At how many tokens a text is cut where the model judges: as when it was fine-tuned, else at `otherwise`."""
        most = self.family.max_positions
        wanted = self.max_length or otherwise
        return wanted if most is None else min(wanted, most)

    def encode(self, texts: Sequence[str], max_length: int) -> Encoded:
        """The texts in their normal form, as this model wants them. Raises ModelError without a tokenizer or beyond its
        positions."""
        if self.tokenizer is None:
            raise ModelError(
                f"{self.ref} has random weights and no tokenizer.", "Choose minilm, a run, or a checkpoint of the Hub."
            )
        return encode(self.tokenizer, [self.prompt + normal(text) for text in texts], max_length, self.family)

    @property
    def title(self) -> str:
        """A short name for tables and figures."""
        return self.ref.title


def build_config(family: Family, fields: dict[str, Any], **more: Any) -> PretrainedConfig:
    """The transformers config of a family. GPT has no padding token of its own: it gets id 0."""
    config: PretrainedConfig = getattr(transformers, family.config_class)(**fields, **more)
    if config.pad_token_id is None:
        config.pad_token_id = 0
    config.use_cache = False  # a cache of past keys serves generation alone
    return config


def build_backbone(family: Family, fields: dict[str, Any]) -> PreTrainedModel:
    """The bare model (no head) with random weights."""
    return AutoModel.from_config(build_config(family, fields))


def build_classifier(config: PretrainedConfig, label_names: tuple[str, ...]) -> PreTrainedModel:
    """A classifier with random weights for these classes."""
    _set_labels(config, label_names)
    return AutoModelForSequenceClassification.from_config(config)


def family_of(config: PretrainedConfig) -> Family:
    """The family of a config. Raises ModelError for an architecture that is not one of the ten."""
    family = families.by_model_type(config.model_type)
    if family is None:
        raise ModelError(
            f"{config.model_type!r} is not one of the ten families.", f"Known: {', '.join(families.BY_KEY)}."
        )
    return family


def load(ref: Ref, store: RunStore, *, label_names: tuple[str, ...] | None = None) -> LoadedModel:
    """Load a model.

    With `label_names` the model gets a classification head for these classes, to learn with: its own where it tells
    classes of these names apart, else a fresh one (seed torch before). Without, a fine-tuned model keeps its head and
    any other comes bare; one that answers in words, as T5, becomes a classifier of its own words.

    Raises:
        ModelError: it does not exist, has no safetensors, is of another architecture, or is not whole.
        AssetError: a registry or the Hub does not deliver it.
    """
    if ref.source == "structure":
        return _structure(ref, label_names)
    checkpoint = locate(ref, store)
    config = read_config(checkpoint.path)
    family = family_of(config)
    limits.check_memory(checkpoint.path, config)
    fine_tuned = any("SequenceClassification" in name for name in config.architectures or [])
    names = label_names or (_known_labels(ref, config) if fine_tuned else None)
    config.use_cache = False
    tokenizer = load_tokenizer(checkpoint.path, config)
    text = _text_labels(ref, config) if label_names is None else None
    if text is not None:
        model: Any = read_weights(AutoModelForSeq2SeqLM, checkpoint.path, config)
        wrapped = TextClassifier(model, tokenizer, tuple(text.words))
        return LoadedModel(
            ref, family, wrapped, tokenizer, "fine-tuned", tuple(text.words), checkpoint.commit, text.prefix
        )
    weights: Weights = "fine-tuned" if fine_tuned else "pretrained"
    if names is None:
        model = read_weights(AutoModel, checkpoint.path, config, fresh_head=True)  # some poolers are
        return LoadedModel(ref, family, model, tokenizer, weights, None, checkpoint.commit)
    if label_names is None:
        _set_labels(config, names)
        model, length = _read_classifier(checkpoint, config), _trained_length(ref, config, store)
        return LoadedModel(ref, family, model, tokenizer, weights, names, checkpoint.commit, max_length=length)
    model, note = _learner(checkpoint, config, _known_labels(ref, config) if fine_tuned else None, names)
    return LoadedModel(ref, family, model, tokenizer, weights, names, checkpoint.commit, note=note)


def _learner(
    checkpoint: Checkpoint, config: PretrainedConfig, own: tuple[str, ...] | None, names: tuple[str, ...]
) -> tuple[Any, str]:
    """A classifier of these classes to train, and what to say of its head. `own`: the classes that it knows."""
    order = heads.columns(own, names) if own is not None else None
    _set_labels(config, names)
    model = _read_classifier(checkpoint, config, fresh_head=order is None)
    if own is None:
        return model, ""
    if order is None:
        heads.renew(model, family_of(config).shape)
        return model, f"The model's own head tells {', '.join(own)} apart; for {', '.join(names)} it gets a fresh one."
    heads.reorder(model, order)
    return model, ""


def _read_classifier(checkpoint: Checkpoint, config: PretrainedConfig, *, fresh_head: bool = False) -> Any:
    return read_weights(AutoModelForSequenceClassification, checkpoint.path, config, fresh_head=fresh_head)


def _trained_length(ref: Ref, config: PretrainedConfig, store: RunStore) -> int | None:
    """At how many tokens the texts of a fine-tuned model were cut: it is saved with the model, in older runs asked."""
    saved = getattr(config, LENGTH_FIELD, None)
    if isinstance(saved, int) and saved > 0:
        return saved
    spec = store.get(ref.name).spec_as(TrainSpec) if ref.source == "run" else None
    return spec.max_length if spec is not None else None


def _structure(ref: Ref, label_names: tuple[str, ...] | None) -> LoadedModel:
    family = families.get(ref.name)
    config = build_config(family, family.official)
    if label_names is None:
        model: Any = AutoModel.from_config(config)
    else:
        model = build_classifier(config, label_names)
    return LoadedModel(ref, family, model, None, "random", label_names)


def load_masked_lm(ref: Ref, store: RunStore) -> LoadedModel:
    """A checkpoint with the head that fills in masked words.

    Raises:
        ModelError: it has no such head, as minilm, or its family does not learn that way.
    """
    checkpoint = locate(ref, store)
    config = read_config(checkpoint.path)
    heads = [name for name in config.architectures or [] if name.endswith(("ForMaskedLM", "ForPreTraining"))]
    if not heads or "ElectraForPreTraining" in heads:  # ELECTRA's discriminator fills in nothing
        raise ModelError(
            f"{ref} has no head for masked words, so it cannot teach on raw text.",
            "Choose bert@hub, or a run of your own that pre-trained BERT by its objective (run:ID).",
        )
    family = family_of(config)
    limits.check_memory(checkpoint.path, config)
    tokenizer = load_tokenizer(checkpoint.path, config)
    model = read_weights(AutoModelForMaskedLM, checkpoint.path, config)
    return LoadedModel(ref, family, model, tokenizer, "pretrained", None, checkpoint.commit)


def _labels(config: PretrainedConfig) -> tuple[str, ...]:
    return tuple(config.id2label[index] for index in range(config.num_labels))


def _known_labels(ref: Ref, config: PretrainedConfig) -> tuple[str, ...]:
    """The class names of a fine-tuned checkpoint; of one from the Hub in their checked order."""
    if ref.source in ("sst2", "hub_repo"):
        from distill_core import hub

        order = hub.dataset_order(hub_id(ref), config)
        if order is not None:
            return tuple(("negative", "positive")[label] for label in order)
    return _labels(config)


def _set_labels(config: PretrainedConfig, names: tuple[str, ...]) -> None:
    config.id2label = dict(enumerate(names))
    config.label2id = {name: index for index, name in enumerate(names)}


def _text_labels(ref: Ref, config: PretrainedConfig) -> Any:
    if ref.source not in ("sst2", "hub_repo") or config.model_type != "t5":
        return None
    from distill_core import hub

    return hub.text_labels(hub_id(ref))
