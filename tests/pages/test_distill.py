"""Distill: form, formula, live curves, result card; no teacher yet, a link with its teacher, bad weights."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
import sample_ablation
import sample_training as sample
from training_pages import inline, open_page, own, recorded, texts

from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec
from pages.parts.take_apart import link as take_apart_link

__all__ = ["inline", "recorded"]
PAGE = "pages/distill.py"


@pytest.fixture
def teacher() -> Run:
    return sample.finetune_run(own(), arms=("pretrained", "scratch"))


def formula(app: object) -> str:
    return app.latex[0].value  # type: ignore[attr-defined]


def test_without_a_teacher_the_way_to_one_is_shown() -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "You have no teacher of your own yet" in texts(app)
    assert "No student yet" in texts(app)


def test_the_form_knows_its_teacher(teacher: Run) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert app.selectbox(key="d_teacher").value == f"run:{teacher.id}"
    assert "6 layers, right on 84.2 % of its test texts." in texts(app)
    assert app.slider(key="d_layers").max == 6
    assert app.slider(key="d_layers").value == 3
    assert "Copies the teacher's layers 0, 2, 5" in texts(app)
    assert app.button(key="d_start").label.startswith("Distill here · about ")


def test_the_formula_moves_with_the_sliders(teacher: Run) -> None:
    app = open_page(PAGE)
    assert r"0.5\,\tau^2\,\mathrm{KL}" in formula(app)
    assert r"\cos" not in formula(app)
    app.slider(key="d_soft").set_value(0.8)
    app.slider(key="d_cosine").set_value(0.25)
    app.slider(key="d_tau").set_value(4.0).run()
    assert r"0.8\,\tau^2" in formula(app)
    assert r"0.25\,(1-\cos" in formula(app)
    assert "At τ = 4, a teacher that is 98 % sure of one of two classes says 72.6 %." in texts(app)


def test_weights_of_zero_are_refused_with_a_way_out(teacher: Run) -> None:
    app = open_page(PAGE)
    app.slider(key="d_soft").set_value(0.0)
    app.slider(key="d_hard").set_value(0.0).run()
    assert not app.exception
    assert "All loss weights are 0" in texts(app)
    assert app.button(key="d_start").disabled


def test_the_request_is_what_the_form_says(teacher: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.parts.shared import run_panel

    asked: list[DistillSpec] = []

    def submit(spec: DistillSpec) -> str:
        asked.append(spec)
        return sample.distill_run(own(), str(spec.teacher)).id

    monkeypatch.setattr(run_panel, "submit", submit)
    app = open_page(PAGE)
    app.slider(key="d_layers").set_value(2)
    app.get_by_key("d_map").set_value("last")
    assert app.get_by_key("d_arms").value == ["distilled", "init-only", "scratch"]
    app.get_by_key("d_arms").set_value(["distilled", "init-only"])
    app.button(key="d_start").click().run()
    assert not app.exception
    spec = asked[0]
    assert str(spec.teacher) == f"run:{teacher.id}"
    assert (spec.student_layers, spec.layer_map, spec.arms) == (2, "last", ("distilled", "init-only"))
    assert app.query_params["d_run"] == own().list()[-1].id


def test_a_link_brings_its_teacher(teacher: Run) -> None:
    newer = sample.finetune_run(own(), arms=("pretrained",))
    app = open_page(PAGE)
    assert app.selectbox(key="d_teacher").value == f"run:{newer.id}"
    app = open_page(PAGE, teacher=f"run:{teacher.id}")
    assert not app.exception
    assert app.selectbox(key="d_teacher").value == f"run:{teacher.id}"


def test_the_result_stands_beside_the_published_claims(teacher: Run) -> None:
    students = (sample.student(), sample.student("scratch", 0.69))
    arms = ("distilled", "init-only", "scratch")
    run = sample.distill_run(own(), f"run:{teacher.id}", students=students, arms=arms)
    app = open_page(PAGE, d_run=run.id)
    assert not app.exception
    shown = texts(app)
    assert "23 % fewer parameters, 1.9 × as fast as the teacher, 97 % of the accuracy kept" in shown
    assert "Distilled keeps 97 % of its teacher's accuracy, from scratch 82 %" in shown
    assert "Distilled has 121 errors in common with its teacher, makes 62 new ones and repairs 38" in shown
    assert ":violet-badge[published]" in shown
    assert ":blue-badge[measured] 22 Nov 2025 on Test CPU 3000" in shown
    assert "Settings changed" not in shown
    assert [metric.value for metric in app.metric] == ["93 %", "17.4 M", "6.6 ms"]
    app.get_by_key("d_student").set_value("From scratch").run()
    assert "82 % of the accuracy kept" in texts(app)


def test_what_soft_targets_are_worth_is_computed_or_the_control_is_asked_for(teacher: Run) -> None:
    students = (sample.student(), sample.student("init-only", 0.81))
    run = sample.distill_run(own(), f"run:{teacher.id}", students=students, arms=("distilled", "init-only"))
    assert "Soft targets added +0.8 points" in texts(open_page(PAGE, d_run=run.id))
    run = sample.distill_run(own(), f"run:{teacher.id}", arms=("distilled", "scratch"))
    shown = texts(open_page(PAGE, d_run=run.id))
    assert "Add Copied layers to see what the soft targets themselves are worth." in shown
    assert "were worth" not in shown


def test_it_links_to_compare_with_both_models(teacher: Run) -> None:
    run = sample.distill_run(own(), f"run:{teacher.id}")
    app = open_page(PAGE, d_run=run.id)
    link = next(link for link in app.page_link if "Compare both" in link.label)
    assert f"cmp_models=run%3A{teacher.id}" in link.proto.query_string
    assert f"cmp_models=run%3A{run.id}" in link.proto.query_string


def test_live_curves_have_the_teacher(teacher: Run) -> None:
    run = sample.distill_run(own(), f"run:{teacher.id}", state="running")
    app = open_page(PAGE, d_run=run.id)
    assert not app.exception
    shown = texts(app)
    assert "its teacher on 84 % of the test texts" in shown
    assert "Distilled: the loss went from" in shown
    assert "points from its teacher on 2 test texts" in shown
    assert len(app.get("plotly_chart")) == 3
    app.get_by_key("d_curve").set_value("agreement").run()
    assert "Distilled says what its teacher says on" in texts(app)


def test_the_recorded_run_is_shown_and_named(recorded: RunStore) -> None:
    sample.distill_run(recorded, "run:recorded")
    app = open_page(PAGE)
    assert not app.exception
    assert "Recorded elsewhere" in texts(app)
    assert ":blue-badge[recorded] 22 Nov 2025 on Test CPU 3000" in texts(app)
    assert not any("Compare teacher" in link.label for link in app.page_link)  # its models are not here


def test_recorded_ablations_and_sweeps_are_for_take_apart(recorded: RunStore) -> None:
    plain = sample.distill_run(recorded, "run:recorded")
    sample_ablation.ablation(recorded)
    sample_ablation.sample_run(recorded, sweep_layers=(1, 2))
    app = open_page(PAGE)
    assert not app.exception
    assert f"(run {plain.id})" in app.dataframe[0].value["source"].iloc[0]
    assert "Distilled keeps 97 % of its teacher's accuracy" in texts(app)


def test_a_recorded_ablation_alone_is_not_shown(recorded: RunStore) -> None:
    sample_ablation.ablation(recorded)
    assert "No student yet" in texts(open_page(PAGE))


# ── texts without a label ────────────────────────────────────────────────────────────────────────────────────────


def test_what_unlabeled_texts_add_is_asked_and_answered(teacher: Run) -> None:
    app = open_page(PAGE)
    assert "labeled-only" not in app.get_by_key("d_arms").options
    app.get_by_key("d_labeled").set_value(500).run()
    assert not app.exception
    assert "Add **Labeled texts alone** to see what the texts without a label are worth." in texts(app)
    app.get_by_key("d_arms").set_value(["distilled", "labeled-only"]).run()
    assert not app.exception
    assert "Add **Labeled texts alone**" not in texts(app)
    run = sample_ablation.sample_run(
        own(), teacher=f"run:{teacher.id}", labeled_examples=500, arms=("distilled", "labeled-only")
    )
    app = open_page(PAGE, d_run=run.id)
    assert not app.exception
    assert "Texts without a label add 2.5 points of accuracy (95 % interval " in texts(app)


# ── the way to Take apart ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("question", ["Ingredients", "Temperature and weight", "Depth"])
def test_a_sweep_takes_over_what_the_form_says(teacher: Run, question: str) -> None:
    sample.finetune_run(own(), arms=("pretrained",))  # a newer teacher, which is not chosen
    app = open_page(PAGE, teacher=f"run:{teacher.id}")
    app.slider(key="d_layers").set_value(2)
    app.slider(key="d_tau").set_value(4.0)
    app.slider(key="d_soft").set_value(0.75)
    app.slider(key="d_cosine").set_value(0.25)
    app.get_by_key("d_texts").set_value(1000)
    app.slider(key="d_epochs").set_value(3)
    app.get_by_key("d_lr").set_value(2e-5).run()
    link = next(link for link in app.page_link if link.label == take_apart_link.LABEL)
    query = parse_qs(link.proto.query_string)
    app = open_page("pages/take_apart.py", **query, ta_question=question)
    assert not app.exception
    assert app.selectbox(key="ta_teacher").value == f"run:{teacher.id}"
    assert (app.get_by_key("ta_texts").value, app.slider(key="ta_epochs").value) == (1000, 3)
    assert app.get_by_key("ta_lr").value == 2e-5
    if question != "Depth":
        assert app.slider(key="ta_layers").value == 2
    if question == "Depth":
        assert app.slider(key="ta_depth_soft").value == 0.75
    if question == "Ingredients":
        assert app.get_by_key("ta_ingredients").value == ["soft", "hard", "cosine", "init"]
        assert [app.number_input(key=f"ta_{name}").value for name in ("soft", "hard", "cosine")] == [0.75, 0.5, 0.25]
    if question != "Temperature and weight":
        assert app.slider(key="ta_tau").value == 4.0


def test_a_lost_run_says_what_to_do(teacher: Run) -> None:
    run = sample.distill_run(own(), f"run:{teacher.id}", state="lost")
    run.set_state(message="The run ended without a word.", hint="Resume continues from the last checkpoint.")
    app = open_page(PAGE, d_run=run.id)
    assert not app.exception
    assert "The run was lost" in texts(app)
    assert "Resume continues from the last checkpoint." in texts(app)
    assert app.button(key=f"resume_{run.id}")
