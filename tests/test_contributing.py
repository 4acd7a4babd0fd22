"""CONTRIBUTING.md, followed to the letter: each "A new …" names files that are there, and adding one works."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from distill_core.assets import shelf
from distill_core.cli.main import main
from distill_core.datasets import catalogue, prepare
from distill_core.datasets.dataset import Dataset
from distill_core.settings import PROJECT

TEXT = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WAYS = {
    re.sub(r"\W+$", "", head): body
    for head, body in re.findall(r"^- \*\*A new ([^*]+)\*\*(.*?)(?=^- |\Z)", TEXT, flags=re.M | re.S)
}
FIGURE = '''"""How many texts each split has."""

import plotly.graph_objects as go

from distill_core.figures import theme


def draw(frame, *, dark=False):
    """One bar a split."""
    if frame.empty:
        return theme.empty("No split", "Load a data set.")
    bars = [{"type": "bar", "x": list(frame["split"]), "y": list(frame["rows"])}]
    return theme.figure(bars, "Texts by split", dark=dark, height=200)
'''
PAGE = '''"""A page that somebody has added."""

import pandas as pd

from distill_core.figures import toy_splits
from pages.parts.shared import page

page.header("Splits", "How many texts does each split have?")
page.chart(toy_splits.draw(pd.DataFrame({"split": ["train"], "rows": [8]})), "toy_fig")
'''


def test_it_says_how_to_add_each_thing():
    assert {"family", "loss", "arm", "task", "kind of run", "data set", "figure", "page", "setting"} <= WAYS.keys()


@pytest.mark.parametrize("way", WAYS)
def test_what_it_names_is_there(way):
    named = [path for path in re.findall(r"`([\w./<>-]+)`", WAYS[way]) if "/" in path and "<" not in path]
    assert named or way == "setting"
    for path in named:
        assert (PROJECT / path).exists(), path


def test_a_new_data_set_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    lines = [f"{row}\t{(row % 2 - 0.5) * 4}\tPlay number {row}" for row in range(60)]
    (tmp_path / "plays.txt").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(shelf, "ensure", lambda name, on_progress=None: tmp_path)
    row = replace(catalogue.info("movies"), name="plays", title="Plays", rows=60, file="plays.txt")
    monkeypatch.setitem(catalogue.TABLE, "plays", row)
    assert len(catalogue.load("plays").frame) == 60
    spec = ["finetune", "--dataset", "plays", "--arms", "bow", "--train-examples", "20", "--json"]
    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", "0")
    assert main(spec) == 0
    assert json.loads(capsys.readouterr().out)["arms"][0]["dataset"] == "plays"
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=30).run().switch_page("pages/finetune.py").run()
    assert "Plays" in next(box for box in app.selectbox if box.key == "ft_dataset").options


def test_a_new_reader_is_a_function_and_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"id": ["1"], "text": ["a b"], "tags": ["X Y"], "split": ["train"]})

    def tagged(info, commit, on_progress):
        return Dataset(info.name, info.title, frame, info.label_names, info.source, info.license, task=info.task)

    monkeypatch.setitem(prepare.READERS, "tagged", tagged)
    row = replace(catalogue.info("movies"), name="tags", reader="tagged", task="toy-tags")
    monkeypatch.setitem(catalogue.TABLE, "tags", row)
    for _ in ("read", "from the cache"):
        loaded = catalogue.load("tags")
        assert loaded.frame.equals(frame)
        assert loaded.task == "toy-tags"
    assert {info.reader for info in catalogue.TABLE.values()} <= prepare.READERS.keys()


def test_a_new_figure_and_a_new_page_are_a_module_and_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("app.py", "pages", "distill_core", "data"):
        place = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy2
        place(PROJECT / name, tmp_path / name) if name != "data" else (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "distill_core" / "figures" / "toy_splits.py").write_text(FIGURE, encoding="utf-8")
    (tmp_path / "pages" / "splits.py").write_text(PAGE, encoding="utf-8")
    router = (tmp_path / "app.py").read_text(encoding="utf-8")
    row = '    "Look back": [("splits", "Splits", "bar_chart", "splits", "How many texts a split has."), '
    (tmp_path / "app.py").write_text(router.replace('    "Look back": [', row), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    figures = importlib.import_module("distill_core.figures")
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path / "distill_core" / "figures")])
    app = AppTest.from_file(str(tmp_path / "app.py"), default_timeout=30).run().switch_page("pages/splits.py").run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Splits"]
    assert "Texts by split" in app.markdown[-1].value
    empty = importlib.import_module("distill_core.figures.toy_splits").draw(pd.DataFrame())
    assert empty.layout.title.text == "No split"
