"""Finding and loading models: what comes with which head, and each way in which a folder can be wrong."""

from __future__ import annotations

import json
import shutil

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file

from distill_core import families
from distill_core.errors import DistillError, ModelError, RunError
from distill_core.machine import devices
from distill_core.model_ref import Ref, parse
from distill_core.models import checkpoints, loading, text_classifier
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec

each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture
def folder(tmp_path):
    return tiny.save(tiny.classifier(families.get("bert")), tmp_path / "model")


def load(folder, store, **more):
    return loading.load(Ref("path", str(folder)), store, **more)


# ── heads ────────────────────────────────────────────────────────────────────────────────────────────────────


@each_family
def test_a_head_for_other_classes_is_fresh_and_the_rest_is_kept(family, tmp_path, store):
    folder = tiny.save(tiny.classifier(family), tmp_path / "model")
    devices.seed_everything(3)
    loaded = load(folder, store, label_names=("a", "b", "c"))
    assert loaded.label_names == ("a", "b", "c")
    assert loaded.model.config.num_labels == 3
    saved = tiny.classifier(family).model.base_model.state_dict()
    assert all(torch.equal(tensor, saved[name]) for name, tensor in loaded.model.base_model.state_dict().items())
    devices.seed_everything(3)
    again = load(folder, store, label_names=("a", "b", "c"))
    assert all(torch.equal(a, b) for a, b in zip(loaded.model.parameters(), again.model.parameters(), strict=True))


@each_family
def test_a_backbone_comes_bare_and_gets_a_head_for_the_classes_asked_for(family, tmp_path, store):
    backbone = tiny.backbone(family)
    backbone.save_pretrained(tmp_path / "model")
    tiny.tokenizer(family).save_pretrained(tmp_path / "model")
    bare = load(tmp_path / "model", store)
    assert (bare.label_names, bare.weights) == (None, "pretrained")
    headed = load(tmp_path / "model", store, label_names=tiny.LABELS)
    assert (headed.label_names, headed.weights) == (tiny.LABELS, "pretrained")
    own = headed.model.base_model.state_dict()
    for name, tensor in backbone.state_dict().items():
        if name in own:  # RoBERTa's classifier has no pooler
            assert torch.equal(own[name], tensor), name


def test_as_many_classes_under_new_names_get_a_head_of_their_own(folder, store):
    loaded = load(folder, store, label_names=("no", "yes"))
    saved = tiny.classifier(families.get("bert")).model.classifier.weight
    assert loaded.model.classifier.weight.shape == saved.shape
    assert not torch.allclose(loaded.model.classifier.weight, saved)
    assert loaded.model.config.id2label == {0: "no", 1: "yes"}
    assert loaded.model.config.label2id == {"no": 0, "yes": 1}


# ── padding ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_gpt_pads_with_its_unknown_token(tmp_path, store):
    loaded = load(tiny.save(tiny.classifier(families.get("gpt")), tmp_path / "model"), store)
    assert "pad_token" not in json.loads((tmp_path / "model" / "tokenizer_config.json").read_text())
    assert loaded.tokenizer.pad_token == "<unk>"
    assert loaded.model.config.pad_token_id == loaded.tokenizer.pad_token_id == 0


@each_family
def test_a_config_that_names_no_padding_gets_the_tokenizers(family, tmp_path, store):
    """As the first GPT's: without it, a batch of several texts fails; with a wrong one, the wrong token is read."""
    folder = tiny.save(tiny.classifier(family), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "pad_token_id": None}))
    loaded = load(folder, store)
    loaded.model.eval()
    encoded = loaded.encode(["a film", "", "one of the best films of the year!"], 32)
    with torch.inference_mode():
        alone = torch.cat([loaded.model(**encoded.batch([row])).logits for row in range(3)])
        torch.testing.assert_close(loaded.model(**encoded.batch(range(3))).logits, alone, rtol=0, atol=1e-5)


@each_family
def test_the_model_knows_the_padding_of_its_tokenizer(family, tmp_path, store):
    loaded = load(tiny.save(tiny.classifier(family), tmp_path / "model"), store)
    assert loaded.model.config.pad_token_id == loaded.tokenizer.pad_token_id
    assert loaded.encode(["a"], 8).padding_side == family.padding_side


# ── structures ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_structure_has_random_weights_and_no_tokenizer(store, monkeypatch):
    small = dict.fromkeys(("official",), tiny.fields(families.get("bert")))
    monkeypatch.setattr(loading.families, "get", lambda key: type("Row", (), {**vars(families.BY_KEY[key]), **small})())
    devices.seed_everything(1)
    loaded = loading.load(parse("bert@structure"), store)
    assert (loaded.weights, loaded.tokenizer, loaded.label_names, loaded.title) == ("random", None, None, "BERT")
    with pytest.raises(ModelError, match="no tokenizer"):
        loaded.encode(["a"], 8)
    headed = loading.load(parse("bert@structure"), store, label_names=("a", "b", "c"))
    assert headed.model.config.num_labels == 3
    devices.seed_everything(1)
    again = loading.load(parse("bert@structure"), store)
    assert all(torch.equal(a, b) for a, b in zip(loaded.model.parameters(), again.model.parameters(), strict=True))


@pytest.mark.slow
@each_family
def test_official_structures_run(family, store):
    loaded = loading.load(parse(f"{family.key}@structure"), store, label_names=tiny.LABELS)
    ids = torch.full((1, 8), 5000)
    ids[:, -1] = loaded.model.config.eos_token_id or 7
    with torch.inference_mode():
        assert loaded.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.shape == (1, 2)


# ── what can be wrong with a folder ──────────────────────────────────────────────────────────────────────────


def change_config(**changes):
    def change(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changes}))

    return change


WRONGS = {
    "no folder": (shutil.rmtree, "config.json is missing"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json is missing"),
    "half a config": (lambda folder: (folder / "config.json").write_text('{"model'), "config"),
    "a config that is a list": (lambda folder: (folder / "config.json").write_text("[]"), "config"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "no safetensors"),
    "pickled weights": (
        lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
        "no safetensors",
    ),
    "half of the weights": (
        lambda folder: (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:999]),
        "weights",
    ),
    "noise for weights": (lambda folder: (folder / "model.safetensors").write_bytes(b"\x01" * 500), "weights"),
    "another family": (change_config(model_type="gpt2"), "'gpt2' is not one of the ten"),
    "an unknown architecture": (change_config(model_type="mamba9"), "mamba9"),
    "other sizes than the weights": (change_config(hidden_size=32), "weights"),
    "more layers than the weights": (change_config(num_hidden_layers=5), "weights"),
    "no tokenizer": (
        lambda folder: [path.unlink() for path in folder.glob("tokenizer*")],
        "tokenizer",
    ),
    "half a tokenizer": (lambda folder: (folder / "tokenizer.json").write_text('{"version"'), "tokenizer"),
    "code of its own": (change_config(auto_map={"AutoConfig": "evil.Config"}, model_type="evil"), "custom code"),
}


@pytest.mark.parametrize(("damage", "words"), WRONGS.values(), ids=WRONGS)
def test_a_wrong_folder_is_refused_in_one_sentence(folder, store, damage, words):
    damage(folder)
    with pytest.raises(DistillError) as caught:
        load(folder, store)
    assert caught.value.kind == "model"
    assert words in caught.value.message
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("change", [{"hidden_size": 32}, {"num_hidden_layers": 5}, {"vocab_size": 99}])
def test_a_fresh_head_is_no_excuse_for_a_random_body(folder, store, change):
    """With other classes the head may be of another size: then transformers forgives every other tensor too."""
    change_config(**change)(folder)
    with pytest.raises(ModelError, match="not whole"):
        load(folder, store, label_names=("a", "b", "c"))


def test_a_fine_tuned_model_without_its_head_is_not_whole(folder, store):
    weights = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in weights.items() if not k.startswith("classifier")}, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"not whole.*classifier"):
        load(folder, store)
    assert load(folder, store, label_names=("a", "b", "c")).weights == "fine-tuned"


def test_no_code_of_a_checkpoint_is_run(folder, store, tmp_path):
    change_config(auto_map={"AutoConfig": "evil.Config", "AutoModel": "evil.Model"})(folder)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'pwned')!r}, 'w')\n")
    load(folder, store)
    assert not (tmp_path / "pwned").exists()


def test_a_run_without_a_model_says_its_state(store):
    run = store.create(CompareSpec(models="bert@structure"))
    with pytest.raises(RunError, match="saved no model"):
        loading.load(Ref("run", run.id), store)
    with pytest.raises(RunError, match="There is no run"):
        loading.load(Ref("run", "000099-abcdef"), store)


def test_the_model_of_a_run_loads(store):
    run = store.create(CompareSpec(models="bert@structure"))
    tiny.save(tiny.classifier(families.get("bert")), run.model_dir)
    assert loading.load(parse(f"run:{run.id}"), store).label_names == tiny.LABELS


def test_a_mini_that_is_not_there(store):
    if (checkpoints.DATA / "minis" / "bart").is_dir():
        pytest.skip("the minis are here")
    with pytest.raises(ModelError, match="bart@mini"):
        loading.load(parse("bart@mini"), store)


@each_family
def test_the_hub_id_of_a_reference(family):
    assert loading.hub_id(parse(f"{family.key}@hub")) == family.hub_id
    if family.sst2_hub_id:
        assert loading.hub_id(parse(f"{family.key}@sst2")) == family.sst2_hub_id
    else:
        with pytest.raises(ModelError, match="No public fine-tuned checkpoint"):
            loading.hub_id(parse(f"{family.key}@sst2"))
    assert loading.hub_id(parse("hub:a/b")) == "a/b"


# ── T5 as a classifier of text ───────────────────────────────────────────────────────────────────────────────


def test_a_text_classifiers_scores_are_log_likelihoods_of_its_answers():
    """Against generating by hand: the probability of each token of the answer, given the ones before."""
    from transformers import T5ForConditionalGeneration

    family = families.get("t5")
    tokens = tiny.tokenizer(family)
    model = T5ForConditionalGeneration(loading.build_config(family, tiny.fields(family)))
    tiny.roughen(model)
    wrapped = text_classifier.TextClassifier(model.eval(), tokens, ("the film", "dull")).eval()
    loaded = loading.LoadedModel(Ref("path", "t5"), family, wrapped, tokens, "fine-tuned", ("the film", "dull"))
    encoded = loaded.encode(["a warm film", "bad"], 16)
    with torch.inference_mode():
        logits = wrapped(**encoded.batch([0, 1])).logits
        for row in (0, 1):
            for column, word in enumerate(("the film", "dull")):
                start, total = [0], 0.0
                for token in tokens(word)["input_ids"]:
                    out = model(input_ids=encoded.ids[row][None], decoder_input_ids=torch.tensor([start])).logits
                    total += out[0, -1].log_softmax(-1)[token].item()
                    start.append(token)
                assert logits[row, column].item() == pytest.approx(total, abs=1e-3)
    assert (logits < 0).all()
    assert (logits.exp().sum(-1) < 1).all()  # other words have the rest: softmax leaves them out
