"""What an ablation or a sweep recommends, and what a plan says about itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import sample_ablation as sample

from distill_core.errors import SpecError
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec
from distill_core.tables import experiment_plan, recipes
from distill_core.tables import sweep as tables_sweep


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "crafted")


def spec(**more: object) -> DistillSpec:
    return DistillSpec.model_validate({"teacher": "minilm", **more})


def test_an_ablation_recommends_its_full_recipe(store: RunStore) -> None:
    found = recipes.best(sample.ablation(store, temperature=3.0), "ingredients")
    assert found.words == "this recipe"
    assert found.values == {"temperature": 3.0, "soft": 0.5, "hard": 0.5, "cosine": 1.0, "student_layers": 3}


def test_a_map_recommends_its_best_cell(store: RunStore) -> None:
    found = recipes.best(sample.sample_run(store, sweep_temperatures=(1, 4), sweep_soft=(0.25, 0.75)), "weights")
    assert found.words == "τ = 4 and soft weight 0.75"
    assert (found.values["temperature"], found.values["soft"], found.values["hard"]) == (4.0, 0.75, 0.25)


def test_depths_recommend_the_shallowest_that_is_enough(store: RunStore) -> None:
    found = recipes.best(sample.sample_run(store, sweep_layers=(1, 3, 6)), "layers")
    assert (found.words, found.values["student_layers"]) == ("3 layers", 3)
    only = recipes.best(sample.sample_run(store, sweep_layers=(1, 3), done=1), "layers")
    assert only.words == "1 layer"
    assert recipes.best(sample.sample_run(store, sweep_layers=(1, 3), done=0), "layers").words == "this recipe"
    assert recipes.enough(tables_sweep.depth_frame(sample.sample_run(store, sweep_layers=(1, 3), done=0))) is None


def test_a_plan_in_sentences() -> None:
    assert experiment_plan.sentences(spec(ablation=True, cosine=1.0, seeds=3)) == [
        "15 students: 5 recipes × 3 seeds.",
        "All learn from one pass of the teacher.",
    ]
    assert experiment_plan.sentences(spec(sweep_temperatures=(1, 2), sweep_soft=(0, 0.5, 1)))[0] == (
        "6 students: 6 settings."
    )
    assert experiment_plan.sentences(spec(sweep_layers=(1, 2)))[0] == "2 students: 2 depths."
    inner = experiment_plan.sentences(spec(ablation=True, hidden=1.0))
    assert inner[1] == "Losses on inner states run the teacher beside the student."


def test_texts_without_a_label_are_counted() -> None:
    some = experiment_plan.sentences(spec(ablation=True, labeled_examples=200, train_examples=2000))
    assert some[-1] == "200 of 2,000 texts keep their label; 90 % teach through the teacher alone."
    unknown = experiment_plan.sentences(spec(ablation=True, labeled_examples=200, train_examples=0))
    assert unknown[-1] == "200 texts keep their label; the others teach through the teacher alone."


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"ablation": True, "hard": 0.0, "init": "random"}, "at least two ingredients"),
        ({"sweep_layers": (3,)}, "at least two values"),
    ],
)
def test_one_student_compares_nothing(values: dict[str, object], hint: str) -> None:
    with pytest.raises(SpecError, match="nothing to compare") as caught:
        experiment_plan.sentences(spec(**values))
    assert hint in caught.value.hint


def test_depths_that_a_form_proposes() -> None:
    assert experiment_plan.depths(6) == (1, 2, 3, 4, 5, 6)
    assert experiment_plan.depths(12) == (1, 3, 5, 8, 10, 12)
    assert experiment_plan.depths(1) == (1,)
