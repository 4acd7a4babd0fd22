"""What a token's signal is worth: the loss as a share of its start, against tokens read and against signals received.

ELECTRA's argument (arXiv:2003.10555 §1): an objective that asks about every token learns more from each token read.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import families, units
from distill_core.figures import lines, theme

PLOT_PX = 250.0  # at least
HEAD_AND_FOOT_PX = 96
_TICKS: dict[str, Any] = {"rangemode": "tozero", "tickformat": "~s", "nticks": 3, "tickangle": 0}
X_TITLES = {"tokens": "tokens read", "signals": "signals received"}


def draw(curves: dict[str, pd.DataFrame], *, dark: bool = False) -> go.Figure:
    """`curves`: family → `tables.pretrain.looks_frame`. Two panels with one vertical axis."""
    known = {key: frame.dropna(subset=["tokens", "signals"]) for key, frame in curves.items()}
    known = {key: frame for key, frame in known.items() if len(frame) > 1}
    if not known:
        return theme.empty("Nothing to compare yet", "Pre-train a second family with the same budget.")
    data = [_line(key, frame, name, dark) for name in X_TITLES for key, frame in known.items()]
    lowest = min(float(frame["share_of_start"].min()) for frame in known.values())
    limits = (max(0.0, lowest * 100 - 8), 103.0)
    ends = [
        (
            100 * float(frame["share_of_start"].iloc[-1]),
            lines.end_text(families.get(key).title, units.percent(float(frame["share_of_start"].iloc[-1]))),
            theme.color(key, dark),
        )
        for key, frame in known.items()
    ]
    plot_px = max(PLOT_PX, len(known) * lines.LABEL_LINES_PX)  # every line keeps its name
    return theme.figure(
        data,
        title(known),
        dark=dark,
        height=int(plot_px + HEAD_AND_FOOT_PX),
        annotations=lines.end_labels(ends, limits, plot_px),
        margin={"l": 8, "r": lines.LABEL_PX, "t": HEAD_AND_FOOT_PX // 2, "b": HEAD_AND_FOOT_PX // 2},
        xaxis=theme.axis(X_TITLES["tokens"], domain=[0, 0.47], **_TICKS),
        xaxis2=theme.axis(X_TITLES["signals"], domain=[0.53, 1], **_TICKS),
        yaxis=theme.axis("loss on unread text (% of its start)", range=list(limits)),
    )


def title(known: dict[str, pd.DataFrame]) -> str:
    """Who received how many signals for one token read."""
    shares = {key: float(frame["signals"].iloc[-1]) / float(frame["tokens"].iloc[-1]) for key, frame in known.items()}
    most, fewest = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
    if len(known) == 1:
        return f"{families.get(most).title} receives {units.significant(100 * shares[most], 2)} signals for 100 tokens"
    return (
        f"For 100 tokens {families.get(most).title} receives {units.significant(100 * shares[most], 2)} signals, "
        f"{families.get(fewest).title} {units.significant(100 * shares[fewest], 2)}"
    )


def _line(key: str, frame: pd.DataFrame, name: str, dark: bool) -> dict[str, Any]:
    title = families.get(key).title
    hovers = [
        f"{title}: {units.percent(float(share))} of its first loss after {int(tokens):,} tokens read"
        f"<br>and {int(signals):,} signals received"
        for share, tokens, signals in zip(frame["share_of_start"], frame["tokens"], frame["signals"], strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [float(x) for x in frame[name]],
        "y": [100 * float(share) for share in frame["share_of_start"]],
        "xaxis": "x" if name == "tokens" else "x2",
        "line": {"color": theme.color(key, dark), "width": 2.5},
        "hoverinfo": "text",
        "hovertext": hovers,
        "marker": {"symbol": theme.symbol(key), "size": 7, "color": theme.color(key, dark)},
        "cliponaxis": False,
    }
