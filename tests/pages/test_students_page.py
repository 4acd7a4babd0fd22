"""Ten students: form, live states, the picture with its switch of arms, the recorded run here, on Start and Compare."""

from __future__ import annotations

from pathlib import Path

import pytest
import sample_students as sample
import sample_training
from training_pages import inline, open_page, own, recorded, texts

from distill_core import families
from distill_core.results import StudentsResult
from distill_core.runs.store import RunStore
from distill_core.specs import StudentsSpec
from pages.parts.shared import model_picker

__all__ = ["inline", "recorded"]
PAGE = "pages/students.py"


@pytest.fixture
def minis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All ten small models, as far as a form looks at them."""
    for module in (
        "distill_core.plans.preflight",
        "distill_core.models.shapes",
        "distill_core.models.checkpoints",
        "pages.parts.shared.model_picker",
    ):
        monkeypatch.setattr(f"{module}.DATA", tmp_path)
    for key in families.BY_KEY:
        (tmp_path / "minis" / key).mkdir(parents=True)
        (tmp_path / "minis" / key / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}')
    return tmp_path / "minis"


@pytest.fixture(autouse=True)
def no_minis(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "minis" not in request.fixturenames:
        monkeypatch.setattr(model_picker, "DATA", tmp_path / "nothing")


def test_without_students_the_page_says_how_to_get_them() -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "There are no students yet" in texts(app)
    assert "make minis" in texts(app)
    assert app.button(key="ts_start").disabled
    assert "No student yet" in texts(app)


def test_the_form_offers_all_ten_and_a_teacher_made_first(minis: Path) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert app.selectbox(key="ts_teacher").value == "new"
    assert app.multiselect(key="ts_students").value == [f"{key}@mini" for key in families.BY_KEY]
    assert app.multiselect(key="ts_students").options[0] == "BERT mini"
    assert app.get_by_key("ts_labels").value == 1000
    assert app.button(key="ts_start").label.startswith("Teach them here · about ")
    assert r"0.9\,\tau^2\,\mathrm{KL}" in app.latex[0].value
    assert r"0.1\,\mathrm{CE}" in app.latex[0].value


def test_the_request_is_what_the_form_says(minis: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.parts.shared import run_panel

    teacher = sample_training.finetune_run(own(), arms=("pretrained",))
    asked: list[StudentsSpec] = []

    def submit(spec: StudentsSpec) -> str:
        asked.append(spec)
        return sample.students_run(own()).id

    monkeypatch.setattr(run_panel, "submit", submit)
    app = open_page(PAGE)
    app.selectbox(key="ts_teacher").set_value(f"run:{teacher.id}")
    app.get_by_key("ts_labels").set_value(500)
    app.get_by_key("ts_arms").set_value(["taught", "labels"])
    app.multiselect(key="ts_students").set_value(["bert@mini", "gpt@mini"])
    app.slider(key="ts_soft").set_value(0.7)
    app.button(key="ts_start").click().run()
    assert not app.exception
    spec = asked[0]
    assert str(spec.teacher) == f"run:{teacher.id}"
    assert [str(ref) for ref in spec.students] == ["bert@mini", "gpt@mini"]
    assert (spec.labels, set(spec.arms), spec.soft, spec.hard) == (500, {"labels", "taught"}, 0.7, 0.3)
    assert app.query_params["ts_run"] == own().list()[-1].id


def test_an_unknown_student_is_refused_with_what_is_allowed(minis: Path) -> None:
    app = open_page(PAGE)
    app.multiselect(key="ts_students").set_value(["gpt9@mini"]).run()
    assert not app.exception
    assert "Unknown family 'gpt9'" in texts(app)
    assert app.button(key="ts_start").disabled


def test_the_picture_and_each_student_arm_by_arm() -> None:
    run = sample.students_run(own())
    app = open_page(PAGE, ts_run=run.id)
    assert not app.exception
    shown = texts(app)
    assert "ALBERT mini, taught by MiniLM: 96 % of its accuracy, 4.0 × as fast" in shown
    assert "Taught by MiniLM, 10 of 10 students beat the same labels alone beyond chance" in shown
    assert "The teacher adds +6.0 points (95 % interval over seeds and test texts" in shown
    assert "10 of 10 gain beyond chance" in shown
    assert "may be chance (on the same test texts, 95 %). Always answering the most frequent class keeps 62 %" in shown
    assert ":blue-badge[measured] 22 Nov 2025 on Test CPU 3000" in shown
    assert len(app.get("plotly_chart")) == 2
    assert len(app.dataframe[0].value) == 40
    assert len(app.dataframe[1].value) == 10
    app.get_by_key("ts_arm").set_value("labels").run()
    assert "ALBERT mini, on 1,000 labels alone: 88 % of MiniLM's accuracy" in texts(app)
    assert any("Why does a teacher help?" in link.label for link in app.page_link)


def test_a_teacher_with_more_labels_than_its_students_is_named() -> None:
    run = sample.students_run(own())
    result = run.result()
    assert isinstance(result, StudentsResult)
    run.set_result(result.model_copy(update={"teacher": sample.teacher(labels=4000)}))
    assert "The teacher itself has seen 4,000 labels, its students alone 1,000" in texts(open_page(PAGE, ts_run=run.id))


def test_a_running_experiment_shows_its_teacher_then_the_rows_there_are() -> None:
    waiting = tuple(sample.pending(f"{key}@mini", "taught", place) for place, key in enumerate(families.BY_KEY))
    run = sample.students_run(own(), waiting, state="running")
    app = open_page(PAGE, ts_run=run.id)
    assert not app.exception
    assert "First the teacher learns" in texts(app)
    assert "Measured already, 1 × 64 tokens: BERT mini 2 ms, GPT mini 2.2 ms" in texts(app)
    assert not app.dataframe
    some = (sample.row("bert@mini", "taught"), sample.failed("gpt@mini", "taught"), *waiting[2:])
    run = sample.students_run(own(), some, state="running")
    app = open_page(PAGE, ts_run=run.id)
    assert not app.exception
    assert "BERT mini, taught by MiniLM" in texts(app)
    assert "GPT mini could not learn" in texts(app)
    assert len(app.dataframe[0].value) == 1


def test_a_failed_run_says_what_to_do() -> None:
    run = sample.students_run(own(), (), state="failed")
    run.set_state(message="The teacher knows other classes.", hint="Choose another teacher.")
    app = open_page(PAGE, ts_run=run.id)
    assert not app.exception
    assert "Choose another teacher." in texts(app)
    assert app.button(key=f"resume_{run.id}")


# ── the recorded run ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_recorded_run_is_shown_first_and_named(recorded: RunStore) -> None:
    sample.students_run(own())
    sample.students_run(recorded, state="done")
    app = open_page(PAGE)
    assert not app.exception
    assert "Recorded elsewhere" in texts(app)
    assert ":blue-badge[recorded] 22 Nov 2025 on Test CPU 3000" in texts(app)


def test_without_a_recorded_run_the_newest_finished_one_is_shown() -> None:
    sample.students_run(own(), state="failed")
    run = sample.students_run(own())
    sample.students_run(own(), state="failed")
    app = open_page(PAGE)
    assert "Taught by MiniLM, 10 of 10" in texts(app)
    assert f"(run {run.id})" in texts(app)


def test_start_shows_the_picture_and_leads_to_the_page(recorded: RunStore) -> None:
    before = open_page("pages/start.py")
    assert len(before.get("plotly_chart")) == 1
    sample.students_run(recorded)
    app = open_page("pages/start.py")
    assert not app.exception
    assert "ALBERT mini, taught by MiniLM: 96 % of its accuracy, 4.0 × as fast" in texts(app)
    assert "39 % fewer parameters than BERT" in texts(app)  # the official sizes stay
    assert len(app.get("plotly_chart")) == 2
    assert any("How do ten small families learn" in link.label for link in app.page_link)
    app.get_by_key("start_arm").set_value("random").run()
    assert "ALBERT mini, from random weights: 78 % of MiniLM's accuracy" in texts(app)


def test_compare_begins_with_the_recorded_picture(recorded: RunStore) -> None:
    import sample_runs

    measured = sample_runs.compare_run(recorded)
    ten = sample.students_run(recorded)
    app = open_page("pages/compare.py")
    assert not app.exception
    assert app.selectbox(key="cmp_run").value == ten.id
    assert "BERT mini, taught by MiniLM" in texts(app)
    link = next(link for link in app.page_link if "How did they learn?" in link.label)
    assert f"ts_run={ten.id}" in link.proto.query_string
    app.selectbox(key="cmp_run").set_value(measured.id).run()
    assert not app.exception
    assert "DistilBERT is the fastest, ALBERT the smallest" in texts(app)


def test_the_runs_page_opens_it() -> None:
    run = sample.students_run(own())
    app = open_page("pages/runs.py", r_run=run.id)
    assert not app.exception
    link = next(link for link in app.page_link if "Open on its page" in link.label)
    assert f"ts_run={run.id}" in link.proto.query_string


# ── minis elsewhere ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_picker_of_models_offers_the_minis_that_are_here(minis: Path) -> None:
    (minis / "gpt" / "config.json").unlink()
    assert model_picker.minis() == [f"{key}@mini" for key in families.BY_KEY if key != "gpt"]
    assert "bert@mini" in model_picker.options()
    assert model_picker.label("bert@mini") == "BERT mini"
    assert model_picker.label("nobody@mini") == "nobody@mini"
    assert model_picker.label("bert@structure") == "BERT"
    assert model_picker.label("bert@hub") == "bert@hub"
