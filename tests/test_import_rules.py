"""Who may import whom: imports go downward only, and what a page loads stays light.

LAYERS is the table of the structure, from the bottom up. A module may import from its own layer and from those below;
one that is not listed stands as high as the highest module that it imports.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from distill_core.settings import PROJECT

LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "words and files",
        (
            "errors",
            "settings",
            "units",
            "json_files",
            "machine.turns",
            "runs.locks",
            "datasets.splits",
            "assets.registry",
            "assets.package_clients",
        ),
    ),
    (
        "types",
        (
            "families",
            "model_ref",
            "specs",
            "specs.*",
            "results",
            "results.*",
            "scenes.objective_chips",
            "scenes.objective_facts",
        ),
    ),
    (
        "runs and data",
        (
            "runs",
            "runs.*",
            "machine.environment",
            "assets",
            "assets.*",
            "datasets",
            "datasets.*",
            "hub",
            "hub.*",
            "corpus",
            "corpus.*",
        ),
    ),
    ("plans", ("plans", "plans.*")),
    ("tables", ("tables", "tables.*", "advice", "advice.*")),
    ("figures", ("figures", "figures.*")),
    (
        "models and training",
        (
            "machine",
            "machine.*",
            "measure",
            "measure.*",
            "models",
            "models.*",
            "objectives",
            "objectives.*",
            "scenes",
            "scenes.*",
            "training",
            "training.*",
        ),
    ),
    ("jobs", ("jobs", "jobs.*")),
    ("launch", ("worker", "launch", "launch.*")),
    ("command line", ("cli", "cli.*", "__main__")),
)
HEAVY = ("torch", "transformers", "accelerate", "tokenizers", "sklearn", "peft", "ray")
# What pages and the queue are made of: a page server with forty visitors imports these and nothing heavy.
LIGHT_LAYERS = ("words and files", "types", "runs and data", "plans", "tables", "figures", "launch", "command line")

Module = tuple[Path, str]


@cache
def core() -> dict[str, Path]:
    """Each module of the core by its dotted name below distill_core."""
    root = PROJECT / "distill_core"
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


def pages() -> list[Path]:
    return [PROJECT / "app.py", *sorted((PROJECT / "pages").rglob("*.py"))]


@cache
def imports(path: Path, *, lazy: bool = True) -> frozenset[str]:
    """The dotted names that a file imports; without `lazy` only what is loaded together with the file."""
    names = set()
    for node in _executed(ast.parse(path.read_text(encoding="utf-8")).body, lazy):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _executed(body: list[ast.stmt], lazy: bool) -> Iterator[ast.AST]:
    """All statements but those under TYPE_CHECKING; without `lazy` also not the insides of functions."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not lazy:
            continue
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _executed(getattr(node, part, []), lazy)


def own(names: frozenset[str]) -> set[str]:
    """The modules of the core among these names."""
    found = set()
    for name in names:
        inner = name.removeprefix("distill_core.") if name.startswith("distill_core.") else ""
        while inner and inner not in core():
            inner = inner.rpartition(".")[0]
        found |= {inner} - {""}
    return found


def foreign(names: frozenset[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def listed(name: str) -> int | None:
    """The module's place in LAYERS."""
    for place, (_, patterns) in enumerate(LAYERS):
        if any(fnmatch(name, pattern) for pattern in patterns):
            return place
    return None


@cache
def height(name: str, above: tuple[str, ...] = ()) -> int:
    place = listed(name)
    if place is not None:
        return place
    below = [height(inner, (*above, name)) for inner in own(imports(core()[name])) - {*above, name}]
    return max(below, default=0)


@cache
def loaded_with(path: Path) -> frozenset[str]:
    """All foreign packages that importing this file loads, through the core's own modules."""
    seen: set[Path] = set()
    packages: set[str] = set()
    waiting = [path]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        names = imports(at, lazy=False)
        packages |= foreign(names)
        waiting += [core()[name] for name in _with_rooms(own(names))]
        waiting += [page for page in pages() if _is_page_of(page, names)]
    return frozenset(packages)


def _with_rooms(names: set[str]) -> set[str]:
    """Importing a module runs the front door of its room first."""
    return names | {name.rpartition(".")[0] for name in names if "." in name}


def _is_page_of(page: Path, names: frozenset[str]) -> bool:
    dotted = ".".join(page.relative_to(PROJECT).with_suffix("").parts)
    return any(name == dotted or name.startswith(f"{dotted}.") for name in names)


each_module = pytest.mark.parametrize("name", core())
each_page = pytest.mark.parametrize("page", pages(), ids=lambda path: path.stem)


def test_every_name_of_the_table_is_a_module():
    for _, patterns in LAYERS:
        for pattern in patterns:
            assert any(fnmatch(name, pattern) for name in core()), f"{pattern} is gone: take it out of LAYERS"


@each_module
def test_imports_go_downward(name):
    mine = height(name)
    for other in own(imports(core()[name])) - {name}:
        # the worker of a run does jobs and starts the next run: it is named by the launchers, and loads them late
        assert height(other) <= mine, f"{name} ({LAYERS[mine][0]}) imports {other} ({LAYERS[height(other)][0]})"


@each_module
def test_the_core_knows_neither_pages_nor_streamlit(name):
    assert not foreign(imports(core()[name])) & {"streamlit", "pages", "app"}


@each_module
def test_plotly_is_for_figures_and_ray_for_its_launcher(name):
    used = foreign(imports(core()[name]))
    assert "plotly" not in used or name.startswith("figures")
    assert "ray" not in used or name == "launch.ray"


@each_page
def test_pages_use_figures_not_plotly_and_no_jobs(page):
    names = imports(page)
    assert not foreign(names) & {"plotly", "ray", "accelerate", "sklearn"}
    forbidden = {name for name in own(names) if name in ("training", "worker") or name.startswith(("jobs", "cli"))}
    assert not forbidden
    assert not {name for name in own(imports(page, lazy=False)) if LAYERS[height(name)][0] == "jobs"}


@each_page
def test_a_page_loads_nothing_heavy(page):
    """Forty visitors open pages at once; torch alone takes seconds. A function may load it, once, when it is needed."""
    assert not loaded_with(page) & set(HEAVY)


@each_module
def test_what_pages_are_made_of_is_light(name):
    place = listed(name)
    if place is not None and LAYERS[place][0] in LIGHT_LAYERS:
        assert not loaded_with(core()[name]) & set(HEAVY)


def test_python_agrees_that_they_are_light():
    """What the reading of the sources says, Python itself confirms: also through packages that load others."""
    light = [
        f"distill_core.{name}"
        for name in core()
        if listed(name) is not None
        and LAYERS[listed(name)][0] in LIGHT_LAYERS
        and name not in ("__main__", "hub.worker")
    ]
    code = f"import sys, {', '.join(light)}\nprint(*({HEAVY!r} & sys.modules.keys()))".replace(
        repr(HEAVY), repr(set(HEAVY))
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_rules_would_notice(tmp_path):
    """The reader of the sources against a file that breaks every rule."""
    file = tmp_path / "bad.py"
    file.write_text(
        "import plotly.graph_objects as go\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import pandas\n"
        "from distill_core.jobs import compare\n"
        "from distill_core import models\n"
        "try:\n    import ray\nexcept ImportError:\n    ray = None\n"
        "def later():\n    import sklearn\n    from distill_core.runs import RunStore\n"
    )
    assert foreign(imports(file)) == {"plotly", "distill_core", "ray", "sklearn", "typing"}
    assert own(imports(file)) == {"jobs.compare", "models", "runs"}
    assert own(imports(file, lazy=False)) == {"jobs.compare", "models"}
    assert "sklearn" not in foreign(imports(file, lazy=False))
    assert "ray" in foreign(imports(file, lazy=False))
    assert {"torch", "transformers"} <= loaded_with(file)
