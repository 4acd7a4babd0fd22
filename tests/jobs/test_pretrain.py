"""Pre-training from raw text: a small model of any family comes out, and a stopped run loses nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import tiny
import torch
from safetensors.torch import load_file

from distill_core import families, kinds
from distill_core.cli import minis
from distill_core.corpus import library
from distill_core.errors import RunError, SpecError
from distill_core.jobs import embedding_lesson
from distill_core.jobs.lesson import mini_config, within_budget
from distill_core.model_ref import Ref, parse
from distill_core.models import checkpoints, loading, tokens
from distill_core.models.loading import LoadedModel
from distill_core.specs import PretrainSpec

FAST = {
    "kind": "pretrain",
    "lesson": "embeddings",
    "tokens": 1000,
    "vocab_size": 400,
    "batch_size": 16,
    "max_length": 16,
    "threads": 1,
    "checkpoint_every_s": 0.0,
    "probe_dataset": "none",
}


@pytest.fixture(autouse=True)
def offline(monkeypatch, small_corpus):
    """A corpus of some hundred sentences and a teacher of a few thousand weights, in place of the real ones."""
    family = families.get("bert")
    teacher = LoadedModel(Ref("minilm", "minilm"), family, tiny.backbone(family), tiny.tokenizer(family), "pretrained")
    load = loading.load
    monkeypatch.setattr(
        embedding_lesson.loading,
        "load",
        lambda ref, *rest, **more: teacher if ref.source == "minilm" else load(ref, *rest, **more),
    )
    monkeypatch.setattr(embedding_lesson, "HELD_OUT", 32)
    monkeypatch.setattr(library, "load", lambda names=None, **more: small_corpus)


@pytest.mark.parametrize("key", families.BY_KEY)
def test_a_small_model_of_every_family_learns_the_teachers_view(do, store, key):
    run = do(**FAST, family=key)
    assert run.state().state == "done", run.state()
    result = run.result()
    assert result.held_out["cosine"] < result.held_out_before["cosine"]
    assert result.tokens > 0
    assert result.signals == result.texts * round(result.tokens / sum_of_lengths(result))
    loaded = loading.load(parse(f"run:{run.id}"), store, label_names=tiny.LABELS)
    assert loaded.family is families.get(key)
    assert loaded.weights == "pretrained"
    assert result.params == sum(weights.numel() for weights in loaded.model.base_model.parameters())
    logits = loaded.model.eval()(**loaded.encode(["a warm film", "dull"], 16).batch([0, 1])).logits
    assert logits.shape == (2, 2)


def sum_of_lengths(result):
    """Tokens of one pass."""
    return result.tokens / max(1, round(result.signals / result.texts))


def test_a_stopped_run_ends_with_the_weights_of_an_undisturbed_one(do, launcher, stop_at, store):
    longer = {**FAST, "tokens": 5000}
    undisturbed = do(**longer, family="bert")
    stop_at(12)
    stopped = do(**longer, family="bert")
    assert stopped.state().state == "stopped"
    resumed = launcher.resume(stopped.id)
    assert resumed.state().state == "done", resumed.state()
    mine, theirs = (load_file(run.model_dir / "model.safetensors") for run in (resumed, undisturbed))
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert resumed.result().held_out == undisturbed.result().held_out


def test_a_run_is_not_resumed_in_another_text(do, launcher, stop_at, small_corpus, monkeypatch):
    stop_at(13)
    stopped = do(**{**FAST, "tokens": 5000}, family="bert")
    assert stopped.state().state == "stopped"
    before = stopped.result()
    monkeypatch.setattr(library, "load", lambda names=None, **more: replace(small_corpus, digest="another"))
    state = launcher.resume(stopped.id).state()
    assert (state.state, state.error_kind) == ("failed", "run")
    assert "not the one that this run began with" in state.message
    assert stopped.result() == before


def test_the_same_seed_gives_the_same_losses(do):
    first, second = (do(**FAST, family="gpt").result() for _ in range(2))
    other = do(**FAST, family="gpt", seed=1).result()
    assert first.held_out == second.held_out
    assert first.held_out != other.held_out


def test_without_a_warm_start_it_begins_elsewhere(do):
    warm = do(**FAST, family="bert").result().held_out_before
    cold = do(**FAST, family="bert", warm_start=False).result().held_out_before
    assert warm != cold


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)
def test_dropout_is_off_while_it_reads(family):
    tokenizer = tiny.tokenizer(family)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.unk_token
    model = loading.build_classifier(mini_config(family, tokenizer), tiny.LABELS).train()
    batch = tokens.encode(tokenizer, list(tiny.SENTENCES), 16, family).batch(range(len(tiny.SENTENCES)))
    first, second = (model(**batch).logits for _ in range(2))
    assert torch.equal(first, second)


def test_dropout_is_usual_in_what_is_saved(do):
    run = do(**FAST, family="bert")
    config = json.loads((run.model_dir / "config.json").read_text(encoding="utf-8"))
    assert config["hidden_dropout_prob"] == 0.1
    assert config["architectures"] == ["BertModel"]


@pytest.mark.parametrize(
    ("lengths", "tokens", "wanted"),
    [
        ([10, 10, 10], 30, (3, 1)),
        ([10, 10, 10], 20, (2, 1)),
        ([10, 10, 10], 15, (2, 1)),
        ([10, 10], 60, (2, 3)),
        ([5], 1000, (1, 200)),
    ],
)
def test_a_budget_of_tokens_becomes_texts_and_passes(lengths, tokens, wanted):
    assert within_budget(lengths, tokens) == wanted


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "bort"}, "Unknown family 'bort'"),
        ({"family": "bert", "tokens": 0}, "tokens must be ≥ 1,000"),
        ({"family": "bert", "lesson": "nothing"}, "lesson must be one of"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(do, changes, message):
    with pytest.raises(SpecError, match=message):
        do(**{**FAST, **changes})


def test_too_few_sentences_to_hold_some_out_are_said(do):
    state = do(**FAST, family="bert", sentences=32).state()
    assert (state.state, state.error_kind) == ("failed", "data")
    assert state.message.startswith("There are 32 sentences, and 32 of them are held out")


# ── a model to begin with ────────────────────────────────────────────────────────────────────────────────────


def test_it_begins_with_the_weights_and_tokens_of_its_start(do, store):
    first = do(**FAST, family="gpt")
    begun = do(**{**FAST, "vocab_size": 350}, family="gpt", start=f"run:{first.id}")
    assert begun.state().state == "done", begun.state()
    mine, theirs = (loading.load(parse(f"run:{run.id}"), store).tokenizer.get_vocab() for run in (begun, first))
    assert mine == theirs
    fresh = first.result().held_out_before["similarity"]
    assert begun.result().held_out_before["similarity"] != fresh
    again = do(**{**FAST, "lesson": "objective", "learning_rate": 1e-9}, family="gpt", start=f"run:{first.id}")
    kept, start = (loading.load(parse(f"run:{run.id}"), store).model.state_dict() for run in (again, first))
    for name, tensor in start.items():
        torch.testing.assert_close(kept[name], tensor, atol=1e-6, rtol=0)


def test_a_start_of_another_family_is_refused_before_the_run(do):
    first = do(**FAST, family="bert")
    with pytest.raises(SpecError, match="is of the family BERT, and GPT cannot begin with it"):
        do(**FAST, family="gpt", start=f"run:{first.id}")


# ── the mini zoo ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mini_is_shipped_in_half_precision_with_its_card(do, store, tmp_path):
    run = do(**FAST, family="electra")
    card = minis.ship(run, tmp_path)
    written = load_file(tmp_path / "electra" / "model.safetensors")
    exact = load_file(run.model_dir / "model.safetensors")
    assert {tensor.dtype for tensor in written.values()} == {torch.float16}
    for name, tensor in exact.items():
        torch.testing.assert_close(written[name].float(), tensor, atol=1e-3, rtol=1e-3)
    assert card["result"]["held_out"] == run.result().held_out
    assert card["curve"][0]["loss"] > 0
    assert json.loads((tmp_path / "electra" / "card.json").read_text(encoding="utf-8")) == json.loads(json.dumps(card))
    loaded = loading.load(parse(f"path:{tmp_path / 'electra'}"), store, label_names=tiny.LABELS)
    assert next(loaded.model.parameters()).dtype == torch.float32
    assert minis.summary(card)["held_out_cosine"] == run.result().held_out["cosine"]


def test_only_a_finished_pretraining_becomes_a_mini(do, stop_at, tmp_path):
    stop_at(5)
    stopped = do(**FAST, family="bert")
    with pytest.raises(RunError, match="no finished pre-training"):
        minis.ship(stopped, tmp_path)
    assert not list(tmp_path.glob("bert"))


def test_a_second_call_takes_up_what_the_first_has_done(store, launcher, monkeypatch, tmp_path):
    monkeypatch.setattr(minis, "LocalLauncher", lambda store, slots: launcher)
    values = {name: value for name, value in FAST.items() if name != "kind"}
    wanted = [minis.request(key, values) for key in ("bert", "gpt")]
    said: list[str] = []
    first = minis.make(wanted, store, said.append, folder=tmp_path)
    assert [card["result"]["family"] for card in first] == ["bert", "gpt"]
    again = minis.make(wanted, store, said.append, folder=tmp_path)
    assert len(store.list()) == 2
    assert [card["result"] for card in again] == [card["result"] for card in first]


def test_a_family_that_is_named_twice_is_made_once(store, launcher, monkeypatch, tmp_path):
    monkeypatch.setattr(minis, "LocalLauncher", lambda store, slots: launcher)
    looks = iter(range(3))

    def sleep(seconds):
        if next(looks, None) is None:
            pytest.fail("it waits for a second run that nobody has begun")

    monkeypatch.setattr(minis.time, "sleep", sleep)
    one = minis.request("bert", {name: value for name, value in FAST.items() if name != "kind"})
    cards = minis.make([one, one], store, lambda line: None, folder=tmp_path)
    assert [card["result"]["family"] for card in cards] == ["bert", "bert"]
    assert len(store.list()) == 1


def test_a_mini_that_fails_is_said(store, launcher, monkeypatch, tmp_path):
    monkeypatch.setattr(minis, "LocalLauncher", lambda store, slots: launcher)

    def broken(names=None, **more):
        raise RunError("The text is gone.", "Bring it back.")

    monkeypatch.setattr(library, "load", broken)
    with pytest.raises(RunError, match=r"mini bert ended as failed: The text is gone\.") as caught:
        minis.make([minis.request("bert")], store, print, folder=tmp_path)
    (run,) = store.list()
    assert caught.value.hint.endswith(f"runs remove {run.id}")


def test_a_run_of_another_version_is_passed_over(store, launcher, monkeypatch, tmp_path):
    monkeypatch.setattr(minis, "LocalLauncher", lambda store, slots: launcher)
    wanted = minis.request("bert", {name: value for name, value in FAST.items() if name != "kind"})
    old = store.create(wanted)
    old.set_state(state="done")
    (old.path / "spec.json").write_text('{"kind": "pretrain", "family": "bert", "a_field_of_old": 1}', encoding="utf-8")
    (card,) = minis.make([wanted], store, lambda line: None, folder=tmp_path)
    assert card["result"]["family"] == "bert"
    assert len(store.list()) == 2


def test_distilberts_mini_is_cut_out_of_berts_and_taught_by_it(store, launcher, monkeypatch, tmp_path, do):
    """Three runs: BERT's mini reads on with its own objective, teaches half of itself, and the half gets the lesson."""
    monkeypatch.setattr(minis, "LocalLauncher", lambda store, slots: launcher)
    values = {name: value for name, value in FAST.items() if name != "kind"}
    monkeypatch.setattr(checkpoints, "DATA", tmp_path)
    monkeypatch.setattr("distill_core.plans.preflight.DATA", tmp_path)
    wanted = [minis.request(key, values) for key in ("distilbert", "bert")]
    cards = minis.make(wanted, store, lambda line: None, folder=tmp_path / "minis")
    assert [card["result"]["family"] for card in cards] == ["distilbert", "bert"]
    berts, teacher, student, last = (run.spec() for run in store.list())
    assert berts == wanted[1]  # a new BERT goes first: DistilBERT's begins with it
    assert (teacher.family, teacher.lesson, str(teacher.start)) == ("bert", "objective", "bert@mini")
    ids = [run.id for run in store.list()]
    assert (student.family, str(student.teacher), str(student.start)) == ("distilbert", *[f"run:{ids[1]}"] * 2)
    assert last == wanted[0].model_copy(update={"start": Ref("run", ids[2])})
    assert [kinds.parse_spec(one["spec"]) for one in cards[0]["before"]] == [teacher, student]
    assert set(cards[0]["before"][1]["result"]["held_out"]) == {"loss", "soft", "masked", "cosine"}
    assert cards[0]["result"]["params"] < cards[1]["result"]["params"]
    assert "before" not in cards[1]


def test_the_request_of_a_mini_is_the_same_every_time():
    assert minis.request("bert") == minis.request("bert")
    assert isinstance(minis.request("t5", {"tokens": "5000"}), PretrainSpec)
    assert minis.request("t5", {"tokens": "5000"}).tokens == 5000
