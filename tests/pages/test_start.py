"""Start: drawn without torch and without any run; a recorded comparison and the first click."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
import sample_runs
from streamlit.testing.v1 import AppTest

from distill_core.runs.store import RunStore
from pages.parts.shared import device_badge, run_panel, stored_runs

PROJECT = Path(__file__).parents[2]
APP = str(PROJECT / "app.py")


class Answered:
    """A probe that has its answer."""

    report: ClassVar = {
        "device": "cpu",
        "threads": 2,
        "memory_gib": 23.5,
        "environment": {"cpu": "Test CPU"},
        "advice": ["No accelerator: everything runs on the CPU."],
    }

    def poll(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_badge, "_probe", Answered)


def texts(app: AppTest) -> str:
    """What a reader sees, without the backslashes that keep it from being Markdown."""
    shown = [*app.markdown, *app.caption, *app.title]
    return "\n".join(str(element.value) for element in shown).replace("\\", "")


def test_start_without_any_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_runs, "RECORDED", RunStore(tmp_path / "none"))
    app = AppTest.from_file(APP, default_timeout=20).run()
    assert not app.exception
    assert app.title[0].value == "Distill Lab"
    assert "39 % fewer parameters than BERT" in texts(app)
    assert "no times measured yet" in texts(app)
    assert "Test CPU, 2 threads, 24 GiB" in texts(app)
    assert len(app.get("plotly_chart")) == 1
    assert "about" in app.button(key="start_measure").label


def test_every_room_has_a_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_runs, "RECORDED", RunStore(tmp_path / "none"))
    app = AppTest.from_file(APP, default_timeout=20).run()
    rooms = [link.label.strip("*") for link in app.page_link if link.label.startswith("**")]
    assert rooms == ["Model zoo", "Objectives", "Compare", "Transfer lab", "Distill", "Ten students"]


def test_start_shows_the_recorded_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = RunStore(tmp_path / "recorded")
    sample_runs.compare_run(recorded)
    monkeypatch.setattr(stored_runs, "RECORDED", recorded)
    app = AppTest.from_file(APP, default_timeout=20).run()
    assert not app.exception
    assert "2.0 × as fast" in texts(app)
    assert ":blue-badge[recorded] 22 Nov 2025 on Test CPU 3000" in texts(app)


def test_the_first_click_submits_all_ten_and_leads_to_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def submit(spec: object) -> str:
        asked.append(spec)
        return sample_runs.compare_run(stored_runs.own()).id

    monkeypatch.setattr(run_panel, "submit", submit)
    app = AppTest.from_file(APP, default_timeout=20).run()
    app.button(key="start_measure").click().run()
    assert not app.exception
    assert len(asked[0].models) == 10
    assert app.title[0].value == "Compare"
    assert app.selectbox(key="cmp_run").value == stored_runs.own().list()[0].id


def test_a_refused_run_leaves_the_page_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_panel, "submit", lambda spec: None)
    app = AppTest.from_file(APP, default_timeout=20).run()
    app.button(key="start_measure").click().run()
    assert not app.exception
    assert app.title[0].value == "Distill Lab"


def test_a_machine_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answered, "report", None)
    app = AppTest.from_file(APP, default_timeout=20).run()
    assert not app.exception
    assert "doctor" in texts(app)


def test_the_accelerator_is_named() -> None:
    line = device_badge.words({"device": "cuda", "device_name": "GPU <b>", "memory_gib": 80, "environment": None})
    assert "GPU \\<b\\>" in line
    assert "cuda" in line
    assert line.endswith("80 GiB")  # nothing was measured, so nothing is said


def test_the_accelerators_measured_pace_and_format_stand_beside_it() -> None:
    report = {"device": "cuda", "device_name": "Card", "memory_gib": 80, "bfloat16": True, "layer_passes_per_s": 66_500}
    assert device_badge.words(report).endswith("Card, 80 GiB, bfloat16, trains 38 × as fast as two CPU cores")


def test_an_accelerator_that_computes_wrongly_is_marked() -> None:
    report = {"device": "cuda", "device_name": "Card", "memory_gib": 80, "device_problem": "Other logits."}
    line = device_badge.words(report)
    assert ":orange-badge" in line
    assert line.endswith("computes wrongly: choose the CPU")


def test_probe_reads_the_answer_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_badge, "COMMAND", [sys.executable, "-c", 'print(\'{"device": "cpu"}\')'])
    probe = device_badge.Probe()
    probe._process.wait(20)
    assert probe.poll()
    assert probe.report == {"device": "cpu"}


@pytest.mark.parametrize("code", ["print('no json')", "raise SystemExit(1)", "print('[1]')"])
def test_probe_of_a_process_that_fails(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_badge, "COMMAND", [sys.executable, "-c", code])
    probe = device_badge.Probe()
    probe._process.wait(20)
    assert probe.poll()
    assert probe.report is None


def test_probe_ends_a_process_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_badge, "COMMAND", [sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setattr(device_badge, "DEADLINE_S", 0.0)
    probe = device_badge.Probe()
    assert probe.poll()
    assert probe.report is None
    assert probe._process.poll() is not None


def test_probe_without_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_badge, "COMMAND", ["/no/such/program"])
    assert device_badge.Probe().poll()


def test_no_page_loads_torch() -> None:
    code = (
        "import sys; sys.path.insert(0, '.');"
        "from streamlit.testing.v1 import AppTest;"
        "from pages.parts.shared import device_badge;"
        "device_badge.COMMAND = [sys.executable, '-c', 'print(0)'];"
        "app = AppTest.from_file('app.py', default_timeout=60).run();"
        "[app.switch_page(f'pages/{name}.py').run() for name in ('model_zoo', 'compare')];"
        "assert not app.exception, app.exception;"
        "heavy = {'torch', 'transformers', 'sklearn'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
