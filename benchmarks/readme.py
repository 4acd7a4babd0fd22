"""The figures of README's table "Numbers" that stem from recorded runs.

    python -m benchmarks.readme            says which rows of README.md differ; exit code 1 if any does
    python -m benchmarks.readme --write    renews them

A row is known by its command, the last cell; the cells before it are computed here. Rows of other sources (timings
beside other tools, the minis) stay as they are. Every figure is rounded once, half away from zero.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from distill_core import units
from distill_core.errors import RunError
from distill_core.maths import paired
from distill_core.results import CompareResult, DistillResult, FinetuneResult, Result, StudentReport, StudentsResult
from distill_core.runs.run import Run
from distill_core.settings import DATA, PROJECT
from distill_core.tables import one_answer, soft_targets

README = PROJECT / "README.md"
R = TypeVar("R", bound=Result)
Cells = tuple[str, str]  # what was measured, its figures


def rounded(value: float, digits: int = 1) -> str:
    """`0.25 → 0.3`, `−0.25 → −0.3`: half away from zero, as a reader would, with a true minus sign."""
    shown = Decimal(str(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return str(shown).replace("-", "−")


def percent(share: float) -> str:
    """A share of 0–1 in percent with one decimal, without the sign."""
    return rounded(float(Decimal(str(share)) * 100))


def span(shares: Iterable[float]) -> str:
    """The lowest and the highest of shares, in percent: `62.3 to 67.4`."""
    low, *_, high = sorted(shares)
    return f"{percent(low)} to {percent(high)}"


# ── the rows ─────────────────────────────────────────────────────────────────────────────────────────────────────


def ten_families() -> Cells:
    """The whole run, from its start to its end."""
    seconds = _minutes("compare-ten-families") * 60
    most = max(_known(row.peak_memory_mib) for row in _result("compare-ten-families", CompareResult).rows)
    figure = f"{rounded(seconds, 0)} s in all, at most {rounded(most / 1024)} GiB for one model and its text"
    in_turns = any(row.speedup is not None for row in _result("compare-ten-families", CompareResult).rows)
    how = "each in a process of its own, timed in turns with BERT" if in_turns else "each alone in its process"
    return f"ten families, batch 1 × 128, {how}", figure


def distilbert_and_bert() -> Cells:
    """Exact sizes and the middle of the measured times."""
    rows = {row.family: row for row in _result("compare-ten-families", CompareResult).rows}
    small, large = rows["distilbert"], rows["bert"]
    if small.latency_ms_p50 is None or large.latency_ms_p50 is None:
        raise RunError("The comparison has no times of BERT and DistilBERT.", "Record it anew.")
    times = f"{rounded(small.latency_ms_p50)} against {rounded(large.latency_ms_p50, 0)} ms ({units.ONE_TIMING}s)"
    if small.speedup is not None and small.baseline_ms is not None:
        limits = small.speedup_low, small.speedup_high
        in_turns = f"{rounded(small.latency_ms_p50)} against {rounded(small.baseline_ms, 0)} ms in the same turns"
        times = f"{in_turns}, {units.measured_as_fast(small.speedup, limits)}{_interval(*limits)}"
    load = units.others_load(max(small.busy_cores or 0.0, large.busy_cores or 0.0))
    figure = f"{small.params:,} against {large.params:,} parameters; p50 {times}{f', {load}' if load else ''}"
    return "DistilBERT against BERT", figure


def four_ways_to_learn() -> Cells:
    """One seed, so no mean."""
    arms = {row.arm: row for row in _result("finetune-movies", FinetuneResult).arms}
    shares = ", ".join(percent(_known(arms[arm].accuracy)) for arm in ("pretrained", "frozen", "scratch", "bow"))
    what = "MiniLM on 4,000 film reviews, 2 epochs: fine-tuned, linear probe, from scratch, bag of words"
    return what, f"{shares} % of {arms['pretrained'].n_eval:,} test texts"


def three_layers() -> Cells:
    """Means over three seeds; shares kept seed by seed; the mean speed-up of the distilled students."""
    students = _result("distill-movies-three-seeds", DistillResult).students
    means = [fmean(row.accuracy for row in students if row.arm == arm) for arm in ("distilled", "init-only", "scratch")]
    distilled = [row for row in students if row.arm == "distilled"]
    faster = units.as_fast(fmean(_known(row.speedup) for row in distilled))
    kept = f"distilled keeps {span(row.retained for row in distilled)} % of the teacher's accuracy"
    figure = f"{', '.join(map(percent, means))} % (means); {kept} and is {faster} {_how_sure(distilled)}"
    return "its 3-layer student, three seeds: distilled, copied layers alone, from scratch", figure


def few_labels() -> Cells:
    """Means over three seeds; the sentence is that of the page."""
    run = Run(DATA / "recorded" / "distill-few-labels")
    result = _result("distill-few-labels", DistillResult)
    means = {
        arm: percent(fmean(row.accuracy for row in result.students if row.arm == arm))
        for arm in ("distilled", "labeled-only", "init-only")
    }
    one = result.students[0]
    labels = one.labels or 0
    what = f"the same student with {labels:,} labels and {(one.train_texts or 0) - labels:,} texts without, its teacher"
    taught = f"taught on all texts {means['distilled']}, taught on the labeled ones {means['labeled-only']}"
    figure = f"teacher {percent(result.teacher.accuracy if result.teacher else 0)} %; {taught}, labels alone"
    added = soft_targets.sentence(run)
    return f"{what} taught by the {labels:,} alone (three seeds)", f"{figure} {means['init-only']} %. {added}"


def ingredients() -> Cells:
    """Differences of means over the same three seeds, in points of accuracy."""
    students = _result("distill-ablation", DistillResult).students
    means = {arm: fmean(row.accuracy for row in students if row.arm == arm) for arm in {row.arm for row in students}}
    points = {arm: _signed((mean - means["all"]) * 100) for arm, mean in means.items()}
    without = f"without soft targets {points['no soft']}, without labels {points['no hard']}"
    figure = f"{without}, without cosine {points['no cosine']} points, {_beyond_chance(students)}"
    what = f"what each ingredient was worth (three seeds, {percent(means['all'])} % with all)"
    start = f"with a random start {points['random init']} points, where {_silent('distill-ablation', 'random init-')}"
    return what, f"{figure}; {start}"


def ten_students() -> Cells:
    """The span over the families of their means over seeds; wins are counted family by family and seed by seed."""
    result = _result("ten-students", StudentsResult)
    teacher, rows = result.teacher, [row for row in result.rows if row.accuracy is not None]
    if teacher is None:
        raise RunError("The recorded ten students have no teacher.", "Record them anew.")
    got = {(row.student, row.arm, row.seed): _known(row.accuracy) for row in rows}
    spans = {arm: span(_means_of_families(got, arm)) for arm in ("random", "labels", "taught", "all-labels")}
    learned = f"random weights {spans['random']} %, pre-trained {spans['labels']} %, taught {spans['taught']} %"
    wins = f"a pre-trained mini beats its random twin in {_wins(got, 'labels', 'random')} pairs"
    taught = f"a taught one the same labels alone in {_wins(got, 'taught', 'labels')}"
    took = f"{len(rows)} trainings took {rounded(_minutes('ten-students'))} minutes"
    what = f"ten students of one teacher ({percent(teacher.accuracy)} %), {result.labels:,} labels"
    figure = f"{learned}, all {result.train_texts:,} labels {spans['all-labels']} %: {wins}, {taught}; {took}"
    return f"{what}, {teacher.n_eval:,} test texts, means of three seeds", figure


def learning_curve() -> Cells:
    """Means over three seeds, arm by arm, each from few labels to many."""
    rows = _result("transfer-curves", FinetuneResult).arms
    sizes = sorted({row.train_examples for row in rows})
    lines = []
    for arm in ("pretrained", "frozen", "scratch", "bow"):
        each = [[_known(row.accuracy) for row in rows if (row.arm, row.train_examples) == (arm, n)] for n in sizes]
        lines.append(", ".join(percent(fmean(shares)) for shares in each))
    what = f"MiniLM with {', '.join(f'{n:,}' for n in sizes)} labels (means of three seeds)"
    silent = f"from scratch with 1,000 labels, {_silent('transfer-curves', 'scratch-1000-')}"
    return f"{what}: fine-tuned; frozen; from scratch; bag of words", f"{'; '.join(lines)} %; {silent}"


def domains() -> Cells:
    """The lowest and the highest cell at home and away."""
    rows = _result("transfer-domains", FinetuneResult).arms
    said = []
    for arm, name in (("pretrained", "MiniLM"), ("bow", "bag of words")):
        own = [row for row in rows if row.arm == arm]
        home = span(_known(row.accuracy) for row in own if row.dataset == row.test_dataset)
        away = span(_known(row.accuracy) for row in own if row.dataset != row.test_dataset)
        said.append(f"{name} at home {home} %, away {away} %")
    return "four domains, 1,000 labels", "; ".join(said)


ROWS: dict[str, Callable[[], Cells]] = {
    "`compare --models bert@structure,… --batch-sizes 1 --seq-lens 128`": ten_families,
    "the same run": distilbert_and_bert,
    "`finetune --train-examples 4000 --epochs 2 --arms pretrained,frozen,scratch,bow`": four_ways_to_learn,
    "`distill --teacher run:ID --student-layers 3 --arms distilled,init-only,scratch --seeds 3`": three_layers,
    "`distill --teacher run:ID --student-layers 3 --train-examples 0 --labeled-examples 500 …`": few_labels,
    "`distill --teacher run:ID --student-layers 3 --ablation --cosine 1 --seeds 3`": ingredients,
    "`students --labels 1000 --seeds 3`": ten_students,
    "`finetune --arms pretrained,frozen,scratch,bow --train-examples 50,200,1000,4000 --seeds 3`": learning_curve,
    "`finetune --domains movies,amazon,nyt,tweets …`": domains,
}
"""The command of a row (its last cell) and what computes the other two."""


def renewed(text: str) -> str:
    """The README with each row of ROWS computed anew. Raises RunError where one is missing."""
    lines = text.split("\n")
    for command, row in ROWS.items():
        places = [place for place, line in enumerate(lines) if line.endswith(f"| {command} |")]
        if len(places) != 1:
            raise RunError(f"README.md has {len(places)} rows of {command}, not one.", "Correct ROWS or the README.")
        lines[places[0]] = f"| {' | '.join((*row(), command))} |"
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None, readme: Path = README) -> int:
    """Compare or renew the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readme", description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="renew the rows")
    write = parser.parse_args(arguments).write
    text = readme.read_text(encoding="utf-8")
    new = renewed(text)
    if write:
        readme.write_text(new, encoding="utf-8")
        return 0
    differing = [line for line, old in zip(new.split("\n"), text.split("\n"), strict=True) if line != old]
    print("\n".join(["computed otherwise:", *differing]) if differing else "README.md holds what the runs say.")
    return 1 if differing else 0


# ── what the rows are made of ────────────────────────────────────────────────────────────────────────────────────


def _result(name: str, kind: type[R]) -> R:
    found = Run(DATA / "recorded" / name).result_as(kind)
    if found is None:
        raise RunError(f"data/recorded/{name} holds no result.", "Record it: python -m benchmarks.record RUN_ID NAME.")
    return found


def _minutes(name: str) -> float:
    state = Run(DATA / "recorded" / name).state()
    took = datetime.fromisoformat(state.ended_at) - datetime.fromisoformat(state.started_at)
    return took.total_seconds() / 60


def _silent(name: str, arm: str) -> str:
    """How many seeds of an arm have not begun to learn."""
    answered = [n for key, n in one_answer.answered(Run(DATA / "recorded" / name)).items() if key.startswith(arm)]
    return f"{answered.count(1)} of {len(answered)} seeds give one answer to all texts"


def _known(value: float | None) -> float:
    if value is None:
        raise RunError("A recorded run has an arm without its number.", "Record it anew.")
    return value


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" (95 % interval {rounded(low, 2)} to {rounded(high, 2)})"


def _how_sure(students: Sequence[StudentReport]) -> str:
    """Behind the mean of several ratios of speeds: their intervals, or that there are none; and the load of others."""
    lows, highs = [row.speedup_low for row in students], [row.speedup_high for row in students]
    if None in lows or None in highs:
        return f"({units.ONE_TIMING}s)"
    load = units.others_load(max(row.busy_cores or 0.0 for row in students), most=True)
    span = f"95 % intervals from {rounded(min(map(_known, lows)), 2)} to {rounded(max(map(_known, highs)), 2)}"
    return f"({span}{f', {load}' if load else ''})"


def _beyond_chance(students: Sequence[StudentReport]) -> str:
    """Which of the left-out terms made a difference whose 95 % interval over seeds does not hold 0."""
    got = {(row.arm, row.seed): row.accuracy for row in students}
    sure = []
    for arm in ("no soft", "no hard", "no cosine"):
        interval = paired.over_seeds([got[arm, seed] - share for (one, seed), share in got.items() if one == "all"])
        if interval is not None and not interval[0] <= 0 <= interval[1]:
            sure.append(arm)
    return f"beyond chance: {', '.join(sure)}" if sure else "none beyond chance"


def _signed(points: float) -> str:
    shown = rounded(points)
    return shown if shown.startswith("−") else f"+{shown}"


Accuracies = dict[tuple[str, str, int], float]  # by student, arm and seed


def _means_of_families(got: Accuracies, arm: str) -> list[float]:
    students = {student for student, own, _ in got if own == arm}
    return [fmean(share for key, share in got.items() if key[:2] == (student, arm)) for student in students]


def _wins(got: Accuracies, better: str, worse: str) -> str:
    pairs = [(share, got[student, worse, seed]) for (student, arm, seed), share in got.items() if arm == better]
    return f"{sum(mine > theirs for mine, theirs in pairs)} of {len(pairs)}"


if __name__ == "__main__":
    sys.exit(main())
