"""The other toolkits, each through its own public interface, with this benchmark's optimizer, schedule and clipping.

What differs from their defaults, always in their favour or for equal work: TextBrewer's soft loss has no τ², so its
weight is multiplied by τ² (its cross-entropy and our KL differ by the teacher's entropy, which no student changes);
its checkpoints are not written; torchdistill is given the targets, without which it ignores α and τ².
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

from benchmarks import torchvision_stub
from benchmarks.workload import Material, Recipe, adamw

Row = dict[str, Any]


def _see_toolkits() -> None:
    """The folder into which `make bench` installs them; last, so that it hides nothing of the project's own."""
    sys.path.append(str(Path(sys.prefix) / "bench"))


def _rows(material: Material) -> list[Row]:
    """One dict a text, unpadded, with its label."""
    encoded = material.teacher.tokenizer(material.texts, truncation=True, max_length=material.recipe.max_length)
    return [
        {"input_ids": ids, "attention_mask": mask, "labels": int(label)}
        for ids, mask, label in zip(encoded["input_ids"], encoded["attention_mask"], material.labels, strict=True)
    ]


def _collator(material: Material, *, fixed: bool) -> DataCollatorWithPadding:
    padding = "max_length" if fixed else "longest"
    return DataCollatorWithPadding(material.teacher.tokenizer, padding=padding, max_length=material.recipe.max_length)


def _loader(material: Material, *, fixed: bool) -> DataLoader[Row]:
    collate = _collator(material, fixed=fixed)
    rows: Any = _rows(material)
    return DataLoader(rows, material.recipe.batch_size, shuffle=True, collate_fn=lambda batch: dict(collate(batch)))


# ── transformers.Trainer ─────────────────────────────────────────────────────────────────────────────────────


class DistillTrainer(Trainer):
    """The subclass that tutorials show: the teacher inside `compute_loss`."""

    def __init__(self, material: Material, **more: Any) -> None:
        super().__init__(model=material.student, **more)
        self.recipe, self.teacher = material.recipe, material.teacher.model

    def compute_loss(
        self, model: Any, inputs: Row, return_outputs: bool = False, num_items_in_batch: Tensor | None = None
    ) -> Any:
        labels, tau = inputs.pop("labels"), self.recipe.temperature
        outputs = model(**inputs)
        with torch.no_grad():
            teacher_logits = self.teacher(**inputs).logits
        soft = F.kl_div(
            F.log_softmax(outputs.logits / tau, -1), F.softmax(teacher_logits / tau, -1), reduction="batchmean"
        )
        loss = self.recipe.soft * tau**2 * soft + self.recipe.hard * F.cross_entropy(outputs.logits, labels)
        return (loss, outputs) if return_outputs else loss


def _grouped_by_length() -> dict[str, Any]:
    """The option under the name that this transformers has for it."""
    if "train_sampling_strategy" in inspect.signature(TrainingArguments).parameters:
        return {"train_sampling_strategy": "group_by_length"}
    return {"group_by_length": True}


def trainer(material: Material) -> None:
    """Trainer with texts grouped by length."""
    recipe = material.recipe
    for model in (material.teacher.model, material.student):
        model.to(recipe.resolved().torch_device)
    arguments = TrainingArguments(
        output_dir=str(material.folder / "trainer"),
        num_train_epochs=recipe.epochs,
        use_cpu=recipe.device == "cpu",
        bf16=recipe.dtype == "bfloat16",
        seed=recipe.seed,
        per_device_train_batch_size=recipe.batch_size,
        max_grad_norm=recipe.max_grad_norm,
        save_strategy="no",
        **_grouped_by_length(),
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
    optimizer = adamw(material.student, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, recipe.lr_factor)
    rows: Any = _rows(material)
    DistillTrainer(
        material,
        args=arguments,
        train_dataset=rows,
        data_collator=_collator(material, fixed=False),
        optimizers=(optimizer, schedule),
    ).train()


# ── TextBrewer ───────────────────────────────────────────────────────────────────────────────────────────────


def _textbrewer(material: Material, kind: str, *, fixed: bool, cached: bool = False) -> None:
    _see_toolkits()
    import textbrewer

    recipe = material.recipe
    base = getattr(textbrewer, kind)
    quiet = type("Quiet", (base,), {"save_and_callback": lambda *_args: None})
    output = material.folder / "textbrewer"
    distiller = quiet(
        textbrewer.TrainingConfig(device="cpu", output_dir=str(output), log_dir=None),
        textbrewer.DistillationConfig(
            temperature=recipe.temperature,
            kd_loss_type="ce",
            kd_loss_weight=recipe.soft * recipe.temperature**2,
            hard_label_weight=recipe.hard,
            is_caching_logits=cached,
        ),
        material.teacher.model,
        material.student,
        lambda _batch, out: {"logits": out.logits},
        lambda _batch, out: {"logits": out.logits, "losses": out.loss},
    )
    with distiller:
        distiller.train(
            adamw(material.student, recipe),
            _loader(material, fixed=fixed),
            num_epochs=recipe.epochs,
            scheduler_class=torch.optim.lr_scheduler.LambdaLR,
            scheduler_args={"lr_lambda": recipe.lr_factor},
            max_grad_norm=recipe.max_grad_norm,
        )


def textbrewer_general(material: Material) -> None:
    """GeneralDistiller: texts padded to the full length, as in its examples."""
    _textbrewer(material, "GeneralDistiller", fixed=True)


def textbrewer_longest(material: Material) -> None:
    """GeneralDistiller fed with batches padded to their longest text."""
    _textbrewer(material, "GeneralDistiller", fixed=False)


def textbrewer_cached(material: Material) -> None:
    """BasicDistiller with its own cache: whole batches, which keep their composition in every epoch."""
    _textbrewer(material, "BasicDistiller", fixed=True, cached=True)


def textbrewer_written_out(material: Material) -> None:
    """The loop of TextBrewer's GeneralDistiller, for a machine without it: texts padded to the full length, the teacher
    at every step, its cross-entropy of softened outputs plus the student's own loss."""
    recipe, device = material.recipe, material.recipe.resolved().torch_device
    student, teacher = material.student.to(device).train(), material.teacher.model.to(device).eval()
    optimizer = adamw(student, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, recipe.lr_factor)
    loader = _loader(material, fixed=True)
    for _ in range(recipe.epochs):
        for row in loader:
            batch = {name: tensor.to(device) for name, tensor in row.items()}
            out = student(**batch)
            with torch.no_grad():
                teacher_logits = teacher(**batch).logits
            soft = -(_softened(teacher_logits, recipe).exp() * _softened(out.logits, recipe)).sum(-1).mean()
            loss = recipe.soft * recipe.temperature**2 * soft + recipe.hard * out.loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), recipe.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()


def _softened(logits: Tensor, recipe: Recipe) -> Tensor:
    return F.log_softmax(logits / recipe.temperature, -1)


# ── torchdistill ─────────────────────────────────────────────────────────────────────────────────────────────


def torchdistill(material: Material) -> None:
    """DistillationBox with KDLoss, which is α · CE + (1 − α) · τ² · KL."""
    _see_toolkits()
    torchvision_stub.install()
    from torchdistill.core.distillation import get_distillation_box
    from torchdistill.datasets.registry import register_collate_func
    from torchdistill.optim.registry import register_optimizer, register_scheduler

    recipe = material.recipe
    collate = _collator(material, fixed=False)

    def to_triple(items: list[tuple[Row, int, dict[str, Any]]]) -> tuple[Row, Tensor, dict[str, Any]]:
        batch = dict(collate([row for row, _, _ in items]))
        return batch, torch.tensor([label for _, label, _ in items]), {}

    register_collate_func(to_triple, key="to_triple")
    register_optimizer(lambda module, **_options: adamw(module, recipe), key="adamw")
    register_scheduler(lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, recipe.lr_factor), key="linear")
    rows = [({k: v for k, v in row.items() if k != "labels"}, row["labels"]) for row in _rows(material)]
    box = get_distillation_box(
        material.teacher.model,
        material.student,
        {"train": rows},
        _torchdistill_config(recipe),
        torch.device("cpu"),
        None,
        False,
        1,
    )
    for epoch in range(recipe.epochs):
        box.pre_epoch_process(epoch=epoch)
        for batch, targets, extra in box.train_data_loader:
            box.post_forward_process(loss=box.forward_process(batch, targets, extra))
        box.post_epoch_process()


def _torchdistill_config(recipe: Any) -> dict[str, Any]:
    model = {"forward_proc": "forward_batch_only_as_kwargs", "forward_hook": {"input": [], "output": ["classifier"]}}
    loss = {
        "student_module_path": "classifier",
        "student_module_io": "output",
        "teacher_module_path": "classifier",
        "teacher_module_io": "output",
        "temperature": recipe.temperature,
        "alpha": recipe.hard,
        "beta": recipe.soft,
    }
    return {
        "num_epochs": recipe.epochs,
        "train_data_loader": {
            "dataset_id": "train",
            "collate_fn": "to_triple",
            "kwargs": {"batch_size": recipe.batch_size},
            "sampler": {"class_or_func": torch.utils.data.RandomSampler},
        },
        "teacher": {**model, "requires_grad": False},
        "student": model,
        "optimizer": {"key": "adamw", "kwargs": {}, "filters_params": False, "max_grad_norm": recipe.max_grad_norm},
        "scheduler": {"key": "linear", "kwargs": {}, "scheduling_step": 1},
        "criterion": {
            "key": "WeightedSumLoss",
            "kwargs": {"sub_terms": {"kd": {"criterion": {"key": "KDLoss", "kwargs": loss}, "weight": 1.0}}},
        },
    }
