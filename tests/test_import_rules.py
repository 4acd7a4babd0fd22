"""Who may import whom: imports go downward only, no rooms import each other, and what a page loads stays light.

LAYERS is the table of the structure, from the bottom up. A room (a folder of the core, or a file at its top) may import
from its own layer and from those below.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from distill_core.settings import PROJECT

LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ground", ("__init__", "errors", "units", "places", "settings", "terms", "files", "maths")),
    ("types", ("arms", "families", "objective_facts", "model_ref", "data_ref", "specs", "results", "kinds")),
    ("runs and data", ("machine", "assets", "hub", "datasets", "corpus", "runs")),
    ("models", ("models",)),
    ("tasks", ("tasks",)),
    ("training", ("plans", "training", "measure", "objectives")),
    ("results", ("tables", "figures")),
    ("jobs", ("jobs",)),
    ("launch", ("launch", "worker", "classroom")),
    ("command line", ("cli", "__main__")),
)
MOST_FLOORS = 12  # the longest chain of rooms, the pages included
HEAVY = ("torch", "transformers", "accelerate", "tokenizers", "sklearn", "peft", "ray")
# What pages and the queue are made of: a page server with forty visitors imports these and nothing heavy.
LIGHT_ROOMS = frozenset(
    (
        *("errors", "units", "places", "settings", "terms", "files", "maths", "arms", "families", "objective_facts"),
        *("model_ref", "data_ref", "specs"),
        *("results", "runs", "assets", "hub", "datasets", "corpus", "plans", "tables", "figures", "launch"),
        *("kinds", "worker", "cli", "classroom", "__main__"),
    )
)
LIGHT_MODULES = frozenset({"tasks.facts"})  # … and these of rooms that are heavy otherwise

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


def room(name: str) -> str:
    """The folder of a module, or the module itself where it stands at the top of the core."""
    return name.partition(".")[0]


@cache
def layer(name: str) -> int:
    """The place of a module's room in LAYERS."""
    return next(place for place, (_, rooms) in enumerate(LAYERS) if room(name) in rooms)


@cache
def rooms() -> dict[str, set[str]]:
    """Each room with the rooms that it imports; pages and app are one more."""
    found: dict[str, set[str]] = {}
    for name, path in core().items():
        found.setdefault(room(name), set()).update(map(room, own(imports(path))))
    found["pages"] = {room(name) for page in pages() for name in own(imports(page))}
    return {name: others - {name} for name, others in found.items()}


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


def test_the_table_names_every_room_and_no_other():
    assert sorted(name for _, names in LAYERS for name in names) == sorted(set(map(room, core())))


@each_module
def test_imports_go_downward(name):
    for other in own(imports(core()[name])) - {name}:
        assert layer(other) <= layer(name), f"{name} ({LAYERS[layer(name)][0]}) imports {other}"


def test_no_two_rooms_import_each_other_and_the_floors_are_few():
    """A circle of rooms raises CycleError."""
    floors: dict[str, int] = {}
    for name in TopologicalSorter(rooms()).static_order():
        floors[name] = 1 + max((floors[below] for below in rooms()[name] - {"__init__"}), default=0)
    assert max(floors.values()) <= MOST_FLOORS, sorted(floors.items(), key=lambda item: -item[1])


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
    assert not {room(name) for name in own(names)} & {"training", "worker", "jobs", "cli"}


@each_page
def test_a_page_loads_nothing_heavy(page):
    """Forty visitors open pages at once; torch alone takes seconds. A function may load it, once, when it is needed."""
    assert not loaded_with(page) & set(HEAVY)


@each_module
def test_what_pages_are_made_of_is_light(name):
    if room(name) in LIGHT_ROOMS or name in LIGHT_MODULES:
        assert not loaded_with(core()[name]) & set(HEAVY)


def test_python_agrees_that_they_are_light():
    """What the reading of the sources says, Python itself confirms: also through packages that load others."""
    light = [
        f"distill_core.{name}"
        for name in core()
        if (room(name) in LIGHT_ROOMS and name not in ("__main__", "hub.worker")) or name in LIGHT_MODULES
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
