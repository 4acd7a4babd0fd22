"""Reads the command line, runs one command, prints its result, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from distill_core import families
from distill_core.cli import commands, output
from distill_core.cli.flags import Parser, add_spec_flags
from distill_core.errors import DistillError, RunError
from distill_core.files import disk
from distill_core.kinds import KINDS
from distill_core.launch.foreground import check_alone


def main(arguments: list[str]) -> int:
    """Exit code: 0 done, 1 the job failed, 2 wrong usage, 130 stopped."""
    with output.open_streams():
        try:
            with output.all_taken():  # argparse prints too
                return _run(arguments)
        except output.OutputLost as error:
            output.tell(f"Error: {error}")
            return 1


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        parsed = build_parser().parse_args(arguments)
        check_alone()
        document = parsed.run(parsed)
    except commands.JobFailed as error:
        output.print_error(error, as_json)
        return error.exit_code
    except DistillError as error:
        output.print_error(error, as_json)
        return 2
    except OSError as error:
        if not disk.is_full(error):
            raise
        output.print_error(RunError(disk.MESSAGE, disk.HINT), as_json)
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit:  # --help has been printed
        sys.stdout.flush()
        raise
    with output.all_taken():
        if as_json:
            output.print_json(document)
        else:
            _print_for_people(document)
    return 0


def build_parser() -> Parser:
    parser = Parser(prog="python -m distill_core", description="Distill Lab: transfer learning with your own hands.")
    subparsers = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    for kind in KINDS.values():
        job = _command(subparsers, kind.key, kind.purpose, commands.start_job)
        add_spec_flags(job, kind.key)
        job.add_argument("--detach", action="store_true", help="queue the run and print its id")
    recipe = _command(subparsers, "run", "Run a spec.json again.", commands.run_recipe)
    recipe.add_argument("recipe", metavar="SPEC.json")
    recipe.add_argument("--detach", action="store_true", help="queue the run and print its id")
    table = _command(subparsers, "families", "The ten families, counted on the meta device.", commands.list_families)
    table.add_argument("--write", action="store_true", help="renew data/parameters.csv")
    _command(subparsers, "doctor", "What this machine has and what that means.", commands.examine)
    fetch = _command(subparsers, "assets", "Fetch the offline model and data sets.", commands.fetch_assets)
    fetch.add_argument("names", nargs="*", help="assets to fetch (default: all)")
    texts = _command(subparsers, "corpus", "The texts for small pre-training.", commands.manage_corpus)
    texts.add_argument("action", nargs="?", default="list", choices=("list", "fetch", "prepare"))
    texts.add_argument("names", nargs="*", help="texts (default: all)")
    small = _command(subparsers, "minis", "Make the small pre-trained models of data/minis.", commands.make_minis)
    small.add_argument("--families", default=",".join(families.BY_KEY), help="which of them (default: all ten)")
    small.add_argument("--tokens", default=None, help="tokens that each one reads")
    small.add_argument("--seed", default="0")
    small.add_argument("--at-once", type=int, default=2, help="how many are trained at the same time, one thread each")
    small.add_argument("--folder", default=None, help="where they go (default: data/minis)")
    say = _command(subparsers, "predict", "Classify one text.", commands.predict)
    say.add_argument("--model", required=True)
    say.add_argument("--text", required=True)
    say.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps", "xpu"))
    runs = _command(subparsers, "runs", "List and steer runs.", commands.manage_runs)
    runs.add_argument("action", choices=("list", "show", "stop", "resume", "remove", "export"))
    runs.add_argument("ids", nargs="*", metavar="ID")
    runs.add_argument("--detach", action="store_true", help="resume in the queue instead of here")
    about = _command(subparsers, "settings", "The settings of this installation.", commands.show_settings)
    about.add_argument("--write", action="store_true", help="renew docs/settings.md")
    return parser


def _command(
    subparsers: Any, name: str, text: str, run: Callable[[argparse.Namespace], dict[str, Any]]
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)
    return parser


def _print_for_people(document: dict[str, Any]) -> None:
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            print(f"{key}:")
            output.print_table([{k: v for k, v in row.items() if not isinstance(v, dict | list)} for row in value])
        elif isinstance(value, dict):
            print(f"{key}:")
            for name, item in value.items():
                print(f"  {name}: {output.shown(item)}")
        elif isinstance(value, list):
            for item in value:
                print(f"- {item}")
        else:
            print(f"{key}: {output.shown(value)}")
