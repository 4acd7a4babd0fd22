"""The same question is computed once: a page offers the run that has answered it, and who presses too late joins it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sample_runs
import sample_training as sample
from streamlit.testing.v1 import AppTest
from training_pages import finetune_job, inline, open_page, own, recorded, texts

from distill_core import __version__
from distill_core.launch.local import LocalLauncher
from distill_core.results import FinetuneResult
from distill_core.runs import same
from distill_core.runs.control import JobContext
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.specs import FinetuneSpec, Spec
from pages.parts.shared import ask_button

__all__ = ["inline", "recorded"]
VERSIONS = {"distill_core": __version__, "torch": same._torch_version()}


@pytest.fixture(autouse=True)
def quick_job(inline) -> None:
    def job(spec: FinetuneSpec, context: JobContext) -> FinetuneResult:
        result = finetune_job(spec, context)
        context.set_environment(sample.ENVIRONMENT.model_copy(update={"versions": VERSIONS}))
        return result

    inline("finetune", job)


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def shown(app: AppTest) -> str:
    return "".join(app.query_params["ft_run"])  # a text, or a list of one


def keys(app: AppTest) -> set[str]:
    return {button.key for button in app.button}


def test_what_another_has_asked_is_offered_and_shown() -> None:
    press(open_page("pages/finetune.py"), "ft_start")
    (run,) = own().list()
    app = open_page("pages/finetune.py")
    assert "Asked before on this server, " in texts(app)
    assert "ft_start" not in keys(app)
    press(app, "ft_start_show")
    assert shown(app) == run.id
    assert own().list() == [run]
    app.run()
    assert "it is shown here" in texts(app)
    assert "ft_start_show" not in keys(app)


def test_it_can_be_run_again_anyway() -> None:
    press(open_page("pages/finetune.py"), "ft_start")
    app = open_page("pages/finetune.py")
    assert app.button(key="ft_start_anyway").label.startswith("Run it again anyway · about ")
    press(app, "ft_start_anyway")
    first, second = own().list()
    assert shown(app) == second.id
    assert same.key(first.spec()) == same.key(second.spec())


def test_who_presses_too_late_joins_and_is_told() -> None:
    early, late = open_page("pages/finetune.py"), open_page("pages/finetune.py")
    press(early, "ft_start")
    press(late, "ft_start")
    (run,) = own().list()
    assert shown(late) == run.id
    assert "The same was asked already; you are watching that run." in texts(late)
    assert "you are watching that run" not in texts(early)


def test_one_that_is_not_done_is_offered_too() -> None:
    spec = asked_by_the_page()
    run = own().create(spec, {"owner": "ada"})
    app = press(open_page("pages/finetune.py"), "ft_start_show")
    assert "Asked already on this server, " in texts(app), "it is not done yet"
    assert shown(app) == run.id
    press(open_page("pages/finetune.py"), "ft_start_anyway")
    run.set_state(state="failed")
    assert "ft_start" not in keys(open_page("pages/finetune.py")), "the second one answers"


def asked_by_the_page() -> Spec:
    press(open_page("pages/finetune.py"), "ft_start")
    (run,) = own().list()
    spec = run.spec()
    own().remove(run.id)
    return spec


def test_joining_a_live_run_of_another_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = asked_by_the_page()
    late = open_page("pages/finetune.py")
    run = own().create(spec, {"owner": "ada"})
    press(late, "ft_start")
    assert own().list() == [run]
    assert "Another visitor asked for the same; you are watching that run." in texts(late)


def test_a_recorded_run_is_offered_beside_the_button(recorded: RunStore) -> None:
    spec = asked_by_the_page()
    run = recorded.create(spec)
    run.set_state(state="done")
    app = open_page("pages/finetune.py")
    assert "Asked before, elsewhere: it is recorded" in texts(app)
    press(app, "ft_start_show")
    assert shown(app) == run.id
    assert own().list() == []
    assert "ft_start" in keys(app)


def test_a_comparison_was_measured_before_and_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page("pages/compare.py", cmp_models=["BERT"])
    assert "before on this server" not in texts(app)
    asked: list[Spec] = []
    monkeypatch.setattr(ask_button.run_panel, "submit", lambda spec: asked.append(spec))
    press(app, "cmp_measure")
    run = own().create(asked[0])
    environment = sample.ENVIRONMENT.model_copy(update={"versions": VERSIONS})
    run.set_environment(environment)
    run.set_result(sample_runs.compare_run(own(), [sample_runs.row("bert")]).result())
    run.set_state(state="done")
    app = open_page("pages/compare.py", cmp_models=["BERT"])
    assert "Measured before on this server, " in texts(app)
    press(app, "cmp_measure")
    assert len(asked) == 2


def test_an_old_press_is_forgotten() -> None:
    app = open_page("pages/finetune.py")
    app.session_state["ft_start_pressed"] = ("run", -ask_button._FRESH_S)
    app.run()
    assert own().list() == []
    assert "ft_start_pressed" not in app.session_state


def test_forty_who_press_at_once_make_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page has seen a run when all of them ask: the token makes them one."""
    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", "0")
    settings.cache_clear()
    launcher, spec = LocalLauncher(own(), 1, ("/nonexistent/python",)), FinetuneSpec()
    own().create(FinetuneSpec(seed=1))
    monkeypatch.setattr(launcher, "_start", lambda run: False)
    tokens = [same.token(spec, own()) for _ in range(40)]
    with ThreadPoolExecutor(40) as pool:
        runs = list(pool.map(lambda token: launcher.submit(spec, token, "visitor"), tokens))
    assert len(set(runs)) == 1
    assert len(own().list()) == 2
