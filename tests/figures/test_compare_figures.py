"""Figures of comparisons: values, computed titles, units on the axes, whiskers, the empty case."""

from __future__ import annotations

from types import ModuleType

import pandas as pd
import plotly.graph_objects as go
import pytest
import sample_runs

from distill_core import units
from distill_core.figures import accuracy, bars, latency, memory_use, overview, parameters, theme, tradeoff
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.tables import compare as tables_compare
from distill_core.tables import families as tables_families

SHARES = {"bert": (0.90, 0.88, 0.92), "distilbert": (0.89, 0.87, 0.91), "albert": (0.80, 0.77, 0.83)}


def frame_of(rows: list | None = None, baseline: str = "bert@structure") -> pd.DataFrame:
    run = sample_runs.compare_run(RunStore(settings().runs_dir), rows)
    return tables_compare.relative_to(tables_compare.compare_frame(run), baseline)


@pytest.fixture
def ten() -> pd.DataFrame:
    return frame_of()


@pytest.fixture
def judged() -> pd.DataFrame:
    return frame_of(
        [
            sample_runs.row(key, accuracy=share, ci_low=low, ci_high=high, n_eval=1000)
            for key, (share, low, high) in SHARES.items()
        ]
    )


def title(figure: go.Figure) -> str:
    return str(figure.layout.title.text)


FIGURES = [parameters, latency, memory_use, accuracy, tradeoff]


@pytest.mark.parametrize("module", FIGURES, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
@pytest.mark.parametrize("relative", [False, True])
def test_empty_input_gives_a_titled_empty_figure(module: ModuleType, relative: bool, ten: pd.DataFrame) -> None:
    figure = module.draw(ten.iloc[:0], relative=relative)
    assert title(figure) == module.EMPTY
    assert not figure.data
    assert figure.layout.annotations[0].text


@pytest.mark.parametrize("module", FIGURES, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
def test_a_row_with_an_error_is_left_out(module: ModuleType) -> None:
    figure = module.draw(frame_of([sample_runs.failed_row("bert")]))
    assert title(figure) == module.EMPTY


def test_parameters_are_exact_millions(ten: pd.DataFrame) -> None:
    figure = parameters.draw(ten)
    bar, text = figure.data
    assert bar.x[0] == pytest.approx(109.48224)
    assert text.text[0].strip() == "109 M"
    assert title(figure) == "ALBERT: 89 % fewer parameters than BERT"
    assert figure.layout.xaxis.title.text == "parameters (millions)"
    assert figure.layout.xaxis.range[0] == 0
    assert "109,482,240 parameters, exact" in bar.hovertext[0]


def test_parameters_relative_to_the_baseline(ten: pd.DataFrame) -> None:
    figure = parameters.draw(ten, relative=True)
    assert figure.data[0].x[0] == 1
    assert figure.layout.xaxis.title.text == "parameters (× baseline)"


def test_parameters_title_when_the_baseline_is_smallest_or_missing() -> None:
    assert title(parameters.draw(frame_of(baseline="albert@structure"))) == "ALBERT is the smallest: 11.7 M parameters"
    assert title(parameters.draw(frame_of(baseline="none"))) == "ALBERT is the smallest: 11.7 M parameters"


def test_latency_has_a_whisker_to_p95(ten: pd.DataFrame) -> None:
    figure = latency.draw(ten)
    bar = figure.data[0]
    assert bar.x[0] == 58.0
    assert bar.error_x.array[0] == pytest.approx(58.0 * 0.05)
    assert bar.error_x.arrayminus[0] == 0
    assert title(figure) == "DistilBERT: 2.0 × as fast as BERT at 1 × 128 tokens"
    assert "(ms)" in figure.layout.xaxis.title.text
    assert "BERT, batch 1 × 128 tokens, p50 58 ms (p95 60.9 ms)" in bar.hovertext[0]
    assert "22 Nov 2025 on Test CPU 3000, 2 threads" in bar.hovertext[0]


def test_latency_title_when_the_baseline_is_fastest() -> None:
    figure = latency.draw(frame_of(baseline="distilbert@structure"))
    assert title(figure) == "DistilBERT is the fastest: 29.4 ms for 1 × 128 tokens"


def test_memory(ten: pd.DataFrame) -> None:
    figure = memory_use.draw(ten)
    assert title(figure) == "ALBERT: 82 % less memory than BERT"
    assert figure.layout.xaxis.title.text == "peak memory (MiB)"
    assert memory_use.draw(ten, relative=True).data[0].x[0] == 1


def test_accuracy_has_its_interval(judged: pd.DataFrame) -> None:
    figure = accuracy.draw(judged)
    bar = figure.data[0]
    assert bar.x[0] == pytest.approx(90)
    assert bar.error_x.array[0] == pytest.approx(2)
    assert bar.error_x.arrayminus[0] == pytest.approx(2)
    assert title(figure) == "BERT is right on 90 % of 1,000 texts; 1 other interval overlaps"
    assert "95 % interval" in figure.layout.xaxis.title.text
    assert figure.layout.xaxis.range[0] == 0


def test_accuracy_relative_to_the_baseline(judged: pd.DataFrame) -> None:
    bar = accuracy.draw(judged, relative=True).data[0]
    assert bar.x[1] == pytest.approx(100 * 0.89 / 0.90)
    assert bar.error_x.array[0] == 0  # the baseline against itself
    assert bar.error_x.array[1] > 0


def test_tradeoff_of_sizes(ten: pd.DataFrame) -> None:
    figure = tradeoff.draw(ten)
    assert title(figure) == "DistilBERT is the fastest, ALBERT the smallest"
    assert figure.layout.yaxis.title.text == "parameters (millions)"
    assert figure.layout.xaxis.title.text == "latency p50 for 1 × 128 tokens (ms)"
    names = [note.text for note in figure.layout.annotations]
    assert names == list(ten["label"])
    frontier = figure.data[1]
    assert frontier.line.shape == "hv"
    assert (29.4, pytest.approx(66.36288)) in list(zip(frontier.x, frontier.y, strict=True))
    assert (56.0, pytest.approx(11.683584)) in list(zip(frontier.x, frontier.y, strict=True))
    assert 58.0 not in frontier.x  # ALBERT beats BERT in both


def test_tradeoff_marks_tell_architectures_apart(ten: pd.DataFrame) -> None:
    marks = dict(zip(ten["family"], tradeoff.draw(ten).data[2].marker.symbol, strict=True))
    assert marks["bert"] == "circle"
    assert marks["gpt"] == "triangle-up"
    assert marks["bart"] == "square"
    assert marks["distilbert"] == "circle-open"


def test_tradeoff_of_accuracies(judged: pd.DataFrame) -> None:
    figure = tradeoff.draw(judged)
    assert title(figure) == "DistilBERT: 2.0 × as fast as BERT, and which is more accurate may be chance"
    assert figure.layout.yaxis.title.text == "accuracy (%)"
    whiskers, frontier, points = figure.data
    assert list(whiskers.y[:2]) == [pytest.approx(88), pytest.approx(92)]
    assert 56.0 not in frontier.x  # ALBERT is beaten by DistilBERT
    assert points.marker.size[0] == pytest.approx(40)  # the largest model has the largest mark
    area = [(size / 40) ** 2 for size in points.marker.size]
    assert area[1] == pytest.approx(66_362_880 / 109_482_240)


def test_tradeoff_when_the_best_is_alone() -> None:
    rows = [
        sample_runs.row("bert", accuracy=0.9, ci_low=0.89, ci_high=0.91, n_eval=5000),
        sample_runs.row("distilbert", accuracy=0.8, ci_low=0.79, ci_high=0.81, n_eval=5000),
        sample_runs.row("gpt"),
    ]
    frame = frame_of(rows)
    assert title(tradeoff.draw(frame)) == "BERT is the most accurate; no faster model comes within chance of it"
    assert tradeoff.left_out(frame) == ["GPT"]
    assert tradeoff.left_out(frame_of()) == []


@pytest.mark.parametrize("baseline", ["bert@structure", "none"])
def test_one_model_alone_is_not_the_best_of_anything(baseline: str) -> None:
    """Of ten models one is measured yet: the titles say what it needs, and compare it with nothing."""
    alone = frame_of([sample_runs.row("bert"), sample_runs.failed_row("albert")], baseline)
    memory = float(alone["peak_memory_mib"].iloc[0])
    assert title(parameters.draw(alone)) == "BERT: 109 M parameters"
    assert title(latency.draw(alone)) == "BERT: 58 ms for 1 × 128 tokens"
    assert title(memory_use.draw(alone)) == f"BERT needs {units.mebibytes(memory)}"
    assert title(tradeoff.draw(alone)) == "BERT: 109 M parameters, 58 ms"
    judged = frame_of([sample_runs.row("bert", accuracy=0.9, ci_low=0.89, ci_high=0.91, n_eval=5000)], baseline)
    assert title(accuracy.draw(judged)) == "BERT is right on 90 % of 5,000 texts"
    assert title(tradeoff.draw(judged)) == "BERT is right on 90 % of 5,000 texts, 58 ms"


def test_the_overview_of_one_family_calls_it_by_its_size() -> None:
    families = tables_families.families_frame()
    figure = overview.draw(families[families["family"] == "gpt"])
    assert title(figure).startswith("GPT: ")
    assert "smallest" not in title(figure)


def test_tradeoff_relative(ten: pd.DataFrame) -> None:
    figure = tradeoff.draw(ten, relative=True)
    assert figure.layout.xaxis.title.text.endswith("(× baseline)")
    assert figure.data[2].x[0] == 1
    assert figure.data[2].y[0] == 1


def test_own_runs_have_a_ring() -> None:
    figure = tradeoff.draw(frame_of([sample_runs.row("bert"), sample_runs.row("bert", model="run:000001-abcdef")]))
    line = figure.data[2].marker.line
    assert line.color[0] != line.color[1]
    assert line.width[1] > line.width[0]


@pytest.mark.parametrize("module", [parameters, latency, memory_use, tradeoff])
def test_names_from_outside_are_text(module: ModuleType) -> None:
    figure = module.draw(frame_of([sample_runs.row("bert", title="<a href='javascript:x'>y</a>")]))
    assert "<a" not in figure.to_json().replace("\\u003c", "<")
    assert "&lt;a" in title(figure)


def test_dark_colors_differ_where_they_must(ten: pd.DataFrame) -> None:
    light, dark = parameters.draw(ten), parameters.draw(ten, dark=True)
    assert light.data[0].marker.color[2] != dark.data[0].marker.color[2]  # RoBERTa
    assert light.layout.font.color == theme.INK
    assert dark.layout.font.color == theme.INK_DARK


def test_an_unknown_family_is_gray_and_a_diamond() -> None:
    assert theme.color("nobody", dark=False) == theme.UNKNOWN
    assert theme.symbol("nobody") == "diamond"
    figure = parameters.draw(frame_of([sample_runs.row("bert").model_copy(update={"family": "nobody"})]))
    assert figure.data[0].marker.color[0] == bars.rgba(theme.UNKNOWN)


def test_overview_puts_sizes_beside_times(ten: pd.DataFrame) -> None:
    figure = overview.draw(tables_families.families_frame(), ten)
    assert title(figure) == "DistilBERT: 39 % fewer parameters than BERT, 2.0 × as fast"
    sizes, _, times, _ = figure.data
    assert list(sizes.y) == list(times.y)
    assert sizes.y[0] == "T5"
    assert times.x[list(times.y).index("BERT")] == 58.0
    assert figure.layout.xaxis2.title.text == "latency (ms)"


@pytest.mark.parametrize("speeds", [None, pd.DataFrame(columns=list(tables_compare.COMPARE_COLUMNS))])
def test_overview_without_times(speeds: pd.DataFrame | None) -> None:
    figure = overview.draw(tables_families.families_frame(), speeds)
    assert title(figure) == "DistilBERT: 39 % fewer parameters than BERT"
    assert len(figure.data) == 2


def test_overview_without_families() -> None:
    assert title(overview.draw(tables_families.families_frame().iloc[:0])) == "No families"


def test_figures_are_small(ten: pd.DataFrame) -> None:
    """Thirty sessions draw them again and again: plotly's own template alone would be 6 kB."""
    assert len(parameters.draw(ten).to_json()) < 6000
    assert len(tradeoff.draw(ten).to_json()) < 9000
