"""The colors of arms and of the terms of a loss, the same in every figure, apart from the families' use.

Color is never the only sign: every line and bar carries its arm's name.
"""

from __future__ import annotations

from distill_core import arms
from distill_core.figures import theme
from distill_core.terms import TERMS

# the terms of the distillation loss, and their sum
_TERMS = {"loss": ("#1E2A35", "#E4EAF0"), **{term.key: term.color for term in TERMS}}


def color(arm: str, dark: bool) -> str:
    """The color of an arm: one without a term of the loss has that term's color, others that are no arms are gray."""
    if arm.startswith("no "):
        return term_color(arm.removeprefix("no "), dark)
    row = arms.named(arm)
    return row.color[dark] if row is not None else theme.UNKNOWN


def term_color(name: str, dark: bool) -> str:
    """The color of a loss term."""
    return _TERMS.get(name, (theme.UNKNOWN, theme.UNKNOWN))[dark]


def on_color(dark: bool) -> str:
    """Text on a bar: the light theme's colors are dark, the dark theme's are light."""
    return "#11171D" if dark else "#FFFFFF"
