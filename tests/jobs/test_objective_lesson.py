"""Pre-training by a family's own objective: all ten, their teachers, their counts, and what a kill costs."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
import time

import pytest
import tiny
import torch
from safetensors.torch import load_file

from distill_core import families, kinds
from distill_core.corpus import library, types
from distill_core.corpus.types import SourceText
from distill_core.datasets import catalogue
from distill_core.errors import AssetError, ModelError, SpecError
from distill_core.jobs import linear_probe, objective_lesson, pretrain, reading
from distill_core.launch.inline import InlineLauncher
from distill_core.model_ref import parse
from distill_core.models import loading
from distill_core.objectives import table
from distill_core.objectives.vocabulary import Vocabulary
from distill_core.runs.store import RunStore

FAST = {
    "kind": "pretrain",
    "lesson": "objective",
    "tokens": 1200,
    "vocab_size": 400,
    "batch_size": 8,
    "max_length": 32,
    "threads": 1,
    "checkpoint_every_s": 60.0,
    "probe_dataset": "none",
}
OWN = [key for key in families.BY_KEY if key != "distilbert"]


@pytest.fixture(autouse=True)
def offline(monkeypatch, small_corpus):
    """A corpus of some hundred sentences in place of the real one."""
    monkeypatch.setattr(library, "load", lambda names=None, **more: small_corpus)
    monkeypatch.setattr(objective_lesson, "LOOKS", 3)


def weights(run):
    return load_file(run.model_dir / "model.safetensors")


def same(mine, theirs):
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def check_learned(run, store, key):
    """What every family owes: a falling loss, a sound count, and a model that fine-tuning and Compare can load."""
    assert run.state().state == "done", run.state()
    result = run.result()
    assert result.held_out["loss"] < result.held_out_before["loss"]
    assert result.tokens == pytest.approx(FAST["tokens"], rel=0.2)
    bare = loading.load(parse(f"run:{run.id}"), store)
    assert bare.weights == "pretrained"
    trained = [name for name, _ in bare.model.named_parameters() if "pooler" not in name or key in ("bert", "albert")]
    assert result.params == sum(bare.model.get_parameter(name).numel() for name in trained)  # a fresh pooler is none
    loaded = loading.load(parse(f"run:{run.id}"), store, label_names=tiny.LABELS)
    assert loaded.family is families.get(key)
    logits = loaded.model.eval()(**loaded.encode(["a warm film", "dull"], 16).batch([0, 1])).logits
    assert logits.shape == (2, 2)
    config = json.loads((run.model_dir / "config.json").read_text(encoding="utf-8"))
    wanted = {"electra": "ElectraForPreTraining"}.get(key, table.get(key).network)
    assert config["architectures"] == [wanted]
    usual = loading.build_config(families.get(key), families.get(key).mini).to_dict()
    rates = {name: value for name, value in usual.items() if "drop" in name and isinstance(value, float)}
    assert {name: config[name] for name in rates} == rates


@pytest.mark.parametrize("key", OWN)
def test_every_family_learns_by_its_own_objective(do, store, key):
    run = do(**FAST, family=key)
    check_learned(run, store, key)
    result = run.result()
    share = result.signals / result.tokens
    # the share of tokens that give a signal, from the papers; short rows round up to one token at least
    low, high = {"gpt": (0.9, 1.0), "electra": (1.0, 1.0), "bart": (1.0, 1.0)}.get(key, (0.12, 0.25))
    assert low <= share <= high
    assert len({look.tokens for look in result.cloze}) >= 4
    assert result.cloze[-1].tokens == result.tokens
    points = [point for point in run.read_metrics()[0] if point.split == "validation" and point.name == "signals"]
    assert points[-1].value == result.signals
    assert [point.value for point in points] == sorted(point.value for point in points)


def test_the_saved_weights_are_the_trained_ones(do, store, monkeypatch):
    """What `run:ID` gives is what was measured last: the bare network says the same as the one in the job."""
    kept = {}
    prepare = objective_lesson.prepare

    def spied(material):
        kept["lesson"] = prepare(material)
        return kept["lesson"]

    monkeypatch.setitem(pretrain.LESSONS, "objective", spied)
    for key in ("t5", "electra"):
        run = do(**FAST, family=key)
        loaded = loading.load(parse(f"run:{run.id}"), store)
        trained = kept["lesson"].bare().state_dict()
        for name, tensor in loaded.model.state_dict().items():
            assert torch.equal(tensor, trained[name]), f"{key}: {name}"


# ── DistilBERT and its teacher ───────────────────────────────────────────────────────────────────────────────────


def test_bert_teaches_distilbert_and_its_head_fills_in_words(do, store):
    teacher = do(**FAST, family="bert")
    masked = loading.load_masked_lm(parse(f"run:{teacher.id}"), store)
    assert type(masked.model).__name__ == "BertForMaskedLM"
    run = do(**{**FAST, "vocab_size": 350}, family="distilbert", teacher=f"run:{teacher.id}")
    check_learned(run, store, "distilbert")
    assert run.result().signals == run.result().tokens
    own = loading.load(parse(f"run:{run.id}"), store).tokenizer
    assert own.get_vocab() == masked.tokenizer.get_vocab()


@pytest.mark.slow
def test_a_pretrained_bert_teaches_general_distillation(do, dataset):
    """Without the Hub: the teacher on raw text is an own run."""
    teacher = do(**{**FAST, "tokens": 20_000}, family="bert")
    run = do(
        kind="distill",
        mode="general",
        teacher=f"run:{teacher.id}",
        dataset=dataset,
        student_layers=1,
        epochs=1,
        max_length=32,
        batch_size=8,
        threads=1,
    )
    assert run.state().state == "done", run.state()
    (student,) = run.result().students
    assert student.layers == 1
    assert run.result().teacher.n_eval > 0


def test_distilbert_without_a_teacher_says_the_next_step(do):
    with pytest.raises(SpecError, match="learns from a teacher") as caught:
        do(**FAST, family="distilbert")
    assert "Pre-train BERT first" in caught.value.hint
    with pytest.raises(SpecError, match="only DistilBERT's objective has one"):
        do(**FAST, family="bert", teacher="run:000001-abcdef")


def test_a_teacher_of_another_width_or_without_a_head_is_refused(do, tmp_path):
    narrow = tiny.save_masked_lm(families.get("bert"), tmp_path / "narrow")
    run = do(**FAST, family="distilbert", teacher=f"path:{narrow}")
    assert "is 16 wide, the student 128" in run.state().message
    electra = do(**FAST, family="electra")
    run = do(**FAST, family="distilbert", teacher=f"run:{electra.id}")
    assert "has no head for masked words" in run.state().message
    assert run.state().error_kind == "model"


def test_electra_cannot_be_loaded_as_a_masked_lm(do, store):
    run = do(**FAST, family="electra")
    with pytest.raises(ModelError, match="no head for masked words"):
        loading.load_masked_lm(parse(f"run:{run.id}"), store)


# ── stopped, killed ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", ["electra", pytest.param("bert", marks=pytest.mark.slow)])
def test_a_stopped_run_ends_with_the_weights_and_counts_of_an_undisturbed_one(do, launcher, stop_at, key):
    undisturbed = do(**FAST, family=key)
    stop_at(5)
    stopped = do(**FAST, family=key)
    assert stopped.state().state == "stopped"
    resumed = launcher.resume(stopped.id)
    assert resumed.state().state == "done", resumed.state()
    assert same(weights(resumed), weights(undisturbed))
    mine, theirs = resumed.result(), undisturbed.result()
    assert mine.model_copy(update={"train_s": None}) == theirs.model_copy(update={"train_s": None})
    assert mine.signals > 0


def _child(runs_dir, values):
    InlineLauncher(RunStore(runs_dir)).submit(kinds.parse_spec(values))


def test_a_kill_costs_at_most_one_checkpoint_interval(do, launcher, store):
    """SIGKILL in the middle: no handler runs, nothing is saved on the way out."""
    values = {**FAST, "family": "roberta", "tokens": 2000, "checkpoint_every_s": 0.0}
    undisturbed = do(**values)
    process = multiprocessing.get_context("fork").Process(target=_child, args=(store.root, values), daemon=True)
    process.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        killed = next((run for run in store.list() if run.id != undisturbed.id), None)
        if killed is not None and len(list(killed.checkpoint_dir.glob("step-*"))) == 2:
            break
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.join(20)
    assert process.exitcode == -signal.SIGKILL
    saved = max(int(path.name.removeprefix("step-")) for path in killed.checkpoint_dir.glob("step-*"))
    before, offset = killed.read_metrics()
    reached = max(point.step for point in before)
    killed.set_state(state="lost")
    resumed = launcher.resume(killed.id)
    assert resumed.state().state == "done", resumed.state()
    after = [point.step for point in resumed.read_metrics(offset)[0]]
    assert reached - saved <= 1  # a checkpoint at every step: at most the step after it is lost
    assert min(after) > saved
    assert saved < max(after) == max(point.step for point in undisturbed.read_metrics()[0])
    assert same(weights(resumed), weights(undisturbed))
    assert resumed.result().cloze == undisturbed.result().cloze
    assert (resumed.result().tokens, resumed.result().signals) == (
        undisturbed.result().tokens,
        undisturbed.result().signals,
    )


# ── what it reads, and what it is measured with ──────────────────────────────────────────────────────────────────


def test_the_same_seed_gives_the_same_losses_and_another_seed_other_ones(do):
    first, second = (do(**FAST, family="albert").result() for _ in range(2))
    other = do(**FAST, family="albert", seed=1).result()
    assert first.held_out == second.held_out
    assert first.held_out != other.held_out


def test_held_out_passages_are_the_same_for_every_seed_and_never_read(small_corpus):
    kept, read = reading.split(small_corpus, 0)
    again, others = reading.split(small_corpus, 1)
    assert kept == again
    assert read != others
    assert sorted(read) == sorted(others)
    assert not {*kept} & {*read}
    assert sorted(kept + read) == sorted(small_corpus.documents)


def test_long_documents_are_cut_and_sources_share_evenly():
    large = tuple(tuple(f"large {d} sentence {n} here" for n in range(30)) for d in range(20))
    small = tuple((f"small one number {n}",) for n in range(30))
    sources = (
        SourceText("large", "Large", "CC0", True, False, 20, 600, 3000),
        SourceText("small", "Small", "CC0", False, False, 30, 30, 120),
    )
    text = types.Corpus(sources, large + small, ("large",) * 20 + ("small",) * 30, (), "")
    passages = reading.mixed(text, "0")
    assert max(len(passage) for passage in passages) == reading.PASSAGE
    assert sorted(sentence for passage in passages for sentence in passage) == sorted(
        sentence for document in large + small for sentence in document
    )
    half = passages[: next(i for i, _ in enumerate(passages) if sum(len(p) == 1 for p in passages[:i]) == 15)]
    words = {name: sum(len(s.split()) for p in half for s in p if s.startswith(name)) for name in ("large", "small")}
    assert abs(words["large"] - words["small"]) <= reading.PASSAGE * 5


def test_documents_stop_at_the_budget_and_hold_whole_sentences():
    passages = [(f"a b c d {n}", "e f g") for n in range(400)]

    def encode(texts):
        return [[ord(word[0]) for word in text.split()] for text in texts]

    found = reading.documents(passages, encode, 8, tokens=100)
    assert 100 <= sum(map(reading.length, found)) < 108
    assert found[0] == [(97, 98, 99, 100, ord("0")), (101, 102, 103)]
    assert sum(map(reading.length, reading.documents(passages, encode, 8, sentences=20))) == 80


def test_the_unigram_loss_is_that_of_word_counts_alone():
    """Against hand arithmetic: three tokens read 3, 1 and 0 times, one more each; the held-out text asks 0 and 1."""
    counts = objective_lesson._counts([[(0, 0), (0, 1)]], 3)
    got = objective_lesson._unigram_nats(counts, [("x",)], lambda texts: [[0, 1]])
    assert got == pytest.approx(-(math.log(4 / 7) + math.log(2 / 7)) / 2)


def test_counts_are_of_training_alone(small_corpus):
    key = "electra"
    family = families.get(key)
    tokenizer = tiny.tokenizer(family)
    config = loading.build_config(family, tiny.fields(family, layers=1))
    objective = table.get(key)
    learner = objective_lesson.Learner(objective, objective.build(config))
    documents = [[tokenizer(text, add_special_tokens=False)["input_ids"]] for text in small_corpus.documents[0]]
    corrupted = objective.corrupt(documents, Vocabulary.of(tokenizer, family), 64, torch.Generator().manual_seed(0))
    learner.eval()(corrupted)
    assert learner.counts.tolist() == [0, 0]
    learner.train()(corrupted)
    assert learner.counts.tolist() == [corrupted.n_tokens, corrupted.n_signal]
    assert learner.state_dict()["counts"].tolist() == learner.counts.tolist()


def test_a_linear_probe_is_asked_before_and_after(do, dataset):
    result = do(**{**FAST, "probe_dataset": dataset}, family="gpt").result()
    own = catalogue.load(dataset)
    assert result.probe_labels == own.train_size
    assert result.linear_probe_before.n_eval == result.linear_probe.n_eval == len(own.split("test"))
    assert result.linear_probe.accuracy > 0.5


def test_a_probe_that_cannot_be_had_is_missing(do, monkeypatch):
    def gone(*names, **more):
        raise AssetError("No network.", "Go on without.")

    monkeypatch.setattr(linear_probe.catalogue, "load", gone)
    run = do(**{**FAST, "probe_dataset": "movies"}, family="gpt")
    assert run.state().state == "done"
    assert run.result().linear_probe is None
    assert run.result().probe_labels is None
