"""Tokenizers of the ten kinds, trained on a few sentences: marks, special tokens, and what is kept of a text."""

from __future__ import annotations

import pytest
import tiny
from transformers import AutoTokenizer

from distill_core import families
from distill_core.families import FAMILIES
from distill_core.models import loading, mini_tokenizers
from distill_core.runs.control import Stopped

CORPUS = [f"{sentence} Number {n}, said Anna in Paris: enough!" for n in range(30) for sentence in tiny.SENTENCES]
TEXT = "Anna said: the film is warm, honest and far too long!"
# Written down from the official checkpoints (GPT: from its paper, §3.3): first tokens, and the frame of one text.
OFFICIAL = {
    "bert": (("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), ("[CLS]", "[SEP]")),
    "gpt": (("<unk>", "<s>", "<e>"), ("<s>", "<e>")),
    "roberta": (("<s>", "<pad>", "</s>", "<unk>", "<mask>"), ("<s>", "</s>")),
    "t5": (("<pad>", "</s>", "<unk>"), (None, "</s>")),
    "xlnet": (("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"), (None, "<cls>")),
    "albert": (("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"), ("[CLS]", "[SEP]")),
}
SAME = {"distilbert": "bert", "ernie": "bert", "electra": "bert", "bart": "roberta"}
LOWER = {"bert", "distilbert", "ernie", "electra", "gpt", "albert"}


@pytest.fixture(scope="module")
def trained():
    return {family.key: mini_tokenizers.train(family, CORPUS, 600) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.key)
def test_special_tokens_and_frame_are_the_official_ones(family, trained):
    special, (first, last) = OFFICIAL[SAME.get(family.key, family.key)]
    tokenizer = trained[family.key]
    assert tuple(tokenizer.convert_ids_to_tokens(range(len(special)))) == special
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(TEXT)["input_ids"])
    assert (first is None) == (tokens[0] not in special)
    assert first is None or tokens[0] == first
    assert last is None or tokens[-1] == last
    assert tokenizer.padding_side == family.padding_side


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.key)
def test_no_letter_of_a_known_text_is_lost(family, trained):
    tokenizer = trained[family.key]
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    wanted = TEXT.lower() if family.key in LOWER else TEXT
    assert tokenizer.decode(ids).replace(" ", "") == wanted.replace(" ", "")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.key)
def test_the_vocabulary_is_no_larger_than_asked_for(family, trained):
    assert 100 < len(trained[family.key]) <= 600


def test_t5_has_its_sentinels_at_the_end(trained):
    tokenizer = trained["t5"]
    names = [f"<extra_id_{index}>" for index in range(mini_tokenizers.SENTINELS)]
    assert tokenizer.convert_ids_to_tokens(range(len(tokenizer) - len(names), len(tokenizer))) == names
    assert tokenizer(f"{names[0]} film")["input_ids"][0] == len(tokenizer) - len(names)


def test_bytes_know_every_character(trained):
    for key in ("roberta", "bart"):
        tokenizer = trained[key]
        ids = tokenizer("日本 🙂 é", add_special_tokens=False)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids).strip() == "日本 🙂 é"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.key)
def test_a_saved_one_loads_as_a_checkpoint_does(family, trained, tmp_path):
    trained[family.key].save_pretrained(tmp_path)
    loading.build_config(family, family.mini).save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert loaded(TEXT)["input_ids"] == trained[family.key](TEXT)["input_ids"]


def test_pairs_are_told_apart(trained):
    encoded = trained["bert"]("warm", "dull", return_token_type_ids=True)
    assert trained["bert"].convert_ids_to_tokens(encoded["input_ids"]).count("[SEP]") == 2
    assert set(encoded["token_type_ids"]) == {0, 1}


def test_families_of_one_kind_share_one_tokenizer(monkeypatch):
    vocabularies = {
        key: mini_tokenizers.shared(families.get(key), CORPUS, "digest", 300).get_vocab() for key in families.BY_KEY
    }
    assert vocabularies["bert"] == vocabularies["distilbert"] == vocabularies["ernie"] == vocabularies["electra"]
    assert vocabularies["roberta"] == vocabularies["bart"]
    assert len({tuple(sorted(vocabulary)) for vocabulary in vocabularies.values()}) == 6
    monkeypatch.setattr(mini_tokenizers, "train", None)  # what is known is not trained again
    assert mini_tokenizers.shared(families.get("bert"), CORPUS, "digest", 300).get_vocab() == vocabularies["bert"]


def test_who_waits_for_a_tokenizer_can_be_stopped(monkeypatch):
    """Another process trains it: here, whoever holds the lock."""
    asked = []

    def check():
        asked.append(True)
        if len(asked) == 2:
            raise Stopped

    def trained_meanwhile(*arguments):
        with pytest.raises(Stopped):
            mini_tokenizers.shared(families.get("bert"), CORPUS, "digest", 300, check)
        return train(*arguments)

    train = mini_tokenizers.train
    monkeypatch.setattr(mini_tokenizers, "train", trained_meanwhile)
    mini_tokenizers.shared(families.get("bert"), CORPUS, "digest", 300)
    assert len(asked) == 2
