"""THE table of the tasks: one row a task. No torch here: pages, tables and the command line read it.

Every task asks for categorical answers at positions: logits (positions, choices) and targets (positions,), IGNORED
where no answer is known. To add a task, add one row here and its module, which holds a `TASK` (`tasks/base.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from distill_core.arms import DISTILL
from distill_core.errors import SpecError
from distill_core.families import FAMILIES, Family
from distill_core.terms import TERMS


@dataclass(frozen=True, kw_only=True)
class TaskFacts:
    """One task in words. `module` holds its code.

    `fields` are the columns of its data, `metrics` what is measured, the one that is drawn first. `positions` is where
    it asks, `asked` how a sentence calls these places; `choices` what it chooses from: the classes of the data set or
    the words of the vocabulary. `arms` and `terms` are those of a distillation that mean something for it. What is
    `drawn_anew` at every step cannot be cached: the teacher runs beside the student.
    """

    key: str
    title: str
    module: str
    fields: tuple[str, ...]
    metrics: tuple[str, ...]
    positions: Literal["text", "word", "gap", "span", "token"]
    asked: str
    choices: Literal["classes", "vocabulary"]
    arms: tuple[str, ...]
    terms: tuple[str, ...]
    drawn_anew: bool = False

    @property
    def families(self) -> tuple[Family, ...]:
        """The families whose models fit: all but for masked words, which some never learned to fill in."""
        return tuple(family for family in FAMILIES if self.positions != "gap" or family.fills_gaps)

    def check(self, *, arms: Iterable[str] = (), terms: Iterable[str] = (), family: Family | None = None) -> None:
        """Raises SpecError for the first arms, terms of a loss or family of a model that mean nothing here."""
        for found, known, least in (
            ([term for term in terms if term not in self.terms], self.terms, "Set it to 0."),
            ([arm for arm in arms if arm not in self.arms], self.arms, "Leave it out."),
        ):
            if found:
                message = f"{', '.join(found)} means nothing for {self.title.lower()}."
                raise SpecError(message, f"{least} It has {', '.join(known)}.")
        if family is not None and family not in self.families:
            titles = ", ".join(one.title for one in self.families)
            raise SpecError(f"{family.title} does not fit {self.title.lower()}.", f"Choose one of {titles}.")


TASKS: tuple[TaskFacts, ...] = (
    TaskFacts(
        key="classification",
        title="Text classification",
        module="distill_core.tasks.classification",
        fields=("text", "label"),
        metrics=("accuracy",),
        positions="text",
        asked="test texts",
        choices="classes",
        arms=tuple(arm.key for arm in DISTILL),
        terms=tuple(term.key for term in TERMS),
    ),
    TaskFacts(
        key="masked-words",
        title="Masked words",
        module="distill_core.tasks.masked_words",
        fields=("text",),
        metrics=("accuracy",),
        positions="gap",
        asked="hidden words of the test texts",
        choices="vocabulary",
        arms=tuple(arm.key for arm in DISTILL if not arm.reads_labeled_alone),
        terms=tuple(term.key for term in TERMS),
        drawn_anew=True,
    ),
)


def get(key: str) -> TaskFacts:
    """The task of this name. Raises SpecError for another."""
    found = next((task for task in TASKS if task.key == key), None)
    if found is None:
        raise SpecError(f"Unknown task {key!r}.", f"Known: {', '.join(task.key for task in TASKS)}.")
    return found


def of(mode: str, dataset_task: str) -> TaskFacts:
    """What a distillation in this mode asks: masked words of raw text, or the task of its data set."""
    return get("masked-words" if mode == "general" else dataset_task)
