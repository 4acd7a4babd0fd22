"""Predict before you see: what an experiment asks a student to guess, and how far off the guesses were.

The questions come from the spec alone, so that they can be asked before there is a result. Values are shares 0–1, and
for "moved" similarities 0–1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from distill_core import arms, units
from distill_core.arms import SAVED
from distill_core.runs.run import Run
from distill_core.specs import FinetuneSpec
from distill_core.tables import moved as tables_moved
from distill_core.tables.training import arm_title
from distill_core.tables.transfer import depth_title, domain_titles, experiment_of

COLUMNS = ("key", "label", "arm", "n", "train", "test", "layer", "guess", "measured", "off")
_USUAL_ARMS = (SAVED, "bow", "scratch", "frozen", "adapted")  # the ones to guess first


@dataclass(frozen=True)
class Question:
    """One number to guess, and where it belongs in the figure; fields of other experiments stay empty."""

    label: str
    arm: str = ""
    n: int | None = None
    train: str = ""
    test: str = ""
    layer: str = ""

    @property
    def key(self) -> str:
        """Its name in a session; it holds no dots or spaces."""
        parts = (self.arm, "" if self.n is None else str(self.n), self.train, self.test, self.layer)
        return "-".join(part.replace(" ", "-") for part in parts if part)


def questions(run: Run, experiment: str) -> list[Question]:
    """What to guess before this run is shown; empty where there is nothing to ask."""
    if experiment == "moved":
        return _moved(run)
    spec = run.spec_as(FinetuneSpec)
    if spec is None:
        return []
    if experiment == "domains":
        return _domains(spec, domain_titles(run)) if experiment_of(run) == "domains" else []
    return _curves(spec) if experiment == "curves" else _unfreeze(spec)


def _curves(spec: FinetuneSpec) -> list[Question]:
    """Two arms at the smallest, the middle and the largest size: six points draw two curves."""
    sizes = sorted(spec.train_examples)
    points = dict.fromkeys((sizes[0], sizes[len(sizes) // 2], sizes[-1]))
    shown = _trained(spec)[:2]
    return [Question(f"{arm_title(arm)}, {n:,} texts", arm, n=n) for arm in shown for n in points]


def _trained(spec: FinetuneSpec) -> list[str]:
    """The arms that learn from labeled texts, the usual ones first."""
    trained = [arm for arm in spec.arms if arms.finetune(arm).is_trained]
    return [*(arm for arm in _USUAL_ARMS if arm in trained), *(arm for arm in trained if arm not in _USUAL_ARMS)]


def _unfreeze(spec: FinetuneSpec) -> list[Question]:
    """The head, one depth in between, all layers, LoRA; of these what the run compares."""
    depths = arms.by_depth(map(arms.finetune, spec.arms))
    tops = [row for row in depths if row.layers is not None]
    wanted = [row for row in depths if row.layers is None or row in tops[len(tops) // 2 :][:1]]
    return [Question(depth_title(row.key), row.key) for row in wanted]


def _domains(spec: FinetuneSpec, titles: Mapping[str, str]) -> list[Question]:
    """At home, and both ways between the first and the last domain."""
    arm = next(iter(_trained(spec)), spec.arms[0])
    first = titles[(spec.domains or (spec.dataset,))[0].key]
    last = titles[(spec.domains or spec.test_datasets)[-1].key]
    cells = [(first, first), (first, last), *([(last, first)] if spec.domains else [])]
    return [Question(f"{arm_title(arm)}: {train} → {test}", arm, train=train, test=test) for train, test in cells]


def _moved(run: Run) -> list[Question]:
    """How alike the lowest and the highest layer stayed."""
    moved = tables_moved.moved_of(run)
    layers = [] if moved is None else [moved.layers[0], moved.layers[-1]]
    return [Question(f"Similarity of {_which(layer)}, before and after", layer=layer) for layer in layers]


def _which(layer: str) -> str:
    return "the embeddings" if layer == "embeddings" else layer


def share(percent: float) -> float:
    """A slider's percentage as a share 0–1."""
    return percent / 100


# ── grading ──────────────────────────────────────────────────────────────────────────────────────────────────────

_PLACES = {
    "curves": {"arm": "arm", "n": "train_examples"},
    "unfreeze": {"arm": "arm"},
    "domains": {"arm": "arm", "train": "train", "test": "test"},
    "moved": {"layer": "layer"},
}


def measured(frame: pd.DataFrame, experiment: str) -> dict[str, float]:
    """What the experiment's frame (`curve_frame`, …, `cka_frame`) holds so far, by the key of the question."""
    value, places = ("cka" if experiment == "moved" else "accuracy"), _PLACES[experiment]
    return {
        Question("", **{place: row[column] for place, column in places.items()}).key: float(row[value])
        for row in frame.to_dict("records")
        if not units.is_missing(row[value])
    }


def graded(asked: list[Question], guessed: Mapping[str, float], found: Mapping[str, float]) -> pd.DataFrame:
    """One row a question (COLUMNS). `off` is the guess minus what was measured, NA where either is missing."""
    records = [
        {**asdict(one), "key": one.key, "guess": guessed.get(one.key), "measured": found.get(one.key)} for one in asked
    ]
    frame = pd.DataFrame(records, columns=[name for name in COLUMNS if name != "off"])
    frame = frame.astype(dict.fromkeys(("guess", "measured"), "Float64") | {"n": "Int64"})
    return frame.assign(off=frame["guess"] - frame["measured"])[list(COLUMNS)]


def verdict(frame: pd.DataFrame, *, similarity: bool = False) -> str:
    """How far off the guesses of `graded` were, in words; empty while nothing can be compared.

    Shares are told in percentage points, similarities as they are.
    """
    known = frame.dropna(subset=["off"])
    if known.empty:
        return ""
    off = known["off"].abs().astype(float)
    worst = known.iloc[int(off.to_numpy().argmax())]
    mean = f"{off.mean():.2f}" if similarity else f"{units.significant(100 * off.mean(), 2)} points"
    said, true = (_share(worst[name], similarity) for name in ("guess", "measured"))
    count = "Your guess was" if len(known) == 1 else f"Your {len(known)} guesses were"
    average = "" if len(known) == 1 else " on average"
    return f"{count} {mean} off{average}. Furthest: {worst['label']}. You said {said}, measured {true}."


def _share(value: float, similarity: bool) -> str:
    return f"{value:.2f}" if similarity else units.percent(value)
