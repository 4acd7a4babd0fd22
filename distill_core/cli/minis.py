"""The mini zoo: one small model a family, made by ten pre-training runs and shipped in data/minis.

    python -m distill_core minis        (make minis)

Each is a run of the queue (`pretrain --lesson embeddings`), so a stopped one goes on where it was; two at a time with
one thread each waste less than one with two. DistilBERT's has two runs before (`recipe`): it is cut out of BERT's and
taught by it. A finished run becomes data/minis/<family>/: weights in half precision, tokenizer, and card.json with what
it read, what it cost and how the loss fell.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from distill_core import families, kinds, model_ref, specs
from distill_core.errors import DistillError, RunError
from distill_core.files.json_files import write_json
from distill_core.files.whole import whole_folder
from distill_core.launch.base import RESUMABLE
from distill_core.launch.local import LocalLauncher
from distill_core.results import LIVE, PretrainResult
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import DATA

FOLDER = DATA / "minis"
SENTENCES = 100_000
TOKENS = 8_000_000
MASKED_SHARE, TRIPLE_SHARE = 4, 8  # DistilBERT: a quarter of the tokens for its teacher, an eighth for the triple loss
CURVE_POINTS = 60
_LOOK_EVERY_S = 1.0
Say = Callable[[str], None]
Step = Callable[[str], specs.PretrainSpec]  # of the id of the run before


def request(family: str, changes: Mapping[str, Any] | None = None) -> specs.PretrainSpec:
    """The request behind one mini. Raises SpecError for an unknown family or an impossible value."""
    values = {
        "kind": "pretrain",
        "title": f"mini {family}",
        "family": family,
        "lesson": "embeddings",
        "tokens": TOKENS,
        "sentences": SENTENCES,
        "threads": 1,
        **(changes or {}),
    }
    return cast(specs.PretrainSpec, kinds.parse_spec(values))


def recipe(wanted: specs.PretrainSpec) -> list[Step]:
    """The runs behind one mini, one after the other. `wanted` is the last, and for nine families the only one.

    DistilBERT (arXiv:1910.01108 §2–3) has half of BERT's layers, begins with them, and learns from BERT by three
    losses. BERT's mini has no head for masked words, so it first reads on by BERT's own objective, apart from the one
    that ships; that network is the teacher. The lesson of all comes last, so that accuracies can be compared.
    """
    if (wanted.family, wanted.lesson) != ("distilbert", "embeddings"):
        return [lambda _: wanted]

    def step(name: str, share: int, **changes: Any) -> specs.PretrainSpec:
        given = {"title": f"{wanted.title}: {name}", "lesson": "objective", "sentences": 0, **changes}
        values = {**wanted.model_dump(mode="json"), **given, "tokens": max(1000, wanted.tokens // share)}
        return cast(specs.PretrainSpec, kinds.parse_spec(values))

    return [
        lambda _: step("teacher", MASKED_SHARE, family="bert", start="bert@mini"),
        lambda teacher: step("triple loss", TRIPLE_SHARE, teacher=f"run:{teacher}", start=f"run:{teacher}"),
        lambda student: wanted.model_copy(update={"start": model_ref.parse(f"run:{student}")}),
    ]


def summary(card: Mapping[str, Any]) -> dict[str, Any]:
    """One line of a card, for a table."""
    result = card["result"]
    return {
        "title": card["title"],
        "params": result["params"],
        "texts": result["texts"],
        "tokens": result["tokens"],
        "train_s": result["train_s"],
        **{f"held_out_{name}": value for name, value in result["held_out"].items()},
    }


def make(
    wanted: Sequence[specs.PretrainSpec], store: RunStore, say: Say, *, at_once: int = 2, folder: Path = FOLDER
) -> list[dict[str, Any]]:
    """Train and ship these minis; runs that an earlier call has begun or finished are taken up. Their cards.

    Raises RunError when a run fails.
    """
    launcher = LocalLauncher(store, slots=at_once)
    unique = list(dict.fromkeys(wanted))  # one request twice is one mini
    runs: dict[specs.PretrainSpec, list[Run]] = {spec: [] for spec in unique}
    shipped: dict[specs.PretrainSpec, dict[str, Any]] = {}
    while len(shipped) < len(unique):
        launcher.tick()
        for spec in unique:
            if spec in shipped or _waits(spec, unique, shipped):
                continue
            chain, steps = runs[spec], recipe(spec)
            done = not chain or _is_done(chain[-1])
            if done and len(chain) < len(steps):
                chain.append(_taken_up(steps[len(chain)](chain[-1].id if chain else ""), store, launcher))
            elif done:
                shipped[spec] = ship(chain[-1], folder, before=chain[:-1])
                say(f"{spec.title}: done, {len(shipped)} of {len(unique)}")
        time.sleep(_LOOK_EVERY_S)
    return [shipped[spec] for spec in wanted]


def _waits(spec: specs.PretrainSpec, wanted: Sequence[specs.PretrainSpec], shipped: Mapping[Any, Any]) -> bool:
    """DistilBERT's mini begins as BERT's: it waits for a new one."""
    return spec.family == "distilbert" and any(one.family == "bert" and one not in shipped for one in wanted)


def _is_done(run: Run) -> bool:
    """Whether a run is finished. Raises RunError for one that has ended otherwise."""
    state = run.state()
    if state.state not in {*LIVE, "done"}:
        raise RunError(
            f"{run.spec().title} ended as {state.state}: {state.message}",
            f"Call again to go on with it, or begin anew after: python -m distill_core runs remove {run.id}",
        )
    return state.state == "done"


def _taken_up(spec: specs.PretrainSpec, store: RunStore, launcher: LocalLauncher) -> Run:
    """The newest run of this very request, resumed where it has stopped; else a new one.

    Another call that asks for the same at the same time gets the same run: the token stands for the request.
    """
    launcher.tick()
    damaged = 0
    for run in reversed(store.list()):
        asked = None if run.state().state == "damaged" else _asked(run)
        damaged += asked is None  # a run that cannot be read may have had the token
        if asked == spec:
            return _going_on(run, launcher)
    digest = hashlib.sha256(spec.model_dump_json().encode()).hexdigest()
    return launcher.submit(spec, token=f"mini-{digest[:24]}-{damaged}")


def _going_on(run: Run, launcher: LocalLauncher) -> Run:
    """The run, resumed where it has stopped and no other call has been faster."""
    if run.state().state in RESUMABLE:
        try:
            return launcher.resume(run.id)
        except DistillError:
            if run.fresh_state().state not in LIVE:
                raise
    return run


def _asked(run: Run) -> specs.Spec | None:
    """What was asked; None where the request cannot be read, as that of another version of this program."""
    try:
        return run.spec()
    except DistillError:
        return None


def ship(run: Run, folder: Path = FOLDER, before: Sequence[Run] = ()) -> dict[str, Any]:
    """Write data/minis/<family> from a finished pre-training run. Its card, with the runs that came `before` it.

    Raises RunError for any other run.
    """
    result, environment = _finished(run), run.environment()
    if environment is None:
        raise RunError(f"The run {run.id} does not say where it ran.", "Pre-train again.")
    family = families.get(result.family)
    card = {
        "title": f"{family.title} mini",
        "license": "Apache-2.0",
        "made_by": "python -m distill_core minis",
        "spec": run.spec().model_dump(mode="json"),
        "result": result.model_dump(),
        "curve": _curve(run),
        "environment": environment.model_dump(),
        **({"before": [_earlier(one) for one in before]} if before else {}),
    }
    with whole_folder(folder / family.key) as new:
        _half_precision(run.model_dir, new)
        write_json(new / "card.json", card)
    return card


def _finished(run: Run) -> PretrainResult:
    result = run.result_as(PretrainResult)
    if result is None or not run.model_dir.is_dir():
        raise RunError(f"The run {run.id} is no finished pre-training.", "Pre-train first.")
    return result


def _earlier(run: Run) -> dict[str, Any]:
    return {"spec": run.spec().model_dump(mode="json"), "result": _finished(run).model_dump(exclude={"cloze"})}


def _half_precision(source: Path, target: Path) -> None:
    """Copy a model folder with its weights as float16: half the size; each weight is rounded to 11 binary digits."""
    import torch
    from safetensors.torch import load_file, save_file

    for path in source.iterdir():
        if path.suffix != ".safetensors":
            shutil.copyfile(path, target / path.name)
    tensors = load_file(source / "model.safetensors")
    halves = {
        name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()
    }
    save_file(halves, target / "model.safetensors", metadata={"format": "pt"})


def _curve(run: Run) -> list[dict[str, float]]:
    """The loss as it fell: at most CURVE_POINTS points of the training, as sentences read and loss."""
    points = [metric for metric in run.read_metrics()[0] if metric.name == "loss" and metric.split == "train"]
    every = max(1, len(points) // CURVE_POINTS)
    return [{"examples": point.examples, "loss": round(point.value, 5)} for point in points[::every]]
