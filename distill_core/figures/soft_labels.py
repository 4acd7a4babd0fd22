"""Dark knowledge: the hard label, the teacher as it is, and the teacher softened by τ, side by side, with entropies."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, bars, class_panels, theme
from distill_core.figures.class_panels import Panel, Scale
from distill_core.maths.distributions import NATS_PER_BIT
from distill_core.tables import soft_labels as tables_soft_labels

_SCALE = Scale("share (%), above it the entropy", 0, 122, [0, 50, 100])
_PALE = "59"  # the label's bar steps back: the others are the dark knowledge
_LONG = 0.6  # a bar of this length has room for its text


def draw(frame: pd.DataFrame, temperature: float, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.soft_labels.distributions`."""
    if frame.empty:
        return theme.empty("No text yet", "Choose a text, or type one.")
    headings = {"hard": "Hard label", "tau_1": "τ = 1", "softened": f"τ = {temperature:g}"}
    panels = [_panel(frame, column, heading, dark) for column, heading in headings.items()]
    names = class_panels.names(tables_soft_labels.folded(frame, "softened"))
    return class_panels.draw(names, panels, title(frame, temperature), _SCALE, dark=dark)


def title(frame: pd.DataFrame, temperature: float) -> str:
    """What the hard label hides: the share of the other classes, and which of them gets most."""
    label = frame[frame["is_label"]].iloc[0]
    others = frame[~frame["is_label"]]
    top = others.iloc[int(others["softened"].to_numpy().argmax())]
    at = f"At τ = {temperature:g} the teacher gives"
    if top["softened"] > label["softened"]:
        return (
            f"{at} {share_text(top['softened'])} to {theme.safe(top['class'])}, "
            f"though the label is {theme.safe(label['class'])}"
        )
    hidden = share_text(float(others["softened"].sum()))
    if len(others) == 1:
        return f"{at} {hidden} to {theme.safe(top['class'])}, the hard label 0 %"
    return f"{at} {hidden} to the other classes, most to {theme.safe(top['class'])}"


def entropy_sentence(frame: pd.DataFrame, temperature: float) -> str:
    """The entropies in both units, and the most that so many classes allow."""
    names = {"hard": "hard label", "tau_1": "τ = 1", "softened": f"τ = {temperature:g}"}
    bits = {name: tables_soft_labels.entropy_bits(frame[column]) for column, name in names.items()}
    known = "; ".join(
        f"{name}: {_bits(value)} bits ({_bits(value * NATS_PER_BIT)} nats)".replace("&lt;", "<")
        for name, value in bits.items()
    )
    return f"Entropy: {known}. {len(frame)} classes allow {math.log2(len(frame)):.2f} bits at most."


def share_text(share: float) -> str:
    """`0.231 → 23 %`; what would round to nothing or to all says so."""
    if 0 < share < 0.0005:
        return "&lt; 0.1 %"
    if 0.9995 < share < 1:
        return "&gt; 99.9 %"
    return units.percent(share)


def _panel(frame: pd.DataFrame, column: str, heading: str, dark: bool) -> Panel:
    rows = tables_soft_labels.folded(frame, "softened")
    shares = [float(share) for share in rows[column]]
    texts = [share_text(share) for share in shares]
    color = arm_style.term_color("hard" if column == "hard" else "soft", dark)
    pale = [bool(is_label) and column != "hard" for is_label in rows["is_label"]]
    ink, on_color = theme.INK_DARK if dark else theme.INK, arm_style.on_color(dark)
    who = "The hard label" if column == "hard" else f"The teacher at {heading}"
    bits = tables_soft_labels.entropy_bits(frame[column])
    entropy = f"entropy {units.significant(bits, 2)} bits = {units.significant(bits * NATS_PER_BIT, 2)} nats"
    return Panel(
        heading=heading,
        note=f"{_bits(bits)} bits",
        values=[share * 100 for share in shares],
        texts=texts,
        hovers=[
            f"{who} gives {text} to {theme.safe(name)}<br>{entropy}"
            for name, text in zip(rows["class"], texts, strict=True)
        ],
        colors=[bars.rgba(f"{color}{_PALE}") if is_pale else color for is_pale in pale],
        inside=[
            None if share < _LONG else ink if is_pale else on_color for share, is_pale in zip(shares, pale, strict=True)
        ],
    )


def _bits(bits: float) -> str:
    return "&lt; 0.01" if 0 < bits < 0.005 else f"{bits:.2f}" if bits else "0"
