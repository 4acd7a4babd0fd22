"""What a training will cost here: proportional to the work, judged by what this machine did before."""

from __future__ import annotations

from pathlib import Path

import pytest
import sample_students
import sample_training as sample

from distill_core.plans import training_cost, work
from distill_core.results import FinetuneResult
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec, FinetuneSpec, StudentsSpec, TrainSpec


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def trained(run: Run, seconds: float) -> Run:
    """Each arm of the fine-tuning has taken so long."""
    result = run.result()
    assert isinstance(result, FinetuneResult)
    rows = tuple(row.model_copy(update={"train_s": seconds}) for row in result.arms)
    run.set_result(result.model_copy(update={"arms": rows}))
    return run


def test_the_trainings_of_a_run_tell_the_pace_whatever_else_took_time(store: RunStore) -> None:
    """2,000 texts, two epochs, three passes through six layers, in 36 s; a bag of words, and random weights that do not
    tell their steps."""
    run = trained(sample.finetune_run(store, arms=("pretrained", "scratch", "bow")), 36)
    spec = run.spec()
    assert isinstance(spec, FinetuneSpec)
    assert training_cost.pace([run], store) == pytest.approx(2000)
    assert training_cost.seconds(spec, store, [run]) == pytest.approx(8 + work.work(spec, store) / 2000)
    run.set_state(ended_at="2030-01-01T00:00:00.000+00:00")  # paused for years
    assert training_cost.pace([run], store) == pytest.approx(2000)


def test_each_training_tells_once_whatever_it_was_tested_on(store: RunStore) -> None:
    run = trained(sample.finetune_run(store), 36)
    result = run.result()
    assert isinstance(result, FinetuneResult)
    (row,) = result.arms
    run.set_result(result.model_copy(update={"arms": (row, row.model_copy(update={"test_dataset": "amazon"}))}))
    assert training_cost.pace([run], store) == pytest.approx(2000)


def test_the_pace_of_students_and_of_ten_side_by_side(store: RunStore) -> None:
    teacher = sample.finetune_run(store)
    run = sample.distill_run(store, f"run:{teacher.id}", students=(sample.student(),), train_examples=1000)
    took = sample.student().train_s
    # three layers of the teacher's six, three passes, two epochs of 1,000 texts
    assert training_cost.pace([run], store) == pytest.approx(3 * 3 * 2000 / took)
    ten = sample_students.students_run(store)
    environment = ten.environment()
    assert environment is not None
    fast = training_cost.pace([ten], store)
    ten.set_environment(environment.model_copy(update={"threads": 2 * environment.threads}))
    assert training_cost.pace([ten], store) == pytest.approx(2 * fast)


def test_more_work_takes_longer(store: RunStore) -> None:
    base = FinetuneSpec(train_examples=1000, arms="pretrained")
    seconds = training_cost.seconds(base, store, [])
    for more in ({"epochs": 4}, {"train_examples": 4000}, {"arms": "pretrained,scratch"}, {"seeds": 2}):
        spec = FinetuneSpec.model_validate({**base.model_dump(), **more})
        assert training_cost.seconds(spec, store, []) > seconds, more


def test_a_shallow_student_is_cheaper_and_inner_losses_cost_the_teacher_again(store: RunStore) -> None:
    half = DistillSpec(teacher="minilm", student_layers=3)
    full = half.model_copy(update={"student_layers": 6})
    inner = half.model_copy(update={"hidden": 0.5})
    assert work.work(half, store) < training_cost.work(full, store)
    assert work.work(half, store) < training_cost.work(inner, store)


def test_an_arm_that_reads_labeled_texts_alone_costs_those_alone(store: RunStore) -> None:
    spec = DistillSpec(teacher="minilm", train_examples=1000, labeled_examples=40)  # read 15 times: 600 texts
    full = work.work(spec, store)
    for arm in ("labeled-only", "init-only"):
        fewer = work.work(spec.model_copy(update={"arms": (arm,)}), store)
        assert full - fewer == pytest.approx(3 * 3 * (2 * 1000 - 600)), arm  # three layers, three passes
    inner = spec.model_copy(update={"hidden": 1.0})
    fewer = work.work(inner.model_copy(update={"arms": ("labeled-only",)}), store)
    assert work.work(inner, store) - fewer == pytest.approx((3 * 3 + 6) * (2 * 1000 - 600))


def test_a_kind_without_a_rule_costs_one_training_of_a_usual_model(store: RunStore) -> None:
    class OtherSpec(TrainSpec):
        kind: str = "other"

    # 12 layers of width 768 are 48 of 384; 7,984 texts twice, eight looks at 300, 1,004.3 texts to test
    expected = 48 * (2 * 7984 * 3 + 8 * 300 + 1004.3)
    assert training_cost.work(OtherSpec(epochs=2), store) == pytest.approx(expected)


def test_a_bag_of_words_costs_nearly_nothing(store: RunStore) -> None:
    spec = FinetuneSpec(arms="bow")
    assert training_cost.seconds(spec, store, []) == pytest.approx(training_cost.START_S)


def test_a_bag_of_words_alone_tells_no_pace_however_long_it_took(store: RunStore) -> None:
    run = trained(sample.finetune_run(store, arms=("bow",)), 100)
    spec = run.spec()
    assert isinstance(spec, FinetuneSpec)
    assert training_cost.pace_of(run, store) is None
    assert training_cost.seconds(spec, store, [run]) == training_cost.seconds(spec, store, [])


def test_without_history_the_usual_pace_holds_and_short_runs_tell_nothing(store: RunStore) -> None:
    assert training_cost.pace([], store) == training_cost.USUAL_PACE
    short = trained(sample.finetune_run(store), 3)
    assert training_cost.pace([short], store) == training_cost.USUAL_PACE


def test_offered_sizes_fit_the_training_split() -> None:
    assert training_cost.offered_sizes("movies")[-1] == 4000  # 7,984 texts are for training
    assert training_cost.offered_sizes("amazon")[-1] == 2000
    assert training_cost.offered_sizes("file:/a.csv", 32) == (32,)
    assert training_cost.offered_sizes("file:/a.csv", 200) == (50, 100, 200)


@pytest.mark.parametrize(("arm", "passes"), [("top3", 2), ("pretrained", 3), ("top99", 3), ("lora", 3.6)])
def test_what_stands_still_costs_less(store: RunStore, arm: str, passes: float) -> None:
    # six layers; 2 epochs of 1,000 texts, 2 × 1,200 looks at the validation texts, 1,004.3 texts to test
    spec = FinetuneSpec(train_examples=1000, arms=arm)
    assert work.work(spec, store) == pytest.approx(6 * (2 * 1000 * passes + 2 * 1200 + 1004.3))


@pytest.mark.parametrize(("arm", "passes"), [("scratch", 3), ("head", 1)])
def test_fresh_weights_cost_the_steps_that_they_need(store: RunStore, arm: str, passes: float) -> None:
    # 32 steps a pass: 13 passes make 416; at most ten looks of 300 texts
    spec = FinetuneSpec(train_examples=1000, arms=arm)
    assert work.work(spec, store) == pytest.approx(6 * (13 * 1000 * passes + 10 * 300 + 1004.3))


def test_few_texts_cost_the_steps_that_are_made_at_least(store: RunStore) -> None:
    # 200 texts are seven steps a pass: nine passes make sixty steps; at most ten looks of 300 texts
    spec = FinetuneSpec(train_examples=200, arms="pretrained")
    assert work.work(spec, store) == pytest.approx(6 * (9 * 200 * 3 + 10 * 300 + 1004.3))
    assert work.work(spec.model_copy(update={"min_steps": 0}), store) == pytest.approx(
        6 * (2 * 200 * 3 + 8 * 300 + 1004.3)
    )


def test_a_matrix_costs_all_its_rows_and_adapting_costs_the_targets(store: RunStore) -> None:
    one = work.work(FinetuneSpec(train_examples=200, arms="pretrained"), store)
    matrix = FinetuneSpec(train_examples=200, arms="pretrained", domains="movies,amazon,nyt,tweets")
    assert work.work(matrix, store) > 3.5 * one
    adapted = matrix.model_copy(update={"arms": ("pretrained", "adapted"), "seeds": 2})
    again = matrix.model_copy(update={"arms": ("pretrained", "pretrained"), "seeds": 2})
    more = work.work(adapted, store) - training_cost.work(again, store)
    assert more == pytest.approx(6 * 4 * 4000 * 3.5)  # six layers, four domains, 4,000 texts each, once for all seeds
    whole = work.work(adapted.model_copy(update={"adapt_examples": 0}), store)
    assert whole - work.work(again, store) == pytest.approx(6 * 3.5 * 3 * (7984 + 2222 + 2234 + 2618))
    frozen = FinetuneSpec(train_examples=200, arms="frozen")
    assert work.work(frozen, store) < 0.3 * one


def test_ten_students_cost_their_teacher_and_every_cell(store: RunStore) -> None:
    """By hand: six layers read 7,984 texts to learn, of 10,043 a tenth to be tested."""
    spec = StudentsSpec(
        teacher="minilm", base="minilm", students="minilm", arms="labels,taught", labels=1000, epochs=1, label_epochs=2
    )
    teacher, labels, taught = 6 * (7984 + 1004), 6 * (3 * 2000 + 1004), 6 * (3 * 7984 + 1004)
    assert work.work(spec, store) == pytest.approx(teacher + labels + taught, rel=1e-6)
    made = spec.model_copy(update={"teacher": None, "teacher_epochs": 2})
    more = work.work(made, store) - training_cost.work(spec, store)
    assert more == pytest.approx(6 * (2 * 3 * 1000 + 2 * 1200))  # four looks at 300 validation texts an epoch


def test_ten_small_students_take_about_as_long_as_they_took_on_two_cores(store: RunStore) -> None:
    """Measured: 9.5 minutes."""
    assert training_cost.seconds(StudentsSpec(labels=1000), store, []) == pytest.approx(572, rel=0.1)


def test_two_stacks_cost_twice_as_much_as_one(store: RunStore) -> None:
    one = StudentsSpec(teacher="minilm", students="bert@hub", arms="taught")
    two = StudentsSpec(teacher="minilm", students="bart@hub", arms="taught")
    teacher = work.teacher_work(one, 7984, 1004, store)
    # BART has six layers in each of its stacks, BERT twelve in one
    assert work.work(two, store) - teacher == pytest.approx(training_cost.work(one, store) - teacher)


def test_a_training_that_has_read_other_texts_before_tells_no_pace(store: RunStore) -> None:
    """Its seconds hold the reading too, and its work does not."""
    run = trained(sample.finetune_run(store, arms=("pretrained",)), 36)
    told = training_cost.pace_of(run, store)
    assert told is not None
    result = run.result_as(FinetuneResult)
    assert result is not None
    adapted = result.arms[0].model_copy(update={"arm": "adapted", "train_s": 500.0})
    run.set_result(result.model_copy(update={"arms": (*result.arms, adapted)}))
    assert training_cost.pace_of(run, store) == told
    run.set_result(result.model_copy(update={"arms": (adapted,)}))
    assert training_cost.pace_of(run, store) is None
