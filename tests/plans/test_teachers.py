"""Who can teach, and how deep models are, without loading any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sample_training as sample
import transformers

from distill_core import families
from distill_core.model_ref import parse
from distill_core.models import loading, shapes, students
from distill_core.models.shapes import Shape
from distill_core.plans import teachers
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_a_finished_finetuning_teaches(store: RunStore) -> None:
    run = sample.finetune_run(store, arms=("pretrained", "scratch"))
    teacher = teachers.from_run(run)
    assert teacher is not None
    assert teacher.ref == f"run:{run.id}"
    assert teacher.label == "minilm on movies (000001)"
    assert teacher.layers == 6
    assert teacher.accuracy == pytest.approx(0.842)
    assert teacher.datasets == ("movies", "amazon", "nyt", "tweets", "sst2", "imdb")


@pytest.mark.parametrize("state", ["running", "failed", "lost"])
def test_an_unfinished_one_does_not(store: RunStore, state: str) -> None:
    assert teachers.from_run(sample.finetune_run(store, state=state)) is None


def test_nor_does_a_damaged_or_another_run(store: RunStore) -> None:
    assert teachers.from_run(sample.distill_run(store, "minilm")) is None
    run = sample.finetune_run(store)
    (run.path / "spec.json").write_text("{")
    assert teachers.from_run(run) is None


def test_public_teachers_know_their_depth() -> None:
    found = {teacher.ref: teacher for teacher in teachers.public()}
    assert found["bert@sst2"].layers == 12
    assert found["distilbert@sst2"].layers == 6
    assert "gpt@sst2" not in found  # no public checkpoint was found
    assert "t5@sst2" not in found  # it answers in text


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)
def test_official_shapes_are_those_of_the_config(family: families.Family, store: RunStore) -> None:
    from distill_core.models.loading import build_config

    config = build_config(family, family.official)
    shape = shapes.shape_of(parse(f"{family.key}@hub"), store)
    assert shape is not None
    assert shape.layers == students.n_layers(config)
    assert shape.width == config.hidden_size


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)
def test_the_shape_of_a_folder_is_read_from_its_config(family: families.Family, tmp_path: Path) -> None:
    from distill_core.models.loading import build_config

    config = build_config(family, family.mini)
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict(), default=str))
    assert shapes.shape_of(parse(f"path:{tmp_path}"), RunStore(tmp_path)) == Shape(1 if family.distilled else 2, 128)


def test_unknown_shapes_are_none(store: RunStore) -> None:
    assert shapes.shape_of(parse("hub:org/name"), store) is None
    assert shapes.shape_of(parse("run:000009-aaaaaa"), store) is None


@pytest.mark.parametrize(("teacher", "student"), [(12, 6), (6, 3), (6, 1), (12, 12), (7, 4)])
def test_the_form_shows_the_layers_that_the_job_copies(teacher: int, student: int) -> None:
    config = loading.build_config(families.get("bert"), {"num_hidden_layers": teacher})
    for layer_map in ("spread", "first", "last"):
        spec = DistillSpec.model_validate({"teacher": "minilm", "student_layers": student, "layer_map": layer_map})
        assert shapes.copied_layers(teacher, student, layer_map) == students.choose_layers(config, spec)
    assert shapes.copied_layers(teacher, student, "spread")[0] == 0
    assert shapes.copied_layers(teacher, student, "first") == tuple(range(student))
    assert shapes.copied_layers(teacher, student, "last")[-1] == teacher - 1


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)
def test_a_silent_config_means_what_transformers_takes(family: families.Family, tmp_path: Path) -> None:
    config = getattr(transformers, family.config_class)()
    folder = tmp_path / family.key
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": config.model_type}))
    expected = Shape(students.n_layers(config), students.width(config))
    assert shapes.shape_of(parse(f"path:{folder}"), RunStore(tmp_path)) == expected


def test_a_decoder_that_is_not_told_is_as_deep_as_its_encoder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5", "num_layers": 3}))
    assert shapes.shape_of(parse(f"path:{tmp_path}"), RunStore(tmp_path)) == Shape(3, 512)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "num_hidden_layers": "many"}))
    assert shapes.shape_of(parse(f"path:{tmp_path}"), RunStore(tmp_path)) is None


def test_a_deeper_student_copies_nothing() -> None:
    assert shapes.copied_layers(2, 3, "spread") == ()
