"""Where a training step moves the student's logits: the pull of each loss term on each class, and of their sum.

The pull is the negative gradient, −∂L/∂z, since a step goes against the gradient: right raises the logit, left
lowers it.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, class_panels, theme
from distill_core.figures.class_panels import Panel, Scale
from distill_core.tables import soft_labels as tables_soft_labels
from distill_core.tables.training import TERM_TITLES

_SMALL = 0.005  # pulls below this show as nothing
_ROOM = 0.6  # behind the longest bar, for its text


def draw(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.soft_labels.gradients`."""
    if frame.empty or not frame[["soft", "hard"]].abs().to_numpy().any():
        return theme.empty("Nothing pulls at the student", "Raise a weight, or choose a student that differs.")
    rows = tables_soft_labels.folded(frame, "loss")
    pulls = -rows[["soft", "hard", "loss"]].to_numpy(dtype=float)
    low, high = float(pulls.min()), float(pulls.max())
    scale = Scale("pull on the logit, −∂L/∂z (nats per unit)", low * 1.1, high + _ROOM * (high - low))
    panels = [_panel(rows, term, dark) for term in ("soft", "hard", "loss")]
    return class_panels.draw(class_panels.names(rows), panels, title(frame), scale, dark=dark)


def title(frame: pd.DataFrame) -> str:
    """Where the two terms disagree: what the soft targets raise although the label lowers it."""
    pulls = -frame[["soft", "hard"]]
    label = frame["is_label"]
    name = theme.safe(frame.loc[label, "class"].iloc[0])
    if pulls["soft"].abs().max() < _SMALL:
        return f"The label alone raises {name} and lowers every other class"
    raised = frame.loc[~label & (pulls["soft"] > _SMALL), "class"]
    if pulls["hard"].abs().max() < _SMALL:
        return f"The soft targets alone raise {_listed(frame.loc[pulls['soft'] > _SMALL, 'class'])}"
    if len(raised):
        return f"The label lowers every class but {name}; the soft targets raise {_listed(raised)}"
    return f"Soft targets and label agree: both raise {name}"


def _listed(names: pd.Series[str]) -> str:
    shown = [theme.safe(name) for name in names.head(3)]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    if more or len(shown) < 2:
        return ", ".join(shown) + more
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _panel(rows: pd.DataFrame, term: str, dark: bool) -> Panel:
    pulls = [0.0 - float(value) for value in rows[term]]
    color = arm_style.term_color(term, dark)
    return Panel(
        heading=TERM_TITLES[term].replace(" ", "<br>"),
        note="",
        values=pulls,
        texts=[_signed(pull) for pull in pulls],
        hovers=[_sentence(row, pull, term) for (_, row), pull in zip(rows.iterrows(), pulls, strict=True)],
        colors=[color] * len(rows),
        inside=[None] * len(rows),
    )


def _signed(pull: float) -> str:
    if abs(pull) < _SMALL:
        return "0"
    return f"{'+' if pull > 0 else '−'}{abs(pull):.2f}"


def _sentence(row: pd.Series[Any], pull: float, term: str) -> str:
    """What pulls, how hard, and the two shares that differ."""
    who = {"soft": "The soft targets", "hard": "The label", "loss": "Both together"}[term]
    verb = ("raise" if pull > 0 else "lower") + ("s" if term == "hard" else "")
    claim = f"{who} {verb} the logit of {theme.safe(row['class'])}: {_signed(pull)} nats per unit"
    if abs(pull) < _SMALL:
        claim = f"{who}: next to nothing on {theme.safe(row['class'])}"
    shares = {
        "soft": ("at τ the teacher gives", row["teacher_share"], row["student_share"]),
        "hard": ("the hard label gives", float(row["is_label"]), row["student_share_tau_1"]),
    }
    if term not in shares:
        return claim
    words, wanted, given = shares[term]
    return f"{claim}<br>{words} {units.percent(wanted)}, the student {units.percent(given)}"
