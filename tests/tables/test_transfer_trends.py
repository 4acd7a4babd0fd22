"""Leads, trends and steps of transfer experiments: attempts to make their sentences false."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sample_transfer as sample

from distill_core.figures import domain_gain, domain_matrix, learning_curve, unfreeze
from distill_core.maths import paired
from distill_core.plans import transfer_cells
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import FinetuneSpec
from distill_core.tables import transfer, transfer_leads, transfer_trends

N = 1000
Counts = dict[tuple[str, int], list[int]]  # arm, size → right answers of each seed


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def logits(is_right: np.ndarray, labels: np.ndarray, name: str) -> dict[str, np.ndarray]:
    size = np.where(is_right == (labels == 1), 1.0, -1.0)
    return {f"{name}: logit 0": -size, f"{name}: logit 1": size}


def run_of(store: RunStore, counts: Counts, *, predictions: bool = True) -> Run:
    """Each model gets the first so many of N texts right, so that one with more is right wherever the other is."""
    seeds = len(next(iter(counts.values())))
    arms, sizes = (tuple(dict.fromkeys(key[place] for key in counts)) for place in (0, 1))
    rows = [
        sample.cell(arm, n, seed, accuracy=right / N, n_eval=N)
        for (arm, n), by_seed in counts.items()
        for seed, right in enumerate(by_seed)
    ]
    run = sample.run_with(store, rows, arms=arms, train_examples=sizes, seeds=seeds)
    spec, labels = run.spec_as(FinetuneSpec), np.arange(N) % 2
    assert spec is not None
    columns: dict[str, object] = {"text": [f"text {i}" for i in range(N)], "label": labels}
    for (arm, n), by_seed in counts.items():
        for seed, right in enumerate(by_seed):
            name = transfer_cells.cell(spec, arm, seed, "movies", n).key
            columns |= logits(np.arange(N) < right, labels, name)
    if predictions:
        pd.DataFrame(columns).to_parquet(run.predictions_file, index=False)
    return run


def trends(run: Run) -> list[str]:
    return transfer_trends.trend_sentences(transfer_trends.trends(transfer.curve_frame(run), run))


def title(run: Run) -> str:
    frame = transfer.curve_frame(run)
    view = learning_curve.View(lead=transfer_leads.lead(frame, run))
    return str(learning_curve.draw(frame, view=view).layout.title.text)


# ── leads ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_points_on_the_same_texts_are_beyond_chance_where_unpaired_they_are_not(store: RunStore) -> None:
    counts = {("pretrained", 200): [720], ("bow", 200): [700], ("pretrained", 400): [720], ("bow", 400): [700]}
    run = run_of(store, counts)
    assert title(run) == "With 200 labels, fine-tuned is 2 points ahead of bag of words"
    found = transfer_leads.lead(transfer.curve_frame(run), run)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(paired.agresti_min(20, 0, N))
    assert "over seeds and the same test texts." in learning_curve.interval_sentence(found)
    without = run_of(store, counts, predictions=False)
    assert title(without).endswith(", which may be chance")
    unpaired = transfer_leads.lead(transfer.curve_frame(without), without)
    assert unpaired is not None
    assert "no predictions are kept" in learning_curve.interval_sentence(unpaired)


def test_seeds_that_disagree_make_a_lead_unsure(store: RunStore) -> None:
    run = run_of(store, {("pretrained", 200): [900, 700, 705], ("bow", 200): [700, 700, 700]})
    assert title(run) == "With 200 labels, fine-tuned is 6.8 points ahead of bag of words, which may be chance"


def test_a_tie_and_a_loss(store: RunStore) -> None:
    assert title(run_of(store, {("pretrained", 200): [700], ("bow", 200): [700]})).endswith("which may be chance")
    lost = run_of(store, {("pretrained", 200): [600], ("bow", 200): [700]})
    assert title(lost) == "With 200 labels, fine-tuned is 10 points behind bag of words"


# ── trends ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lead_that_shrinks_in_every_seed(store: RunStore) -> None:
    counts = {("pretrained", 50): [800, 801, 802], ("scratch", 50): [600, 601, 599]}
    counts |= {("pretrained", 4000): [850, 849, 851], ("scratch", 4000): [800, 799, 802]}
    (found,) = trends(run_of(store, counts))
    assert found.startswith(
        "Fine-tuned minus from scratch: 20.1 / 5.0 points with 50 / 4,000 labels. "
        "From the fewest to the most labels it falls by 15.1 (95 % interval of the change −1"
    )
    assert found.endswith(").")


def test_a_lead_that_grows(store: RunStore) -> None:
    counts = {("pretrained", 50): [600], ("frozen", 50): [650], ("pretrained", 200): [800], ("frozen", 200): [700]}
    (found,) = trends(run_of(store, counts))
    assert "minus frozen: −5.0 / 10.0 points" in found
    assert "it rises by 15.0 (" in found


@pytest.mark.parametrize("late", [700, 705])
def test_a_change_that_noise_could_reverse_has_no_direction(store: RunStore, late: int) -> None:
    counts = {("pretrained", 50): [700], ("bow", 50): [600], ("pretrained", 200): [late], ("bow", 200): [600]}
    (found,) = trends(run_of(store, counts))
    assert "it changes by" in found
    assert found.endswith("which may be chance.")


def test_seeds_of_a_failed_training_decide_nothing(store: RunStore) -> None:
    """In one of three seeds the rival learns nothing: the mean lead rises, the seeds do not agree."""
    counts = {("pretrained", 50): [700, 700, 700], ("scratch", 50): [600, 600, 600]}
    counts |= {("pretrained", 200): [800, 800, 800], ("scratch", 200): [700, 700, 500]}
    (found,) = trends(run_of(store, counts))
    assert found.endswith("which may be chance.")


def test_of_three_trends_one_that_looks_sure_alone_is_not(store: RunStore) -> None:
    counts = {("pretrained", 50): [700], ("pretrained", 200): [700]}
    counts |= {(arm, 50): [600] for arm in ("scratch", "bow", "frozen")}
    counts |= {("scratch", 200): [607], ("bow", 200): [600], ("frozen", 200): [600]}
    assert paired.mcnemar_exact(7, 0) < 0.05 < 3 * paired.mcnemar_exact(7, 0) + 0.01
    alone = trends(run_of(store, {key: value for key, value in counts.items() if key[0] in ("pretrained", "scratch")}))
    assert "it falls by 0.7" in alone[0]
    found = trends(run_of(store, {**counts, ("bow", 200): [606]}))
    assert len(found) == 3
    assert sum("may be chance" in one for one in found) >= 2


def test_without_predictions_or_with_one_size_there_is_no_verdict(store: RunStore) -> None:
    counts = {("pretrained", 50): [700], ("bow", 50): [600], ("pretrained", 200): [800], ("bow", 200): [600]}
    (found,) = trends(run_of(store, counts, predictions=False))
    assert found.endswith("changes by 10.0; open without predictions whether by chance.")
    assert trends(run_of(store, {("pretrained", 50): [700], ("bow", 50): [600]})) == []
    assert trends(run_of(store, {("scratch", 50): [700], ("bow", 50): [600]})) == []


# ── how much to unfreeze ─────────────────────────────────────────────────────────────────────────────────────────


def steps(run: Run) -> str:
    return transfer_trends.step_sentence(transfer.unfreeze_frame(run), run)


def test_steps_are_named_with_their_verdict(store: RunStore) -> None:
    run = run_of(store, {("head", 100): [600], ("top1", 100): [700], ("pretrained", 100): [702], ("lora", 100): [650]})
    assert steps(run) == (
        "Step by step: head only to top layer +10.0 points (beyond chance); "
        "top layer to all layers +0.2 points (may be chance)."
    )
    worse = run_of(store, {("head", 100): [700], ("pretrained", 100): [600]})
    assert steps(worse) == "Step by step: head only to all layers −10.0 points (beyond chance)."
    open_still = run_of(store, {("head", 100): [700], ("pretrained", 100): [600]}, predictions=False)
    assert steps(open_still).endswith("(open without predictions).")
    assert steps(run_of(store, {("head", 100): [700]})) == ""


def test_the_depth_in_the_title_is_as_good_on_the_same_texts(store: RunStore) -> None:
    """Two points behind on 1,000 texts: by unpaired intervals that may be chance, text by text it is not."""
    counts = {("head", 100): [700], ("top1", 100): [718], ("pretrained", 100): [720]}
    assert unfreeze.title(transfer.unfreeze_frame(run_of(store, counts))).startswith("Top layer: 8.5 % of the weights")
    without = run_of(store, counts, predictions=False)
    assert unfreeze.title(transfer.unfreeze_frame(without)).startswith("Head only: ")
    far = run_of(store, {("head", 100): [600], ("pretrained", 100): [720]})
    assert unfreeze.title(transfer.unfreeze_frame(far)) == "All layers are 12 points ahead of head only, the next best"


# ── domains ──────────────────────────────────────────────────────────────────────────────────────────────────────


def domains_of(store: RunStore, right: dict[tuple[str, str, str], int], share: float = 0.5) -> Run:
    """Two domains of N texts; `right`: arm, train, test → the first so many. `share` of the labels are 0."""
    labels = (np.arange(N) >= share * N).astype(int)[np.random.default_rng(0).permutation(N)]
    names = ("movies", "tweets")
    rows = [
        sample.cell(arm, 100, accuracy=count / N, n_eval=N, dataset=train, test_dataset=test)
        for (arm, train, test), count in right.items()
    ]
    arms = tuple(dict.fromkeys(arm for arm, _, _ in right))
    run = sample.run_with(store, rows, domains=names, arms=arms, train_examples=(100,))
    parts = []
    for test in names:
        columns: dict[str, object] = {"domain": test, "text": "a text", "label": labels}
        for (arm, train, tested), count in right.items():
            if tested == test:
                columns |= logits(np.arange(N) < count, labels, f"{arm}-{train}")
        parts.append(pd.DataFrame(columns))
    pd.concat(parts, ignore_index=True).to_parquet(run.domain_predictions_file, index=False)
    return run


def cells(arm: str, *counts: int) -> dict[tuple[str, str, str], int]:
    places = [(arm, train, test) for train in ("movies", "tweets") for test in ("movies", "tweets")]
    return dict(zip(places, counts, strict=True))


def test_changes_of_a_matrix_are_counted_by_holm(store: RunStore) -> None:
    """+6 texts of 1,000: alone p = 0.03, as the second of four 0.09; +20 stays."""
    run = domains_of(store, cells("pretrained", 700, 700, 700, 700) | cells("adapted", 700, 706, 720, 700))
    gain = transfer_leads.gain_frame(transfer.domain_frame(run), run)
    assert gain["is_sure"].tolist() == [False, False, True, False]
    assert gain["is_paired"].all()
    assert domain_gain.title(gain).endswith("; 1 of 2 changes is beyond chance")


def test_below_the_most_frequent_class_is_counted_beyond_chance_alone(store: RunStore) -> None:
    run = domains_of(store, cells("bow", 900, 690, 500, 900), share=0.7)
    frame = transfer.domain_frame(run)
    assert frame["is_surely_below"].tolist() == [False, False, True, False]
    assert domain_matrix.title(frame).endswith("; 1 of 2 is below the most frequent class beyond chance")
    run.domain_predictions_file.unlink()
    assert transfer.domain_frame(run)["is_surely_below"].isna().all()


def test_a_domain_of_one_class(store: RunStore) -> None:
    run = domains_of(store, cells("bow", 1000, 1000, 900, 1000), share=1.0)
    assert transfer.domain_frame(run)["is_surely_below"].tolist() == [False, False, True, False]
