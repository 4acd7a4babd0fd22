"""Take apart: three questions, form, live rows, results with their errors, command; no teacher, bad recipes."""

from __future__ import annotations

import pandas as pd
import pytest
import sample_ablation
import sample_training as sample
from streamlit.testing.v1 import AppTest
from training_pages import inline, open_page, own, recorded, texts

from distill_core import kinds
from distill_core.cli.flags import spec_values
from distill_core.cli.main import build_parser
from distill_core.figures import ablation, report
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec
from distill_core.tables import ablation as tables_ablation

__all__ = ["inline", "recorded"]
PAGE = "pages/take_apart.py"
GRID = {"sweep_temperatures": (1, 2, 4), "sweep_soft": (0.25, 0.75)}


@pytest.fixture
def teacher() -> Run:
    return sample.finetune_run(own(), arms=("pretrained", "scratch"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[DistillSpec]:
    """What the button submits; nothing is started."""
    from pages.parts.shared import run_panel

    found: list[DistillSpec] = []

    def submit(spec: DistillSpec) -> str:
        found.append(spec)
        return own().create(spec).id

    monkeypatch.setattr(run_panel, "submit", submit)
    return found


def table(app: AppTest, index: int = 0) -> list[str]:
    return list(app.dataframe[index].value.columns)


# ── before any result ────────────────────────────────────────────────────────────────────────────────────────────


def test_without_anything_the_page_says_what_to_do() -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "You have no teacher of your own yet" in texts(app)
    assert "Nothing is taken apart yet" in texts(app)
    assert "Press Leave out one at a time: results appear one by one." in texts(app)


def test_the_form_says_what_it_will_do(teacher: Run) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert app.selectbox(key="ta_teacher").value == f"run:{teacher.id}"
    assert "15 students: 5 recipes × 3 seeds. All learn from one pass of the teacher." in texts(app)
    assert app.button(key="ta_start").label.startswith("Leave out one at a time · about ")


def test_an_ablation_is_submitted_as_the_form_says(teacher: Run, asked: list[DistillSpec]) -> None:
    app = open_page(PAGE)
    app.get_by_key("ta_ingredients").set_value(["soft", "hard", "hidden"]).run()
    app.number_input(key="ta_hidden").set_value(0.75)
    app.get_by_key("ta_labeled").set_value(200)
    app.slider(key="ta_seeds").set_value(2).run()
    assert "Losses on inner states run the teacher beside the student." in texts(app)
    assert "200 of 2,000 texts keep their label; 90 % teach through the teacher alone." in texts(app)
    app.button(key="ta_start").click().run()
    assert not app.exception
    spec = asked[0]
    assert spec.ablation
    assert (spec.soft, spec.hard, spec.cosine, spec.hidden, spec.init) == (0.5, 0.5, 0.0, 0.75, "random")
    assert (spec.seeds, spec.labeled_examples, spec.train_examples) == (2, 200, 2000)
    assert app.query_params["ta_run"] == own().list()[-1].id


def test_a_sweep_is_submitted_as_the_form_says(teacher: Run, asked: list[DistillSpec]) -> None:
    app = open_page(PAGE, ta_question="Temperature and weight")
    assert "16 students: 16 settings." in texts(app)
    assert "Which temperature, and how much weight" in texts(app)
    app.get_by_key("ta_taus").set_value([4.0, 1.0])
    app.get_by_key("ta_softs").set_value([1.0, 0.5, 0.0]).run()
    assert "6 students: 6 settings." in texts(app)
    app.button(key="ta_start").click().run()
    assert (asked[0].sweep_temperatures, asked[0].sweep_soft) == ((1.0, 4.0), (0.0, 0.5, 1.0))
    assert not asked[0].ablation


def test_depths_are_submitted_as_the_form_says(teacher: Run, asked: list[DistillSpec]) -> None:
    app = open_page(PAGE, ta_question="Depth")
    assert "6 students: 6 depths." in texts(app)
    app.slider(key="ta_depth_soft").set_value(0.75).run()
    app.button(key="ta_start").click().run()
    assert asked[0].sweep_layers == (1, 2, 3, 4, 5, 6)
    assert (asked[0].soft, asked[0].hard) == (0.75, 0.25)


def test_one_ingredient_is_refused_with_a_way_out(teacher: Run) -> None:
    app = open_page(PAGE)
    app.get_by_key("ta_ingredients").set_value(["soft"]).run()
    assert not app.exception
    assert "There is nothing to compare" in texts(app)
    assert "Choose at least two ingredients" in texts(app)
    assert app.button(key="ta_start").disabled
    app.get_by_key("ta_ingredients").set_value([]).run()
    assert not app.exception
    assert "All loss weights are 0" in texts(app)


# ── results ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_ablation_is_answered_in_points_beside_the_paper(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}")
    app = open_page(PAGE, ta_run=run.id)
    assert not app.exception
    shown = texts(app)
    assert "With a random start the student loses " in shown
    assert "Other test texts would move a difference by about ±" in shown
    assert ":violet-badge[published]" in shown
    assert ":blue-badge[measured] 22 Nov 2025 on Test CPU 3000" in shown
    frame = app.dataframe[0].value.set_index("arm")
    assert frame.loc["no soft", "published_points"] == -2.96
    assert frame.loc["no soft", "difference_points"] < 0
    assert frame["published_points"].notna().sum() == 4


def test_the_shared_teacher_is_counted(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}", epochs=3)
    shown = texts(open_page(PAGE, ta_run=run.id))
    assert "The teacher read the texts once (4 s); without its cache 15 students would have needed 45 passes" in shown


def test_a_link_to_a_sweep_brings_its_question(teacher: Run) -> None:
    run = sample_ablation.sample_run(own(), teacher=f"run:{teacher.id}", **GRID)
    app = open_page(PAGE, ta_run=run.id)
    assert not app.exception
    assert app.get_by_key("ta_question").value == "weights"
    assert "τ = 4 with soft weight 0.75 is best" in texts(app)
    app.get_by_key("ta_quantity").set_value("kl_to_teacher").run()
    assert "comes closest to its teacher: KL " in texts(app)
    assert "temperature" in table(app)


def test_depths_stand_beside_distilbert(teacher: Run) -> None:
    run = sample_ablation.sample_run(own(), teacher=f"run:{teacher.id}", sweep_layers=(1, 2, 3, 6))
    app = open_page(PAGE, ta_run=run.id)
    assert "3 layers are the fewest that keep 97 % of the accuracy" in texts(app)
    app.get_by_key("ta_x").set_value("time_share").run()
    assert not app.exception
    assert "of the time" in texts(app)


def test_a_map_at_several_depths_asks_which(teacher: Run) -> None:
    run = sample_ablation.sample_run(own(), teacher=f"run:{teacher.id}", sweep_layers=(2, 3), **GRID)
    app = open_page(PAGE, ta_run=run.id)
    assert not app.exception
    assert len(app.dataframe[0].value) == 6
    app.selectbox(key="ta_part_layers").set_value(3).run()
    assert set(app.dataframe[0].value["layers"]) == {3}


def test_errors_are_counted_and_shown_as_text_alone(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}")
    app = open_page(PAGE, ta_run=run.id, ta_arm="Without soft targets, seed 1")
    assert not app.exception
    assert app.selectbox(key="ta_arm").value == "no soft-1"
    report = next(one for one in run.result().students if (one.arm, one.seed) == ("no soft", 1))  # type: ignore[union-attr]
    assert f"Without soft targets, seed 1 has {report.inherited_errors:,} errors in common" in texts(app)
    assert len(app.dataframe[1].value) == report.new_errors
    assert "<b>a film</b>" in app.dataframe[1].value["text"].iloc[0]
    assert "a film" not in texts(app)
    app.get_by_key("ta_group").set_value("repaired").run()
    assert len(app.dataframe[1].value) == report.repaired_errors
    assert set(app.dataframe[1].value["group"]) == {"repaired"}


def test_without_predictions_the_rest_of_the_page_lives(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}")
    run.predictions_file.unlink()
    app = open_page(PAGE, ta_run=run.id)
    assert not app.exception
    assert "has kept no predictions" in texts(app)
    assert "With a random start the student loses " in texts(app)


def test_the_command_runs_it_again(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}")
    app = open_page(PAGE, ta_run=run.id)
    line = next(code.value for code in app.code if code.value.startswith("python -m distill_core"))
    parsed = build_parser().parse_args(line.split()[3:])
    assert kinds.parse_spec(spec_values(parsed, "distill")) == run.spec()


def test_it_can_be_taken_away(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}")
    app = open_page(PAGE, ta_run=run.id)
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["CSV", "JSON", "HTML"]


def test_rows_appear_while_it_runs(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}", done=2)
    run.add_metrics(sample.metrics("all-0", 0.82, terms=("soft", "hard")))
    app = open_page(PAGE, ta_run=run.id)
    assert not app.exception
    shown = texts(app)
    assert "No ingredient makes a difference beyond the chance of these texts" in shown
    assert app.dataframe[0].value["difference_points"].notna().sum() == 1
    assert app.button(key=f"stop_{run.id}")
    assert "Where does a student err" not in shown


def test_the_recorded_ablation_is_shown_first(recorded: RunStore, teacher: Run) -> None:
    sample_ablation.ablation(own(), teacher=f"run:{teacher.id}")
    kept = sample_ablation.ablation(recorded, seeds=1)
    app = open_page(PAGE)
    assert not app.exception
    assert app.selectbox(key="ta_result").value == kept.id
    assert "Recorded elsewhere. Press Leave out one at a time to make it your own." in texts(app)
    assert ":blue-badge[recorded]" in texts(app)
    assert "put a teacher of your own in its place" in texts(app)


def test_another_result_can_be_picked(teacher: Run) -> None:
    older, newer = (sample_ablation.ablation(own(), teacher=f"run:{teacher.id}", seeds=n) for n in (1, 3))
    app = open_page(PAGE)
    assert app.selectbox(key="ta_result").value == newer.id
    app.selectbox(key="ta_result").set_value(older.id).run()
    assert not app.exception
    assert app.query_params["ta_run"] == older.id
    assert "as far as one seed can tell" in texts(app)


def test_an_unknown_run_is_said_once(teacher: Run) -> None:
    app = open_page(PAGE, ta_run="999999-abcdef")
    assert not app.exception
    assert texts(app).count("There is no run 999999-abcdef.") == 1
    assert "Nothing is taken apart yet" in texts(app)


def test_the_way_on_carries_the_best_setting(teacher: Run) -> None:
    run = sample_ablation.sample_run(own(), teacher=f"run:{teacher.id}", **GRID)
    app = open_page(PAGE, ta_run=run.id)
    link = next(link for link in app.page_link if link.label.startswith("Distill with"))
    assert link.label == "Distill with τ = 4 and soft weight 0.75"
    query = link.proto.query_string
    assert f"teacher=run%3A{teacher.id}" in query
    assert "d_tau=4.0" in query
    assert "d_soft=0.75" in query
    assert "d_hard=0.25" in query


def test_a_weight_that_distill_cannot_show_is_left_out(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}", cosine=5.0)
    app = open_page(PAGE, ta_run=run.id)
    link = next(link for link in app.page_link if link.label.startswith("Distill with"))
    assert "d_cosine" not in link.proto.query_string


def test_a_failed_run_says_why(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}", done=3)
    run.set_state(state="failed", message="The loss is no longer a number.", hint="Lower the learning rate.")
    app = open_page(PAGE, ta_run=run.id)
    assert not app.exception
    assert "The run failed" in texts(app)
    assert "Lower the learning rate." in texts(app)
    assert app.dataframe[0].value["difference_points"].notna().sum() == 2


def test_a_student_of_another_run_gives_way(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}", seeds=1)
    sample_ablation.sample_run(own(), teacher=f"run:{teacher.id}", sweep_layers=(1, 2))
    app = open_page(PAGE, ta_run=run.id)
    app.selectbox(key="ta_arm").set_value("no soft").run()
    app.get_by_key("ta_question").set_value("layers").run()
    assert not app.exception
    assert app.selectbox(key="ta_arm").value == "layers 1"
    assert "1 layer has " in texts(app)


def test_texts_that_did_not_come_along_are_numbered_and_said(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}", seeds=1)
    frame = pd.read_parquet(run.predictions_file)
    frame.assign(text=None).to_parquet(run.predictions_file, index=False)
    app = open_page(PAGE, ta_run=run.id)
    assert not app.exception
    assert app.dataframe[1].value["text"].str.fullmatch(r"Test text [\d,]+").all()
    assert "Fetch them with `python -m distill_core assets`." in texts(app)


def test_the_page_to_take_away_holds_figure_and_numbers(teacher: Run) -> None:
    run = sample_ablation.ablation(own(), teacher=f"run:{teacher.id}")
    frame = tables_ablation.ablation_frame(run)
    html = report.draw("Take-apart", "measured", [ablation.draw(frame)], frame)
    assert "Without soft targets" in html
    assert "-2.96" in html
    assert "n/a" in html
