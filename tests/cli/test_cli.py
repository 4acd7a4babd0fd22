"""The command line: what each command prints and returns, and one clear line for each thing that can be wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import torch

from distill_core import families
from distill_core.cli.main import build_parser, main
from distill_core.kinds import KINDS
from distill_core.model_ref import parse
from distill_core.models import loading, parameters
from distill_core.results import BenchmarkRow, FinetuneArmResult, StudentReport, StudentRow, TeacherOfTen
from distill_core.runs.control import JobContext, Stopped
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT, settings

WORDS = {"positive": ("warm", "funny", "great"), "negative": ("dull", "long", "thin")}
FAST_TRAINING = ("--epochs", "1", "--max-length", "16", "--threads", "1", "--train-examples", "24")


@pytest.fixture(autouse=True)
def installation(monkeypatch):
    """An installation that asks nobody, queues nothing, and leaves this process as it was."""
    before = dict(os.environ)
    threads = torch.get_num_threads()
    for name, value in {
        "DISTILL_LAUNCHER": "inline",
        "DISTILL_MIN_FREE_DISK_MIB": "0",
        "DISTILL_THREADS": "1",
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    os.environ.clear()  # what a command has set in this process; monkeypatch takes back its own afterwards
    os.environ.update(before)
    torch.set_num_threads(threads)


@pytest.fixture
def cli(capsys):
    """Run a command with --json: (exit code, document, lines on stderr)."""

    def run(*arguments):
        code = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out), err.splitlines()

    return run


@pytest.fixture
def write(tmp_path):
    def write_csv(text, name="own.csv", encoding="utf-8"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return f"file:{tmp_path / name}"

    return write_csv


@pytest.fixture
def own(write):
    rows = "".join(
        f"the film is {word} {n},{label}\n" for n in range(12) for label, words in WORDS.items() for word in words
    )
    return write(f"text,label\n{rows}")


@pytest.fixture
def model(tmp_path):
    return f"path:{tiny.save(tiny.classifier(families.get('bert')), tmp_path / 'bert')}"


@pytest.fixture
def store():
    return RunStore(settings().runs_dir)


@pytest.fixture
def finished(cli, own):
    code, document, _ = cli("finetune", "--arms", "bow", "--dataset", own, "--train-examples", "24")
    assert code == 0
    return document["run"]


# ── commands that succeed ────────────────────────────────────────────────────────────────────────────────────


def test_families(cli):
    code, document, errors = cli("families")
    assert (code, errors) == (0, [])
    rows = document["families"]
    assert [row["key"] for row in rows] == list(families.BY_KEY)
    assert {row["key"]: row["params"] for row in rows}["bert"] == 109_482_240
    assert all(row["params"] == sum(row["params_by_part"].values()) for row in rows)
    assert [row["params_by_part"] for row in rows] == list(families.exact_parameters().values())


def test_compare(cli, model, own, store):
    code, document, _ = cli(
        "compare",
        "--models",
        model,
        "--dataset",
        own,
        "--batch-sizes",
        "1,2",
        "--seq-lens",
        "8",
        "--min-time-s",
        "0.01",
        "--threads",
        "1",
    )
    assert code == 0
    assert document.keys() == {"run", "rows"}
    assert [(row["batch_size"], row["seq_len"]) for row in document["rows"]] == [(1, 8), (2, 8)]
    for row in document["rows"]:
        assert row.keys() == BenchmarkRow.model_fields.keys()
        assert row["params"] == parameters.count(tiny.classifier(families.get("bert")).model)
        assert row["latency_ms_p50"] > 0
        assert 0 <= row["accuracy"] <= 1
    assert store.get(document["run"]).state().state == "done"


def test_a_comparison_without_any_number_has_failed(cli, model, store):
    broken = Path(model.removeprefix("path:")).parent / "broken"
    shutil.copytree(model.removeprefix("path:"), broken)
    (broken / "model.safetensors").write_bytes(b"not weights")
    code, document, _ = cli("compare", "--models", f"path:{broken}", "--seq-lens", "8", "--min-time-s", "0.01")
    assert code == 2
    assert document["error"]["kind"] == "model"
    assert document["error"]["message"].startswith("No model could be measured: ")
    assert len(store.list()[0].result().rows) == 1  # the page still shows why
    code, document, _ = cli("compare", "--models", f"{model},path:{broken}", "--seq-lens", "8", "--min-time-s", "0.01")
    assert code == 0
    assert [bool(row["error"]) for row in document["rows"]] == [False, True]


def test_finetune_distill_predict(cli, model, own, store):
    """The chain that the README shows: a teacher, its student, and what the student says of a text."""
    code, document, errors = cli(
        "finetune", "--model", model, "--dataset", own, *FAST_TRAINING, "--min-steps", "0", "--arms", "pretrained,bow"
    )
    assert code == 0
    assert document.keys() == {"run", "arms"}
    assert [arm["arm"] for arm in document["arms"]] == ["pretrained", "bow"]
    assert all(arm.keys() == FinetuneArmResult.model_fields.keys() for arm in document["arms"])
    assert any("%" in line for line in errors)  # a bar for people, not in the document

    code, taught, told = cli(
        "distill",
        "--teacher",
        f"run:{document['run']}",
        "--dataset",
        own,
        *FAST_TRAINING,
        "--student-layers",
        "1",
        "--arms",
        "distilled,scratch",
    )
    assert code == 0
    assert taught.keys() == {"run", "teacher", "students"}
    assert any(line.startswith("Note: Steps, and highest learning rate: distilled") for line in told)
    assert [student["arm"] for student in taught["students"]] == ["distilled", "scratch"]
    assert all(student.keys() == StudentReport.model_fields.keys() for student in taught["students"])
    assert taught["teacher"]["params"] > taught["students"][0]["params"]

    code, said, _ = cli("predict", "--model", f"run:{taught['run']}", "--text", "a warm film")
    assert code == 0
    saved = loading.load(parse(f"run:{taught['run']}"), store)
    saved.model.eval()
    with torch.inference_mode():
        shares = saved.model(**saved.encode(["a warm film"], 32).batch([0])).logits.softmax(-1)[0]
    assert said["probabilities"] == pytest.approx(dict(zip(tiny.LABELS, shares.tolist(), strict=True)), abs=1e-5)
    assert said["label"] == tiny.LABELS[int(shares.argmax())]


def test_students(cli, model, own, tmp_path):
    student = tiny.save(tiny.classifier(families.get("gpt"), layers=1), tmp_path / "gpt")
    once = [word for name in ("epochs", "label-epochs", "teacher-epochs") for word in (f"--{name}", "1")]
    arguments = (
        "students",
        "--base",
        model,
        "--dataset",
        own,
        "--labels",
        "24",
        *once,
        "--max-length",
        "16",
        "--threads",
        "1",
        "--arms",
        "labels,taught",
    )
    code, document, errors = cli(*arguments, "--students", f"path:{student},path:{tmp_path / 'gone'}")
    assert code == 0
    assert document.keys() == {"run", "teacher", "students"}
    assert document["teacher"].keys() == TeacherOfTen.model_fields.keys()
    assert document["teacher"]["ref"] == f"run:{document['run']}"
    rows = document["students"]
    assert all(row.keys() == StudentRow.model_fields.keys() for row in rows)
    assert [(row["arm"], bool(row["error"]), row["accuracy"] is None) for row in rows] == [
        ("labels", False, False),
        ("labels", True, True),
        ("taught", False, False),
        ("taught", True, True),
    ]
    assert any("%" in line for line in errors)
    broken = tmp_path / "broken"
    shutil.copytree(student, broken)
    (broken / "model.safetensors").write_bytes(b"not weights")
    code, document, _ = cli(*arguments, "--students", f"path:{broken}")
    assert code == 2
    assert document["error"]["message"].startswith("No model could be measured: ")


@pytest.mark.parametrize("text", ["🙂 é\u202e", "x" * 50_000, "a\0b", "caf\udce9", "</s><s>[SEP]"])
def test_predict_takes_any_text(cli, model, text):
    code, said, _ = cli("predict", "--model", model, "--text", text)
    assert code == 0
    assert sum(said["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", " ", "\n", "\0"])
def test_predict_needs_a_text(cli, model, text):
    assert "There is no text" in refused(cli, "predict", "--model", model, "--text", text)


def test_a_recipe_runs_again_to_the_same_result(cli, finished, store):
    recipe = store.get(finished).path / "spec.json"
    code, again, _ = cli("run", recipe)
    assert code == 0
    assert again["run"] != finished
    _, shown, _ = cli("runs", "show", finished)
    assert [arm["accuracy"] for arm in again["arms"]] == [arm["accuracy"] for arm in shown["runs"][0]["result"]["arms"]]


def test_runs_are_listed_shown_exported_resumed_and_removed(cli, finished, store):
    code, document, _ = cli("runs", "list")
    assert code == 0
    assert [(row["id"], row["kind"], row["state"]) for row in document["runs"]] == [(finished, "finetune", "done")]
    for action in ("show", "export"):
        code, document, _ = cli("runs", action, finished)
        assert code == 0
        assert document["runs"][0]["spec"]["kind"] == "finetune"
        assert document["runs"][0]["result"]["arms"][0]["arm"] == "bow"
        assert document["runs"][0]["environment"]["device"] == "cpu"
    code, _, _ = cli("runs", "stop", finished)
    assert code == 0
    assert store.get(finished).state().state == "done"
    store.get(finished).set_state(state="lost")
    code, document, _ = cli("runs", "resume", finished)
    assert (code, document["run"]) == (0, finished)
    code, document, _ = cli("runs", "remove", finished)
    assert code == 0
    assert store.list() == []


def test_detach_gives_the_id_of_the_run(cli, own, store):
    code, document, _ = cli("finetune", "--arms", "bow", "--dataset", own, "--train-examples", "24", "--detach")
    assert code == 0
    assert document == {"run": store.list()[0].id}


def test_settings(cli, tmp_path):
    code, document, _ = cli("settings")
    assert code == 0
    assert document["settings"]["DISTILL_RUNS_DIR"] == str(tmp_path / "runs")


def test_doctor_says_what_is_here_and_what_that_means(cli):
    code, document, _ = cli("doctor")
    assert code == 0
    assert document["device"] in ("cpu", "cuda", "mps", "xpu")
    assert document["threads"] >= 1
    assert document["hub"]["reachable"] is False
    assert any("Hub" in line for line in document["advice"])
    assert not {row["present"] for row in document["assets"]} - {True, False}


def test_for_people_there_are_tables(capsys, finished):
    assert main(["runs", "list"]) == 0
    out = capsys.readouterr().out
    assert finished in out
    assert "{" not in out
    assert main(["families"]) == 0
    assert "109,482,240" in capsys.readouterr().out


def test_in_a_process_of_its_own_stdout_is_one_document(own, tmp_path):
    command = [
        sys.executable,
        "-m",
        "distill_core",
        "finetune",
        "--arms",
        "bow",
        "--dataset",
        own,
        "--json",
        "--train-examples",
        "24",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["arms"][0]["accuracy"] > 0.5
    assert "Traceback" not in done.stderr


def test_a_stop_has_its_own_exit_code_and_can_be_resumed(cli, model, own, monkeypatch):
    check = JobContext.check

    def stop(self):
        monkeypatch.setattr(JobContext, "check", check)
        raise Stopped

    monkeypatch.setattr(JobContext, "check", stop)
    code, document, _ = cli("finetune", "--model", model, "--dataset", own, *FAST_TRAINING, "--min-steps", "0")
    assert code == 130
    assert document["error"]["kind"] == "stopped"
    run_id = document["error"]["hint"].split()[-1]
    code, document, _ = cli("runs", "resume", run_id)
    assert (code, document["run"]) == (0, run_id)


def test_a_job_that_fails_for_no_fault_of_the_user_ends_with_1(cli, own, monkeypatch):
    def bug(*arguments):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("distill_core.jobs.finetune.run", bug)
    code, document, errors = cli("finetune", "--arms", "bow", "--dataset", own)
    assert code == 1
    assert document["error"]["kind"] == "run"
    assert "ZeroDivisionError" in document["error"]["message"]
    assert not any("Traceback" in line for line in errors)


# ── wrong usage: one line, exit 2, no traceback ──────────────────────────────────────────────────────────────


def refused(cli, *arguments):
    code, document, errors = cli(*arguments)
    assert code == 2
    assert document.keys() == {"error"}
    error = document["error"]
    assert error.keys() == {"kind", "message", "hint"}
    text = f"{error['message']} {error['hint']}".strip()
    assert errors == [f"Error: {text}"]
    assert len(text) < 1200
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compare", "--models", "gpt7@hub"), "Unknown family 'gpt7'"),
        (("compare", "--models", "bert@nowhere"), "after @ comes one of structure, mini, hub, sst2"),
        (("compare", "--models", "something"), "Unknown model 'something'"),
        (("compare", "--models", "path:/no/such/folder"), "There is no model for path:/no/such/folder"),
        (("compare", "--models", "minilm", "--dataset", "moviez"), "Did you mean movies?"),
        (("finetune", "--dataset", "nothing-like-it"), "Unknown data set 'nothing-like-it'"),
        (("finetune", "--dataset", "file:/no/such.csv"), "/no/such.csv"),
        (("compare", "--models", "bert@structure", "--batch-sizes", "0"), "batch_sizes must be ≥ 1, got '0'"),
        (("compare", "--models", "bert@structure", "--batch-sizes", "-1"), "batch_sizes must be ≥ 1, got '-1'"),
        (("compare", "--models", "bert@structure", "--batch-sizes", "1000000000"), "batch_sizes must be ≤ 1,024"),
        (("finetune", "--batch-size", "0"), "batch_size must be ≥ 1"),
        (("finetune", "--batch-size", "1000000000"), "batch_size must be ≤ 1,024"),
        (("compare", "--models", "bert@structure", "--seq-lens", "513"), "513 tokens is more than any"),
        (("finetune", "--model", "bert@hub", "--max-length", "513"), "512 positions, got a length of 513"),
        (("compare", "--models", "bert@structure", "--seq-lens", "1000000"), "seq_lens must be ≤ 4,096"),
        (("distill",), "teacher"),
        (("distill", "--teacher", "run:../../etc/passwd"), "Unknown model 'run:../../etc/passwd'"),
        (("runs", "show", "../../etc/passwd"), "'../../etc/passwd' is not a run id"),
        (("runs", "remove", ".."), "'..' is not a run id"),
        (("runs", "stop", "000999-abcdef"), "There is no run 000999-abcdef"),
        (("runs", "show"), "needs a run id"),
        (("runs", "dance"), "dance"),
        (("predict", "--model", "run:000999-abcdef", "--text", "x"), "There is no run 000999-abcdef"),
        (("predict", "--text", "x"), "--model"),
        (("frobnicate",), "frobnicate"),
        ((), "command"),
        (("compare", "--models", "minilm", "--speed", "9"), "--speed"),
        (("finetune", "--learning-rate", "nan"), "learning_rate"),
        (("finetune", "--epochs", "two"), "epochs must be a whole number, got 'two'"),
        (("finetune", "--device", "toaster"), "device must be one of"),
        (("run", "/no/such.json"), "Cannot read /no/such.json"),
        (("assets", "nonsense"), "nonsense"),
        (("corpus", "fetch", "nonsense"), "Unknown text 'nonsense'"),
        (("corpus", "burn"), "burn"),
        (("minis", "--families", " , "), "No family was named"),
        (("minis", "--families", "bert,bort"), "Unknown family 'bort'"),
    ],
)
def test_wrong_usage_is_one_clear_line(cli, arguments, words):
    assert words in refused(cli, *arguments)


ONE_MEGABYTE = "word " * 200_000
FILES = {
    "nothing": (b"", "The file is empty"),
    "a header alone": ("text,label\n", "no rows"),
    "one class": ("text,label\n" + "".join(f"text {n},same\n" for n in range(30)), "All labels are 'same'"),
    "no label column": ("text,stars\n" + "".join(f"text {n},{n % 2}\n" for n in range(30)), "no column 'label'"),
    "no text column": ("words,label\n" + "".join(f"text {n},{n % 2}\n" for n in range(30)), "no column 'text'"),
    "NaN everywhere": ("text,label\n" + "NaN,NaN\n" * 30, "All labels are 'NaN'"),
    "too few": ("text,label\na,x\nb,y\n", "too few"),
    "1 MB in one cell": (
        f"text,label\n{ONE_MEGABYTE},good\n" + "".join(f"text {n},{'good' if n % 2 else 'bad'}\n" for n in range(30)),
        "longer than 100,000 characters (line 2)",
    ),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10, "a picture"),
    "a workbook": (b"PK\x03\x04" + b"\0" * 100, "an Excel workbook"),
}


@pytest.mark.parametrize(("content", "words"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("command", [("finetune", "--arms", "bow"), ("compare", "--models", "bert@structure")])
def test_an_unusable_file_is_one_clear_line(cli, write, content, words, command):
    assert words in refused(cli, *command, "--dataset", write(content))


def test_a_file_of_another_encoding_is_read(cli, write):
    rows = "".join(f"ein schöner Film {n},gut\nein öder Film {n},schlecht\n" for n in range(20))
    for encoding in ("utf-16", "utf-8-sig", "latin-1"):
        code, document, _ = cli(
            "finetune",
            "--arms",
            "bow",
            "--train-examples",
            "20",
            "--dataset",
            write(f"text,label\n{rows}", encoding=encoding),
        )
        assert code == 0
        assert document["arms"][0]["accuracy"] == 1.0


def test_other_columns_can_be_named(cli, write):
    rows = "".join(f"{n % 2},{'warm' if n % 2 else 'dull'} film {n}\n" for n in range(40))
    code, document, _ = cli(
        "finetune",
        "--arms",
        "bow",
        "--train-examples",
        "20",
        "--text-column",
        "review",
        "--label-column",
        "stars",
        "--dataset",
        write(f"stars,review\n{rows}"),
    )
    assert code == 0
    assert document["arms"][0]["accuracy"] == 1.0


def test_a_student_deeper_than_its_teacher(cli, model, own):
    text = refused(cli, "distill", "--teacher", model, "--dataset", own, "--student-layers", "9")
    assert "The student has 9 layers, its teacher only 3." in text


def test_tokens_of_another_vocabulary_with_the_cosine_loss(cli, model, own, tmp_path):
    other = f"path:{tiny.save(tiny.classifier(families.get('gpt')), tmp_path / 'gpt')}"
    text = refused(cli, "distill", "--teacher", model, "--student", other, "--dataset", own, "--cosine", "1")
    assert "tokens" in text


def test_what_only_the_job_can_tell_is_wrong_usage_too(cli, model, write):
    rows = "".join(f"{'warm' if n % 2 else 'dull'} film {n},{'yes' if n % 2 else 'no'}\n" for n in range(40))
    code, document, errors = cli(
        "distill", "--teacher", model, "--dataset", write(f"text,label\n{rows}"), *FAST_TRAINING
    )
    assert code == 2
    assert document["error"]["kind"] == "spec"
    assert "negative, positive" in document["error"]["message"]
    assert errors[-1].startswith("Error: ")
    assert not any("Traceback" in line for line in errors)


@pytest.mark.parametrize("more", [(), ("--detach",)])
def test_torchrun_would_make_a_run_for_each_process(cli, model, store, monkeypatch, more):
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, document, _ = cli("compare", "--models", model, "--dataset", "none", *more)
    assert code == 2
    assert "2 processes were started for one command" in document["error"]["message"]
    assert store.list() == []


def test_a_runs_folder_that_is_none(cli, own, tmp_path, monkeypatch):
    """Root may write anywhere: a file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "runs"):
        monkeypatch.setenv("DISTILL_RUNS_DIR", str(place))
        settings.cache_clear()
        text = refused(cli, "finetune", "--arms", "bow", "--dataset", own)
        assert str(place) in text
        assert "DISTILL_RUNS_DIR" in text
        assert cli("runs", "list")[0] == 0
        assert cli("doctor")[0] == 0


def test_a_full_disk_refuses_new_runs(cli, own, store, monkeypatch):
    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", str(10**12))
    settings.cache_clear()
    text = refused(cli, "finetune", "--arms", "bow", "--dataset", own)
    assert "disk" in text.lower()
    assert store.list() == []


@pytest.mark.parametrize(
    ("name", "value"), [("DISTILL_SLOTS", "many"), ("DISTILL_SLOTS", "0"), ("DISTILL_LAUNCHER", "x")]
)
def test_a_wrong_setting_is_named(cli, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    settings.cache_clear()
    text = refused(cli, "runs", "list")
    assert name in text
    assert value in text


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1]", '{"kind": "compare"}', '{"kind": ["x"]}', '{"kind": "finetune", "epochs": -1}', "\xff\xfe"],
)
def test_a_recipe_that_is_none(cli, tmp_path, content):
    path = tmp_path / "recipe.json"
    path.write_bytes(content.encode("latin-1"))
    refused(cli, "run", path)
    refused(cli, "run", tmp_path)


def test_a_damaged_run_is_told_and_the_others_are_listed(cli, finished, store):
    broken = store.root / "000002-bbbbbb"
    broken.mkdir()
    code, document, _ = cli("runs", "list")
    assert code == 0
    assert {row["id"]: row["state"] for row in document["runs"]} == {finished: "done", "000002-bbbbbb": "damaged"}
    assert "damaged" in refused(cli, "runs", "show", "000002-bbbbbb")


# ── flags ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_spec_is_a_flag_with_help(kind, capsys):
    with pytest.raises(SystemExit) as ended:
        main([kind, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for name in KINDS[kind].spec.model_fields:
        if name != "kind":
            assert f"--{name.replace('_', '-')}" in text, name


def test_every_command_says_what_it_does():
    parser = build_parser()
    (commands,) = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    assert {"families", "doctor", "assets", "corpus", *KINDS, "predict", "runs", "run", "settings"} <= commands.keys()
    for name, command in commands.items():
        assert command.description, name
        assert "--json" in command.format_help(), name
