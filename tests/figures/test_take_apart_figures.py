"""Figures of Take apart: values, computed titles, units, texts from outside, and the empty case."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sample_ablation as sample

from distill_core.figures import ablation, depth_curve, sweep_map
from distill_core.results import Metric
from distill_core.runs.store import RunStore
from distill_core.tables import ablation as tables_ablation
from distill_core.tables import frames as tables_frames
from distill_core.tables import recipes
from distill_core.tables import sweep as tables_sweep

GRID = {"sweep_temperatures": (1, 2, 4), "sweep_soft": (0.25, 0.75)}


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "crafted")


def rows(*values: tuple[Any, ...], seeds: int = 3) -> pd.DataFrame:
    """An ablation's frame from (arm, title, difference, over seeds, over texts, published). The interval over both is
    as wide as the wider of them, and p belongs to it."""
    records = [
        {
            "arm": arm,
            "title": title,
            "seeds": seeds,
            "seeds_planned": seeds,
            "n_eval": 1000,
            "accuracy": 0.8,
            "full_accuracy": 0.82,
            "difference_points": difference,
            "seeds_low_points": over_seeds[0],
            "seeds_high_points": over_seeds[1],
            "texts_low_points": over_texts[0],
            "texts_high_points": over_texts[1],
            **over_both(difference, over_seeds, over_texts),
            "published_points": published,
            "published_source": "a paper",
            "source": "measured here",
        }
        for arm, title, difference, over_seeds, over_texts, published in values
    ]
    return tables_frames.typed(
        records, tables_ablation.ABLATION_COLUMNS, tables_ablation._ABLATION_COUNTS, tables_ablation._ABLATION_MEASURES
    )


def over_both(difference: float, *found: tuple[float | None, float | None]) -> dict[str, float]:
    half = max((abs(difference - low) for low, _ in found if low is not None), default=None)
    if half is None:
        return {}
    p = math.erfc(1.96 * abs(difference) / (half or 1) / math.sqrt(2))
    return {"low_points": difference - half, "high_points": difference + half, "p": p}


SOFT = ("no soft", "Without soft targets", -1.2, (-2.0, -0.4), (-2.2, -0.2), -2.96)
COSINE = ("no cosine", "Without cosine", -0.1, (-0.6, 0.4), (-1.0, 0.8), -1.46)
START = ("random init", "Random start", -12.1, (-12.8, -11.4), (-14.0, -10.0), -3.69)
HARD = ("no hard", "Without labels", 0.5, (0.1, 0.9), (-0.4, 1.4), None)


# ── ablation ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_title_is_the_largest_sure_loss() -> None:
    title = "Without soft targets the student loses 1.2 points (95 % interval 0.2 to 2.2)"
    assert ablation.title(rows(SOFT)) == title


def test_a_second_sure_difference_is_named_too() -> None:
    assert ablation.title(rows(SOFT, START)) == (
        "With a random start the student loses 12.1 points (95 % interval 10.2 to 14.0); "
        "without soft targets loses 1.2 (0.2 to 2.2)"
    )


def test_of_many_bars_one_that_looks_sure_is_not_named() -> None:
    """p = 0.019 alone; with three tried at once Holm makes it 0.06."""
    assert ablation.title(rows(SOFT, COSINE, HARD)) == (
        "No ingredient makes a difference beyond the chance of three seeds and these texts"
    )


def test_what_seeds_show_and_other_texts_might_not_is_not_named() -> None:
    assert ablation.title(rows(HARD)).startswith("No ingredient makes a difference")


def test_below_three_seeds_the_title_is_careful() -> None:
    one = ("no soft", "Without soft targets", -1.2, (None, None), (-2.2, -0.2), None)
    assert ablation.title(rows(one, seeds=1)) == (
        "Without soft targets the student loses 1.2 points (95 % interval 0.2 to 2.2), as far as one seed can tell"
    )
    none = ("no soft", "Without soft targets", 0.3, (None, None), (-1, 1), None)
    assert ablation.title(rows(none, seeds=1)) == ("No ingredient makes a difference beyond the chance of these texts")


def test_without_predictions_and_with_few_seeds_the_title_stays_open() -> None:
    frame = rows(SOFT, seeds=2).assign(p=pd.NA, low_points=pd.NA, high_points=pd.NA)
    assert ablation.title(frame) == "Without predictions or three seeds it is open which differences are chance"


@pytest.mark.parametrize("dark", [False, True])
def test_bars_begin_at_zero_and_the_largest_loss_is_on_top(dark: bool) -> None:
    figure = ablation.draw(rows(COSINE, SOFT, START, HARD), dark=dark)
    band, bars, edge, whiskers, published, texts = figure.data
    assert list(bars.y) == ["Random start", "Without soft targets", "Without cosine", "Without labels"]
    assert list(bars.x) == [-12.1, -1.2, -0.1, 0.5]
    assert bars.base is None
    assert figure.layout.yaxis.autorange == "reversed"
    assert list(whiskers.error_x.array) == pytest.approx([0.7, 0.8, 0.5, 0.4])
    assert list(whiskers.error_x.arrayminus) == pytest.approx([0.7, 0.8, 0.5, 0.4])
    assert edge.error_x.thickness > whiskers.error_x.thickness
    assert list(band.base) == [-14.0, -2.2, -1.0, -0.4]
    assert list(band.x) == pytest.approx([4.0, 2.0, 1.8, 1.8])
    assert list(published.x) == [-3.69, -2.96, -1.46]
    assert list(texts.text) == ["<b>−12.1</b>", "<b>−1.2</b>", "<b>−0.1</b>", "<b>+0.5</b>"]


def test_axis_and_hover_have_their_units_and_sources() -> None:
    figure = ablation.draw(rows(SOFT, HARD))
    assert figure.layout.xaxis.title.text == (
        "change (points of accuracy)<br>95 % over ├┤ seeds   ▒ texts<br>◇ DistilBERT's paper (GLUE points)"
    )
    assert figure.layout.annotations[0].text == "all terms 82 %"
    hover = figure.data[1].hovertext[0]
    assert "−1.2 points on 1,000 test texts, mean of three seeds" in hover
    assert "95 % interval for other test texts: −2.2 to −0.2" in hover
    assert hover.endswith("measured here")
    assert figure.data[4].hovertext[0] == ("DistilBERT's paper: −2.96 points of the GLUE score<br>published, a paper")


def test_the_zero_line_and_all_ink_are_in_view() -> None:
    figure = ablation.draw(rows(SOFT, COSINE))
    low, high = figure.layout.xaxis.range
    assert low < -2.96
    assert high > 0
    assert max(figure.layout.xaxis.tickvals) <= figure.data[5].x[0]


def test_a_bar_far_longer_than_the_others_is_cut_and_keeps_its_value() -> None:
    far = ("random init", "Random start", -26.3, (-27.0, -25.6), (-29.9, -22.7), -3.69)
    figure = ablation.draw(rows(SOFT, COSINE, far))
    assert figure.layout.xaxis.range[0] == pytest.approx(-2.96 * 1.6, rel=0.1)
    assert figure.data[1].x[0] == -26.3
    assert figure.data[5].text[0] == "<b>−26.3</b>"
    assert [shape.type for shape in figure.layout.shapes] == ["line", "path", "path"]
    assert figure.layout.xaxis.title.text.endswith("<br>// cut: the bar is longer")
    whole = ablation.draw(rows(SOFT, ("random init", "Random start", -6.0, (None, None), (None, None), None)))
    assert whole.layout.xaxis.range[0] < -6
    assert [shape.type for shape in whole.layout.shapes] == ["line"]
    alone = ablation.draw(rows(far))
    assert alone.layout.xaxis.range[0] < -29.9


def test_without_seeds_there_are_no_whiskers_to_explain() -> None:
    one = ("no soft", "Without soft targets", -1.2, (None, None), (None, None), None)
    figure = ablation.draw(rows(one, seeds=1))
    assert figure.layout.xaxis.title.text == "change (points of accuracy)"
    assert list(figure.data[3].x) == []


def test_an_ablation_before_its_first_difference_is_a_titled_empty_figure(store: RunStore) -> None:
    for frame in (rows(), tables_ablation.ablation_frame(sample.ablation(store, done=1))):
        figure = ablation.draw(frame)
        assert not figure.data
        assert figure.layout.title.text == "No ingredient is left out yet"


def test_no_change_at_all_is_drawn() -> None:
    figure = ablation.draw(rows(("no soft", "Without soft targets", 0.0, (0.0, 0.0), (None, None), None)))
    assert figure.data[5].text == ("<b>0.0</b>",)
    assert figure.layout.xaxis.range[0] < 0 < figure.layout.xaxis.range[1]


@pytest.mark.parametrize(("n", "text"), [(1, "one seed"), (3, "three seeds"), (12, "12 seeds")])
def test_counts_are_words(n: int, text: str) -> None:
    assert ablation.count(n, "seed") == text


# ── temperature × weight ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dark", [False, True])
def test_the_map_has_a_value_in_each_cell(store: RunStore, dark: bool) -> None:
    frame = tables_sweep.sweep_frame(sample.sample_run(store, **GRID))
    figure = sweep_map.draw(frame, dark=dark)
    heat, texts = figure.data
    assert list(heat.x) == ["0.25", "0.75"]
    assert list(heat.y) == ["1", "2", "4"]
    expected = (frame["accuracy"].astype(float) * 100).to_numpy().reshape(3, 2)
    assert [list(line) for line in heat.z] == [pytest.approx(list(line)) for line in expected]
    assert texts.text[0] == f"{expected[0][0]:.1f} %"
    assert figure.layout.xaxis.title.text == "weight of soft targets (labels get the rest)"
    assert figure.layout.yaxis.title.text == "temperature τ"
    assert "95 % interval" in heat.hovertext[0][0]


def test_the_best_cell_is_framed_and_named(store: RunStore) -> None:
    frame = tables_sweep.sweep_frame(sample.sample_run(store, **GRID))
    top = sweep_map.best(frame, "accuracy")
    assert (top["temperature"], top["soft"]) == (4, 0.75)
    figure = sweep_map.draw(frame)
    frame_shape = figure.layout.shapes[0]
    assert (frame_shape.x0, frame_shape.x1, frame_shape.y0, frame_shape.y1) == (0.5, 1.5, 1.5, 2.5)
    ranked = sorted(float(p) for p in frame["behind_p"].dropna())
    sure = [p * (5 - place) < 0.05 for place, p in enumerate(ranked)]
    worse = next((place for place, is_sure in enumerate(sure) if not is_sure), 5)
    ending = f"; {worse} of 5 others {'is' if worse == 1 else 'are'} worse beyond chance"
    best_text = (
        f"τ = 4 with soft weight 0.75 is best on these test texts: right on {float(top['accuracy']) * 100:.1f} %"
    )
    none = ", yet no other setting is worse beyond chance"
    assert figure.layout.title.text == best_text + (ending if worse else none)


def test_the_best_cell_is_chosen_on_the_validation_texts_where_they_were_looked_at(store: RunStore) -> None:
    """The cell that wins on the test texts is the worst on the validation texts: it is not named."""
    run = sample.sample_run(store, **GRID)
    frame = tables_sweep.sweep_frame(run)
    arms = list(frame["arm"])
    wins = str(tables_sweep.chosen(frame)["arm"])
    looked = [(arm, 0.7 if arm == wins else 0.8 + 0.01 * place) for place, arm in enumerate(arms)]
    place = {"step": 1, "epoch": 1.0, "split": "validation", "name": "accuracy"}
    run.add_metrics([Metric(arm=arm, value=value, **place) for arm, value in looked])
    frame = tables_sweep.sweep_frame(run)
    assert tables_sweep.is_validated(frame)
    best = max(looked, key=lambda one: one[1])[0]
    row = frame.set_index("arm").loc[best]
    title = sweep_map.draw(frame).layout.title.text
    assert title.startswith(
        f"τ = {row['temperature']:g} with soft weight {row['soft']:g} is best on the validation texts: right on"
    )
    assert frame.set_index("arm").loc[wins, "behind_points"] > 0
    assert recipes.best(run, "weights").values["temperature"] == row["temperature"]


def test_one_setting_without_a_look_at_the_validation_texts_and_none_is_chosen_by_them(store: RunStore) -> None:
    run = sample.sample_run(store, **GRID)
    arm = str(tables_sweep.sweep_frame(run)["arm"].iloc[0])
    run.add_metrics([Metric(arm=arm, value=0.99, step=1, epoch=1.0, split="validation", name="accuracy")])
    assert "is best on these test texts" in sweep_map.draw(tables_sweep.sweep_frame(run)).layout.title.text


def test_without_predictions_the_title_claims_no_certainty(store: RunStore) -> None:
    run = sample.sample_run(store, **GRID)
    run.predictions_file.unlink()
    title = sweep_map.draw(tables_sweep.sweep_frame(run)).layout.title.text
    assert title == "τ = 4 with soft weight 0.75 is best on these test texts: right on 82.6 %"


def test_of_kl_the_lowest_is_best(store: RunStore) -> None:
    frame = tables_sweep.sweep_frame(sample.sample_run(store, **GRID))
    figure = sweep_map.draw(frame, "kl_to_teacher")
    lowest = frame.loc[frame["kl_to_teacher"].astype(float).idxmin()]
    assert figure.layout.title.text.startswith(f"τ = {lowest['temperature']:g} with soft weight {lowest['soft']:g} ")
    assert figure.data[0].reversescale
    agreement = sweep_map.draw(frame, "agreement").layout.title.text
    assert "agrees most with its teacher: on " in agreement


def test_settings_to_come_are_dots(store: RunStore) -> None:
    figure = sweep_map.draw(tables_sweep.sweep_frame(sample.sample_run(store, done=1, **GRID)))
    assert list(figure.data[1].text).count("·") == 5
    assert figure.layout.title.text == "τ = 1 with soft weight 0.25 is best on these test texts: right on 79.2 %"
    assert figure.data[0].zmin < figure.data[0].zmax


def test_a_map_before_its_first_student_is_a_titled_empty_figure(store: RunStore) -> None:
    figure = sweep_map.draw(tables_sweep.sweep_frame(sample.sample_run(store, done=0, **GRID)))
    assert not figure.data
    assert figure.layout.title.text == "No setting is trained yet"


# ── depth ────────────────────────────────────────────────────────────────────────────────────────────────────────


def depths(store: RunStore, **more: Any) -> pd.DataFrame:
    return tables_sweep.depth_frame(sample.sample_run(store, sweep_layers=(1, 2, 3, 6), **more))


@pytest.mark.parametrize(("x", "at"), [("params_share", 60.0), ("time_share", 410 / 6.68)])
def test_the_curve_is_in_percent_of_the_teacher(store: RunStore, x: depth_curve.Share, at: float) -> None:
    frame = depths(store)
    figure = depth_curve.draw(frame, tables_sweep.distilbert(), x)
    curve, paper = figure.data
    assert list(curve.x) == pytest.approx((frame[x].astype(float) * 100).tolist())
    assert list(curve.y) == pytest.approx((frame["retained"].astype(float) * 100).tolist())
    assert list(curve.text) == ["<b>1</b>", "<b>2</b>", "<b>3</b>", "<b>6</b>"]
    assert (paper.x[0], paper.y[0]) == pytest.approx((at, 7700 / 79.5))
    assert paper.marker.symbol == "diamond-open"
    assert "published" in paper.hovertext[0]
    assert figure.layout.xaxis.title.text.startswith(depth_curve.X_TITLES[x])
    assert figure.layout.yaxis.title.text == "accuracy (% of the teacher's)"
    assert figure.layout.shapes[0].y0 == 100


def test_the_title_names_the_shallowest_that_is_enough(store: RunStore) -> None:
    frame = depths(store)
    first = frame[frame["retained"] >= 77 / 79.5].iloc[0]
    assert first["layers"] == 3
    low, high = (round(float(first[f"retained_{end}"]) * 100) for end in ("low", "high"))
    assert depth_curve.title(frame, tables_sweep.distilbert(), "params_share") == (
        f"3 layers are the fewest that keep 97 % of the accuracy (95 % interval {low} to {high} %): "
        "76 % of the parameters"
    )


def test_the_title_says_when_no_depth_is_enough(store: RunStore) -> None:
    frame = depths(store, done=1)
    title = depth_curve.title(frame.dropna(subset=["retained"]), tables_sweep.distilbert(), "time_share")
    assert title.startswith("No depth keeps 97 % of the accuracy: 1 layer keeps 87 % (95 % interval ")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, ": 86 % of the time"),
        ({"time_low": pd.NA}, ": 86 % of the time (single measurement)"),
        ({"time_high": 1.02}, ": no clear difference in time"),
    ],
)
def test_the_title_says_a_share_of_time_as_far_as_it_is_known(store: RunStore, limits: dict, words: str) -> None:
    frame = depths(store).assign(retained=0.99, time_share=0.86, time_low=0.84, time_high=0.88, busy_cores=0.9)
    rows = frame.assign(**limits)
    assert depth_curve.title(rows, tables_sweep.distilbert(), "time_share").endswith(words)
    subtitle = depth_curve.draw(rows, tables_sweep.distilbert(), "time_share").layout.title.subtitle.text
    assert subtitle == "measured while other programs used up to 0.9 cores"
    assert depth_curve.draw(rows, tables_sweep.distilbert()).layout.title.subtitle.text is None


def test_a_curve_before_its_first_student_is_a_titled_empty_figure(store: RunStore) -> None:
    figure = depth_curve.draw(depths(store, done=0), tables_sweep.distilbert())
    assert not figure.data
    assert figure.layout.title.text == "No depth is trained yet"


def test_sources_from_outside_are_text(store: RunStore) -> None:
    frame = depths(store).assign(source="<b>me</b>")
    assert "&lt;b&gt;me" in depth_curve.draw(frame, tables_sweep.distilbert()).data[0].hovertext[0]
