"""Pre-training runs made by hand for tests: the numbers are invented, and never leave the tests."""

from __future__ import annotations

import json

import sample_training

from distill_core.results import Accuracy, ClozeLook, Guess, Metric, PretrainResult
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import PretrainSpec

TOKENS = 1_000_000
PARTS = {
    "bert": "masked",
    "gpt": "causal",
    "roberta": "masked",
    "t5": "spans",
    "xlnet": "permutation",
    "albert": "masked",
    "distilbert": "masked",
    "ernie": "masked",
    "electra": "detection",
    "bart": "denoising",
}
SHARES = {"gpt": 0.98, "electra": 1.0, "bart": 1.0, "distilbert": 1.0, "xlnet": 0.17}
START, LOOKS, BASE_RATE = 9.0, 4, 7.0
SENTENCES = (("She opened the ___ and went into the room.", "door"), ("It was one ___ the best days.", "of"))


def loss(look: int) -> float:
    """9 before the first step, then less by 0.6 at each look."""
    return START - 0.6 * look


def metrics(family: str, looks: int = LOOKS) -> list[Metric]:
    """Looks at unread text, and the training loss between them."""
    found = []
    for look in range(1, looks + 1):
        place = {
            "arm": family,
            "step": 10 * look,
            "epoch": look / LOOKS,
            "examples": 640 * look,
            "elapsed_s": 5.0 * look,
        }
        tokens = TOKENS * look / LOOKS
        values = {
            PARTS[family]: loss(look),
            "loss": loss(look) + 0.5,
            "tokens": tokens,
            "signals": round(tokens * SHARES.get(family, 0.15)),
        }
        if family == "electra":
            values["base_rate"] = BASE_RATE
        found += [Metric(**place, split="validation", name=name, value=value) for name, value in values.items()]
        found.append(Metric(**place, split="train", name=PARTS[family], value=loss(look) + 0.1))
    return found


def cloze(family: str, looks: int = LOOKS) -> tuple[ClozeLook, ...]:
    """The wanted word grows more likely by 5 points a look, from 1 %."""
    found = []
    for look in range(looks + 1):
        for sentence, word in SENTENCES:
            share = 0.01 + 0.05 * look
            guesses = (Guess(token="the", probability=0.4), Guess(token=word, probability=share))
            shown = sentence if family != "electra" else sentence.replace("___", "<b>king</b>")
            found.append(
                ClozeLook(
                    tokens=look * TOKENS // LOOKS, sentence=shown, wanted=word, probability=share, guesses=guesses
                )
            )
    return tuple(found)


def probe(accuracy: float) -> Accuracy:
    return Accuracy(accuracy=accuracy, ci_low=accuracy - 0.029, ci_high=accuracy + 0.029, n_eval=1037)


def result(family: str, looks: int = LOOKS, **more: object) -> PretrainResult:
    """A training up to this look; finished at the last one."""
    done = looks == LOOKS
    base = {"base_rate": BASE_RATE} if family == "electra" else {}
    part, share = PARTS[family], SHARES.get(family, 0.15)
    values = {
        "family": family,
        "lesson": "objective",
        "params": 1_500_000,
        "vocab_size": 8192,
        "texts": 25_600,
        "tokens": TOKENS,
        "signals": round(TOKENS * share) if done else None,
        "sources": ("Movie reviews",),
        "held_out_before": {"loss": START + 0.5, part: START},
        "unigram_nats": 7.3,
        "asked_unigram_nats": 6.9,
        "cloze": cloze(family, looks),
        "held_out": {"loss": loss(looks) + 0.5, part: loss(looks), **base} if done else {},
        "probe_dataset": "movies",
        "probe_labels": 1000,
        "linear_probe_before": probe(0.56),
        "linear_probe": probe(0.58) if done else None,
        "train_s": 50.0 if done else None,
    }
    return PretrainResult.model_validate({**values, **more})


def pretrain_run(store: RunStore, family: str = "bert", state: str = "done", **spec: object) -> Run:
    """A run of this family; a live one is half way. A saved model's config.json lies beside a finished one."""
    asked = {"family": family, "tokens": TOKENS, **spec}
    if family == "distilbert":
        asked.setdefault("teacher", "run:000001-abcdef")
    run = store.create(PretrainSpec.model_validate(asked))
    run.set_environment(sample_training.ENVIRONMENT)
    looks = LOOKS if state == "done" else LOOKS // 2
    run.add_metrics(metrics(family, looks))
    run.set_result(result(family, looks))
    values: dict[str, object] = {"state": state, "progress": looks / LOOKS, "started_at": sample_training.STARTED}
    if state == "done":
        run.model_dir.mkdir()
        (run.model_dir / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 128}))
        values["ended_at"] = sample_training.ENDED
    run.set_state(**values)
    return run
