"""The way from Distill to Take apart: the same teacher, texts and recipe, of which one thing is varied there."""

from __future__ import annotations

from typing import Any

from pages.parts.distill.form import count
from pages.parts.shared import links, training_form
from pages.parts.take_apart import form

LABEL = "Sweep or take apart"


def link(values: dict[str, Any]) -> None:
    """A link with what the form of Distill says now (`distill_form.Request.values`)."""
    links.to(links.TAKE_APART, LABEL, **state(values))


def state(values: dict[str, Any]) -> dict[str, Any]:
    """Setting → the text of its control on Take apart. A weight of 0 is left out: its control cannot show it."""
    terms = [name for name in form.WEIGHTS if values.get(name)]
    start = [form.START] if values["init"] == "teacher-layers" else []
    found: dict[str, Any] = {
        "teacher": values["teacher"],
        "dataset": training_form.dataset_label(values["dataset"]),
        "student_layers": values["student_layers"],
        "temperature": values["temperature"],
        "ingredients": [form.INGREDIENTS[name] for name in (*terms, *start)],
        "depth_soft": values["soft"],
        "train_examples": count(values["train_examples"]),
        "labeled_examples": count(values["labeled_examples"]),
        "epochs": values["epochs"],
        "learning_rate": f"{values['learning_rate']:g}",
        "batch_size": values["batch_size"],
        "max_length": values["max_length"],
        "seed": values["seed"],
    }
    return found | {name: values[name] for name in terms}
