"""Every package that is imported is listed with its pin: none is there because another package happened to bring it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from distill_core.settings import PROJECT

LINE = re.compile(r"(?P<name>[\w-]+)(\[\w+\])?==(?P<version>[\w.]+)\s+# (?P<why>\S.+)")
OWN = {"app", "benchmarks", "distill_core", "pages"}
NO_PIN = {
    "pip",  # fetches assets; it comes with each environment
    "requests",  # what Ray's client raises; it comes with Ray
    "textbrewer",  # measured in an environment of their own: benchmarks/requirements.txt
    "torchdistill",
}


def listed(name: str) -> dict[str, str]:
    """Package → version of a file of requirements. Raises AssertionError for a line without a pin or a reason."""
    found = {}
    for line in (PROJECT / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "-r")):
            match = LINE.fullmatch(line)
            assert match is not None, f"{name}: {line}"
            found[_key(match["name"])] = match["version"]
    return found


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).casefold()


def imported(folder: Path) -> Iterator[tuple[str, Path]]:
    """The packages that the files below import by name, from wherever they stand in the file."""
    for path in [folder] if folder.is_file() else sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((alias.name.partition(".")[0], path) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                yield node.module.partition(".")[0], path


def missing(folders: tuple[str, ...], pins: dict[str, str]) -> set[str]:
    """Imported packages that are not among the pins."""
    packages = metadata.packages_distributions()
    beside = {path.stem for path in (PROJECT / "tests").rglob("*.py")}  # the tests' own modules
    known = OWN | NO_PIN | beside | sys.stdlib_module_names
    names = {name for folder in folders for name, _ in imported(PROJECT / folder)} - known
    return {name for name in names if not any(_key(one) in pins for one in packages.get(name, [name]))}


def test_the_product_lists_what_it_imports() -> None:
    assert (
        missing(("distill_core", "pages", "app.py"), listed("requirements.txt") | listed("requirements-ray.txt"))
        == set()
    )


def test_the_tests_list_what_they_import() -> None:
    pins = listed("requirements.txt") | listed("tests/requirements.txt")
    assert missing(("tests", "benchmarks"), pins) == set()


@pytest.mark.parametrize("name", ["requirements.txt", "tests/requirements.txt"])
def test_what_is_installed_is_what_is_pinned(name: str) -> None:
    here = {package: metadata.version(package).partition("+")[0] for package in listed(name)}
    assert here == listed(name)
