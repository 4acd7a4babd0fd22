"""Which test texts each training of a fine-tuning run gets right, seed by seed."""

from __future__ import annotations

from distill_core.plans import transfer_cells
from distill_core.runs.run import Run
from distill_core.specs import FinetuneSpec
from distill_core.tables import differences
from distill_core.tables.differences import Right


def of(run: Run, arm: str, train_examples: int) -> dict[int, Right]:
    """Right answers to the test texts of the run's own data set, by seed; empty without predictions."""
    spec, right = run.spec_as(FinetuneSpec), differences.right_answers(run)
    if spec is None:
        return {}
    cells = [cell for cell in transfer_cells.plan(spec) if (cell.arm, cell.n) == (arm, train_examples)]
    named = {cell.seed: cell.key for cell in cells if cell.dataset == spec.dataset.key}
    return {seed: right[name] for seed, name in named.items() if name in right}


def in_domains(run: Run) -> dict[tuple[str, str, str], dict[int, Right]]:
    """Right answers by arm, training domain and test domain (keys of data sets), and by seed; of several sizes the
    largest. Empty without predictions."""
    spec, right = run.spec_as(FinetuneSpec), differences.right_in_domains(run)
    found: dict[tuple[str, str, str], dict[int, Right]] = {}
    for cell in transfer_cells.plan(spec) if spec is not None else ():
        if spec is None or cell.n != max(spec.train_examples):
            continue
        name = cell.key
        for test, by_name in right.items():
            if name in by_name:
                found.setdefault((cell.arm, cell.dataset, test), {})[cell.seed] = by_name[name]
    return found


def majority(run: Run, test: str) -> Right | None:
    """The answers of one who always says the most frequent class of this test domain."""
    return differences.right_in_domains(run).get(test, {}).get(differences.MAJORITY)
