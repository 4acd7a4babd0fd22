"""Transfer lab: five tabs, a guess before each result, runs that come in piece by piece, own data that is checked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sample_transfer as sample
from streamlit.testing.v1 import AppTest
from training_pages import failing_job, inline, open_page, own, recorded, texts

from distill_core import data_ref
from distill_core.classroom.visitors import Visitor
from distill_core.datasets import upload_names
from distill_core.errors import RunError
from distill_core.results import FinetuneResult
from distill_core.runs.control import JobContext
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import FinetuneSpec
from pages.parts.shared import visitor

__all__ = ["inline", "recorded"]
PAGE = "pages/transfer.py"
TABS = {
    "curves": "Learning curves",
    "unfreeze": "Unfreezing",
    "domains": "Domains",
    "moved": "What moved",
    "own": "Own data",
}
Jobs = Callable[[str, object], None]
HALF_A_CHARACTER = "text,label\n\ud800,a".encode("utf-8", "surrogatepass")
CSV = "text,label\n" + "".join(
    f"a {word} film and scene {i} of it,{word}\n" for i in range(40) for word in ("good", "bad")
)


def open_tab(tab: str, **query: object) -> AppTest:
    return open_page(PAGE, tl_tab=TABS[tab], **query)


def job(spec: FinetuneSpec, context: JobContext) -> FinetuneResult:
    """An experiment that is done at once."""
    context.set_environment(sample.ENVIRONMENT)
    domains = [ref.key for ref in spec.domains]
    places = [(a, b) for a in domains for b in domains] or [(spec.dataset.key, spec.dataset.key)]
    rows = [
        sample.cell(arm, n, seed, dataset=train, test_dataset=test)
        for seed in range(spec.seeds)
        for n in spec.train_examples
        for arm in spec.arms
        for train, test in places
    ]
    return FinetuneResult(
        model=str(spec.model),
        dataset=spec.dataset.key,
        label_names=sample.LABELS,
        arms=tuple(rows),
        moved=sample.movement(),
    )


def skip(app: AppTest, experiment: str, run: Run) -> AppTest:
    return app.button(key=f"tl_skip_{experiment}_{run.id}").click().run()


# ── before the first run ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("tab", "title", "button"),
    [
        ("curves", "No learning curve yet", "Draw the curves here · about "),
        ("unfreeze", "Nothing is unfrozen yet", "Unfreeze step by step here · about "),
        ("domains", "No domain is tested yet", "Fill the matrix here · about "),
    ],
)
def test_an_experiment_before_its_first_run(tab: str, title: str, button: str) -> None:
    app = open_tab(tab)
    assert not app.exception
    assert app.title[0].value == "Transfer lab"
    assert title in texts(app)
    assert app.button(key=f"tl_start_{tab}").label.startswith(button)
    assert not app.get("plotly_chart")


def test_nothing_has_moved_yet_and_the_way_on() -> None:
    app = open_tab("moved")
    assert "No model has been compared yet" in texts(app)
    app.button(key="tl_go_curves").click().run()
    assert not app.exception
    assert "No learning curve yet" in texts(app)


# ── from the form to the result ──────────────────────────────────────────────────────────────────────────────────


def test_curves_from_the_form_to_the_uncovered_result(inline: Jobs) -> None:
    inline("finetune", job)
    app = open_tab("curves")
    app.get_by_key("tl_texts").set_value([25, 200])
    app.get_by_key("tl_arms").set_value(["pretrained", "bow"])
    app.slider(key="tl_seeds").set_value(3).run()
    app.button(key="tl_start_curves").click().run()
    assert not app.exception
    (run,) = own().list()
    spec = run.spec()
    assert isinstance(spec, FinetuneSpec)
    assert (spec.train_examples, spec.arms, spec.seeds) == ((25, 200), ("pretrained", "bow"), 3)
    assert spec.title == "Learning curves: MiniLM on movies"
    assert app.query_params["tl_curves_run"] == run.id
    assert "Your guess, before the result is shown" in texts(app)
    assert "points ahead" not in texts(app)
    assert not app.dataframe
    skip(app, "curves", run)
    assert "With 200 labels, fine-tuned is 24 points ahead of bag of words" in texts(app)
    assert "95 % interval" in texts(app)
    assert list(app.dataframe[0].value["seeds"]) == [3, 3, 3, 3]
    assert "Your guess" not in texts(app)


def test_a_guess_is_graded_and_can_be_covered_again(inline: Jobs) -> None:
    run = sample.curves_run(own(), sizes=(25, 200, 4000))
    app = open_tab("curves")
    assert [slider.label for slider in app.slider if slider.key.startswith("tl_guess")] == [
        "Fine-tuned, 25 texts",
        "Fine-tuned, 200 texts",
        "Fine-tuned, 4,000 texts",
        "Bag of words, 25 texts",
        "Bag of words, 200 texts",
        "Bag of words, 4,000 texts",
    ]
    app.slider(key=f"tl_guess_curves_{run.id}_pretrained-200").set_value(90).run()
    app.button(key=f"tl_reveal_curves_{run.id}").click().run()
    assert not app.exception
    shown = texts(app)
    assert "Your guess (○) against the measurement" in shown
    assert "Your 6 guesses were 17 points off on average." in shown  # 16.6, 16.4, 33.7, 15.6, 0.6 and 21.0
    app.button(key=f"tl_hide_curves_{run.id}").click().run()
    assert "Your guess, before the result is shown" in texts(app)
    assert app.slider(key=f"tl_guess_curves_{run.id}_pretrained-200").value == 90


def test_what_was_uncovered_stands_in_the_address_for_this_visitor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another session of the same visitor finds it: after a lost connection, a restart, a reload."""
    run = sample.curves_run(own(), sizes=(25, 200, 4000))
    app = open_tab("curves")
    app.slider(key=f"tl_guess_curves_{run.id}_pretrained-200").set_value(90).run()
    app.button(key=f"tl_reveal_curves_{run.id}").click().run()
    sealed = app.query_params["tl_seen_curves"]
    again = open_tab("curves", tl_seen_curves=sealed)
    assert "Your 6 guesses were 17 points off on average." in texts(again)
    again.button(key=f"tl_hide_curves_{run.id}").click().run()
    assert "Your guess, before the result is shown" in texts(again)
    assert "tl_seen_curves" not in again.query_params
    for wrong in (sealed.replace("0.9", "0.8"), sealed.replace(run.id, "transfer-curves"), f"{run.id}~none.", "é~1"):
        assert "Your guess, before the result is shown" in texts(open_tab("curves", tl_seen_curves=wrong))
    monkeypatch.setattr(visitor, "now", lambda: Visitor("somebody-else"))
    assert "Your guess, before the result is shown" in texts(open_tab("curves", tl_seen_curves=sealed))


def test_what_was_shown_without_a_guess_stands_there_too() -> None:
    run = sample.curves_run(own(), sizes=(25, 200, 4000))
    sealed = skip(open_tab("curves"), "curves", run).query_params["tl_seen_curves"]
    shown = texts(open_tab("curves", tl_seen_curves=sealed))
    assert "points ahead" in shown
    assert "Your guess" not in shown


@pytest.mark.parametrize(("tab", "title"), [("unfreeze", "of the weights learn"), ("domains", "at home")])
def test_the_other_experiments_run_too(inline: Jobs, tab: str, title: str) -> None:
    inline("finetune", job)
    app = open_tab(tab)
    if tab == "domains":
        app.get_by_key("tl_domains").set_value(["movies", "tweets"])
        app.get_by_key("tl_domain_arms").set_value(["pretrained", "adapted", "bow"]).run()
    app.button(key=f"tl_start_{tab}").click().run()
    assert not app.exception
    (run,) = own().list()
    skip(app, tab, run)
    assert not app.exception
    assert app.query_params[f"tl_{tab}_run"] == run.id
    assert app.dataframe


def test_the_matrix_of_each_arm_and_what_adapting_changes() -> None:
    run = sample.domains_run(own())
    app = skip(open_tab("domains"), "domains", run)
    assert "Away from home, fine-tuned loses 10 points on average; none is below the most frequent class" in texts(app)
    assert "Reading the target's texts first gains 1.0 points away from home" in texts(app)
    app.get_by_key("tl_arm").set_value("bow").run()
    assert not app.exception
    assert "2 of 12 are below the most frequent class" in texts(app)


def test_texts_that_only_a_model_from_home_gets_right_are_shown_as_text() -> None:
    run = sample.domains_run(own())
    sample.keep_answers(run)
    app = skip(open_tab("domains"), "domains", run)
    assert "need a model from home" not in texts(app)
    app.session_state["tl_mismatch"] = True
    app.run()
    assert not app.exception
    assert app.selectbox(key="tl_pair").options[0] == "movies → tweets: −18.0 points"  # the cell that loses most
    assert "10 of 30 texts of tweets need a model from home: the one from movies errs" in texts(app)
    assert "Both models are right on 18, both wrong on 1; the foreign one alone is right on 1." in texts(app)
    shown, lengths, words = (frame.value for frame in app.dataframe[:3])
    assert shown["text"].iloc[0].startswith("tweets <b>9</b> odd words")
    assert list(lengths["slice"]) == ["3 words", "14 words"]
    assert list(words["slice"]) == ["odd", "words"]
    app.selectbox(key="tl_pair").select("nyt → amazon").run()
    assert "texts of amazon need a model from home: the one from nyt errs" in texts(app)


def test_a_run_that_has_kept_no_answers_says_so() -> None:
    run = sample.domains_run(own())
    app = skip(open_tab("domains"), "domains", run)
    app.session_state["tl_mismatch"] = True
    app.run()
    assert not app.exception
    assert "has kept no predictions. Train once more" in texts(app)


def test_decays_of_other_runs_join_the_unfreezing() -> None:
    sample.unfreeze_run(own(), decay=0.9, lift=0.01)
    run = sample.unfreeze_run(own())
    app = skip(open_tab("unfreeze"), "unfreeze", run)
    assert "LoRA: 3.1 % of the weights learn, 0.8 points behind training all" in texts(app)
    assert "All layers, decay 0.9" in list(app.dataframe[0].value["label"])


def test_what_moved_asks_first_and_leads_to_distilling() -> None:
    run = sample.curves_run(own())
    run.model_dir.mkdir()
    app = open_tab("moved")
    assert "Fine-tuning moved" not in texts(app)
    app.button(key=f"tl_reveal_moved_{run.id}").click().run()
    assert not app.exception
    shown = texts(app)
    assert "Fine-tuning moved layer 6 most, to a similarity of 0.41" in shown
    assert "The nearest class center is the right one for" in shown
    assert "You said 0.50, measured 1.00." in shown
    assert app.get("page_link")[0].proto.query_string == f"teacher=run%3A{run.id}"


# ── recorded, live, failed ───────────────────────────────────────────────────────────────────────────────────────


def test_a_recorded_result_is_guessed_first_too(recorded: RunStore) -> None:
    sample.curves_run(own())
    run = sample.curves_run(recorded, sizes=(50, 200))
    app = open_tab("curves")
    assert "Recorded elsewhere. Press Draw the curves here to make it your own." in texts(app)
    assert "points ahead" not in texts(app)
    skip(app, "curves", run)
    assert ":blue-badge[recorded] 22 Nov 2025 on Test CPU 3000" in texts(app)
    assert "points ahead of bag of words" in texts(app)


def test_a_live_run_shows_the_part_that_is_done() -> None:
    run = sample.curves_run(own(), state="running")
    app = skip(open_tab("curves", tl_curves_run=run.id), "curves", run)
    assert not app.exception
    assert app.progress[0].value == 40
    assert "points ahead of bag of words" in texts(app)
    assert set(app.dataframe[0].value["seeds"]) == {1}
    app.button(key=f"pause_{run.id}").click().run()
    assert run.control()[0] == "pause"


def test_a_finished_run_is_shown_before_a_newer_one_that_was_stopped() -> None:
    run = sample.curves_run(own())
    sample.curves_run(own(), state="stopped")
    assert "The run was stopped" not in texts(skip(open_tab("curves"), "curves", run))


def test_settings_that_changed_are_named_for_a_run_of_ones_own_choice() -> None:
    run = sample.curves_run(own())
    assert "Settings changed" not in texts(open_tab("curves"))
    assert "Settings changed since this run: epochs 2 → 3" in texts(open_tab("curves", tl_curves_run=run.id))


def test_a_failed_run_says_why_and_offers_to_resume(inline: Jobs) -> None:
    inline("finetune", failing_job)
    app = open_tab("curves")
    app.button(key="tl_start_curves").click().run()
    assert not app.exception
    assert "The loss is no longer a number at step 3. Lower the learning rate." in texts(app)
    (run,) = own().list()
    inline("finetune", job)
    app.button(key=f"resume_{run.id}").click().run()
    assert run.state().state == "done"


def test_an_unknown_run_and_a_request_that_cannot_run_leave_the_page_alive() -> None:
    app = open_tab("curves", tl_curves_run="999999-abcdef")
    assert app.error
    assert "No learning curve yet" in texts(app)
    app.get_by_key("tl_arms").set_value([]).run()
    assert not app.exception
    assert "arms must list at least 1 entry, got none" in texts(app)
    assert app.button(key="tl_start_curves").disabled
    app = open_tab("domains")
    app.get_by_key("tl_domains").set_value(["movies"]).run()
    assert "Choose at least two domains." in texts(app)


def test_a_run_of_another_experiment_is_said_with_the_way_to_its_page() -> None:
    run = sample.curves_run(own())
    app = open_tab("domains", tl_domains_run=run.id)
    assert not app.exception
    assert "is of another kind (Fine-tune): it is not drawn here." in texts(app)
    assert any(link.proto.query_string == f"ft_run={run.id}" for link in app.get("page_link"))
    assert "No domain is tested yet" in texts(app)


def test_a_curve_of_one_size_is_shown_on_its_tab() -> None:
    """The form can ask for one: it is a point of a curve."""
    run = sample.curves_run(own(), sizes=(100,))
    app = open_tab("curves", tl_curves_run=run.id)
    assert not app.exception
    assert "of another kind" not in texts(app)
    assert app.button(key=f"tl_skip_curves_{run.id}")


def test_a_damaged_result_is_no_traceback() -> None:
    run = sample.curves_run(own())
    (run.path / "result.json").write_text('{"kind": "finetune", "arms": [{"arm": 3}]}')
    app = open_tab("curves", tl_curves_run=run.id)
    assert not app.exception
    assert "No arm is tested yet" in texts(skip(app, "curves", run))


# ── own data ─────────────────────────────────────────────────────────────────────────────────────────────────────


def upload(app: AppTest, content: str | bytes = CSV) -> AppTest:
    data = content.encode() if isinstance(content, str) else content
    return app.file_uploader(key="tl_upload").upload("films.csv", data).run()


def test_an_own_file_is_checked_and_goes_into_an_experiment() -> None:
    app = open_tab("own")
    assert "No file yet" in texts(app)
    upload(app)
    assert not app.exception
    shown = texts(app)
    assert "No text stands in two splits." in shown
    assert "9 test texts" in shown  # a warning: an accuracy from so few is known badly
    assert list(app.dataframe[1].value["share"]) == [0.5, 0.5]
    app.button(key="tl_go_curves").click().run()
    assert not app.exception
    assert app.selectbox(key="tl_data").value == "own file"
    assert app.get_by_key("tl_texts").options == ["25", "50", "62 (all)"]
    assert not app.button(key="tl_start_curves").disabled


def test_an_own_file_with_the_classes_of_the_domains_joins_the_matrix(inline: Jobs) -> None:
    inline("finetune", job)
    app = upload(open_tab("own"), CSV.replace(",good", ",positive").replace(",bad", ",negative"))
    app.button(key="tl_go_domains").click().run()
    assert not app.exception
    assert app.get_by_key("tl_domains").value == ["movies", "amazon", "nyt", "tweets", "own file"]
    app.get_by_key("tl_domains").set_value(["movies", "own file"]).run()
    app.button(key="tl_start_domains").click().run()
    assert not app.exception
    (run,) = own().list()
    spec = run.spec()
    assert isinstance(spec, FinetuneSpec)
    movies, own_file = spec.domains
    assert movies == data_ref.parse("movies")
    assert own_file.is_file
    assert (own_file.text_column, own_file.label_column) == ("text", "label")
    assert "Fine-tuned: movies → an own file" in [slider.label for slider in app.slider]
    skip(app, "domains", run)
    assert set(app.dataframe[0].value["train"]) == {"movies", "an own file"}


def test_an_own_file_with_other_classes_cannot_join_the_matrix() -> None:
    app = upload(open_tab("own"))
    assert "tl_go_domains" not in [button.key for button in app.button]
    assert "tl_go_unfreeze" in [button.key for button in app.button]
    assert "Own file" not in open_tab("domains").get_by_key("tl_domains").options


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04 an archive", "This is an Excel workbook or a zip archive"),
        ("", "The file is empty"),
        ("text,label\none,a\ntwo,b\n", "too few for training"),
        (HALF_A_CHARACTER, ""),
    ],
)
def test_a_broken_upload_never_takes_the_page_down(content: str | bytes, reason: str) -> None:
    app = upload(open_tab("own"), content)
    assert not app.exception
    assert app.error
    assert reason in texts(app)


def test_formulas_and_markup_in_an_own_file_are_text() -> None:
    rows = CSV + '"=HYPERLINK(""x"")","=1+1"\n' * 3 + "<script>alert(1)</script> **bold**,good\n"
    app = upload(open_tab("own"), rows)
    assert not app.exception
    assert "“=1+1”" in texts(app)


def test_a_file_is_kept_found_and_forgotten_by_name() -> None:
    app = upload(open_tab("own"))
    app.text_input(key="tl_name").set_value("Film talk").run()
    app.button(key="tl_keep").click().run()
    assert not app.exception
    (kept,) = upload_names.kept()
    assert (kept.name, kept.text_column, kept.label_column) == ("Film talk", "text", "label")
    other = open_tab("own")
    assert "No file yet" in texts(other)
    other.button(key="tl_open").click().run()
    assert not other.exception
    assert "80 texts, 62 of them for training." in texts(other)
    other.button(key="tl_forget").click().run()
    assert upload_names.kept() == []


def test_a_name_that_cannot_be_kept_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: object, data: object) -> None:
        raise RunError("Cannot write: No space left on device.", "Free some disk space.")

    app = upload(open_tab("own"))
    monkeypatch.setattr(upload_names, "write_json", full)
    app.text_input(key="tl_name").set_value("Film talk").run()
    app.button(key="tl_keep").click().run()
    assert not app.exception
    assert "The name cannot be stored" in texts(app)
