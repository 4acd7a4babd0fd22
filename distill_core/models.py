"""ModelRef → model."""

from __future__ import annotations

from typing import Any

import transformers
from transformers import AutoModel, PretrainedConfig, PreTrainedModel

from distill_core.families import Family


def build_config(family: Family, fields: dict[str, Any], **more: Any) -> PretrainedConfig:
    """The transformers config of a family with these fields."""
    config: PretrainedConfig = getattr(transformers, family.config_class)(**fields, **more)
    return config


def build_backbone(family: Family, fields: dict[str, Any]) -> PreTrainedModel:
    """The bare model (no head) with random weights."""
    model: PreTrainedModel = AutoModel.from_config(build_config(family, fields))
    return model
