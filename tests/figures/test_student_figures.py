"""Figures of ten students: values, computed titles, units, the teacher's line, the key, the empty case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest
import sample_students as sample

from distill_core.figures import arm_style, student_gaps, ten_students, theme
from distill_core.maths import paired
from distill_core.measure.evaluate import wilson
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.tables import student_gains
from distill_core.tables import students as tables_students


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def run(store: RunStore) -> Run:
    return sample.students_run(store)


def means(run: Run) -> pd.DataFrame:
    return tables_students.with_distance(tables_students.means_frame(tables_students.rows_frame(run)), run)


def picture(run: Run, arm: str = "taught", **more: Any) -> go.Figure:
    return ten_students.draw(means(run), tables_students.teacher_of(run), arm, **more)


def gaps(run: Run, **more: Any) -> go.Figure:
    return student_gaps.draw(means(run), tables_students.teacher_of(run), student_gains.claim(run), **more)


def title(figure: go.Figure) -> str:
    return str(figure.layout.title.text)


# ── the picture ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_ten_families_stand_in_size_time_and_accuracy(run: Run) -> None:
    figure = picture(run)
    whiskers, frontier, marks = figure.data
    assert list(marks.x) == pytest.approx([2.0 + 0.2 * place for place in range(10)])
    assert list(marks.y) == pytest.approx([100 * (148 + place) / 200 for place in range(10)])
    assert list(marks.marker.size) == [24.0] * 10  # all of one size here
    assert list(marks.marker.line.color) == [theme.color(key, False) for key in tables_order()]
    assert marks.marker.symbol[1] == "triangle-up"
    assert marks.marker.symbol[6] == "circle-open"
    assert list(whiskers.y[:2]) == pytest.approx([100 * wilson(148, 200).ci_low, 100 * wilson(148, 200).ci_high])
    assert frontier.line.shape == "hv"
    assert list(frontier.x[1:-1]) == pytest.approx(list(marks.x))  # each one slower is more accurate
    assert figure.layout.xaxis.title.text == "latency p50 of each mini for 1 × 64 tokens (ms)"
    assert figure.layout.yaxis.title.text == "accuracy (%), whiskers: 95 % interval"
    names = [note.text for note in figure.layout.annotations]
    assert names[:3] == ["BERT", "GPT", "RoBERTa"]  # the axis says of all that they are minis


def test_beside_another_model_each_mini_is_named_as_one(store: RunStore) -> None:
    rows = (sample.row("bert@mini", "taught"), sample.row("bert@hub", "taught", 1))
    figure = picture(sample.students_run(store, rows))
    assert [note.text for note in figure.layout.annotations[:2]] == ["BERT mini", "bert@hub"]
    assert figure.layout.xaxis.title.text == "latency p50 for 1 × 64 tokens (ms)"
    assert title(figure).startswith("BERT mini, taught by MiniLM")


def test_the_area_of_a_mark_is_its_number_of_parameters(store: RunStore) -> None:
    rows = (sample.row("bert@mini", "taught", params=1_000_000), sample.row("bart@mini", "taught", 1, params=2_000_000))
    small, large = picture(sample.students_run(store, rows)).data[2].marker.size
    assert (small / large) ** 2 == pytest.approx(0.5)


def tables_order() -> list[str]:
    return ["bert", "gpt", "roberta", "t5", "xlnet", "albert", "distilbert", "ernie", "electra", "bart"]


def test_the_teacher_is_a_dashed_line_with_its_name(run: Run) -> None:
    figure = picture(run)
    line = figure.layout.shapes[0]
    assert (line.y0, line.y1, line.line.dash) == (80.0, 80.0, "dash")
    assert figure.layout.annotations[-1].text == "MiniLM, the teacher: 80 %, 12 ms, 22.7 M parameters"
    assert figure.layout.yaxis.range[1] > 80


def test_the_title_does_not_let_a_student_as_deep_as_berts_stand_for_distilbert(store: RunStore) -> None:
    """DistilBERT has half of BERT's layers: the mark stays, the claim goes to the next."""
    fast = sample.row("distilbert@mini", "taught", latency_ms_p50=1.0, layers=2)
    others = (sample.row("bert@mini", "taught"), sample.row("gpt@mini", "taught", 1))
    figure = picture(sample.students_run(store, (*others, fast)))
    assert title(figure).startswith("BERT mini, taught by MiniLM")
    assert "DistilBERT" in [note.text for note in figure.layout.annotations]
    half = fast.model_copy(update={"layers": 1})
    assert title(picture(sample.students_run(store, (*others, half)))).startswith("DistilBERT mini, taught by")
    assert title(picture(sample.students_run(store, (fast,)))).startswith("DistilBERT mini, taught by")  # no other


def test_the_title_names_the_fastest_that_may_be_as_good_as_the_best(run: Run) -> None:
    """Each student is right on the texts of the one before and one more. BART has 157, ALBERT 153: four texts that BART
    alone has right may be chance, five may not."""
    four, five = (paired.agresti_min(0, more, 200) or (0, 0) for more in (4, 5))
    assert four[1] > 0 > five[1]
    assert title(picture(run)) == "ALBERT mini, taught by MiniLM: 96 % of its accuracy, 4.0 × as fast"
    assert (
        title(picture(run, "labels")) == "ALBERT mini, on 1,000 labels alone: 88 % of MiniLM's accuracy, 4.0 × as fast"
    )
    assert title(picture(run, "all-labels")).startswith("ALBERT mini, on all 7,984 labels: 98 % of MiniLM's")
    assert title(picture(run, "random")).startswith("ALBERT mini, from random weights: 78 % of MiniLM's")


def test_without_predictions_the_pick_goes_by_intervals_that_are_not_paired(store: RunStore) -> None:
    """BERT 148 of 200 against BART 157: taken as different texts that may be chance."""
    run = sample.students_run(store, predictions=False)
    assert means(run)["behind_high"].isna().all()
    assert title(picture(run)).startswith("BERT mini, taught by MiniLM: 92 %")


def test_a_sole_student_and_equal_ones_are_their_own_best(store: RunStore) -> None:
    one = sample.students_run(store, (sample.row("bert@mini", "taught"),))
    assert title(picture(one)).startswith("BERT mini, ")
    same = tuple(sample.row(name, "taught", latency_ms_p50=ms) for name, ms in (("bert@mini", 3.0), ("gpt@mini", 2.0)))
    assert title(picture(sample.students_run(store, same))).startswith("GPT mini, ")


def test_the_speed_is_said_as_far_as_it_is_known(store: RunStore) -> None:
    old = sample.row("bert@mini", "taught", speedup_low=None, speedup_high=None, busy_cores=None)
    assert title(picture(sample.students_run(store, (old,)))).endswith("6.0 × as fast (single measurement)")
    unsure = sample.row("bert@mini", "taught", speedup=1.1, speedup_low=0.6, speedup_high=2.0, busy_cores=1.0)
    figure = picture(sample.students_run(store, (unsure,)))
    assert title(figure).endswith(", no clear difference in speed")
    assert figure.layout.title.subtitle.text == "measured while other programs used 1 core"
    assert "measured while other programs used 1 core<br>" in figure.data[2].hovertext[0]


def test_the_axes_stand_still_when_the_arm_changes(run: Run) -> None:
    first, second, random = (picture(run, arm) for arm in ("taught", "labels", "random"))
    assert first.layout.xaxis.range == second.layout.xaxis.range
    assert first.layout.yaxis.range == second.layout.yaxis.range
    assert list(first.data[2].y) != list(second.data[2].y)
    assert second.layout.yaxis.range[0] <= 100 * wilson(136, 200).ci_low
    assert random.layout.yaxis.range[0] <= 100 * wilson(120, 200).ci_low < first.layout.yaxis.range[0]


def test_the_time_axis_is_logarithmic_where_a_few_are_much_slower(store: RunStore) -> None:
    rows = (sample.row("bert@mini", "taught"), sample.row("t5@mini", "taught", 1, latency_ms_p50=6.5))
    axis = picture(sample.students_run(store, rows)).layout.xaxis
    assert (axis.type, axis.dtick) == ("log", "D1")  # 2, 3, 4, 5, 6
    rows = (sample.row("bert@mini", "taught"), sample.row("t5@mini", "taught", 1, latency_ms_p50=5.5))
    assert picture(sample.students_run(store, rows)).layout.xaxis.type == "linear"


def test_the_hover_is_a_full_sentence_with_its_source(run: Run) -> None:
    words = picture(run).data[2].hovertext[0]
    assert "BERT mini (taught) is right on 74 % of 200 texts (95 % interval" in words
    assert "92.5 % of its teacher's accuracy, 6.0 × as fast" in words
    assert "1.5 M parameters, exact" in words
    assert "BERT mini, batch 1 × 64 tokens, p50 2 ms (p95 2.2 ms)" in words
    assert words.count("22 Nov 2025 on Test CPU 3000, 2 threads") == 1


def test_means_of_seeds_are_named_as_such(store: RunStore) -> None:
    run = sample.students_run(store, sample.ten(("taught",), seeds=3), seeds=3)
    assert title(picture(run)).endswith("(means of 3 seeds)")


# ── arm by arm ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_student_has_a_row_with_all_its_arms(run: Run) -> None:
    figure = gaps(run)
    assert title(figure) == "Taught by MiniLM, 10 of 10 students beat the same labels alone beyond chance"
    joined, *arms = figure.data
    assert [trace.name for trace in arms] == ["Random weights", "Labels alone", "Taught", "All labels"]
    assert [trace.marker.symbol for trace in arms] == ["circle-open", "diamond", "circle", "square"]
    assert [trace.marker.color for trace in arms] == [
        arm_style.color(arm, False) for arm in ("random", "labels", "taught", "all-labels")
    ]
    assert list(arms[2].x) == pytest.approx([100 * (148 + place) / 200 for place in range(10)])
    first = wilson(148, 200)
    assert arms[2].error_x.array[0] == pytest.approx(100 * (first.ci_high - first.accuracy))
    assert arms[2].error_x.arrayminus[0] == pytest.approx(100 * (first.accuracy - first.ci_low))
    assert list(joined.x[:5]) == [60.0, 68.0, 74.0, 76.0, None]
    assert [round(y) for y in arms[0].y] == list(range(10))  # no arm leaves its row
    assert arms[0].y[0] < arms[1].y[0] < arms[2].y[0] < arms[3].y[0]
    assert list(figure.layout.yaxis.ticktext)[:2] == ["BERT mini", "GPT mini"]
    assert figure.layout.shapes[0].x0 == pytest.approx(80)
    assert figure.layout.annotations[0].text == "MiniLM 80 %"


def test_the_key_and_the_unit_stand_below(run: Run) -> None:
    words = gaps(run).layout.xaxis.title.text
    for sign in ("○ Random weights", "◆ Labels alone", "● Taught", "■ All labels"):
        assert sign in words
    assert words.endswith("accuracy (%), whiskers: 95 % interval")


def test_titles_of_one_student_and_of_none_taught_yet(store: RunStore) -> None:
    one = (sample.row("bert@mini", "labels"), sample.row("bert@mini", "taught"))
    run = sample.students_run(store, one)
    assert title(gaps(run)) == "Taught by MiniLM, the student beats the same labels alone beyond chance"
    worse = (one[0], sample.row("bert@mini", "taught", **wilson(100, 200).model_dump()))
    run = sample.students_run(store, worse)
    assert title(gaps(run)) == "Taught by MiniLM, the student falls behind the same labels alone"
    same = (one[0], sample.row("bert@mini", "taught", **wilson(136, 200).model_dump()))
    assert title(gaps(sample.students_run(store, same))) == (
        "Taught by MiniLM, the student cannot be told from the same labels alone"
    )
    run = sample.students_run(store, (sample.row("bert@mini", "labels"), sample.pending("bert@mini", "taught")))
    assert title(gaps(run)) == "BERT mini reaches 68 % so far"


def test_what_chance_could_reverse_is_not_counted(store: RunStore) -> None:
    """Of ten students, nine gain one text in 200: none was helped beyond chance. The one that loses 30 has lost."""
    names = [f"{key}@mini" for key in tables_order()]
    rows = [sample.row(name, "labels") for name in names]
    counts = [137] * 9 + [106]
    rows += [sample.row(name, "taught", **wilson(n, 200).model_dump()) for name, n in zip(names, counts, strict=True)]
    found = title(gaps(sample.students_run(store, tuple(rows))))
    assert found == "Taught by MiniLM, 0 of 10 students beat the same labels alone beyond chance; 1 falls behind"


def test_without_predictions_nobody_is_counted(store: RunStore) -> None:
    found = title(gaps(sample.students_run(store, predictions=False)))
    assert found == (
        "Taught by MiniLM, students gain 6 points over the same labels alone; "
        "without predictions it is open whether by chance"
    )


def test_the_hover_says_what_the_student_has_read(run: Run) -> None:
    words = gaps(run).data[3].hovertext[0]
    assert words.startswith("BERT mini, taught (1,000 labels, 7,984 texts): right on 74 % of 200 test texts")
    assert "22 Nov 2025" in words


# ── both ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_number_there_is_a_titled_empty_figure(store: RunStore, run: Run) -> None:
    waiting = sample.students_run(store, (sample.pending("bert@mini", "taught"), sample.failed("gpt@mini", "taught")))
    for figure in (picture(waiting), gaps(waiting), picture(run, "random-taught")):
        assert title(figure) == "No student is tested yet"
        assert not figure.data
        assert figure.layout.annotations[0].text


def test_names_from_outside_are_text(store: RunStore) -> None:
    evil = "<a href='javascript:x'>y</a>"
    rows = tuple(sample.row(f"path:{evil}", arm) for arm in ("labels", "taught"))
    run = sample.students_run(store, rows)
    result = run.result()
    assert result is not None
    run.set_result(result.model_copy(update={"teacher": sample.teacher(title=evil)}))
    for figure in (picture(run), gaps(run)):
        assert "<a" not in figure.to_json().replace("\\u003c", "<")


def test_the_dark_theme_has_colors_of_its_own(run: Run) -> None:
    light, dark = (picture(run, dark=dark).data[2].marker for dark in (False, True))
    assert light.line.color[2] != dark.line.color[2]  # RoBERTa
    assert gaps(run).data[1].marker.color != gaps(run, dark=True).data[1].marker.color
    assert picture(run, dark=True).layout.shapes[0].line.color == theme.INK_DARK
