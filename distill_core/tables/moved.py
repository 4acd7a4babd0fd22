"""What fine-tuning moved → DataFrames: similarity layer by layer, and test texts in the plane before and after."""

from __future__ import annotations

import numpy as np
import pandas as pd

from distill_core.errors import RunError
from distill_core.results import FinetuneResult, Movement
from distill_core.runs.run import Run
from distill_core.specs import FinetuneSpec
from distill_core.tables import predictions as tables_predictions
from distill_core.tables import sources as tables_sources

CKA_COLUMNS = ("layer", "cka", "source")
PLANE_COLUMNS = ("phase", "x", "y", "label", "text", "source")
BEFORE, AFTER = "before", "after"


def moved_of(run: Run) -> Movement | None:
    """What the run's fine-tuning moved; None where nothing was measured."""
    result = run.result_as(FinetuneResult)
    return result.moved if result is not None else None


def cka_frame(run: Run) -> pd.DataFrame:
    """One row a layer, embeddings first (CKA_COLUMNS). `cka`: 1 where nothing moved, near 0 where all did."""
    moved = moved_of(run)
    layers, values = (moved.layers, moved.cka) if moved else ((), ())
    frame = pd.DataFrame({"layer": list(layers), "cka": list(values)}).assign(source=tables_sources.source_text(run))
    return frame.astype({"layer": "string", "cka": "Float64", "source": "string"})


def plane_frame(run: Run) -> pd.DataFrame:
    """One row a text and phase (PLANE_COLUMNS): its place on the two main axes, its label and, where it is known, its
    words."""
    result = run.result_as(FinetuneResult)
    moved = result.moved if result is not None else None
    if result is None or moved is None:
        return pd.DataFrame(columns=list(PLANE_COLUMNS))
    names = [_name(result.label_names, label) for label in moved.labels]
    texts = _texts(run, moved)
    parts = [
        pd.DataFrame(
            {"phase": phase, "x": [x for x, _ in points], "y": [y for _, y in points], "label": names, "text": texts}
        )
        for phase, points in ((BEFORE, moved.before), (AFTER, moved.after))
    ]
    return pd.concat(parts, ignore_index=True).assign(source=tables_sources.source_text(run))


def _name(names: tuple[str, ...], label: int) -> str:
    return names[label] if label < len(names) else f"class {label}"


def _texts(run: Run, moved: Movement) -> list[str]:
    """The words of the texts, where the run has kept its whole test split; else empty ones."""
    empty = [""] * len(moved.labels)
    try:
        frame, spec = tables_predictions.logits_of(run), run.spec_as(FinetuneSpec)
    except RunError:
        return empty
    if spec is None or spec.eval_examples:
        return empty
    if len(frame) > len(moved.labels):  # the same sample as jobs.accuracy.test_texts
        frame = frame.sample(len(moved.labels), random_state=0).sort_index()
    same = frame[tables_predictions.LABEL].tolist() == list(moved.labels)
    return frame[tables_predictions.TEXT].astype(str).tolist() if same else empty


def separation(frame: pd.DataFrame, phase: str) -> float | None:
    """The share of texts whose nearest class center in the plane is that of their own label (0–1); None without texts.

    What the eye judges in the picture, as one number. The center of a class is the mean of its texts.
    """
    part = frame[frame["phase"] == phase]
    if part.empty:
        return None
    points = part[["x", "y"]].to_numpy(dtype=float)  # (texts, 2)
    labels = part["label"].to_numpy()
    classes = sorted(set(labels))
    centers = np.stack([points[labels == name].mean(0) for name in classes])  # (classes, 2)
    distances = ((points[:, None, :] - centers[None]) ** 2).sum(-1)  # (texts, classes)
    return float((np.array(classes)[distances.argmin(-1)] == labels).mean())
