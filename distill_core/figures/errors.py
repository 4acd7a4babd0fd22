"""What went wrong, and who was to blame: the test texts of each student as one bar of four parts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_bars, arm_style, theme
from distill_core.tables.training import students

# column, name in the figure, sentence, colors of the light and the dark theme
PARTS = (
    ("inherited_errors", "inherited", "wrong, as the teacher is", ("#AA4499", "#CC77BB")),
    ("new_errors", "new", "wrong where the teacher is right", ("#CC3311", "#EE6644")),
    ("repaired_errors", "repaired", "right where the teacher is wrong", ("#009988", "#22BBAA")),
)


def draw(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.training.students_frame`. Shares of the test texts; texts that both get right are left out."""
    rows = students(frame).dropna(subset=["n_eval"])
    if rows.empty:
        return theme.empty("No student yet", "Its errors appear when it is tested.")
    names = arm_bars.unique_names(rows)
    data = [_part(rows, names, part, dark) for part in PARTS]
    return theme.figure(
        data,
        title(rows),
        dark=dark,
        height=120 + 46 * len(rows),
        barmode="stack",
        annotations=[_key(dark)],
        xaxis=theme.axis("share of the test texts (%)", rangemode="tozero"),
        yaxis=theme.names_axis(),
    )


def _key(dark: bool) -> dict[str, Any]:
    """The names of the parts above the bars, each in its color."""
    text = "  ".join(f'<span style="color:{colors[dark]}">■ {name}</span>' for _, name, _, colors in PARTS)
    return {
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "text": text,
        "showarrow": False,
        "font": {"size": 13},
    }


def title(rows: pd.DataFrame) -> str:
    """Counts for the first student."""
    first = rows.iloc[0]
    inherited, new, repaired = (int(first[column]) for column, *_ in PARTS)
    return (
        f"{first['title']} has {inherited:,} errors in common with its teacher, makes {new:,} new ones "
        f"and repairs {repaired:,}"
    )


def _part(
    rows: pd.DataFrame, names: list[str], part: tuple[str, str, str, tuple[str, str]], dark: bool
) -> dict[str, Any]:
    column, name, sentence, colors = part
    counts = [int(count) for count in rows[column]]
    shares = [count / int(n) for count, n in zip(counts, rows["n_eval"], strict=True)]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": names,
        "x": [share * 100 for share in shares],
        "width": 0.6,
        "marker": {"color": colors[dark]},
        "text": [str(count) for count in counts],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "hoverinfo": "text",
        "textfont": {"color": arm_style.on_color(dark)},
        "hovertext": [
            f"{who}: {sentence} on {count:,} of {int(n):,} texts ({units.percent(share)})"
            for who, count, n, share in zip(names, counts, rows["n_eval"], shares, strict=True)
        ],
    }
