"""Transfer domains: how many classes each model chooses among the test texts of each domain."""

from __future__ import annotations

import pandas as pd

from distill_core.errors import RunError
from distill_core.plans import transfer_cells
from distill_core.results import FinetuneResult
from distill_core.runs.run import Run
from distill_core.specs import FinetuneSpec
from distill_core.tables import frames as tables_frames
from distill_core.tables import predictions as tables_predictions
from distill_core.tables.training import arm_title
from distill_core.tables.transfer import domain_titles

_COUNTS = ("train_examples", "seed", "n_eval", "answered")
COLUMNS = ("title", *_COUNTS)


def frame(run: Run) -> pd.DataFrame:
    """One row an arm, size, seed, training and test domain, with `answered`, for `tables.one_answer` (COLUMNS). `title`
    says what it was trained and tested on. Empty without predictions of several domains; a domain whose test texts
    are of one class is left out."""
    result, spec = run.result_as(FinetuneResult), run.spec_as(FinetuneSpec)
    try:
        said = tables_predictions.checked(run, run.domain_predictions_file)
    except RunError:
        return tables_frames.typed([], COLUMNS, _COUNTS, ())
    records, titles, there = [], domain_titles(run), tables_predictions.arms(said)
    parts = {str(name): part for name, part in said.groupby("domain") if part[tables_predictions.LABEL].nunique() > 1}
    for row in result.arms if result is not None and spec is not None else ():
        key = transfer_cells.cell(spec, row.arm, row.seed, row.dataset, row.train_examples).key if spec else ""
        if row.accuracy is None or row.test_dataset not in parts or key not in there:
            continue
        names = (titles.get(name, name) for name in (row.dataset, row.test_dataset))
        answers = tables_predictions.logits(parts[row.test_dataset], key).argmax(-1)
        records.append(
            {
                **row.model_dump(include={"train_examples", "seed", "n_eval"}),
                "title": "{}, trained on {}, tested on {}".format(arm_title(row.arm), *names),
                "answered": len(set(answers.tolist())),
            }
        )
    return tables_frames.typed(records, COLUMNS, _COUNTS, ())
