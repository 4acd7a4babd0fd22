"""The probe with a gap: each family is asked in its own way, at the right place."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import tiny
import torch
from torch import nn

from distill_core import families
from distill_core.jobs.lesson import mini_config
from distill_core.models import mini_tokenizers
from distill_core.objectives import cloze, table
from distill_core.objectives.vocabulary import Vocabulary

PROBE = cloze.PROBES[2]
each = pytest.mark.parametrize("key", families.BY_KEY)


def whole(probe, word=None):
    return f"{probe.before} {word or probe.word} {probe.after}"


@pytest.fixture(scope="module")
def tokenizers():
    """A tokenizer of each family's kind that knows the words of the probes."""
    texts = [whole(probe) for probe in cloze.PROBES] + [probe.wrong for probe in cloze.PROBES] + list(tiny.SENTENCES)
    return {key: mini_tokenizers.train(families.get(key), texts, 400) for key in families.BY_KEY}


class Listener(nn.Module):
    """A network that knows one answer at one place, and says something else everywhere else. It keeps what it heard."""

    def __init__(self, key, size, place, answer):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.key, self.size, self.place, self.answer = key, size, place, answer
        self.heard = {}
        self.discriminator = self.judge

    def forward(self, row, **more):
        self.heard = {"input_ids": row, **more}
        decoder = more.get("decoder_input_ids", row)
        length = more["target_mapping"].shape[1] if "target_mapping" in more else decoder.shape[1]
        logits = torch.zeros(1, length, self.size)
        logits[:, :, 0] = 9.0
        logits[0, self.place] = torch.linspace(0, 1, self.size)
        logits[0, self.place, self.answer] = 9.0
        name = "prediction_logits" if self.key in ("bert", "albert") else "logits"
        return {name: logits} if name == "prediction_logits" else _Out(logits=logits)

    def judge(self, row):
        self.heard = {"input_ids": row}
        logits = torch.full((1, row.shape[1]), -4.0)
        logits[0, self.place] = 3.0
        return SimpleNamespace(logits=logits)


class _Out(dict):
    __getattr__ = dict.__getitem__


def listen(tokenizers, key):
    """The look at PROBE through a Listener, the listener, and the ids of the parts."""
    tokenizer = tokenizers[key]
    ids = {
        name: tokenizer(getattr(PROBE, name), add_special_tokens=False)["input_ids"]
        for name in ("before", "word", "after", "wrong")
    }
    n = len(ids["before"])
    place = {"gpt": n - 1, "t5": 1, "bart": n + 1, "xlnet": 0}.get(key, n + 1)
    vocabulary = Vocabulary.of(tokenizer, families.get(key))
    network = Listener(key, vocabulary.size, place, ids["word"][0])
    network.forward = _as_out(network.forward)
    (look,) = cloze.ask(key, network, tokenizer, vocabulary, tokens=7, probes=[PROBE])
    return look, network, ids


def _as_out(forward):
    return lambda *args, **more: _Out(forward(*args, **more))


@each
def test_the_answer_is_read_at_the_gap(tokenizers, key):
    look, _, ids = listen(tokenizers, key)
    assert look.tokens == 7
    if key == "electra":
        assert look.wanted == "because"
        assert look.probability == pytest.approx(1 / (1 + 2.718281828**-3), rel=1e-4)
        assert max(look.guesses, key=lambda guess: guess.probability).token in "because"
        assert len(look.guesses) == len(ids["before"]) + 1 + len(ids["after"])
        return
    assert look.wanted == "door"
    assert len(look.guesses) == 5
    assert look.guesses[0].probability == look.probability > 0.9
    shares = [guess.probability for guess in look.guesses]
    assert shares == sorted(shares, reverse=True)


@each
def test_the_word_itself_is_never_shown(tokenizers, key):
    look, network, ids = listen(tokenizers, key)
    seen = {name: tensor[0].tolist() for name, tensor in network.heard.items() if name.endswith("input_ids")}
    for line in seen.values():
        assert ids["word"][0] not in line
    special = tokenizers[key].all_special_ids
    text = [token for token in seen["input_ids"] if token not in special]
    if key == "gpt":
        assert text == ids["before"]
        assert look.sentence == "She opened the ___"
    elif key == "electra":
        assert text == ids["before"] + ids["wrong"][:1] + ids["after"]
    else:
        assert text == ids["before"] + ids["after"]
        assert look.sentence == "She opened the ___ and went into the room."
    if key == "xlnet":
        place = len(ids["before"])
        assert network.heard["perm_mask"][0, :, place].min() == 1  # nobody sees the gap, itself included
        assert network.heard["perm_mask"].sum() == len(seen["input_ids"])
        assert network.heard["target_mapping"][0, 0].argmax() == place


# ── real networks ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def ask(tokenizers):
    """Put a probe to a network of rough weights."""

    def put(key, probe):
        network = network_of(key, tokenizers[key])
        vocabulary = Vocabulary.of(tokenizers[key], families.get(key))
        (look,) = cloze.ask(key, network, tokenizers[key], vocabulary, tokens=0, probes=[probe])
        return look

    return put


def network_of(key, tokenizer):
    network = table.get(key).build(mini_config(families.get(key), tokenizer))
    tiny.roughen(network)
    return network.eval()


@each
def test_a_network_answers_from_the_context_and_not_from_the_word(ask, key):
    look = ask(key, PROBE)
    assert sum(guess.probability for guess in look.guesses) > 0
    assert ask(key, replace(PROBE, word="queen")).guesses == look.guesses
    assert ask(key, replace(PROBE, before="They did not")).guesses != look.guesses
    behind = ask(key, replace(PROBE, after="what to do.")).guesses
    assert (behind == look.guesses) == (key == "gpt")  # GPT has read the beginning alone
    assert (ask(key, replace(PROBE, wrong="never")).guesses == look.guesses) == (key != "electra")


@pytest.mark.parametrize("key", ["t5", "bart"])
def test_a_decoder_is_fed_as_transformers_feeds_it(ask, tokenizers, key):
    """Given labels, transformers makes the decoder's input itself."""
    tokenizer = tokenizers[key]
    before, word, after = (
        tokenizer(text, add_special_tokens=False)["input_ids"] for text in (PROBE.before, PROBE.word, PROBE.after)
    )
    gap = tokenizer.convert_tokens_to_ids("<extra_id_0>") if key == "t5" else tokenizer.mask_token_id
    start = [] if key == "t5" else [tokenizer.bos_token_id]
    labels = [gap, word[0]] if key == "t5" else [*start, *before, word[0]]
    seen = torch.tensor([[*start, *before, gap, *after, tokenizer.eos_token_id]])
    with torch.no_grad():
        logits = network_of(key, tokenizer)(input_ids=seen, labels=torch.tensor([labels])).logits
    assert ask(key, PROBE).probability == pytest.approx(float(logits[0, -1].softmax(-1)[word[0]]), rel=1e-4)


@pytest.mark.parametrize("key", ["bert", "distilbert", "ernie"])
def test_a_mask_is_filled_in_as_in_a_text_with_a_mask(ask, tokenizers, key):
    tokenizer = tokenizers[key]
    batch = tokenizer(f"{PROBE.before} [MASK] {PROBE.after}", return_tensors="pt", return_token_type_ids=False)
    with torch.no_grad():
        out = network_of(key, tokenizer)(**batch)
    logits = (out.prediction_logits if key == "bert" else out.logits)[batch["input_ids"] == tokenizer.mask_token_id]
    word = tokenizer.convert_tokens_to_ids("door")
    assert ask(key, PROBE).probability == pytest.approx(float(logits[0].softmax(-1)[word]), rel=1e-4)
