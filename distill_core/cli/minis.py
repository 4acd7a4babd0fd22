"""The mini zoo: one small model a family, made by ten pre-training runs and shipped in data/minis.

    python -m distill_core minis        (make minis)

Each is a run of the queue (`pretrain --lesson embeddings`), so a stopped one goes on where it was; two at a time with
one thread each waste less than one with two. A finished run becomes data/minis/<family>/: weights in half precision,
tokenizer, and card.json with what it read, what it cost and how the loss fell.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from distill_core import families, kinds, specs
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
CURVE_POINTS = 60
_LOOK_EVERY_S = 1.0
Say = Callable[[str], None]


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
    runs = [_taken_up(spec, store, launcher) for spec in wanted]
    total = len({run.id for run in runs})  # one request twice is one run
    shipped: dict[str, dict[str, Any]] = {}
    while len(shipped) < total:
        launcher.tick()
        for run in runs:
            state = run.state()
            if state.state == "done" and run.id not in shipped:
                shipped[run.id] = ship(run, folder)
                say(f"{run.spec().title}: done, {len(shipped)} of {total}")
            elif state.state not in {*LIVE, "done"}:
                raise RunError(
                    f"{run.spec().title} ended as {state.state}: {state.message}",
                    f"Call again to go on with it, or begin anew after: python -m distill_core runs remove {run.id}",
                )
        time.sleep(_LOOK_EVERY_S)
    return [shipped[run.id] for run in runs]


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


def ship(run: Run, folder: Path = FOLDER) -> dict[str, Any]:
    """Write data/minis/<family> from a finished pre-training run. Its card. Raises RunError for any other run."""
    result, environment = run.result_as(PretrainResult), run.environment()
    if result is None or environment is None or not run.model_dir.is_dir():
        raise RunError(f"The run {run.id} is no finished pre-training.", "Pre-train first.")
    family = families.get(result.family)
    card = {
        "title": f"{family.title} mini",
        "license": "Apache-2.0",
        "made_by": "python -m distill_core minis",
        "spec": run.spec().model_dump(mode="json"),
        "result": result.model_dump(),
        "curve": _curve(run),
        "environment": environment.model_dump(),
    }
    with whole_folder(folder / family.key) as new:
        _half_precision(run.model_dir, new)
        write_json(new / "card.json", card)
    return card


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
