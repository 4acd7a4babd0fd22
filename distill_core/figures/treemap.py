"""Where the parameters sit: one family by part, exact."""

from __future__ import annotations

import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import theme

_INK = {"embeddings": "#16202A", "attention": "#FFFFFF", "feed_forward": "#16202A", "other": "#16202A"}


def draw(name: str, sizes: dict[str, int], *, dark: bool = False) -> go.Figure:
    """A treemap of the parts of one network. `sizes`: parameters by part."""
    total = sum(sizes.values())
    if not total:
        return theme.empty(f"{theme.safe(name)}: no parameters known")
    parts = sorted(sizes, key=lambda part: -sizes[part])
    titles = [theme.PART_TITLES.get(part, part) for part in parts]
    trace = {
        "type": "treemap",
        "labels": titles,
        "parents": [""] * len(parts),
        "values": [sizes[part] for part in parts],
        "text": [f"{units.millions(sizes[part])}<br>{units.percent(sizes[part] / total)}" for part in parts],
        "texttemplate": "<b>%{label}</b><br>%{text}",
        "hovertext": [
            f"{title}: {sizes[part]:,} of {total:,} parameters, exact"
            for part, title in zip(parts, titles, strict=True)
        ],
        "hoverinfo": "text",
        "marker": {
            "colors": [theme.PART_COLORS.get(part, theme.UNKNOWN) for part in parts],
            "line": {"width": 2, "color": "#11171D" if dark else "#FFFFFF"},
            "cornerradius": 4,
        },
        "textfont": {"size": 15, "color": [_INK.get(part, "#16202A") for part in parts]},
        "tiling": {"pad": 2},
        "pathbar": {"visible": False},
    }
    largest = f"{units.percent(sizes[parts[0]] / total)} of {units.millions(total)} parameters"
    title = f"{theme.safe(name)}: {largest} sit in {titles[0]}"
    return theme.figure([trace], title, height=340, margin={"l": 0, "r": 0, "t": 48, "b": 0})
