"""Links between pages: every page and every name in an address stands in one module, and the pages read these names."""

from __future__ import annotations

import ast
import importlib
from typing import Any

import pytest
import sample_training as sample
from streamlit.testing.v1 import AppTest
from training_pages import inline, open_page, own, recorded, texts

from distill_core.kinds import KINDS
from distill_core.settings import PROJECT
from pages.parts.shared import links
from pages.parts.shared.links import Page

__all__ = ["inline", "recorded"]
PAGES = {name: page for name, page in vars(links).items() if isinstance(page, Page)}
TAKE_APART = ("Ingredients", "Temperature and weight", "Depth")


def keys(app: AppTest) -> set[str]:
    """The keys of all widgets, which are their names in the address."""
    return {str(node.key) for node in walk(app.main) if getattr(node, "key", None)}


def walk(block: Any) -> list[Any]:
    """Every element below a block."""
    found = []
    for child in block.children.values():
        found += walk(child) if hasattr(child, "children") else [child]
    return found


def test_every_page_of_the_navigation_can_be_linked_and_no_other(recorded: object):
    scripts = {entry[0] for section in importlib.import_module("app").PAGES.values() for entry in section}
    assert {page.script for page in PAGES.values()} == scripts - {"start"}  # the way back is in the navigation
    assert all((PROJECT / page.path).is_file() for page in PAGES.values())


@pytest.mark.parametrize(
    ("page", "states"),
    [
        (links.MODEL_ZOO, [{}]),
        (links.OBJECTIVES, [{}]),
        (links.COMPARE, [{}]),
        (links.FINETUNE, [{}]),
        (links.DISTILL, [{}]),
        (links.TAKE_APART, [{"ta_question": question} for question in TAKE_APART]),
    ],
    ids=lambda value: value.script if isinstance(value, Page) else "",
)
def test_a_page_reads_what_a_link_can_bring(page: Page, states: list[dict[str, str]], recorded: object):
    """By a widget of that key; a teacher comes in by a name of its own, which the tests of both pages follow."""
    sample.finetune_run(own(), arms=("pretrained",))
    weights = ["Soft targets", "Labels", "Cosine", "Hidden states", "Attention", "Relations"]
    found: set[str] = set()
    for state in states:
        app = open_page(page.path, **({"ta_ingredients": weights, **state} if page is links.TAKE_APART else state))
        assert not app.exception
        found |= keys(app)
    assert set(page.takes.values()) - {"teacher"} <= found


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        *((page.path, page.run) for page in PAGES.values() if page.run),
        (links.TRANSFER.path, links.TRANSFER.takes["curves"]),
    ],
)
def test_a_run_in_the_address_is_looked_for(path: str, parameter: str, recorded: object):
    app = open_page(path, **{parameter: "000099-nobody"})
    assert not app.exception
    assert "There is no run 000099-nobody." in texts(app)


def test_a_link_brings_its_state_and_nothing_else():
    asked = {"models": ["BERT", "GPT"], "run": "a"}
    assert links.COMPARE.query(asked) == {"cmp_models": ["BERT", "GPT"], "cmp_run": "a"}
    assert links.SOFT_LABELS.query({}) == {}
    with pytest.raises(KeyError):
        links.SOFT_LABELS.query({"teacher": "run:a"})


def test_pages_name_each_other_in_one_module():
    """No other module writes a script's path or draws a link of its own."""
    for path in sorted((PROJECT / "pages").rglob("*.py")):
        if path.name == "links.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        assert not {text for text in said if text.startswith("pages/")}, path
        calls = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert "page_link" not in calls, path


def test_every_kind_of_run_has_its_page():
    for kind, row in KINDS.items():
        assert links.of_kind(kind).run == row.parameter
        assert (PROJECT / links.of_kind(kind).path).is_file()
