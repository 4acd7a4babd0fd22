"""Ten families side by side in size, speed and accuracy: small students of one teacher, in one arm of the experiment.

The area of a mark is the number of parameters, the dashed line is the teacher. The axes are the same for all arms that
begin pre-trained, so that a change of arm moves the marks alone; random weights lie far below and have their own.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import arms, families, units
from distill_core.figures import accuracy, bars, latency, theme, tradeoff
from distill_core.figures.labels import Scale, name_points, without_shared_word
from distill_core.results import TeacherOfTen
from distill_core.tables import compare as tables_compare

EMPTY = "No student is tested yet"
HEIGHT = 400
LOG_FROM = 3  # most of the small networks are about equally fast: they would lie on one heap beside three slow ones
MARK_PX = 24.0  # large marks would hide each other
_PLOT_PX = (560.0, 310.0)  # the space between the axes on a laptop; labels are placed for it


def draw(frame: pd.DataFrame, teacher: TeacherOfTen | None, arm: str, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.students.means_frame`, with all arms: they set the axes. One mark a student of this arm."""
    timed = frame.dropna(subset=["latency_ms_p50", "accuracy"])
    models = timed[timed["arm"] == arm].reset_index(drop=True)
    if models.empty or teacher is None:
        return theme.empty(EMPTY, "A mark appears when a student is trained and tested.")
    scales = _scales(timed[~timed["arm"].map(_starts_at_random) | (timed["arm"] == arm)], teacher)
    xs, ys = [float(x) for x in models["latency_ms_p50"]], [100 * float(y) for y in models["accuracy"]]
    low, high = ([100 * float(end) for end in models[name]] for name in ("ci_low", "ci_high"))
    sizes = tradeoff.diameters(models, MARK_PX)
    on = tables_compare.pareto(models, lower="latency_ms_p50", other="accuracy", other_is_better_when="higher")
    steps = tradeoff.corners(xs, ys, on, scales, True)
    names, shared = without_shared_word(list(models["label"]))
    line, majority = _teacher_line(teacher, scales[0], dark), _majority_line(models, scales[1])
    return theme.figure(
        [tradeoff.whiskers(xs, low, high), tradeoff.frontier(steps, dark), _marks(models, xs, ys, sizes, dark)],
        title(models, teacher, arm),
        dark=dark,
        subtitle=latency.load_note(models),
        height=HEIGHT,
        xaxis=theme.axis(_x_title(models, shared), **scales[0].axis()),
        yaxis=theme.axis("accuracy (%), whiskers: 95 % interval", **scales[1].axis()),
        shapes=[*line["shapes"], *majority["shapes"]],
        annotations=[
            *name_points(names, xs, ys, sizes, scales, steps),
            *line["annotations"],
            *majority["annotations"],
        ],
    )


def _starts_at_random(arm: str) -> bool:
    return arms.students(arm).starts_at_random


def title(models: pd.DataFrame, teacher: TeacherOfTen, arm: str) -> str:
    """What the fastest student among the best keeps of its teacher, and its speed beside it."""
    pick, who = tradeoff.fastest_of_the_best(_rightly_named(models)), theme.safe(teacher.title)
    row = arms.students(arm)
    how = row.words.format(teacher=who, labels=int(pick["labels"]))
    whose = "its" if row.is_taught else f"{who}'s"
    kept, speed = units.percent(pick["retained"]), units.measured_as_fast(*latency.speed_of(pick))
    seeds = int(models["seeds"].max())
    mean = f" (means of {seeds} seeds)" if seeds > 1 else ""
    return f"{theme.safe(pick['label'])}, {how}: {kept} of {whose} accuracy, {speed}{mean}"


def _rightly_named(models: pd.DataFrame) -> pd.DataFrame:
    """Without a student of a distilled family that is as deep as BERT's: a title must not let it stand for DistilBERT,
    which has half of BERT's layers. All of them where no other is there."""
    distilled = [key for key, row in families.BY_KEY.items() if row.distilled]
    depth = models.loc[models["family"] == "bert", "layers"].min()
    whole = models["family"].isin(distilled) & (models["layers"] >= depth).fillna(False)
    return models[~whole] if not whole.all() else models


def hovers(models: pd.DataFrame) -> list[str]:
    """Accuracy, time and size of each student in words."""
    texts = []
    for (_, row), name in zip(models.iterrows(), bars.labels(models), strict=True):
        who = f"{name} ({theme.safe(units.in_sentence(row['arm_title']))})"
        right = accuracy.sentence(row, who).partition("<br>")[0]  # the source is the same for both
        kept, speed = units.percent(row["retained"], 3), units.measured_as_fast(*latency.speed_of(row))
        texts.append(
            f"{right}<br>{kept} of its teacher's accuracy, {speed}"
            f"<br>{units.millions(row['params'])} parameters, exact<br>{latency.sentence(row, name)}"
        )
    return texts


def _scales(timed: pd.DataFrame, teacher: TeacherOfTen) -> tuple[Scale, Scale]:
    """Both axes, from these rows and the teacher's accuracy."""
    ends = [100 * float(end) for name in ("ci_low", "ci_high") for end in timed[name].dropna()]
    x = Scale.around(
        [float(value) for value in timed["latency_ms_p50"]], _PLOT_PX[0], may_be_log=True, log_from=LOG_FROM
    )
    return x, Scale.around([*ends, 100 * teacher.accuracy], _PLOT_PX[1], pad=0.08)


def _x_title(models: pd.DataFrame, shared: str) -> str:
    """`shared`: the word that all names have in common; it stands here once, since the marks are crowded."""
    of = f" of each {shared}" if shared else ""
    return f"latency p50{of} for 1 × {int(models['seq_len'].iloc[0])} tokens (ms)"


def _marks(models: pd.DataFrame, xs: list[float], ys: list[float], sizes: list[float], dark: bool) -> dict[str, Any]:
    colors = theme.colors(models, dark)
    symbols = [theme.symbol(str(family)) for family in models["family"]]
    # what lies below shows through; the color of a hollow mark is that of its outline
    fill = [
        one if symbol.endswith("-open") else bars.rgba(f"{one}B8") for one, symbol in zip(colors, symbols, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": xs,
        "y": ys,
        "hoverinfo": "text",
        "hovertext": hovers(models),
        "marker": {
            "size": sizes,
            "color": fill,
            "opacity": 1,
            "line": {"width": 2.0, "color": colors},
            "symbol": symbols,
        },
    }


def _majority_line(models: pd.DataFrame, y: Scale) -> dict[str, Any]:
    """A thin line at the share of the most frequent class, where the axis reaches down to it."""
    line = theme.majority_line(models, False)
    for shape, name in zip(line["shapes"], line["annotations"], strict=True):
        height, (low, high) = shape["x0"], y.axis()["range"]
        if not low <= height <= high:
            return {"shapes": [], "annotations": []}
        shape |= {"x0": 0, "x1": 1, "xref": "paper", "y0": height, "y1": height, "yref": "y"}
        name |= {"x": 0.99, "xref": "paper", "xanchor": "right", "y": height, "yref": "y", "yshift": 0}
    return line


def _teacher_line(teacher: TeacherOfTen, x: Scale, dark: bool) -> dict[str, Any]:
    """A dashed line at the teacher's accuracy, named at its left end with its time and size."""
    ink = theme.INK_DARK if dark else theme.INK
    height = 100 * teacher.accuracy
    text = f"{theme.safe(teacher.title)}, the teacher: {units.percent(teacher.accuracy, 3)}"
    if teacher.latency_ms_p50 is not None:
        text += f", {units.milliseconds(teacher.latency_ms_p50)}"
    return {
        "shapes": [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": height,
                "y1": height,
                "layer": "below",
                "line": {"color": ink, "width": 1.5, "dash": "dash"},
            }
        ],
        "annotations": [
            {
                "xref": "paper",
                "x": 0.01,
                "xanchor": "left",
                "y": height,
                "yanchor": "bottom",
                "text": f"{text}, {units.millions(teacher.params)} parameters",
                "showarrow": False,
                "font": {"size": 12, "color": ink},
            }
        ],
    }
