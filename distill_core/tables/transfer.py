"""Transfer experiments → DataFrames: learning curves, how much to unfreeze, domains. Units in the names, shares 0–1.

Means over seeds stand beside two spreads. `ci_low` to `ci_high` is the 95 % Wilson interval (the mean of the seeds'
limits): which texts happened to be in the test. `seed_low` to `seed_high` is the lowest and the highest seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import pandas as pd

from distill_core import arms
from distill_core.arms import SAVED, Depth, FinetuneArm
from distill_core.datasets import known_splits
from distill_core.errors import RunError
from distill_core.maths import paired
from distill_core.results import FinetuneResult
from distill_core.runs.run import Run
from distill_core.specs import FinetuneSpec, dataset_name
from distill_core.tables import differences
from distill_core.tables import sources as tables_sources
from distill_core.tables import transfer_answers as answers
from distill_core.tables.training import arm_title

Experiment = Literal["curves", "unfreeze", "domains"]
_COUNTS = ("train_examples", "n_eval", "seeds", "params", "params_trained")
_NOT_COUNTED = ("bow",)  # arms without passes through a network, whose operations nobody counts
_MEASURES = ("accuracy", "ci_low", "ci_high", "seed_low", "seed_high", "train_s", "train_tflop")
CURVE_COLUMNS = ("arm", "title", *_COUNTS, *_MEASURES, "source")
_BEHIND = ("behind", "behind_low", "behind_high")
UNFREEZE_COLUMNS = ("arm", "title", "label", *_COUNTS, *_MEASURES, "share_trained", "decay", *_BEHIND, "source")
DOMAIN_COLUMNS = (
    "arm",
    "title",
    "train",
    "test",
    *_COUNTS,
    *_MEASURES,
    "majority",
    "is_below",
    "is_surely_below",
    "is_home",
    "against_home_points",
    "source",
)


def experiment_of(run: Run) -> Experiment | None:
    """Which experiment a run is, told by its spec; None for any other run, and for a damaged one."""
    try:
        spec = run.spec_as(FinetuneSpec)
    except RunError:
        return None
    if spec is None:
        return None
    if len(spec.domains) > 1 or spec.test_datasets:
        return "domains"
    if any(is_depth(arm) and arm != SAVED for arm in spec.arms):
        return "unfreeze"
    return "curves" if len(spec.train_examples) > 1 else None


def can_show(run: Run, experiment: str) -> bool:
    """Whether a run can be drawn as this experiment: it is this one, or a fine-tuning so small that it is none of the
    three (one size, or one depth) and still a point of the first two."""
    found = experiment_of(run)
    return found == experiment or (found is None and experiment != "domains" and run.spec().kind == "finetune")


def is_depth(arm: str) -> bool:
    """Whether an arm says how much of the network learns."""
    return depth_of(arm) is not None


def depth_title(arm: str) -> str:
    """The arm as a depth: the pre-trained arm trains all layers."""
    depth = depth_of(arm)
    return depth.title if depth is not None else arm_title(arm)


def depth_of(arm: str) -> Depth | None:
    """How much of the network an arm lets learn; None for an arm that differs in something else."""
    row = arms.named(arm)
    return row.depth if isinstance(row, FinetuneArm) else None


# ── one row a cell, means over seeds ─────────────────────────────────────────────────────────────────────────────


def _rows(run: Run) -> pd.DataFrame:
    """One row an arm, size, seed and test set that was measured."""
    result = run.result_as(FinetuneResult)
    found = result.arms if result is not None else ()
    records = [row.model_dump(exclude={"error"}) for row in found if row.accuracy is not None]
    frame = pd.DataFrame(records)
    if frame.empty:
        return frame
    not_counted = frame["arm"].isin(_NOT_COUNTED)  # runs before version 0.2 say 0
    frame["train_tflop"] = frame["train_tflop"].astype(float).mask(not_counted)
    own = frame["dataset"].where(frame["dataset"] != "", _dataset(run))
    return frame.assign(dataset=own, test_dataset=frame["test_dataset"].where(frame["test_dataset"] != "", own))


def _dataset(run: Run) -> str:
    result = run.result_as(FinetuneResult)
    return result.dataset if result is not None else ""


def _means(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Means over seeds, in the order of the first appearance."""
    grouped = rows.groupby(by, sort=False)
    names = ["accuracy", "ci_low", "ci_high", "n_eval", "train_s", "train_tflop", "params", "params_trained"]
    frame = grouped[names].mean()
    frame = frame.assign(
        seeds=grouped["seed"].nunique(), seed_low=grouped["accuracy"].min(), seed_high=grouped["accuracy"].max()
    )
    for name in ("n_eval", "params", "params_trained"):
        frame[name] = frame[name].round()
    return frame.reset_index()


def _typed(frame: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    floats = (*_MEASURES, "share_trained", "decay", "majority", "against_home_points", *_BEHIND)
    kinds = {
        **dict.fromkeys(_COUNTS, "Int64"),
        **dict.fromkeys(floats, "Float64"),
        **dict.fromkeys(("is_below", "is_surely_below", "is_home"), "boolean"),
    }
    frame = frame.reindex(columns=list(columns))
    return frame.astype({name: kinds.get(name, "string") for name in columns}).reset_index(drop=True)


# ── learning curves ──────────────────────────────────────────────────────────────────────────────────────────────


def curve_frame(run: Run) -> pd.DataFrame:
    """One row an arm and training size so far, tested on the run's own data set (CURVE_COLUMNS)."""
    rows = _rows(run)
    if rows.empty:
        return _typed(rows, CURVE_COLUMNS)
    frame = _means(rows[rows["test_dataset"] == rows["dataset"]], ["arm", "train_examples"])
    frame = frame.assign(title=frame["arm"].map(arm_title), source=tables_sources.source_text(run))
    return _typed(frame, CURVE_COLUMNS)


# ── how much to unfreeze ─────────────────────────────────────────────────────────────────────────────────────────


def unfreeze_frame(run: Run) -> pd.DataFrame:
    """One row a depth, fewest trained parameters first (UNFREEZE_COLUMNS); of several sizes the largest.

    `share_trained`: trained parameters among all; `decay`: the layer-wise learning-rate decay, 1 for none. `behind`:
    the accuracy minus that of training all layers, with its 95 % interval over the same test texts; NA without
    predictions.
    """
    rows, spec = _rows(run), run.spec_as(FinetuneSpec)
    if rows.empty or spec is None:
        return _typed(pd.DataFrame(), UNFREEZE_COLUMNS)
    rows = rows[rows["arm"].map(is_depth) & (rows["test_dataset"] == rows["dataset"])]
    frame = _means(rows[rows["train_examples"] == rows["train_examples"].max()], ["arm", "train_examples"])
    titles = frame["arm"].map(depth_title)
    decayed = f", decay {spec.layer_lr_decay:g}" if spec.layer_lr_decay < 1 else ""
    frame = frame.assign(
        title=titles,
        label=titles + decayed,
        decay=spec.layer_lr_decay,
        source=tables_sources.source_text(run),
        share_trained=frame["params_trained"] / frame["params"],
    )
    frame = frame.join(_behind_all(frame, run))
    return _typed(frame.sort_values("params_trained", kind="stable"), UNFREEZE_COLUMNS)


def _behind_all(rows: pd.DataFrame, run: Run) -> pd.DataFrame:
    """The columns `behind`, `behind_low` and `behind_high`: over texts alone, the narrower interval, since the question
    is which depth is as good."""
    found: dict[object, tuple[float | None, ...]] = {}
    for index, row in rows.iterrows():
        whole = answers.of(run, SAVED, int(row["train_examples"]))
        own = answers.of(run, str(row["arm"]), int(row["train_examples"]))
        seeds = sorted(own.keys() & whole.keys())
        gap = differences.between(*([differences.mean([one[seed] for seed in seeds])] for one in (own, whole)))
        found[index] = (gap.mean, *gap.interval) if gap is not None else (None, None, None)
    return pd.DataFrame.from_dict(found, orient="index", columns=list(_BEHIND))


def with_other_decays(run: Run, others: Iterable[Run]) -> pd.DataFrame:
    """`unfreeze_frame` of a run and of the newest finished runs that differ from it in the decay alone."""
    frames, seen = [unfreeze_frame(run)], {_decay(run)}
    for other in others:
        if other.state().state == "done" and _decay(other) not in seen and _same_but_decay(run, other):
            seen.add(_decay(other))
            frames.append(unfreeze_frame(other))
    whole = pd.concat([frame for frame in frames if not frame.empty] or frames[:1])
    return whole.sort_values(["params_trained", "decay"], ascending=[True, False], kind="stable", ignore_index=True)


def _decay(run: Run) -> float | None:
    spec = run.spec_as(FinetuneSpec)
    return spec.layer_lr_decay if spec is not None else None


def _same_but_decay(run: Run, other: Run) -> bool:
    if run.id == other.id or experiment_of(other) != "unfreeze":
        return False
    left_out = {"title", "layer_lr_decay", "arms", "device", "dtype", "threads", "checkpoint_every_s"}
    return run.spec().model_dump(exclude=left_out) == other.spec().model_dump(exclude=left_out)


# ── domains ──────────────────────────────────────────────────────────────────────────────────────────────────────


def domain_frame(run: Run) -> pd.DataFrame:
    """One row an arm, training domain and test domain (DOMAIN_COLUMNS); of several sizes the largest.

    `majority`: the most frequent class of the test split; `is_below`: the accuracy lies below it, so that the transfer
    is negative. `is_surely_below`: it does so beyond chance, on the same texts, by Holm's correction over the cells
    of an arm; NA without predictions. `against_home_points`: the accuracy minus that of the same arm trained at home,
    in percentage points. `train` and `test` are the titles of `domain_titles`.
    """
    rows = _rows(run)
    if rows.empty:
        return _typed(rows, DOMAIN_COLUMNS)
    rows = rows[rows["train_examples"] == rows["train_examples"].max()]
    frame = _means(rows, ["arm", "dataset", "test_dataset", "train_examples"])
    frame = frame.rename(columns={"dataset": "train", "test_dataset": "test"})
    at_home = frame[frame["train"] == frame["test"]].set_index(["arm", "test"])["accuracy"]
    homes = [at_home.get((row.arm, row.test), math.nan) for row in frame.itertuples()]
    used = dict(zip(rows["dataset"], rows["train_texts"], strict=True))  # None in older runs
    sizes = [
        int(used[name] if pd.notna(used[name]) else min(n, known_splits.train_size(name) or n))
        for n, name in zip(frame["train_examples"], frame["train"], strict=True)
    ]
    majority = pd.Series([known_splits.majority_share(name) for name in frame["test"]], dtype="Float64")
    frame = frame.assign(
        title=frame["arm"].map(arm_title),
        train_examples=sizes,
        majority=majority,
        source=tables_sources.source_text(run),
        is_below=frame["accuracy"].astype("Float64") < majority,
        is_home=frame["train"] == frame["test"],
        against_home_points=100 * (frame["accuracy"] - pd.Series(homes, index=frame.index)),
    )
    frame = frame.assign(is_surely_below=_surely_below(frame, run))
    titles = domain_titles(run)
    frame = frame.assign(train=frame["train"].map(titles), test=frame["test"].map(titles))
    return _typed(frame, DOMAIN_COLUMNS)


def _surely_below(frame: pd.DataFrame, run: Run) -> pd.Series:
    """By the keys of the data sets in `train` and `test`."""
    right, found = answers.in_domains(run), pd.Series(pd.NA, index=frame.index, dtype="boolean")
    for arm, rows in frame.groupby("arm", sort=False):
        gaps = []
        for row in rows.itertuples():
            own = right.get((str(arm), str(row.train), str(row.test)), {})
            majority = answers.majority(run, str(row.test))
            gaps.append(differences.between(list(own.values()), [majority] * len(own)))
        sure = paired.beyond_chance([gap.p if gap is not None else None for gap in gaps])
        pairs = zip(gaps, sure, strict=True)
        found[rows.index] = [None if gap is None else bool(is_sure and gap.mean < 0) for gap, is_sure in pairs]
    return found


def domain_titles(run: Run) -> dict[str, str]:
    """What to call each data set of a run: its name, and for an own file no folder."""
    spec, titles = run.spec_as(FinetuneSpec), dict[str, str]()
    if spec is None:
        return titles
    for ref in dict.fromkeys((spec.dataset, *spec.domains, *spec.test_datasets)):
        title = dataset_name(ref)
        again = sum(other == title or other.startswith(f"{title} ") for other in titles.values())
        titles[ref.key] = f"{title} {again + 1}" if again else title
    return titles


def newest(runs: Iterable[Run], experiment: str) -> Run | None:
    """The first of these runs that is this experiment and has a result; with "moved": one that shows what moved."""
    return next((run for run in runs if _shows(run, experiment)), None)


def _shows(run: Run, experiment: str) -> bool:
    result = run.result_as(FinetuneResult)
    if experiment == "moved":
        return result is not None and result.moved is not None
    return experiment_of(run) == experiment and result is not None
