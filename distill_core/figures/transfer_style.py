"""What the figures of the Transfer lab share: colors and symbols of labels, whiskers, and the marks of guesses."""

from __future__ import annotations

from typing import Any

import pandas as pd

from distill_core.figures import theme

# light theme, dark theme
_CLASSES = (
    ("#EE7733", "#EE7733"),
    ("#2F6DA8", "#7FB4E6"),
    ("#009988", "#22BBAA"),
    ("#AA4499", "#CC77BB"),
    ("#B8860B", "#DDAA33"),
    ("#5F6B76", "#A9B2BA"),
)
_GROUND = ("#FFFFFF", "#11171D")  # the page, light theme and dark
_SYMBOLS = (("triangle-down", "▼"), ("circle", "●"), ("square", "■"), ("diamond", "◆"), ("cross", "✚"), ("x", "✖"))


def class_color(place: int, dark: bool) -> str:
    """The color of a label, by its place in the list; from the seventh on they repeat."""
    return _CLASSES[place % len(_CLASSES)][dark]


def class_symbol(place: int) -> str:
    """The mark of a label: color is never the only sign."""
    return _SYMBOLS[place % len(_SYMBOLS)][0]


def class_sign(place: int) -> str:
    """The same mark as a character, for a legend."""
    return _SYMBOLS[place % len(_SYMBOLS)][1]


def ink(dark: bool) -> str:
    """The color of text and guesses."""
    return theme.INK_DARK if dark else theme.INK


def whiskers(rows: pd.DataFrame, tint: str) -> dict[str, Any]:
    """Vertical whiskers from ci_low to ci_high (shares) around accuracy, in percentage points."""
    return {
        "type": "data",
        "symmetric": False,
        "color": tint,
        "thickness": 1.2,
        "width": 4,
        "array": [max(0.0, float(v)) * 100 for v in rows["ci_high"] - rows["accuracy"]],
        "arrayminus": [max(0.0, float(v)) * 100 for v in rows["accuracy"] - rows["ci_low"]],
    }


def guess_marks(xs: list[Any], ys: list[Any], hovers: list[str], tint: str, dark: bool) -> dict[str, Any]:
    """Guesses as hollow circles in this color; the ground of the page fills them, to be seen on bars and lines too."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": xs,
        "y": ys,
        "cliponaxis": False,
        "name": "guess",
        "marker": {"symbol": "circle", "size": 13, "color": _GROUND[dark], "line": {"width": 2.5, "color": tint}},
        "hoverinfo": "text",
        "hovertext": [f"Your guess. {theme.safe(hover)}" for hover in hovers],
    }
