"""Fine-tuning and its reference arms: against scikit-learn by hand, against the saved model, and on a second try."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from safetensors.torch import load_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from distill_core.datasets import catalogue
from distill_core.errors import ModelError
from distill_core.jobs import adapt as adapt_module
from distill_core.jobs import learners, trained
from distill_core.jobs.features import FrozenFeatures
from distill_core.measure import evaluate, representation
from distill_core.model_ref import parse
from distill_core.models import loading, parameters
from distill_core.runs.control import Stopped

FAST = {
    "kind": "finetune",
    "epochs": 1,
    "batch_size": 8,
    "max_length": 24,
    "threads": 1,
    "learning_rate": 1e-3,
    "train_examples": 24,
    "min_steps": 0,
}
# peft reads a name that transformers is about to drop
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.fixture
def model(make_model):
    return make_model("bert", labels=("a", "b", "c"))  # other classes: the head is fresh


def predicted(run, name, n_classes=2):
    frame = pd.read_parquet(run.predictions_file)
    return torch.tensor(frame[[f"{name}: logit {label}" for label in range(n_classes)]].to_numpy())


def split(dataset, name="test"):
    frame = catalogue.load(dataset).split(name)
    return frame["text"].tolist(), np.array(frame["label"])


def test_every_arm_size_and_seed_has_a_row(do, model, dataset):
    arms = ("pretrained", "frozen", "scratch", "bow")
    run = do(**{**FAST, "train_examples": "8,24"}, model=model, dataset=dataset, arms=arms, seeds=2, seed=5)
    assert run.state().state == "done", run.state()
    result = run.result()
    rows = [(row.seed, row.train_examples, row.arm) for row in result.arms]
    assert rows == list(itertools.product((5, 6), (8, 24), arms))
    assert result.label_names == tiny.LABELS
    _, labels = split(dataset)
    for row in result.arms:
        right = int((predicted(run, f"{row.arm}-{row.train_examples}-{row.seed}").argmax(-1).numpy() == labels).sum())
        found = evaluate.wilson(right, len(labels))
        assert (row.accuracy, row.ci_low, row.ci_high, row.n_eval) == tuple(found.model_dump().values())
        assert row.error is None
        assert row.train_s > 0
        assert 0 < row.params_trained <= row.params
    full = result.arms[0].params
    assert [row.params_trained == full for row in result.arms[:4]] == [True, False, True, False]
    curves = {metric.arm for metric in run.read_metrics()[0]}
    assert curves == {f"{arm}-{n}-{seed}" for arm in ("pretrained", "scratch") for n in (8, 24) for seed in (5, 6)}


def test_the_bag_of_words_is_scikit_learn_by_hand(do, model, dataset):
    run = do(**FAST, model=model, dataset=dataset, arms="bow", seed=3)
    train = catalogue.load(dataset).sample_train(24, 3)
    texts, labels = split(dataset)
    words = TfidfVectorizer(ngram_range=(1, 2))
    by_hand = LogisticRegression(max_iter=1000).fit(words.fit_transform(train["text"]), train["label"])
    expected = by_hand.predict_log_proba(words.transform(texts))
    np.testing.assert_allclose(predicted(run, "bow").numpy(), expected, rtol=1e-5)
    (row,) = run.result().arms
    assert row.accuracy == by_hand.score(words.transform(texts), labels)
    assert row.params == row.params_trained == len(words.vocabulary_) + 1


@pytest.mark.parametrize(
    "key", ["bert", "xlnet", *(pytest.param(key, marks=pytest.mark.slow) for key in ("gpt", "t5"))]
)
def test_the_frozen_arm_is_scikit_learn_on_mean_pooled_states_by_hand(do, make_model, dataset, key, store):
    ref = make_model(key)
    run = do(**FAST, model=ref, dataset=dataset, arms="frozen", seed=3)
    loaded = loading.load(parse(ref), store)
    loaded.model.eval()

    def features(texts):
        rows = []
        for text in texts:  # one by one: no padding that could matter
            ids = loaded.tokenizer(text, return_tensors="pt", truncation=True, max_length=24)["input_ids"]
            extra = {"decoder_input_ids": ids} if key == "t5" else {}
            with torch.inference_mode():
                rows.append(loaded.model.base_model(input_ids=ids, **extra).last_hidden_state[0].mean(0).numpy())
        return np.stack(rows)

    train = catalogue.load(dataset).sample_train(24, 3)
    texts, labels = split(dataset)
    scaler = StandardScaler().fit(features(train["text"]))
    by_hand = LogisticRegression(max_iter=2000, C=0.1).fit(scaler.transform(features(train["text"])), train["label"])
    expected = by_hand.predict_log_proba(scaler.transform(features(texts)))
    np.testing.assert_allclose(predicted(run, "frozen").numpy(), expected, atol=5e-3)
    (row,) = run.result().arms
    assert row.accuracy == by_hand.score(scaler.transform(features(texts)), labels)
    assert row.params_trained == by_hand.coef_.size + 1


def test_the_saved_model_is_the_one_that_was_tested(do, model, dataset, store):
    run = do(**{**FAST, "epochs": 6, "train_examples": 60}, model=model, dataset=dataset, arms="pretrained")
    texts, labels = split(dataset)
    saved = loading.load(parse(f"run:{run.id}"), store)
    assert saved.label_names == tiny.LABELS
    saved.model.eval()
    encoded = saved.encode(texts, 24)
    with torch.inference_mode():
        logits = torch.cat([saved.model(**encoded.batch([row])).logits for row in range(len(texts))])
    torch.testing.assert_close(predicted(run, "pretrained").float(), logits, rtol=0, atol=1e-5)
    (row,) = run.result().arms
    assert row.accuracy == (logits.argmax(-1).numpy() == labels).mean()
    assert row.params == parameters.count(saved.model)


def test_learning_beats_guessing(do, make_model, make_csv):
    run = do(
        **{**FAST, "epochs": 12, "train_examples": 160, "learning_rate": 5e-3},
        model=make_model("gpt"),
        dataset=make_csv(240),
        arms="pretrained,bow",
    )
    assert [row.accuracy > 0.8 for row in run.result().arms] == [True, True]


def weights_after(run):
    return load_file(run.model_dir / "model.safetensors")


def test_arms_start_and_learn_where_they_say(do, make_model, dataset, store):
    """At a rate of nearly 0 the body is what it was; the scratch arm has none of it."""
    ref = make_model("bert", labels=("a", "b", "c"))
    run = do(**{**FAST, "learning_rate": 1e-12}, model=ref, dataset=dataset, arms="pretrained,scratch")
    before = loading.load(parse(ref), store).model.bert.state_dict()
    saved = weights_after(run)
    for name, tensor in before.items():
        torch.testing.assert_close(saved[f"bert.{name}"], tensor, rtol=0, atol=1e-6)
    assert not torch.allclose(predicted(run, "pretrained"), predicted(run, "scratch"), atol=1e-3)


def test_frozen_features_are_computed_once_a_text_whatever_the_size_the_seed_and_the_domain(
    do, model, make_csv, monkeypatch
):
    computed = []
    compute = FrozenFeatures._compute
    monkeypatch.setattr(FrozenFeatures, "_compute", lambda self, texts: (computed.extend(texts), compute(self, texts)))
    first, second = make_csv(60, name="first.csv"), make_csv(90, name="second.csv")
    do(
        **{**FAST, "train_examples": "8,24"},
        model=model,
        dataset=first,
        domains=f"{first},{second}",
        arms="frozen",
        seeds=3,
    )
    assert len(computed) == len(set(computed)) > 60


def test_each_training_is_charged_what_it_would_have_cost_alone(do, model, dataset, make_csv):
    """Frozen features and more pre-training are done once for all seeds; every row counts them, and says so."""
    other = make_csv(60, name="other.csv")
    values = {**FAST, "learning_rate": 1e-2, "model": model, "dataset": dataset, "domains": f"{dataset},{other}"}
    rows = do(**values, arms="frozen,adapted,pretrained,bow", seeds=3).result().arms
    frozen = [row for row in rows if row.arm == "frozen" and row.dataset == rows[0].dataset == row.test_dataset]
    adapted = [row for row in rows if row.arm == "adapted" and row.dataset == rows[0].dataset == row.test_dataset]
    plain = [row for row in rows if row.arm == "pretrained" and row.dataset == rows[0].dataset == row.test_dataset]
    assert [row.shared_s > 0 for row in frozen] == [False, True, True]
    assert [row.shared_s > 0 for row in adapted] == [False, True, True]
    assert all(row.train_s >= row.shared_s for row in rows)
    assert all(one.train_tflop > two.train_tflop for one, two in zip(adapted, plain, strict=True))
    assert {row.train_tflop for row in rows if row.arm == "bow"} == {None}


def test_few_texts_are_read_again_until_there_are_steps_enough(do, model, dataset):
    values = {**FAST, "model": model, "dataset": dataset, "arms": "pretrained", "epochs": 2}
    run = do(**{**values, "train_examples": "8,40", "min_steps": 7})
    made = {metric.arm: metric.step for metric in run.read_metrics()[0]}
    assert made == {"pretrained-8-0": 7, "pretrained-40-0": 10}  # one step a pass, and five: two passes are enough
    seven, two = do(**{**values, "train_examples": 8, "epochs": 7}), do(**{**values, "train_examples": 40})
    assert torch.equal(predicted(run, "pretrained-8-0"), predicted(seven, "pretrained"))
    assert torch.equal(predicted(run, "pretrained-40-0"), predicted(two, "pretrained"))
    few, alone = run.result().arms[0], seven.result().arms[0]
    assert few.train_tflop == pytest.approx(alone.train_tflop)


@pytest.mark.parametrize("arm", ["head", "top1", "lora"])
def test_partial_arms_train_what_they_say(do, model, dataset, arm):
    run = do(**FAST, model=model, dataset=dataset, arms=arm)
    assert run.state().state == "done", run.state()
    (row,) = run.result().arms
    assert 0 < row.params_trained < row.params / 2
    assert row.accuracy is not None
    (whole,) = do(**FAST, model=model, dataset=dataset, arms="pretrained").result().arms
    if arm != "lora":  # of rank 8, its updates multiply as much as the matrices of so small a model
        assert row.train_tflop / row.steps < whole.train_tflop / whole.steps


def test_fresh_weights_beside_a_still_network_take_a_higher_rate(do, model, dataset, monkeypatch):
    rates = []
    fit = trained.fit
    monkeypatch.setattr(trained, "fit", lambda *given: (rates.append(given[3].learning_rate), fit(*given))[1])
    do(**FAST, model=model, dataset=dataset, arms="head,lora,top1,pretrained,scratch")
    assert rates == pytest.approx([1e-1, 1e-2, 1e-3, 1e-3, 5e-3])


def test_more_pre_training_moves_the_body_and_needs_masked_words(do, make_model, dataset, model):
    values = {**FAST, "learning_rate": 1e-2, "adapt_epochs": 2}
    run = do(**values, model=model, dataset=dataset, arms="adapted,pretrained")
    assert run.state().state == "done", run.state()
    assert not torch.allclose(predicted(run, "adapted"), predicted(run, "pretrained"), atol=1e-3)
    for key, title in (("gpt", "GPT"), ("xlnet", "XLNet")):
        with pytest.raises(ModelError, match=f"{title} does not learn from masked words"):
            do(**values, model=make_model(key), dataset=dataset, arms="adapted")


def test_what_training_moved_is_told_with_the_result(do, model, dataset):
    still = do(**{**FAST, "learning_rate": 1e-12}, model=model, dataset=dataset).result().moved
    moved = do(**{**FAST, "learning_rate": 1e-2, "epochs": 3}, model=model, dataset=dataset).result().moved
    assert still.cka == pytest.approx([1] * 4, abs=1e-6)
    assert min(moved.cka) < 0.999
    assert len(moved.before) == len(moved.after) == len(moved.labels) == len(split(dataset)[1])


def test_of_several_sizes_and_seeds_the_model_with_most_labels_of_the_first_seed_is_kept(do, model, dataset):
    values = {**FAST, "arms": "pretrained", "model": model, "dataset": dataset, "seed": 2}
    curve = do(**{**values, "train_examples": "8,40,24", "seeds": 2})
    alone = do(**{**values, "train_examples": 40})
    kept, expected = weights_after(curve), weights_after(alone)
    assert all(torch.equal(kept[name], expected[name]) for name in expected)
    assert curve.result().moved == alone.result().moved


def test_zero_shot_is_for_models_of_sentences(do, model, dataset):
    with pytest.raises(Exception, match="zero-shot works with minilm"):
        do(**FAST, model=model, dataset=dataset, arms="zero-shot")


def test_a_matrix_of_domains_trains_on_each_and_tests_on_all(do, model, make_csv):
    first, second = make_csv(60, name="first.csv"), make_csv(90, name="second.csv")
    run = do(**FAST, model=model, dataset=first, test_datasets=second, arms="bow")
    assert run.state().state == "done", run.state()
    rows = run.result().arms
    assert [(row.dataset, row.test_dataset) for row in rows] == [(first, first), (first, second)]
    assert [row.n_eval for row in rows] == [len(split(first)[1]), len(split(second)[1])]


def test_what_each_model_says_is_kept_for_every_domain(do, launcher, model, make_csv, stop_at):
    first, second = make_csv(60, name="first.csv"), make_csv(90, name="second.csv")
    values = {**FAST, "domains": f"{first},{second}", "arms": "frozen,bow", "dataset": first, "model": model}
    whole = do(**values)
    frame = pd.read_parquet(whole.domain_predictions_file)
    assert frame["text"].tolist() == split(first)[0] + split(second)[0]
    assert list(frame.groupby("domain", sort=False).size().items()) == [
        (name, len(split(name)[1])) for name in (first, second)
    ]
    assert not whole.predictions_file.is_file()
    rows = whole.result().arms
    assert len(rows) == 2 * 2 * 2
    for row in rows:
        name = f"{row.arm}-{row.dataset.replace('/', '-').replace(':', '-')}"
        own = frame[frame["domain"] == row.test_dataset]
        said = own[[f"{name}: logit 0", f"{name}: logit 1"]].to_numpy().argmax(-1)
        assert row.accuracy == (said == own["label"]).mean()
    stop_at(1)
    run = do(**values)
    assert run.state().state == "stopped"
    launcher.resume(run.id)
    again = pd.read_parquet(run.domain_predictions_file)
    pd.testing.assert_frame_equal(again.sort_index(axis=1), frame.sort_index(axis=1))


def test_one_training_set_with_further_tests_keeps_both_files(do, model, make_csv):
    first, second = make_csv(60, name="first.csv"), make_csv(90, name="second.csv")
    run = do(**FAST, model=model, dataset=first, test_datasets=second, arms="bow")
    alone, both = pd.read_parquet(run.predictions_file), pd.read_parquet(run.domain_predictions_file)
    assert len(alone) == len(split(first)[1])
    np.testing.assert_allclose(both["bow: logit 1"].head(len(alone)), alone["bow: logit 1"], rtol=1e-6)


@pytest.mark.parametrize("at", [pytest.param(3, marks=pytest.mark.slow), 7])
def test_more_pre_training_is_done_once_for_all_seeds(do, launcher, model, make_csv, monkeypatch, stop_at, at):
    """`at`: the run is stopped while it reads the target's texts, and while it learns the task."""
    first, second = make_csv(60, name="first.csv"), make_csv(90, name="second.csv")
    calls = []
    real = adapt_module.adapt
    monkeypatch.setattr(adapt_module, "adapt", lambda *given: (calls.append(len(given[1])), real(*given))[1])
    values = {
        **FAST,
        "domains": f"{first},{second}",
        "arms": "adapted",
        "dataset": first,
        "model": model,
        "train_examples": "8",
        "seeds": 2,
        "learning_rate": 1e-2,
        "adapt_examples": 30,
    }
    whole = do(**values)
    assert whole.state().state == "done", whole.state()
    assert calls == [30, 30]
    assert not whole.adapted_dir.exists()
    stop_at(at)
    run = do(**values)
    assert run.state().state == "stopped"
    launcher.resume(run.id)
    kept, expected = (pd.read_parquet(one.domain_predictions_file) for one in (run, whole))
    pd.testing.assert_frame_equal(kept.sort_index(axis=1), expected.sort_index(axis=1))


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────


def test_more_labels_than_there_are_is_said_with_the_number(do, model, dataset):
    state = do(**{**FAST, "train_examples": 1000}, model=model, dataset=dataset).state()
    assert (state.state, state.error_kind) == ("failed", "data")
    assert "1,000 training texts were asked for" in state.message


def test_texts_without_words_are_nothing_for_a_bag_of_words(do, model, tmp_path):
    rows = "\n".join(f"{'!' * (n + 1)},{tiny.LABELS[n % 2]}" for n in range(60))
    (tmp_path / "marks.csv").write_text(f"text,label\n{rows}\n")
    state = do(**FAST, model=model, dataset=f"file:{tmp_path / 'marks.csv'}", arms="bow").state()
    assert (state.state, state.error_kind) == ("failed", "data")
    assert "bag of words" in state.message


def test_one_arm_that_fails_is_its_own_row_and_the_others_go_on(do, launcher, model, tmp_path, monkeypatch):
    rows = "\n".join(f"{'!' * (n + 1)},{tiny.LABELS[n % 2]}" for n in range(60))
    (tmp_path / "marks.csv").write_text(f"text,label\n{rows}\n")
    run = do(**FAST, model=model, dataset=f"file:{tmp_path / 'marks.csv'}", arms="bow,frozen,scratch")
    assert run.state().state == "done", run.state()
    bow, frozen, scratch = run.result().arms
    assert (bow.arm, bow.error.kind, bow.accuracy, bow.test_dataset) == ("bow", "data", None, bow.dataset)
    assert "bag of words" in bow.error.message
    assert frozen.error is None
    assert frozen.accuracy is not None
    assert scratch.accuracy is not None
    # a second try does what has failed, and nothing else, and puts it where it belongs
    fitted = []
    monkeypatch.setattr(trained, "fit", lambda *given: fitted.append(given))
    monkeypatch.setitem(learners.LEARNERS, "bow", learners.LEARNERS["frozen"])
    run.set_state(state="failed")
    again = launcher.resume(run.id).result().arms
    assert not fitted
    assert [row.arm for row in again] == ["bow", "frozen", "scratch"]
    assert again[0].accuracy == again[1].accuracy == frozen.accuracy


def test_an_unforeseen_error_of_one_size_is_its_own_too(do, model, dataset):
    run = do(**{**FAST, "train_examples": "8,1000"}, model=model, dataset=dataset, arms="bow")
    assert run.state().state == "done"
    few, many = run.result().arms
    assert few.error is None
    assert "1,000 training texts were asked for" in many.error.message


# ── second tries ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("at", [pytest.param(0, marks=pytest.mark.slow), 2, 6])
def test_a_stopped_run_ends_as_an_undisturbed_one(do, launcher, model, dataset, stop_at, at):
    values = {**FAST, "epochs": 2, "arms": "pretrained,scratch,frozen", "checkpoint_every_s": 0}
    whole = do(**values, model=model, dataset=dataset)
    stop_at(at)
    run = do(**values, model=model, dataset=dataset)
    assert run.state().state == "stopped"
    launcher.resume(run.id)
    assert run.state().state == "done", run.state()
    assert {name: tensor.tolist() for name, tensor in weights_after(run).items()} == {
        name: tensor.tolist() for name, tensor in weights_after(whole).items()
    }
    assert [row.accuracy for row in run.result().arms] == [row.accuracy for row in whole.result().arms]
    pd.testing.assert_frame_equal(
        pd.read_parquet(run.predictions_file).sort_index(axis=1),
        pd.read_parquet(whole.predictions_file).sort_index(axis=1),
    )


def test_a_stop_while_the_movement_is_computed_does_not_lose_it(do, launcher, model, dataset, monkeypatch):
    whole = do(**FAST, model=model, dataset=dataset)
    with monkeypatch.context() as patch:

        def stopped(*_):
            raise Stopped

        patch.setattr(representation, "layer_states", stopped)
        run = do(**FAST, model=model, dataset=dataset)
    assert run.state().state == "stopped"
    assert (run.model_dir / "config.json").is_file()
    launcher.resume(run.id)
    assert run.result().moved.cka == pytest.approx(whole.result().moved.cka)


@pytest.mark.parametrize("arm", ["pretrained", "lora"])
def test_what_was_trained_is_not_trained_again_when_the_test_is_stopped(do, launcher, model, dataset, monkeypatch, arm):
    values = {**FAST, "learning_rate": 1e-2, "model": model, "dataset": dataset, "arms": arm}
    whole = do(**values)
    with monkeypatch.context() as patch:

        def stopped(*_, **__):
            raise Stopped

        patch.setattr(learners.Workshop, "classify", stopped)
        run = do(**values)
    assert run.state().state == "stopped"

    def forbidden(*_):
        raise AssertionError("trained anew")

    monkeypatch.setattr(trained, "fit", forbidden)
    launcher.resume(run.id)
    assert run.state().state == "done", run.state()
    assert torch.equal(predicted(run, arm), predicted(whole, arm))
    (row,) = run.result().arms
    assert row.accuracy == whole.result().arms[0].accuracy
    assert row.train_s > 0
    assert not run.checkpoint_dir.exists()


def test_finished_arms_are_kept(do, launcher, model, dataset):
    run = do(**FAST, model=model, dataset=dataset, arms="frozen,bow")
    result = run.result()
    marked = result.arms[0].model_copy(update={"accuracy": 0.123})
    run.set_result(result.model_copy(update={"arms": (marked,)}))
    run.set_state(state="lost")
    again = launcher.resume(run.id).result()
    assert [row.arm for row in again.arms] == ["frozen", "bow"]
    assert again.arms[0].accuracy == 0.123
    assert again.arms[1].accuracy == result.arms[1].accuracy


def test_nothing_but_the_model_is_left_of_a_finished_training(do, model, dataset):
    run = do(**{**FAST, "checkpoint_every_s": 0}, model=model, dataset=dataset, arms="pretrained,scratch")
    assert not list(run.checkpoint_dir.rglob("*.safetensors"))
    assert (run.model_dir / "model.safetensors").is_file()


def test_the_same_seed_gives_the_same_run_and_another_seed_another(do, model, dataset):
    first, second, other = (
        do(**FAST, model=model, dataset=dataset, arms="pretrained", seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(predicted(first, "pretrained"), predicted(second, "pretrained"))
    assert not torch.equal(predicted(first, "pretrained"), predicted(other, "pretrained"))


def test_the_log_says_when_a_models_own_head_is_of_other_classes(do, make_model, make_csv, capsys):
    own = make_csv(labels=("fine", "poor"))
    run = do(**FAST, model=make_model("bert", labels=("bad", "good")), dataset=own, arms="pretrained,head")
    assert capsys.readouterr().err.count("tells bad, good apart; for fine, poor it gets a fresh one") == 1
    do(**FAST, model=f"run:{run.id}", dataset=own, arms="pretrained")
    assert "fresh" not in capsys.readouterr().err
