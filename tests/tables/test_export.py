"""What is taken away: formulas are defused, markup is escaped, the HTML page stands alone."""

from __future__ import annotations

import csv
import io
import json

import sample_runs

from distill_core.datasets import csv_files
from distill_core.figures import parameters, report, tradeoff
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.tables import compare as tables_compare
from distill_core.tables import export

EVIL = '=HYPERLINK("http://x")<script>alert(1)</script>'


def test_csv_defuses_formulas_and_leaves_numbers_alone() -> None:
    run = sample_runs.compare_run(RunStore(settings().runs_dir), [sample_runs.row("bert")])
    frame = tables_compare.compare_frame(run).assign(title=EVIL)
    (row,) = csv.DictReader(io.StringIO(csv_files.safe_csv(frame)))
    assert row["title"] == f"'{EVIL}"
    assert row["params"] == "109482240"
    assert row["accuracy"] == ""


def test_json_holds_what_was_asked_and_measured() -> None:
    run = sample_runs.compare_run(RunStore(settings().runs_dir))
    document = json.loads(export.json_text(run))
    assert document["run"] == run.id
    assert document["spec"]["kind"] == "compare"
    assert document["environment"]["cpu"] == "Test CPU 3000"
    assert len(document["result"]["rows"]) == 10


def test_html_stands_alone_and_is_escaped() -> None:
    run = sample_runs.compare_run(RunStore(settings().runs_dir), [sample_runs.row("bert", title=EVIL)])
    frame = tables_compare.relative_to(tables_compare.compare_frame(run), "bert@structure")
    page = report.draw(EVIL, "measured <here>", [tradeoff.draw(frame), parameters.draw(frame)], frame)
    assert page.count("Plotly.newPlot") >= 2
    assert 4e6 < len(page) < 8e6  # plotly's own code, 4.8 MB, is in it once
    assert "<script>alert(1)" not in page
    assert "measured &lt;here&gt;" in page
    assert '<script src="http' not in page
    assert "n/a" in page
