"""Every result sentence of every recorded run, recomputed by separate code from result.json and the predictions.

Nothing here calls the tables' or the maths' functions: answers are read with pandas, intervals are scipy's. The product
gives only the sentence whose numbers are compared.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from distill_core.figures import (
    ablation,
    arms,
    domain_gain,
    domain_matrix,
    learning_curve,
    pretrain_loss,
    student_gaps,
    students,
    ten_students,
    tradeoff,
    unfreeze,
)
from distill_core.runs.run import Run
from distill_core.settings import DATA
from distill_core.tables import ablation as tables_ablation
from distill_core.tables import compare, soft_targets, student_gains, transfer, transfer_leads, transfer_trends
from distill_core.tables import pretrain as tables_pretrain
from distill_core.tables import students as tables_students
from distill_core.tables import training as tables_training
from pages.parts.pretrain.view import _worth
from pages.parts.students.view import claim_sentence

RECORDED = DATA / "recorded"


def run(name: str) -> Run:
    return Run(RECORDED / name)


def result(name: str) -> Any:
    return json.loads((RECORDED / name / "result.json").read_text(encoding="utf-8"))


def right(name: str, model: str, domain: str | None = None) -> np.ndarray:
    """1 where the model's larger logit is that of the label."""
    file = "predictions.parquet" if domain is None else "domain_predictions.parquet"
    frame = pd.read_parquet(RECORDED / name / file)
    if domain is not None:
        frame = frame[frame["domain"] == domain]
    if model == "majority":
        return (frame["label"] == frame["label"].mode()[0]).to_numpy(dtype=float)
    logits = frame[[f"{model}: logit 0", f"{model}: logit 1"]].to_numpy()
    return (logits.argmax(1) == frame["label"].to_numpy()).astype(float)


def compared(rows: Sequence[np.ndarray]) -> tuple[float, float, float, float]:
    """Mean, low, high and p of a matrix of differences, (seeds, texts), by scipy."""
    matrix = np.stack(rows)
    padded = np.r_[matrix.mean(0), 0, 0]
    n = len(padded)
    error = ((np.square(padded).sum() + 1) / n - padded.mean() ** 2) / n
    freedom = float(np.inf)
    if len(matrix) > 1:
        of_seeds = stats.sem(matrix.mean(1)) ** 2
        freedom = int((error + of_seeds) ** 2 / (error**2 / (n - 3) + of_seeds**2 / (len(matrix) - 1)))
        error += of_seeds
    low, high = stats.t.interval(0.95, freedom, padded.mean(), error**0.5)
    p = 2 * stats.t.sf(abs(padded.mean()) / error**0.5, freedom)
    if len(matrix) == 1:
        wins, losses = int((matrix > 0).sum()), int((matrix < 0).sum())
        p = max(p, stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0)
    return float(matrix.mean()), float(low), float(high), float(p)


def sure(p_values: Sequence[float]) -> list[bool]:
    """Holm's step-down test at 5 %."""
    found, going = [False] * len(p_values), True
    for place, index in enumerate(np.argsort(p_values, kind="stable")):
        going = going and p_values[index] < 0.05 / (len(p_values) - place)
        found[index] = bool(going)
    return found


def numbers(sentence: str) -> list[float]:
    """All numbers of a sentence, with their sign."""
    return [
        float(one.replace("−", "-").replace(",", ""))
        for one in re.findall(r"[−-]?\d+(?:,\d{3})*(?:\.\d+)?", sentence.replace("+", ""))
    ]


def says(sentence: str, *expected: float, digits: int = 1) -> None:
    """Each of these numbers stands in the sentence, to so many decimals, in this order."""
    there = iter(numbers(sentence))
    for value in expected:
        assert any(abs(one - value) <= 0.5 * 10**-digits + 1e-9 for one in there), (sentence, value)


# ── one function a recorded run ──────────────────────────────────────────────────────────────────────────────────


def of_curves(name: str) -> None:
    frame = transfer.curve_frame(run(name))
    lead = transfer_leads.lead(frame, run(name))
    assert lead is not None

    def gap(rival: str, size: int) -> list[np.ndarray]:
        return [right(name, f"pretrained-{size}-{s}") - right(name, f"{rival}-{size}-{s}") for s in range(3)]

    mean, low, high, p = compared(gap("bow", 200))
    says(learning_curve.interval_sentence(lead), 200, 100 * mean, 95, 100 * low, 100 * high)
    assert ("which may be chance" in learning_curve.lead_sentence(lead)) == (p >= 0.05)
    assert learning_curve.lead_sentence(lead).startswith(
        f"With 200 labels, fine-tuned is {100 * mean:.2g} points ahead"
    )
    sizes, rivals = (50, 200, 1000, 4000), ("scratch", "bow", "frozen")
    changes = [
        compared([late - early for late, early in zip(gap(rival, 4000), gap(rival, 50), strict=True)])
        for rival in rivals
    ]
    verdicts = sure([change[3] for change in changes])
    sentences = transfer_trends.trend_sentences(transfer_trends.trends(frame, run(name)))
    for rival, sentence, change, is_sure in zip(rivals, sentences, changes, verdicts, strict=True):
        gaps = [100 * np.mean(gap(rival, size)) for size in sizes]
        by = abs(100 * change[0]) if is_sure else 100 * change[0]
        says(sentence, *gaps, *sizes, by, 95, 100 * change[1], 100 * change[2])
        assert ("may be chance" in sentence) != is_sure


def of_depths(name: str) -> None:
    frame = transfer.unfreeze_frame(run(name))
    depths = ("head", "top1", "top2", "top4", "pretrained")
    answers = {arm: [right(name, f"{arm}-1000-{s}") for s in range(2)] for arm in (*depths, "lora")}
    whole = np.mean(answers["pretrained"], axis=0)
    as_good = {arm: compared([np.mean(answers[arm], axis=0) - whole])[2] >= 0 for arm in answers if arm != "pretrained"}
    weights = {row["arm"]: row["params_trained"] for row in result(name)["arms"]}
    title = unfreeze.title(frame)
    cheapest = min((arm for arm, is_good in as_good.items() if is_good), key=weights.__getitem__)
    label = {"top4": "Top 4 layers", "lora": "LoRA", "top2": "Top 2 layers", "top1": "Top layer", "head": "Head only"}
    assert title.startswith(f"{label[cheapest]}: ")
    gap = 100 * abs(np.mean(answers[cheapest]) - whole.mean())
    assert f"{float(f'{gap:.2g}'):g} points" in title
    steps = [
        compared([later - earlier for later, earlier in zip(answers[two], answers[one], strict=True)])
        for one, two in itertools.pairwise(depths)
    ]
    sentence = transfer_trends.step_sentence(frame, run(name))
    found = re.findall(r"([+−][\d.]+) points \((beyond|may be) chance\)", sentence)
    assert [float(points.replace("−", "-")) for points, _ in found] == pytest.approx(
        [100 * step[0] for step in steps], abs=0.051
    )
    assert [words == "beyond" for _, words in found] == sure([step[3] for step in steps])


def of_domains(name: str) -> None:
    places = ("movies", "amazon", "nyt", "tweets")
    frame = transfer.domain_frame(run(name))
    for arm in ("pretrained", "adapted", "bow"):
        lost, below = [], []
        for train, test in itertools.product(places, places):
            own, majority = right(name, f"{arm}-{train}", test), right(name, "majority", test)
            if train != test:
                lost.append(100 * (own.mean() - right(name, f"{arm}-{test}", test).mean()))
            below.append((train != test, *compared([own - majority])))
        counted = [
            is_away
            for (is_away, mean, *_), is_sure in zip(below, sure([one[4] for one in below]), strict=True)
            if is_sure and mean < 0
        ]
        title = domain_matrix.title(frame[frame["arm"] == arm])
        assert f"loses {float(f'{-np.mean(lost):.2g}'):g} points on average" in title
        expected = f"{sum(counted)} of 12" if sum(counted) else "none is below"
        assert expected in title
        assert title.endswith("beyond chance")
    gains = [
        (train != test, *compared([right(name, f"adapted-{train}", test) - right(name, f"pretrained-{train}", test)]))
        for train, test in itertools.product(places, places)
    ]
    away = [
        (mean, is_sure)
        for (is_away, mean, *_), is_sure in zip(gains, sure([one[4] for one in gains]), strict=True)
        if is_away
    ]
    title = domain_gain.title(transfer_leads.gain_frame(frame, run(name)))
    mean = 100 * np.mean([one for one, _ in away])
    assert f"{'gains' if mean >= 0 else 'loses'} {abs(mean):.1f} points" in title
    assert f"{sum(is_sure for _, is_sure in away)} of 12 changes" in title


def of_students(name: str) -> None:
    teacher = right(name, "teacher").mean()
    arms_there = dict.fromkeys(row["arm"] for row in result(name)["students"])
    means = {arm: np.mean([right(name, f"{arm}-{s}").mean() / teacher for s in range(3)]) for arm in arms_there}
    kept = [100 * means["distilled"], 100 * min(means.values())]
    majority = 100 * right(name, "majority").mean() / teacher
    frame = tables_training.students(tables_training.students_frame(run(name)))
    says(students.title(frame), *kept, majority, digits=0)
    differences = [right(name, f"distilled-{s}") - right(name, f"init-only-{s}") for s in range(3)]
    mean, low, high, p = compared(differences)
    sentence = soft_targets.sentence(run(name))
    says(sentence, 100 * mean, 95, 100 * low, 100 * high)
    assert sentence.endswith(": not beyond chance.") == (p >= 0.05)


def of_ablation(name: str) -> None:
    left_out = ("no soft", "no hard", "no cosine", "random init")
    found = {arm: compared([right(name, f"{arm}-{s}") - right(name, f"all-{s}") for s in range(3)]) for arm in left_out}
    verdicts = dict(zip(left_out, sure([one[3] for one in found.values()]), strict=True))
    assert [arm for arm, is_sure in verdicts.items() if is_sure] == ["random init"]
    mean, low, high, _ = found["random init"]
    title = ablation.title(tables_ablation.ablation_frame(run(name)))
    says(title, -100 * mean, 95, -100 * high, -100 * low)
    assert ";" not in title  # nothing else is named


def of_finetuning(name: str) -> None:
    frame = tables_training.finetune_frame(run(name))
    one, other = right(name, "pretrained"), right(name, "scratch")
    title = arms.title(frame)
    says(title, 100 * one.mean(), len(one), 100 * other.mean())
    assert ("chance" in title) == (compared([one - other])[3] >= 0.05)
    assert one.mean() == max(right(name, arm).mean() for arm in ("pretrained", "frozen", "scratch", "bow"))


def of_ten(name: str) -> None:
    found, rows = run(name), result(name)["rows"]
    names = list(dict.fromkeys(row["student"] for row in rows))
    answers = {
        (student, arm): [right(name, f"{student} {arm} {s}") for s in range(3)]
        for student in names
        for arm in ("labels", "taught", "random", "all-labels")
    }
    gains = [
        compared([taught - alone for taught, alone in zip(answers[one, "taught"], answers[one, "labels"], strict=True)])
        for one in names
    ]
    count = sum(is_sure and gain[0] > 0 for gain, is_sure in zip(gains, sure([one[3] for one in gains]), strict=True))
    claim, teacher = student_gains.claim(found), tables_students.teacher_of(found)
    means = tables_students.with_distance(tables_students.means_frame(tables_students.rows_frame(found)), found)
    assert claim is not None
    assert teacher is not None
    assert student_gaps.title(means, teacher, claim) == (
        f"Taught by MiniLM, {count} of 10 students beat the same labels alone beyond chance"
    )
    together = [
        np.mean([answers[one, "taught"][s] - answers[one, "labels"][s] for one in names], axis=0) for s in range(3)
    ]
    mean, low, high, _ = compared(together)
    says(claim_sentence(claim), 100 * mean, 95, 100 * low, 100 * high, 10, count, 10)
    for arm in ("labels", "taught", "random", "all-labels"):
        says_who_is_as_good_as_the_best(name, means[means["arm"] == arm], answers, rows, arm)


def says_who_is_as_good_as_the_best(name: str, means: Any, answers: Any, rows: Any, arm: str) -> None:
    names = list(dict.fromkeys(row["student"] for row in rows))
    middle = {one: np.mean(answers[one, arm], axis=0) for one in names}
    best = max(names, key=lambda one: middle[one].mean())
    as_good = [one for one in names if compared([middle[one] - middle[best]])[2] >= 0]
    times = {
        one: np.mean([r["latency_ms_p50"] for r in rows if (r["student"], r["arm"]) == (one, arm)]) for one in names
    }
    layers = {row["student"]: row["layers"] for row in rows}
    if layers["distilbert@mini"] == layers["bert@mini"]:  # as in 0.1: it does not deserve its name
        as_good = [one for one in as_good if one != "distilbert@mini"]
    pick = min(as_good, key=times.__getitem__)
    label = next(row["title"] for row in rows if row["student"] == pick)
    teacher = tables_students.teacher_of(run(name))
    assert teacher is not None
    title = ten_students.title(means, teacher, arm)
    assert title.startswith(f"{label}, "), (title, label)
    kept = 100 * middle[pick].mean() / right(name, "teacher").mean()
    assert f"{kept:.0f} % of" in title


def of_comparison(name: str) -> None:
    rows = result(name)["rows"]
    frame = compare.compare_frame(run(name))
    fastest = min(rows, key=lambda row: row["latency_ms_p50"])["title"]
    smallest = min(rows, key=lambda row: row["params"])["title"]
    title = tradeoff.size_title(frame)
    assert title in (
        f"{fastest} is the fastest, {smallest} the smallest",
        f"{fastest} is both the fastest and the smallest",
    )


def of_pretraining(name: str) -> None:
    known, found = result(name), run(name).result()
    part = next(
        key
        for key in ("masked", "causal", "spans", "permutation", "denoising", "detection", "cosine")
        if key in known["held_out_before"]
    )
    looks = tables_pretrain.looks_frame(run(name), _points(name))
    title = pretrain_loss.title(found, [float(loss) for loss in looks["loss"]], tables_pretrain.reference(found))  # type: ignore[arg-type]
    start, end = (float(f"{known[when][part]:.3g}") for when in ("held_out_before", "held_out"))
    assert f"went from {start:g} to {end:g}" in title
    before, after = known["linear_probe_before"], known["linear_probe"]
    sentence = _worth(found)  # type: ignore[arg-type]
    low, high = stats.binomtest(round(after["accuracy"] * after["n_eval"]), after["n_eval"]).proportion_ci(
        method="wilson"
    )
    says(sentence.partition("linear probe")[2], 100 * after["accuracy"], after["n_eval"], 95, 100 * low, 100 * high)
    assert ("lies inside" in sentence) == (low <= before["accuracy"] <= high)


def _points(name: str) -> pd.DataFrame:
    lines = (RECORDED / name / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return pd.DataFrame([json.loads(line) for line in lines])


CHECKS: dict[str, Callable[[str], None]] = {
    "compare-ten-families": of_comparison,
    "distill-ablation": of_ablation,
    "distill-few-labels": of_students,
    "distill-movies-three-seeds": of_students,
    "finetune-movies": of_finetuning,
    "ten-students": of_ten,
    "transfer-curves": of_curves,
    "transfer-domains": of_domains,
    "transfer-unfreeze": of_depths,
}


def check(name: str) -> Callable[[str], None] | None:
    return of_pretraining if name.startswith("pretrain-") else CHECKS.get(name)


@pytest.mark.parametrize("name", sorted(path.name for path in RECORDED.iterdir() if path.is_dir()))
def test_what_a_recorded_run_says_follows_from_its_files(name: str) -> None:
    found = check(name)
    assert found is not None, f"no independent check recomputes what {name} says: add one to CHECKS"
    found(name)
