"""Compare: the recorded result, an own one, live rows, bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
import sample_runs
import sample_training
from streamlit.testing.v1 import AppTest

from distill_core.errors import LaunchError
from distill_core.results import CompareResult
from distill_core.runs.store import RunStore
from pages.parts.shared import device_badge, run_panel, stored_runs

APP = str(Path(__file__).parents[2] / "app.py")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """No probe, no queue, and a recorded comparison of the test's own."""
    recorded = RunStore(tmp_path / "recorded")
    monkeypatch.setattr(stored_runs, "RECORDED", recorded)
    monkeypatch.setattr(device_badge, "show", lambda: None)
    monkeypatch.setattr(run_panel, "tick", lambda: None)
    return recorded


def compare(**query: object) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=20).run()
    for name, value in query.items():
        app.query_params[name] = value
    return app.switch_page("pages/compare.py").run()


def texts(app: AppTest) -> str:
    """What a reader sees, without the backslashes that keep it from being Markdown."""
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption]).replace("\\", "")


def test_nothing_measured_yet() -> None:
    app = compare()
    assert not app.exception
    assert "No comparison yet" in texts(app)
    assert not app.get("plotly_chart")
    assert "about 55 s" in app.button(key="cmp_measure").label


def test_the_recorded_result_is_shown_first(alone: RunStore) -> None:
    run = sample_runs.compare_run(alone)
    app = compare()
    assert not app.exception
    assert app.selectbox(key="cmp_run").value == run.id
    assert "DistilBERT is the fastest, ALBERT the smallest" in texts(app)
    assert ":blue-badge[recorded] 22 Nov 2025 on Test CPU 3000" in texts(app)
    assert len(app.get("plotly_chart")) == 4  # no accuracy is claimed
    assert "No accuracy is claimed here" in texts(app)
    table = app.dataframe[0].value
    assert len(table) == 10
    assert "differ" not in texts(app)


def test_make_it_your_own(alone: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    sample_runs.compare_run(alone)
    asked = []

    def submit(spec: object) -> str:
        asked.append(spec)
        return sample_runs.compare_run(stored_runs.own()).id

    monkeypatch.setattr(run_panel, "submit", submit)
    app = compare()
    app.button(key="cmp_again").click().run()
    assert not app.exception
    assert len(asked[0].models) == 10
    assert app.selectbox(key="cmp_run").value == stored_runs.own().list()[0].id
    assert ":blue-badge[measured]" in texts(app)


def test_measure_asks_for_what_the_form_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def submit(spec: object) -> str:
        asked.append(spec)
        return sample_runs.compare_run(stored_runs.own(), [sample_runs.row("bert")]).id

    monkeypatch.setattr(run_panel, "submit", submit)
    app = compare(cmp_models=["BERT", "minilm"], cmp_batch=["1", "8"], cmp_dataset="movies")
    app.button(key="cmp_measure").click().run()
    assert not app.exception
    assert [str(ref) for ref in asked[0].models] == ["bert@structure", "minilm"]
    assert asked[0].batch_sizes == (1, 8)
    assert str(asked[0].dataset) == "movies"
    assert "differ" in texts(app)  # the run that the test returns is another one


def test_baseline_and_relative_numbers() -> None:
    run = sample_runs.compare_run(stored_runs.own())
    app = compare(cmp_run=run.id, cmp_baseline="DistilBERT", cmp_relative="true")
    assert not app.exception
    table = app.dataframe[0].value.set_index("label")
    assert table.loc["DistilBERT", "params_ratio"] == 1
    assert table.loc["BERT", "speedup"] == pytest.approx(29.4 / 58.0)
    assert "DistilBERT is the fastest: 29.4 ms" in texts(app)


def test_a_disturbed_comparison_says_so_and_shows_its_intervals() -> None:
    rows = [sample_runs.row("bert"), sample_runs.row("distilbert", busy_cores=1.34)]
    app = compare(cmp_run=sample_runs.compare_run(stored_runs.own(), rows).id)
    assert not app.exception
    assert "measured while other programs used up to 1.3 cores" in texts(app)
    table = app.dataframe[0].value.set_index("label")
    assert list(table.loc["DistilBERT", ["speedup_low", "speedup_high"]]) == pytest.approx(
        [0.97 * 58.0 / 29.4, 1.03 * 58.0 / 29.4]
    )
    assert table.loc["DistilBERT", "baseline_ms"] == 58.0
    assert table.loc["DistilBERT", "busy_cores"] == 1.34


def test_an_older_comparison_has_single_measurements() -> None:
    app = compare(cmp_run=sample_runs.compare_run(stored_runs.own(), paired=False).id)
    assert not app.exception
    assert "2.0 × as fast as BERT at 1 × 128 tokens (single measurement)" in texts(app)
    assert "measured while" not in texts(app)


def test_a_cell_can_be_chosen() -> None:
    rows = [sample_runs.row(key, batch) for key in ("bert", "distilbert") for batch in (1, 8)]
    run = sample_runs.compare_run(stored_runs.own(), rows, batch_sizes=(1, 8))
    app = compare(cmp_run=run.id)
    app.selectbox(key="cmp_cell").select("8 × 128").run()
    assert not app.exception
    assert "at 8 × 128 tokens" in texts(app)


def test_a_failed_model_stands_beside_the_rest() -> None:
    run = sample_runs.compare_run(stored_runs.own(), [sample_runs.row("bert"), sample_runs.failed_row("bart")])
    app = compare(cmp_run=run.id)
    assert not app.exception
    assert "Not enough memory" in app.warning[0].value
    assert len(app.get("plotly_chart")) == 4


def test_rows_appear_while_the_run_is_live() -> None:
    run = sample_runs.compare_run(stored_runs.own(), [sample_runs.row("bert")], state="running")
    app = compare(cmp_run=run.id)
    assert not app.exception
    assert app.progress
    assert "BERT: 109 M parameters, 58 ms" in texts(app)
    assert "fastest" not in texts(app)


def test_a_live_run_without_rows() -> None:
    run = sample_runs.compare_run(stored_runs.own(), [], state="running")
    app = compare(cmp_run=run.id)
    assert not app.exception
    assert "Nothing to weigh up yet" in texts(app)
    assert not app.get("plotly_chart")


def test_the_pickers_have_a_choice_as_soon_as_rows_are_there() -> None:
    run = sample_runs.compare_run(stored_runs.own(), [], state="running", models=["bert@structure"])
    app = compare(cmp_run=run.id)
    rows = (sample_runs.row("bert"),)
    run.set_result(CompareResult(baseline="bert@structure", dataset="none", rows=rows))
    app.run()
    assert not app.exception
    assert app.selectbox(key="cmp_baseline").value == "BERT"
    assert app.selectbox(key="cmp_cell").value == "1 × 128"


def test_a_failed_run_says_why() -> None:
    run = sample_runs.compare_run(stored_runs.own(), [sample_runs.row("bert")], state="failed")
    app = compare(cmp_run=run.id)
    assert not app.exception
    assert "The run failed" in str(app.error[0].proto)
    assert app.get("plotly_chart")


@pytest.mark.parametrize("run_id", ["../../etc/passwd", "000099-abcdef", "<script>", "x" * 500])
def test_an_unknown_run_is_a_message(run_id: str) -> None:
    app = compare(cmp_run=run_id)
    assert not app.exception
    assert app.error
    assert app.button(key="cmp_measure")


@pytest.mark.parametrize("models", [["foo@bar"], ["bert@structure", "BERT"], ["run:../x"], ["hub:../../x"]])
def test_bad_models_are_a_message(models: list[str]) -> None:
    app = compare(cmp_models=models)
    assert not app.exception
    assert app.error
    assert app.button(key="cmp_measure").disabled


def test_a_damaged_run_is_a_message() -> None:
    run = sample_runs.compare_run(stored_runs.own())
    (run.path / "spec.json").write_text("{", encoding="utf-8")
    app = compare(cmp_run=run.id)
    assert not app.exception
    assert "damaged" in str(app.error[0].proto)


def test_a_run_of_another_kind_is_said_with_the_way_to_its_page(alone: RunStore) -> None:
    """A recorded one too: its id can be typed into the address."""
    run = sample_training.finetune_run(alone)
    app = compare(cmp_run=run.id)
    assert not app.exception
    assert "is of another kind (Fine-tune)" in app.info[0].value
    assert any(link.proto.query_string == f"ft_run={run.id}" for link in app.get("page_link"))
    assert app.button(key="cmp_measure")


def test_a_full_queue_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def submit(self, spec: object, token: str | None = None, owner: str = "") -> None:
            raise LaunchError("The queue is full.", "Try again in 5 minutes.")

        def tick(self) -> None: ...

    monkeypatch.setattr(run_panel, "get_launcher", Full)
    app = compare()
    app.button(key="cmp_measure").click().run()
    assert not app.exception
    assert "Try again" in app.error[0].value
