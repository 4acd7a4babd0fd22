"""Pre-training as tables, and what a budget means beside the papers."""

from __future__ import annotations

import pytest
import sample_pretrain as sample

from distill_core import families
from distill_core.plans import pretrain_scale
from distill_core.results import ClozeLook, Guess
from distill_core.runs.store import RunStore
from distill_core.runs.tail import Tail
from distill_core.settings import settings
from distill_core.specs import PretrainSpec
from distill_core.tables import pretrain as tables


@pytest.fixture
def store():
    return RunStore(settings().runs_dir)


def looks_of(run):
    return tables.looks_frame(run, Tail(run).frame())


@pytest.mark.parametrize("key", families.BY_KEY)
def test_each_family_has_a_loss_that_stands_for_its_objective(store, key):
    run = sample.pretrain_run(store, key)
    assert tables.main_part(run.result()) == sample.PARTS[key]
    expected = {"t5": None, "bart": None, "electra": (7.0, "Base rate")}.get(key, (6.9, "Word counts"))
    assert tables.reference(run.result()) == expected
    frame = looks_of(run)
    assert list(frame["tokens"]) == [0, 250_000, 500_000, 750_000, 1_000_000]
    assert list(frame["loss"]) == pytest.approx([9.0, 8.4, 7.8, 7.2, 6.6])
    assert float(frame["share_of_start"].iloc[-1]) == pytest.approx(6.6 / 9)
    assert int(frame["signals"].iloc[-1]) == run.result().signals


def test_electras_base_rate_is_that_of_the_newest_look(store):
    run = sample.pretrain_run(store, "electra", state="running")
    assert tables.reference(run.result()) is None
    assert tables.reference(run.result(), Tail(run).frame()) == (sample.BASE_RATE, "Base rate")


def test_a_run_without_a_result_has_no_looks(store):
    run = store.create(PretrainSpec(family="bert"))
    assert looks_of(run).empty
    assert tables.runs_frame([run]).empty


def test_the_answers_before_the_first_step_and_now():
    frame = tables.cloze_frame(sample.result("bert"))
    assert list(frame["wanted"]) == ["door", "of"]
    assert list(frame["first"]) == ["the 40 %, door 1 %", "the 40 %, of 1 %"]
    assert list(frame["now"]) == ["the 40 %, door 21 %", "the 40 %, of 21 %"]
    assert tables.cloze_frame(sample.result("bert", cloze=())).empty


def test_electras_tokens_are_ranked_by_suspicion():
    guesses = tuple(Guess(token=t, probability=p) for t, p in (("a", 0.1), ("b", 0.7), ("c", 0.004), ("d", 0.2)))
    look = ClozeLook(tokens=0, sentence="a b c d", wanted="b", probability=0.7, guesses=guesses)
    assert tables.guesses_text(look, "electra") == "b 70 %, d 20 %, a 10 %"
    assert tables.guesses_text(look, "bert").endswith("c <1 %")


def test_a_row_of_the_comparison_is_computed_from_the_result(store):
    row = tables.runs_frame([sample.pretrain_run(store, "bert")]).iloc[0]
    assert row["signal_share"] == pytest.approx(0.15)
    assert row["share_of_start"] == pytest.approx(6.6 / 9)
    assert (row["probe_start"], row["probe_end"], row["n_eval"]) == (0.56, 0.58, 1037)
    assert row["wanted_start"] == pytest.approx(0.01)
    assert row["wanted_end"] == pytest.approx(0.21)
    assert row["tokens_per_s"] == 20_000
    assert row["source"].startswith("measured 22 Nov 2025 on Test CPU 3000")


def test_only_equal_budgets_on_equal_texts_are_compared(store):
    bert = sample.pretrain_run(store, "bert")
    older = sample.pretrain_run(store, "electra")
    newer = sample.pretrain_run(store, "electra")
    sample.pretrain_run(store, "gpt", corpus=("movies",))
    sample.pretrain_run(store, "t5", tokens=2_000_000)
    sample.pretrain_run(store, "bart", state="running")
    others = list(reversed(store.list()))
    assert [run.id for run in tables.comparable(bert, others)] == [bert.id, newer.id]
    assert [run.id for run in tables.comparable(older, others)] == [bert.id, older.id]


# ── what a budget means ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("key", "amount", "unit"),
    [
        ("bert", 3.3e9, "words"),
        ("gpt", None, None),
        ("roberta", 160e9, "bytes"),
        ("t5", 750e9, "bytes"),
        ("xlnet", 32.89e9, "subword pieces"),
        ("albert", 16e9, "bytes"),
        ("distilbert", 3.3e9, "words"),
        ("ernie", 7.905e9, "tokens"),
        ("electra", 3.3e9, "tokens"),
        ("bart", 160e9, "bytes"),
    ],
)
def test_the_sizes_of_the_papers_corpora_are_read_from_the_facts(key, amount, unit):
    size = pretrain_scale.corpus_size(families.get(key))
    assert (size is None) == (amount is None)
    if size is not None:
        assert (size.amount, size.unit) == (pytest.approx(amount), unit)


def test_a_budget_beside_the_paper_in_one_line():
    said = pretrain_scale.beside_paper(families.get("bert"), 2_000_000)
    assert said == "2 million tokens: about 0.061 % of the 3.3 billion words in the corpus of BERT's paper."
    assert "about 0.0051 % of the 160 GB of text" in pretrain_scale.beside_paper(families.get("bart"), 2_000_000)
    assert "over 7,000 unpublished books" in pretrain_scale.beside_paper(families.get("gpt"), 2_000_000)


def test_the_newest_run_of_the_family_sets_the_pace(store):
    spec = PretrainSpec(family="bert", tokens=2_000_000)
    assert pretrain_scale.seconds(spec, []) == pretrain_scale.START_S + 100
    bert, gpt = sample.pretrain_run(store, "bert"), sample.pretrain_run(store, "gpt")
    gpt.set_result(gpt.result().model_copy(update={"train_s": 25.0}))
    assert pretrain_scale.seconds(spec, [gpt]) == pretrain_scale.START_S + 50
    assert pretrain_scale.seconds(spec, [gpt, bert]) == pretrain_scale.START_S + 100
    running = sample.pretrain_run(store, "bert", state="running")
    assert pretrain_scale.tokens_per_s(running) is None


def test_an_older_result_has_no_line_to_be_compared_with():
    assert tables.reference(sample.result("bert", asked_unigram_nats=None)) is None


def test_copying_what_is_visible_is_not_taken_for_knowledge():
    """The mean loss lies below word counts; on hidden tokens alone it does not."""
    kinds = {"masked": 7.1, "replaced": 7.5, "kept": 0.4}
    words = tables.kinds_sentence(sample.result("bert", held_out_by_kind=kinds))
    assert words.startswith("The loss by what became of the asked token: hidden 7.1, replaced by another 7.5, ")
    assert words.endswith("the network is not below word counts.")
    learned = tables.kinds_sentence(sample.result("bert", held_out_by_kind={**kinds, "masked": 6.5}))
    assert learned.endswith("the network is below word counts.")
    assert tables.kinds_sentence(sample.result("bert")) == ""
    assert tables.kinds_sentence(sample.result("bert", held_out_by_kind=kinds, asked_unigram_nats=None)) == ""


@pytest.mark.parametrize(
    ("albert_s", "words"), [(39.0, "about as long"), (60.0, "longer"), (20.0, "less long"), (None, "")]
)
def test_what_shared_layers_save_is_said_of_both_measured(store, albert_s, words):
    frame = tables.runs_frame([sample.pretrain_run(store, family) for family in ("bert", "albert", "gpt")])
    times = {"bert": 36.0, "albert": albert_s, "gpt": 70.0}
    sizes = {"bert": 1_500_000, "albert": 1_200_000, "gpt": 1_500_000}
    frame["train_s"] = frame["family"].map(times).astype("Float64")
    frame["params"] = frame["family"].map(sizes).astype("Int64")
    said = tables.sharing_sentence(frame)
    assert words in said
    assert bool(said) == bool(words)
    if said:
        assert "20 % fewer than BERT" in said
    assert tables.sharing_sentence(frame[frame["family"] != "bert"]) == ""
