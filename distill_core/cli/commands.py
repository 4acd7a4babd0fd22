"""One function a command. Each returns the JSON document that it stands for, and whether the work succeeded."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from distill_core import families, kinds
from distill_core.cli import doctor as doctor_module
from distill_core.cli.flags import spec_values
from distill_core.cli.output import Bar, DownloadLines, print_note
from distill_core.datasets import typed_text
from distill_core.errors import DistillError, ModelError, RunError, SpecError
from distill_core.files import disk
from distill_core.files.whole import whole_file
from distill_core.launch import base, foreground, launchers
from distill_core.machine import environment
from distill_core.results import LIVE
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT, settings, settings_table
from distill_core.specs import Spec
from distill_core.tables import data_notes

STOP_DEADLINE_S = 30
MOST_RECIPE_BYTES, MOST_PATH_CHARS = 2**20, 4096
RESUME = "Free some disk space, then go on with: python -m distill_core runs resume ID"
USAGE = ("spec", "data", "model")  # errors of these kinds are the user's: exit code 2


class JobFailed(DistillError):
    """A run that ended without success; `exit_code` is what the command line ends with."""

    def __init__(self, kind: str, message: str, hint: str, exit_code: int) -> None:
        super().__init__(message, hint)
        self.kind, self.exit_code = kind, exit_code


def store() -> RunStore:
    """The runs of this installation."""
    return RunStore(settings().runs_dir)


def start_job(arguments: argparse.Namespace) -> dict[str, Any]:
    """A command of `kinds.KINDS`: run in the foreground with a bar, or queue with --detach."""
    return _start(kinds.parse_spec(spec_values(arguments, arguments.command)), arguments.detach)


def run_recipe(arguments: argparse.Namespace) -> dict[str, Any]:
    """run SPEC.json: the spec of any run is a recipe that runs again."""
    return _start(kinds.parse_spec(_read_recipe(arguments.recipe[:MOST_PATH_CHARS])), arguments.detach)


def _read_recipe(name: str) -> dict[str, Any]:
    """The object in a file of JSON, which may be a pipe. Raises SpecError; /dev/zero is read no further than others."""
    hint = "Name the spec.json of a run."
    try:
        with Path(name).open("rb") as file:
            content = file.read(MOST_RECIPE_BYTES + 1)
        if len(content) > MOST_RECIPE_BYTES:
            raise SpecError(f"{name} is larger than {MOST_RECIPE_BYTES // 2**20} MiB.", hint)
        data = json.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise SpecError(f"Cannot read {name}: {error.strerror}.", hint) from error
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{name} is not JSON.", hint) from error
    if not isinstance(data, dict):
        raise SpecError(f"{name} holds no spec.", hint)
    return data


def _start(spec: Spec, detach: bool) -> dict[str, Any]:
    if detach:
        return {"run": launchers.get_launcher(store()).submit(spec).id}
    environment.prepare_process(spec.threads)
    bar = Bar()
    run = foreground.run_foreground(spec, store(), bar)
    bar.end()
    return _outcome(run)


def _outcome(run: Run) -> dict[str, Any]:
    """The JSON of a finished run. Raises JobFailed for one that did not end well."""
    state = run.state()
    if state.state == "stopped":
        hint = f"Go on with: python -m distill_core runs resume {run.id}"
        raise JobFailed("stopped", f"The run {run.id} was stopped.", hint, 130)
    if state.state in LIVE:
        raise JobFailed("run", f"The end of the run {run.id} could not be written. {_why_not(run)}", RESUME, 1)
    if state.state != "done":
        code = 2 if state.error_kind in USAGE else 1
        raise JobFailed(state.error_kind or "run", state.message, state.hint, code)
    result = run.result()
    if result is None:
        raise RunError(f"The run {run.id} has no result.", "See its log.")
    if result.failure is not None:  # one model's failure is one row's error; a run without any number has failed
        error = result.failure
        message = f"No model could be measured: {error.message}"
        raise JobFailed(error.kind, message, error.hint, 2 if error.kind in USAGE else 1)
    for note in data_notes.sentences(run):
        print_note(note)
    return {"run": run.id, **result.as_json(run.id)}


def _why_not(run: Run) -> str:
    """Why nothing can be written where the run lies."""
    if not run.path.is_dir():
        return "Its folder is gone."
    try:
        with whole_file(run.path / "probe") as new:
            new.write_bytes(bytes(2**16))
        (run.path / "probe").unlink()
    except OSError as error:
        return disk.MESSAGE if disk.is_full(error) else f"{error.strerror}."
    return "The disk was full, or its folder could not be used."


def list_families(arguments: argparse.Namespace) -> dict[str, Any]:
    """The ten families with sizes counted now, on the meta device."""
    from distill_core.models import parameters

    if arguments.write:
        parameters.write_table()
    rows = []
    for family in families.FAMILIES:
        parts = parameters.official(family)
        rows.append(
            {
                "key": family.key,
                "title": family.title,
                "year": family.year,
                "architecture": family.architecture,
                "params": sum(parts.values()),
                "params_by_part": parts,
                "hub_id": family.hub_id,
            }
        )
    return {"families": rows}


def examine(arguments: argparse.Namespace) -> dict[str, Any]:
    return doctor_module.examine()


def fetch_assets(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fetch the offline assets that are not here yet; one line of progress each."""
    from distill_core.assets import shelf

    show = DownloadLines()
    for name in arguments.names or shelf.names():
        shelf.ensure(name, show)
    return {"assets": [{"name": row.name, "present": row.present} for row in shelf.status()]}


def manage_corpus(arguments: argparse.Namespace) -> dict[str, Any]:
    """corpus list | fetch | prepare; `missing` and the notes name what could not be had, and why."""
    from distill_core.corpus import library

    names = library.check_names(arguments.names or None)
    told: dict[str, Any] = {}
    if arguments.action == "fetch":
        missing = library.fetch(names, DownloadLines())
        told["missing"] = [{"name": name, "reason": reason} for name, reason in missing.items()]
    if arguments.action == "prepare":
        prepared = library.load(names, DownloadLines())
        told = {
            "documents": len(prepared.documents),
            "sentences": len(prepared),
            "words": prepared.words,
            "digest": prepared.digest,
            "notes": list(prepared.notes),
        }
    rows = [
        {
            "name": row.name,
            "title": row.title,
            "license": row.license,
            "registry": row.registry,
            "present": row.present,
            "mb": round(row.download_bytes / 1e6, 1),
            "documents": row.documents,
            "sentences": row.sentences,
            "words": row.words,
        }
        for row in library.status()
        if row.name in names
    ]
    return {"sources": rows, **told}


def make_minis(arguments: argparse.Namespace) -> dict[str, Any]:
    """The small pre-trained models, ten runs of the queue; what an earlier call has begun goes on."""
    from distill_core.cli import minis

    given = {name: value for name in ("tokens", "seed") if (value := getattr(arguments, name)) is not None}
    wanted = [minis.request(family.strip(), given) for family in arguments.families.split(",") if family.strip()]
    if not wanted:
        raise SpecError("No family was named.", f"Known: {', '.join(families.BY_KEY)}.")
    folder = Path(arguments.folder) if arguments.folder else minis.FOLDER
    cards = minis.make(
        wanted,
        store(),
        lambda line: print(line, file=sys.stderr, flush=True),
        at_once=max(1, arguments.at_once),
        folder=folder,
    )
    return {"minis": [minis.summary(card) for card in cards]}


def predict(arguments: argparse.Namespace) -> dict[str, Any]:
    """Classify one text."""
    environment.prepare_process(None)
    from distill_core import model_ref
    from distill_core.machine import devices
    from distill_core.measure import evaluate, self_test
    from distill_core.models import loading

    text = typed_text.clean(arguments.text)  # a terminal of another encoding gives half characters
    device = devices.resolve(arguments.device)
    self_test.require(device)
    loaded = loading.load(model_ref.parse(arguments.model), store())
    if loaded.label_names is None:
        raise ModelError(f"{arguments.model} has no classification head.", "Fine-tune it first, then name run:ID.")
    loaded.model.to(device.torch_device)
    logits = evaluate.predict(loaded.model, loaded.encode([text], loaded.reads()), device)
    shares = logits.softmax(-1)[0].tolist()
    best = max(range(len(shares)), key=shares.__getitem__)
    return {
        "model": arguments.model,
        "text": text,
        "label": loaded.label_names[best],
        "probabilities": dict(zip(loaded.label_names, shares, strict=True)),
    }


def manage_runs(arguments: argparse.Namespace) -> dict[str, Any]:
    """runs list | show | stop | resume | remove | export."""
    launcher = launchers.get_launcher(store())
    launcher.tick()
    if arguments.action == "list":
        return {"runs": [_summary(run) for run in store().list()]}
    if not arguments.ids:
        raise SpecError(f"runs {arguments.action} needs a run id.", "List them with: python -m distill_core runs list")
    if arguments.action == "resume" and not arguments.detach:
        bar = Bar()
        run = foreground.resume_foreground(arguments.ids[0], store(), bar)
        bar.end()
        return _outcome(run)
    done = []
    for run_id in arguments.ids:
        run = store().get(run_id)
        if arguments.action in ("show", "export"):
            done.append(_full(run))
        else:
            {"stop": launcher.stop, "resume": launcher.resume, "remove": store().remove}[arguments.action](run_id)
            done.append({"id": run_id, "state": _settled(launcher, run)})
    return {"runs": done}


def _settled(launcher: base.Launcher, run: Run) -> str:
    """The state once a stopped run has ended: ticks go on until then, since they end a run that does not listen."""
    deadline = time.monotonic() + STOP_DEADLINE_S
    while run.path.is_dir() and run.control()[0] == "stop" and run.state().state in LIVE:
        if time.monotonic() > deadline:
            raise RunError(f"The run {run.id} has not stopped within {STOP_DEADLINE_S} s.", "Look at its log.")
        launcher.tick()
        time.sleep(0.1)
    return run.state().state if run.path.is_dir() else "removed"


def _summary(run: Run) -> dict[str, Any]:
    state = run.state()
    try:
        spec = run.spec()
        about = {"kind": spec.kind, "title": spec.title}
    except RunError:
        about = {"kind": "", "title": ""}
    return {
        "id": run.id,
        **about,
        "state": state.state,
        "progress": state.progress,
        "created_at": state.created_at,
        "message": state.message,
    }


def _full(run: Run) -> dict[str, Any]:
    environment_ = run.environment()
    result = run.result()
    return {
        **_summary(run),
        "spec": run.spec().model_dump(mode="json"),
        "state": run.state().model_dump(),
        "environment": environment_.model_dump() if environment_ else None,
        "result": result.model_dump() if result else None,
    }


def show_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings with the values of this installation; --write renews docs/settings.md."""
    if arguments.write:
        (PROJECT / "docs" / "settings.md").write_text(settings_table(), encoding="utf-8")
    return {"settings": {f"DISTILL_{k.upper()}": str(v) for k, v in settings().model_dump().items()}}
