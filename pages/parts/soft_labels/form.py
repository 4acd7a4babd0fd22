"""The controls of Soft labels: who teaches, which text, which student; or logits that are set by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from distill_core.maths import distributions
from distill_core.maths.distributions import Array
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec
from distill_core.tables import predictions as tables_predictions
from distill_core.tables import soft_label_sources
from distill_core.tables.predictions import HERE, LABEL, TEXT, Group
from distill_core.tables.soft_label_sources import Source
from distill_core.tables.soft_labels import TEMPERATURES
from pages.parts.shared import address, inference, links, page, provenance, stored_runs, widget
from pages.parts.shared.widget import Known
from pages.parts.take_apart import runs as take_apart_runs

BY_HAND = "By hand: an imaginary teacher"
HAND_BADGE = ":orange-badge[set by hand] no model said this"
HAND_LOGITS = {"business": 7.0, "entertainment": -1.0, "politics": 2.0, "sports": -2.0, "tech": 4.0}
GROUPS: dict[str, Group] = {"Sure": "sure", "Undecided": "undecided", "Wrong": "wrong"}
OWN = "Own text"
EXAMPLE = "A warm and funny film, though it is far too long."
EXAMPLES = {"topics": "The minister praised the new phone factory and its profits."}
AS_TEACHER = "What the teacher says"
NOTHING, WRONG = "By hand: knows nothing", "By hand: sure but wrong"
FIRST_TEMPERATURE = 4.0  # soft enough to see every class
SHOWN_CHARS = 280
GROUP_HELP = (
    "**Sure**: the teacher is right and certain. **Undecided**: it wavers. **Wrong**: it contradicts the label. "
    f"**{OWN}**: the model reads what you type."
)


@dataclass(frozen=True)
class TaughtText:
    """A text as the teacher sees it. `source` is None where the logits were set by hand; `origin` is their provenance.

    `text` is empty for an imaginary one; `typed` says that the visitor wrote it.
    """

    label_names: tuple[str, ...]
    label: int
    teacher: Array
    origin: str
    source: Source | None = None
    text: str = ""
    typed: bool = False


def teachers() -> list[Source]:
    """Recorded teachers, those of most classes first, then the newest of this installation.

    An ablation has many students that differ in little: the students of a plain distillation show more.
    """
    runs = sorted(stored_runs.RECORDED.list(), key=lambda run: take_apart_runs.question_of(run) is not None)
    recorded = sorted(soft_label_sources.teachers(runs), key=lambda source: -len(source.label_names))
    return [*recorded, *soft_label_sources.teachers(stored_runs.own_of("finetune", "distill"))]


def taught_text() -> TaughtText | None:
    """Teacher and text; None, with the reason on the page, where there is nothing to show. Raises DistillError."""
    found = {source.label: source for source in teachers()}
    if not found:
        _invitation()
    row = st.container(horizontal=True, vertical_alignment="bottom")
    chosen = row.selectbox("Teacher", [*found, BY_HAND], key="sl_teacher", bind="query-params")
    return _of_run(found[chosen], row) if chosen in found else _by_hand(row)


def _invitation() -> None:
    """No teacher yet: why, where to get one, and what works until then."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("No model has been fine-tuned here yet: until then, move the logits of an imaginary teacher.")
        links.to(links.FINETUNE, "Fine-tune a teacher")


def temperature() -> float:
    """The slider that the page is about; its steps look even, since each is a constant factor or nearly so."""
    about = "Logits are divided by τ before the softmax. Typical: 1–10."
    shown: Known = {"choices": TEMPERATURES, "start": FIRST_TEMPERATURE, "help": about}
    return float(widget.stops(DistillSpec, "temperature", "sl_tau", **shown))


# ── where the teacher's logits come from ─────────────────────────────────────────────────────────────────────────


def _by_hand(row: DeltaGenerator) -> TaughtText:
    names = tuple(HAND_LOGITS)
    label = row.selectbox("Hard label", names, key="sl_label", bind="query-params")
    logits = []
    with st.grid(5, min_column_width=150, gap="medium"):
        for name, start in HAND_LOGITS.items():
            key = f"sl_logit_{name}"
            logits.append(st.slider(f"Logit of {name}", -6.0, 10.0, start, 0.5, "%.1f", key=key, bind="query-params"))
    return TaughtText(names, names.index(label), np.array(logits), HAND_BADGE)


def _of_run(source: Source, row: DeltaGenerator) -> TaughtText | None:
    options = [*(GROUPS if source.has_examples else ()), *([OWN] if source.can_read else [])]
    chosen = options[0]
    if len(options) > 1:
        chosen = row.segmented_control(
            "Teacher's answer",
            options,
            default=chosen,
            required=True,
            key="sl_texts",
            bind="query-params",
            wrap=True,
            help=GROUP_HELP,
        )
    return _typed(source, row) if chosen == OWN else _example(source, GROUPS[chosen], row)


def _typed(source: Source, row: DeltaGenerator) -> TaughtText:
    text = st.text_area(
        "Your text",
        EXAMPLES.get(source.dataset, EXAMPLE),
        height=80,
        max_chars=inference.MAX_CHARS,
        key="sl_text",
        bind="query-params",
    )
    logits = inference.logits(source.run, text)
    names = source.label_names
    label = row.selectbox(
        "Hard label (set by hand)",
        [AS_TEACHER, *names],
        key="sl_label_typed",
        bind="query-params",
        help="Nobody has labeled this text: without your choice the teacher's own answer counts as the label.",
    )
    place = names.index(label) if label in names else int(logits.argmax())
    return TaughtText(names, place, logits, _just_now(source.run), source, text, typed=True)


def _just_now(run: Run) -> str:
    return f":blue-badge[measured] just now, by the model of run {run.id} on one CPU thread"


def _example(source: Source, group: Group, row: DeltaGenerator) -> TaughtText | None:
    frame = tables_predictions.logits_of(source.run)
    rows = tables_predictions.examples(frame, str(source.arm), group)
    if not rows:
        st.caption("The teacher is right on every test text: there is nothing to show here.")
        return None
    place = rows[_number(len(rows), row) - 1]
    text, label, here = str(frame[TEXT].iloc[place]), int(frame[LABEL].iloc[place]), bool(frame[HERE].iloc[place])
    names = source.label_names
    _quote(text, here, names[label])
    origin = provenance.measured(source.run, stored_runs.is_recorded(source.run))
    logits = tables_predictions.logits(frame, str(source.arm))[place]
    return TaughtText(names, label, logits, origin, source, text)


def _number(count: int, row: DeltaGenerator) -> int:
    """Which of the examples; a number that another list left behind is brought back into this one."""
    if st.session_state.get("sl_no", 1) > count:
        st.session_state["sl_no"] = float(count)
    with row:
        return address.whole_number(f"Text, 1 to {count}", (1, count, None), "sl_no", width=150)


def _quote(text: str, here: bool, label: str) -> None:
    words = " ".join(text.split())
    shown = words if len(words) <= SHOWN_CHARS else f"{words[:SHOWN_CHARS].rsplit(' ', 1)[0]} …"
    with st.container(border=True, gap="xsmall"):
        st.markdown(page.plain(shown))
        st.caption(f"Hard label: **{page.plain(label)}**")
    if not here:
        st.caption("This text may not be passed on. To read it here: `python -m distill_core assets topics`")


# ── the student ──────────────────────────────────────────────────────────────────────────────────────────────────


def student(asked: TaughtText) -> tuple[Array, str]:
    """Logits of the chosen student on the same text, and where they come from. Raises DistillError."""
    found = {one.label: one for one in _students(asked)}
    chosen = st.selectbox("Student", [*found, NOTHING, WRONG], key="sl_student", bind="query-params")
    classes = len(asked.label_names)
    if chosen in found:
        one = found[chosen]
        if asked.typed:
            return inference.logits(one.run, asked.text), _just_now(one.run)
        origin = provenance.measured(one.run, stored_runs.is_recorded(one.run))
        frame = tables_predictions.logits_of(one.run)
        return tables_predictions.logits(frame, one.arm)[tables_predictions.find(frame, asked.text)], origin
    if chosen == NOTHING:
        return distributions.ignorant(classes), HAND_BADGE
    share = st.slider("How sure (%)", 50, 99, 90, key="sl_sure", bind="query-params")
    wrong = distributions.wrong_class(asked.teacher, asked.label)
    return distributions.sure_of(wrong, classes, share / 100), HAND_BADGE


def _students(asked: TaughtText) -> list[soft_label_sources.Student]:
    """The teacher's students that can speak about this text."""
    if asked.source is None:
        return []
    runs = [*stored_runs.RECORDED.list(), *stored_runs.own_of("distill")]
    found = soft_label_sources.students(asked.source, runs)
    if asked.typed:
        return [one for one in found if one.can_read]
    return [
        one for one in found if tables_predictions.find(tables_predictions.logits_of(one.run), asked.text) is not None
    ]
