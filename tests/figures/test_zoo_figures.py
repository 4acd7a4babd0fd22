"""Treemap, timeline and the placing of labels."""

from __future__ import annotations

import csv

import pytest

from distill_core import families
from distill_core.figures import theme, timeline, treemap
from distill_core.figures.labels import Box, Scale, name_points, place
from distill_core.settings import DATA
from distill_core.tables import families as tables_families


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda row: row.key)
def test_treemap_adds_up(family: families.Family) -> None:
    sizes = families.exact_parameters()[family.key]
    figure = treemap.draw(family.title, sizes)
    assert sum(figure.data[0].values) == sum(sizes.values())
    assert figure.layout.title.text.startswith(f"{family.title}: ")


def test_treemap_title_by_hand() -> None:
    figure = treemap.draw("BERT", families.exact_parameters()["bert"])
    assert figure.layout.title.text == "BERT: 52 % of 109 M parameters sit in feed-forward"
    assert treemap.draw("X", {}).layout.title.text == "X: no parameters known"


def test_timeline() -> None:
    frame = tables_families.families_frame()
    figure = timeline.draw(frame)
    assert figure.layout.title.text == "10 families, 2018–2020: the largest has 19 × the parameters of the smallest"
    assert list(figure.layout.xaxis.ticktext) == ["2018", "2019", "2020"]
    assert figure.data[0].y[0] == pytest.approx(109.48224)
    assert "October 2018, 109,482,240 parameters, exact" in figure.data[0].hovertext[0]
    assert not timeline.draw(frame.iloc[:0]).data


def test_timeline_with_a_chosen_family() -> None:
    figure = timeline.draw(tables_families.families_frame(), chosen="distilbert")
    assert figure.layout.title.text == "DistilBERT (2019): 6 of the ten came before it, 8 are larger"
    assert timeline.draw(tables_families.families_frame(), chosen="t5").layout.title.text.endswith("none is larger")
    assert (
        "none of the ten came before" in timeline.draw(tables_families.families_frame(), chosen="gpt").layout.title.text
    )
    opacity = dict(zip(tables_families.families_frame()["family"], figure.data[0].marker.opacity, strict=True))
    assert opacity["distilbert"] == 1
    assert opacity["bert"] < 1


def test_timeline_counts_papers_of_the_same_month_in_their_order() -> None:
    """Counted from the file by the first arXiv number of each paper; the first GPT has none and came before all."""
    with (DATA / "families.csv").open(encoding="utf-8", newline="") as file:
        numbers = {row["family"]: row["arxiv_id"].split()[0] for row in csv.DictReader(file)}
    frame = tables_families.families_frame()
    keys = {row.title: row.key for row in families.FAMILIES if row.title != "GPT"}
    order = ["GPT", *sorted(keys, key=lambda title: float(numbers[title]))]
    assert [order.index(title) for title in ("ERNIE", "T5", "BART")] == [4, 7, 8]
    for earlier, title in enumerate(order):
        shown = timeline.draw(frame, chosen=keys.get(title, "gpt")).layout.title.text
        assert f": {earlier or 'none'} of the ten came before it" in shown


def test_labels_keep_off_each_other() -> None:
    points = [(100.0 + i, 100.0 + i, 7.0) for i in range(6)]
    names = ["BERT", "ERNIE", "ELECTRA", "RoBERTa", "GPT", "XLNet"]
    wall = Box(90, 0, 94, 400)
    boxes = []
    for (x, y, _), name, (dx, dy) in zip(points, names, place(points, names, Box(0, 0, 500, 300), [wall]), strict=True):
        width = len(name) * 7.2
        boxes.append(Box(x + dx - width / 2, y + dy - 8, x + dx + width / 2, y + dy + 8))
    for index, box in enumerate(boxes):
        assert all(box.overlap(other) == 0 for other in boxes[:index])
        assert box.overlap(wall) == 0
        assert box.left >= 0
        assert box.top <= 300


def test_labels_of_nothing() -> None:
    assert place([], [], Box(0, 0, 1, 1)) == []


def test_scales() -> None:
    linear = Scale.around([10.0, 20.0], 100)
    assert not linear.log
    assert linear.ends == pytest.approx((8.6, 21.4))
    log = Scale.around([1.0, 100.0], 100, may_be_log=True)
    assert log.log
    assert log.px(10) == pytest.approx(50)
    assert log.axis()["type"] == "log"
    assert Scale.around([1.0, 100.0], 100).ends[0] == 0  # never below zero
    assert Scale.around([5.0], 100).px(5) == pytest.approx(50)


def test_names_are_safe_on_a_log_axis() -> None:
    scales = (Scale.around([1.0, 1000.0], 500, may_be_log=True), Scale.around([1.0, 2.0], 300))
    notes = name_points(["<b>", "x"], [1.0, 1000.0], [1.0, 2.0], [10.0, 10.0], scales, [(1.0, 2.0), (1000.0, 1.0)])
    assert notes[0]["text"] == "&lt;b&gt;"
    assert notes[1]["x"] == pytest.approx(3)  # plotly wants the logarithm


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda row: row.key)
@pytest.mark.parametrize("dark", [False, True])
def test_family_colors_stand_out(family: families.Family, dark: bool) -> None:
    """Marks reach 3:1 in the dark theme; in the light one the pale ones at least have a name beside them."""
    ground = "#11171D" if dark else "#FFFFFF"
    assert contrast(theme.color(family.key, dark), ground) >= (3 if dark else 1.5)


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
