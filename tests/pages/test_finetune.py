"""Fine-tune: form, run, result; recorded, own data, live, stale, failed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sample_training as sample
import sample_transfer
from training_pages import failing_job, finetune_job, inline, open_page, own, recorded, texts

from distill_core.runs.store import RunStore
from distill_core.specs import FinetuneSpec

__all__ = ["inline", "recorded"]
PAGE = "pages/finetune.py"
Jobs = Callable[[str, object], None]
CSV = "text,label\n" + "".join(f"{word} film number {i},{word}\n" for i in range(20) for word in ("good", "bad"))


def test_before_the_first_run() -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert app.title[0].value == "Fine-tune"
    assert "Nothing is fine-tuned yet" in texts(app)
    label = app.button(key="ft_start").label
    assert label.startswith("Fine-tune here · about ")
    assert app.get_by_key("ft_arms").value == ["pretrained", "frozen", "scratch", "bow"]


def test_the_form_becomes_the_run_and_its_result(inline: Jobs) -> None:
    inline("finetune", finetune_job)
    app = open_page(PAGE)
    app.selectbox(key="ft_dataset").select("amazon")
    app.get_by_key("ft_texts").set_value([200])
    app.slider(key="ft_epochs").set_value(3)
    app.button(key="ft_start").click().run()
    assert not app.exception
    (run,) = own().list()
    spec = run.spec()
    assert isinstance(spec, FinetuneSpec)
    assert (str(spec.dataset), spec.train_examples, spec.epochs) == ("amazon", (200,), 3)
    assert app.query_params["ft_run"] == run.id
    assert "Fine-tuned is right on 84.2 % of 1,004 test texts, from scratch on 68.4 %" in texts(app)
    table = app.dataframe[0].value
    assert list(table["params_trained"]) == [22_713_986, 770, 22_713_986, 22_713_986]
    assert ":blue-badge[measured] 22 Nov 2025 on Test CPU 3000" in texts(app)


def test_a_second_click_while_the_run_is_live_is_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from distill_core.launch.local import LocalLauncher

    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", "0")
    monkeypatch.setattr(LocalLauncher, "_advance", lambda self: None)  # nothing starts
    app = open_page(PAGE)
    app.button(key="ft_start").click().run()
    app.button(key="ft_start").click().run()
    assert len(own().list()) == 1
    assert app.query_params["ft_run"] == own().list()[0].id


def test_a_request_that_cannot_run_says_why_and_loses_nothing() -> None:
    app = open_page(PAGE)
    app.get_by_key("ft_texts").set_value([500])
    app.get_by_key("ft_arms").set_value([]).run()
    assert not app.exception
    assert "arms must list at least 1 entry, got none" in texts(app)
    assert app.button(key="ft_start").disabled
    assert app.get_by_key("ft_texts").value == [500]


def test_a_failed_run_says_why_what_to_do_and_offers_to_resume(inline: Jobs) -> None:
    inline("finetune", failing_job)
    app = open_page(PAGE)
    app.button(key="ft_start").click().run()
    assert not app.exception
    shown = texts(app)
    assert "The run failed" in shown
    assert "The loss is no longer a number at step 3. Lower the learning rate." in shown
    (run,) = own().list()
    inline("finetune", finetune_job)
    app.button(key=f"resume_{run.id}").click().run()
    assert not app.exception
    assert run.state().state == "done"


def test_a_live_run_shows_progress_buttons_and_curves() -> None:
    run = sample.finetune_run(own(), state="running", arms=("pretrained", "scratch"))
    app = open_page(PAGE, ft_run=run.id)
    assert not app.exception
    assert app.progress[0].value == 55
    assert "about 2 min left" in app.progress[0].text
    assert "Fine-tuned is right on" in texts(app)
    app.button(key=f"pause_{run.id}").click().run()
    assert run.control()[0] == "pause"
    run.set_state(state="paused")
    app.run()
    assert "paused" in app.progress[0].text
    app.button(key=f"step_{run.id}").click().run()
    assert run.control()[0] == "step"
    app.button(key=f"unpause_{run.id}").click().run()
    assert run.control()[0] == "resume"
    app.button(key=f"stop_{run.id}").click().run()


def test_settings_that_changed_since_the_run_are_named() -> None:
    run = sample.finetune_run(own(), arms=("pretrained", "frozen", "scratch", "bow"))
    app = open_page(PAGE, ft_run=run.id)
    assert "Settings changed" not in texts(app)
    app.slider(key="ft_epochs").set_value(4).run()
    assert "Settings changed since this run: epochs 2 → 4" in texts(app)


def test_the_recorded_run_is_shown_with_its_machine_and_can_be_repeated(recorded: RunStore, inline: Jobs) -> None:
    sample.finetune_run(recorded, arms=("pretrained", "scratch"))
    inline("finetune", finetune_job)
    app = open_page(PAGE)
    assert not app.exception
    assert ":blue-badge[recorded] 22 Nov 2025 on Test CPU 3000" in texts(app)
    app.button(key="ft_again").click().run()
    assert not app.exception
    (run,) = own().list()
    assert run.spec() == recorded.list()[0].spec()
    assert ":blue-badge[measured]" in texts(app)


def test_recorded_experiments_of_the_transfer_lab_stay_there(recorded: RunStore) -> None:
    sample.finetune_run(recorded, arms=("pretrained", "scratch"))
    sample_transfer.unfreeze_run(recorded)
    app = open_page(PAGE)
    assert "Fine-tuned is right on 84.2 % of 1,004 test texts, from scratch on 68.4 %" in texts(app)


def test_an_own_file() -> None:
    app = open_page(PAGE)
    app.selectbox(key="ft_dataset").select("own file").run()
    assert "Upload a file" in texts(app)
    assert app.button(key="ft_start").disabled
    app.file_uploader(key="ft_upload").upload("films.csv", CSV.encode()).run()
    assert not app.exception
    assert app.selectbox(key="ft_text_column").value == "text"
    assert "40 texts, 32 of them for training." in texts(app)
    assert not app.button(key="ft_start").disabled
    assert app.get_by_key("ft_texts").value == [32]
    assert len(app.query_params["ft_file"]) == 16
    assert "/" not in app.query_params["ft_file"]


def test_a_file_that_is_no_csv_says_why() -> None:
    app = open_page(PAGE)
    app.selectbox(key="ft_dataset").select("own file").run()
    app.file_uploader(key="ft_upload").upload("films.csv", b"PK\x03\x04 an archive").run()
    assert not app.exception
    assert "This is an Excel workbook or a zip archive" in texts(app)


@pytest.mark.parametrize(
    ("page", "parameter"),
    [("distill", "d_run"), ("students", "ts_run"), ("pretrain", "pt_run"), ("take_apart", "ta_run")],
)
def test_a_page_of_another_kind_says_so_and_leads_here(page: str, parameter: str) -> None:
    run = sample.finetune_run(own())
    app = open_page(f"pages/{page}.py", **{parameter: run.id})
    assert not app.exception
    assert "is of another kind (Fine-tune): it is not drawn here." in texts(app)
    assert any(link.proto.query_string == f"ft_run={run.id}" for link in app.get("page_link"))
    assert parameter not in app.query_params


@pytest.mark.parametrize("run_id", ["999999-abcdef", "../../etc", "<script>"])
def test_an_unknown_run_is_said_and_the_page_lives(run_id: str) -> None:
    app = open_page(PAGE, ft_run=run_id)
    assert not app.exception
    assert app.error
    assert "Nothing is fine-tuned yet" in texts(app)
