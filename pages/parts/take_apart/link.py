"""The way from Distill to Take apart: the same teacher, texts and recipe, of which one thing is varied there."""

from __future__ import annotations

from typing import Any

from pages.parts.distill.form import count
from pages.parts.shared import page, training_form
from pages.parts.take_apart import form

LABEL = "Sweep or take apart"


def link(values: dict[str, Any]) -> None:
    """A link with what the form of Distill says now (`distill_form.Request.values`)."""
    page.next_step("pages/take_apart.py", LABEL, query(values))


def query(values: dict[str, Any]) -> dict[str, Any]:
    """Control of Take apart → its text in an address. A weight that its control cannot show is left out."""
    terms = [name for name in form.WEIGHTS if values.get(name)]
    start = [form.START] if values["init"] == "teacher-layers" else []
    found: dict[str, Any] = {
        "teacher": values["teacher"],
        "ta_dataset": training_form.dataset_label(values["dataset"]),
        "ta_layers": values["student_layers"],
        "ta_tau": values["temperature"],
        "ta_ingredients": [form.INGREDIENTS[name] for name in (*terms, *start)],
        "ta_depth_soft": values["soft"],
        "ta_texts": count(values["train_examples"]),
        "ta_labeled": count(values["labeled_examples"]),
        "ta_epochs": values["epochs"],
        "ta_lr": f"{values['learning_rate']:g}",
        "ta_batch": values["batch_size"],
        "ta_length": values["max_length"],
        "ta_seed": values["seed"],
    }
    return found | {f"ta_{name}": values[name] for name in terms}
