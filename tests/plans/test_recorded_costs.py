"""What a button announces, against what the recorded runs took on the machine that their env.json names.

The seconds of several recorded runs are not those of a quiet machine: other work went on beside them. The runs prove it
themselves, since the same training, with another seed or in another run, took a multiple of the time. What is compared
is therefore the model, with the pace that each run's own trainings tell; and the usual pace, with the runs that had the
machine about to themselves.
"""

from __future__ import annotations

from collections import defaultdict

import pytest

from distill_core import arms
from distill_core.model_ref import Ref
from distill_core.plans import cells, training_cost, transfer_cells
from distill_core.results import DistillResult, FinetuneResult
from distill_core.runs import run_list
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import DATA
from distill_core.specs import DistillSpec, FinetuneSpec, Spec, TrainSpec

RECORDED = DATA / "recorded"
QUIET = ("transfer-curves", "ten-students")
DISTURBED = (
    "transfer-unfreeze",
    "distill-few-labels",
    "finetune-movies",
    "transfer-domains",
    "distill-movies-three-seeds",
    "distill-ablation",
)


class Recorded(Run):
    """A recorded run. Its teacher, a fine-tuned MiniLM, is not shipped with it; the shape is that of MiniLM."""

    def spec(self) -> Spec:
        spec = super().spec()
        teacher = Ref("minilm", "minilm")
        return spec.model_copy(update={"teacher": teacher}) if isinstance(spec, DistillSpec) else spec


def announced(name: str, store: RunStore, *, own_pace: bool) -> float:
    """Announced seconds as a share of the seconds that it took."""
    run = Recorded(RECORDED / name)
    spec, took = run.spec(), run_list.duration_s(run)
    assert isinstance(spec, TrainSpec)
    assert took is not None
    return training_cost.seconds(spec, store, [run] if own_pace else []) / took


def same_trainings(name: str) -> dict[object, list[float]]:
    """Seconds of the trainings of a run that are the same work: the same arm and number of texts."""
    result, found = Recorded(RECORDED / name).result(), defaultdict(list)
    if isinstance(result, FinetuneResult):
        one_each = {(row.arm, row.train_examples, row.dataset, row.seed): row.train_s for row in result.arms}
        for (arm, n, _, _), took in one_each.items():
            found[arm, n].append(took)
    if isinstance(result, DistillResult):
        for row in result.students:
            found[row.arm].append(row.train_s)
    return found


@pytest.fixture(autouse=True)
def as_recorded(monkeypatch) -> None:
    """The fine-tunings were recorded before a network of random weights had steps of its own."""

    def epochs(spec: FinetuneSpec, arm: arms.FinetuneArm, n: int) -> int:
        least = 0 if arm.key == "scratch" else arm.least_steps
        return cells.epochs(spec.epochs, spec.batch_size, n, max(spec.min_steps, least))

    monkeypatch.setattr(transfer_cells, "epochs", epochs)


def test_no_recorded_fine_tuning_tells_the_steps_of_random_weights():
    """Where one does, `as_recorded` has to go."""
    for name in ("finetune-movies", "transfer-curves"):
        result = Recorded(RECORDED / name).result_as(FinetuneResult)
        assert {row.steps for row in result.arms if row.arm == "scratch"} == {None}


@pytest.fixture
def store(tmp_path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.mark.parametrize("name", [*QUIET, *DISTURBED])
def test_with_the_pace_of_its_own_trainings_the_model_says_what_a_run_took(store, name):
    assert 1 / 1.25 < announced(name, store, own_pace=True) < 1.25


@pytest.mark.parametrize("name", QUIET)
def test_the_usual_pace_is_that_of_the_machine_of_the_recorded_runs(store, name):
    assert 1 / 1.6 < announced(name, store, own_pace=False) < 1.6


def test_every_recorded_training_is_looked_at():
    kinds = {path.name: Run(path).spec() for path in RECORDED.iterdir() if path.is_dir()}
    trained = {name for name, spec in kinds.items() if isinstance(spec, TrainSpec)}
    assert trained == {*QUIET, *DISTURBED}


@pytest.mark.parametrize("name", ["transfer-domains", "distill-movies-three-seeds", "distill-ablation"])
def test_the_same_training_took_a_multiple_in_the_disturbed_runs(name):
    slowest = max(max(took) / min(took) for took in same_trainings(name).values() if min(took) > 10)
    assert slowest > 1.4


def test_the_same_training_took_four_times_as_long_in_the_first_fine_tuning():
    (first,) = same_trainings("finetune-movies")["pretrained", 4000]
    assert first > 3.5 * min(same_trainings("transfer-curves")["pretrained", 4000])


# Seconds of 96 steps each, the lower of two seeds, of the first recorded unfreezing: a quiet machine (2 cores of an
# AMD EPYC, MiniLM, 1,000 movie texts three times).
QUIET_DEPTHS = {"head": 12.4, "top1": 12.6, "top2": 16.2, "top4": 22.7, "pretrained": 29.9, "lora": 38.0}


@pytest.mark.parametrize("arm", QUIET_DEPTHS)
def test_each_depth_of_an_unfreezing_costs_what_it_took_beside_the_whole_network(arm):
    passes = arms.finetune(arm).passes_through(6)
    assert passes / 3 == pytest.approx(QUIET_DEPTHS[arm] / QUIET_DEPTHS["pretrained"], rel=0.25)
