"""The way from Distill to Take apart: the same teacher, texts and recipe, of which one thing is varied there."""

from __future__ import annotations

from typing import Any

from pages.parts import page, take_apart_form, train_form

LABEL = "Sweep or take apart"


def link(values: dict[str, Any]) -> None:
    """A link with what the form of Distill says now (`distill_form.Request.values`)."""
    page.next_step("pages/take_apart.py", LABEL, query(values))


def query(values: dict[str, Any]) -> dict[str, Any]:
    """Control of Take apart → its text in an address. A weight that its control cannot show is left out."""
    terms = [name for name in take_apart_form.WEIGHTS if values.get(name)]
    start = [take_apart_form.START] if values["init"] == "teacher-layers" else []
    found: dict[str, Any] = {
        "teacher": values["teacher"],
        "ta_dataset": train_form.dataset_label(values["dataset"]),
        "ta_layers": values["student_layers"],
        "ta_tau": values["temperature"],
        "ta_ingredients": [take_apart_form.INGREDIENTS[name] for name in (*terms, *start)],
        "ta_depth_soft": values["soft"],
        "ta_texts": take_apart_form.count(values["train_examples"]),
        "ta_labeled": take_apart_form.count(values["labeled_examples"]),
        "ta_epochs": values["epochs"],
        "ta_lr": f"{values['learning_rate']:g}",
        "ta_batch": values["batch_size"],
        "ta_length": values["max_length"],
        "ta_seed": values["seed"],
    }
    return found | {f"ta_{name}": values[name] for name in terms}
