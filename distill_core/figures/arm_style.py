"""The colors of arms, the same in every figure and safe for color-blind eyes (Paul Tol), apart from the families' use.

Color is never the only sign: every line and bar carries its arm's name.
"""

from __future__ import annotations

from distill_core.figures import theme
from distill_core.tables.training import TOP
from distill_core.terms import TERMS

# light theme, dark theme
_COLORS = {
    "pretrained": ("#2F6DA8", "#7FB4E6"),
    "frozen": ("#AA4499", "#CC77BB"),
    "bow": ("#B8860B", "#DDAA33"),
    "zero-shot": ("#009988", "#22BBAA"),
    "adapted": ("#009988", "#22BBAA"),
    "lora": ("#AA4499", "#CC77BB"),
    "head": ("#2F6DA8", "#7FB4E6"),
    "distilled": ("#CC3311", "#EE6644"),
    "labeled-only": ("#332288", "#8F7FE0"),
    "init-only": ("#B8860B", "#DDAA33"),
    "scratch-distilled": ("#AA4499", "#CC77BB"),
    "all": ("#CC3311", "#EE6644"),
    "random init": ("#5F6B76", "#A9B2BA"),
    "scratch": ("#5F6B76", "#A9B2BA"),
    "taught": ("#CC3311", "#EE6644"),
    "labels": ("#B8860B", "#DDAA33"),
    "all-labels": ("#2F6DA8", "#7FB4E6"),
    "random-taught": ("#AA4499", "#CC77BB"),
    "random": ("#5F6B76", "#A9B2BA"),
}
# the terms of the distillation loss, and their sum
_TERMS = {"loss": ("#1E2A35", "#E4EAF0"), **{term.key: term.color for term in TERMS}}


def color(arm: str, dark: bool) -> str:
    """The color of an arm: one without a term of the loss has that term's color, the depths of an unfreezing share that
    of the fine-tuned model, others are gray."""
    if TOP.fullmatch(arm):
        arm = "pretrained"
    if arm.startswith("no "):
        return term_color(arm.removeprefix("no "), dark)
    return _COLORS.get(arm, (theme.UNKNOWN, theme.UNKNOWN))[dark]


def term_color(name: str, dark: bool) -> str:
    """The color of a loss term."""
    return _TERMS.get(name, (theme.UNKNOWN, theme.UNKNOWN))[dark]


def on_color(dark: bool) -> str:
    """Text on a bar: the light theme's colors are dark, the dark theme's are light."""
    return "#11171D" if dark else "#FFFFFF"
