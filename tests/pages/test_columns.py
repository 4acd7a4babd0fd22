"""Every table on every page takes its columns from one vocabulary: one heading for a quantity, and the reverse."""

from __future__ import annotations

import ast
import json
from collections import Counter
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from training_pages import open_page

from distill_core.datasets import uploads
from distill_core.settings import PROJECT
from pages.parts.shared import columns, device_badge, run_panel
from pages.parts.shared.columns import VOCABULARY

TABLES = [
    ("model_zoo", {"zoo_family": "BERT"}, 1),
    ("compare", {"cmp_run": "compare-ten-families"}, 1),
    ("pretrain", {"pt_run": "pretrain-bert"}, 2),
    ("pretrain", {"pt_run": "pretrain-electra"}, 2),
    ("finetune", {"ft_dataset": "Own file"}, 2),
    ("transfer", {"tl_curves_run": "transfer-curves"}, 1),
    ("transfer", {"tl_tab": "Unfreezing", "tl_unfreeze_run": "transfer-unfreeze"}, 1),
    ("transfer", {"tl_tab": "Domains", "tl_domains_run": "transfer-domains"}, 4),
    ("transfer", {"tl_tab": "What moved"}, 1),
    ("transfer", {"tl_tab": "Own data"}, 2),
    ("soft_labels", {}, 1),
    ("distill", {"d_run": "distill-movies-three-seeds"}, 1),
    ("students", {"ts_run": "ten-students"}, 2),
    ("take_apart", {"ta_run": "distill-ablation"}, 2),
    ("runs", {}, 1),
]
FILE = "text,label\n" + "".join(f"text number {n},{('bad', 'good')[n % 2]}\n" for n in range(60))


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No probe of the machine, and a queue that stands still."""
    monkeypatch.setattr(device_badge, "show", lambda: None)
    monkeypatch.setattr(run_panel, "tick", lambda: None)


def headings(table: Any) -> dict[str, Any]:
    """Column → heading of what a table shows; None where the page says none."""
    said = json.loads(table.proto.columns or "{}")
    shown = list(table.proto.column_order) or list(table.value.columns)
    return {column: said.get(column, {}).get("label") for column in shown}


def opened(page: str, query: dict[str, str]) -> AppTest:
    """A page with a recorded run whose result is uncovered, with an own file where one is asked for."""
    if "Own" in " ".join(query.values()):
        name = uploads.keep(FILE.encode())
        digest = name.rpartition("/")[2].removesuffix(".csv")
        query = {**query, "ft_file": digest, "tl_file": digest}
    app = open_page(f"pages/{page}.py", **query)
    for button in app.button:
        if str(button.key).startswith("tl_skip_"):
            app = button.click().run()
            break
    if "transfer-domains" in query.values():  # the texts behind the matrix are folded
        app.session_state["tl_mismatch"] = True
        app.run()
    return app


@pytest.mark.parametrize(("page", "query", "count"), TABLES)
def test_every_table_speaks_the_vocabulary(page: str, query: dict[str, str], count: int):
    known = {str(config["label"]) for config in VOCABULARY.values()}
    app = opened(page, query)
    assert not app.exception
    assert len(app.dataframe) == count
    for table in app.dataframe:
        for column, heading in headings(table).items():
            if column.startswith("teacher_share_tau_"):
                assert heading == f"teacher, τ = {column.rpartition('_')[2]}"
                continue
            assert heading in known, column
            if column in VOCABULARY:
                assert heading == VOCABULARY[column]["label"], column


def test_one_heading_is_one_quantity():
    said = Counter(str(config["label"]) for config in VOCABULARY.values())
    assert [heading for heading, times in said.items() if times > 1] == []


def test_every_word_is_used():
    """A name that no table shows would be a leftover."""
    others = (path for path in (PROJECT / "pages").rglob("*.py") if path.name != "columns.py")
    said = " ".join(path.read_text(encoding="utf-8") for path in others)
    assert [name for name in VOCABULARY if f'"{name}"' not in said] == []


def test_columns_are_configured_in_one_module():
    """No page names a column by itself, and none shows a table without its columns."""
    for path in sorted((PROJECT / "pages").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
        if path.name != "columns.py":
            assert "column_config" not in {node.attr for node in attributes}, path
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func.attr == "dataframe":
                assert "column_config" in {keyword.arg for keyword in call.keywords}, path


def test_a_pair_says_what_a_column_is_here_and_the_first_columns_stay_in_view():
    found = columns.of(("label", "model"), "accuracy", "source", widths={"source": 75})
    assert [(name, config["label"]) for name, config in found.items()] == [
        ("label", "model"),
        ("accuracy", "accuracy"),
        ("source", "source"),
    ]
    assert [bool(config.get("pinned")) for config in found.values()] == [True, False, False]
    assert found["source"]["width"] == 75
    assert not VOCABULARY["model"].get("pinned")
    with pytest.raises(KeyError):
        columns.of("nobody")
