"""The arms: ways to learn that a run compares, one row each. A new one is a row, and a function where it needs one.

    fine-tuning       how one model learns a task; the function stands in `jobs/learners.py`
    distillation      what differs from the student that was asked for
    many students     what each student of a teacher reads, and where it starts

Forms, command line, checks, plans, costs, tables and figures read these rows.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

Color = tuple[str, str]  # light theme, dark theme: safe for color-blind eyes (Paul Tol)

BLUE: Color = ("#2F6DA8", "#7FB4E6")
PURPLE: Color = ("#AA4499", "#CC77BB")
OCHER: Color = ("#B8860B", "#DDAA33")
GREEN: Color = ("#009988", "#22BBAA")
RED: Color = ("#CC3311", "#EE6644")
INDIGO: Color = ("#332288", "#8F7FE0")
GRAY: Color = ("#5F6B76", "#A9B2BA")
PALE: Color = ("#7A8793", "#7A8793")

SAVED = "pretrained"  # the arm whose model a fine-tuning run keeps
SENTENCE_MODEL = "minilm"  # the model that was trained to compare sentences
LABELED_ONLY = "labeled-only"
RANDOM_RATE = 5.0  # times the learning rate of the request, for a network that begins with random weights …
RANDOM_STEPS = 400  # … and how many steps it takes at least: at the rate and steps of a fine-tuning it learns nothing
WHOLE_STEP = 3.0  # passes through the network: a forward one, and a backward one at twice that
_NUMBER = r"[1-9]\d?"


@dataclass(frozen=True)
class Arm:
    """A way to learn. `sentence` says what it does; `note` explains the key in a list of keys, where it needs that.

    An ablation has further arms without a kind of their own: see VARIANTS.
    """

    key: str
    title: str
    sentence: str
    color: Color
    note: str = ""


@dataclass(frozen=True)
class Depth:
    """An arm among those that unfreeze more and more of a network: its place, from the head on, and its two names."""

    place: int
    title: str
    short: str


@dataclass(frozen=True)
class FinetuneArm(Arm):
    """One way to learn a task.

    passes       through the network for each training text; None without gradient descent
    rate         times the learning rate of the request
    least_steps  texts are read again until the network has made so many steps
    offered      the forms that offer it: "fine-tune", "curves", "domains"
    depth        how much of the network learns, for the arms that differ in this alone
    is_numbered  a row for `top1` … `top99`: `numbered` gives one of them, whose `layers` highest layers learn
    """

    passes: float | None = WHOLE_STEP
    rate: float = 1.0
    least_steps: int = 0
    offered: tuple[str, ...] = ()
    depth: Depth | None = None
    reads_features: bool = False  # what the frozen network makes of the texts, computed once
    reads_targets: bool = False  # the unlabeled texts of the data sets that it is tested on
    compares_sentences: bool = False  # works with a model of whole sentences alone
    is_trained: bool = True
    is_numbered: bool = False
    layers: int | None = None

    @property
    def row_key(self) -> str:
        """The key of its row: `top` for `top3`."""
        return self.key.removesuffix(str(self.layers or ""))

    @property
    def uses_network(self) -> bool:
        """Whether it needs the model that was asked for."""
        return self.passes is not None or self.reads_features

    def numbered(self, layers: int) -> FinetuneArm:
        """The arm in which so many layers learn."""
        one = layers == 1
        title = self.title.format("layer" if one else f"{layers} layers")
        return replace(
            self,
            key=f"{self.key}{layers}",
            title=title,
            sentence=self.sentence.format("highest layer learn" if one else f"{layers} highest layers learn"),
            depth=self.depth and replace(self.depth, title=title, short=self.depth.short.format(layers)),
            layers=layers,
            is_numbered=False,
        )

    def passes_through(self, n_layers: int) -> float | None:
        """Passes through all `n_layers` layers for one training text; None without gradient descent.

        Frozen weights need no gradient, and below the lowest layer that learns no error is handed down.
        """
        if self.layers is None or self.passes is None:
            return self.passes
        return self.passes + (WHOLE_STEP - self.passes) * min(1.0, self.layers / n_layers)


@dataclass(frozen=True)
class DistillArm(Arm):
    """A student that differs from the one that was asked for: in `changes` of the spec, in learning from the true
    labels alone, or in reading the texts with a label alone."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    learns_from_labels_alone: bool = False
    reads_labeled_alone: bool = False


@dataclass(frozen=True)
class StudentsArm(Arm):
    """What each of many students does. `words` follow its name in a title, `symbol` marks it in a figure."""

    words: str = ""
    symbol: str = "circle"
    is_taught: bool = False  # by the teacher's outputs on all texts
    starts_at_random: bool = False
    sees_labels_alone: bool = False  # the few labeled texts are all that it reads
    has_all_labels: bool = False


_ALL = ("fine-tune", "curves", "domains")
_SCRATCH = (
    "scratch",
    "From scratch",
    "The same network begins with random weights and sees the labels alone.",
    GRAY,
)

FINETUNE: tuple[FinetuneArm, ...] = (
    FinetuneArm(
        SAVED,
        "Fine-tuned",
        "All weights go on learning from the pre-trained ones.",
        BLUE,
        offered=_ALL,
        depth=Depth(2, "All layers", "All"),
    ),
    FinetuneArm(
        "frozen",
        "Frozen",
        "The pre-trained network stands still; one linear layer learns on top of it.",
        PURPLE,
        "linear probe",
        passes=None,
        reads_features=True,
        offered=_ALL,
    ),
    FinetuneArm(*_SCRATCH, rate=RANDOM_RATE, least_steps=RANDOM_STEPS, offered=_ALL),
    FinetuneArm(
        "bow",
        "Bag of words",
        "No network: word counts and a logistic regression.",
        OCHER,
        "bag of words",
        passes=None,
        offered=_ALL,
    ),
    FinetuneArm(
        "zero-shot",
        "Zero-shot",
        "No training: the label whose words are nearest to the text.",
        GREEN,
        passes=None,
        reads_features=True,
        compares_sentences=True,
        is_trained=False,
        offered=("curves",),
    ),
    FinetuneArm(
        "head",
        "Head only",
        "Only the classification head learns, at a hundred times the rate and for 400 steps or more; the network "
        "below stands still.",
        BLUE,
        passes=1.0,
        # A head of fresh weights alone: from 1,000 movie texts it was right on 62 % after 3 passes at ten times the
        # rate, 66 % after 1,000 steps; 67 % after 400 steps at a hundred times the rate, 69 % after 1,000.
        rate=100.0,
        least_steps=RANDOM_STEPS,
        depth=Depth(0, "Head only", "Head"),
    ),
    FinetuneArm(
        "top",
        "Top {}",
        "The head and the {}; all below stands still.",
        BLUE,
        "highest layers",
        passes=1.0,
        depth=Depth(1, "Top {}", "Top {}"),
        is_numbered=True,
    ),
    FinetuneArm(
        "lora",
        "LoRA",
        "Small low-rank matrices learn beside the frozen ones, and the head, at ten times the rate.",
        PURPLE,
        passes=3.6,  # measured against whole steps: the updates are products of their own, and no row is spared
        # Fresh weights beside a network that stands still need a higher rate than the network itself: at the rate of a
        # whole fine-tuning LoRA was right on 59 % of the movies after 64 steps, at ten times the rate on 84 %.
        rate=10.0,
        depth=Depth(3, "LoRA", "LoRA"),
    ),
    FinetuneArm(
        "adapted",
        "Adapted",
        "First it reads unlabeled texts of the other domains, then it is fine-tuned.",
        GREEN,
        "first more pre-training on the target's texts",
        reads_targets=True,
        offered=("domains",),
    ),
)

DISTILL: tuple[DistillArm, ...] = (
    DistillArm(
        "distilled", "Distilled", "The student learns from the teacher's soft targets and from the labels.", RED
    ),
    DistillArm(
        LABELED_ONLY,
        "Labeled texts alone",
        "The student learns as the distilled one, but it reads the texts with a label alone.",
        INDIGO,
        "taught, on the texts with a label alone",
        reads_labeled_alone=True,
    ),
    DistillArm(
        "init-only",
        "Copied layers",
        "The student begins with the teacher's layers and sees the labels alone.",
        OCHER,
        "teacher's layers, labels alone",
        changes={"init": "teacher-layers"},
        learns_from_labels_alone=True,
    ),
    DistillArm(*_SCRATCH, changes={"init": "random"}, learns_from_labels_alone=True),
    DistillArm(
        "scratch-distilled",
        "Scratch, distilled",
        "The student begins with random weights and learns from the teacher.",
        PURPLE,
        changes={"init": "random"},
    ),
)

STUDENTS: tuple[StudentsArm, ...] = (  # in the order in which a figure shows them
    StudentsArm(
        "random",
        "Random weights",
        "The same networks begin with random weights and see the few labeled texts alone.",
        GRAY,
        "random weights, the labels alone",
        words="from random weights",
        symbol="circle-open",
        starts_at_random=True,
        sees_labels_alone=True,
    ),
    StudentsArm(
        "labels",
        "Labels alone",
        "The same students learn from the few labeled texts alone.",
        OCHER,
        "the few labeled texts alone",
        words="on {labels:,} labels alone",
        symbol="diamond",
        sees_labels_alone=True,
    ),
    StudentsArm(
        "random-taught",
        "Random, taught",
        "The same networks begin with random weights and learn from the teacher.",
        PURPLE,
        words="random weights taught by {teacher}",
        symbol="diamond-open",
        is_taught=True,
        starts_at_random=True,
    ),
    StudentsArm(
        "taught",
        "Taught",
        "Each student learns from the teacher's soft targets on all texts, and from the few labels.",
        RED,
        "soft targets on all texts, and the labels",
        words="taught by {teacher}",
        symbol="circle",
        is_taught=True,
    ),
    StudentsArm(
        "all-labels",
        "All labels",
        "The same students learn from every text with its label.",
        BLUE,
        "every text has one",
        words="on all {labels:,} labels",
        symbol="square",
        has_all_labels=True,
    ),
)

# What stands beside arms in tables and figures: the teacher, and the recipes of an ablation.
VARIANTS: tuple[Arm, ...] = (
    Arm("teacher", "Teacher", "The model whose answers the students learn from.", PALE),
    Arm("all", "All terms", "The student learns with every term of the loss.", RED),
    Arm("random init", "Random start", "The student learns with every term of the loss, from random weights.", GRAY),
)


TABLES: dict[str, tuple[Arm, ...]] = {"finetune": FINETUNE, "distill": DISTILL, "students": STUDENTS}


def finetune(key: str) -> FinetuneArm:
    """The row of a fine-tuning's arm, `top3` included. Raises KeyError for no arm."""
    for arm in FINETUNE:
        match = re.fullmatch(f"{arm.key}({_NUMBER})", key) if arm.is_numbered else None
        if match is not None:
            return arm.numbered(int(match[1]))
        if arm.key == key and not arm.is_numbered:
            return arm
    raise KeyError(key)


def distill(key: str) -> DistillArm:
    """The row of a distillation's arm. Raises KeyError for no arm."""
    return {arm.key: arm for arm in DISTILL}[key]


def students(key: str) -> StudentsArm:
    """The row of an arm of many students. Raises KeyError for no arm."""
    return {arm.key: arm for arm in STUDENTS}[key]


@lru_cache(maxsize=1024)  # a figure asks for every point of a curve
def named(key: str) -> Arm | None:
    """The row of this name, in any kind of run; None where there is none. Rows of one name look alike."""
    with contextlib.suppress(KeyError):
        return finetune(key)
    return next((arm for arm in (*DISTILL, *STUDENTS, *VARIANTS) if arm.key == key), None)


def pattern(kind: str) -> str:
    """A regular expression for the names of a kind's arms."""
    names = [arm.key + (_NUMBER if _is_numbered(arm) else "") for arm in TABLES[kind]]
    return f"^({'|'.join(names)})$"


def described(kind: str) -> str:
    """All names of a kind's arms in one sentence, for the help of the command line."""
    names = [arm.key + ("1 …" if _is_numbered(arm) else "") for arm in TABLES[kind]]
    notes = [f" ({arm.note})" if arm.note else "" for arm in TABLES[kind]]
    return "; ".join(name + note for name, note in zip(names, notes, strict=True)) + "."


def offered(form: str, model: str = SENTENCE_MODEL) -> tuple[str, ...]:
    """The arms of a fine-tuning that a form offers for this model."""
    there = [arm for arm in FINETUNE if form in arm.offered]
    return tuple(arm.key for arm in there if not arm.compares_sentences or model == SENTENCE_MODEL)


def by_depth(arms: Iterable[FinetuneArm]) -> list[FinetuneArm]:
    """Those that differ in how much of the network learns, the fewest layers first."""
    placed = [(arm.depth.place, arm.layers or 0, arm) for arm in arms if arm.depth is not None]
    return [arm for _, _, arm in sorted(placed, key=lambda one: one[:2])]


def _is_numbered(arm: Arm) -> bool:
    return isinstance(arm, FinetuneArm) and arm.is_numbered
