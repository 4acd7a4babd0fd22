"""The head of a fine-tuned classifier: kept where it tells the same classes apart, by their names, never by number."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from distill_core.families import Shape


def columns(names: Sequence[str], wanted: Sequence[str]) -> list[int] | None:
    """For each wanted class the place where a model has it; None when the two do not hold the same classes.

    The names must be the same. Where they are not, their case is let go, as long as no two names then become one.
    """
    found = _places(names, wanted)
    if found is None:
        found = _places(*([name.casefold() for name in listed] for listed in (names, wanted)))
    return found


def _places(names: Sequence[str], wanted: Sequence[str]) -> list[int] | None:
    """Where each wanted name stands; None where the two do not hold the same names, each once."""
    order = {name: column for column, name in enumerate(names)}
    same = len(order) == len(names) == len(wanted) and set(wanted) == set(order)
    return [order[name] for name in wanted] if same else None


def reorder(model: PreTrainedModel, order: Sequence[int]) -> None:
    """Give the classes of a classifier another order: its class i becomes what its class order[i] was."""
    layer = _answers(model)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(parameter[list(order)].clone())


def _answers(model: PreTrainedModel) -> nn.Linear:
    """The layer that gives one number a class: the last linear one above the backbone."""
    body = f"{model.base_model_prefix}."
    found = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and not name.startswith(body)
        and module.out_features == model.config.num_labels
    ]
    return found[-1]


def renew(model: PreTrainedModel, shape: Shape) -> None:
    """Draw everything above the backbone anew, as the family's own network draws it."""
    config = copy.deepcopy(model.config)
    for field in shape.layers:
        setattr(config, field, 1)  # the layers below are thrown away
    fresh = AutoModelForSequenceClassification.from_config(config)
    body = f"{model.base_model_prefix}."
    with torch.no_grad():
        for name, parameter in fresh.named_parameters():
            if not name.startswith(body):
                model.get_parameter(name).copy_(parameter)
