"""The building block of annotated heat maps: trained on (down) × tested on (across), the value written in each cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from distill_core.figures import theme

ROW_PX = 58
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Ramp:
    """Colors from `low` over `middle` to `high`; `ends` are the values (percent or points) of the outer ones."""

    low: Color
    middle: Color
    high: Color
    ends: tuple[float, float]

    def at(self, value: float) -> Color:
        """The color of a value; values outside take the outer color."""
        start, end = self.ends
        place = min(1.0, max(0.0, (value - start) / (end - start or 1)))
        first, second, share = (
            (self.low, self.middle, place * 2) if place < 0.5 else (self.middle, self.high, place * 2 - 1)
        )
        red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
        return red, green, blue


@dataclass(frozen=True)
class Cell:
    """One cell: its value (percent or points), its text and hover, and whether it is framed as a warning."""

    value: float
    text: str
    hover: str
    is_marked: bool = False


@dataclass(frozen=True)
class Grid:
    """The cells by (row, column). `footer`: one more row of plain text below, by column, with its name."""

    rows: list[str]
    columns: list[str]
    cells: dict[tuple[str, str], Cell]
    footer_name: str = ""
    footer: dict[str, str] = field(default_factory=dict)
    footer_hovers: dict[str, str] = field(default_factory=dict)


def draw(grid: Grid, ramp: Ramp, title: str, *, dark: bool = False) -> go.Figure:
    """Rows from top to bottom in the order given. Row and column names must be safe to show."""
    names = [*grid.rows, *([grid.footer_name] if grid.footer else [])]
    return theme.figure(
        _traces(grid, ramp, dark),
        title,
        dark=dark,
        height=ROW_PX * len(names) + 96,
        shapes=_frames(grid, ramp, dark),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis=theme.axis(
            "tested on",
            side="top",
            showgrid=False,
            ticks="",
            tickvals=list(range(len(grid.columns))),
            ticktext=grid.columns,
            range=[-0.5, len(grid.columns) - 0.5],
        ),
        yaxis=theme.axis(
            "trained on",
            showgrid=False,
            ticks="",
            tickvals=list(range(len(names))),
            ticktext=names,
            range=[len(names) - 0.5, -0.5],
        ),
    )


def _traces(grid: Grid, ramp: Ramp, dark: bool) -> list[dict[str, Any]]:
    """The texts with their hovers. The colored ground lies below as shapes: their corners can be round and spaced."""
    xs, ys, texts, hovers, inks = [], [], [], [], []
    for (row, column), cell in grid.cells.items():
        xs.append(grid.columns.index(column))
        ys.append(grid.rows.index(row))
        texts.append(cell.text)
        hovers.append(cell.hover)
        inks.append(ink_on(ramp.at(cell.value)))
    for column, text in grid.footer.items():
        xs.append(grid.columns.index(column))
        ys.append(len(grid.rows))
        texts.append(text)
        hovers.append(grid.footer_hovers.get(column, ""))
        inks.append(theme.INK_DARK if dark else theme.INK)
    return [
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": xs,
            "y": ys,
            "text": texts,
            "hovertext": hovers,
            "hoverinfo": "text",
            "textposition": "middle center",
            "textfont": {"size": 14, "color": inks},
            "marker": {"size": 44, "opacity": 0, "symbol": "square"},
        }
    ]


def _frames(grid: Grid, ramp: Ramp, dark: bool) -> list[dict[str, Any]]:
    """The ground of each cell; a marked one has a thick frame."""
    warning = "#FF9D5C" if dark else "#C2410C"
    shapes = []
    for (row, column), cell in grid.cells.items():
        x, y = grid.columns.index(column), grid.rows.index(row)
        red, green, blue = ramp.at(cell.value)
        line = {"color": warning, "width": 3} if cell.is_marked else {"width": 0}
        shapes.append(
            {
                "type": "rect",
                "x0": x - 0.47,
                "x1": x + 0.47,
                "y0": y - 0.46,
                "y1": y + 0.46,
                "layer": "below",
                "fillcolor": f"rgb({red},{green},{blue})",
                "line": line,
            }
        )
    return shapes


def ink_on(color: Color) -> str:
    """Dark or light text, whichever stands out more on this ground (WCAG 2 relative luminance)."""
    parts = [c / 255 for c in color]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return theme.INK if (luminance + 0.05) / 0.071 > 1.05 / (luminance + 0.05) else "#FFFFFF"
