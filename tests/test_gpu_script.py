"""benchmarks/gpu.py on a CPU and with a card that is pretended: what it says of failures, and that all of it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import gpu
from benchmarks.card import budget, facts, families, learning, lesson, product, rivals
from benchmarks.card.budget import Deadline, OutOfTime
from benchmarks.card.plan import Plan
from distill_core.errors import ModelError
from distill_core.families import FAMILIES
from distill_core.settings import PROJECT, settings

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("DISTILL_THREADS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings.cache_clear()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setattr(Plan, "families", FAMILIES[:2])
    return Plan(CPU, small=True, folder=tmp_path)


def run(capsys, *arguments):
    code = gpu.main(["--device", "cpu", "--small", *arguments])
    return code, json.loads(capsys.readouterr().out)


# ── sections ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_section_that_fails_is_its_own_error_and_the_rest_goes_on(capsys, monkeypatch):
    def fail(plan, deadline):
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(families, "timings", fail)
    monkeypatch.setattr(families, "parities", lambda plan, deadline: {"holds": False})
    code, report = run(capsys, "--sections", "families,parity,card")
    assert code == 1
    assert report["families"]["error"] == "RuntimeError: no kernel image"
    assert report["card"]["name"] == "CPU"
    assert report["failed"] == ["families", "parity"]


def test_what_is_not_installed_is_said_in_one_sentence(capsys, monkeypatch):
    find = gpu.importlib.util.find_spec
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda name: None if name == "pydantic" else find(name))
    code, report = run(capsys, "--sections", "card,peak,learning")
    assert code == 0
    assert report["missing"] == ["pydantic"]
    assert report["note"].startswith("Not installed: pydantic; without it these are left out: self_test, ")
    assert report["peak"] == report["learning"] == {"skipped": "needs pydantic"}
    assert "skipped" not in report["card"]


def test_all_sections_are_functions_that_are_there():
    for section in gpu.SECTIONS.values():
        module = gpu.importlib.import_module(f"benchmarks.card.{section.module}")
        assert callable(getattr(module, section.run))
    assert gpu.TOTAL_S < 300


def test_wrong_usage_is_told(capsys):
    for arguments, said in (
        (["--sections", "card,all"], "unknown section 'all'"),
        (["--device", "toaster"], "toaster"),
    ):
        with pytest.raises(SystemExit) as stopped:
            gpu.main(arguments)
        assert said in capsys.readouterr().err + str(stopped.value)


def test_the_json_goes_into_a_file(tmp_path, capsys):
    assert gpu.main(["--device", "cpu", "--sections", "card", "--out", str(tmp_path / "gpu.json")]) == 0
    assert json.loads((tmp_path / "gpu.json").read_text())["card"]["torch"] == torch.__version__
    assert capsys.readouterr().out == ""


def test_a_deadline_ends():
    assert Deadline(60).left_s() > 59
    Deadline(60).check()
    with pytest.raises(OutOfTime, match="the 0 s"):
        Deadline(0).check()


# ── the card ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("NVIDIA A100-SXM4-40GB", 312),
        ("NVIDIA A100 80GB PCIe", 312),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H200", 989),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", None),
        ("NVIDIA H200 NVL", None),
        ("NVIDIA A10G", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("Tesla V100-SXM2-16GB", None),
        ("CPU", None),
    ],
)
def test_a_peak_belongs_to_one_card_and_is_never_guessed(name, tflops):
    peak = facts.peak_of(name)
    assert (peak and peak.tflops) == tflops


# ── families ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_that_runs_out_of_memory_is_its_own_error(plan, monkeypatch):
    calls, honest = [], families.timed

    def timed(call, device, least_s):
        calls.append(1)
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.\nmore")
        return honest(call, device, least_s)

    monkeypatch.setattr(families, "timed", timed)
    found = families.timings(plan, Deadline(60))
    assert len(found["rows"]) == 2 * 2 * 2  # families, formats, batch sizes
    broken = [row for row in found["rows"] if "error" in row]
    assert [(row["family"], row["dtype"], row["batch_size"]) for row in broken] == [("bert", "float32", 2)]
    assert broken[0]["error"] == "OutOfMemoryError: CUDA out of memory. Tried to allocate 20 GiB."
    assert all(row["wall_ms"] > 0 for row in found["rows"] if row not in broken)
    assert found["holds"]


def test_rows_beyond_the_deadline_say_so(plan):
    found = families.timings(plan, Deadline(0))
    assert [row["error"] for row in found["counts"]] == ["OutOfTime: the 0 s of this section are over"] * 2
    assert not found["holds"]
    assert not families.parities(plan, Deadline(0))["holds"]


def test_a_family_of_another_size_than_published_does_not_hold(plan):
    full = Plan(CPU, small=False, folder=plan.folder)
    model = nn.Linear(3, 2)
    count = families._count(FAMILIES[0], model, full)
    assert (count["params"], count["as_expected"]) == (8, False)
    assert count["expected"] == 109_482_240  # BERT base: arXiv:1810.04805 says 110 M


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.key)
def test_all_ten_are_built_in_their_published_size(family, tmp_path):
    full = Plan(CPU, small=False, folder=tmp_path)
    with torch.device("meta"):
        model = families._bare(family, full)
    assert families._count(family, model, full)["as_expected"]
    inputs = families.random_ids(family, model.config, 3, full)
    assert {tuple(ids.shape) for ids in inputs.values()} == {(3, 128)}


def test_events_stand_beside_the_wall_clock(monkeypatch):
    """Events that are 2 ms apart, by a clock that moves when work is done."""

    class Event:
        made = 0

        def __init__(self, enable_timing):
            assert enable_timing
            self.at = None

        def record(self):
            Event.made += 1
            self.at = Event.made

        def elapsed_time(self, later):
            return 2.0 * (later.at - self.at)

    waits, calls = [], []
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(families, "synchronize", waits.append)
    cuda = torch.device("cuda")
    row = families.timed(lambda: calls.append(1), cuda, 0.0)
    assert (row["calls"], row["event_ms"], row["event_mean_ms"]) == (5, 2.0, 2.0)
    assert len(calls) == 3 + 1 + 5
    assert waits == [cuda] * 3  # before and after the first timed call, and after the last
    assert row["wall_over_events"] == pytest.approx(row["wall_ms"] / 2.0)


def test_a_device_that_computes_wrongly_does_not_hold(plan, monkeypatch):
    honest = families.parity.gaps

    def gaps(model, texts, device, dtype):
        return tuple(
            families.parity.Gap(g.batch_size, float("nan"), g.tolerance) for g in honest(model, texts, device, dtype)
        )

    monkeypatch.setattr(families.parity, "gaps", gaps)
    found = families.parities(plan, Deadline(60))
    assert not found["holds"]
    assert json.loads(json.dumps(found, allow_nan=False))["rows"][0]["gaps"][0]["gap"] is None


# ── what the product does ────────────────────────────────────────────────────────────────────────────────────────


class _Card:
    """As much of a card as `out_of_memory` asks for."""

    type = "cuda"
    total_memory = 80 * 2**30


@pytest.mark.parametrize("cause", [torch.OutOfMemoryError("full"), RuntimeError("another memory error")])
def test_the_deliberate_row_must_end_as_an_error_and_the_next_must_work(plan, monkeypatch, cause):
    asked = []

    def measure(loaded, batch_size, seq_len, min_time_s, device):
        asked.append(batch_size * seq_len)
        if len(asked) == 1:
            raise ModelError("Not enough memory.", "Choose less.") from cause
        return type("Timing", (), {"latency_ms_p50": 1.0})

    card = Plan(_Card(), small=True, folder=plan.folder)
    monkeypatch.setattr(product, "device_of", lambda plan: None)
    monkeypatch.setattr(product, "released", lambda device: None)
    monkeypatch.setattr(product.benchmark, "measure", measure)
    monkeypatch.setattr(nn.Module, "to", lambda self, device: self)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: _Card())
    found = product.out_of_memory(card, Deadline(60))
    assert asked[0] * 512 * 4 > _Card.total_memory  # one product of one layer is more than there is
    assert found["message"] == "Not enough memory."
    assert found["holds"] is isinstance(cause, torch.OutOfMemoryError)


@pytest.mark.parametrize(("after", "holds"), [(100.5, True), (180.0, False)])
def test_memory_that_is_not_given_back_is_noticed(plan, monkeypatch, after, holds):
    told = iter([100.0, after])
    monkeypatch.setattr(product, "allocated_mib", lambda device: next(told))
    monkeypatch.setattr(product, "_train_a_little", lambda *_: 900.0)
    found = product.memory_given_back(plan, Deadline(60))
    assert found["holds"] is holds
    assert (found["before_mib"], found["with_model_mib"], found["after_mib"]) == (100.0, 900.0, after)


def test_a_cpu_has_no_such_memory(plan):
    assert budget.allocated_mib(CPU) is None
    assert "skipped" in product.memory_given_back(plan, Deadline(60))
    assert "skipped" in product.out_of_memory(plan, Deadline(60))


# ── learning ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_made_up_sentences_are_the_same_each_time_and_can_be_learned():
    first, second = lesson.made_up(200), lesson.made_up(200)
    assert (first.texts, first.labels.tolist()) == (second.texts, second.labels.tolist())
    assert 0.4 < float(first.labels.float().mean()) < 0.6
    words = [set(text.split()) for text in first.test_texts]
    guessed = [len(found & set(lesson._WORDS[1])) > len(found & set(lesson._WORDS[0])) for found in words]
    right = (torch.tensor(guessed) == first.test_labels.bool()).float().mean()
    assert 0.75 < right < 0.95


def test_a_resumed_training_that_differs_is_noticed(plan, monkeypatch):
    """The fifth training, the resumed one, ends elsewhere."""
    trained, honest = [], learning._weights

    def weights(*arguments):
        trained.append(1)
        found = honest(*arguments)
        return {name: weight + (len(trained) == 5) for name, weight in found.items()}

    assert learning.interruption(plan, Deadline(120)) | {"steps": 3} == {
        "steps": 3,
        "checkpoints": ["step-00000001"],
        "undisturbed_difference": 0.0,
        "paused_difference": 0.0,
        "resumed_difference": 0.0,
        "bitwise": True,
        "holds": True,
    }
    monkeypatch.setattr(learning, "_weights", weights)
    found = learning.interruption(plan, Deadline(120))
    assert found["resumed_difference"] == pytest.approx(1)
    assert not found["holds"]


def test_ratios_are_of_medians_and_missing_where_one_is():
    rows = [
        rivals._row(("ours", "float32"), [1.0, 9.0, 2.0], None, 100),
        rivals._row(("trainer", "float32"), [4.0], None, 100),
        rivals._row(("textbrewer", "float32"), [], "OutOfTime: over", 100),
        rivals._row(("ours", "bfloat16"), [1.0], None, 100),
    ]
    assert rows[0]["samples_per_s"] == 50
    assert rows[2]["error"] == "OutOfTime: over"
    assert rivals._ratios(rows) == {"ours_over_trainer": 2.0, "ours_over_textbrewer": None}


def test_textbrewers_loop_lowers_its_loss_with_the_losses_that_ours_has(plan):
    """Its cross-entropy of soft outputs and our KL differ by what no student changes: the same gradient."""
    from benchmarks import toolkits
    from benchmarks.workload import Recipe
    from distill_core.training import losses

    torch.manual_seed(0)
    mine = torch.randn(6, 2, requires_grad=True)
    teacher = torch.randn(6, 2)
    recipe = Recipe()
    theirs = -(toolkits._softened(teacher, recipe).exp() * toolkits._softened(mine, recipe)).sum(-1).mean()
    (expected,) = torch.autograd.grad(losses.soft_target_loss(mine, teacher, recipe.temperature), mine)
    (found,) = torch.autograd.grad(recipe.temperature**2 * theirs, mine)
    torch.testing.assert_close(found, expected)


# ── all of it ────────────────────────────────────────────────────────────────────────────────────────────────────


def script(*code: str, folder: Path) -> dict[str, object]:
    """Run the small script in a process of its own, after these lines."""
    out = folder / "gpu.json"
    lines = [*code, f"from benchmarks import gpu; gpu.main(['--device', 'cpu', '--small', '--out', {str(out)!r}])"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=PROJECT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""
    report: dict[str, object] = json.loads(out.read_text())
    return report


@pytest.mark.slow
def test_every_section_runs_on_a_cpu(tmp_path):
    report = script(folder=tmp_path)
    assert report["failed"] == []
    for name in gpu.SECTIONS:
        assert "error" not in report[name]
        assert ("skipped" in report[name]) == (name in ("memory", "out_of_memory"))
    assert not [
        row for name in ("families", "parity", "learning", "rivals") for row in report[name]["rows"] if "error" in row
    ]
    assert {row["family"] for row in report["families"]["rows"]} == {family.key for family in FAMILIES}
    assert [gap["batch_size"] for gap in report["parity"]["rows"][0]["gaps"]] == [1, 8, 9, 40]
    assert report["rivals"]["ratios"].keys() == {"ours_over_trainer", "ours_over_textbrewer"}


@pytest.mark.slow
def test_torch_and_transformers_are_enough_for_the_families(tmp_path):
    hidden = ("pydantic", "pydantic_settings", "psutil", "accelerate", "pandas", "sklearn", "peft", "streamlit")
    report = script(f"import sys; sys.modules.update(dict.fromkeys({hidden!r}))", folder=tmp_path)
    assert report["missing"] == ["accelerate", "pandas", "psutil", "pydantic", "pydantic_settings"]
    assert report["families"]["holds"]
    assert report["parity"]["holds"]
    assert report["peak"]["skipped"].startswith("needs pydantic, pydantic_settings, psutil, accelerate, pandas")
