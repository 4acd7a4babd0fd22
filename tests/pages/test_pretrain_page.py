"""Pre-train: form, run, result; empty, live, failed, DistilBERT without a teacher, families side by side."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sample_pretrain as sample
import sample_training
from training_pages import inline, open_page, own, recorded, texts

from distill_core import families
from distill_core.errors import RunError
from distill_core.results import PretrainResult
from distill_core.runs.control import JobContext
from distill_core.runs.store import RunStore
from distill_core.specs import PretrainSpec

__all__ = ["inline", "recorded"]
PAGE = "pages/pretrain.py"
Jobs = Callable[[str, object], None]


def job(spec: PretrainSpec, context: JobContext) -> PretrainResult:
    """A pre-training that is done at once."""
    context.set_environment(sample_training.ENVIRONMENT)
    context.metrics(sample.metrics(spec.family))
    return sample.result(spec.family)


def failing(spec: PretrainSpec, context: JobContext) -> PretrainResult:
    raise RunError("The loss is no longer a number at step 3.", "Lower the learning rate.")


def test_before_the_first_run() -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert app.title[0].value == "Pre-train"
    shown = texts(app)
    assert "Nothing is pre-trained yet" in shown
    assert "1 million tokens: about 0.03 % of the 3.3 billion words in the corpus of BERT's paper." in shown
    assert "hardly better with 1,000 labels than before" in shown
    assert app.button(key="pt_start").label == "Pre-train here · about 75 s"


def test_the_form_becomes_the_run_and_its_result(inline: Jobs) -> None:
    inline("pretrain", job)
    app = open_page(PAGE)
    app.selectbox(key="pt_family").select("ELECTRA")
    app.select_slider(key="pt_tokens").set_value(500_000)
    app.button(key="pt_start").click().run()
    assert not app.exception
    (run,) = own().list()
    spec = run.spec()
    assert isinstance(spec, PretrainSpec)
    assert (spec.family, spec.lesson, spec.tokens, spec.corpus) == ("electra", "objective", 500_000, ())
    assert app.query_params["pt_run"] == run.id
    shown = texts(app)
    assert "ELECTRA: the loss on unread text went from 9 to 6.6" in shown
    assert "Which word does not belong?" in shown
    assert ":blue-badge[measured] 22 Nov 2025 on Test CPU 3000" in shown
    assert "right on 58 % of 1,037 test texts (95 % interval 55.1 % to 60.9 %)" in shown
    assert "on 56 %, which lies inside that interval" in shown
    assert list(app.dataframe[0].value["wanted"]) == ["door", "of"]


@pytest.mark.parametrize("key", families.BY_KEY)
def test_every_family_has_its_result_page(key: str) -> None:
    run = sample.pretrain_run(own(), key)
    app = open_page(PAGE, pt_run=run.id)
    assert not app.exception
    family = families.get(key)
    assert f"{family.title}: the loss on unread text went from 9 to 6.6" in texts(app)
    assert list(app.dataframe[1].value["title"]) == [family.title]


def test_distilbert_without_a_teacher_says_the_next_step_and_takes_a_bert() -> None:
    app = open_page(PAGE)
    app.selectbox(key="pt_family").select("DistilBERT").run()
    assert not app.exception
    assert "Choose BERT above and pre-train it first" in texts(app)
    assert app.button(key="pt_start").disabled
    teacher = sample.pretrain_run(own(), "bert")
    sample.pretrain_run(own(), "gpt")
    app.run()
    assert app.selectbox(key="pt_teacher").value == f"run:{teacher.id}"
    assert app.selectbox(key="pt_teacher").options == [f"BERT, 1 M tokens, run {teacher.id}"]
    assert not app.button(key="pt_start").disabled


def test_a_live_run_shows_progress_buttons_and_gaps_as_they_move() -> None:
    run = sample.pretrain_run(own(), "bert", state="running")
    app = open_page(PAGE, pt_run=run.id)
    assert not app.exception
    assert app.progress[0].value == 50
    shown = texts(app)
    assert "BERT: the loss on unread text went from 9 to 7.8, not yet below the 6.9 of word counts alone" in shown
    assert list(app.dataframe[0].value["now"]) == ["the 40 %, door 11 %", "the 40 %, of 11 %"]
    assert len(app.dataframe) == 1  # the comparison comes at the end
    run.set_result(sample.result("bert", 3))
    app.run()
    assert list(app.dataframe[0].value["now"]) == ["the 40 %, door 16 %", "the 40 %, of 16 %"]
    app.button(key=f"pause_{run.id}").click().run()
    assert run.control()[0] == "pause"
    app.button(key=f"stop_{run.id}").click().run()
    assert run.control()[0] == "stop"


def test_families_with_the_same_budget_stand_side_by_side() -> None:
    bert = sample.pretrain_run(own(), "bert")
    sample.pretrain_run(own(), "electra")
    sample.pretrain_run(own(), "gpt", tokens=2_000_000)
    app = open_page(PAGE, pt_run=bert.id)
    assert not app.exception
    assert "For 100 tokens ELECTRA receives 100 signals, BERT 15" in texts(app)
    assert list(app.dataframe[1].value["title"]) == ["BERT", "ELECTRA"]
    assert "The losses cannot, since each objective asks another question" in texts(app)


def test_more_families_are_queued_with_one_click(inline: Jobs) -> None:
    inline("pretrain", job)
    bert = sample.pretrain_run(own(), "bert", seed=3)
    app = open_page(PAGE, pt_run=bert.id)
    pills = app.get_by_key("pt_more")
    assert "BERT" not in pills.options
    pills.set_value(["electra", "distilbert"]).run()
    app.button(key="pt_more_start").click().run()
    assert not app.exception
    electra, distilbert = (run.spec() for run in own().list()[1:])
    assert (electra.family, electra.tokens, electra.seed, electra.teacher) == ("electra", sample.TOKENS, 3, None)
    assert (distilbert.family, str(distilbert.teacher)) == ("distilbert", f"run:{bert.id}")
    app.run()
    assert list(app.dataframe[1].value["title"]) == ["BERT", "DistilBERT", "ELECTRA"]


def test_distilbert_cannot_be_added_without_a_bert() -> None:
    run = sample.pretrain_run(own(), "gpt")
    app = open_page(PAGE, pt_run=run.id)
    assert "DistilBERT" not in app.get_by_key("pt_more").options
    assert "BERT" in app.get_by_key("pt_more").options


def test_a_failed_run_says_why_and_what_to_do(inline: Jobs) -> None:
    inline("pretrain", failing)
    app = open_page(PAGE)
    app.button(key="pt_start").click().run()
    assert not app.exception
    assert "The loss is no longer a number at step 3. Lower the learning rate." in texts(app)
    assert "No loss yet" in texts(app)


def test_a_recorded_run_is_said_to_be_one(recorded: RunStore) -> None:
    sample.pretrain_run(recorded, "bert")
    app = open_page(PAGE)
    assert not app.exception
    assert ":blue-badge[recorded] 22 Nov 2025 on Test CPU 3000" in texts(app)
    assert "Press Pre-train here to make it your own" in texts(app)


def test_the_recorded_run_is_that_of_the_chosen_family(recorded: RunStore) -> None:
    for family in ("bert", "electra"):
        sample.pretrain_run(recorded, family)
    assert "ELECTRA: the loss on unread text" in texts(open_page(PAGE, pt_family="ELECTRA"))
    assert "BERT: the loss on unread text" in texts(open_page(PAGE))
    assert "BERT: the loss on unread text" in texts(open_page(PAGE, pt_family="GPT"))  # none of GPT: the first


def test_a_pretrained_model_is_offered_for_fine_tuning() -> None:
    run = sample.pretrain_run(own(), "bert")
    app = open_page("pages/finetune.py", ft_model=f"run:{run.id}")
    assert not app.exception
    assert f"run:{run.id}" in app.selectbox(key="ft_model").options
