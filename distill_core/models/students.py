"""Students and probes: a network that keeps some layers of another, and a network with its weights held still."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from distill_core.errors import SpecError
from distill_core.models.checkpoints import BODY
from distill_core.models.loading import build_classifier, family_of
from distill_core.models.parameters import part_of
from distill_core.models.shapes import copied_layers
from distill_core.specs import DistillSpec

# "bert.encoder.layer.3.output…" → stack "bert.encoder.layer.", number 3, rest. T5 and BART have two stacks.
_LAYER = re.compile(r"^(.*?\b(?:layer|h|block|layers)\.)(\d+)(\..*)$")
# DistilBERT's names of BERT's weights, head for masked words included. Token types and the pooler have no place in it.
_IN_BERT = {
    "transformer.layer.": "encoder.layer.",
    "attention.q_lin.": "attention.self.query.",
    "attention.k_lin.": "attention.self.key.",
    "attention.v_lin.": "attention.self.value.",
    "attention.out_lin.": "attention.output.dense.",
    "sa_layer_norm.": "attention.output.LayerNorm.",
    "ffn.lin1.": "intermediate.dense.",
    "ffn.lin2.": "output.dense.",
    "output_layer_norm.": "output.LayerNorm.",
    "vocab_transform.": "cls.predictions.transform.dense.",
    "vocab_layer_norm.": "cls.predictions.transform.LayerNorm.",
    "vocab_projector.": "cls.predictions.decoder.",
}


def n_layers(config: PretrainedConfig) -> int:
    """Layers of a model; of the shallower of its two stacks for T5 and BART."""
    return min(int(getattr(config, name)) for name in family_of(config).shape.layers)


def width(config: PretrainedConfig) -> int:
    """Hidden width of a model."""
    return int(getattr(config, family_of(config).shape.width[0]))


def n_heads(config: PretrainedConfig) -> int:
    """Attention heads of a layer."""
    return int(getattr(config, family_of(config).shape.heads[0]))


def choose_layers(config: PretrainedConfig, spec: DistillSpec) -> tuple[int, ...]:
    """The teacher layers that become the student's, checked against the teacher.

    Raises:
        SpecError: the student would be deeper than its teacher, or a layer is not there.
    """
    there, wanted = n_layers(config), spec.student_layers
    if wanted > there:
        raise SpecError(f"The student has {wanted} layers, its teacher only {there}.", f"Choose 1 to {there} layers.")
    chosen = tuple(spec.layers) if spec.layers is not None else copied_layers(there, wanted, spec.layer_map)
    for layer in chosen:
        if layer >= there:
            raise SpecError(f"The teacher has no layer {layer}.", f"Its layers are 0 to {there - 1}.")
    return chosen


def shallow_config(config: PretrainedConfig, student_layers: int) -> PretrainedConfig:
    """The teacher's config with fewer layers."""
    student = copy.deepcopy(config)
    for field in family_of(config).shape.layers:
        setattr(student, field, student_layers)
    return student


def narrow_config(config: PretrainedConfig, student_width: int) -> PretrainedConfig:
    """The config at another width; feed-forward width and heads shrink in proportion.

    Raises SpecError when heads of the teacher's size do not fit into the width.
    """
    family, student = family_of(config), copy.deepcopy(config)
    old, heads = width(config), n_heads(config)
    per_head = old // heads
    if student_width > old or student_width % per_head:
        raise SpecError(
            f"The student's width must be a multiple of {per_head} (one attention head) up to {old}, "
            f"got {student_width}.",
            f"For instance {max(per_head, old // 2 // per_head * per_head)}.",
        )
    for field in family.shape.ffn:
        setattr(student, field, getattr(config, field) * student_width // old)
    for field in family.shape.heads:
        setattr(student, field, student_width // per_head)
    for field in family.shape.width:
        setattr(student, field, student_width)
    return student


def same_classes(config: PretrainedConfig) -> PreTrainedModel:
    """A classifier with random weights for the classes of the config."""
    return build_classifier(config, tuple(config.id2label[index] for index in range(config.num_labels)))


def shallow_student(
    teacher: PreTrainedModel,
    layers: Sequence[int],
    *,
    copy_weights: bool,
    student_width: int | None = None,
    head: Callable[[PretrainedConfig], PreTrainedModel] = same_classes,
) -> PreTrainedModel:
    """A model of the teacher's shape with `len(layers)` layers (of each stack), narrower where asked for, and with the
    teacher's head, which `head` builds.

    With `copy_weights` it starts from the teacher's embeddings, head and these layers, else from random weights. ALBERT
    has one layer that is used many times: it is copied whatever the list says.
    """
    config = shallow_config(teacher.config, len(layers))
    if student_width is not None and student_width != width(config):
        config, copy_weights = narrow_config(config, student_width), False
    student = head(config)
    if copy_weights:
        _copy_layers(teacher, student, layers)
    return student


def _copy_layers(teacher: nn.Module, student: nn.Module, layers: Sequence[int]) -> None:
    source = teacher.state_dict()
    target = {}
    for name in student.state_dict():
        match = _LAYER.match(name)
        wanted = name
        if match is not None:
            stack, number, rest = match.groups()
            wanted = f"{stack}{layers[int(number)]}{rest}"
            if "relative_attention_bias" in rest:  # T5 keeps those of a whole stack in block 0
                wanted = f"{stack}0{rest}"
        target[name] = source[wanted]
    student.load_state_dict(target)


def begin_with(model: PreTrainedModel, source: PreTrainedModel) -> None:
    """Let a model begin with the weights of another of its family: embeddings, layers, and the heads that both have.

    A shallower model takes evenly spread layers. DistilBERT may begin with a BERT (arXiv:1910.01108 §3: one layer of
    two), without its token types. What the source lacks stays as it is. Raises SpecError where the two do not fit.
    """
    pair, own = (family_of(model.config).key, family_of(source.config).key), model.state_dict()
    if pair[0] != pair[1] and pair != ("distilbert", "bert"):
        raise SpecError(f"{pair[0]} cannot begin with the weights of {pair[1]}.", "Choose a start of the same family.")
    layers = copied_layers(n_layers(source.config), n_layers(model.config), "spread")
    there = {name.removeprefix(f"{source.base_model_prefix}."): tensor for name, tensor in source.state_dict().items()}
    taken = {}
    for name, tensor in own.items():
        given = there.get(_name_in_source(name.removeprefix(f"{model.base_model_prefix}."), layers, pair))
        if given is not None and given.shape == tensor.shape:
            taken[name] = given
    if not layers or any(BODY.search(name) for name in own.keys() - taken.keys()):
        raise SpecError(
            f"The start has {n_layers(source.config)} layers of width {width(source.config)}, this model "
            f"{n_layers(model.config)} of {width(model.config)}: weights or vocabularies do not fit.",
            "Choose a start of the same width and vocabulary, and at least as deep.",
        )
    model.load_state_dict({**own, **taken})


def _name_in_source(name: str, layers: Sequence[int], pair: tuple[str, str]) -> str:
    """What the source calls this weight, without the prefix of its base model."""
    match = _LAYER.match(name)
    if match is not None and layers:
        stack, number, rest = match.groups()
        name = f"{stack}{layers[int(number)]}{rest}"
    if pair[0] == pair[1]:
        return name
    for own, its in _IN_BERT.items():
        name = name.replace(own, its) if own in name else name
    return name


def freeze_backbone(model: PreTrainedModel) -> None:
    """Hold everything still but the classification head."""
    for parameter in model.base_model.parameters():
        parameter.requires_grad_(False)


def freeze_below(model: PreTrainedModel, top: int) -> None:
    """Hold everything still but the head and the `top` highest layers (of each stack).

    Raises SpecError when the model has fewer layers; ALBERT's one layer is shared, so it has no highest one.
    """
    there = n_layers(model.config)
    if top > there or family_of(model.config).shared_layers:
        raise SpecError(f"top{top} needs {top} layers of their own; this model has {there}.", "Choose head or all.")
    freeze_backbone(model)
    for name, parameter in model.named_parameters():
        match = _LAYER.match(name)
        if match is not None and int(match.group(2)) >= there - top:
            parameter.requires_grad_(True)


def with_lora(model: PreTrainedModel, rank: int = 8) -> Any:
    """The model with low-rank updates beside its matrices; only these and the head learn (arXiv:2106.09685)."""
    from peft import LoraConfig, TaskType, get_peft_model

    prefix = model.base_model_prefix
    linear = [
        name for name, module in model.base_model.named_modules(prefix=prefix) if isinstance(module, nn.Linear | Conv1D)
    ]
    # peft knows the names of some heads; here the head is whatever is not the backbone
    head = [name for name, module in model.named_children() if name != prefix and list(module.parameters())]
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.05,
        target_modules=linear,
        modules_to_save=head,
    )
    return get_peft_model(model, config)


def depth_of(name: str, layers: int) -> int:
    """How far up a parameter lies: 0 embeddings, 1 … n layers, n + 1 everything above."""
    match = _LAYER.match(name)
    if match is not None:
        return int(match.group(2)) + 1
    return 0 if part_of(name) == "embeddings" or "embeddings." in name else layers + 1


def trainable(model: nn.Module) -> int:
    """How many parameters an optimizer would change."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def same_vocabulary(first: object, second: object) -> bool:
    """Whether two tokenizers split every text alike: a token-level loss needs that."""
    if first is None or second is None:
        return False
    return bool(first.get_vocab() == second.get_vocab())  # type: ignore[attr-defined]
