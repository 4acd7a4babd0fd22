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


def old_frame(rows: list | None = None, baseline: str = "bert@structure") -> pd.DataFrame:
    """Of a run in which the models took no turns."""
    run = sample_runs.compare_run(RunStore(settings().runs_dir), rows, paired=False)
    return tables_compare.relative_to(tables_compare.compare_frame(run), baseline)


def test_a_ratio_of_an_older_run_is_marked_wherever_it_is_said() -> None:
    old = old_frame()
    assert title(latency.draw(old)) == "DistilBERT: 2.0 × as fast as BERT at 1 × 128 tokens (single measurement)"
    assert title(overview.draw(tables_families.families_frame(), old)).endswith("1 × 128 tokens (single measurement)")
    rows = [
        sample_runs.row(key, accuracy=0.9, ci_low=0.88, ci_high=0.92, n_eval=1000) for key in ("bert", "distilbert")
    ]
    rows[0] = rows[0].model_copy(update={"accuracy": 0.91})
    assert "2.0 × as fast as BERT (single measurement)" in title(tradeoff.draw(old_frame(rows)))


def unsure(off: float, ms: float = 52.0) -> pd.DataFrame:
    """ALBERT is a little faster than BERT, with a ratio whose limits are so far off."""
    bert = sample_runs.row("bert", accuracy=0.91, ci_low=0.88, ci_high=0.92, n_eval=1000)
    albert = sample_runs.row("albert", latency_ms_p50=ms, accuracy=0.9, ci_low=0.88, ci_high=0.92, n_eval=1000)
    return old_frame([bert, sample_runs.in_turns(albert, bert, off)])


def test_a_ratio_whose_interval_holds_1_is_not_stated() -> None:
    assert title(latency.draw(unsure(0.1))) == "ALBERT: 1.1 × as fast as BERT at 1 × 128 tokens"
    assert title(latency.draw(unsure(0.11))) == "ALBERT: about as fast as BERT at 1 × 128 tokens"
    assert title(latency.draw(unsure(0.5))) == "ALBERT: no clear difference in speed from BERT at 1 × 128 tokens"
    assert title(tradeoff.draw(unsure(0.11))).startswith("ALBERT: about as fast as BERT, and which is")


def test_no_model_is_called_the_fastest_on_an_interval_that_holds_1() -> None:
    sizes = unsure(0.11).assign(accuracy=pd.NA)
    assert title(tradeoff.draw(sizes)) == "No model is clearly the fastest; ALBERT is the smallest"
    assert title(tradeoff.draw(unsure(0.05).assign(accuracy=pd.NA))) == "ALBERT is both the fastest and the smallest"
    slower = unsure(0.11, 60.0)
    assert title(latency.draw(slower)) == "BERT: 58 ms for 1 × 128 tokens; no model is clearly faster"


@pytest.mark.parametrize("module", [latency, tradeoff, overview])
def test_a_disturbed_measurement_is_seen_below_the_title(module: ModuleType) -> None:
    rows = [sample_runs.row("bert"), sample_runs.row("distilbert", busy_cores=1.34)]
    frame = frame_of(rows)
    figure = module.draw(tables_families.families_frame(), frame) if module is overview else module.draw(frame)
    assert figure.layout.title.subtitle.text == "measured while other programs used up to 1.3 cores"
    words = [text for trace in figure.data for text in trace.hovertext or ()]
    assert sum("measured while other programs used 1.3 cores" in text for text in words) == 1


@pytest.mark.parametrize("module", [latency, tradeoff])
def test_of_a_quiet_measurement_nothing_is_said(module: ModuleType, ten: pd.DataFrame) -> None:
    assert module.draw(ten).layout.title.subtitle.text is None


def test_relative_bars_have_the_interval_of_the_ratio(ten: pd.DataFrame) -> None:
    figure = latency.draw(ten, relative=True)
    place = list(ten["family"]).index("distilbert")
    bar, ratio = figure.data[0], 58.0 / 29.4
    assert bar.x[place] == pytest.approx(1 / ratio)
    assert bar.error_x.array[place] == pytest.approx(1 / (0.97 * ratio) - 1 / ratio)
    assert bar.error_x.arrayminus[place] == pytest.approx(1 / ratio - 1 / (1.03 * ratio))
    assert bar.error_x.array[0] == 0
    assert figure.layout.xaxis.title.text == "time for 1 × 128 tokens (× baseline), whiskers: 95 % interval"


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
    assert tradeoff.left_out(frame) == ["GPT (random weights)"]
    assert tradeoff.left_out(frame_of()) == []


@pytest.mark.parametrize("baseline", ["bert@structure", "none"])
def test_one_model_alone_is_not_the_best_of_anything(baseline: str) -> None:
    """Of ten models one is measured yet: the titles say what it needs, and compare it with nothing."""
    alone = frame_of([sample_runs.row("bert"), sample_runs.failed_row("albert")], baseline)
    memory = float(alone["peak_memory_mib"].iloc[0])
    assert title(parameters.draw(alone)) == "BERT: 109 M parameters"
    assert title(latency.draw(alone)) == "BERT: 58 ms for 1 × 128 tokens"
    assert title(memory_use.draw(alone)) == f"BERT needs {units.mebibytes(memory)}"
    assert title(tradeoff.draw(alone)) == "BERT: 109 M parameters, 58 ms for 1 × 128 tokens"
    judged = frame_of([sample_runs.row("bert", accuracy=0.9, ci_low=0.89, ci_high=0.91, n_eval=5000)], baseline)
    assert title(accuracy.draw(judged)) == "BERT is right on 90 % of 5,000 texts"
    assert title(tradeoff.draw(judged)) == "BERT is right on 90 % of 5,000 texts, 58 ms for 1 × 128 tokens"


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
    figure = module.draw(frame_of([sample_runs.row("bert", model="path:<a href='javascript:x'>y</a>")]))
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
    assert title(figure) == (
        "Full-size DistilBERT, 66.4 M: 39 % fewer parameters than BERT, 2.0 × as fast at 1 × 128 tokens"
    )
    sizes, _, times, _ = figure.data
    assert list(sizes.y) == list(times.y)
    assert sizes.y[0] == "T5"
    assert times.x[list(times.y).index("BERT")] == 58.0
    assert figure.layout.xaxis2.title.text == "latency, 1 × 128 tokens (ms)"


@pytest.mark.parametrize("speeds", [None, pd.DataFrame(columns=list(tables_compare.COMPARE_COLUMNS))])
def test_overview_without_times(speeds: pd.DataFrame | None) -> None:
    figure = overview.draw(tables_families.families_frame(), speeds)
    assert title(figure) == "Full-size DistilBERT, 66.4 M: 39 % fewer parameters than BERT"
    assert len(figure.data) == 2


def test_overview_without_families() -> None:
    assert title(overview.draw(tables_families.families_frame().iloc[:0])) == "No families"


def test_figures_are_small(ten: pd.DataFrame) -> None:
    """Thirty sessions draw them again and again: plotly's own template alone would be 6 kB."""
    assert len(parameters.draw(ten).to_json()) < 6000
    assert len(tradeoff.draw(ten).to_json()) < 9000
