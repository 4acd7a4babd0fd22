"""Comparing models: speed and accuracy of each, and one model's failure as its own rows' error."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import tiny
import torch

from distill_core import families
from distill_core.datasets import catalogue
from distill_core.errors import ModelError
from distill_core.jobs import compare
from distill_core.machine import devices
from distill_core.model_ref import parse
from distill_core.models import loading, parameters
from distill_core.results import CompareResult

CASES = Path(__file__).resolve().parent.parent / "cases"
FAST = {"kind": "compare", "min_time_s": 0.01, "seq_lens": "12", "threads": 1}


def by_hand(ref, dataset, store, limit=None):
    """Accuracy on the test split, one text at a time."""
    loaded = loading.load(parse(ref), store)
    loaded.model.eval()
    frame = catalogue.load(dataset).split("test").head(limit)
    right = 0
    for text, label in zip(frame["text"], frame["label"], strict=True):
        ids = loaded.tokenizer(text, return_tensors="pt", truncation=True, max_length=128)["input_ids"]
        with torch.inference_mode():
            right += int(loaded.model(input_ids=ids).logits.argmax()) == label
    return right / len(frame), len(frame)


def test_each_model_has_its_rows_in_the_order_of_the_spec(do, make_model, dataset, store):
    refs = [make_model(key) for key in ("t5", "bert")]
    run = do(**FAST, models=refs, dataset=dataset, batch_sizes="4,1", baseline=refs[1])
    assert run.state().state == "done", run.state()
    result = run.result()
    assert isinstance(result, CompareResult)
    assert (result.baseline, result.dataset) == (refs[1], dataset)
    assert [(row.model, row.batch_size) for row in result.rows] == [(ref, size) for ref in refs for size in (1, 4)]
    for row, key in zip(result.rows, ("t5", "t5", "bert", "bert"), strict=True):
        model = tiny.classifier(families.get(key)).model
        assert row.error is None
        assert (row.family, row.weights, row.device, row.threads) == (key, "fine-tuned", "cpu", 1)
        assert row.params == parameters.count(model)
        assert row.params_by_part == parameters.count_by_part(model)
        assert 0 < row.latency_ms_p50 <= row.latency_ms_p95
        assert row.peak_memory_mib > 0
        assert row.tokenize_ms > 0
        assert row.load_s > 0
        assert (row.accuracy, row.n_eval) == by_hand(row.model, dataset, store)
        assert row.ci_low <= row.accuracy <= row.ci_high
        assert row.accuracy_note == "Test split of own.csv."
    assert run.environment().device == "cpu"


def test_each_model_is_timed_in_turns_with_the_baseline(do, make_model):
    refs = [make_model("bert"), make_model("bert", name="deep", layers=8)]
    small, deep = do(**FAST, models=refs, baseline=refs[1]).result().rows
    assert (deep.speedup, deep.speedup_low, deep.speedup_high, deep.baseline_ms) == (None,) * 4
    assert small.speedup_low <= small.speedup <= small.speedup_high
    assert small.speedup > 1
    assert small.baseline_ms > small.latency_ms_p50
    assert small.busy_cores >= 0
    assert small.n_iterations >= 10


def test_without_its_baseline_a_model_has_times_and_no_ratio(do, make_model):
    """One that does not load, and one that has too few positions for the longest texts."""
    good, broken = make_model("t5"), make_model("bert")
    rows = {
        row.seq_len: row
        for row in do(**{**FAST, "seq_lens": "8,600"}, models=[good, broken], baseline=broken).result().rows
        if row.model == good
    }
    assert rows[8].speedup > 0
    assert rows[600].latency_ms_p50 > 0
    assert rows[600].speedup is rows[600].baseline_ms is None
    weights = Path(broken.removeprefix("path:")) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    alone = do(**FAST, models=[good, broken], baseline=broken).result().rows[0]
    assert alone.latency_ms_p50 > 0
    assert alone.speedup is None


def test_the_memory_is_that_of_the_model_without_the_baseline(do, make_model):
    small, large = make_model("bert"), make_model("bert", name="large", width=256, layers=12)
    beside, baseline = do(**FAST, models=[small, large], baseline=large).result().rows
    (alone,) = do(**FAST, models=small).result().rows
    assert beside.peak_memory_mib == pytest.approx(alone.peak_memory_mib, abs=8)
    assert baseline.peak_memory_mib > alone.peak_memory_mib + 20


def test_a_broken_model_costs_its_own_rows_alone(do, make_model, dataset):
    good, broken, last = make_model("bert"), make_model("gpt"), make_model("albert")
    weights = Path(broken.removeprefix("path:")) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    run = do(**FAST, models=[good, broken, last], dataset=dataset, batch_sizes="1,2")
    assert run.state().state == "done"
    rows = {(row.model, row.batch_size): row for row in run.result().rows}
    assert len(rows) == 6
    for size in (1, 2):
        assert rows[good, size].error is None
        assert rows[last, size].error is None
        assert "weights" in rows[broken, size].error.message
        assert rows[broken, size].latency_ms_p50 is None
        assert rows[broken, size].accuracy is None


def test_a_length_beyond_one_models_positions_is_that_rows_error(do, make_model):
    bert, t5 = make_model("bert"), make_model("t5")
    run = do(**{**FAST, "seq_lens": "8,600"}, models=[bert, t5])
    rows = {(row.model, row.seq_len): row for row in run.result().rows}
    assert rows[bert, 8].error is None
    assert rows[t5, 600].error is None
    assert "512 positions" in rows[bert, 600].error.message


def test_what_cannot_be_known_is_none_with_a_reason(do, make_model, make_csv, tmp_path):
    headed = make_model("bert")
    bare = tmp_path / "bare"
    tiny.backbone(families.get("bert")).save_pretrained(bare)
    tiny.tokenizer(families.get("bert")).save_pretrained(bare)
    rows = do(**FAST, models=[headed, f"path:{bare}"], dataset=make_csv(labels=("no", "yes"))).result().rows
    assert [row.accuracy for row in rows] == [None, None]
    assert rows[0].accuracy_note == "It tells other classes apart: negative, positive."
    assert rows[1].accuracy_note == "No classification head: fine-tune it first."
    (row,) = do(**FAST, models=headed).result().rows
    assert (row.accuracy, row.tokenize_ms, row.accuracy_note) == (None, None, "No data set was chosen.")


def test_classes_in_another_order_or_case_are_matched_by_name(do, make_model, make_csv, store):
    """Public checkpoints say POSITIVE, NEGATIVE: a wrong order turns 92 % into 8 %."""
    ref, twisted = make_model("bert"), make_model("bert", name="twisted", labels=("POSITIVE", "Negative"))
    dataset = make_csv()
    first, second = do(**FAST, models=[ref, twisted], dataset=dataset).result().rows
    assert 0 < first.accuracy < 1
    assert second.accuracy == pytest.approx(1 - first.accuracy)


@pytest.mark.parametrize(
    ("file", "classes"),
    [("label-case.csv", {"Good", "bad", "good"}), ("class-na.csv", {"AS", "EU", "NA"}), ("label-twins.csv", set())],
)
def test_classes_that_look_alike_keep_their_columns_and_can_be_taught(do, make_model, file, classes):
    """Good and good are two classes, and NA is one: a run that learned them is judged as it was, and teaches them."""
    case = f"file:{CASES / file}"
    training = {"dataset": case, "epochs": 1, "max_length": 128, "threads": 1, "learning_rate": 1e-3}
    learned = do(kind="finetune", model=make_model(), train_examples=40, **training)
    assert set(learned.result().label_names) >= classes
    (row,) = do(**FAST, models=f"run:{learned.id}", dataset=case).result().rows
    assert row.accuracy == learned.result().arms[0].accuracy
    taught = do(kind="distill", teacher=f"run:{learned.id}", student_layers=1, **training)
    assert taught.state().state == "done", taught.state()
    assert taught.result().teacher.accuracy == row.accuracy


def test_eval_examples_limit_the_test_and_are_the_same_for_all(do, make_model, make_csv):
    ref, same = make_model("bert"), make_model("bert", name="same")
    first, second = do(**FAST, models=[ref, same], dataset=make_csv(300), eval_examples=7).result().rows
    assert first.n_eval == second.n_eval == 7
    assert first.accuracy == second.accuracy


def killed(ref, spec, runs_dir):
    """A measurement whose process the system ends after the first row of the second model."""
    for row in compare.measure_model(ref, spec, runs_dir):
        yield row
        if "gpt" in str(ref):
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_measurement_keeps_what_was_measured(do, make_model, monkeypatch):
    monkeypatch.setattr(compare, "measure_model", killed)
    refs = [make_model("bert"), make_model("gpt")]
    rows = do(**FAST, models=refs, batch_sizes="1,2").result().rows
    assert [row.error is None for row in rows] == [True, True, True, False]
    assert "SIGKILL" in rows[3].error.message
    assert rows[2].latency_ms_p50 > 0


def without_accuracy(ref, spec, runs_dir):
    """A measurement that ends while the accuracy is computed, as when the memory runs out there."""
    for number, row in enumerate(compare.measure_model(ref, spec, runs_dir)):
        if number == 2:
            raise ModelError("Not enough memory.", "Choose a smaller model.")
        yield row


def test_a_failure_during_the_accuracy_is_told_beside_the_speed(do, make_model, dataset, monkeypatch):
    monkeypatch.setattr(compare, "measure_model", without_accuracy)
    rows = do(**FAST, models=make_model("bert"), batch_sizes="1,2", dataset=dataset).result().rows
    assert all(row.error is None and row.latency_ms_p50 > 0 and row.accuracy is None for row in rows)
    assert all("Not enough memory." in row.accuracy_note for row in rows)


def test_a_resumed_comparison_keeps_whole_models_and_repeats_the_rest(do, launcher, make_model, dataset, stop_at):
    refs = [make_model("bert"), make_model("gpt")]
    run = do(**FAST, models=refs, dataset=dataset)
    first, second = run.result().rows
    marked = first.model_copy(update={"latency_ms_p50": 123.0})
    half = second.model_copy(update={"latency_ms_p50": 456.0, "accuracy": None, "accuracy_note": ""})
    run.set_result(run.result().model_copy(update={"rows": (marked, half)}))
    run.set_state(state="lost")
    rows = launcher.resume(run.id).result().rows
    assert rows[0].latency_ms_p50 == 123.0
    assert rows[1].latency_ms_p50 != 456.0
    assert rows[1].accuracy == second.accuracy


def test_rows_are_there_while_the_run_goes_on(do, make_model, stop_at):
    refs = [make_model("bert"), make_model("gpt")]
    stop_at(10**9)
    seen = []
    set_result = compare.JobContext.set_result

    def noted(self, result):
        seen.append([(row.model, row.error is None) for row in result.rows])
        set_result(self, result)

    compare.JobContext.set_result = noted
    try:
        do(**FAST, models=refs)
    finally:
        compare.JobContext.set_result = set_result
    assert seen[0] == [(refs[0], True)]
    assert [len(rows) for rows in seen] == sorted(len(rows) for rows in seen)


def test_a_stop_ends_the_run_and_its_child(do, make_model, stop_at):
    stop_at(1)
    run = do(**FAST, models=make_model("bert"))
    assert run.state().state == "stopped"


def test_the_device_must_be_there(do, make_model, monkeypatch):
    monkeypatch.setattr(devices, "accelerator_type", lambda: None)
    state = do(**FAST, models=make_model("bert"), device="cuda").state()
    assert (state.state, state.error_kind) == ("failed", "spec")
    assert "no device cuda" in state.message


def test_bfloat16_on_a_cpu(do, make_model, dataset):
    (row,) = do(**FAST, models=make_model("bert"), dtype="bfloat16", dataset=dataset).result().rows
    assert row.error is None
    assert row.dtype == "bfloat16"
    assert row.accuracy is not None
